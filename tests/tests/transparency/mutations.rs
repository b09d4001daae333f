//! A published log is spoilt in every way that we can think of; the verifier finds it and names the first wrong entry.

use anyhow::{Context as _, Result, ensure};
use careplan_loadtest::published::{History, Shelf, Signer};
use careplan_protocol::event::Leaf;
use careplan_protocol::tlog::tile::append_entry;
use careplan_protocol::tlog::verify::{Fault, Known, Marks, Report, verify};
use careplan_protocol::tlog::{Checkpoint, Tile};
use careplan_tests::crash::chance::Chance;
use std::collections::BTreeMap;
use std::io::Write as _;

/// A right log, and what is known of it elsewhere.
struct Office {
    signer: Signer,
    history: History,
    shelf: Shelf,
    known: Known,
}

/// What a spoilt log should be found to be.
enum Wrong {
    /// This entry, exactly.
    Entry(u64),
    /// This entry, told by signed roots alone: it lies between the last that holds and the first that does not.
    Among(u64),
    /// No entry, but this file.
    File(String),
}

/// How many were found, and how exactly.
#[derive(Debug, Default)]
struct Tally {
    made: u32,
    exact: u32,
    among: u32,
    file: u32,
}

const SIZE: u64 = 1500;
const KEPT: u64 = 100;
const EACH: u64 = 40;

impl Office {
    fn new(size: u64) -> Result<Self> {
        let signer = Signer::new(3)?;
        let history = History::new(size)?.keep_every(KEPT);
        let known = Known { keys: vec![signer.public], ..Known::default() };
        let mut office = Self { signer, history, shelf: Shelf::default(), known };
        office.shelf = office.published(&office.history)?;
        Ok(office)
    }

    fn published(&self, history: &History) -> Result<Shelf> {
        let mut shelf = Shelf::default();
        self.signer.publish(history, &mut shelf)?;
        Ok(shelf)
    }

    /// The same history until an entry, and another one from there on.
    fn forked(&self, from: u64) -> History {
        let mut forked = self.history.clone();
        for entry in forked.entries.iter_mut().skip(from as usize) {
            // The last byte belongs to the commitment: still a right event, but another one.
            if let Some(last) = entry.last_mut() {
                *last ^= 1;
            }
        }
        forked
    }

    /// As a monitor has it that looked when the log was so large.
    fn seen(&self, size: u64) -> Known {
        let origin = self.signer.key(1).name;
        let seen = Checkpoint { origin, size, root: self.history.root(size) };
        Known { seen: vec![(seen, "a monitor".to_owned())], ..self.known.clone() }
    }
}

fn report(shelf: &Shelf, known: &Known) -> Result<Report> {
    Ok(verify(&mut shelf.clone(), known, &mut |_| {})?)
}

/// Holds what was found against what was spoilt.
fn judge(tally: &mut Tally, report: &Report, wrong: &Wrong) -> Result<()> {
    ensure!(!report.holds(), "nothing was found");
    tally.made += 1;
    let named = report.first_wrong(1).and_then(|finding| finding.span);
    match wrong {
        Wrong::Entry(entry) => {
            let span = named.with_context(|| format!("no entry named: {:?}", report.findings))?;
            ensure!((span.first, span.last) == (*entry, *entry), "{entry}, not {:?}", report.findings);
            tally.exact += 1;
        }
        Wrong::Among(entry) => {
            let span = named.with_context(|| format!("no entry named: {:?}", report.findings))?;
            ensure!((span.first..=span.last).contains(entry), "{entry}, not {:?}", report.findings);
            ensure!(span.last - span.first <= KEPT, "{span:?} is wide");
            if span.is_exact() { tally.exact += 1 } else { tally.among += 1 }
        }
        Wrong::File(path) => {
            ensure!(named.is_none(), "an entry named: {:?}", report.findings);
            let tells = report.findings.iter().any(|finding| finding.fault.to_string().contains(path.as_str()));
            ensure!(tells, "{path}, not {:?}", report.findings);
            tally.file += 1;
        }
    }
    Ok(())
}

type Spoil = fn(&Office, &mut Chance, &mut Shelf) -> Result<Wrong>;

#[test]
fn every_mutation_is_found_and_the_first_wrong_entry_named() -> Result<()> {
    let office = Office::new(SIZE)?;
    ensure!(report(&office.shelf, &office.known)?.holds(), "the right log holds");
    let mut tallies = BTreeMap::new();
    for (kind, (name, spoil)) in MUTATIONS.iter().enumerate() {
        let tally: &mut Tally = tallies.entry(*name).or_default();
        for round in 0..EACH {
            let mut chance = Chance::of(20_261_121 + kind as u64, round);
            let mut shelf = office.shelf.clone();
            let wrong = spoil(&office, &mut chance, &mut shelf)?;
            ensure!(shelf != office.shelf, "{name}: nothing was spoilt");
            let report = report(&shelf, &office.known)?;
            judge(tally, &report, &wrong).with_context(|| format!("{name}, round {round}"))?;
        }
    }
    let all: u32 = tallies.values().map(|tally| tally.made).sum();
    ensure!(all == MUTATIONS.len() as u32 * EACH as u32);
    let mut out = std::io::stdout().lock();
    for (name, Tally { made, exact, among, file }) in &tallies {
        writeln!(out, "{name}: {made} made and found; entry exactly {exact}, among {KEPT} {among}, file {file}")?;
    }
    writeln!(out, "together {all} made and found")?;
    Ok(())
}

const MUTATIONS: &[(&str, Spoil)] = &[
    ("a bit of an entry", |office, chance, shelf| {
        let number = chance.below(SIZE.div_ceil(256));
        let file = bundle(shelf, number)?;
        let at = chance.below(file.len() as u64) as usize;
        file[at] ^= 1 << chance.below(8);
        // Every entry begins with its length, two bytes.
        let mut end = 0;
        let lengths = office.history.entries.iter().skip(number as usize * 256).map(|entry| entry.len() + 2);
        let before = lengths
            .take_while(|length| {
                end += length;
                end <= at
            })
            .count();
        Ok(Wrong::Entry(number * 256 + before as u64))
    }),
    ("an entry removed", |office, chance, shelf| {
        let index = chance.below(SIZE);
        rewrite(shelf, index / 256, &office.history, |entries| drop(entries.remove((index % 256) as usize)))?;
        Ok(Wrong::Entry(index))
    }),
    ("an entry inserted", |office, chance, shelf| {
        let index = chance.below(SIZE);
        rewrite(shelf, index / 256, &office.history, |entries| {
            entries.insert((index % 256) as usize, b"anything".to_vec());
        })?;
        Ok(Wrong::Entry(index))
    }),
    ("two entries exchanged", |office, chance, shelf| {
        let number = chance.below(SIZE / 256);
        let first = chance.below(255);
        let second = first + 1 + chance.below(255 - first);
        rewrite(shelf, number, &office.history, |entries| entries.swap(first as usize, second as usize))?;
        Ok(Wrong::Entry(number * 256 + first))
    }),
    ("an entry removed, all others moved up", |office, chance, shelf| {
        let index = chance.below(SIZE);
        let mut entries = office.history.entries.clone();
        entries.remove(index as usize);
        for (number, entries) in entries.chunks(256).enumerate() {
            let file = bundle(shelf, number as u64)?;
            file.clear();
            entries.iter().for_each(|entry| assert!(append_entry(file, entry)));
        }
        Ok(Wrong::Entry(index))
    }),
    ("a bundle removed", |_, chance, shelf| {
        let number = chance.below(SIZE.div_ceil(256));
        let place = Tile::bundle(number, SIZE).context("a bundle")?;
        shelf.0.remove(&format!("1/{place}"));
        Ok(Wrong::Entry(number * 256))
    }),
    ("an entry and its tile", |office, chance, shelf| {
        let index = chance.below(SIZE);
        let forged = office.published(&altered(office, index))?;
        let (entries, tile) = places(index)?;
        for place in [entries, tile] {
            let path = format!("1/{place}");
            shelf.0.insert(path.clone(), forged.0[&path].clone());
        }
        Ok(Wrong::Among(index))
    }),
    ("an entry and every tile", |office, chance, shelf| {
        let index = chance.below(SIZE);
        let forged = office.published(&altered(office, index))?;
        shelf.0.extend(forged.0.into_iter().filter(|(path, _)| path.contains("tile/")));
        Ok(Wrong::Among(index))
    }),
    ("a bit of a tile", |_, chance, shelf| {
        let path = any(shelf, chance, |path| path.contains("tile/") && !path.contains("entries"))?;
        flip(shelf, chance, &path)?;
        Ok(Wrong::File(path[2..].to_owned()))
    }),
    ("a tile removed", |_, chance, shelf| {
        let path = any(shelf, chance, |path| path.contains("tile/") && !path.contains("entries"))?;
        shelf.0.remove(&path);
        Ok(Wrong::File(path[2..].to_owned()))
    }),
    ("a bit of a checkpoint", |_, chance, shelf| {
        let path = any(shelf, chance, |path| path.contains("checkpoint"))?;
        flip(shelf, chance, &path)?;
        Ok(Wrong::File(path[2..].to_owned()))
    }),
    ("a checkpoint in the place of another", |_, chance, shelf| {
        let (one, other) = (1 + chance.below(14), 1 + chance.below(14));
        let other = if one == other { 15 } else { other };
        let path = format!("checkpoints/{}", one * KEPT);
        let bytes = shelf.0[&format!("1/checkpoints/{}", other * KEPT)].clone();
        shelf.put(1, &path, bytes);
        Ok(Wrong::File(path))
    }),
    ("the published checkpoint rolled back", |_, chance, shelf| {
        let size = (1 + chance.below(14)) * KEPT;
        let bytes = shelf.0[&format!("1/checkpoints/{size}")].clone();
        shelf.put(1, "checkpoint", bytes);
        // What was signed for more is the first that is missing.
        shelf.0.retain(|path, _| !path.starts_with("1/checkpoints/") || path.ends_with(&format!("/{}", size + KEPT)));
        Ok(Wrong::Among(size))
    }),
    ("a checkpoint signed for another history", |office, chance, shelf| {
        let size = (1 + chance.below(15)) * KEPT;
        let index = size - 1 - chance.below(KEPT);
        let root = altered(office, index).root(size);
        shelf.put(1, &format!("checkpoints/{size}"), office.signer.sign(1, size, root)?);
        Ok(Wrong::Among(index))
    }),
    ("a fork, not signed", |office, chance, shelf| {
        let from = chance.below(SIZE);
        let forged = office.published(&office.forked(from))?;
        shelf.0.extend(forged.0.into_iter().filter(|(path, _)| path.contains("tile/")));
        Ok(Wrong::Among(from))
    }),
    ("a fork, its end signed with the right key", |office, chance, shelf| {
        let from = chance.below(SIZE - KEPT);
        let forged = office.published(&office.forked(from))?;
        shelf.0.extend(forged.0.into_iter().filter(|(path, _)| !path.contains("checkpoints/")));
        Ok(Wrong::Among(from))
    }),
    ("an event with another number, all signed", |office, chance, shelf| {
        let index = 1 + chance.below(SIZE - 1);
        *shelf = office.published(&said(office, index, |leaf| leaf.position += 1)?)?;
        Ok(Wrong::Entry(index))
    }),
    ("an event older than the one before, all signed", |office, chance, shelf| {
        let index = 1 + chance.below(SIZE - 1);
        let hour = jiff::SignedDuration::from_hours(1);
        *shelf = office.published(&said(office, index, |leaf| leaf.at -= hour)?)?;
        Ok(Wrong::Entry(index))
    }),
    ("an event of another epoch, all signed", |office, chance, shelf| {
        let index = 1 + chance.below(SIZE - 1);
        *shelf = office.published(&said(office, index, |leaf| leaf.epoch += 1)?)?;
        Ok(Wrong::Entry(index))
    }),
    ("a bit of a partial tile that was left", |office, chance, shelf| {
        let width = 1 + chance.below(200);
        let kind = if chance.below(2) == 0 { "tile/0/000" } else { "tile/entries/000" };
        let path = format!("{kind}.p/{width}");
        let begun = History { entries: office.history.entries[..width as usize].to_vec(), ..office.history.clone() };
        let mut bytes = office.published(&begun)?.0[&format!("1/{path}")].clone();
        let at = chance.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1 << chance.below(8);
        shelf.put(1, &path, bytes);
        Ok(Wrong::File(path))
    }),
];

#[test]
fn a_history_signed_anew_throughout_is_found_by_what_others_saw() -> Result<()> {
    let office = Office::new(SIZE)?;
    for round in 0..EACH {
        let mut chance = Chance::of(5, round);
        let from = chance.below(SIZE - 1);
        let forged = office.published(&office.forked(from))?;
        ensure!(report(&forged, &office.known)?.holds(), "by itself the forged log is whole");
        let size = from + 1 + chance.below(SIZE - from);
        let report = report(&forged, &office.seen(size))?;
        let span = report.first_wrong(1).and_then(|finding| finding.span).context("a finding")?;
        ensure!((span.first..=span.last).contains(&from), "{from}, not {span:?}");
    }
    Ok(())
}

#[test]
fn a_rollback_to_a_backup_is_found_also_after_the_log_grew_again() -> Result<()> {
    let office = Office::new(SIZE)?;
    for round in 0..EACH {
        let mut chance = Chance::of(6, round);
        let backup = 1 + chance.below(SIZE - 2);
        let mut rolled = office.history.clone();
        rolled.entries.truncate(backup as usize);
        let shelf = office.published(&rolled)?;
        ensure!(report(&shelf, &office.known)?.holds(), "by itself the backup is whole");
        let known = office.seen(SIZE);
        let found = report(&shelf, &known)?;
        let back = Fault::RolledBack { size: backup, known: SIZE, seen: "a monitor".to_owned() };
        ensure!(found.findings.len() == 1 && found.findings[0].fault == back, "{:?}", found.findings);
        ensure!(found.findings[0].span.is_some_and(|span| span.first == backup));
        // It grew again past what had been seen, with other events.
        let regrown = office.published(&office.forked(backup))?;
        let found = report(&regrown, &known)?;
        let span = found.first_wrong(1).and_then(|finding| finding.span).context("a finding")?;
        ensure!((span.first..=span.last).contains(&backup), "{backup}, not {span:?}");
    }
    Ok(())
}

#[test]
fn a_run_goes_on_where_the_one_before_ended_and_still_finds_what_was_changed_behind_it() -> Result<()> {
    let office = Office::new(SIZE)?;
    let mut begun = office.history.clone();
    begun.entries.truncate(1100);
    begun.kept.retain(|size| *size <= 1100);
    let mut known = office.known.clone();
    let marks = |shelf: &Shelf, known: &Known| -> Result<(Report, Marks)> {
        let mut marks = Marks::default();
        let report = verify(&mut shelf.clone(), known, &mut |step| {
            step.mark.into_iter().for_each(|mark| marks.keep(mark.clone()));
        })?;
        Ok((report, marks))
    };
    let (first, kept) = marks(&office.published(&begun)?, &known)?;
    ensure!(first.holds() && first.epochs[0].before == 0);
    // What is kept between runs is JSON.
    known.marks = serde_json::from_str(&serde_json::to_string(&kept)?)?;
    let (second, kept) = marks(&office.shelf, &known)?;
    ensure!(second.holds() && second.epochs[0].before == 1024, "{second:?}");
    let (third, _) = marks(&office.shelf, &Known { marks: kept, ..known.clone() })?;
    ensure!(third.holds() && third.epochs[0].before == 1280, "{third:?}");
    for from in [3, 500, 1023, 1024, 1200] {
        let (found, _) = marks(&office.published(&office.forked(from))?, &known)?;
        // At 1024 entries the earlier run ended: what was changed behind that is right as far as it can know.
        ensure!(found.holds() == (from >= 1024), "{from}: {:?}", found.findings);
        let span = found.first_wrong(1).and_then(|finding| finding.span);
        ensure!(span.is_none_or(|span| (span.first..=span.last).contains(&from)), "{from}, not {span:?}");
    }
    Ok(())
}

#[test]
fn tiles_of_the_second_level_are_held_against_the_entries_too() -> Result<()> {
    let office = Office::new(66_000)?;
    ensure!(report(&office.shelf, &office.known)?.holds());
    for path in ["tile/1/000", "tile/2/000.p/1", "tile/1/001.p/1"] {
        let mut shelf = office.shelf.clone();
        flip(&mut shelf, &mut Chance::new(9), &format!("1/{path}"))?;
        judge(&mut Tally::default(), &report(&shelf, &office.known)?, &Wrong::File(path.to_owned()))?;
    }
    let mut shelf = office.shelf.clone();
    flip(&mut shelf, &mut Chance::new(9), "1/tile/entries/257.p/208")?;
    ensure!(
        report(&shelf, &office.known)?
            .first_wrong(1)
            .and_then(|finding| finding.span)
            .is_some_and(|span| span.is_exact())
    );
    Ok(())
}

/// The same history with one entry changed.
fn altered(office: &Office, index: u64) -> History {
    let mut altered = office.history.clone();
    if let Some(last) = altered.entries[index as usize].last_mut() {
        *last ^= 1;
    }
    altered
}

/// The same history with one event that says something else.
fn said(office: &Office, index: u64, say: impl FnOnce(&mut Leaf)) -> Result<History> {
    let mut history = office.history.clone();
    let entry = &mut history.entries[index as usize];
    let mut leaf: Leaf = minicbor::decode(entry)?;
    say(&mut leaf);
    *entry = minicbor::to_vec(&leaf)?;
    Ok(history)
}

fn places(index: u64) -> Result<(Tile, Tile)> {
    let entries = Tile::bundle(index / 256, SIZE).context("a bundle")?;
    Ok((entries, Tile::of(0, index / 256, SIZE).context("a tile")?))
}

fn bundle(shelf: &mut Shelf, number: u64) -> Result<&mut Vec<u8>> {
    let place = Tile::bundle(number, SIZE).context("a bundle")?;
    shelf.0.get_mut(&format!("1/{place}")).context("its file")
}

/// Writes a bundle anew with other entries.
fn rewrite(shelf: &mut Shelf, number: u64, history: &History, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Result<()> {
    let mut entries = history.entries.chunks(256).nth(number as usize).context("a bundle")?.to_vec();
    change(&mut entries);
    let file = bundle(shelf, number)?;
    file.clear();
    entries.iter().for_each(|entry| assert!(append_entry(file, entry)));
    Ok(())
}

fn any(shelf: &Shelf, chance: &mut Chance, takes: impl Fn(&str) -> bool) -> Result<String> {
    let paths: Vec<&String> = shelf.0.keys().filter(|path| takes(path)).collect();
    Ok(paths[chance.below(paths.len() as u64) as usize].clone())
}

fn flip(shelf: &mut Shelf, chance: &mut Chance, path: &str) -> Result<()> {
    let bytes = shelf.0.get_mut(path).context("a file")?;
    let at = chance.below(bytes.len() as u64) as usize;
    bytes[at] ^= 1 << chance.below(8);
    Ok(())
}
