//! Who can be reached.

mod list;
mod show;

use super::SharedApp;
use crate::access::Caller;
use crate::licence;
use crate::store::state::{Office, State};
use axum::Router;
use axum::routing::get;
use careplan_protocol::api::{DirectoryEntry, LastSeen};
use careplan_protocol::calendar::{Month, day_in_japan};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::routes;
use jiff::ToSpan as _;

pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(routes::DIRECTORY, get(list::list)).route(routes::DIRECTORY_OFFICE, get(show::show))
}

/// The routes here, for the OpenAPI document.
#[derive(utoipa::OpenApi)]
#[openapi(paths(list::list, show::show))]
pub(in crate::http) struct Described;

/// The office that asks, if an office does.
fn asking(caller: &Caller) -> Option<OfficeNumber> {
    match caller {
        Caller::Office { office, .. } => Some(*office),
        Caller::Operator { .. } | Caller::Auditor { .. } => None,
    }
}

fn entry(app: &SharedApp, state: &State, office: &Office, asking: Option<OfficeNumber>) -> DirectoryEntry {
    DirectoryEntry {
        office: office.number,
        name: office.name.clone(),
        service_types: office.service_types.clone(),
        prefecture: office.number.prefecture(),
        can_receive: licence::can_receive(office, app.store.today()),
        last_seen: last_seen(app, state, office.number, asking),
    }
}

/// Coarse, and only for partners of the last twelve months.
fn last_seen(app: &SharedApp, state: &State, office: OfficeNumber, asking: Option<OfficeNumber>) -> Option<LastSeen> {
    let now = app.clock.now();
    let a_year_ago = Month::of(day_in_japan(now).saturating_sub(12.months()));
    let mailbox = state.mailboxes.get(&asking?)?;
    mailbox.partners.get(&office).filter(|month| **month >= a_year_ago)?;
    let days = app.access.presence().seen(office).map(|seen| (now.as_second() - seen.at.as_second()) / 86_400);
    Some(match days {
        Some(..=6) => LastSeen::Within7Days,
        Some(..=29) => LastSeen::Within30Days,
        _ => LastSeen::Over30Days,
    })
}
