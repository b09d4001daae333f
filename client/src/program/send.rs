//! `send`: what was interrupted is finished first, then the files given go out, parcel by parcel.

use crate::program::cli::Send;
use crate::program::failure::{Failure, send_code};
use crate::program::{Context, Exit, progress};
use careplan_client::desk::Desk;
use careplan_client::disk;
use careplan_client::journal::{Intent, Journal, Pending};
use careplan_client::parcels::{LocalFile, Parcel, Sorted, Unfit, sort};
use careplan_client::sending::{self, Delivered, SendError};
use careplan_client::texts::{Explain as _, local_time};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// What became of everything so far.
#[derive(Default)]
struct Account {
    sent: Vec<Value>,
    refused: Vec<Value>,
    kept: Vec<Value>,
    /// What was pending from before, so that the same is not sent a second time.
    earlier: Vec<Intent>,
}

/// Sends files.
pub(crate) async fn run(context: &mut Context, what: Send) -> Result<Exit, Failure> {
    let desk = context.desk()?;
    let files = collect(&what.files)?;
    let mut account = Account::default();
    for pending in Journal::open(&desk.profile)?.unfinished()? {
        // What `sync` began, sync finishes: it also moves the files.
        if pending.intent.sync.is_none() {
            account.earlier.push(pending.intent.clone());
            deliver(context, &desk, pending, &mut account).await?;
        }
    }
    let Sorted { parcels, unfit } = sort(desk.address, files, what.to);
    for unfit in &unfit {
        report_unfit(context, unfit, &mut account);
    }
    for parcel in &parcels {
        send(context, &desk, parcel, &what.message, &mut account).await?;
    }
    if what.files.is_empty() && account.earlier.is_empty() {
        context.screen.say("途中の送信はありません。", "Nothing is unfinished.");
    }
    context.screen.value(&json!({"sent": account.sent, "refused": account.refused, "kept": account.kept}));
    Ok(match (account.sent.is_empty(), account.refused.len() + account.kept.len()) {
        (_, 0) => Exit::Done,
        (true, _) => Exit::Failed,
        (false, _) => Exit::Partly,
    })
}

async fn send(
    context: &Context,
    desk: &Desk,
    parcel: &Parcel,
    message: &str,
    account: &mut Account,
) -> Result<(), Failure> {
    let pending = sending::begin(desk, parcel, message, None)?;
    // The person repeats a command that was interrupted: that send has just been finished, or still waits.
    match account.earlier.iter().any(|earlier| earlier.sends_the_same(&pending.intent)) {
        true => Ok(pending.finish()?),
        false => deliver(context, desk, pending, account).await,
    }
}

async fn deliver(context: &Context, desk: &Desk, pending: Pending, account: &mut Account) -> Result<(), Failure> {
    let screen = context.screen;
    let intent = pending.intent.clone();
    let bytes = intent.files.iter().map(|file| file.size).sum();
    let bar = progress::bar(&screen, bytes, &intent.to.to_string());
    let moving = bar.clone();
    let result = sending::deliver(desk, &pending, Arc::new(move |bytes| moving.inc(bytes))).await;
    bar.finish_and_clear();
    match result {
        Ok(delivered) => {
            report_sent(context, &intent, &delivered, account);
            Ok(pending.finish()?)
        }
        Err(why @ (SendError::Refused(_) | SendError::Kept(_) | SendError::OtherReceipt(_))) => {
            let text = why.explain(screen.language);
            let names: Vec<&str> = intent.files.iter().map(|file| file.name.as_str()).collect();
            if !screen.json {
                screen.complain(&format!("{}: {text}", intent.to));
            }
            let entry = json!({"to": intent.to, "files": names, "code": send_code(&why), "reason": text});
            match why {
                SendError::Kept(_) => account.kept.push(entry),
                _ => {
                    account.refused.push(entry);
                    pending.finish()?;
                }
            }
            Ok(())
        }
        Err(why) => Err(why.into()),
    }
}

fn report_sent(context: &Context, intent: &Intent, delivered: &Delivered, account: &mut Account) {
    let screen = context.screen;
    let (transfer, to, count) = (delivered.transfer, intent.to, intent.files.len());
    let at = local_time(delivered.receipt.accepted_at);
    screen.say(
        format!("{transfer}  {to} へ {count} ファイルを送信しました（{at}）"),
        format!("{transfer}  {count} files sent to {to} ({at})"),
    );
    if delivered.recalled {
        screen.say("  この送信は取消済みです。", "  This transfer was recalled since.");
    }
    account.sent.push(json!({
        "transfer": transfer, "to": to, "files": intent.files.iter().map(|file| &file.name).collect::<Vec<_>>(),
        "accepted_at": delivered.receipt.accepted_at, "receipt": delivered.path,
        "replayed": delivered.replayed, "recalled": delivered.recalled,
    }));
}

fn report_unfit(context: &Context, unfit: &Unfit, account: &mut Account) {
    let screen = context.screen;
    let names: Vec<&str> = unfit.files.iter().map(|file| file.name.as_str()).collect();
    let reason = unfit.why.explain(screen.language);
    if !screen.json {
        screen.complain(&format!("{}: {reason}", names.join(", ")));
    }
    account.refused.push(json!({"files": names, "code": "unfit", "reason": reason}));
}

/// The files given, and those in the folders given.
fn collect(given: &[PathBuf]) -> Result<Vec<LocalFile>, Failure> {
    let mut files: Vec<LocalFile> = Vec::new();
    for path in given {
        let metadata = std::fs::metadata(path).map_err(|why| Failure::disk(path, &why))?;
        let found = match metadata.is_dir() {
            true => disk::entries(path).map_err(|why| Failure::disk(path, &why))?,
            false => vec![path.clone()],
        };
        let visible = |found: &PathBuf| found.is_file() && (found == path || !disk::name(found).starts_with('.'));
        files.extend(found.into_iter().filter(visible).map(LocalFile::new));
    }
    // The same file given twice is meant once.
    let mut seen = std::collections::HashSet::new();
    files.retain(|file| seen.insert(file.path.clone()));
    match files.is_empty() && !given.is_empty() {
        true => Err(Failure::new("no-files", "送信するファイルがありません", "there is no file to send")),
        false => Ok(files),
    }
}
