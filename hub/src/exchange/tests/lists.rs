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
