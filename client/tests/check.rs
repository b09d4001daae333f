//! `careplan check` as a program: what it prints and how it ends, against the samples.

#![expect(clippy::expect_used, reason = "a test may stop where it stands")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/samples")
}

fn check(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_careplan"));
    // Works without being set up, and without the hub.
    let nowhere = samples().join("no-such-home");
    command.arg("check").args(arguments).current_dir(samples()).env("CAREPLAN_HOME", nowhere);
    command.env_remove("CAREPLAN_AS").env_remove("CAREPLAN_LANG").output().expect("the program runs")
}

fn findings(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("one object per line")).collect()
}

#[test]
fn good_units_end_with_0_and_without_a_line() {
    let output = check(&["good", "--offices", "offices.csv", "--json"]);
    // The list of the units among them is no file of the standard.
    let found = findings(&output);
    assert!(found.iter().all(|finding| finding["file"] == "MANIFEST.csv"), "{found:#?}");
    let output = check(&["good/04-month-a11", "--as", "1379999012-43", "--to", "1379999020-11", "--json"]);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn every_bad_sample_gives_its_rule_and_ends_with_1_for_errors() {
    let mut table = csv::Reader::from_path(samples().join("bad/EXPECTED.csv")).expect("the list");
    for row in table.records() {
        let row = row.expect("a row");
        let (folder, _) = row[0].split_once('/').expect("a folder");
        let (path, acting) = (format!("bad/{folder}"), format!("{}-{}", &row[4], &row[5]));
        let output = check(&[&path, "--as", &acting, "--offices", "offices.csv", "--json"]);
        let found = findings(&output);
        assert!(!found.is_empty(), "{folder}");
        for finding in &found {
            assert_eq!(
                (&finding["rule"], &finding["severity"]),
                (&Value::from(&row[3]), &Value::from(&row[2])),
                "{found:#?}"
            );
            assert_eq!(finding["message"], finding["message_ja"], "{folder}");
        }
        assert_eq!(output.status.code(), Some(i32::from(&row[2] == "error")), "{folder}");
        let strict = check(&[&path, "--as", &acting, "--offices", "offices.csv", "--strict"]);
        assert_eq!(strict.status.code(), Some(1), "{folder}");
    }
}

#[test]
fn a_finding_says_where_it_stands() {
    let output = check(&["bad/01-short-row", "--json", "--lang", "en"]);
    let found = findings(&output);
    let [finding] = found.as_slice() else { panic!("one finding: {found:#?}") };
    assert_eq!(finding["file"], "UPJSK_202610_1379999020_11_1379999012_43_20261106100000.CSV");
    assert_eq!((&finding["row"], &finding["line"], &finding["item"]), (&5.into(), &5.into(), &Value::Null));
    assert_eq!(finding["message"], finding["message_en"]);
    let people = check(&["bad/01-short-row", "--lang", "en"]);
    let text = String::from_utf8(people.stdout).expect("UTF-8");
    assert!(text.contains(".CSV:5:1: error [columns] 24 columns, 25 expected"), "{text}");
    assert!(text.contains("1 files checked: 1 errors, 0 warnings."), "{text}");
}

#[test]
fn wrong_use_ends_with_2() {
    for arguments in [
        &[][..],
        &["no-such-folder"],
        &["good", "--to", "137999902"],
        &["good", "--offices", "no-such-file.csv"],
        &["good", "--offices", "good/MANIFEST.csv"],
    ] {
        assert_eq!(check(arguments).status.code(), Some(2), "{arguments:?}");
    }
}
