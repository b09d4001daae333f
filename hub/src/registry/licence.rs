//! Granting, renewing, declining and ending licences.

use super::draft::Draft;
use super::text;
use crate::licence::{covered_until, last_day, renewal_start, running};
use crate::store::event::{Detail, Fact};
use crate::store::state::{Office, Term};
use careplan_protocol::api::{Effect, Grant, LicenceAction};
use careplan_protocol::calendar::day_in_japan;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::Refusal;
use jiff::ToSpan;
use jiff::civil::Date;

/// Whether an action is only to be decided.
pub(super) fn is_dry_run(action: &LicenceAction) -> bool {
    match action {
        LicenceAction::Grant { dry_run, .. }
        | LicenceAction::Renew { dry_run, .. }
        | LicenceAction::Decline { dry_run, .. }
        | LicenceAction::End { dry_run, .. } => *dry_run,
    }
}

/// Does what the action says.
pub(super) fn act(draft: &mut Draft, office: OfficeNumber, action: &LicenceAction) -> Result<Effect, Refusal> {
    match action {
        LicenceAction::Grant { applied_on, fee, campaign, .. } => {
            grant(draft, office, &Grant { applied_on: *applied_on, fee: *fee, campaign: campaign.clone() })
        }
        LicenceAction::Renew { fee, campaign, .. } => renew(draft, office, *fee, campaign.as_deref()),
        LicenceAction::Decline { reason, .. } => decline(draft, office, reason),
        LicenceAction::End { reason, .. } => end(draft, office, reason),
    }
}

/// Adds the first term, or a new one after a lapse. It starts on its own date; a gap before it stays.
pub(super) fn grant(draft: &mut Draft, number: OfficeNumber, grant: &Grant) -> Result<Effect, Refusal> {
    let campaign = text::optional("campaign", grant.campaign.as_deref(), text::NAME)?;
    let today = draft.today;
    let from = grant.applied_on.unwrap_or(today);
    let until = last_day(from);
    let office = draft.office(number)?;
    // What the form leaves open may be anything: a list of offices that is run again tomorrow changes nothing.
    let is_asked = |term: &&Term| {
        let day_fits = grant.applied_on.map_or(term.until >= today, |day| day == term.from);
        let fee_fits = grant.fee.is_none_or(|fee| fee == term.fee);
        term.ended_at.is_none() && day_fits && fee_fits && (campaign.is_none() || campaign == term.campaign)
    };
    if office.terms.iter().any(|term| is_asked(&term)) {
        return Ok(Effect::Unchanged);
    }
    refuse_far(from, until, today)?;
    refuse_overlap(office, from, until)?;
    let fee = fee(grant.fee.unwrap_or(draft.config.licence.fee))?;
    add(draft, number, from, fee, campaign);
    Ok(Effect::Changed)
}

/// Adds the term after the running one, or one from today after a lapse; takes back a decline.
fn renew(
    draft: &mut Draft,
    number: OfficeNumber,
    asked: Option<u32>,
    campaign: Option<&str>,
) -> Result<Effect, Refusal> {
    let campaign = text::optional("campaign", campaign, text::NAME)?;
    let office = draft.office(number)?;
    let Some(last) = running(office, draft.today).or(office.terms.last()) else {
        return Err(text::conflict("まだライセンスがありません。", "There is no licence yet: grant one."));
    };
    let coming = office.terms.iter().find(|term| term.ended_at.is_none() && term.from > draft.today);
    if let Some(coming) = coming.filter(|_| !office.declined) {
        let same_fee = asked.is_none_or(|fee| fee == coming.fee);
        return match same_fee && (campaign.is_none() || campaign == coming.campaign) {
            true => Ok(Effect::Unchanged),
            false => Err(text::conflict(
                format!("次の期間（{} から）は登録済みです。", coming.from),
                format!("The next term, from {}, is there already with another fee or campaign.", coming.from),
            )),
        };
    }
    let fee = fee(asked.unwrap_or(last.fee))?;
    let from = renewal_start(office, draft.today);
    add(draft, number, from, fee, campaign);
    Ok(Effect::Changed)
}

/// No next term.
fn decline(draft: &mut Draft, number: OfficeNumber, reason: &str) -> Result<Effect, Refusal> {
    let reason = text::required("reason", reason, text::REASON)?;
    let office = draft.office(number)?;
    if office.declined {
        return Ok(Effect::Unchanged);
    }
    if covered_until(office).is_none_or(|until| until < draft.today) {
        return Err(nothing_runs());
    }
    draft.record(Fact::LicenceDeclined { office: number }, Detail { reason: Some(reason), ..Detail::default() });
    Ok(Effect::Changed)
}

/// Stops now, terms to come included.
fn end(draft: &mut Draft, number: OfficeNumber, reason: &str) -> Result<Effect, Refusal> {
    let reason = text::required("reason", reason, text::REASON)?;
    let office = draft.office(number)?;
    if covered_until(office).is_some_and(|until| until >= draft.today) {
        let fact = Fact::LicenceEnded { office: number, day: Some(draft.today) };
        draft.record(fact, Detail { reason: Some(reason), ..Detail::default() });
        return Ok(Effect::Changed);
    }
    match office.terms.last().is_some_and(|term| term.ended_at.is_some()) {
        true => Ok(Effect::Unchanged),
        false => Err(nothing_runs()),
    }
}

fn add(draft: &mut Draft, office: OfficeNumber, from: Date, fee: u32, campaign: Option<String>) {
    let fact = Fact::LicenceTerm { office, from, until: last_day(from), fee };
    draft.record(fact, Detail { campaign, ..Detail::default() });
}

/// A slip in the year would grant a term that is over, and the hub would renew it year by year up to today.
fn refuse_far(from: Date, until: Date, today: Date) -> Result<(), Refusal> {
    if until < today {
        return Err(text::invalid(
            format!("{from} からの期間は {until} に終わっています。"),
            format!("A term from {from} would be over since {until}."),
        ));
    }
    if from > today.saturating_add(1.year()) {
        return Err(text::invalid("申請日が一年以上先です。", "The day of application is more than a year ahead."));
    }
    Ok(())
}

/// A stopped term was used up to the day of its stop.
fn refuse_overlap(office: &Office, from: Date, until: Date) -> Result<(), Refusal> {
    let overlaps = |term: &&Term| match term.ended_at {
        None => term.from <= until && from <= term.until,
        Some(ended_at) => term.from < day_in_japan(ended_at) && from < day_in_japan(ended_at) && term.from <= until,
    };
    match office.terms.iter().find(overlaps) {
        None => Ok(()),
        Some(term) => Err(text::conflict(
            format!("{} から {} までの期間と重なります。", term.from, term.until),
            format!("It would overlap with the term from {} to {}.", term.from, term.until),
        )),
    }
}

fn fee(yen: u32) -> Result<u32, Refusal> {
    match yen <= MOST {
        true => Ok(yen),
        false => Err(text::invalid("fee が大きすぎます。", "fee is too large.")),
    }
}

fn nothing_runs() -> Refusal {
    text::conflict("有効なライセンスがありません。", "No licence is running.")
}

/// A fee above this is a slip of the hand.
const MOST: u32 = 10_000_000;
