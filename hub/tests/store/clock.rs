//! Clocks that were wrong: what ends for good never goes by a day that has not come.

use crate::fixture::{House, bytes, commit, expire, fetch, office, send};
use careplan_hub::store::event::{Detail, Fact, NewEvent};
use careplan_hub::store::{SharedStore, StoreError};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_right_again_is_not_taken_for_the_wrong_one_by_a_later_start() {
    let house = House::new();
    let mut store = house.open();
    let sent = wrong_for_a_while(&house, &store).await;
    pass(&house, &store, "2026-11-20T05:00:00Z", 26).await;
    for restart in ["2026-11-21T08:00:00Z", "2026-11-25T08:00:00Z", "2027-03-01T08:00:00Z"] {
        drop(store);
        house.clock.set(restart);
        store = house.open();
        assert!(store.today() <= day(restart), "{restart}: goes by {}", store.today());
        if restart < "2027" {
            end_retention(&store).await;
            assert_eq!(read(&store, sent).await, Ok(bytes(1, 10)), "{restart}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_counts_for_the_jump_that_it_was_about_and_for_no_other() {
    let house = House::new();
    let mut store = house.open();
    let sent = wrong_for_a_while(&house, &store).await;
    house.clock.set("2026-11-20T05:00:00Z");
    store.upkeep().await.unwrap();
    confirm(&store).await;
    assert_eq!((store.health().clock_doubt, store.today()), (None, day("2026-11-20T05:00:00Z")));
    drop(store);
    house.clock.set("2026-11-20T06:00:00Z");
    store = house.open();
    assert_eq!((store.health().clock_doubt, store.today()), (None, day("2026-11-20T06:00:00Z")));
    for (jump, again) in [("2027-05-01T00:00:00Z", false), ("2027-05-01T01:00:00Z", true)] {
        house.clock.set(jump);
        if again {
            drop(store);
            store = house.open();
        }
        store.upkeep().await.unwrap();
        assert!(store.health().clock_doubt.is_some(), "{jump}: nobody confirmed this jump");
        assert_eq!(store.today(), day("2026-11-20T06:00:00Z"), "{jump}");
        end_retention(&store).await;
        assert_eq!(read(&store, sent).await, Ok(bytes(1, 10)), "{jump}");
    }
    confirm(&store).await;
    assert_eq!((store.health().clock_doubt.clone(), store.today()), (None, day("2027-05-01T01:00:00Z")));
    end_retention(&store).await;
    assert_eq!(read(&store, sent).await, Err(StoreError::Gone), "a clock that is confirmed is gone by");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_the_version_before_goes_on_by_the_earlier_of_its_last_event_and_the_clock() {
    let file = |since, before| format!(r#"{{"since":"{since}","before":"{before}"}}"#);
    let (right, wrong) = ("2026-11-20T05:00:00Z", "2027-11-20T03:00:00Z");
    // No doubt; one about the jump; one about the clock's being set right, in which the wrong instant counts as the right one.
    for kept in [None, Some(file(wrong, "2026-11-20T03:00:00Z")), Some(file(right, wrong))] {
        let house = House::new();
        let mut store = house.open();
        let sent = wrong_for_a_while(&house, &store).await;
        drop(store);
        for name in ["clock", "clock-doubt"] {
            // Only one of them is there.
            let _ = std::fs::remove_file(house.path(name));
        }
        if let Some(kept) = &kept {
            std::fs::write(house.path("clock-doubt"), kept).unwrap();
        }
        house.clock.set("2026-11-20T07:00:00Z");
        store = house.open();
        assert!(store.health().clock_doubt.is_some(), "{kept:?}");
        assert_eq!(store.today(), day("2026-11-20T07:00:00Z"), "{kept:?}");
        end_retention(&store).await;
        assert_eq!(read(&store, sent).await, Ok(bytes(1, 10)), "{kept:?}");
        confirm(&store).await;
        drop(store);
        house.clock.set("2026-11-20T08:00:00Z");
        store = house.open();
        assert!(store.health().clock_doubt.is_none() && !house.path("clock-doubt").exists(), "{kept:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_in_doubt_does_not_say_itself_that_a_day_has_passed() {
    let house = House::new();
    let mut store = house.open();
    wrong_for_a_while(&house, &store).await;
    // A further step, a machine that slept, a day without the hub: each less than a jump, and none a day of running.
    for (now, restart) in
        [("2027-11-21T06:00:00Z", false), ("2027-11-22T09:00:00Z", false), ("2027-11-23T12:00:00Z", true)]
    {
        house.clock.set(now);
        if restart {
            drop(store);
            store = house.open();
        }
        store.upkeep().await.unwrap();
        assert!(store.health().clock_doubt.is_some(), "{now}");
        assert_eq!(store.today(), day("2026-11-20T03:00:00Z"), "{now}");
    }
}

/// Sends once, then a year ahead; returns the position of the first.
async fn wrong_for_a_while(house: &House, store: &SharedStore) -> u64 {
    let sent = send(store, office(1), office(2), "right", &[("a.pdf", bytes(1, 10))]).await.unwrap();
    house.clock.set("2027-11-20T03:00:00Z");
    send(store, office(1), office(2), "wrong", &[("a.pdf", bytes(2, 10))]).await.unwrap();
    sent.position
}

/// Hours go by, from an instant on.
async fn pass(house: &House, store: &SharedStore, from: &str, hours: i64) {
    for hour in 0..=hours {
        let now = from.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour);
        house.clock.set(&now.to_string());
        store.upkeep().await.unwrap();
    }
}

async fn confirm(store: &SharedStore) {
    let fact = Fact::ClockConfirmed;
    commit(store, NewEvent { actor: None, fact, detail: Detail::default(), body: None }).await.unwrap();
    store.upkeep().await.unwrap();
}

/// Ends what is over by the store's day, as the worker does it.
async fn end_retention(store: &SharedStore) {
    expire(store, store.today() - 91.days()).await;
}

async fn read(store: &SharedStore, position: u64) -> Result<Vec<u8>, StoreError> {
    let transfer = store.sent(office(1), position).unwrap().unwrap();
    fetch(store, &transfer, 1).await
}

fn day(instant: &str) -> Date {
    careplan_protocol::calendar::day_in_japan(instant.parse().unwrap())
}
