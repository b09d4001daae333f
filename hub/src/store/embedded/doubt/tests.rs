//! Clocks that jump, step, sleep and are set right.

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn house() -> (tempfile::TempDir, Layout) {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::new(folder.path().to_owned());
    (folder, layout)
}

/// The clock, and how long the process has run.
fn seen(clock: &str, hours: f64) -> Pace {
    Pace { clock: at(clock), ran: Duration::from_secs_f64(hours * 3600.0) }
}

fn confirmed(position: u64) -> State {
    State { clock_confirmed: Some(position), next: position + 1, ..State::default() }
}

#[test]
fn a_jump_stops_the_calendar_until_the_hub_has_run_for_a_day_also_across_a_restart() {
    let (_folder, layout) = house();
    let (state, log) = (State::default(), (Some(at("2026-11-20T00:00:00Z")), 1));
    let doubts = Doubts::open(&layout, log, at("2027-11-20T00:00:00Z")).unwrap();
    assert_eq!(doubts.today(at("2027-11-20T00:00:00Z")).to_string(), "2026-11-20", "not looked at yet");
    doubts.look_at(seen("2027-11-20T00:00:00Z", 0.0), &state);
    doubts.look_at(seen("2027-11-20T23:00:00Z", 23.0), &state);
    assert_eq!(doubts.today(at("2027-11-20T23:00:00Z")).to_string(), "2026-11-20");
    let log = (Some(at("2027-11-20T23:00:00Z")), 2);
    let again = Doubts::open(&layout, log, at("2027-11-20T23:00:00Z")).unwrap();
    again.look_at(seen("2027-11-20T23:00:00Z", 0.0), &state);
    again.look_at(seen("2027-11-21T22:55:00Z", 23.9), &state);
    assert_eq!(again.today(at("2027-11-21T22:55:00Z")).to_string(), "2026-11-20");
    assert!(again.told().is_some(), "the start begins the day anew");
    again.look_at(seen("2027-11-21T23:01:00Z", 24.0), &state);
    assert!(again.told().is_none());
    let later = Doubts::open(&layout, log, at("2027-11-21T23:02:00Z")).unwrap();
    assert_eq!((later.told(), later.today(at("2027-11-21T23:02:00Z")).to_string()), (None, "2027-11-22".to_owned()));
}

#[test]
fn a_step_or_a_sleep_begins_the_day_anew_and_a_clock_that_is_slewed_does_not() {
    let (_folder, layout) = house();
    let (state, log) = (State::default(), (Some(at("2026-11-20T00:00:00Z")), 1));
    let doubts = Doubts::open(&layout, log, at("2027-11-20T00:00:00Z")).unwrap();
    for (clock, hours) in [
        ("2027-11-20T00:00:00Z", 0.0),
        // A step of 30 hours on, then one back, then a night's sleep.
        ("2027-11-21T06:00:00Z", 0.1),
        ("2027-11-20T00:12:00Z", 0.2),
        ("2027-11-20T12:12:00Z", 12.2),
        ("2027-11-21T07:00:00Z", 23.0),
        ("2027-11-22T06:55:00Z", 46.9),
    ] {
        doubts.look_at(seen(clock, hours), &state);
        assert!(doubts.told().is_some(), "{clock}");
    }
    doubts.look_at(seen("2027-11-22T07:02:00Z", 47.0), &state);
    assert!(doubts.told().is_none(), "two minutes in a day are no step");
}

#[test]
fn many_small_steps_are_a_jump() {
    let (_folder, layout) = house();
    let (mut clock, mut hours) = (at("2026-11-20T00:00:00Z"), 0.0);
    let doubts = Doubts::open(&layout, (None, 0), clock).unwrap();
    let mut look = |by: SignedDuration, after: f64| {
        (clock, hours) = (clock + by, hours + after);
        doubts.look_at(Pace { clock, ran: Duration::from_secs_f64(hours * 3600.0) }, &State::default());
        doubts.told().is_some()
    };
    // A day and a half lost or won little by little, over days, is none.
    assert!((0..10).all(|_| !look(SignedDuration::from_hours(32), 24.0)));
    assert!(!look(SignedDuration::from_hours(20), 1.0));
    assert!(look(SignedDuration::from_hours(20), 1.0));
    let told = doubts.today(clock).to_string();
    assert_eq!(told, "2026-12-04", "the last day that was believed");
}

#[test]
fn a_clock_that_goes_back_ends_no_licence() {
    let (_folder, layout) = house();
    let (now, back) = (at("2026-11-20T00:00:00Z"), at("1970-01-01T00:00:00Z"));
    let doubts = Doubts::open(&layout, (None, 0), now).unwrap();
    doubts.look(now, &State::default());
    doubts.make_up();
    for doubts in [doubts, Doubts::open(&layout, (Some(now), 1), back).unwrap()] {
        assert_eq!(doubts.today(back).to_string(), "2026-11-20");
        doubts.look(back, &State::default());
        assert!(doubts.told().is_some());
        assert_eq!(doubts.today(back).to_string(), "2026-11-20");
    }
}

#[test]
fn how_far_it_is_believed_is_kept_by_the_hour_and_events_do_not_count() {
    let (_folder, layout) = house();
    let mut now = at("2026-11-20T00:00:00Z");
    let doubts = Doubts::open(&layout, (None, 0), now).unwrap();
    for half in 1..=48 {
        now += SignedDuration::from_mins(30);
        doubts.look_at(Pace { clock: now, ran: Duration::from_secs(half * 1800) }, &State::default());
        doubts.make_up();
    }
    // Whatever the last event bears: one from a clock that was ahead, or one from long ago.
    for last_at in ["2027-11-20T00:00:00Z", "2026-11-20T00:00:00Z"] {
        let again = Doubts::open(&layout, (Some(at(last_at)), 9), now).unwrap();
        again.look(now, &State::default());
        assert!(again.told().is_none(), "{last_at}");
        let late = Doubts::open(&layout, (Some(at(last_at)), 9), now + SignedDuration::from_hours(38)).unwrap();
        assert_eq!(late.today(now + SignedDuration::from_hours(38)).to_string(), "2026-11-21", "{last_at}");
    }
}

#[test]
fn a_doubt_that_could_not_be_kept_is_kept_later_and_one_that_cannot_be_read_is_not_forgotten() {
    let (_folder, layout) = house();
    let (before, jumped) = (at("2026-11-20T00:00:00Z"), at("2027-11-20T00:00:00Z"));
    let doubts = Doubts::open(&layout, (Some(before), 1), jumped).unwrap();
    let in_the_way = layout.clock().with_added_extension("new");
    std::fs::create_dir(&in_the_way).unwrap();
    doubts.look(jumped, &State::default());
    assert!(doubts.told().is_some() && !layout.clock().exists());
    std::fs::remove_dir(&in_the_way).unwrap();
    doubts.make_up();
    // Events of the jumped clock were committed meanwhile.
    assert!(Doubts::open(&layout, (Some(jumped), 2), jumped).unwrap().told().is_some());
    for path in [layout.clock(), layout.clock_doubt()] {
        std::fs::write(&path, b"{").unwrap();
        assert!(matches!(Doubts::open(&layout, (Some(jumped), 2), jumped), Err(OpenError::Damaged { .. })));
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn an_operator_ends_the_doubt_and_no_other_one() {
    let (_folder, layout) = house();
    let now = at("2027-11-20T00:00:00Z");
    let doubts = Doubts::open(&layout, (Some(at("2026-11-20T00:00:00Z")), 7), now).unwrap();
    doubts.look(now, &State { next: 7, ..confirmed(6) });
    assert!(doubts.told().is_some(), "what was confirmed stands before the jump");
    doubts.look(now, &confirmed(7));
    assert!(doubts.told().is_none());
    let again = at("2026-11-20T00:00:00Z");
    doubts.look(again, &State { next: 8, ..confirmed(7) });
    assert!(doubts.told().is_some());
    // Cut since: what is confirmed now has a position that the doubt has seen.
    let doubts = Doubts::open(&layout, (Some(now), 3), again).unwrap();
    doubts.look(again, &State { next: 3, ..State::default() });
    assert!(doubts.told().is_some());
    doubts.look(again, &confirmed(3));
    assert!(doubts.told().is_none());
}
