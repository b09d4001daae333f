//! `evidence verify`: a record checked, without a hub and without anything set up here.

use crate::program::cli::Verify;
use crate::program::failure::Failure;
use crate::program::screen::{Screen, printable};
use crate::program::{Context, Exit, progress};
use careplan_client::document::{Document as _, DocumentError, Opened, open};
use careplan_client::evidence::{Evidence, JudgedKey, Judgement, Problem, Tied, Trust, judge, tie};
use careplan_client::membership::{self, Membership};
use careplan_client::receipts::{Match, key_fingerprint, public_fingerprint};
use careplan_client::texts::Explain as _;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::receipt::KeySet;
use careplan_protocol::tlog::note::VerifierKey;
use careplan_protocol::transfer::Fingerprint;
use serde_json::{Value, json};
use std::path::Path;

/// Checks a record and the files that go with it.
pub(super) fn run(context: &Context, what: &Verify) -> Result<Exit, Failure> {
    let screen = context.screen;
    let text = std::fs::read_to_string(&what.file).map_err(|why| Failure::disk(&what.file, &why))?;
    let given = given(&what.keys)?;
    let opened: Opened<Evidence> = match open(&text) {
        Err(DocumentError::Kind(kind)) if kind == Membership::KIND => return of_use(context, &text, &given),
        opened => opened.map_err(no_document)?,
    };
    let known = known(context, opened.document.office.office, &opened.document.hub);
    let judgement = judge(&opened, &given, &known);
    let tied = match &what.files {
        Some(folder) => {
            let bar = progress::spinner(&screen, screen.pick("ファイルを照合中", "files"));
            let tied = tie(&opened.document, folder, || bar.inc(1)).map_err(|why| Failure::disk(folder, &why))?;
            bar.finish_and_clear();
            Some(tied)
        }
        None => None,
    };
    let same = tied.as_ref().map(|tied| tied.iter().all(|it| matches!(it.found, Match::Same(_))));
    let holds = judgement.problems.is_empty();
    screen.value(&json!({
        "valid": holds, "fingerprint": opened.fingerprint, "office": opened.document.office, "month": opened.document.month,
        "keys": judgement.keys.iter().map(key).collect::<Vec<_>>(),
        "transfers": judgement.entries.len(), "by_receipt": judgement.entries.iter().filter(|it| it.by_receipt).count(),
        "by_delivery_receipt": judgement.entries.iter().filter(|it| it.by_delivery).count(),
        "by_log": judgement.entries.iter().filter(|it| it.by_log).count(),
        "problems": judgement.problems.iter().map(|it| it.explain(screen.language)).collect::<Vec<_>>(),
        "files_match": same, "files": tied.iter().flatten().map(file).collect::<Vec<_>>(),
    }));
    tell(&screen, &opened, &judgement, tied.as_deref());
    Ok(if holds && same != Some(false) { Exit::Done } else { Exit::Failed })
}

/// A certificate of use, which has fewer things to check.
fn of_use(context: &Context, text: &str, given: &[Fingerprint]) -> Result<Exit, Failure> {
    let screen = context.screen;
    let opened: Opened<Membership> = open(text).map_err(no_document)?;
    let document = &opened.document;
    let (keys, problems) = membership::judge(&opened, given, &known(context, document.office, &document.hub));
    screen.value(&json!({
        "valid": problems.is_empty(), "fingerprint": opened.fingerprint, "office": document.office,
        "keys": keys.iter().map(key).collect::<Vec<_>>(), "receipts": document.receipts.len(),
        "problems": problems.iter().map(|it| it.explain(screen.language)).collect::<Vec<_>>(),
    }));
    let (office, name, receipts) = (document.office, printable(&document.office_name), document.receipts.len());
    screen.say(
        format!("{office} {name}　照合番号 {}", opened.fingerprint),
        format!("{office} {name}  fingerprint {}", opened.fingerprint),
    );
    tell_problems(&screen, &problems);
    if problems.is_empty() {
        screen.say(
            format!("書面は作成されたときのままで、{receipts} 通の受領証の署名は正しいものです。期間と件数に署名はありません。"),
            format!("The page is as it was made, and its {receipts} receipts hold. Period and counts are not signed."),
        );
    }
    keys.iter().for_each(|key| tell_key(&screen, key));
    Ok(if problems.is_empty() { Exit::Done } else { Exit::Failed })
}

fn no_document(why: DocumentError) -> Failure {
    Failure::new("document", why.japanese(), why.english())
}

/// The fingerprints given, and those of the keys in the files given.
fn given(keys: &[String]) -> Result<Vec<Fingerprint>, Failure> {
    let mut given = Vec::new();
    for key in keys {
        let digits: String = key.chars().filter(|c| !c.is_whitespace()).collect();
        if let Ok(fingerprint) = digits.parse() {
            given.push(fingerprint);
            continue;
        }
        let text = std::fs::read(key).map_err(|why| Failure::disk(Path::new(key), &why))?;
        if let Some(logs) = log_keys(&text) {
            given.extend(logs);
            continue;
        }
        let set: KeySet = serde_json::from_slice(&text).map_err(|why| {
            let english = format!("neither a key set (jwks.json) nor keys of a log, one in a line: {why}");
            Failure::new("keys", format!("鍵を読み取れません（{why}）"), english)
        })?;
        given.extend(set.keys.iter().filter_map(key_fingerprint));
    }
    Ok(given)
}

/// The keys of a log in a file as `careplan-admin log key` writes it: one in a line.
fn log_keys(text: &[u8]) -> Option<Vec<Fingerprint>> {
    let lines = std::str::from_utf8(text).ok()?.lines().map(str::trim).filter(|line| !line.is_empty());
    let keys: Option<Vec<Fingerprint>> =
        lines.map(|line| line.parse::<VerifierKey>().ok().map(|key| public_fingerprint(&key.public))).collect();
    keys.filter(|keys| !keys.is_empty())
}

/// The keys that this machine has had from the same hub, if it is set up for the office at all.
fn known(context: &Context, office: OfficeNumber, hub: &str) -> Vec<Fingerprint> {
    let profile = context.home().and_then(|home| home.profile(Some(office)));
    let Some(profile) = profile.ok().filter(|profile| profile.hub == hub) else { return Vec::new() };
    let receipts = profile.keys().into_iter().flat_map(|set| set.keys);
    let logs = profile.logs().into_iter().map(|key| public_fingerprint(&key.public));
    receipts.filter_map(|key| key_fingerprint(&key)).chain(logs).collect()
}

fn key(key: &JudgedKey) -> Value {
    let trust = match key.trust {
        Trust::Given => "given",
        Trust::Known => "known",
        Trust::Unconfirmed => "unconfirmed",
        Trust::Refused => "refused",
    };
    json!({"name": key.name, "fingerprint": key.fingerprint, "trust": trust})
}

fn file(tied: &Tied) -> Value {
    let (found, path) = match &tied.found {
        Match::Same(path) => ("same", Some(path)),
        Match::Different(path) => ("different", Some(path)),
        Match::Missing => ("missing", None),
    };
    json!({
        "direction": tied.direction, "transfer": tied.transfer, "n": tied.file.n, "name": tied.file.name,
        "found": found, "path": path,
    })
}

fn tell(screen: &Screen, opened: &Opened<Evidence>, judgement: &Judgement, tied: Option<&[Tied]>) {
    let evidence = &opened.document;
    let (office, name, month, fingerprint) =
        (evidence.office, printable(&evidence.office_name), evidence.month, &opened.fingerprint);
    let all = judgement.entries.len();
    let by_receipt = judgement.entries.iter().filter(|it| it.by_receipt).count();
    let by_log = judgement.entries.iter().filter(|it| it.by_log).count();
    screen.say(
        format!("{office} {name}　{month}　照合番号 {fingerprint}"),
        format!("{office} {name}  {month}  fingerprint {fingerprint}"),
    );
    tell_problems(screen, &judgement.problems);
    match judgement.problems.is_empty() {
        true => screen.say(
            format!(
                "書面は作成されたときのままです。{all} 件のうち {by_receipt} 件はハブの受領証で、{by_log} 件はハブの記録で証明されています。"
            ),
            format!(
                "The page is as it was made. Of {all} transfers {by_receipt} are proved by the hub's receipts, {by_log} by its log."
            ),
        ),
        false => screen.say("この書面は証拠になりません。", "This page proves nothing."),
    }
    judgement.keys.iter().for_each(|key| tell_key(screen, key));
    let Some(tied) = tied else { return };
    let wrong: Vec<&Tied> = tied.iter().filter(|it| !matches!(it.found, Match::Same(_))).collect();
    let same = tied.len() - wrong.len();
    screen.say(
        format!("ファイル {} 個のうち {same} 個が、当時のままです。", tied.len()),
        format!("Of {} files {same} are what they were.", tied.len()),
    );
    for it in wrong {
        let (japanese, english) = match &it.found {
            Match::Different(path) => {
                (format!("内容が違います（{}）", path.display()), format!("has other contents ({})", path.display()))
            }
            _ => ("見つかりません".to_owned(), "is missing".to_owned()),
        };
        let name = printable(&it.file.name);
        screen.say(format!("  {} {name}：{japanese}", it.transfer), format!("  {} {name}: {english}", it.transfer));
    }
}

fn tell_problems(screen: &Screen, problems: &[Problem]) {
    for problem in problems {
        let line = format!("{}{}", screen.pick("× ", "WRONG  "), printable(&problem.explain(screen.language)));
        screen.say(&line, &line);
    }
}

fn tell_key(screen: &Screen, key: &JudgedKey) {
    let (japanese, english) = match key.trust {
        Trust::Given => ("指定された鍵です", "as given"),
        Trust::Known => ("このパソコンがハブから受け取った鍵です", "as this computer has had it from the hub"),
        Trust::Unconfirmed => {
            ("運営者が公表している指紋と見比べてください", "compare it with what the operator publishes")
        }
        Trust::Refused => ("指定された鍵ではありません", "not among those given"),
    };
    let (kid, fingerprint) = (printable(&key.name), key.fingerprint);
    screen.say(
        format!("鍵 {kid}　指紋 {fingerprint}：{japanese}"),
        format!("key {kid}  fingerprint {fingerprint}: {english}"),
    );
}
