//! Adding and removing operators and auditors.

use super::draft::Draft;
use super::{certificate, text};
use crate::identity::Certificate;
use crate::permit::Scope;
use crate::store::event::{Detail, Fact};
use crate::store::state::Person;
use careplan_protocol::api::{AddPerson, Effect, Role};
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::transfer::Fingerprint;
use jiff::civil::Date;

/// Adds a person, known by a certificate of their own.
pub(super) fn add(draft: &mut Draft, form: &AddPerson, certificate: &Certificate) -> Result<Effect, Refusal> {
    let name = text::required("name", &form.name, text::NAME)?;
    let (scope, until) = reach(form, draft.today)?;
    let person = Person {
        certificate: certificate.fingerprint,
        auditor: form.role == Role::Auditor,
        name: name.clone(),
        not_after: certificate.not_after,
        scope: scope.clone().unwrap_or_default(),
        until,
    };
    if draft.is_configured(&certificate.fingerprint) {
        return Err(text::conflict(
            "この証明書は設定ファイルの運営者のものです。",
            "This certificate stands in the hub's configuration.",
        ));
    }
    match draft.registry.people.get(&certificate.fingerprint) {
        Some(known) if *known == person => return Ok(Effect::Unchanged),
        Some(_) => {
            return Err(text::conflict(
                "この証明書は別の人または別の範囲で登録されています。先に削除してください。",
                "This certificate is registered with another name or scope: remove that first.",
            ));
        }
        None => {}
    }
    certificate::refuse_ended(draft, certificate)?;
    if certificate.office.is_some() || draft.registry.certificates.contains_key(&certificate.fingerprint) {
        return Err(text::conflict("この証明書は事業所のものです。", "This certificate stands for an office."));
    }
    let fact = Fact::PersonAdded {
        certificate: certificate.fingerprint,
        auditor: person.auditor,
        not_after: certificate.not_after,
        until,
    };
    draft.record(fact, Detail { name: Some(name), scope, ..Detail::default() });
    Ok(Effect::Created)
}

/// Removes a person.
pub(super) fn remove(draft: &mut Draft, certificate: Fingerprint, reason: &str) -> Result<Effect, Refusal> {
    let reason = text::optional("reason", Some(reason), text::REASON)?;
    if draft.is_configured(&certificate) {
        return Err(text::conflict(
            "この運営者は設定ファイルに書かれています。hub.toml から消してください。",
            "This operator stands in the hub's configuration: take it out of hub.toml.",
        ));
    }
    // The name goes into the event, since the registry forgets it with this very event.
    let name = Some(draft.registry.people.get(&certificate).ok_or(Code::NotFound)?.name.clone());
    draft.record(Fact::PersonRemoved { certificate }, Detail { name, reason, ..Detail::default() });
    Ok(Effect::Changed)
}

/// An auditor's scope, in its one spelling, and last day; operators have neither.
fn reach(form: &AddPerson, today: Date) -> Result<(Option<String>, Option<Date>), Refusal> {
    match form.role {
        Role::Office => Err(text::invalid("role は operator か auditor です。", "role is operator or auditor.")),
        Role::Operator if form.scope.is_some() || form.until.is_some() => {
            Err(text::invalid("scope と until は監査者だけに指定できます。", "scope and until are for auditors only."))
        }
        Role::Operator => Ok((None, None)),
        Role::Auditor => {
            let scope = text::required("scope", form.scope.as_deref().unwrap_or_default(), SCOPE)?;
            let scope: Scope = scope.parse().map_err(|why| {
                text::invalid("scope は all、prefecture:13、office:番号,番号… のいずれかです。", format!("{why}."))
            })?;
            let until = form.until.ok_or_else(|| text::missing("until"))?;
            if until < today {
                return Err(text::invalid("until は今日以降の日です。", "until has passed."));
            }
            Ok((Some(scope.to_string()), Some(until)))
        }
    }
}

/// Characters of a scope: about 900 offices.
const SCOPE: usize = 10_000;
