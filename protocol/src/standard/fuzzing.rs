//! What must hold for any bytes at all, for the fuzz targets in `fuzz/` and, as a short run, for the tests.

use super::reader::{Broken, Event, LineEnds, MAX_RECORD, Reader, Record};
use super::{Checker, Context, KnownOffices, Report, StandardName, Unit, group};

/// File names, one a line: reading one never fails otherwise than with its error, and what was read stays the same.
pub fn name(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut names = Vec::new();
    for line in text.lines() {
        let Ok(Some(name)) = StandardName::parse(line) else { continue };
        // Case of prefix and extension does not count; the rest is letters and digits that a name may have anyway.
        let upper = StandardName::parse(&line.to_ascii_uppercase());
        assert_eq!(upper.as_ref(), Ok(&Some(name.clone())), "{line}");
        assert!(line.contains(&name.stamp.to_string()) && line.contains(&name.from.office.to_string()), "{line}");
        names.push(name);
    }
    let units = group(names.clone(), |name| name);
    assert_eq!(units.iter().map(|(_, members)| members.len()).sum::<usize>(), names.len());
    for (key, members) in units {
        if let Ok(unit) = Unit::of(&members) {
            assert_eq!(unit.map(|unit| unit.key), Some(key));
        }
    }
}

/// Records: the first byte says in what pieces the rest comes. Pieces do not matter, every field lies within its record,
/// what is said to be the same as in the record before is the same, and where nothing is wrong the `csv` crate reads the
/// same.
pub fn reader(data: &[u8]) {
    let Some((piece, text)) = data.split_first() else { return };
    let whole = records(text, text.len().max(1));
    assert_eq!(records(text, usize::from(*piece) + 1), whole);
    let (rows, broken, _) = whole;
    // Where readers may differ: faults, the DOS end-of-file mark, carriage returns alone, and a record of one bare nothing.
    let alone = text.iter().enumerate().any(|(at, byte)| *byte == b'\r' && text.get(at + 1) != Some(&b'\n'));
    if broken.is_some() || alone || text.contains(&0x1a) {
        return;
    }
    let mut other = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    let read: Vec<Vec<Vec<u8>>> =
        other.byte_records().map_while(Result::ok).map(|row| row.iter().map(<[u8]>::to_vec).collect()).collect();
    // The other one takes a byte order mark away.
    assert!(read == rows || text.starts_with(b"\xef\xbb\xbf"), "{read:?}\n{rows:?}");
}

/// Files of one send: the first byte says in what pieces they come, then each stands behind a zero byte with its name on
/// its first line. The report does not depend on the pieces and tells no more than it may. In pieces of one byte nothing is
/// taken over from the record before: everything is looked at.
pub fn checker(data: &[u8]) {
    let Some((piece, files)) = data.split_first() else { return };
    let files: Vec<(String, &[u8])> = files.split(|byte| *byte == 0).map(named).collect();
    let whole = check(&files, usize::MAX);
    for piece in [usize::from(*piece) + 1, 1] {
        assert_eq!(check(&files, piece), whole);
    }
    assert!(whole.findings.iter().all(|finding| files.iter().any(|(name, _)| *name == finding.file)));
    assert!(whole.findings.iter().all(|finding| !finding.message_ja.is_empty() && !finding.message_en.is_empty()));
}

type Records = (Vec<Vec<Vec<u8>>>, Option<Broken>, LineEnds);

fn records(text: &[u8], piece: usize) -> Records {
    let (mut rows, mut broken) = (Vec::new(), None);
    let mut before: Vec<Vec<u8>> = Vec::new();
    let mut tell = |event: Event<'_>| match event {
        Event::Record(record) => {
            let follows = Record { follows: true, ..record };
            let values = (0..record.fields.len()).map(|index| record.value(index).to_vec()).collect();
            let before = std::mem::replace(&mut before, values);
            for index in (0..record.fields.len()).filter(|index| follows.is_known(*index)) {
                assert_eq!(before.get(index).map(Vec::as_slice), Some(record.value(index)));
            }
            assert!(broken.is_none() && record.bytes.len() <= MAX_RECORD * 2);
            assert_eq!(record.number, rows.len() as u64 + 1);
            assert!(record.fields.iter().all(|field| field.start <= field.end && field.end <= record.bytes.len()));
            let field = |index: usize| match record.fields[index].doubled {
                true => undoubled(record.value(index)),
                false => record.value(index).to_vec(),
            };
            rows.push((0..record.fields.len()).map(field).collect());
        }
        Event::Broken(why, at, record) => {
            assert!(at <= record.bytes.len().max(at.min(MAX_RECORD * 2)));
            record.place(at);
            broken = Some(why);
        }
    };
    let mut reader = Reader::default();
    text.chunks(piece).for_each(|piece| reader.feed(piece, &mut tell));
    let ends = reader.finish(&mut tell);
    (rows, broken, ends)
}

fn undoubled(value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut quote = false;
    for byte in value {
        quote = *byte == b'"' && !quote;
        if !quote {
            bytes.push(*byte);
        }
    }
    bytes
}

fn named(file: &[u8]) -> (String, &[u8]) {
    let end = file.iter().position(|byte| *byte == b'\n').unwrap_or(file.len());
    let name = String::from_utf8_lossy(file.get(..end).unwrap_or_default()).into_owned();
    (name, file.get(end + 1..).unwrap_or_default())
}

fn check(files: &[(String, &[u8])], piece: usize) -> Report {
    let mut offices = KnownOffices::default();
    for (number, service_type) in
        [("1379999012", "43"), ("1379999020", "11"), ("1379999038", "15"), ("1379999038", "17")]
    {
        if let Ok(number) = number.parse() {
            offices.add(number, service_type.parse().ok());
        }
    }
    let context = Context { acting: "1379999012-43".parse().ok(), offices: Some(offices), ..Context::default() };
    let mut checker = Checker::new(context);
    for (name, bytes) in files {
        let mut file = checker.file(name, name);
        bytes.chunks(piece.min(bytes.len()).max(1)).for_each(|piece| file.feed(piece));
        checker.add(file.finish());
    }
    checker.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Path;

    /// The units of the samples as the checker's target takes them.
    fn seeds() -> Vec<Vec<u8>> {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/samples");
        let mut seeds = Vec::new();
        for folder in ["good", "bad"] {
            let mut units: Vec<_> =
                std::fs::read_dir(samples.join(folder)).unwrap().map(|unit| unit.unwrap().path()).collect();
            units.sort();
            for unit in units.into_iter().filter(|unit| unit.is_dir()) {
                let mut seed = vec![100];
                for (index, file) in std::fs::read_dir(unit).unwrap().enumerate() {
                    let file = file.unwrap();
                    seed.extend((index > 0).then_some(0));
                    seed.extend(file.file_name().to_str().unwrap().bytes().chain(*b"\n"));
                    seed.extend(std::fs::read(file.path()).unwrap());
                }
                seeds.push(seed);
            }
        }
        seeds
    }

    /// Writes the seeds where `fuzz/run` wants them.
    #[test]
    fn the_targets_hold_for_their_seeds() {
        let folder = std::env::var_os("CAREPLAN_FUZZ_SEEDS");
        for (index, seed) in seeds().iter().enumerate() {
            for (target, of) in [("name", name as fn(&[u8])), ("reader", reader), ("checker", checker)] {
                of(seed);
                if let Some(folder) = &folder {
                    let folder = Path::new(folder).join(target);
                    std::fs::create_dir_all(&folder).unwrap();
                    std::fs::write(folder.join(format!("sample-{index:02}")), seed).unwrap();
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

        #[test]
        fn the_targets_hold_for_mutated_seeds(
            which in any::<prop::sample::Index>(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 0..20),
        ) {
            let seeds = seeds();
            let mut bytes = which.get(&seeds).clone();
            for (at, byte, how) in changes {
                let at = at.index(bytes.len());
                match how {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    2 if bytes.len() > 1 => { bytes.remove(at); }
                    _ => bytes[at] = b"\",\r\n\x81\xf0\0\x1a"[usize::from(byte) % 8],
                }
            }
            name(&bytes);
            reader(&bytes);
            checker(&bytes);
        }

        #[test]
        fn the_targets_hold_for_any_bytes(bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"\",\r\n01_a".to_vec())], 0..300)) {
            name(&bytes);
            reader(&bytes);
            checker(&bytes);
        }
    }
}
