//! `fetch`: named transfers, or everything new.

use crate::program::cli::Fetch;
use crate::program::failure::{Failure, fetch_code};
use crate::program::{Context, Exit, progress};
use careplan_client::desk::Desk;
use careplan_client::fetching::{self, Destination, FetchError, Layout};
use careplan_client::texts::Explain as _;
use careplan_protocol::api::Transfer;
use careplan_protocol::transfer::TransferId;
use serde_json::{Value, json};
use std::collections::HashSet;

/// What became of everything so far.
#[derive(Default)]
struct Account {
    fetched: Vec<Value>,
    failed: Vec<Value>,
}

/// Brings transfers onto this computer.
pub(crate) async fn run(context: &mut Context, what: Fetch) -> Result<Exit, Failure> {
    let desk = context.desk()?;
    let into = std::path::absolute(&what.into).map_err(|why| Failure::disk(&what.into, &why))?;
    std::fs::create_dir_all(&into).map_err(|why| Failure::disk(&into, &why))?;
    let layout = if what.flat { Layout::Flat } else { Layout::Folders };
    let to = Destination { folder: into, layout, exact: false, marker: None };
    let mut account = Account::default();
    match what.new {
        true => fetch_new(context, &desk, &to, &mut account).await?,
        false => fetch_named(context, &desk, &to, &what.transfers, &mut account).await?,
    }
    context.screen.value(&json!({"fetched": account.fetched, "failed": account.failed}));
    Ok(match (account.fetched.is_empty(), account.failed.is_empty()) {
        (_, true) => Exit::Done,
        (true, false) => Exit::Failed,
        (false, false) => Exit::Partly,
    })
}

async fn fetch_new(context: &Context, desk: &Desk, to: &Destination, account: &mut Account) -> Result<(), Failure> {
    let mut tried = HashSet::new();
    let mut waiting = fetching::unfinished(desk).await?;
    loop {
        for transfer in &waiting {
            tried.insert(transfer.id);
            fetch(context, desk, transfer, to, false, account).await?;
        }
        waiting = fetching::untried_transfers(desk, &tried).await?;
        if waiting.is_empty() {
            break;
        }
    }
    if tried.is_empty() {
        context.screen.say("新しい受信はありません。", "Nothing new.");
    }
    Ok(())
}

async fn fetch_named(
    context: &Context,
    desk: &Desk,
    to: &Destination,
    transfers: &[TransferId],
    account: &mut Account,
) -> Result<(), Failure> {
    for id in transfers {
        match desk.ask(|| desk.connection.received(desk.office(), *id)).await {
            Ok(transfer) => fetch(context, desk, &transfer, to, true, account).await?,
            Err(why) => failed(context, *id, &why.into(), account),
        }
    }
    Ok(())
}

async fn fetch(
    context: &Context,
    desk: &Desk,
    transfer: &Transfer,
    to: &Destination,
    again: bool,
    account: &mut Account,
) -> Result<(), Failure> {
    let screen = context.screen;
    let bar = progress::bar(&screen, transfer.bytes, &transfer.id.to_string());
    let moving = bar.clone();
    let result = fetching::fetch(desk, transfer, to, again, move |bytes| moving.inc(bytes)).await;
    bar.finish_and_clear();
    match result {
        Ok(record) => {
            let (id, from, count) = (transfer.id, transfer.from, record.files.len());
            screen.say(
                format!("{id}  {from} {} から {count} ファイルを受信しました", transfer.from_name),
                format!("{id}  {count} files fetched from {from} {}", transfer.from_name),
            );
            if !transfer.message.is_empty() {
                let message = crate::program::screen::printable(&transfer.message);
                screen.say(format!("  メッセージ: {message}"), format!("  message: {message}"));
            }
            for file in &record.files {
                screen.say(format!("  {}", file.path.display()), format!("  {}", file.path.display()));
            }
            let files: Vec<_> = record.files.iter().map(|file| &file.path).collect();
            account.fetched.push(json!({"transfer": id, "from": from, "message": transfer.message, "files": files}));
            Ok(())
        }
        Err(FetchError::Elsewhere) if !again => Ok(()),
        Err(FetchError::Disk(why)) if fetching::concerns_all(&why) => Err(FetchError::Disk(why).into()),
        Err(why) => {
            failed(context, transfer.id, &why, account);
            Ok(())
        }
    }
}

fn failed(context: &Context, transfer: TransferId, why: &FetchError, account: &mut Account) {
    let text = why.explain(context.screen.language);
    if !context.screen.json {
        context.screen.complain(&format!("{transfer}: {text}"));
    }
    account.failed.push(json!({"transfer": transfer, "code": fetch_code(why), "reason": text}));
}
