//! The run: 100 senders at once, 10,000 transfers of real sample files, every one fetched byte for byte exactly once by
//! `careplan sync` at several desks, while the hub is killed ten times at random moments. Afterwards nothing acknowledged is
//! missing, nothing is doubled, and meter, log and inboxes say the same.
//!
//! `CAREPLAN_RUN_TRANSFERS` and `CAREPLAN_RUN_KILLS` set other numbers.

use anyhow::{Context as _, Result, ensure};
use careplan_loadtest::{Corpus, Desks, Report, Settings, senders};
use careplan_protocol::api::{Page, Transfer, Usage};
use careplan_protocol::office::Address;
use careplan_tests::hub::free_port;
use careplan_tests::patience::{eventually, within};
use careplan_tests::world::{CENTRE, HELPER, LETTER, PLAN, TWO_DESKS};
use careplan_tests::{Form, Office, World, papers, samples};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_transfers_arrive_exactly_once_while_the_hub_is_killed() -> Result<()> {
    let (transfers, kills) = (number("CAREPLAN_RUN_TRANSFERS", 10_000)?, number("CAREPLAN_RUN_KILLS", 10)?);
    let mut world = World::new().await?;
    let corpus = Corpus::read(&samples::folder().join("good"))?;
    let desks = Desk::all(&world).await?;
    let syncing: Vec<Syncing> = desks.iter().map(Desk::start).collect::<Result<_>>()?;

    let progress = Arc::new(AtomicU64::new(0));
    let offices = corpus.senders().into_iter().map(|sender| sender.office);
    let settings = Settings {
        corpus: corpus.clone(),
        desks: Desks::from_bundles(&world.bundles(), offices)?,
        numbers: 0..transfers,
        senders: 100,
        word: "run".to_owned(),
        patience: Duration::from_secs(300),
        progress: Arc::clone(&progress),
    };
    let sending = tokio::spawn(senders::run(settings));
    let restarts = kill_at_random(&mut world, transfers, kills, &progress).await?;
    let report = within("the senders end", 900, sending).await???;
    tell(&format!("sent: {}", serde_json::to_string(&report.figures())?));
    tell(&format!("restarts after a kill took {restarts:?} ms"));
    ensure!(report.acknowledged.len() as u64 == transfers);

    let fetched = all_fetched(&world, syncing).await?;
    arrived(&corpus, &desks, transfers)?;
    ensure!(fetched == transfers, "{fetched} transfers were told as fetched");
    compare(&world, &report, transfers).await?;
    world.hub.restart().await?;
    compare(&world, &report, transfers).await?;
    receipts_stay(&world, &corpus, &report).await
}

/// Kills the hub at moments spread over the run, and starts it again; how long each start took, in milliseconds.
async fn kill_at_random(world: &mut World, transfers: u64, kills: u64, progress: &AtomicU64) -> Result<Vec<u128>> {
    let mut took = Vec::new();
    for kill in 1..=kills {
        // Somewhere in its share of the run, by chance.
        let chance = u64::from_str_radix(&papers::random_key()?[..8], 16)? % 100;
        let share = transfers / (kills + 1);
        let moment = share * kill - share * chance / 200;
        let reached = async || Ok((progress.load(Ordering::Relaxed) >= moment).then_some(()));
        eventually("the run goes on", 600, reached).await?;
        tokio::time::sleep(Duration::from_millis(chance)).await;
        world.hub.kill().await?;
        let begun = tokio::time::Instant::now();
        world.hub.start().await?;
        took.push(begun.elapsed().as_millis());
    }
    Ok(took)
}

/// A desk with its folders.
struct Desk {
    office: Office,
    acting: Address,
    out: PathBuf,
    inside: PathBuf,
}

/// A running `careplan sync`, and the transfers that it told.
struct Syncing {
    child: Child,
    told: tokio::task::JoinHandle<Vec<String>>,
}

impl Desk {
    async fn all(world: &World) -> Result<Vec<Self>> {
        let mut desks = Vec::new();
        let mut offices = HashMap::new();
        for number in [PLAN, HELPER, TWO_DESKS, LETTER, CENTRE] {
            offices.insert(number, world.office(number)?.set_up().await?);
        }
        for (number, kind) in
            [(PLAN, ""), (HELPER, ""), (TWO_DESKS, "-15"), (TWO_DESKS, "-17"), (LETTER, ""), (CENTRE, "")]
        {
            let folder = world.path("desks").join(format!("{number}{kind}"));
            let (out, inside) = (folder.join("out"), folder.join("in"));
            std::fs::create_dir_all(&out)?;
            std::fs::create_dir_all(&inside)?;
            let acting = format!("{number}{kind}").parse()?;
            desks.push(Self { office: offices[number].clone(), acting, out, inside });
        }
        Ok(desks)
    }

    fn start(&self) -> Result<Syncing> {
        let mut command = self.office.command()?;
        command.args(["--json", "--as", &self.acting.to_string(), "sync", "--interval", "1"]);
        command.arg("--out").arg(&self.out).arg("--in").arg(&self.inside);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
        let mut child = command.spawn()?;
        let lines = BufReader::new(child.stdout.take().context("its output")?).lines();
        Ok(Syncing { child, told: tokio::spawn(fetched(lines)) })
    }
}

/// The transfers that a sync says it fetched.
async fn fetched(mut lines: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>) -> Vec<String> {
    let mut transfers = Vec::new();
    while let Ok(Some(line)) = lines.next_line().await {
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        if event["event"] == "fetched" {
            transfers.push(event["transfer"].as_str().unwrap_or_default().to_owned());
        }
    }
    transfers
}

/// Waits until nothing waits to be fetched, ends the syncs, and counts what they fetched; nothing twice.
async fn all_fetched(world: &World, syncing: Vec<Syncing>) -> Result<u64> {
    let begun = tokio::time::Instant::now();
    eventually("everything is fetched", 600, || async { Ok((world.status().await?.unfetched == 0).then_some(())) })
        .await?;
    tell(&format!("fetched {} ms after the last send", begun.elapsed().as_millis()));
    // The last files are being put into place.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (mut seen, mut count) = (HashSet::new(), 0);
    for Syncing { mut child, told } in syncing {
        let id = child.id().context("a sync ended by itself")?;
        careplan_tests::programs::run(careplan_tests::programs::command("kill").arg(id.to_string())).await?.ok()?;
        within("a sync ends", 30, child.wait()).await??;
        for transfer in within("its output ends", 10, told).await?? {
            count += 1;
            ensure!(seen.insert(transfer.clone()), "{transfer} was fetched twice");
        }
    }
    Ok(count)
}

/// Every file of every transfer stands at its desk with its bytes, and no other file does.
fn arrived(corpus: &Corpus, desks: &[Desk], transfers: u64) -> Result<()> {
    let mut found: BTreeMap<usize, HashMap<String, Vec<u8>>> = BTreeMap::new();
    for (place, desk) in desks.iter().enumerate() {
        found.insert(place, files(&desk.inside)?);
    }
    for n in 0..transfers {
        let load = corpus.load(n);
        let place = desks.iter().position(|desk| desk.acting.handles(&load.to)).context("a desk")?;
        let at = found.get_mut(&place).context("files")?;
        for (name, bytes) in &load.files {
            let arrived = at.remove(name).with_context(|| format!("{name} is missing"))?;
            ensure!(arrived == *bytes, "{name} has other bytes");
        }
    }
    let too_many: usize = found.values().map(HashMap::len).sum();
    ensure!(too_many == 0, "{too_many} files that nobody sent");
    Ok(())
}

fn files(folder: &Path) -> Result<HashMap<String, Vec<u8>>> {
    let mut files = HashMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().context("a name")?;
        match entry.file_type()?.is_file() {
            true => drop(files.insert(name, std::fs::read(entry.path())?)),
            false => ensure!(name == ".careplan", "a folder {name}"),
        }
    }
    Ok(files)
}

/// Meter, log and inboxes name exactly what was acknowledged.
async fn compare(world: &World, report: &Report, transfers: u64) -> Result<()> {
    let acknowledged: HashSet<String> = report.acknowledged.iter().map(|one| one.transfer.to_string()).collect();
    ensure!(acknowledged.len() as u64 == transfers, "two sends got one transfer");
    let mut listed = HashSet::new();
    for number in [PLAN, HELPER, TWO_DESKS, LETTER, CENTRE] {
        for transfer in inbox(&world.office(number)?).await? {
            ensure!(transfer.fetched_at.is_some(), "{} was not fetched", transfer.id);
            ensure!(listed.insert(transfer.id.to_string()), "{} stands twice", transfer.id);
        }
    }
    ensure!(listed == acknowledged, "{} in inboxes, {} acknowledged", listed.len(), acknowledged.len());
    let usage = world.admin_json(["usage"]).await?;
    let rows: Vec<Usage> = serde_json::from_value(usage["rows"].clone())?;
    let sent: u64 = rows.iter().map(|row| row.sent.transfers).sum();
    let received: u64 = rows.iter().map(|row| row.received.transfers).sum();
    ensure!(sent == transfers && received == transfers, "the meter: {sent} sent, {received} received");
    let log = world.admin(["log", "export", "--kind", "accepted", "--format", "json"]).await?.ok()?;
    let logged: HashSet<String> = log
        .stdout
        .lines()
        .map(|line| Ok(serde_json::from_str::<Value>(line)?["transfer"].as_str().unwrap_or_default().to_owned()))
        .collect::<Result<_>>()?;
    ensure!(logged == acknowledged && log.stdout.lines().count() as u64 == transfers, "{} in the log", logged.len());
    Ok(())
}

async fn inbox(office: &Office) -> Result<Vec<Transfer>> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page: Page<Transfer> = office.get(&format!("inbox?limit=1000{after}")).await?.status(200)?.json()?;
        all.extend(page.items);
        match page.next {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(all),
        }
    }
}

/// A retry of any acknowledged send gets the very same receipt.
async fn receipts_stay(world: &World, corpus: &Corpus, report: &Report) -> Result<()> {
    for one in report.acknowledged.iter().step_by(report.acknowledged.len() / 50 + 1) {
        let load = corpus.load(one.n);
        let mut form = Form::new().field("to", &load.to.to_string());
        if let Some(kind) = load.from.service_type {
            form = form.field("from_type", kind.as_str());
        }
        let form = form.field("message", "").files(&load.files);
        let sender = world.office(load.from.office.as_str())?;
        let again = sender.caller.send_as(&sender.number, &one.key, form).await?.status(201)?;
        ensure!(again.header("idempotency-replayed") == "true");
        ensure!(again.json::<careplan_protocol::api::Sent>()?.receipt == one.receipt, "{}", one.transfer);
    }
    Ok(())
}

fn number(name: &str, otherwise: u64) -> Result<u64> {
    std::env::var(name).map_or(Ok(otherwise), |text| text.parse().with_context(|| format!("{name}={text}")))
}

/// Figures of the run, shown with `--nocapture` and kept in the target folder otherwise.
fn tell(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

#[test]
fn ports_for_hubs_are_free_and_differ() -> Result<()> {
    ensure!(free_port()? != free_port()?);
    Ok(())
}
