//! `GET /v1/offices/{office}`: licence, certificates, limits, usage, warnings.

use crate::access::Alarm;
use crate::http::extract::{Acting, Certified, Speaking};
use crate::http::{Refused, SharedApp};
use crate::licence;
use crate::store::state::{Certificate, Meter, Office, State as HubState};
use axum::Json;
use axum::extract::State;
use careplan_protocol::api::{self, HubInformation, Limits, OfficeStatus, Usage, Warning};
use careplan_protocol::calendar::{Month, day_in_japan};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::{Code, Language};
use careplan_protocol::transfer::{Fingerprint, TransferId};
use jiff::civil::Date;

/// Licence, certificates, limits, usage, warnings of the office itself.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::OFFICE,
    operation_id = "office_status",
    tag = "offices",
    params(
        ("office" = careplan_protocol::office::OfficeNumber, Path, description = "The office acted for"),
    ),
    responses(
        (status = 200, description = "The office", body = careplan_protocol::api::OfficeStatus),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn status(
    State(app): State<SharedApp>,
    Acting(permit): Acting,
    Certified(peer): Certified,
    Speaking(language): Speaking,
) -> Result<Json<OfficeStatus>, Refused> {
    let state = app.store.state();
    let today = app.store.today();
    let office = state.registry.office(permit.office()).ok_or(Code::NotFound)?;
    let certificates = certificates(&state, office, peer.fingerprint);
    let licence = licence::describe(office, today);
    let mut warnings = warnings(licence.as_ref(), &certificates, today, language);
    warnings.extend(app.access.presence().alarm_of(office.number).map(|alarm| missing(&alarm, language)));
    Ok(Json(OfficeStatus {
        office: office.number,
        name: office.name.clone(),
        service_types: office.service_types.clone(),
        standing: office.standing(),
        licence,
        certificates,
        limits: limits(&app),
        standard: api::Standard { policy: app.config.standard.policy },
        usage: usage(&state, office.number),
        unfetched: state.mailboxes.get(&office.number).map_or(0, |mailbox| mailbox.unfetched.len() as u64),
        warnings,
        hub: HubInformation {
            name: app.config.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now: app.clock.now(),
            notice: notice(language, app.config.retention.days),
        },
    }))
}

fn certificates(state: &HubState, office: &Office, this_one: Fingerprint) -> Vec<api::Certificate> {
    let known = office.certificates.iter().rev().filter_map(|fingerprint| state.registry.certificates.get(fingerprint));
    known.take(MOST_CERTIFICATES).map(|certificate| described(certificate, this_one)).collect()
}

fn described(certificate: &Certificate, this_one: Fingerprint) -> api::Certificate {
    api::Certificate {
        fingerprint: certificate.fingerprint,
        label: certificate.label.clone(),
        serial: certificate.serial.clone(),
        not_before: certificate.not_before,
        not_after: certificate.not_after,
        revoked_at: certificate.revoked_at,
        revoked_because: certificate.revoked_at.map(|_| certificate.revoked_because.clone()),
        office: None,
        this_one: certificate.fingerprint == this_one,
    }
}

fn limits(app: &SharedApp) -> Limits {
    let limits = &app.config.limits;
    Limits {
        files: limits.files,
        images: limits.images,
        transfer_bytes: limits.transfer_bytes,
        csv_bytes: limits.csv_bytes,
        jpeg_bytes: limits.jpeg_bytes,
        pdf_bytes: limits.pdf_bytes,
        message_characters: limits.message_characters,
        retention_days: app.config.retention.days,
        requests_per_minute: limits.requests_per_minute,
    }
}

fn usage(state: &HubState, office: OfficeNumber) -> Vec<Usage> {
    let (first, last) = (Month::new(1900, 1), Month::new(9999, 12));
    let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
    let row = |(&(office, month), meter): (&(OfficeNumber, Month), &Meter)| Usage {
        office,
        month,
        sent: meter.sent.clone(),
        received: meter.received.clone(),
    };
    state.meters.range((office, first)..=(office, last)).rev().take(MOST_MONTHS).map(row).collect()
}

fn warnings(
    licence: Option<&api::Licence>,
    certificates: &[api::Certificate],
    today: Date,
    language: Language,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |code: &str, days_left: i64, japanese: String, english: String| {
        let text = if language == Language::Japanese { japanese } else { english };
        warnings.push(Warning { code: code.to_owned(), days_left, text });
    };
    match licence {
        Some(licence) if !licence.running => warn(
            "licence-ended",
            0,
            "ライセンスの有効期間外です。送信できません。".to_owned(),
            "No licence is running: nothing can be sent.".to_owned(),
        ),
        Some(licence) if !licence.renews && licence::warning(licence.days_left).is_some() => warn(
            "licence-ends",
            licence.days_left,
            format!("ライセンスはあと {} 日で終わり、自動更新されません。", licence.days_left),
            format!("The licence ends in {} days and does not renew.", licence.days_left),
        ),
        _ => {}
    }
    for certificate in certificates.iter().filter(|certificate| certificate.revoked_at.is_none()) {
        let days_left = licence::days_between(today, day_in_japan(certificate.not_after));
        if licence::warning(days_left).is_some() && days_left >= 0 {
            warn(
                "certificate-ends",
                days_left,
                format!("証明書「{}」はあと {days_left} 日で期限が切れます。", certificate.label),
                format!("The certificate “{}” expires in {days_left} days.", certificate.label),
            );
        }
    }
    warnings
}

/// The office holds a receipt that the hub does not: what was sent since the hub's last backup has to be sent again.
fn missing(alarm: &Alarm, language: Language) -> Warning {
    let transfer = TransferId { epoch: alarm.epoch, position: alarm.position };
    let text = match language {
        Language::Japanese => format!(
            "お手元の受領証 {transfer} の送信が、ハブに残っていません（ハブがバックアップから復元されました）。この送信と、その前後に送ったものを「careplan sent」で確かめ、一覧にないものはもう一度送信してください。"
        ),
        Language::English => format!(
            "The hub no longer has {transfer}, for which you hold a receipt: it was restored from a backup. Look with `careplan sent` for this and what you sent around it, and send again what is not listed."
        ),
    };
    Warning { code: "receipt-missing".to_owned(), days_left: 0, text }
}

/// The hub is no archive, and says so.
fn notice(language: Language, days: u32) -> String {
    match language {
        Language::Japanese => format!(
            "このハブは保管庫ではありません。ファイルは受付から {days} 日で削除されます。記録の保存（2 年、自治体により 5 年）は各事業所で行ってください。"
        ),
        Language::English => format!(
            "This hub is no archive: files are deleted {days} days after acceptance. Keeping the records (two years, five in some places) is each office's own duty."
        ),
    }
}

const MOST_CERTIFICATES: usize = 50;
const MOST_MONTHS: usize = 24;
