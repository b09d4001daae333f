//! `send`: what was interrupted is finished first; then a plan is shown, agreed to, and carried out.

mod account;
mod carrying;
mod plan;

use crate::program::cli::Send;
use crate::program::failure::Failure;
use crate::program::{Context, Exit, asking};
use account::Account;
use careplan_client::disk;
use careplan_client::journal::{Intent, Journal, Pending};
use careplan_client::parcels::LocalFile;
use careplan_client::planning::{Plan, Wishes};
use careplan_client::sending::{self, SendError};
use serde_json::json;
use std::collections::HashSet;
use std::path::PathBuf;

/// Sends files.
pub(crate) async fn run(context: &mut Context, what: Send) -> Result<Exit, Failure> {
    let desk = context.desk()?;
    let screen = context.screen;
    let files = collect(&what.files)?;
    let mut account = Account::default();
    // What `sync` began, sync finishes: it also moves the files.
    let journal = Journal::open(&desk.profile)?;
    let earlier = journal.unfinished(None)?;
    if what.dry_run {
        let plan = Plan::make(&desk, files, Wishes { to: what.to, strict: what.strict }).await?;
        plan::show(&screen, &plan);
        screen.value(&json!({"plan": plan::value(&screen, &plan), "unfinished": earlier.len()}));
        return Ok(plan::outlook(&plan));
    }
    for folder in journal.put_damaged_aside()? {
        account.damage(&screen, &folder);
    }
    let mut begun: Vec<_> = earlier.iter().map(|pending| pending.intent.clone()).collect();
    let ours: HashSet<String> = begun.iter().map(|intent| intent.key.clone()).collect();
    let mut done = carrying::carry(&desk, &screen, earlier, &mut account).await?;
    // What was recalled since is over: the same files given again are another send.
    begun.retain(|intent| !account.recalled.contains(&intent.key));
    if what.files.is_empty() {
        if done.is_empty() && account.is_empty() {
            screen.say("途中の送信はありません。", "Nothing is unfinished.");
        }
        return conclude(context, done, &account, None);
    }
    let plan = Plan::make(&desk, files, Wishes { to: what.to, strict: what.strict }).await?;
    plan::show(&screen, &plan);
    account.know(&screen, &plan);
    match agreed(context, &what, &plan).await {
        Agreed::Yes => {}
        Agreed::No => account.decline(&plan),
        Agreed::CannotAsk => {
            account.show(&screen);
            let exit = cannot_ask(context, &account);
            finish(done)?;
            return Ok(exit);
        }
    }
    if account.declined.is_empty() {
        let mut pending = Vec::new();
        let turn = journal.turn()?;
        let mut others = journal.intents()?;
        others.retain(|other| !ours.contains(&other.key));
        for parcel in plan.parcels() {
            let next = sending::begin(&desk, parcel, &what.message, None)?;
            let same = |other: &Intent| other.sends_the_same(&next.intent);
            if begun.iter().any(same) {
                // The person repeats a command that was interrupted: that send has just been finished, or still waits.
                next.finish()?;
            } else if others.iter().any(same) {
                account.take(&screen, &next.intent, Err(SendError::Underway));
                next.finish()?;
            } else {
                pending.push(next);
            }
        }
        drop(turn);
        done.extend(carrying::carry(&desk, &screen, pending, &mut account).await?);
    }
    account.take_plan(&screen, &plan);
    conclude(context, done, &account, Some(&plan))
}

enum Agreed {
    Yes,
    No,
    CannotAsk,
}

async fn agreed(context: &Context, what: &Send, plan: &Plan) -> Agreed {
    let count = plan.parcels().count();
    if what.yes || count == 0 {
        return Agreed::Yes;
    }
    if !asking::is_possible(&context.screen) {
        return Agreed::CannotAsk;
    }
    // Whoever only presses Enter has not read what is wrong.
    let all_well =
        plan.parcels().count() == plan.entries.len() && plan.entries.iter().all(|entry| !entry.has_warnings());
    let question = context.screen.pick(format!("{count} 件を送信しますか"), format!("Send {count} transfers?"));
    match asking::yes(&question, all_well).await {
        true => Agreed::Yes,
        false => Agreed::No,
    }
}

/// What was interrupted before and is finished now has been told by the account.
fn cannot_ask(context: &Context, account: &Account) -> Exit {
    let text = match account.is_empty() {
        true => context.screen.pick(
            "送信していません。確認の質問ができないため、--yes を付けて実行してください",
            "nothing was sent: nobody can be asked here; run it again with --yes",
        ),
        false => context.screen.pick(
            "途中だった送信だけを続けました。指定のファイルは、確認の質問ができないため送信していません。--yes を付けて実行してください",
            "only what was unfinished was gone on with; the files given were not sent, as nobody can be asked here: run it again with --yes",
        ),
    };
    let mut value = account.value(None);
    value["error"] = json!({"code": "not-confirmed", "text": text});
    context.screen.value(&value);
    if !context.screen.json {
        context.screen.complain(text);
    }
    Exit::WrongUse
}

fn conclude(context: &Context, done: Vec<Pending>, account: &Account, plan: Option<&Plan>) -> Result<Exit, Failure> {
    account.show(&context.screen);
    context.screen.value(&account.value(plan.map(|plan| plan::value(&context.screen, plan))));
    finish(done)?;
    Ok(account.exit())
}

/// Takes what was accepted out of the journal, once all of it is told: until then the same command finds it there.
fn finish(done: Vec<Pending>) -> Result<(), Failure> {
    done.into_iter().try_for_each(|pending| Ok(pending.finish()?))
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
    let mut seen = HashSet::new();
    files.retain(|file| seen.insert(file.path.clone()));
    match files.is_empty() && !given.is_empty() {
        true => Err(Failure::new("no-files", "送信するファイルがありません", "there is no file to send")),
        false => Ok(files),
    }
}
