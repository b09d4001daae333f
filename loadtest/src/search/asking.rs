//! The questions of operators, auditors and offices, each asked many times on one connection; only the first page.

use super::history::History;
use crate::clock::{Moment, today};
use crate::rig::Papers;
use crate::rig::hub::Hub;
use crate::wire::Line;
use anyhow::Result;
use careplan_protocol::api::{LogEntry, Page};
use careplan_protocol::calendar::day_in_japan;
use http::Request;
use http_body_util::Full;
use jiff::ToSpan as _;
use serde::Serialize;
use std::io::Write as _;

/// A question and how long its first page took.
#[derive(Debug, Serialize)]
pub struct Asked {
    /// Who asks for what.
    pub question: String,
    /// Entries of the page, 100 at most.
    pub entries: usize,
    /// Whether it says that there may be more.
    pub more: bool,
    /// How often it was asked.
    pub times: usize,
    /// Milliseconds, half of the answers came sooner.
    pub p50_ms: f64,
    /// Milliseconds, 95 of 100 answers came sooner.
    pub p95_ms: f64,
    /// Milliseconds of the slowest answer.
    pub max_ms: f64,
    /// Milliseconds of the first answer of all to this question.
    pub first_ms: f64,
}

/// Asks all questions.
pub(super) async fn ask(hub: &Hub, papers: &Papers, history: &History, times: usize) -> Result<Vec<Asked>> {
    let History { busy, quiet, remote, transfer, .. } = history;
    let until = day_in_japan(today());
    let month = format!("since={}&until={}", until.saturating_sub(40.days()), until.saturating_sub(10.days()));
    let log = |query: &str| format!("/v1/log?{query}");
    let operator = [
        ("a busy office in a month", log(&format!("office={busy}&{month}"))),
        ("a quiet office in a month", log(&format!("office={quiet}&{month}"))),
        ("a quiet office, all time", log(&format!("office={quiet}"))),
        ("a quiet office with the busy one (nothing)", log(&format!("office={quiet}&peer={busy}"))),
        ("a transfer", log(&format!("transfer={transfer}"))),
        ("what was rejected in a month", log(&format!("outcome=rejected&{month}"))),
        ("offices suspended, all time (nothing)", log("kind=office-suspended")),
        ("everything in a month", log(&month)),
    ];
    let mut all = Vec::new();
    let mut line = hub.operator().open().await?;
    for (question, path) in &operator {
        all.push(times_asked(&mut line, &format!("an operator: {question}"), path, times).await?);
    }
    let whos = ["an auditor of everything", "an auditor of a busy prefecture", "an auditor of a quiet prefecture"];
    for (auditor, who) in papers.auditors.iter().zip(whos) {
        let mut line = hub.door(papers, auditor)?.open().await?;
        let questions = [
            ("everything in a month", log(&month)),
            ("the busy office in a month", log(&format!("office={busy}&{month}"))),
            ("the only office of the quiet prefecture, all time", log(&format!("office={remote}"))),
            ("what was rejected in a month", log(&format!("outcome=rejected&{month}"))),
            ("what was read again or recalled (nothing)", log("kind=reread,recalled")),
            ("everything, all time", log("")),
        ];
        for (question, path) in &questions {
            all.push(times_asked(&mut line, &format!("{who}: {question}"), path, times).await?);
        }
    }
    for (office, who) in [(busy, "the busy office"), (quiet, "the quiet office")] {
        let Some((_, door)) = hub.offices.iter().find(|(number, _)| number == office) else { continue };
        let mut line = door.open().await?;
        for (question, query) in [("its own log in a month", month.as_str()), ("its own log, all time", "")] {
            let path = format!("/v1/offices/{office}/log?{query}");
            all.push(times_asked(&mut line, &format!("{who}: {question}"), &path, times).await?);
        }
    }
    Ok(all)
}

async fn times_asked(line: &mut Line, question: &str, path: &str, times: usize) -> Result<Asked> {
    let (mut took, mut page) = (Vec::new(), Page::<LogEntry> { items: Vec::new(), next: None });
    for _ in 0..times.max(1) {
        let request = Request::get(path).body(Full::default())?;
        let begun = Moment::now();
        let answer = line.ask(request).await?.status(200)?;
        took.push(begun.elapsed().as_secs_f64() * 1000.0);
        page = serde_json::from_slice(&answer.body)?;
    }
    let first_ms = took.first().copied().unwrap_or_default();
    took.sort_by(f64::total_cmp);
    let at = |part: f64| took.get(((took.len() - 1) as f64 * part).ceil() as usize).copied().unwrap_or_default();
    let asked = Asked {
        question: question.to_owned(),
        entries: page.items.len(),
        more: page.next.is_some(),
        times: took.len(),
        p50_ms: at(0.5),
        p95_ms: at(0.95),
        max_ms: at(1.0),
        first_ms,
    };
    // Shown at once: a whole run takes minutes.
    let (entries, p50, p95) = (asked.entries, asked.p50_ms, asked.p95_ms);
    writeln!(
        std::io::stderr().lock(),
        "{question}: {entries} entries, p50 {p50:.1} ms, p95 {p95:.1} ms, first {first_ms:.1} ms"
    )?;
    Ok(asked)
}
