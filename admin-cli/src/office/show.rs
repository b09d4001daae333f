//! One office, for people.

use crate::failure::Failure;
use crate::output::{day, instant, pairs, table};
use crate::session::Session;
use careplan_protocol::api::{Certificate, Licence, OfficeRecord};
use careplan_protocol::office::OfficeNumber;

/// Shows everything about an office.
pub(super) async fn run(session: &Session, office: OfficeNumber) -> Result<(), Failure> {
    let record = session.hub()?.known_office(office).await?;
    session.output.show(&record, text)
}

/// An office with its certificates as text.
pub(crate) fn text(office: &OfficeRecord) -> String {
    format!("{}\n{}", head(office), certificates(&office.certificates))
}

/// An office as text.
pub(crate) fn head(office: &OfficeRecord) -> String {
    let types: Vec<&str> = office.service_types.iter().map(|kind| kind.as_str()).collect();
    let licence = office.licence.as_ref().map_or_else(|| "none".to_owned(), licence);
    let seen = office.last_seen.map_or_else(|| "never since the hub started".to_owned(), instant);
    let program = office.client.as_ref().map(|client| format!(" with {client}")).unwrap_or_default();
    pairs(&[
        ("office", office.office.to_string()),
        ("name", office.name.clone()),
        ("kana", office.kana.clone()),
        ("email", office.email.clone()),
        ("types", types.join(" ")),
        ("standing", super::standing(office.standing).to_owned()),
        ("enrolled", instant(office.enrolled_at)),
        ("licence", licence),
        ("last seen", format!("{seen}{program}")),
        ("unfetched", office.unfetched.to_string()),
    ])
}

/// Certificates as a table.
pub(crate) fn certificates(certificates: &[Certificate]) -> String {
    table(
        ["fingerprint", "office", "label", "until", "revoked"],
        certificates.iter().map(|found| {
            let because = found.revoked_because.clone().unwrap_or_default();
            [
                found.fingerprint.to_string(),
                found.office.map(|office| office.to_string()).unwrap_or_default(),
                found.label.clone(),
                day(found.not_after),
                found.revoked_at.map(|at| format!("{} {because}", instant(at))).unwrap_or_default(),
            ]
        }),
    )
}

fn licence(licence: &Licence) -> String {
    let campaign = licence.campaign.as_ref().map(|name| format!(", campaign {name}")).unwrap_or_default();
    let running = match (licence.running, licence.renews) {
        (true, true) => format!("{} days left, renews by itself", licence.days_left),
        (true, false) => format!("{} days left, does not renew", licence.days_left),
        (false, _) => "not running".to_owned(),
    };
    format!("{} to {}, {} yen{campaign} ({running})", licence.from, licence.until, licence.fee)
}

/// The last day of a licence, or why there is none.
pub(crate) fn licence_until(licence: Option<&Licence>) -> String {
    match licence {
        None => "none".to_owned(),
        Some(licence) if licence.running => licence.until.to_string(),
        Some(licence) => format!("{} (not running)", licence.until),
    }
}
