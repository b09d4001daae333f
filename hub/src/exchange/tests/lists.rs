//! Lists of many and of large transfers: bounded work, bounded answers.

use super::*;
use crate::exchange::lists::Listed;
use crate::store::event::FileDetail;
use careplan_protocol::standard::UnitStamp;
use careplan_protocol::transfer::Class;

/// The acceptance of a unit from the plan side, as the log holds it.
fn unit(to: &str, stamp: u64, files: Vec<FileDetail>) -> NewEvent {
    let fact = Fact::Accepted {
        from: "1379999012-43".parse().unwrap(),
        to: to.parse().unwrap(),
        class: Class::Register,
        month: "2026-10".parse().ok(),
        stamp: Some(stamped(stamp)),
        files: files.len() as u32,
        bytes: 1,
    };
    let detail = Detail { unit: Some(vec![7; 16]), files: Some(files), ..Detail::default() };
    NewEvent { actor: None, fact, detail, body: None }
}

fn stamped(stamp: u64) -> UnitStamp {
    (20_260_925_000_000 + stamp).to_string().parse().unwrap()
}

fn by_unit(world: &World, office: &str, query: &InboxQuery, after: Option<&str>, limit: usize) -> Listed {
    let place = after.map(|after| after.parse().unwrap()).unwrap_or_default();
    world.exchange.by_unit(&permit(office), query, &place, limit).unwrap()
}

fn stamps(listed: &Listed) -> Vec<UnitStamp> {
    listed.items.iter().filter_map(|transfer| transfer.stamp).collect()
}

fn long_names(files: usize) -> Vec<FileDetail> {
    let file = |n| FileDetail { name: format!("{n:03}{}.pdf", "画".repeat(82)), size: 1, sha256: [1; 32] };
    (0..files).map(file).collect()
}

#[tokio::test]
async fn of_what_waits_a_bounded_number_is_looked_at_and_the_lowest_stamps_still_come_first() {
    let world = World::new();
    world.store.take((1000..9000).map(|stamp| unit(VISITS, stamp, Vec::new())).collect());
    world.store.take((0..3).map(|stamp| unit(VISITS, stamp, Vec::new())).collect());
    world.store.take_read();
    let listed = by_unit(&world, VISITS, &InboxQuery::default(), None, 5);
    assert_eq!(stamps(&listed), [0, 1, 2, 1000, 1001].map(stamped));
    let looked_at = world.store.take_read().transfers;
    assert!(looked_at <= 5_100, "{looked_at} transfers were looked up for a page of five");
}

#[tokio::test]
async fn a_desk_comes_to_its_own_however_much_waits_for_another() {
    let world = World::new();
    world.store.take((0..8000).map(|stamp| unit("1379999038-15", stamp, Vec::new())).collect());
    world.store.take(vec![unit("1379999038-17", 9000, Vec::new())]);
    let query = InboxQuery { service_type: "17".parse().ok(), ..InboxQuery::default() };
    let (mut after, mut found) = (None, Vec::new());
    for _ in 0..3 {
        world.store.take_read();
        let listed = by_unit(&world, BOTH, &query, after.as_deref(), 10);
        assert!(world.store.take_read().transfers <= 5_100);
        found.extend(stamps(&listed));
        after = listed.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((found, after), (vec![stamped(9000)], None));
}

#[tokio::test]
async fn a_page_is_of_about_two_megabytes_and_the_next_one_goes_on() {
    let world = World::new();
    world.store.take((0..60).map(|stamp| unit(VISITS, stamp, long_names(200))).collect());
    let size = |listed: &Listed| serde_json::to_vec(&listed.items).unwrap().len();
    let page = |begin| world.exchange.inbox(&permit(VISITS), &InboxQuery::default(), begin, 1000).unwrap();
    let sent = |begin| world.exchange.outbox(&permit(PLAN), &OutboxQuery::default(), begin, 1000).unwrap();
    for list in [&page as &dyn Fn(u64) -> Listed, &sent] {
        let (mut begin, mut seen) = (0, Vec::new());
        loop {
            let listed = list(begin);
            assert!(size(&listed) < 2_300_000, "a page of {} bytes", size(&listed));
            assert!(!listed.items.is_empty());
            seen.extend(stamps(&listed));
            match listed.next {
                Some(next) => begin = next.parse::<u64>().unwrap() + 1,
                None => break,
            }
        }
        assert_eq!(seen, (0..60).map(stamped).collect::<Vec<_>>());
    }
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let listed = by_unit(&world, VISITS, &InboxQuery::default(), after.as_deref(), 1000);
        assert!(size(&listed) < 2_300_000, "a page of {} bytes", size(&listed));
        seen.extend(stamps(&listed));
        match listed.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, (0..60).map(stamped).collect::<Vec<_>>());
}
