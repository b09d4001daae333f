//! `careplan evidence`: a page that holds without a hub, and in which nothing can be changed.

use crate::month::{Small, small, small_in};
use anyhow::{Context as _, Result, ensure};
use careplan_client::clock::{SystemClock, SystemRandomness};
use careplan_client::desk::Desk;
use careplan_client::document::{open, page_of};
use careplan_client::evidence::{Evidence, Step, gather};
use careplan_client::home::Home;
use careplan_protocol::problem::Language;
use careplan_protocol::routes;
use careplan_protocol::transfer::{Class, State};
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Office, Outcome, World, programs, samples};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn a_record_is_made_and_holds_anywhere_without_the_hub() -> Result<()> {
    let Small { mut world, plan, imported, unfetched, result, recalled, .. } = small().await?;
    let records = world.path("records");
    let page = made(&plan, &records, &[]).await?;
    ensure!(page.ends_with(format!("evidence_{PLAN}_2026-10.html")), "{page:?}");
    let text = std::fs::read_to_string(&page)?;
    for wanted in [&imported, &unfetched, &result, &recalled, "写真.pdf", "取込済", "取消"] {
        ensure!(text.contains(wanted), "{wanted}");
    }
    for outside in ["src=", "href=", "url(", "@import"] {
        ensure!(!text.contains(outside), "the page needs nothing else: {outside}");
    }
    plan.careplan(["archive", "--month", "2026-10", "--into", &records.display().to_string()]).await?.ok()?;
    let keys = world.path("jwks.json");
    std::fs::write(&keys, plan.caller.get("/.well-known/jwks.json").await?.status(200)?.body)?;
    let log_keys = world.path("log.key");
    std::fs::write(&log_keys, world.admin(["log", "key"]).await?.ok()?.stdout)?;
    let again = made(&plan, &records, &[]).await?;
    ensure!(again != page && std::fs::read_to_string(&page)? == text, "an earlier record is not overwritten");
    world.hub.kill().await?;

    let arguments = ["--files".into(), records.clone()];
    let held = verify(&plan, &page, &arguments).await?.ok()?.json()?;
    ensure!(held["valid"] == true && held["files_match"] == true && held["by_receipt"] == 3, "{held:#}");
    ensure!(held["by_log"] == 4 && held["by_delivery_receipt"] == 1, "{held:#}");
    let all_are = |held: &Value, trust: &str| {
        held["keys"].as_array().is_some_and(|keys| keys.len() == 2 && keys.iter().all(|key| key["trust"] == trust))
    };
    ensure!(all_are(&held, "known"), "{held:#}");
    // Somebody else, years later, with the key that the operator published.
    let stranger = Office { home: world.path("nothing-set-up"), ..plan.clone() };
    let unconfirmed = verify(&stranger, &page, &[]).await?.ok()?.json()?;
    ensure!(all_are(&unconfirmed, "unconfirmed"), "{unconfirmed:#}");
    let fingerprint = |n: usize| PathBuf::from(unconfirmed["keys"][n]["fingerprint"].as_str().unwrap_or_default());
    let (receipts, log) = (fingerprint(0), fingerprint(1));
    let files = ["--key".into(), keys.clone(), "--key".into(), log_keys];
    ensure!(all_are(&verify(&stranger, &page, &files).await?.ok()?.json()?, "given"), "as the manual says");
    let given = ["--key".into(), keys, "--key".into(), log.clone()];
    let held = verify(&stranger, &page, &given).await?.ok()?.json()?;
    ensure!(all_are(&held, "given"), "{held:#}");
    verify(&stranger, &page, &["--key".into(), receipts.clone(), "--key".into(), log]).await?.ok()?;
    // One key less is one that nobody gave.
    verify(&stranger, &page, &["--key".into(), receipts]).await?.exited(1)?;
    Ok(())
}

#[tokio::test]
async fn a_changed_page_a_forged_record_and_swapped_files_are_found() -> Result<()> {
    let Small { world, plan, imported, .. } = small().await?;
    let records = world.path("records");
    let page = made(&plan, &records, &[]).await?;
    plan.careplan(["archive", "--month", "2026-10", "--into", &records.display().to_string()]).await?.ok()?;
    let text = std::fs::read_to_string(&page)?;
    let forged = world.path("forged.html");
    for (said, instead) in
        [("取込済<br>", "取込不可<br>"), ("\"state\":\"imported\"", "\"state\":\"rejected\""), ("写真", "写像")]
    {
        let changed = text.replacen(said, instead, 1);
        ensure!(changed != text, "{said}");
        std::fs::write(&forged, changed)?;
        let told = verify(&plan, &forged, &[]).await?.exited(1)?.json()?;
        ensure!(told["valid"] == false && told["problems"].as_array().is_some_and(|it| !it.is_empty()), "{told:#}");
    }
    std::fs::write(&forged, "<html></html>")?;
    let told = verify(&plan, &forged, &[]).await?.exited(1)?.json()?;
    ensure!(told["error"]["code"] == "document", "{told:#}");

    let folder = records.join(PLAN).join("2026-10").join(HELPER).join("sent").join(&imported);
    let names: Vec<String> = samples::unit("04")?.files.into_iter().map(|(name, _)| name).collect();
    let (first, second) = (folder.join(&names[0]), folder.join(&names[1]));
    let (one, other) = (std::fs::read(&first)?, std::fs::read(&second)?);
    std::fs::write(&first, other)?;
    std::fs::write(&second, one)?;
    let arguments = ["--files".into(), records.clone()];
    let told = verify(&plan, &page, &arguments).await?.exited(1)?.json()?;
    let different = |it: &&Value| it["found"] == "different";
    let files = told["files"].as_array().context("files")?;
    ensure!(
        told["valid"] == true && told["files_match"] == false && files.iter().filter(different).count() == 2,
        "{told:#}"
    );
    Ok(())
}

/// A forger who writes the whole page anew, with this very program, cannot change what the hub signed.
#[tokio::test]
async fn a_record_written_anew_with_other_contents_is_found_by_receipts_and_log() -> Result<()> {
    let Small { world, plan, .. } = small().await?;
    let page = made(&plan, &world.path("records"), &[]).await?;
    let text = std::fs::read_to_string(&page)?;
    type Change = (&'static str, fn(&mut Evidence));
    // In the order of acceptance: imported, recalled, unfetched; then what was received.
    let changes: [Change; 9] = [
        ("the message", |it| it.entries[0].transfer.message = "other".to_owned()),
        ("the list of files", |it| it.entries[0].transfer.files[3].name = "other.pdf".to_owned()),
        ("the time of fetching", |it| it.entries[0].transfer.fetched_at = Some(it.entries[0].transfer.accepted_at)),
        ("the outcome", |it| it.entries[0].transfer.acknowledgement = None),
        ("the state", |it| it.entries[2].transfer.state = State::Imported),
        ("the time of recall", |it| it.entries[1].transfer.recalled_at = None),
        ("the class", |it| it.entries[3].transfer.class = Class::Attachment),
        ("the time of acceptance", |it| it.entries[3].transfer.accepted_at = it.made_at),
        ("the proof is that of another transfer", |it| it.entries[3].proof = it.entries[0].proof.clone()),
    ];
    let forged = world.path("forged.html");
    for (wanted, change) in changes {
        let mut evidence = open::<Evidence>(&text)?.document;
        change(&mut evidence);
        std::fs::write(&forged, page_of(&evidence)?)?;
        let told = verify(&plan, &forged, &[]).await?.exited(1)?.json()?;
        ensure!(told["problems"].to_string().contains(wanted), "{wanted}: {told:#}");
    }
    Ok(())
}

/// All proofs lead to one checkpoint, also while the log grows; a page whose proofs do not is refused, since nothing shows that
/// they are of one history.
#[tokio::test]
async fn all_proofs_of_a_record_lead_to_one_checkpoint() -> Result<()> {
    let Small { world, plan, .. } = small().await?;
    let records = world.path("records");
    let (one, other) = (made(&plan, &records, &[]).await?, made(&plan, &records, &["--with", HELPER]));
    let grow = async {
        for n in 0..20 {
            plan.send_file(HELPER, "a.pdf", format!("%PDF-{n}").as_bytes()).await?;
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        Ok::<(), anyhow::Error>(())
    };
    let (other, grown) = tokio::join!(other, grow);
    grown?;
    let (one, other) = (read(&one)?, read(&other?)?);
    let checkpoints = |evidence: &Evidence| -> BTreeSet<String> {
        evidence.entries.iter().filter_map(|entry| Some(entry.proof.as_ref()?.checkpoint.clone())).collect()
    };
    ensure!(one.entries.len() == 4 && other.entries.iter().all(|entry| entry.proof.is_some()));
    let (first, second) = (checkpoints(&one), checkpoints(&other));
    ensure!(first.len() == 1 && second.len() == 1 && first != second, "{first:?} {second:?}");
    // Each proof holds by itself.
    let mut mixed = one;
    mixed.entries[2].proof = other.entries[2].proof.clone();
    let page = world.path("mixed.html");
    std::fs::write(&page, page_of(&mixed)?)?;
    let told = verify(&plan, &page, &[]).await?.exited(1)?.json()?;
    ensure!(told["problems"].to_string().contains("another checkpoint"), "{told:#}");
    ensure!(told["problems"].as_array().is_some_and(|problems| problems.len() == 1), "{told:#}");
    Ok(())
}

/// Beyond the limit of requests the record takes longer, tells so, and lacks nothing.
#[tokio::test]
async fn a_record_is_made_within_a_low_limit_of_requests() -> Result<()> {
    let world = World::with(&[("LIMITS__REQUESTS_PER_MINUTE", "90")]).await?;
    let Small { world, plan, .. } = small_in(world).await?;
    let before = asked(&world).await?;
    while plan.get("outbox?limit=1").await?.status != 429 {}
    let profile = Home::new(Some(plan.home.clone()))?.profile(None)?;
    let (clock, randomness) = (Arc::new(SystemClock), Arc::new(SystemRandomness));
    let desk = Desk::open(profile, PLAN.parse()?, Language::Japanese, clock, randomness)?;
    let waits = RefCell::new(Vec::new());
    let step = |step| match step {
        Step::Waiting(pause) => waits.borrow_mut().push(pause),
        Step::Done(..) => {}
    };
    let gathered = gather(&desk, "2026-10".parse()?, None, step).await?;
    ensure!(!waits.borrow().is_empty() && waits.borrow().iter().all(|wait| !wait.is_zero()), "{waits:?}");
    let page = world.path("limited.html");
    std::fs::write(&page, page_of(&gathered.evidence)?)?;
    let held = verify(&plan, &page, &[]).await?.ok()?.json()?;
    ensure!(held["by_log"] == 4 && held["by_receipt"] == 3 && held["by_delivery_receipt"] == 1, "{held:#}");
    let after = asked(&world).await?;
    let refused = |counts: &BTreeMap<String, f64>| counts.get("proof rate-limited").copied().unwrap_or_default();
    let shown = |counts: &BTreeMap<String, f64>| counts.get("show ok").copied().unwrap_or_default();
    let proved = |counts: &BTreeMap<String, f64>| counts.get("proof ok").copied().unwrap_or_default();
    ensure!(refused(&after) > 0.0, "the limit was met: {after:?}");
    // One proof for each transfer, and one look more where the recipient did something.
    ensure!(proved(&after) - proved(&before) == 4.0 && shown(&after) - shown(&before) == 1.0, "{before:?} {after:?}");
    Ok(())
}

/// Requests so far for proofs and for single transfers of the outbox and inbox, by outcome.
async fn asked(world: &World) -> Result<BTreeMap<String, f64>> {
    let metrics = careplan_tests::caller::local(&format!("{}/metrics", world.hub.local_url())).await?.text();
    let mut counts = BTreeMap::new();
    for line in metrics.lines().filter_map(|line| line.strip_prefix("careplan_hub_requests_total")) {
        let route = line.split("route=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        let outcome = line.split("outcome=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        let what = match route {
            routes::OUTBOX_PROOF | routes::INBOX_PROOF => "proof",
            routes::OUTBOX_TRANSFER | routes::INBOX_TRANSFER => "show",
            _ => continue,
        };
        let count: f64 = line.rsplit(' ').next().unwrap_or_default().parse()?;
        *counts.entry(format!("{what} {outcome}")).or_insert(0.0) += count;
    }
    Ok(counts)
}

fn read(page: &Path) -> Result<Evidence> {
    Ok(open::<Evidence>(&std::fs::read_to_string(page)?)?.document)
}

#[tokio::test]
async fn a_record_of_one_partner_and_of_a_month_without_anything() -> Result<()> {
    let Small { world, plan, .. } = small().await?;
    let records = world.path("records");
    let of_partner = made(&plan, &records, &["--with", HELPER]).await?;
    ensure!(of_partner.ends_with(format!("evidence_{PLAN}_2026-10_{HELPER}.html")), "{of_partner:?}");
    let held = verify(&plan, &of_partner, &[]).await?.ok()?.json()?;
    // What was recalled has no files any more for its recipient only: four were sent or received.
    ensure!(held["transfers"] == 4, "{held:#}");
    let of_other = made(&plan, &records, &["--with", "1379999038"]).await?;
    ensure!(verify(&plan, &of_other, &[]).await?.ok()?.json()?["transfers"] == 0);
    Ok(())
}

async fn made(office: &Office, into: &Path, more: &[&str]) -> Result<PathBuf> {
    let into = into.display().to_string();
    let arguments = ["evidence", "--month", "2026-10", "--into", &into];
    let made = office.careplan_json(arguments.iter().chain(more)).await?;
    // Pages can be looked at in a browser.
    if let Some(folder) = std::env::var_os("CAREPLAN_KEEP_PAGES") {
        std::fs::copy(made["file"].as_str().context("a file")?, Path::new(&folder).join("evidence.html"))?;
    }
    Ok(PathBuf::from(made["file"].as_str().context("a file")?))
}

async fn verify(office: &Office, page: &Path, more: &[PathBuf]) -> Result<Outcome> {
    let mut command = office.command()?;
    command.args(["--json", "evidence", "verify"]).arg(page).args(more);
    programs::run(&mut command).await
}
