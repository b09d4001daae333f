//! Licences: which term runs, which comes next, when to warn.
//!
//! A term runs from 00:00 in Japan of the day of application to 24:00 of the day before the same date next year; one that
//! begins on 29 February ends on 28 February.

use crate::store::state::{Office, State, Term};
use careplan_protocol::api;
use careplan_protocol::office::Address;
use careplan_protocol::problem::{Code, Refusal};
use jiff::ToSpan;
use jiff::civil::Date;

/// Days before an end at which a warning begins, for licences and certificates.
pub const WARNINGS: [i64; 5] = [90, 60, 30, 14, 7];

/// The last day of a term that begins on `from`.
pub fn last_day(from: Date) -> Date {
    // jiff clips 29 February plus a year to 28 February, which is then the last day itself.
    let next_year = from.saturating_add(1.year());
    if next_year.day() == from.day() { next_year.saturating_sub(1.day()) } else { next_year }
}

/// The term that runs on a day.
pub fn running(office: &Office, today: Date) -> Option<&Term> {
    office.terms.iter().rev().find(|term| term.ended_at.is_none() && (term.from..=term.until).contains(&today))
}

/// Whether the office may send and be sent to, as far as its licence goes. A term that the hub is about to add by itself
/// counts as running: what is sent at midnight, or first after a long stop of the hub, comes before it.
pub fn runs(office: &Office, today: Date) -> bool {
    running(office, today).is_some() || due_renewal(office, today).is_some()
}

/// The last day that is already paid for: the end of the latest term that was not stopped.
pub fn covered_until(office: &Office) -> Option<Date> {
    office.terms.iter().filter(|term| term.ended_at.is_none()).map(|term| term.until).max()
}

/// The term that the hub adds by itself: the day after the last one ended, unless the office declined or was stopped.
///
/// After a long stop of the hub several terms may be due; each call gives the next.
pub fn due_renewal(office: &Office, today: Date) -> Option<(Date, Date)> {
    if office.removed || office.declined {
        return None;
    }
    let until = covered_until(office)?;
    let from = until.saturating_add(1.day());
    (from <= today).then(|| (from, last_day(from)))
}

/// The first day of a renewal by hand: after the running term, or today after a lapse.
pub fn renewal_start(office: &Office, today: Date) -> Date {
    match covered_until(office) {
        Some(until) if until >= today => until.saturating_add(1.day()),
        _ => today,
    }
}

/// The rules of sending that depend on the registry: the sender's licence, the recipient's standing, licence and types.
///
/// Asked early by access, and again by the decision at the instant of the commit.
///
/// # Errors
/// The first rule that is broken.
pub fn may_exchange(state: &State, today: Date, from: Address, to: Address) -> Result<(), Refusal> {
    let sender = state.registry.office(from.office).ok_or(Code::CertificateUnknown)?;
    if sender.suspended {
        return Err(Code::OfficeSuspended.into());
    }
    if !runs(sender, today) {
        return Err(Code::LicenceExpired.into());
    }
    let recipient = state.registry.office(to.office).ok_or(Code::RecipientUnknown)?;
    if !can_receive(recipient, today) {
        return Err(Code::RecipientUnavailable.into());
    }
    match to.service_type {
        Some(service_type) if !recipient.service_types.contains(&service_type) => {
            Err(Code::RecipientTypeUnknown.into())
        }
        _ if from == to => Err(Refusal::because(
            Code::FieldInvalid,
            "送信元と送信先が同じです。",
            "The sender and the recipient are the same.",
        )),
        _ => Ok(()),
    }
}

/// Whether an office can take transfers now.
pub fn can_receive(office: &Office, today: Date) -> bool {
    !office.removed && !office.suspended && runs(office, today)
}

/// The licence as the office and operators see it.
pub fn describe(office: &Office, today: Date) -> Option<api::Licence> {
    let coming = || office.terms.iter().find(|term| term.ended_at.is_none() && term.from > today);
    let running = running(office, today);
    let term = running.or_else(coming).or_else(|| office.terms.last())?;
    let until = without_gap(office, term);
    Some(api::Licence {
        from: term.from,
        until,
        running: running.is_some(),
        days_left: running.map_or(0, |_| days_between(today, until) + 1),
        renews: !office.declined && !office.removed,
        fee: term.fee,
        campaign: term.campaign.clone(),
    })
}

/// The last day of a term and of those that follow it without a gap.
fn without_gap(office: &Office, term: &Term) -> Date {
    let follows = |until: Date| {
        let next = until.saturating_add(1.day());
        office.terms.iter().find(|later| later.ended_at.is_none() && later.from == next)
    };
    std::iter::successors(Some(term), |term| follows(term.until)).last().unwrap_or(term).until
}

/// Whole days from one day to another.
pub fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

/// The warning that is due with so many days left, if any: the smallest threshold reached.
pub fn warning(days_left: i64) -> Option<i64> {
    WARNINGS.iter().copied().filter(|threshold| days_left <= *threshold).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn office(terms: &[(Date, Date)]) -> Office {
        let term = |&(from, until): &(Date, Date)| Term { from, until, fee: 21_000, campaign: None, ended_at: None };
        Office {
            number: "1379999012".parse().unwrap(),
            name: String::new(),
            kana: String::new(),
            email: String::new(),
            service_types: Vec::new(),
            suspended: false,
            removed: false,
            enrolled_at: jiff::Timestamp::UNIX_EPOCH,
            terms: terms.iter().map(term).collect(),
            declined: false,
            certificates: Vec::new(),
        }
    }

    #[test]
    fn a_term_ends_the_day_before_the_same_date_next_year() {
        assert_eq!(last_day(date(2026, 11, 21)), date(2027, 11, 20));
        assert_eq!(last_day(date(2027, 1, 1)), date(2027, 12, 31));
        assert_eq!(last_day(date(2028, 3, 1)), date(2029, 2, 28));
        assert_eq!(last_day(date(2027, 3, 1)), date(2028, 2, 29));
        assert_eq!(last_day(date(2028, 2, 29)), date(2029, 2, 28));
    }

    #[test]
    fn a_licence_runs_through_its_last_day_and_renews_the_day_after() {
        let from = date(2026, 4, 1);
        let mut office = office(&[(from, last_day(from))]);
        assert!(!runs(&office, date(2026, 3, 31)) && runs(&office, from) && runs(&office, date(2027, 3, 31)));
        assert_eq!(due_renewal(&office, date(2027, 3, 31)), None);
        assert_eq!(due_renewal(&office, date(2027, 4, 1)), Some((date(2027, 4, 1), date(2028, 3, 31))));
        assert!(runs(&office, date(2027, 4, 1)), "nobody is refused in the seconds before the hub adds the term");
        assert!(can_receive(&office, date(2029, 4, 1)), "nor after a long stop of the hub");
        office.declined = true;
        assert_eq!(due_renewal(&office, date(2027, 4, 1)), None);
        assert!(!runs(&office, date(2027, 4, 1)));
    }

    #[test]
    fn a_renewal_starts_after_the_running_term_and_after_a_lapse_today() {
        let from = date(2026, 4, 1);
        let office = office(&[(from, last_day(from))]);
        assert_eq!(renewal_start(&office, date(2026, 12, 1)), date(2027, 4, 1));
        assert_eq!(renewal_start(&office, date(2027, 6, 1)), date(2027, 6, 1));
    }

    #[test]
    fn a_term_added_in_time_moves_the_end_and_one_behind_a_gap_does_not() {
        let (first, second) = ((date(2026, 4, 1), date(2027, 3, 31)), (date(2027, 4, 1), date(2028, 3, 31)));
        let licence = describe(&office(&[first, second]), date(2027, 3, 31)).unwrap();
        assert_eq!((licence.from, licence.until, licence.days_left), (first.0, second.1, 367));
        let later = (date(2027, 5, 1), date(2028, 4, 30));
        let licence = describe(&office(&[first, later]), date(2027, 3, 31)).unwrap();
        assert_eq!((licence.until, licence.days_left), (first.1, 1));
    }

    #[test]
    fn days_left_count_the_last_day_and_warnings_come_in_steps() {
        let from = date(2026, 4, 1);
        let office = office(&[(from, last_day(from))]);
        let licence = describe(&office, date(2027, 3, 31)).unwrap();
        assert_eq!((licence.running, licence.days_left, licence.renews), (true, 1, true));
        assert_eq!(
            (warning(91), warning(90), warning(31), warning(7), warning(0)),
            (None, Some(90), Some(60), Some(7), Some(7))
        );
    }
}
