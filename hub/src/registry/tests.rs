//! What operators can rely on, over a store in memory.

use super::draft::Draft;
use super::{Registrar, certificate, enrol, licence, people};
use crate::config::Config;
use crate::identity::Certificate;
use crate::permit::OperatorPermit as Operator;
use crate::store::Store;
use crate::store::event::{Detail, Fact, NewEvent};
use crate::store::memory::{HandClock, MemoryStore};
use careplan_protocol::api::{
    AddPerson, Changed, Effect, Enrol, Grant, LicenceAction, OfficesQuery, Reason, RegisterCertificate, Role, Standing,
};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::transfer::Fingerprint;
use jiff::civil::date;
use std::sync::Arc;

struct Desk {
    clock: Arc<HandClock>,
    store: Arc<MemoryStore>,
    registrar: Registrar,
    operator: Operator,
}

/// A hub without offices on 1 October 2026 in Japan, and its configured operator.
fn desk() -> Desk {
    let operator = Fingerprint([1; 32]);
    let text =
        format!("name = 'hub'\n[tls]\nanchors = []\n[[operators]]\nname = 'First'\nfingerprint = '{operator}'\n");
    let config: Arc<Config> = Arc::new(toml::from_str(&text).unwrap());
    let clock = HandClock::at("2026-10-01T00:00:00Z");
    let store = MemoryStore::new(clock.clone());
    let registrar = Registrar::new(store.clone(), clock.clone(), config);
    Desk { clock, store, registrar, operator: Operator::of(operator, "First".to_owned()) }
}

impl Desk {
    async fn enrol(&self, number: &str) -> Result<Changed, Refusal> {
        self.registrar.enrol(&self.operator, number.parse().unwrap(), form()).await
    }

    async fn step<F>(&self, office: OfficeNumber, step: F) -> Result<Effect, Refusal>
    where
        F: FnOnce(&mut Draft) -> Result<Effect, Refusal> + Send + 'static,
    {
        Ok(self.registrar.change(&self.operator, Some(office), false, step).await?.effect)
    }

    async fn register(&self, office: OfficeNumber, byte: u8, form: RegisterCertificate) -> Result<Effect, Refusal> {
        let certificate = paper(byte, None);
        self.step(office, move |draft| certificate::register(draft, office, &form, &certificate)).await
    }

    async fn licence(&self, office: OfficeNumber, action: LicenceAction) -> Result<Effect, Refusal> {
        Ok(self.registrar.licence(&self.operator, office, action).await?.effect)
    }

    fn revoked(&self, byte: u8) -> bool {
        self.store.state().registry.certificates[&Fingerprint([byte; 32])].revoked_at.is_some()
    }
}

fn form() -> Enrol {
    Enrol {
        name: "試験 居宅介護支援事業所".to_owned(),
        kana: "シケン".to_owned(),
        email: "office@example.jp".to_owned(),
        service_types: vec!["46".parse().unwrap(), "43".parse().unwrap()],
        licence: None,
        certificate: None,
        override_check_digit: false,
        dry_run: false,
    }
}

fn paper(byte: u8, office: Option<&str>) -> Certificate {
    Certificate {
        fingerprint: Fingerprint([byte; 32]),
        serial: format!("{byte:02x}"),
        not_before: "2026-09-01T00:00:00Z".parse().unwrap(),
        not_after: "2029-09-01T00:00:00Z".parse().unwrap(),
        office: office.map(|number| number.parse().unwrap()),
    }
}

fn registration(reason: &str, verified_by: &str) -> RegisterCertificate {
    RegisterCertificate {
        certificate: String::new(),
        label: "事務室".to_owned(),
        reason: reason.to_owned(),
        verified_by: verified_by.to_owned(),
        revokes: Vec::new(),
        dry_run: false,
    }
}

fn grant(applied_on: Option<jiff::civil::Date>) -> LicenceAction {
    LicenceAction::Grant { applied_on, fee: None, campaign: None, dry_run: false }
}

fn renew() -> LicenceAction {
    LicenceAction::Renew { fee: None, campaign: None, dry_run: false }
}

fn because(reason: &str) -> Reason {
    Reason { reason: reason.to_owned(), dry_run: false }
}

fn code<T: std::fmt::Debug>(result: Result<T, Refusal>) -> Code {
    result.unwrap_err().code
}

const NUMBER: &str = "1370100008";

fn number() -> OfficeNumber {
    NUMBER.parse().unwrap()
}

#[tokio::test]
async fn enrolling_twice_changes_nothing_and_other_values_replace_the_old_ones() {
    let desk = desk();
    assert_eq!(desk.enrol(NUMBER).await.unwrap().effect, Effect::Created);
    let before = desk.store.state().next;
    assert_eq!(desk.enrol(NUMBER).await.unwrap().effect, Effect::Unchanged);
    assert_eq!(desk.store.state().next, before);
    let renamed = Enrol { name: "別の名前".to_owned(), ..form() };
    let changed = desk.registrar.enrol(&desk.operator, number(), renamed).await.unwrap();
    assert_eq!((changed.effect, changed.office.unwrap().name.as_str()), (Effect::Changed, "別の名前"));
}

#[tokio::test]
async fn a_dry_run_answers_the_same_and_commits_nothing() {
    let desk = desk();
    let licence = Some(Grant { applied_on: None, fee: None, campaign: None });
    let before = desk.store.state().next;
    let dry = Enrol { dry_run: true, licence, ..form() };
    let changed = desk.registrar.enrol(&desk.operator, number(), dry).await.unwrap();
    assert_eq!(changed.effect, Effect::Created);
    assert!(changed.office.unwrap().licence.unwrap().running);
    assert_eq!(desk.store.state().next, before);
    assert_eq!(desk.registrar.office(number()).unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn an_enrolment_is_all_or_nothing() {
    let desk = desk();
    let licence = Some(Grant { applied_on: Some(date(2020, 1, 1)), fee: None, campaign: None });
    let refused = desk.registrar.enrol(&desk.operator, number(), Enrol { licence, ..form() }).await;
    assert_eq!(code(refused), Code::FieldInvalid);
    assert!(desk.store.state().registry.offices.is_empty());
    let form = Enrol { certificate: Some(registration("first", "")), ..form() };
    let foreign = paper(9, Some("1472700002"));
    let refused = desk.step(number(), move |draft| enrol::enrol(draft, number(), &form, Some(&foreign))).await;
    assert_eq!(code(refused), Code::FieldInvalid);
    assert!(desk.store.state().registry.offices.is_empty());
}

#[tokio::test]
async fn a_check_digit_that_fails_is_refused_unless_overridden() {
    let desk = desk();
    assert_eq!(code(desk.enrol("1370100009").await), Code::CheckDigit);
    let form = Enrol { override_check_digit: true, ..form() };
    let changed = desk.registrar.enrol(&desk.operator, "1370100009".parse().unwrap(), form).await.unwrap();
    assert_eq!(changed.effect, Effect::Created);
    assert_eq!(desk.enrol("1370100009").await.unwrap().effect, Effect::Unchanged);
}

#[tokio::test]
async fn texts_that_would_forge_a_line_or_are_too_long_are_refused() {
    let desk = desk();
    for name in ["a\nb", "a\u{2028}b", "a\u{202e}b", "", &"長".repeat(101)] {
        let form = Enrol { name: name.to_owned(), ..form() };
        let refused = desk.registrar.enrol(&desk.operator, number(), form).await;
        assert!(matches!(code(refused), Code::FieldInvalid | Code::FieldMissing), "{name:?}");
    }
    let form = Enrol { email: "nobody".to_owned(), ..form() };
    assert_eq!(code(desk.registrar.enrol(&desk.operator, number(), form).await), Code::FieldInvalid);
}

#[tokio::test]
async fn an_office_is_suspended_resumed_removed_and_comes_back_with_its_past() {
    let desk = desk();
    desk.enrol(NUMBER).await.unwrap();
    desk.register(number(), 7, registration("first", "")).await.unwrap();
    desk.licence(number(), grant(None)).await.unwrap();
    assert_eq!(code(desk.registrar.suspend(&desk.operator, number(), because(" ")).await), Code::FieldMissing);
    for effect in [Effect::Changed, Effect::Unchanged] {
        let changed = desk.registrar.suspend(&desk.operator, number(), because("照会中")).await.unwrap();
        assert_eq!((changed.effect, changed.office.unwrap().standing), (effect, Standing::Suspended));
    }
    let changed = desk.registrar.resume(&desk.operator, number(), because("")).await.unwrap();
    assert_eq!(changed.office.unwrap().standing, Standing::Active);
    desk.registrar.remove(&desk.operator, number(), because("廃止")).await.unwrap();
    assert!(desk.revoked(7));
    assert_eq!(code(desk.licence(number(), grant(None)).await), Code::NotFound);
    let again = desk.registrar.remove(&desk.operator, number(), because("廃止")).await.unwrap();
    assert_eq!(again.effect, Effect::Unchanged);
    let back = desk.enrol(NUMBER).await.unwrap();
    assert_eq!((back.effect, back.office.unwrap().certificates.len()), (Effect::Created, 1));
}

#[tokio::test]
async fn a_certificate_stands_for_one_office_and_never_comes_back() {
    let desk = desk();
    let other: OfficeNumber = "1472700002".parse().unwrap();
    desk.enrol(NUMBER).await.unwrap();
    desk.enrol("1472700002").await.unwrap();
    assert_eq!(desk.register(number(), 7, registration("first", "")).await.unwrap(), Effect::Changed);
    assert_eq!(desk.register(number(), 7, registration("first", "")).await.unwrap(), Effect::Unchanged);
    assert_eq!(code(desk.register(other, 7, registration("first", "")).await), Code::Conflict);
    assert_eq!(code(desk.register(other, 1, registration("first", "")).await), Code::Conflict);
    let revoked = desk.registrar.revoke(&desk.operator, Fingerprint([7; 32]), because("紛失")).await.unwrap();
    assert_eq!((revoked.effect, revoked.office.unwrap().office), (Effect::Changed, number()));
    assert_eq!(code(desk.register(number(), 7, registration("first", "")).await), Code::Conflict);
    let unknown = desk.registrar.revoke(&desk.operator, Fingerprint([8; 32]), because("紛失")).await;
    assert_eq!(code(unknown), Code::NotFound);
}

#[tokio::test]
async fn a_lost_certificate_is_revoked_in_the_commit_that_registers_the_new_one() {
    let desk = desk();
    desk.enrol(NUMBER).await.unwrap();
    for byte in [7, 8] {
        desk.register(number(), byte, registration("device", "")).await.unwrap();
    }
    assert_eq!(code(desk.register(number(), 9, registration("lost", "")).await), Code::FieldMissing);
    let named = RegisterCertificate {
        revokes: vec![Fingerprint([8; 32])],
        ..registration("lost", "電話で折り返し確認")
    };
    desk.register(number(), 9, named).await.unwrap();
    assert_eq!((desk.revoked(7), desk.revoked(8), desk.revoked(9)), (false, true, false));
    desk.register(number(), 10, registration("lost", "来所、免許証")).await.unwrap();
    assert_eq!((desk.revoked(7), desk.revoked(9), desk.revoked(10)), (true, true, false));
    let foreign = RegisterCertificate { revokes: vec![Fingerprint([1; 32])], ..registration("lost", "来所") };
    assert_eq!(code(desk.register(number(), 11, foreign).await), Code::FieldInvalid);
}

#[tokio::test]
async fn a_licence_is_granted_once_and_overlaps_are_refused() {
    let desk = desk();
    desk.enrol(NUMBER).await.unwrap();
    assert_eq!(desk.licence(number(), grant(Some(date(2026, 9, 15)))).await.unwrap(), Effect::Changed);
    assert_eq!(desk.licence(number(), grant(Some(date(2026, 9, 15)))).await.unwrap(), Effect::Unchanged);
    assert_eq!(desk.licence(number(), grant(None)).await.unwrap(), Effect::Unchanged);
    assert_eq!(code(desk.licence(number(), grant(Some(date(2026, 10, 1)))).await), Code::Conflict);
    let other_fee = LicenceAction::Grant { applied_on: None, fee: Some(0), campaign: None, dry_run: false };
    assert_eq!(code(desk.licence(number(), other_fee).await), Code::Conflict);
    let record = desk.registrar.office(number()).unwrap().licence.unwrap();
    assert_eq!((record.until, record.fee), (date(2027, 9, 14), 21_000));
}

#[tokio::test]
async fn a_renewal_follows_the_running_term_once_and_takes_back_a_decline() {
    let desk = desk();
    desk.enrol(NUMBER).await.unwrap();
    assert_eq!(code(desk.licence(number(), renew()).await), Code::Conflict);
    desk.licence(number(), grant(None)).await.unwrap();
    let decline = || LicenceAction::Decline { reason: "廃業予定".to_owned(), dry_run: false };
    assert_eq!(desk.licence(number(), decline()).await.unwrap(), Effect::Changed);
    assert_eq!(desk.licence(number(), decline()).await.unwrap(), Effect::Unchanged);
    assert!(!desk.registrar.office(number()).unwrap().licence.unwrap().renews);
    assert_eq!(desk.licence(number(), renew()).await.unwrap(), Effect::Changed);
    assert_eq!(desk.licence(number(), renew()).await.unwrap(), Effect::Unchanged);
    let licences = desk.registrar.licences(&OfficesQuery::default(), 100).unwrap().items;
    let terms: Vec<_> = licences[0].terms.iter().map(|term| (term.from, term.until)).collect();
    assert_eq!(terms, [(date(2026, 10, 1), date(2027, 9, 30)), (date(2027, 10, 1), date(2028, 9, 30))]);
    assert!(licences[0].licence.renews);
}

#[tokio::test]
async fn after_an_end_or_a_lapse_a_new_application_starts_on_its_own_date() {
    let desk = desk();
    desk.enrol(NUMBER).await.unwrap();
    desk.licence(number(), grant(None)).await.unwrap();
    let end = || LicenceAction::End { reason: "未納".to_owned(), dry_run: false };
    assert_eq!(desk.licence(number(), end()).await.unwrap(), Effect::Changed);
    assert_eq!(desk.licence(number(), end()).await.unwrap(), Effect::Unchanged);
    assert!(!desk.registrar.office(number()).unwrap().licence.unwrap().running);
    desk.clock.set("2026-11-20T00:00:00Z");
    assert_eq!(desk.licence(number(), grant(Some(date(2026, 11, 10)))).await.unwrap(), Effect::Changed);
    let record = &desk.registrar.licences(&OfficesQuery::default(), 100).unwrap().items[0];
    assert_eq!((record.terms.len(), record.licence.from), (2, date(2026, 11, 10)));
    assert!(record.terms[0].ended_at.is_some() && record.licence.renews);
}

#[tokio::test]
async fn auditors_have_a_scope_and_a_last_day_and_the_configured_stay() {
    let desk = desk();
    let form = |role, scope: Option<&str>, until| AddPerson {
        role,
        name: "監査 太郎".to_owned(),
        certificate: String::new(),
        scope: scope.map(str::to_owned),
        until,
        dry_run: false,
    };
    let add =
        async |form: AddPerson| desk.step(number(), move |draft| people::add(draft, &form, &paper(5, None))).await;
    let until = Some(date(2027, 3, 31));
    assert_eq!(code(add(form(Role::Auditor, None, until)).await), Code::FieldMissing);
    assert_eq!(code(add(form(Role::Auditor, Some("prefecture:99"), until)).await), Code::FieldInvalid);
    assert_eq!(code(add(form(Role::Auditor, Some("all"), None)).await), Code::FieldMissing);
    assert_eq!(code(add(form(Role::Operator, Some("all"), None)).await), Code::FieldInvalid);
    assert_eq!(add(form(Role::Auditor, Some("prefecture:13"), until)).await.unwrap(), Effect::Created);
    assert_eq!(add(form(Role::Auditor, Some("prefecture:13"), until)).await.unwrap(), Effect::Unchanged);
    assert_eq!(code(add(form(Role::Operator, None, None)).await), Code::Conflict);
    let people = desk.registrar.people().items;
    let found: Vec<_> = people.iter().map(|person| (person.role, person.from_configuration)).collect();
    assert_eq!(found, [(Role::Operator, true), (Role::Auditor, false)]);
    let configured = desk.registrar.remove_person(&desk.operator, Fingerprint([1; 32]), Reason::default()).await;
    assert_eq!(code(configured), Code::Conflict);
    desk.registrar.remove_person(&desk.operator, Fingerprint([5; 32]), Reason::default()).await.unwrap();
    assert_eq!(desk.registrar.people().items.len(), 1);
}

#[tokio::test]
async fn an_operator_removed_meanwhile_decides_nothing() {
    let desk = desk();
    let former = Operator::of(Fingerprint([2; 32]), "Former".to_owned());
    assert_eq!(code(desk.registrar.enrol(&former, number(), form()).await), Code::Forbidden);
}

#[tokio::test]
async fn a_clock_in_doubt_is_confirmed_and_one_that_is_not_changes_nothing() {
    let desk = desk();
    let confirm = async || desk.registrar.confirm_clock(&desk.operator).await.unwrap().effect;
    assert_eq!(confirm().await, Effect::Unchanged);
    desk.store.set_doubt(Some((date(2026, 10, 1), "a jump of 300 days".to_owned())));
    desk.clock.set("2027-08-01T00:00:00Z");
    desk.enrol(NUMBER).await.unwrap();
    desk.licence(number(), grant(None)).await.unwrap();
    assert_eq!(desk.registrar.office(number()).unwrap().licence.unwrap().from, date(2026, 10, 1));
    assert_eq!(confirm().await, Effect::Changed);
    assert!(desk.store.state().clock_confirmed.is_some());
}

#[tokio::test]
async fn lists_are_paged_and_tell_what_expires() {
    let desk = desk();
    for (index, number) in [NUMBER, "1472700002"].into_iter().enumerate() {
        desk.enrol(number).await.unwrap();
        desk.register(number.parse().unwrap(), 20 + index as u8, registration("first", "")).await.unwrap();
    }
    desk.licence(number(), grant(None)).await.unwrap();
    let first = desk.registrar.offices(&OfficesQuery::default(), 1).unwrap();
    assert_eq!((first.items.len(), first.next.as_deref()), (1, Some(NUMBER)));
    let second = desk.registrar.offices(&OfficesQuery { after: first.next, ..OfficesQuery::default() }, 1).unwrap();
    assert_eq!((second.items[0].office.as_str(), second.next), ("1472700002", None));
    let soon = |days| OfficesQuery { expiring: Some(days), ..OfficesQuery::default() };
    desk.clock.set("2027-09-01T00:00:00Z");
    assert!(desk.registrar.licences(&soon(30), 10).unwrap().items.is_empty());
    desk.licence(number(), LicenceAction::Decline { reason: "廃業".to_owned(), dry_run: false }).await.unwrap();
    assert_eq!(desk.registrar.licences(&soon(30), 10).unwrap().items.len(), 1);
    assert_eq!(desk.registrar.certificates(&soon(30), 10).unwrap().items.len(), 0);
    assert_eq!(desk.registrar.certificates(&soon(731), 10).unwrap().items.len(), 2);
}

#[test]
fn a_dry_run_is_seen_in_every_action() {
    let reason = || "x".to_owned();
    for dry_run in [true, false] {
        for action in [
            LicenceAction::Grant { applied_on: None, fee: None, campaign: None, dry_run },
            LicenceAction::Renew { fee: None, campaign: None, dry_run },
            LicenceAction::Decline { reason: reason(), dry_run },
            LicenceAction::End { reason: reason(), dry_run },
        ] {
            assert_eq!(licence::is_dry_run(&action), dry_run);
        }
    }
}

/// A clock that was 70 years ahead, for one event, and is right again.
async fn ahead_for_a_while(desk: &Desk) {
    desk.store.set_doubt(Some((date(2026, 10, 1), "a jump of 70 years".to_owned())));
    desk.clock.set("2099-01-01T00:00:00Z");
    desk.enrol("1472700002").await.unwrap();
    desk.clock.set("2026-10-01T05:00:00Z");
}

#[tokio::test]
async fn certificates_are_judged_by_the_clock_and_not_by_what_it_had_stamped_when_it_was_wrong() {
    let desk = desk();
    desk.enrol(NUMBER).await.unwrap();
    let form = AddPerson {
        role: Role::Operator,
        name: "運営 花子".to_owned(),
        certificate: String::new(),
        scope: None,
        until: None,
        dry_run: false,
    };
    desk.step(number(), move |draft| people::add(draft, &form, &paper(3, None))).await.unwrap();
    ahead_for_a_while(&desk).await;
    assert_eq!(desk.register(number(), 20, registration("first", "")).await.unwrap(), Effect::Changed);
    let added = Operator::of(Fingerprint([3; 32]), "運営 花子".to_owned());
    desk.registrar.suspend(&added, number(), because("test")).await.unwrap();
}

#[tokio::test]
async fn a_licence_ends_by_the_day_that_licences_go_by_whatever_its_event_bears() {
    let desk = desk();
    desk.enrol(NUMBER).await.unwrap();
    desk.licence(number(), grant(None)).await.unwrap();
    ahead_for_a_while(&desk).await;
    let end = || LicenceAction::End { reason: "未納".to_owned(), dry_run: false };
    let running = || desk.registrar.office(number()).unwrap().licence.is_some_and(|licence| licence.running);
    assert!(running());
    assert_eq!(desk.licence(number(), end()).await.unwrap(), Effect::Changed);
    assert!(!running(), "its end is a century before its event");
    assert_eq!(desk.licence(number(), end()).await.unwrap(), Effect::Unchanged);
    // A new application is not held against days that have not come.
    assert_eq!(desk.licence(number(), grant(None)).await.unwrap(), Effect::Changed);
    assert!(running());
    desk.registrar.remove(&desk.operator, number(), because("廃業")).await.unwrap();
    desk.enrol(NUMBER).await.unwrap();
    assert!(!running(), "what left with the office does not come back with it");
}

#[tokio::test]
async fn an_end_of_before_that_names_no_day_goes_by_its_event() {
    let desk = desk();
    desk.enrol(NUMBER).await.unwrap();
    desk.licence(number(), grant(None)).await.unwrap();
    let running = || desk.registrar.office(number()).unwrap().licence.is_some_and(|licence| licence.running);
    assert!(running());
    let fact = Fact::LicenceEnded { office: number(), day: None };
    desk.store.take(vec![NewEvent { actor: None, fact, detail: Detail::default(), body: None }]);
    assert!(!running());
}
