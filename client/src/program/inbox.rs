//! `inbox` and `ack`.

use crate::program::cli::{Ack, Inbox};
use crate::program::failure::Failure;
use crate::program::screen::Screen;
use crate::program::{Context, Exit};
use careplan_client::connection::{PAGE, all_pages};
use careplan_client::fetching::{Records, new_transfers};
use careplan_client::texts::local_time;
use careplan_protocol::api::{Acknowledge, InboxQuery, Transfer};
use careplan_protocol::problem::Language;
use careplan_protocol::transfer::{Outcome, State};
use serde_json::json;

/// Lists what came in.
pub(crate) async fn run(context: &mut Context, what: Inbox) -> Result<Exit, Failure> {
    let desk = context.desk()?;
    let items = match what.new {
        true => {
            let wanted = |transfer: &Transfer| {
                what.from.is_none_or(|from| transfer.from.office == from)
                    && what.month.is_none_or(|month| transfer.month == month)
                    && what.state.is_none_or(|state| transfer.state == state)
            };
            new_transfers(&desk).await?.into_iter().filter(wanted).collect()
        }
        false => {
            let query = InboxQuery {
                limit: Some(PAGE),
                from: what.from,
                month: what.month,
                state: what.state,
                service_type: desk.address.service_type,
                ..InboxQuery::default()
            };
            all_pages(async |after| {
                let query = InboxQuery { after, ..query.clone() };
                desk.ask(|| desk.connection.inbox(desk.office(), &query)).await
            })
            .await?
        }
    };
    let items = latest(items, what.limit);
    context.screen.value(&json!({ "items": items }));
    show(&context.screen, &items, ("送信元", "from"), |transfer| (transfer.from.to_string(), &transfer.from_name));
    Ok(Exit::Done)
}

/// Tells the sender what became of a transfer.
pub(crate) async fn acknowledge(context: &mut Context, what: Ack) -> Result<Exit, Failure> {
    let desk = context.desk()?;
    let outcome = if what.imported { Outcome::Imported } else { Outcome::Rejected };
    let acknowledge = Acknowledge { outcome, reason: what.rejected };
    desk.ask(|| desk.connection.acknowledge(desk.office(), what.transfer, &acknowledge)).await?;
    Records::open(&desk.profile)?.acknowledged(what.transfer)?;
    let transfer = what.transfer;
    match outcome {
        Outcome::Imported => {
            context
                .screen
                .say(format!("{transfer} を取込済にしました。"), format!("{transfer} is marked as imported."));
        }
        Outcome::Rejected => {
            context
                .screen
                .say(format!("{transfer} を取込不可にしました。"), format!("{transfer} is marked as rejected."));
        }
    }
    context.screen.value(&json!({"transfer": transfer, "outcome": outcome}));
    Ok(Exit::Done)
}

/// A list of transfers as a table.
pub(crate) fn show<'a>(
    screen: &Screen,
    items: &'a [Transfer],
    who: (&str, &str),
    other: impl Fn(&'a Transfer) -> (String, &'a String),
) {
    if items.is_empty() {
        screen.say("ありません。", "Nothing.");
        return;
    }
    let row = |transfer: &'a Transfer| {
        let (address, name) = other(transfer);
        vec![
            transfer.id.to_string(),
            local_time(transfer.accepted_at),
            format!("{address} {name}"),
            class(screen, transfer),
            format!("{}{}", transfer.month, if transfer.month_by_acceptance { "*" } else { "" }),
            files(transfer),
            stands(screen, transfer),
            transfer.message.clone(),
        ]
    };
    let heads = [
        ("番号", "transfer"),
        ("受付日時", "accepted"),
        who,
        ("種別", "class"),
        ("対象年月", "month"),
        ("ファイル", "files"),
        ("状態", "state"),
        ("メッセージ", "message"),
    ];
    screen.table(&heads, items.iter().map(row).collect());
}

/// The word for a state.
pub(crate) fn state(screen: &Screen, state: State) -> String {
    screen.pick(state.japanese(), state.as_str()).to_owned()
}

/// The state, and under it what later units did to this one and whether it came late.
fn stands(screen: &Screen, transfer: &Transfer) -> String {
    let mut words = vec![state(screen, transfer.state)];
    words.extend(transfer.marks.iter().flat_map(|marks| marks.words(screen.language)));
    words.extend(transfer.late.then(|| screen.pick("遅れて到着", "late").to_owned()));
    words.join("\n")
}

fn class(screen: &Screen, transfer: &Transfer) -> String {
    match screen.language {
        Language::Japanese => transfer.class.japanese().to_owned(),
        Language::English => format!("{:?}", transfer.class).to_lowercase(),
    }
}

fn files(transfer: &Transfer) -> String {
    match transfer.files.as_slice() {
        [] => transfer.file_count.to_string(),
        files => files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join("\n"),
    }
}

/// The last so many.
pub(crate) fn latest<T>(mut items: Vec<T>, limit: Option<usize>) -> Vec<T> {
    let surplus = items.len().saturating_sub(limit.unwrap_or(usize::MAX));
    items.drain(..surplus);
    items
}
