//! What became of every transfer, as a table and as JSON.

use crate::program::Exit;
use crate::program::check::told;
use crate::program::failure::{damaged_words, doubt_words, send_code};
use crate::program::screen::{Screen, printable};
use crate::program::send::carrying::Took;
use crate::program::send::plan;
use careplan_client::checking;
use careplan_client::journal::Intent;
use careplan_client::planning::{Entry, Plan, Verdict};
use careplan_client::sending::{Delivered, SendError};
use careplan_client::texts::{Explain as _, local_time};
use careplan_protocol::standard::{StandardName, ToldFinding};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;

/// What became of everything so far.
#[derive(Default)]
pub(super) struct Account {
    rows: Vec<Vec<String>>,
    sent: Vec<Value>,
    refused: Vec<Value>,
    kept: Vec<Value>,
    /// Accepted, with a receipt that does not hold.
    doubtful: Vec<Value>,
    unreachable: Vec<Value>,
    sent_before: Vec<Value>,
    /// Earlier sends that could not be read.
    damaged: Vec<Value>,
    /// What the person did not agree to.
    pub(super) declined: Vec<Value>,
    /// Keys of sends that were accepted and recalled since.
    pub(super) recalled: HashSet<String>,
    /// What the hub found beyond what the plan told, as lines.
    told: Vec<String>,
    /// What the plan told.
    known: HashSet<String>,
}

impl Account {
    /// Takes up how one send ended.
    pub(super) fn take(&mut self, screen: &Screen, intent: &Intent, result: Result<Delivered, SendError>) -> Took {
        match result {
            Ok(delivered) => {
                self.accepted(screen, intent, &delivered);
                Took::Accepted
            }
            Err(why @ (SendError::Disk(_) | SendError::Randomness(_))) => Took::Failed(why),
            Err(why) => {
                let text = why.explain(screen.language);
                let names: Vec<&str> = intent.files.iter().map(|file| file.name.as_str()).collect();
                let findings = match &why {
                    SendError::Refused(why) => checking::of_refusal(why),
                    _ => &[],
                };
                self.tell(screen, findings);
                let entry = json!({
                    "to": intent.to, "files": names, "code": send_code(&why), "reason": text, "findings": findings,
                });
                let (list, word, took) = match &why {
                    SendError::Kept(_) => (&mut self.kept, screen.pick("未完了", "unfinished"), Took::Kept),
                    SendError::Underway => (&mut self.kept, screen.pick("未完了", "unfinished"), Took::Refused),
                    SendError::OtherReceipt(_) => {
                        (&mut self.doubtful, screen.pick("要確認", "to check"), Took::Refused)
                    }
                    _ => (&mut self.refused, screen.pick("送れず", "refused"), Took::Refused),
                };
                list.push(entry);
                self.rows.push(row(intent, format!("{word}：{text}"), String::new()));
                took
            }
        }
    }

    /// Takes up an earlier send that could not be read and was put aside.
    pub(super) fn damage(&mut self, screen: &Screen, folder: &Path) {
        let (japanese, english) = damaged_words(folder);
        screen.complain(&screen.pick(japanese, english));
        self.damaged.push(json!(folder));
    }

    /// Takes up what the plan left here.
    pub(super) fn take_plan(&mut self, screen: &Screen, plan: &Plan) {
        for entry in &plan.entries {
            let reason = plan::reason(screen, entry);
            let entry_value = json!({
                "to": entry.to, "files": plan::names(entry), "code": plan::code(entry), "reason": reason,
                "findings": told(screen, &entry.findings),
            });
            let (list, word) = match &entry.verdict {
                Verdict::Ready => continue,
                Verdict::Errors | Verdict::Unfit(_) => (&mut self.refused, screen.pick("送れず", "not sent")),
                Verdict::Unreachable(_) => (&mut self.unreachable, screen.pick("届かず", "unreachable")),
                Verdict::SentBefore(_) => (&mut self.sent_before, screen.pick("送信済み", "sent before")),
            };
            list.push(entry_value);
            let result = format!("{word}：{}", reason.unwrap_or_default());
            let receipt = match &entry.verdict {
                Verdict::SentBefore(transfer) => transfer.to_string(),
                _ => String::new(),
            };
            self.rows.push(entry_row(entry, result, receipt));
        }
    }

    /// Takes up what the plan shows, so that the hub's findings of the same are not shown again.
    pub(super) fn know(&mut self, screen: &Screen, plan: &Plan) {
        let findings = plan.entries.iter().flat_map(|entry| &entry.findings);
        self.known.extend(findings.map(|finding| checking::line(finding, screen.language)));
    }

    fn tell(&mut self, screen: &Screen, findings: &[ToldFinding]) {
        let lines = findings.iter().map(|finding| checking::told_line(finding, screen.language));
        self.told.extend(lines.filter(|line| !self.known.contains(line)));
    }

    /// Takes up that the person said no.
    pub(super) fn decline(&mut self, plan: &Plan) {
        for entry in plan.entries.iter().filter(|entry| entry.parcel().is_some()) {
            self.declined.push(json!({"to": entry.to, "files": plan::names(entry)}));
        }
    }

    /// Whether nothing was taken up.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table at the end.
    pub(super) fn show(&self, screen: &Screen) {
        if !self.declined.is_empty() {
            screen.say("送信していません。", "Nothing was sent.");
        }
        if self.rows.is_empty() {
            return;
        }
        let heads =
            [("送信先", "to"), ("連番", "unit"), ("ファイル", "files"), ("結果", "result"), ("受領証", "receipt")];
        screen.say("送信の結果", "Results");
        screen.table(&heads, self.rows.clone());
        if !self.told.is_empty() {
            screen.say("ハブの指摘", "The hub's findings");
            self.told.iter().for_each(|line| screen.say(printable(line), printable(line)));
        }
        let (sent, stayed) = (self.sent.len(), self.stayed());
        screen
            .say(format!("送信 {sent} 件、送れなかったもの {stayed} 件。"), format!("{sent} sent, {stayed} not sent."));
        if !self.kept.is_empty() {
            screen.say(
                "未完了のものは控えてあります。careplan send をもう一度実行すると、二重にならずに続きます。",
                "What is unfinished is kept: run `careplan send` again, nothing is sent twice.",
            );
        }
    }

    /// Everything for programs.
    pub(super) fn value(&self, plan: Option<Value>) -> Value {
        json!({
            "sent": self.sent, "refused": self.refused, "kept": self.kept, "unreachable": self.unreachable,
            "doubtful": self.doubtful, "damaged": self.damaged, "sent_before": self.sent_before, "declined": self.declined, "plan": plan,
        })
    }

    /// How the command ends.
    pub(super) fn exit(&self) -> Exit {
        let nothing = self.sent.is_empty() && self.sent_before.is_empty() && self.doubtful.is_empty();
        match (nothing, self.stayed() + self.doubtful.len() + self.damaged.len()) {
            (_, 0) => Exit::Done,
            (true, _) => Exit::Failed,
            (false, _) => Exit::Partly,
        }
    }

    fn stayed(&self) -> usize {
        self.refused.len() + self.kept.len() + self.unreachable.len() + self.declined.len()
    }

    fn accepted(&mut self, screen: &Screen, intent: &Intent, delivered: &Delivered) {
        let at = local_time(delivered.receipt.accepted_at);
        let mut result = screen.pick(format!("送信済 {at}"), format!("sent {at}"));
        if delivered.recalled {
            result.push_str(screen.pick("（この送信は取消済みです）", " (recalled since)"));
            self.recalled.insert(intent.key.clone());
        }
        if let Some(why) = &delivered.doubt {
            let (japanese, english) = doubt_words(why);
            let text = screen.pick(japanese, english);
            result.push_str(&format!("\n{text}"));
            self.doubtful.push(json!({"transfer": delivered.transfer, "code": "bad-receipt", "reason": text}));
        }
        self.tell(screen, &delivered.findings);
        self.rows.push(row(intent, result, delivered.transfer.to_string()));
        self.sent.push(json!({
            "transfer": delivered.transfer, "to": intent.to, "unit": stamp(intent),
            "files": intent.files.iter().map(|file| &file.name).collect::<Vec<_>>(),
            "accepted_at": delivered.receipt.accepted_at, "receipt": delivered.path,
            "replayed": delivered.replayed, "recalled": delivered.recalled, "findings": delivered.findings,
        }));
    }
}

fn row(intent: &Intent, result: String, receipt: String) -> Vec<String> {
    let names: Vec<&str> = intent.files.iter().map(|file| file.name.as_str()).collect();
    vec![intent.to.to_string(), stamp(intent).unwrap_or_default(), names.join("\n"), result, receipt]
}

fn entry_row(entry: &Entry, result: String, receipt: String) -> Vec<String> {
    vec![plan::recipient(entry), plan::unit(entry), plan::names(entry).join("\n"), result, receipt]
}

fn stamp(intent: &Intent) -> Option<String> {
    let names = intent.files.iter().filter_map(|file| StandardName::parse(&file.name).ok().flatten());
    names.map(|name| name.stamp.to_string()).next()
}
