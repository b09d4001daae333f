//! What happens between epochs, and what a monitor sees of it.

use anyhow::{Context as _, Result, ensure};
use careplan_loadtest::published::{History, Shelf, Signer};
use careplan_protocol::event::Leaf;
use careplan_protocol::tlog::Checkpoint;
use careplan_protocol::tlog::verify::{Fault, Finding, FollowError, Known, News, Report, follow, verify};

/// A log that was restored from a backup once: 1,000 events, of which 700 are left, and 400 new ones.
struct Restored {
    signer: Signer,
    first: History,
    second: History,
    known: Known,
}

impl Restored {
    fn new() -> Result<Self> {
        let signer = Signer::new(3)?;
        let first = History::new(1000)?.keep_every(100);
        let second = first.restored(&signer, 700, 400)?.keep_every(100);
        let known = Known { keys: vec![signer.public], ..Known::default() };
        Ok(Self { signer, first, second, known })
    }

    fn shelf(&self, histories: &[&History]) -> Result<Shelf> {
        let mut shelf = Shelf::default();
        for history in histories {
            self.signer.publish(history, &mut shelf)?;
        }
        Ok(shelf)
    }

    fn verified(&self, histories: &[&History]) -> Result<Report> {
        Ok(verify(&mut self.shelf(histories)?, &self.known, &mut |_| {})?)
    }

    fn checkpoint(&self, history: &History, size: u64) -> Checkpoint {
        Checkpoint { origin: self.signer.key(history.epoch).name, size, root: history.root(size) }
    }

    fn followed(&self, histories: &[&History], last: &Checkpoint) -> Result<Result<News, String>> {
        match follow(&mut self.shelf(histories)?, &self.known, Some(last)) {
            Ok(news) => Ok(Ok(news)),
            Err(FollowError::Alarm(text)) => Ok(Err(text)),
            Err(other) => Err(other.into()),
        }
    }
}

/// One entry changed, wherever it is.
fn changed(history: &History, index: usize) -> Result<History> {
    let mut changed = history.clone();
    *changed.entries[index].last_mut().context("a byte")? ^= 1;
    Ok(changed)
}

#[test]
fn an_epoch_that_cites_the_one_before_and_keeps_its_beginning_holds() -> Result<()> {
    let log = Restored::new()?;
    let report = log.verified(&[&log.first, &log.second])?;
    ensure!(report.holds(), "{:?}", report.findings);
    let began = report.epochs[1].began.as_ref().context("a beginning")?;
    ensure!((began.epoch, began.position) == (2, 700) && began.root == log.first.root(700));
    // Without the first one, what it cites is told to be not compared.
    let alone = log.verified(&[&log.second])?;
    ensure!(alone.holds() && alone.epochs[0].remarks.len() == 1, "{alone:?}");
    // What was seen of the first one binds the second one, as far as it kept its events.
    let mut known = log.known.clone();
    known.seen = vec![(log.checkpoint(&log.first, 650), "a monitor".to_owned())];
    let forged = changed(&log.second, 20)?;
    for (second, holds) in [(&log.second, true), (&forged, false)] {
        let report = verify(&mut log.shelf(&[second])?, &known, &mut |_| {})?;
        ensure!(report.holds() == holds, "{report:?}");
    }
    // The next epoch again, from before the first one began.
    let third = log.second.restored(&log.signer, 650, 100)?;
    ensure!(log.verified(&[&log.first, &log.second, &third])?.holds());
    Ok(())
}

#[test]
fn what_a_restore_lost_is_told_until_it_is_accepted() -> Result<()> {
    let log = Restored::new()?;
    // A backup taken at 600 brought the first epoch back; the new one kept 700.
    let mut back = log.first.clone();
    back.entries.truncate(600);
    back.kept.retain(|kept| *kept <= 600);
    let mut second = log.second.clone();
    let cited = back.restored(&log.signer, 600, 1)?.entries[600].clone();
    let mut began: Leaf = minicbor::decode(&cited)?;
    (began.position, began.at) = (700, minicbor::decode::<Leaf>(&log.second.entries[700])?.at);
    second.entries[700] = minicbor::to_vec(&began)?;
    let told = |size: u64, accepted: &[u32], histories: &[&History]| -> Result<Report> {
        let seen = vec![(log.checkpoint(&log.first, size), "a monitor".to_owned())];
        let known = Known { seen, accepted: accepted.iter().copied().collect(), ..log.known.clone() };
        Ok(verify(&mut log.shelf(histories)?, &known, &mut |_| {})?)
    };
    for (histories, kept) in [(vec![&back, &second], 700), (vec![&second], 700), (vec![&log.first, &log.second], 1000)]
    {
        for size in [599, 600, 650, 700, 701, 900, 1000] {
            let report = told(size, &[], &histories)?;
            ensure!(report.holds() == (size <= kept), "{size}: {report:?}");
            let lost = |finding: &Finding| matches!(finding.fault, Fault::Lost { later: 2, .. });
            ensure!(report.findings.iter().all(lost), "{report:?}");
            ensure!(told(size, &[2], &histories)?.holds(), "{size}");
            ensure!(told(size, &[1, 3], &histories)?.holds() == (size <= kept), "{size}");
        }
    }
    // What is left and altered is not accepted with it, and a log without a new epoch was rolled back.
    ensure!(!told(650, &[2], &[&changed(&second, 20)?])?.holds());
    let report = told(900, &[1, 2], &[&back])?;
    ensure!(matches!(report.findings[0].fault, Fault::RolledBack { size: 600, known: 900, .. }), "{report:?}");
    Ok(())
}

#[test]
fn what_a_new_epoch_changed_of_an_old_one_is_found() -> Result<()> {
    let log = Restored::new()?;
    for index in [0, 350, 699] {
        // What was left was changed; it was signed with the right key.
        let report = log.verified(&[&log.first, &changed(&log.second, index)?])?;
        ensure!(!report.holds(), "{index}");
        let spans: Vec<_> = report.findings.iter().filter_map(|finding| finding.span).collect();
        ensure!(spans.iter().all(|span| (span.first..=span.last).contains(&(index as u64))), "{index}: {report:?}");
        // The old one was changed afterwards instead, and signed again: it is no longer what the new one cites.
        let report = log.verified(&[&changed(&log.first, index)?, &log.second])?;
        ensure!(report.findings.iter().any(|finding| finding.fault.to_string().contains("cites")), "{report:?}");
    }
    // Changed where nothing was left: the citation tells it.
    let report = log.verified(&[&changed(&log.first, 900)?, &log.second])?;
    ensure!(report.findings.iter().any(|finding| finding.fault.to_string().contains("cites")), "{report:?}");
    // The old log had not come as far as the new epoch left events: what it signed binds the new one all the same.
    let mut short = log.first.clone();
    short.entries.truncate(600);
    short.kept.clear();
    let mut new = log.second.clone();
    new.entries[700] = short.restored(&log.signer, 600, 1)?.entries[600].clone();
    let mut began: Leaf = minicbor::decode(&new.entries[700])?;
    (began.position, began.at) = (700, minicbor::decode::<Leaf>(&log.second.entries[700])?.at);
    new.entries[700] = minicbor::to_vec(&began)?;
    let report = log.verified(&[&short, &new])?;
    ensure!(report.holds(), "{report:?}");
    ensure!(!log.verified(&[&short, &changed(&new, 599)?])?.holds());
    ensure!(log.verified(&[&short, &changed(&new, 600)?])?.holds());
    // An epoch without a beginning.
    let mut silent = log.second.clone();
    silent.entries[700] = log.second.entries[701].clone();
    ensure!(!log.verified(&[&log.first, &silent])?.holds());
    Ok(())
}

#[test]
fn a_monitor_follows_growth_and_a_told_restore_and_alarms_on_everything_else() -> Result<()> {
    let log = Restored::new()?;
    let last = log.checkpoint(&log.first, 300);
    let news = log.followed(&[&log.first], &last)?.map_err(anyhow::Error::msg)?;
    ensure!(news.checkpoint == log.checkpoint(&log.first, 1000) && news.crossings.is_empty());
    let news = log.followed(&[&log.first, &log.second], &last)?.map_err(anyhow::Error::msg)?;
    ensure!(news.crossings.len() == 1 && (news.crossings[0].position, news.crossings[0].lost) == (700, 300));

    // A restore onto another machine brings no old epoch back: the new one has to contain what was seen.
    let news = log.followed(&[&log.second], &last)?.map_err(anyhow::Error::msg)?;
    ensure!((news.crossings[0].position, news.crossings[0].lost) == (700, 0), "{news:?}");
    let news = log.followed(&[&log.second], &log.checkpoint(&log.first, 800))?.map_err(anyhow::Error::msg)?;
    ensure!(news.crossings[0].lost == 100, "{news:?}");

    let alarm = |histories: &[&History], last: &Checkpoint, word: &str| -> Result<()> {
        let told = log.followed(histories, last)?;
        ensure!(told.as_ref().is_err_and(|text| text.contains(word)), "{word}: {told:?}");
        Ok(())
    };
    alarm(&[&changed(&log.first, 20)?], &last, "forked")?;
    alarm(&[&changed(&log.first, 20)?], &log.checkpoint(&log.first, 1000), "forked")?;
    let mut shorter = log.first.clone();
    shorter.entries.truncate(200);
    alarm(&[&shorter], &last, "rolled back")?;
    alarm(&[&log.first], &log.checkpoint(&log.second, 900), "rolled back")?;
    alarm(&[&changed(&log.second, 20)?], &last, "forked")?;
    alarm(&[&changed(&log.first, 900)?, &log.second], &last, "does not cite")?;
    alarm(&[&log.first, &changed(&log.second, 20)?], &last, "forked")?;
    let stranger = Signer::new(4)?;
    let mut shelf = Shelf::default();
    stranger.publish(&log.first, &mut shelf)?;
    ensure!(follow(&mut shelf, &log.known, Some(&last)).is_err(), "another key");
    Ok(())
}
