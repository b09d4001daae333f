//! The program as a person meets it: help, wrong use, and what it says when nothing is set up.
#![expect(clippy::expect_used, reason = "a test that cannot run the program fails")]

use std::process::{Command, Output};

fn careplan(home: &std::path::Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_careplan"))
        .args(arguments)
        .env("CAREPLAN_HOME", home)
        .env("LANG", "en_US.UTF-8")
        .env_remove("CAREPLAN_LANG")
        .env_remove("CAREPLAN_AS")
        .output()
        .expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn every_command_has_help() {
    let home = tempfile::tempdir().expect("a folder");
    for command in [
        "setup",
        "send",
        "inbox",
        "fetch",
        "ack",
        "sent",
        "recall",
        "directory",
        "status",
        "log",
        "receipt",
        "archive",
        "evidence",
        "membership",
        "sync",
        "completions",
        "man",
    ] {
        let output = careplan(home.path(), &[command, "--help"]);
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(text(&output.stdout).contains("Usage: careplan"), "{command}");
    }
}

#[test]
fn wrong_use_ends_with_status_2() {
    let home = tempfile::tempdir().expect("a folder");
    for arguments in [
        &["frobnicate"][..],
        &["--as", "123", "status"],
        &["fetch", "--into", "x"],
        &["fetch", "1-00000007-0", "--new", "--into", "x"],
        &["ack", "1-00001234-2"],
        &["recall", "not-an-id"],
        &["sync", "--out", "x"],
        &["archive", "--month", "2026-10"],
        &["evidence"],
        &["evidence", "verify"],
        &["membership"],
        &["membership", "--month", "2026-10", "--fiscal-year", "2026"],
        &["log", "--csv", "--json"],
    ] {
        assert_eq!(careplan(home.path(), arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn without_setup_it_says_so_in_japanese_unless_english_is_asked_for() {
    let home = tempfile::tempdir().expect("a folder");
    let japanese = careplan(home.path(), &["inbox"]);
    assert_eq!(japanese.status.code(), Some(1));
    assert!(text(&japanese.stderr).contains("まだ設定されていません"));
    let english = careplan(home.path(), &["--lang", "en", "inbox"]);
    assert!(text(&english.stderr).contains("no office is set up here"));
    let json = careplan(home.path(), &["--lang", "en", "--json", "inbox"]);
    let value: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(value["error"]["code"], "setup");
}

#[test]
fn a_file_that_is_no_bundle_is_refused() {
    let home = tempfile::tempdir().expect("a folder");
    let bundle = home.path().join("x.careplan");
    std::fs::write(&bundle, "hello").expect("written");
    let output = careplan(home.path(), &["--lang", "en", "setup", &bundle.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no bundle"));
}

#[test]
fn completions_and_manual_pages_are_made() {
    let home = tempfile::tempdir().expect("a folder");
    assert!(text(&careplan(home.path(), &["completions", "bash"]).stdout).contains("_careplan"));
    assert!(text(&careplan(home.path(), &["man"]).stdout).contains(".TH careplan"));
    let into = home.path().join("man");
    assert!(careplan(home.path(), &["man", "--into", &into.to_string_lossy()]).status.success());
    assert!(into.join("careplan-sync.1").is_file());
}
