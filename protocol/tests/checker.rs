//! The checker against the samples: every good unit passes, every bad one gives the finding that is expected and no other
//! error; and whatever happens to a file, the checker ends and says something sensible.

#![expect(clippy::expect_used, reason = "a test may stop where it stands")]

use careplan_protocol::office::Address;
use careplan_protocol::standard::{Checker, Context, Finding, KnownOffices, Report, Rule, Severity};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/samples")
}

fn offices() -> KnownOffices {
    let mut offices = KnownOffices::default();
    let mut table = csv::Reader::from_path(samples().join("offices.csv")).expect("offices");
    for row in table.records() {
        let row = row.expect("a row");
        offices.add(row[0].parse().expect("an office"), row[1].parse().ok());
    }
    offices
}

fn context(acting: &str) -> Context {
    Context { acting: Some(acting.parse().expect("an address")), offices: Some(offices()), ..Context::default() }
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry"))
        .map(|entry| (entry.file_name().into_string().expect("a name"), std::fs::read(entry.path()).expect("a file")))
        .collect();
    files.sort();
    files
}

fn check(context: Context, files: &[(String, Vec<u8>)], piece: usize) -> Report {
    let mut checker = Checker::new(context);
    for (name, bytes) in files {
        let mut file = checker.file(name, name);
        bytes.chunks(piece).for_each(|piece| file.feed(piece));
        checker.add(file.finish());
    }
    checker.finish()
}

fn folders(of: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(samples().join(of)).expect("samples");
    let mut folders: Vec<PathBuf> =
        entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// The sender as the first file of a folder names it.
fn sender(files: &[(String, Vec<u8>)]) -> String {
    let name = careplan_protocol::standard::StandardName::parse(&files[0].0).expect("a name").expect("standard");
    name.from.to_string()
}

fn told(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|f| format!("{} {} {:?} {:?}: {}", f.file, f.rule, f.severity, f.place, f.message_en)).collect()
}

#[test]
fn every_good_unit_passes_without_a_finding() {
    let units = folders("good");
    assert_eq!(units.len(), 14);
    for unit in units {
        let files = files(&unit);
        for piece in [1, 7, 1 << 20] {
            let report = check(context(&sender(&files)), &files, piece);
            assert!(report.findings.is_empty(), "{}: {:#?}", unit.display(), told(&report.findings));
        }
    }
}

#[test]
fn every_bad_sample_gives_the_finding_expected_and_no_other_error() {
    let mut table = csv::Reader::from_path(samples().join("bad/EXPECTED.csv")).expect("the list");
    let mut rows = 0;
    for row in table.records() {
        let row = row.expect("a row");
        let (folder, file) = row[0].split_once('/').expect("a folder");
        let files = files(&samples().join("bad").join(folder));
        let report = check(context(&format!("{}-{}", &row[4], &row[5])), &files, 1000);
        let expected = if &row[2] == "error" { Severity::Error } else { Severity::Warning };
        let told = told(&report.findings);
        let found: BTreeSet<(&str, Severity)> = report.findings.iter().map(|f| (f.rule.id(), f.severity)).collect();
        assert_eq!(found, BTreeSet::from([(&row[3], expected)]), "{folder}: {told:#?}");
        // Two values are wrong in one sample; everything else is one fault and told once.
        assert_eq!(report.findings.len(), if folder == "27-bad-values" { 2 } else { 1 }, "{told:#?}");
        assert!(file.is_empty() || file.contains("UPPLAN") || report.findings[0].file == file, "{told:#?}");
        rows += 1;
    }
    assert_eq!(rows, 19);
}

#[test]
fn findings_say_where_they_stand() {
    let files = files(&samples().join("bad/27-bad-values"));
    let report = check(context("1379999020-11"), &files, 1000);
    let places: Vec<_> =
        report.findings.iter().map(|f| (f.place.row, f.place.line, f.place.column, f.place.item)).collect();
    assert_eq!(places, [(Some(1), Some(1), Some(67), Some(10)), (Some(1), Some(1), Some(77), Some(12))]);
}

#[test]
fn strict_turns_warnings_into_errors() {
    let files = files(&samples().join("bad/21-lf-only"));
    assert!(!check(context("1379999020-11"), &files, 1000).has_errors());
    assert!(check(Context { strict: true, ..context("1379999020-11") }, &files, 1000).has_errors());
}

/// One result file with its bytes changed.
fn changed(change: impl Fn(&str) -> String) -> Vec<Finding> {
    let mut files = files(&samples().join("good/08-result-a11"));
    let (text, _, _) = encoding_rs::SHIFT_JIS.decode(&files[0].1);
    let changed = change(&text);
    files[0].1 = encoding_rs::SHIFT_JIS.encode(&changed).0.into_owned();
    check(context("1379999020-11"), &files, 1000).findings
}

fn rules(findings: &[Finding]) -> Vec<Rule> {
    findings.iter().map(|finding| finding.rule).collect()
}

/// The files of a good unit, with a part of their names exchanged.
fn renamed(unit: &str, old: &str, new: &str) -> Vec<(String, Vec<u8>)> {
    let rename = |(name, bytes): (String, Vec<u8>)| (name.replace(old, new), bytes);
    files(&samples().join("good").join(unit)).into_iter().map(rename).collect()
}

#[test]
fn swapped_types_are_no_way_around_the_rules_of_units() {
    let swapped = renamed("04-month-a11", "1379999012_43_1379999020_11", "1379999012_11_1379999020_43");
    assert_eq!(rules(&check(context("1379999012-43"), &swapped, 1000).findings), [Rule::Sender], "a whole unit is one");
    let alone: Vec<_> = swapped.into_iter().filter(|(name, _)| name.starts_with("UPPLAN")).collect();
    let report = check(context("1379999012-43"), &alone, 1000);
    assert!(report.has_errors(), "{:?}", told(&report.findings));
    assert_eq!(rules(&report.findings), [Rule::Sender, Rule::Unit]);

    // Sent to an office at which none of these persons has a service.
    let astray = |from: &str, to: &str| {
        let names = format!("1379999012_{from}_1369999048_{to}");
        let files = renamed("04-month-a11", "1379999012_43_1379999020_11", &names);
        let findings = check(context("1379999012-43"), &files, 1000).findings;
        findings.into_iter().filter(|finding| finding.rule == Rule::Unrelated).count()
    };
    assert!(astray("43", "13") > 0);
    assert_eq!(astray("13", "43"), astray("43", "13"));
}

#[test]
fn a_plan_of_3_2_under_names_of_4_1_is_whole_without_up3kyo() {
    let mut files: Vec<_> =
        renamed("01-plan-a11", "", "").into_iter().filter(|(name, _)| !name.starts_with("UP3KYO")).collect();
    let current = check(context("1379999012-43"), &files, 1000);
    assert_eq!(rules(&current.findings), [Rule::Unit], "in 4.1 it is missing");
    for (_, bytes) in &mut files {
        let (text, _, _) = encoding_rs::SHIFT_JIS.decode(bytes);
        let old = text.replace("202407,", "202208,");
        *bytes = encoding_rs::SHIFT_JIS.encode(&old).0.into_owned();
    }
    let report = check(context("1379999012-43"), &files, 1000);
    assert!(!report.has_errors(), "{:?}", told(&report.findings));
    assert_eq!(rules(&report.findings), [Rule::Name], "the names are not those of 3.2");
}

#[test]
fn numbers_that_lost_their_zeros_are_told_once_in_a_file() {
    let (insurer, insured) = (",139998,", ",9923120276,");
    assert!(changed(|text| text.replace(insurer, ",013999,").replace(insured, ",0012345678,")).is_empty());
    let found = changed(|text| text.replace(insurer, ",13999,").replace(insured, ",12345678,"));
    let warned: Vec<_> = found.iter().map(|found| (found.rule, found.severity, found.place.item)).collect();
    let short = |item| (Rule::Value, Severity::Warning, Some(item));
    assert_eq!(warned, [short(2), short(3)], "{:?}", told(&found));
    assert!(found[0].message_ja.contains("先頭の0"), "{:?}", found[0].message_ja);
}

#[test]
fn a_wrong_name_is_told_with_what_to_do() {
    for name in [
        "UPJSK.CSV",
        "UPJSK_202613_1379999020_11_1379999012_43_20261106100011.CSV",
        "UPJSK_202610_1379999020_11_1379999012_4_20261106100011.CSV",
        "UPJSK_202610_1379999020_11_1379999012_43_2026.CSV",
        "UPKIHON_IMAGE_1309900064_46_13A9999056_A2_20260915093001.jpg",
        "UPKIHON_IMAGE_1309900064_46_13A9999056_A2_20260915093001_0001.CSV",
    ] {
        let found = check(Context::default(), &[(name.to_owned(), b"x".to_vec())], 1).findings;
        assert_eq!(rules(&found), [Rule::Name], "{name}");
        assert!(found[0].message_ja.ends_with("出力し直すか、ファイル名を直してください"), "{}", found[0].message_ja);
    }
}

#[test]
fn a_stamp_begins_with_a_day_that_exists() {
    for (stamp, holds) in [
        ("99999999999999", false),
        ("00000000000001", false),
        ("20260230100014", false),
        ("21990101000000", false),
        ("20240229235959", true),
        // Counted up within a second, or numbered within the day.
        ("20261106100060", true),
        ("20261106000000", true),
        ("20261106999999", true),
    ] {
        let report = check(context("1379999020-11"), &renamed("08-result-a11", "20261102170001", stamp), 1000);
        let expected: &[Rule] = if holds { &[] } else { &[Rule::Name] };
        assert_eq!((rules(&report.findings).as_slice(), report.has_errors()), (expected, !holds), "{stamp}");
    }
}

#[test]
fn versions_are_known_mixed_withdrawn_or_slips() {
    let of = |number: &str| changed(|text| text.replace("202407,", &format!("{number},")));
    assert_eq!(rules(&of("202504")), [Rule::Version]);
    assert_eq!(rules(&of("209901")), [Rule::Version]);
    let slip = of("202404");
    assert_eq!((rules(&slip), slip[0].severity), (vec![Rule::Version], Severity::Warning));
    let mixed = changed(|text| text.replacen("202407,139998,9923120276", "202208,139998,9923120276", 2));
    assert_eq!((rules(&mixed), mixed[0].message_en.contains("2 records")), (vec![Rule::Version], true));
}

#[test]
fn a_header_an_empty_line_and_a_missing_end_are_warnings() {
    let header = changed(|text| format!("CSVバージョン,保険者番号\r\n{text}"));
    assert_eq!((rules(&header), header[0].severity), (vec![Rule::Header], Severity::Warning));
    assert_eq!(rules(&changed(|text| format!("{text}\r\n"))), [Rule::Newline]);
    assert_eq!(rules(&changed(|text| text.trim_end().to_owned())), [Rule::Newline]);
    assert_eq!(rules(&changed(|_| "\r\n\r\n".to_owned())), [Rule::Empty]);
    // The end-of-file mark of DOS behind a last line that has its end.
    assert_eq!(rules(&changed(|text| format!("{text}\u{1a}"))), []);
}

#[test]
fn results_of_another_office_are_told() {
    let foreign = changed(|text| text.replacen(",1379999020,\"", ",1369999048,\"", 3));
    assert_eq!((rules(&foreign), foreign[0].severity), (vec![Rule::Owner], Severity::Warning));
    assert!(foreign[0].message_en.contains("3 records"));
}

#[test]
fn two_months_in_one_file_are_told_once() {
    let two = changed(|text| text.replacen(",202610,", ",202611,", 2));
    assert_eq!(rules(&two), [Rule::Month]);
    assert!(two[0].message_en.contains("2 records") && two[0].place.row == Some(1));
}

#[test]
fn form_7_is_held_against_form_6_and_persons_against_the_receiver() {
    let mut unit = files(&samples().join("good/04-month-a11"));
    let seven = unit.iter_mut().find(|(name, _)| name.starts_with("UPSIKYU")).expect("form 7");
    let text = encoding_rs::SHIFT_JIS.decode(&seven.1).0.replacen(",244,,,13,", ",244,,,12,", 1);
    seven.1 = encoding_rs::SHIFT_JIS.encode(&text).0.into_owned();
    let findings = check(context("1379999012-43"), &unit, 1000).findings;
    assert_eq!((rules(&findings), findings[0].severity), (vec![Rule::Form7], Severity::Warning));
    // The plans of three persons under the name of a desk that serves two of them.
    let wrong: Vec<(String, Vec<u8>)> = files(&samples().join("good/05-month-b15"))
        .into_iter()
        .map(|(name, bytes)| (name.replace("_15_", "_17_"), bytes))
        .collect();
    let findings = check(context("1379999012-43"), &wrong, 1000).findings;
    assert_eq!(rules(&findings), [Rule::Unrelated]);
}

#[test]
fn rows_with_the_same_numbers_are_told() {
    let mut unit = files(&samples().join("good/01-plan-a11"));
    let second = &mut unit.iter_mut().find(|(name, _)| name.starts_with("UP2KYO")).expect("form 2").1;
    let first_line = second.split_inclusive(|byte| *byte == b'\n').next().expect("a line").to_vec();
    second.extend(first_line);
    assert_eq!(rules(&check(context("1379999012-43"), &unit, 1000).findings), [Rule::Duplicate]);
}

#[test]
fn recipients_and_offices_are_held_against_the_name() {
    let unit = files(&samples().join("good/08-result-a11"));
    let to = |to: &str| Context { to: Some(to.parse().expect("an address")), ..context("1379999020-11") };
    assert_eq!(rules(&check(to("1379999012-43"), &unit, 1000).findings), []);
    assert_eq!(rules(&check(to("1379999038-15"), &unit, 1000).findings), [Rule::Receiver]);
    let mut few = KnownOffices::default();
    few.add("1379999020".parse().expect("an office"), None);
    let context = Context { offices: Some(few), ..context("1379999020-11") };
    assert_eq!(rules(&check(context, &unit, 1000).findings), [Rule::Receiver]);
}

#[test]
fn attachments_are_judged_by_their_content() {
    let of =
        |name: &str, bytes: &[u8]| rules(&check(Context::default(), &[(name.to_owned(), bytes.to_vec())], 10).findings);
    assert_eq!(of("報告.pdf", b"%PDF-1.7 ..."), []);
    assert_eq!(of("報告.pdf", b"\xff\xd8\xff\xe0"), []);
    assert_eq!(of("報告.pdf", b"MZ\x90"), [Rule::Type]);
    assert_eq!(of("報告.pdf", b""), [Rule::Empty]);
    assert_eq!(of("写真.jpg", &[&b"\xff\xd8\xff"[..], &vec![0; 10 << 20]].concat()), [Rule::Size]);
}

#[test]
fn a_file_of_the_unit_with_a_wrong_name_is_told_once() {
    let mut unit = files(&samples().join("good/04-month-a11"));
    for (name, _) in unit.iter_mut().filter(|(name, _)| name.starts_with("UPSIKYU")) {
        *name = name.replace("1379999020", "137999902");
    }
    assert_eq!(rules(&check(context("1379999012-43"), &unit, 1000).findings), [Rule::Name]);
}

#[test]
fn a_unit_under_two_stamps_takes_nothing_from_another_that_is_incomplete() {
    let mut both = files(&samples().join("bad/17-missing-form7"));
    both.extend(files(&samples().join("bad/18-two-stamps")));
    let findings = check(context("1379999012-43"), &both, 1000).findings;
    let told: Vec<(&str, bool)> =
        findings.iter().map(|f| (f.file.as_str(), f.message_en.contains("20261106100017)"))).collect();
    let missing = "UPPLAN_202610_1379999012_43_1379999020_11_20261106100016.CSV";
    let strayed = "UPSIKYU_202610_1379999012_43_1379999020_11_20261106100018.CSV";
    assert_eq!(told, [(missing, false), (strayed, true)], "{findings:#?}");
}

#[test]
fn no_finding_names_an_insured_number() {
    for folder in folders("bad") {
        let files = files(&folder);
        let report = check(context("1379999038-17"), &files, 1000);
        for text in report.findings.iter().flat_map(|finding| [&finding.message_ja, &finding.message_en]) {
            for number in ["9935589619", "9923120276", "H935394463", "9950383477"] {
                assert!(!text.contains(number), "{text}");
            }
        }
    }
}

fn all_files() -> Vec<(String, Vec<u8>)> {
    folders("good").iter().chain(&folders("bad")).flat_map(|folder| files(folder)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn mutated_files_never_upset_the_checker_and_pieces_do_not_matter(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 0..12),
        piece in 1usize..500,
    ) {
        let all = all_files();
        let (name, mut bytes) = which.get(&all).clone();
        for (at, byte, how) in changes {
            if bytes.is_empty() { break }
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => { bytes.remove(at); }
                _ => bytes[at] = b"\",\r\n\x81\xf0\0"[usize::from(byte) % 7],
            }
        }
        let acting: Address = "1379999012-43".parse().expect("an address");
        let context = Context { acting: Some(acting), offices: Some(offices()), ..Context::default() };
        let files = [(name, bytes)];
        let in_pieces = check(context.clone(), &files, piece).findings;
        let whole = check(context, &files, 1 << 20).findings;
        prop_assert_eq!(in_pieces, whole);
    }

    #[test]
    fn any_name_and_any_bytes_end_with_a_report(name in "\\PC{0,60}(\\.csv|\\.CSV|\\.jpg)?", bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        check(Context::default(), &[(name, bytes)], 13);
    }
}
