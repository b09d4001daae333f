//! What metrics show of offices, licences, certificates and the disk; and one line in the log when a warning falls due.

use super::round::Work;
use crate::http::SharedApp;
use crate::licence;
use crate::store::embedded::backup::noted;
use crate::store::state::{Office, State};
use careplan_protocol::api::Standing;
use careplan_protocol::calendar::day_in_japan;
use jiff::Timestamp;
use jiff::civil::Date;
use std::sync::{Arc, Mutex, PoisonError};

pub(super) fn work(app: &SharedApp) -> Work {
    let app = Arc::clone(app);
    let looked_at: Mutex<Option<(u64, Date)>> = Mutex::default();
    Box::new(move || {
        let health = app.store.health();
        app.metrics.disk_free.set(i64::try_from(health.disk_free).unwrap_or(i64::MAX));
        app.metrics.search_behind.set(i64::try_from(health.search_behind).unwrap_or(i64::MAX));
        backups(&app);
        tlog(&app);
        let (state, today) = (app.store.state(), app.store.today());
        let now = (state.registry.version, today);
        let before = looked_at.lock().unwrap_or_else(PoisonError::into_inner).replace(now);
        if before != Some(now) {
            offices(&app, &state, today);
            certificates(&app, &state);
        }
        if before.is_none_or(|(_, day)| day != today) {
            warn(&state, today);
        }
        Box::pin(async { Ok(()) })
    })
}

fn backups(app: &SharedApp) {
    app.metrics.damage.set(i64::try_from(app.store.health().damage.len()).unwrap_or(i64::MAX));
    let noted = noted(&app.config.data).unwrap_or_default();
    app.metrics.backup_last_success.set(noted.last.map_or(0, Timestamp::as_second));
    app.metrics.backup_failed.set(i64::from(noted.failed.is_some()));
}

/// How far the transparency log is behind the commit.
fn tlog(app: &SharedApp) {
    let Some(tlog) = app.store.tlog() else { return };
    let (size, next) = (*tlog.watch().borrow(), app.store.state().next);
    let behind = next.saturating_sub(size);
    app.metrics.tlog_size.set(i64::try_from(size).unwrap_or(i64::MAX));
    app.metrics.tlog_behind.set(i64::try_from(behind).unwrap_or(i64::MAX));
    app.metrics.tlog_lag.set(if behind == 0 { 0.0 } else { tlog.behind().as_secs_f64() });
    app.metrics.tlog_stopped.set(i64::from(tlog.alarm().is_some()));
}

fn offices(app: &SharedApp, state: &State, today: Date) {
    let count = |wanted: fn(&Office) -> bool| state.registry.offices.values().filter(|office| wanted(office)).count();
    let licensed = state.registry.offices.values().filter(|office| licence::can_receive(office, today)).count();
    for (label, number) in [
        ("active", count(|office| office.standing() == Standing::Active)),
        ("suspended", count(|office| office.standing() == Standing::Suspended)),
        ("removed", count(|office| office.standing() == Standing::Removed)),
        ("licensed", licensed),
    ] {
        app.metrics.offices.with_label_values(&[label]).set(i64::try_from(number).unwrap_or(i64::MAX));
    }
    let ending = state.registry.offices.values().filter_map(|office| ends_in(office, today));
    app.metrics.licence_days_left.set(ending.min().unwrap_or(NOTHING_ENDS));
}

/// Days until the office's licence ends, where it runs and does not renew.
fn ends_in(office: &Office, today: Date) -> Option<i64> {
    let licence = licence::describe(office, today).filter(|licence| licence.running && !licence.renews)?;
    Some(licence.days_left)
}

fn certificates(app: &SharedApp, state: &State) {
    let now = app.clock.now();
    let days = |until: Timestamp| (until.as_second() - now.as_second()).div_euclid(86_400);
    let set = |kind, days: Option<i64>| {
        app.metrics.certificate_days_left.with_label_values(&[kind]).set(days.unwrap_or(NOTHING_ENDS));
    };
    let offices = state.registry.certificates.values().filter(|certificate| {
        certificate.revoked_at.is_none()
            && certificate.not_after > now
            && state.registry.office(certificate.office).is_some()
    });
    set("office", offices.map(|certificate| days(certificate.not_after)).min());
    for (kind, auditor) in [("operator", false), ("auditor", true)] {
        let people = state.registry.people.values().filter(|person| person.auditor == auditor);
        set(kind, people.map(|person| days(person.not_after)).min());
    }
}

/// One line for each licence or certificate that reaches a threshold today.
fn warn(state: &State, today: Date) {
    for office in state.registry.offices.values().filter(|office| !office.removed) {
        if let Some(days) = ends_in(office, today).filter(|days| licence::WARNINGS.contains(days)) {
            tracing::warn!(office = %office.number, days, "a licence ends and does not renew");
        }
    }
    for certificate in state.registry.certificates.values().filter(|certificate| certificate.revoked_at.is_none()) {
        let days = licence::days_between(today, day_in_japan(certificate.not_after));
        if licence::WARNINGS.contains(&days) {
            tracing::warn!(office = %certificate.office, days, "a certificate ends");
        }
    }
}

/// What a gauge shows when nothing ends.
const NOTHING_ENDS: i64 = 36_500;
