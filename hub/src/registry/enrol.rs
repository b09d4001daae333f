//! Enrolling an office, or changing its names and types.

use super::draft::Draft;
use super::{certificate, licence, text};
use crate::identity::Certificate;
use crate::store::event::{Detail, Fact};
use crate::store::state::Office;
use careplan_protocol::api::{Effect, Enrol};
use careplan_protocol::office::{OfficeNumber, ServiceType};
use careplan_protocol::problem::{Code, Refusal};

/// One change: the office, then its licence, then its certificate, each only where given.
pub(super) fn enrol(
    draft: &mut Draft,
    number: OfficeNumber,
    form: &Enrol,
    certificate: Option<&Certificate>,
) -> Result<Effect, Refusal> {
    let wanted = Wanted::of(form)?;
    let known = draft.registry.office(number).map(|office| wanted.is_held_by(office));
    match known {
        None => enrol_new(draft, number, &wanted, form.override_check_digit)?,
        Some(false) => {
            let fact = Fact::OfficeChanged { office: number, service_types: wanted.service_types.clone() };
            draft.record(fact, wanted.detail());
        }
        Some(true) => {}
    }
    if let Some(grant) = &form.licence {
        licence::grant(draft, number, grant)?;
    }
    if let (Some(form), Some(certificate)) = (&form.certificate, certificate) {
        certificate::register(draft, number, form, certificate)?;
    }
    Ok(match (known, draft.events.is_empty()) {
        (None, _) => Effect::Created,
        (Some(_), false) => Effect::Changed,
        (Some(_), true) => Effect::Unchanged,
    })
}

fn enrol_new(draft: &mut Draft, number: OfficeNumber, wanted: &Wanted, override_check: bool) -> Result<(), Refusal> {
    if !override_check && !number.check_digit_holds() {
        let expected = number.expected_check_digit();
        return Err(Refusal::because(
            Code::CheckDigit,
            format!("{number} の検査数字は {expected} のはずです。"),
            format!("The check digit of {number} should be {expected}."),
        ));
    }
    let fact = Fact::OfficeEnrolled { office: number, service_types: wanted.service_types.clone() };
    draft.record(fact, wanted.detail());
    Ok(())
}

/// The values of a form, checked.
struct Wanted {
    name: String,
    kana: String,
    email: String,
    service_types: Vec<ServiceType>,
}

impl Wanted {
    fn of(form: &Enrol) -> Result<Self, Refusal> {
        let mut service_types = form.service_types.clone();
        service_types.sort_unstable();
        service_types.dedup();
        match service_types.len() {
            0 => return Err(text::missing("service_types")),
            1..=SERVICE_TYPES => {}
            _ => return Err(text::invalid("サービス種類が多すぎます。", "There are too many service types.")),
        }
        Ok(Self {
            name: text::required("name", &form.name, text::NAME)?,
            kana: text::line("kana", &form.kana, text::NAME)?,
            email: email(&form.email)?,
            service_types,
        })
    }

    fn is_held_by(&self, office: &Office) -> bool {
        (&self.name, &self.kana, &self.email, &self.service_types)
            == (&office.name, &office.kana, &office.email, &office.service_types)
    }

    fn detail(&self) -> Detail {
        Detail {
            name: Some(self.name.clone()),
            kana: Some(self.kana.clone()),
            email: Some(self.email.clone()),
            ..Detail::default()
        }
    }
}

/// An address has something on both sides of its last `@`; whether mail arrives there, only mail can tell.
fn email(address: &str) -> Result<String, Refusal> {
    let address = text::line("email", address, text::EMAIL)?;
    let is_address = |text: &str| {
        let parts = text.rsplit_once('@');
        parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
            && !text.contains(char::is_whitespace)
    };
    match address.is_empty() || is_address(&address) {
        true => Ok(address),
        false => Err(text::invalid("email の形式が正しくありません。", "email is no address.")),
    }
}

const SERVICE_TYPES: usize = 50;
