//! Registering and revoking certificates of offices.

use super::draft::Draft;
use super::text;
use crate::identity::{self, Certificate};
use crate::store::event::{Detail, Fact};
use careplan_protocol::api::{Effect, RegisterCertificate};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::transfer::Fingerprint;

/// Reads a certificate as the handshake would.
pub(super) fn read(pem: &str) -> Result<Certificate, Refusal> {
    identity::read_pem(pem)
        .map_err(|why| text::invalid(format!("証明書を登録できません（{why}）。"), format!("The certificate: {why}.")))
}

/// Registers a certificate for an office. With the reason `lost`, others of the office are revoked beside it.
pub(super) fn register(
    draft: &mut Draft,
    number: OfficeNumber,
    form: &RegisterCertificate,
    certificate: &Certificate,
) -> Result<Effect, Refusal> {
    let (label, reason) =
        (text::line("label", &form.label, text::NAME)?, text::line("reason", &form.reason, text::REASON)?);
    let verified_by = text::optional("verified_by", Some(&form.verified_by), text::REASON)?;
    let lost = reason == LOST;
    if lost && verified_by.is_none() {
        return Err(text::missing("verified_by"));
    }
    if !lost && !form.revokes.is_empty() {
        return Err(text::invalid(
            "revokes は reason が lost のときだけ指定できます。",
            "revokes goes with the reason lost only.",
        ));
    }
    draft.office(number)?;
    refuse_foreign(draft, number, certificate)?;
    let before = draft.events.len();
    if draft.registry.certificates.get(&certificate.fingerprint).is_none() {
        let fact = Fact::CertificateRegistered {
            office: number,
            certificate: certificate.fingerprint,
            not_before: certificate.not_before,
            not_after: certificate.not_after,
        };
        let reason = (!reason.is_empty()).then(|| reason.clone());
        let (label, serial) = (Some(label), Some(certificate.serial.clone()));
        let detail = Detail { label, serial, reason, verified_by: verified_by.clone(), ..Detail::default() };
        draft.record(fact, detail);
    }
    if lost {
        revoke_lost(draft, number, certificate.fingerprint, &form.revokes, verified_by)?;
    }
    Ok(if draft.events.len() == before { Effect::Unchanged } else { Effect::Changed })
}

/// Revokes a certificate of an office.
pub(super) fn revoke(draft: &mut Draft, certificate: Fingerprint, reason: &str) -> Result<Effect, Refusal> {
    let reason = text::required("reason", reason, text::REASON)?;
    if draft.registry.people.contains_key(&certificate) || draft.is_configured(&certificate) {
        return Err(text::conflict(
            "この証明書は運営者または監査者のものです。人の削除を使ってください。",
            "This is an operator's or auditor's certificate: remove the person.",
        ));
    }
    let known = draft.registry.certificates.get(&certificate).ok_or(Code::NotFound)?;
    if known.revoked_at.is_some() {
        return Ok(Effect::Unchanged);
    }
    let office = known.office;
    draft
        .record(Fact::CertificateRevoked { office, certificate }, Detail { reason: Some(reason), ..Detail::default() });
    Ok(Effect::Changed)
}

/// A certificate stands for one principal, for ever: what was revoked does not come back.
fn refuse_foreign(draft: &Draft, number: OfficeNumber, certificate: &Certificate) -> Result<(), Refusal> {
    if certificate.office.is_some_and(|named| named != number) {
        return Err(text::invalid(
            "証明書に別の事業所番号が書かれています。",
            "The certificate names another office number.",
        ));
    }
    refuse_ended(draft, certificate)?;
    if draft.registry.people.contains_key(&certificate.fingerprint) || draft.is_configured(&certificate.fingerprint) {
        return Err(text::conflict(
            "この証明書は運営者または監査者のものです。",
            "This certificate stands for an operator or auditor.",
        ));
    }
    match draft.registry.certificates.get(&certificate.fingerprint) {
        None => Ok(()),
        Some(known) if known.office != number => Err(text::conflict(
            "この証明書は別の事業所に登録されています。",
            "This certificate is registered for another office.",
        )),
        Some(known) if known.revoked_at.is_some() => Err(text::conflict(
            "この証明書は失効しています。新しい証明書を発行してください。",
            "This certificate was revoked: issue a new one.",
        )),
        Some(_) => Ok(()),
    }
}

/// A certificate that has ended can never be used.
pub(super) fn refuse_ended(draft: &Draft, certificate: &Certificate) -> Result<(), Refusal> {
    match certificate.not_after < draft.clock {
        true => Err(text::invalid("証明書の有効期間が終わっています。", "The certificate has expired.")),
        false => Ok(()),
    }
}

/// Revokes the certificates named, or all of the office, but not the new one.
fn revoke_lost(
    draft: &mut Draft,
    number: OfficeNumber,
    new: Fingerprint,
    named: &[Fingerprint],
    verified_by: Option<String>,
) -> Result<(), Refusal> {
    let own = draft.office(number)?.certificates.clone();
    if named.iter().any(|fingerprint| *fingerprint == new || !own.contains(fingerprint)) {
        return Err(text::invalid(
            "revokes にこの事業所の証明書でないものがあります。",
            "revokes names a certificate that is not another one of this office.",
        ));
    }
    let lost = if named.is_empty() { own.as_slice() } else { named };
    for &certificate in lost.iter().filter(|fingerprint| **fingerprint != new) {
        let known = draft.registry.certificates.get(&certificate);
        if known.is_some_and(|known| known.revoked_at.is_none()) {
            let reason = Some(LOST.to_owned());
            let detail = Detail { reason, verified_by: verified_by.clone(), ..Detail::default() };
            draft.record(Fact::CertificateRevoked { office: number, certificate }, detail);
        }
    }
    Ok(())
}

const LOST: &str = "lost";
