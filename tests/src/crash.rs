//! Kills and power cuts by the thousand: a hub under mixed load is ended in the middle of it, at random or at a failpoint,
//! started again, and everything that it shows is held against everything that the offices know.
//!
//! Outside in:
//! - [`run`]: the rounds; [`report`]: what is told of them;
//! - [`plan`]: what is done in a round; [`house`]: the hub under test; [`disk`]: a disk whose power can be cut;
//! - [`load`]: offices at work; [`mod@look`]: everything that the hub shows; [`published`]: its transparency log;
//!   [`archived`]: the months that left its log;
//! - [`model`]: what must hold; [`history`]: what the offices know;
//! - [`chance`]: chance that can be had again.

pub mod archived;
pub mod chance;
pub mod disk;
pub mod history;
pub mod house;
pub mod load;
pub mod look;
pub mod model;
pub mod plan;
pub mod published;
pub mod report;

use anyhow::{Context as _, Result};
use careplan_protocol::transfer::TransferId;
use chance::Chance;
use house::House;
use load::Worker;
use look::Eyes;
use model::{Kind, Violation, judge};
use plan::{End, Fault, MONTH, Plan};
use report::Report;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// What to do.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many rounds.
    pub rounds: u64,
    /// Everything follows from it.
    pub seed: u64,
    /// Whether the power of the disk is cut instead of killing the process.
    pub power: bool,
    /// Where the data folder of each violation is kept.
    pub keep: Option<PathBuf>,
}

/// Runs the rounds; `progress` is told after each.
///
/// # Errors
/// When the hub or its disk cannot be set up at all; what goes wrong in a round is a violation.
pub async fn run(settings: &Settings, mut progress: impl FnMut(&Report)) -> Result<Report> {
    let mut report = Report::new(settings);
    let mut house = House::new(settings.power).await?;
    for round in 0..settings.rounds {
        let plan = Plan::of(settings.seed, round, settings.power);
        let mut fresh = round % FRESH == FRESH - 1;
        let found = match one(&mut house, &plan, Chance::of(settings.seed, !round), &mut report).await {
            Ok(found) => found,
            Err(error) => vec![Violation { kind: Kind::Damage, what: format!("{error:#}") }],
        };
        if !found.is_empty() {
            if let Some(keep) = &settings.keep {
                house.keep(&keep.join(format!("round-{round}")))?;
            }
            report.violated(round, &plan, found);
            fresh = true;
        }
        report.rounds += 1;
        progress(&report);
        if fresh {
            report.take(&house.shared.history());
            let _ = house.strike().await;
            house.begin_anew()?;
        }
    }
    report.take(&house.shared.history());
    let _ = house.strike().await;
    Ok(report)
}

/// Rounds that are killed at these points alone, each tried a few times; what was violated, and what was not reached.
///
/// # Errors
/// As [`run`], and when a round cannot be done.
pub async fn reach(points: impl IntoIterator<Item = &'static str>) -> Result<Vec<String>> {
    let settings = Settings { rounds: 0, seed: 1, power: false, keep: None };
    let (mut report, mut house, mut wrong) = (Report::new(&settings), House::new(false).await?, Vec::new());
    let (mut chance, mut rounds) = (Chance::new(1), 0);
    for point in points {
        for _ in 0..TRIES {
            if rounds % AGES == 0 {
                let _ = house.strike().await;
                house.begin_anew()?;
                one(&mut house, &Plan::filling(), Chance::new(chance.number()), &mut report).await?;
            }
            rounds += 1;
            let plan = Plan::killed_at(point);
            let found = one(&mut house, &plan, Chance::new(chance.number()), &mut report).await;
            let found = found.with_context(|| format!("{point}\n{}", house.world.hub.last_words()))?;
            wrong.extend(found.iter().map(|violation| format!("{point}: {violation}")));
            if report.has_ended_at(point) {
                break;
            }
        }
        if !report.has_ended_at(point) {
            wrong.push(format!("{point} was never reached"));
        }
    }
    let _ = house.strike().await;
    Ok(wrong)
}

/// One round: start, load, end, start again, look.
async fn one(house: &mut House, plan: &Plan, mut chance: Chance, report: &mut Report) -> Result<Vec<Violation>> {
    let mut found = Vec::new();
    house.prepare(plan)?;
    if house.world.hub.is_running()? && (plan.fault.is_some() || plan.days > 0 || plan.new_receipt_key) {
        house.strike().await?;
    }
    let ended = match house.world.hub.is_running()? {
        true => None,
        false => start(house, plan.fault.as_ref()).await?,
    };
    let ended = match ended {
        Some(status) => Some(status),
        None => match house.settle().await? {
            None => work_until_the_end(house, plan, &mut chance).await?,
            ended => ended,
        },
    };
    report.ended(plan, ended);
    found.extend(ended.and_then(|status| wrong_end(plan.fault.as_ref(), status)));
    if house.world.hub.is_running()? {
        house.strike().await?;
    }
    if let Some(fault) = &plan.again {
        let ended = match start(house, Some(fault)).await? {
            None => house.world.hub.ended(BEHIND_A_START).await?,
            ended => ended,
        };
        report.failed(fault, ended);
        if let Some(status) = ended {
            found.extend(wrong_end(Some(fault), status));
        }
        house.strike().await?;
    }
    let begun = tokio::time::Instant::now();
    let mut ended = start(house, None).await?;
    report.restarts.push(begun.elapsed());
    if ended.is_none() {
        ended = house.settle().await?;
    }
    if let Some(status) = ended {
        anyhow::bail!("the hub does not start again: {status}\n{}", house.world.hub.last_words());
    }
    report.cut(&house.world.hub.last_words());
    found.extend(look(house, &mut chance, report).await?);
    if plan.days >= MONTH
        && let Some(what) = house.verify().await?
    {
        found.push(Violation { kind: Kind::Damage, what: format!("careplan-hub verify: {what}") });
    }
    Ok(found)
}

async fn start(house: &mut House, fault: Option<&Fault>) -> Result<Option<ExitStatus>> {
    house.world.hub.failpoints = fault.map(Fault::text);
    house.world.hub.try_start().await
}

/// Lets the offices work, ends the hub as planned; how it ended, if it did so by itself.
async fn work_until_the_end(house: &mut House, plan: &Plan, chance: &mut Chance) -> Result<Option<ExitStatus>> {
    house.shared.stop(false);
    let mut workers = tokio::task::JoinSet::new();
    for n in 0..WORKERS {
        let office = house.offices[n % house.offices.len()].clone();
        let others = house.offices.iter().map(|other| other.number.clone());
        let partners = others.filter(|number| *number != office.number).collect();
        let worker = Worker { office, partners, chance: Chance::new(chance.number()), shared: house.shared.clone() };
        workers.spawn(worker.run());
    }
    let mut ended = house.world.hub.ended(plan.load).await?;
    if ended.is_none() && plan.end == End::Stop {
        house.shared.stop(true);
        let id = house.world.hub.id().context("the hub runs")?;
        house::run(std::process::Command::new("kill").args(["-TERM", &id.to_string()]))?;
        ended = house.world.hub.ended(Duration::from_secs(20)).await?;
    } else if ended.is_none() {
        house.strike().await?;
    }
    house.shared.stop(true);
    while let Some(done) = workers.join_next().await {
        done?;
    }
    Ok(ended)
}

/// Ends that only a plan explains: a signal, status 74, a start that was refused.
fn wrong_end(fault: Option<&Fault>, status: ExitStatus) -> Option<Violation> {
    let planned = fault.is_some_and(|fault| match fault.action {
        "kill" | "torn" => status.signal() == Some(9),
        "eio" => matches!(status.code(), Some(74 | 1)),
        _ => status.code() == Some(1),
    });
    let what = || format!("the hub ended with {status}, and the plan was {fault:?}");
    (!status.success() && !planned).then(|| Violation { kind: Kind::Damage, what: what() })
}

/// Retries some sends, reads everything, judges.
async fn look(house: &House, chance: &mut Chance, report: &mut Report) -> Result<Vec<Violation>> {
    let (again, bodies) = {
        let history = house.shared.history();
        let open = history.sends.iter().filter(|(_, send)| send.answers.is_empty());
        // Half of what has no answer stays so: it may be there or not, whole or not at all.
        let mut again: Vec<(String, String)> =
            open.filter(|_| chance.percent(50)).map(|(key, send)| (key.clone(), send.from.clone())).collect();
        let mut bodies: Vec<(String, TransferId, usize)> = Vec::new();
        let last = history.sends.len().saturating_sub(12);
        for (n, (key, send)) in history.sends.iter().enumerate() {
            if send.answers.is_empty() || (n < last && !chance.percent(2)) {
                continue;
            }
            again.push((key.clone(), send.from.clone()));
            bodies.extend(send.answers.keys().map(|id| (send.from.clone(), *id, send.content.sizes.len())));
        }
        (again, bodies)
    };
    for (key, from) in again {
        let office = house.offices.iter().find(|office| office.number == from).context("the sender")?;
        load::send_under(office, &house.shared, &key).await;
        report.retries += 1;
    }
    let data = house.world.hub.data();
    let seen = Eyes { operator: &house.world.operator, offices: &house.offices, data: &data }.look(&bodies).await?;
    report.events = report.events.max(seen.log.len() as u64);
    let archived = seen.archives.iter().map(|archive| archive.leaves.len() as u64);
    report.archived(seen.archives.len() as u64, archived.sum());
    let history = house.shared.history().clone();
    let found = judge(&history, &seen);
    // From now on nothing else may be shown.
    let mut history = house.shared.history();
    history.checkpoints.extend(seen.published.iter().map(|log| log.checkpoint.clone()));
    history.floor = seen.log.first().map_or(0, |first| first.position);
    Ok(found)
}

/// So many rounds share a data folder.
const FRESH: u64 = 15;
/// So many rounds a year apart a data folder lasts.
const AGES: u64 = 6;
const TRIES: u64 = 3;
const WORKERS: usize = 9;
/// What a start leaves to threads is done by then.
const BEHIND_A_START: Duration = Duration::from_millis(400);
