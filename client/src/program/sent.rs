//! `sent` and `recall`.

use crate::program::cli::{Recall, Sent};
use crate::program::failure::Failure;
use crate::program::inbox::{latest, show};
use crate::program::{Context, Exit};
use careplan_client::connection::{Error, PAGE, all_pages};
use careplan_client::texts::local_time;
use careplan_protocol::api::OutboxQuery;
use careplan_protocol::problem::Code;
use serde_json::json;

/// Lists what was sent.
pub(crate) async fn run(context: &mut Context, what: Sent) -> Result<Exit, Failure> {
    let desk = context.desk()?;
    let query = OutboxQuery {
        after: None,
        limit: Some(PAGE),
        to: what.to,
        service_type: desk.address.service_type,
        state: what.state,
        month: what.month,
        since: what.since,
        until: what.until,
        unfetched: what.unfetched.then_some(true),
    };
    let items = all_pages(async |after| {
        let query = OutboxQuery { after, ..query.clone() };
        desk.ask(|| desk.connection.outbox(desk.office(), &query)).await
    })
    .await?;
    let items = latest(items, what.limit);
    context.screen.value(&json!({ "items": items }));
    show(&context.screen, &items, ("送信先", "to"), |transfer| (transfer.to.to_string(), &transfer.to_name));
    Ok(Exit::Done)
}

/// Takes a transfer back.
pub(crate) async fn recall(context: &mut Context, what: Recall) -> Result<Exit, Failure> {
    let desk = context.desk()?;
    let transfer = what.transfer;
    match desk.ask(|| desk.connection.recall(desk.office(), transfer)).await {
        Ok(()) => {
            context.screen.say(
                format!("{transfer} を取り消しました。相手は受信していません。"),
                format!("{transfer} is recalled; the recipient has not seen it."),
            );
            context.screen.value(&json!({"transfer": transfer, "state": "recalled"}));
            Ok(Exit::Done)
        }
        Err(why) => Err(too_late(why)),
    }
}

/// A recall that came too late says when the recipient fetched.
fn too_late(why: Error) -> Failure {
    let fetched_at = match &why {
        Error::Problem { problem, .. } if problem.known_code() == Some(Code::AlreadyFetched) => {
            problem.fetched_at.as_ref().and_then(|at| at.parse().ok()).map(local_time)
        }
        _ => None,
    };
    match fetched_at {
        Some(at) => Failure::new(
            Code::AlreadyFetched.as_str(),
            format!("相手が {at} に受信済みのため取り消せません。相手の事業所に連絡してください"),
            format!("the recipient fetched it at {at}, so it cannot be recalled; call the recipient"),
        ),
        None => why.into(),
    }
}
