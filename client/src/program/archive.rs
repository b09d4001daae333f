//! `archive`: a month's files and receipts kept in a folder of the office's own.

use crate::program::cli::Archive as What;
use crate::program::failure::{Failure, code};
use crate::program::screen::{Screen, printable};
use crate::program::{Context, Exit, progress};
use careplan_client::archive::{Archive, IndexTransfer, Kept, ReceiptKept, WhyNot};
use careplan_client::texts::Explain as _;
use serde_json::{Value, json};

/// Keeps a month.
pub(crate) async fn run(context: &mut Context, what: What) -> Result<Exit, Failure> {
    let desk = context.desk()?;
    let screen = context.screen;
    let archive = Archive::open(&desk, what.month, &what.into).await?;
    let bar = progress::bar(&screen, archive.bytes(), &what.month.to_string());
    let kept = archive.keep(|bytes| bar.inc(bytes)).await?;
    bar.finish_and_clear();
    let missing: Vec<Missing> = kept.index.transfers.iter().flat_map(missing).collect();
    let trouble = kept.trouble.as_ref().map(|why| json!({"code": code(why), "text": why.explain(screen.language)}));
    screen.value(&json!({
        "folder": kept.folder, "transfers": kept.index.transfers.len(), "files": kept.index.kept().count(),
        "new_files": kept.new_files, "whole": kept.index.is_whole(), "trouble": trouble,
        "not_kept": missing.iter().map(|it| it.value(&screen)).collect::<Vec<_>>(),
    }));
    tell(&screen, &what, &kept, &missing);
    Ok(match (kept.index.is_whole(), kept.index.kept().next()) {
        (true, _) => Exit::Done,
        (false, None) => Exit::Failed,
        (false, Some(_)) => Exit::Partly,
    })
}

/// A file or a receipt that is not there.
struct Missing<'a> {
    entry: &'a IndexTransfer,
    file: Option<&'a str>,
    why: Why,
}

enum Why {
    File(WhyNot),
    Receipt(ReceiptKept),
}

fn missing(entry: &IndexTransfer) -> Vec<Missing<'_>> {
    let files = entry.files.iter().filter_map(|file| Some((Some(file.name.as_str()), Why::File(file.why_not?))));
    let receipt = matches!(entry.receipt, ReceiptKept::Missing | ReceiptKept::Invalid);
    let receipt = receipt.then_some((None, Why::Receipt(entry.receipt)));
    files.chain(receipt).map(|(file, why)| Missing { entry, file, why }).collect()
}

impl Missing<'_> {
    fn words(&self, screen: &Screen) -> String {
        match self.why {
            Why::File(why) => why.explain(screen.language),
            Why::Receipt(ReceiptKept::Invalid) => {
                screen.pick("受領証の署名が一致しません", "the receipt's signature does not hold").to_owned()
            }
            Why::Receipt(_) => screen
                .pick(
                    "受領証がこのパソコンにありません。送信したパソコンで、同じ保管先を指定して実行してください",
                    "its receipt is not on this computer: run this with the same folder where it was sent from",
                )
                .to_owned(),
        }
    }

    fn value(&self, screen: &Screen) -> Value {
        let why = match &self.why {
            Why::File(why) => json!(why),
            Why::Receipt(ReceiptKept::Invalid) => json!("receipt-invalid"),
            Why::Receipt(_) => json!("receipt-missing"),
        };
        let (entry, reason) = (self.entry, self.words(screen));
        json!({
            "direction": entry.direction, "transfer": entry.transfer.id, "file": self.file, "code": why, "reason": reason,
        })
    }
}

fn tell(screen: &Screen, what: &What, kept: &Kept, missing: &[Missing]) {
    let (transfers, files, new) = (kept.index.transfers.len(), kept.index.kept().count(), kept.new_files);
    let (month, folder) = (what.month, kept.folder.display());
    if transfers == 0 {
        screen.say(format!("{month} の送受信はありません。"), format!("Nothing was sent or received about {month}."));
        return;
    }
    screen.say(
        format!("{month} の送受信 {transfers} 件、ファイル {files} 個を保管しています（今回 {new} 個）。\n{folder}"),
        format!("{month}: {transfers} transfers, {files} files are kept ({new} of them new).\n{folder}"),
    );
    if !missing.is_empty() {
        screen.say("保管できなかったもの", "Not kept");
        let rows = missing.iter().map(|it| {
            let direction = it.entry.direction.word(screen.language).to_owned();
            let file = it.file.unwrap_or(screen.pick("（受領証）", "(receipt)")).to_owned();
            vec![it.entry.transfer.id.to_string(), direction, file, it.words(screen)]
        });
        let heads = [("番号", "transfer"), ("送受信", "direction"), ("ファイル", "file"), ("理由", "reason")];
        screen.table(&heads, rows.collect());
    }
    if let Some(why) = &kept.trouble {
        screen.complain(&printable(&why.explain(screen.language)));
    }
}
