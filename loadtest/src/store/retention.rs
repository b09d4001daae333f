//! The end of retention for the day that holds nearly everything, while offices go on sending.

use super::{Report, disk, sends};
use crate::fill::{Premises, Sending};
use anyhow::Result;
use careplan_hub::store::event::{Detail, Fact, NewEvent};
use careplan_hub::store::{Decided, SharedStore};
use hdrhistogram::Histogram;
use jiff::ToSpan as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Measures it.
pub(super) async fn measure(premises: &Premises, sending: &Arc<Sending>, report: &mut Report) -> Result<()> {
    premises.clock.ahead(AHEAD_SECONDS);
    let store = premises.open()?;
    commit(&store, Fact::ClockConfirmed).await?;
    store.upkeep().await?;
    let before = disk::allocated(&premises.data.join("segments"))? + disk::allocated(&premises.data.join("bodies"))?;
    let calm = load_while(&store, sending, 1, async {
        tokio::time::sleep(CALM).await;
        Ok(())
    });
    let (calm, ()) = calm.await?;
    let ending = report
        .timed_async("retention of the day", Some(5.0), async { load_while(&store, sending, 2, end(&store)).await });
    let (busy, ()) = ending.await?;
    for (name, waits) in [("before it", &calm), ("meanwhile", &busy)] {
        report.add(&format!("send p99 {name}"), None, waits.value_at_quantile(0.99) as f64 / 1000.0, "ms");
    }
    let ratio = busy.value_at_quantile(0.99) as f64 / calm.value_at_quantile(0.99).max(1) as f64;
    report.add("send p99, meanwhile / before it", Some(2.0), ratio, "×");
    store.close().await;
    let after = disk::allocated(&premises.data.join("segments"))? + disk::allocated(&premises.data.join("bodies"))?;
    report.add("segments and bodies before", None, before as f64 / 1e6, "MB");
    report.add("segments and bodies after (what was sent meanwhile)", None, after as f64 / 1e6, "MB");
    Ok(())
}

async fn end(store: &SharedStore) -> Result<()> {
    let through = store.today().saturating_sub(2.days());
    let counting = store.state();
    let unfetched = counting.unfetched_before(counting.first_after(through));
    commit(store, Fact::Expired { through, unfetched }).await?;
    Ok(store.expire(through).await?)
}

/// Sends as long as the work goes on, and longer until there is something to count.
async fn load_while<T>(
    store: &SharedStore,
    sending: &Arc<Sending>,
    kind: u64,
    work: impl Future<Output = Result<T>>,
) -> Result<(Histogram<u64>, T)> {
    let ended = Arc::new(AtomicBool::new(false));
    let load = {
        let (store, sending, ended) = (Arc::clone(store), Arc::clone(sending), Arc::clone(&ended));
        tokio::spawn(async move {
            let mut waits = Histogram::<u64>::new(3)?;
            let mut at = kind << 44;
            while !ended.load(Ordering::SeqCst) || waits.len() < LEAST {
                waits.add(sends::burst(&store, &sending, at..at + EACH).await?)?;
                at += EACH;
            }
            Ok::<_, anyhow::Error>(waits)
        })
    };
    let done = work.await;
    ended.store(true, Ordering::SeqCst);
    let waits = load.await??;
    Ok((waits, done?))
}

async fn commit(store: &SharedStore, fact: Fact) -> Result<()> {
    let event = NewEvent { actor: None, fact, detail: Detail::default(), body: None };
    store.commit(move |_| Ok(Decided { events: vec![event], answer: () })).await?;
    Ok(())
}

const AHEAD_SECONDS: i64 = 40 * 24 * 3600;
const CALM: std::time::Duration = std::time::Duration::from_secs(4);
const EACH: u64 = 320;
const LEAST: u64 = 2000;
