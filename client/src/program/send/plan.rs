//! The plan as a person and a program see it.

use crate::program::Exit;
use crate::program::check::told;
use crate::program::screen::{Screen, printable};
use careplan_client::checking;
use careplan_client::planning::{Entry, Plan, Verdict};
use careplan_client::texts::Explain as _;
use careplan_protocol::standard::Finding;
use serde_json::{Value, json};

/// Shows who would get what, then every finding as `check` shows it.
pub(super) fn show(screen: &Screen, plan: &Plan) {
    let heads = [("送信先", "to"), ("連番", "unit"), ("ファイル", "files"), ("指摘", "findings"), ("予定", "plan")];
    let rows = plan.entries.iter().map(|entry| {
        vec![recipient(entry), unit(entry), names(entry).join("\n"), counts(screen, entry), verdict(screen, entry)]
    });
    screen.say("送信の予定", "Plan");
    screen.table(&heads, rows.collect());
    if !screen.json {
        for finding in plan.entries.iter().flat_map(|entry| &entry.findings) {
            screen.print(&format!("{}\n", printable(&checking::line(finding, screen.language))));
        }
    }
    if plan.left_out > 0 {
        screen.say(format!("ほかに指摘が {} 件あります。", plan.left_out), format!("{} more findings.", plan.left_out));
    }
    if plan.directory_unknown {
        screen.say(
            "ハブに届かないため、送信先が加入しているかは確かめていません。",
            "The hub does not answer: who can be reached is not known.",
        );
    }
}

/// The plan for programs.
pub(super) fn value(screen: &Screen, plan: &Plan) -> Value {
    let entries = plan.entries.iter().map(|entry| {
        json!({
            "to": entry.to, "to_name": entry.to_name, "unit": entry.unit.map(|key| key.stamp), "files": names(entry),
            "plan": code(entry), "reason": reason(screen, entry), "findings": told(screen, &entry.findings),
        })
    });
    Value::from(entries.collect::<Vec<_>>())
}

/// What a dry run ends with: what the send itself would, if the hub takes everything.
pub(super) fn outlook(plan: &Plan) -> Exit {
    let stays = |entry: &&Entry| !matches!(entry.verdict, Verdict::Ready | Verdict::SentBefore(_));
    match (plan.entries.iter().filter(stays).count(), plan.entries.len()) {
        (0, _) => Exit::Done,
        (staying, all) if staying == all => Exit::Failed,
        _ => Exit::Partly,
    }
}

/// The stable word for what is to become of an entry.
pub(super) fn code(entry: &Entry) -> &'static str {
    match &entry.verdict {
        Verdict::Ready if entry.has_warnings() => "send-with-warnings",
        Verdict::Ready => "send",
        Verdict::Errors => "errors",
        Verdict::Unfit(_) => "unfit",
        Verdict::Unreachable(_) => "unreachable",
        Verdict::SentBefore(_) => "sent-before",
    }
}

/// Why an entry stays.
pub(super) fn reason(screen: &Screen, entry: &Entry) -> Option<String> {
    match &entry.verdict {
        Verdict::Ready => None,
        Verdict::Unreachable(why) => Some(why.explain(screen.language)),
        Verdict::SentBefore(transfer) => {
            Some(screen.pick(format!("{transfer} で送信済みです"), format!("sent before as {transfer}")))
        }
        // The checker says more of the same fault.
        Verdict::Errors | Verdict::Unfit(_) if entry.findings.iter().any(Finding::is_error) => {
            entry.findings.iter().find(|finding| finding.is_error()).map(|it| it.message(screen.language).to_owned())
        }
        Verdict::Unfit(why) => Some(why.explain(screen.language)),
        Verdict::Errors => None,
    }
}

pub(super) fn recipient(entry: &Entry) -> String {
    let name = entry.to_name.as_deref().unwrap_or_default();
    entry.to.map_or_else(|| "－".to_owned(), |to| format!("{to} {name}").trim_end().to_owned())
}

pub(super) fn unit(entry: &Entry) -> String {
    entry.unit.map(|key| key.stamp.to_string()).unwrap_or_default()
}

pub(super) fn names(entry: &Entry) -> Vec<&str> {
    entry.files.iter().map(|file| file.name.as_str()).collect()
}

fn counts(screen: &Screen, entry: &Entry) -> String {
    let errors = entry.findings.iter().filter(|finding| finding.is_error()).count();
    match (errors, entry.findings.len() - errors) {
        (0, 0) => String::new(),
        (0, warnings) => screen.pick(format!("警告{warnings}"), format!("{warnings} warnings")),
        (errors, 0) => screen.pick(format!("エラー{errors}"), format!("{errors} errors")),
        (errors, warnings) => {
            screen.pick(format!("エラー{errors} 警告{warnings}"), format!("{errors} errors, {warnings} warnings"))
        }
    }
}

fn verdict(screen: &Screen, entry: &Entry) -> String {
    match &entry.verdict {
        Verdict::Ready if entry.has_warnings() => screen.pick("送る（警告あり）", "send (warnings)").to_owned(),
        Verdict::Ready => screen.pick("送る", "send").to_owned(),
        Verdict::Errors => screen.pick("送らない（エラー）", "stays (errors)").to_owned(),
        Verdict::Unfit(why) => match entry.findings.iter().any(Finding::is_error) {
            true => screen.pick("送らない（エラー）", "stays (errors)").to_owned(),
            false => screen.pick(format!("送れない：{}", why.japanese()), format!("stays: {}", why.english())),
        },
        Verdict::Unreachable(why) => {
            screen.pick(format!("届かない：{}", why.japanese()), format!("cannot be reached: {}", why.english()))
        }
        Verdict::SentBefore(transfer) => screen.pick(format!("送信済み {transfer}"), format!("sent as {transfer}")),
    }
}
