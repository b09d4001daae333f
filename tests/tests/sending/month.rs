//! One whole month through the programs: 120 persons, 40 partners of which 15 are not on the hub, one number with two types
//! on two devices; plans from the 25th, a correction, a deletion, a PDF beside a unit, a recall, results on the 1st to
//! 3rd, one rejection. Both sides' lists, marks, meter and log agree in the end.

#[path = "month/generated.rs"]
mod generated;

use anyhow::{Context as _, Result, ensure};
use careplan_protocol::api::{Transfer, Usage};
use careplan_protocol::transfer::State;
use careplan_tests::world::{PLAN, TWO_DESKS};
use careplan_tests::{Office, World};
use generated::{Month, PARTNERS, PERSONS};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[tokio::test]
async fn a_month_of_plans_and_results_agrees_on_both_sides() -> Result<()> {
    let month = Month::next()?;
    let world = month.world().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let partners = month.partners(&world).await?;
    plans_go_out(&world, &month, &plan).await?;
    mistake_is_recalled(&world, &month, &plan).await?;
    for (device, partner) in partners.iter().enumerate() {
        take(&world, partner, device).await?;
    }
    later_changes(&world, &month, &plan).await?;
    for (device, partner) in partners.iter().enumerate() {
        take(&world, partner, device).await?;
    }
    results_come_in(&world, &month, &plan, &partners).await?;
    let lists = lists_agree(&plan, &partners).await?;
    marks_are_right(&month, &lists)?;
    meter_and_log_agree(&world, &lists).await
}

/// An office's program working as one address.
struct Desk {
    office: Office,
    acting: String,
}

/// On the 25th everything goes out with one command; whoever is not on the hub is told.
async fn plans_go_out(world: &World, month: &Month, plan: &Office) -> Result<()> {
    month.clock(world, 0, 25, 9).await?;
    let export = world.path("export");
    let mut persons = BTreeSet::new();
    for partner in 0..PARTNERS {
        for unit in month.plans(partner, 1)? {
            unit.write(&export.join(format!("{}_{}", unit.to, unit.name)))?;
            persons.extend(month.persons(partner));
        }
    }
    ensure!(persons.len() == PERSONS, "{}", persons.len());
    // A PDF beside the first unit.
    let first = month.plans(0, 1)?.remove(0);
    std::fs::write(export.join(format!("{}_{}", first.to, first.name)).join("assessment.pdf"), b"%PDF-1.7 month")?;
    let mut command = plan.command()?;
    command.args(["--json", "send", "--yes"]);
    let mut folders: Vec<_> =
        std::fs::read_dir(&export)?.map(|entry| entry.map(|it| it.path())).collect::<Result<_, _>>()?;
    folders.sort();
    let sent = careplan_tests::programs::run(command.args(folders)).await?.exited(3)?.json()?;
    let counts = ["sent", "unreachable", "refused", "kept"].map(|list| count(&sent[list]));
    // One partner has two types, so one more unit than partners.
    ensure!(counts == [26, 15, 0, 0], "{counts:?} {sent:#}");
    let findings =
        sent["plan"].as_array().context("a plan")?.iter().map(|entry| count(&entry["findings"])).sum::<usize>();
    ensure!(findings == 0, "{sent:#}");
    ensure!(plan.outbox("").await?.iter().any(|transfer| transfer.file_count == 4), "the PDF went beside its unit");
    Ok(())
}

/// Recalled before anybody fetched it, and sent again with the same command.
async fn mistake_is_recalled(world: &World, month: &Month, plan: &Office) -> Result<()> {
    let unit = month.plans(3, 1)?.remove(0);
    let folder = world.path("export").join(format!("{}_{}", unit.to, unit.name)).display().to_string();
    let sent = plan.outbox("").await?;
    let id = sent.iter().find(|transfer| transfer.to == unit.to).context("the unit")?.id.to_string();
    plan.careplan(["recall", &id]).await?.ok()?;
    let again = plan.careplan_json(["send", "--yes", &folder]).await?;
    ensure!(count(&again["sent"]) == 1 && again["sent"][0]["transfer"] != id, "{again}");
    Ok(())
}

/// A partner fetches what is new and says that it was imported.
async fn take(world: &World, desk: &Desk, device: usize) -> Result<()> {
    let into = world.path("in").join(device.to_string()).display().to_string();
    let fetched = desk.office.careplan_json(["--as", &desk.acting, "fetch", "--new", "--into", &into]).await?;
    for transfer in fetched["fetched"].as_array().context("a list")? {
        let id = transfer["transfer"].as_str().with_context(|| fetched.to_string())?;
        desk.office.careplan(["--as", &desk.acting, "ack", id, "--imported"]).await?.ok()?;
    }
    Ok(())
}

/// On the 28th one plan is corrected, and one person has no service at one desk any more.
async fn later_changes(world: &World, month: &Month, plan: &Office) -> Result<()> {
    month.clock(world, 0, 28, 10).await?;
    for unit in [month.plans(5, 2)?.remove(0), month.deletion()?] {
        let folder = world.path("changes").join(&unit.name);
        unit.write(&folder)?;
        let sent = plan.careplan_json(["send", "--yes", &folder.display().to_string()]).await?;
        ensure!(count(&sent["sent"]) == 1 && count(&sent["plan"][0]["findings"]) == 0, "{sent:#}");
    }
    Ok(())
}

/// On the 1st to 3rd the partners send results; the plan side imports them but one.
async fn results_come_in(world: &World, month: &Month, plan: &Office, partners: &[Desk]) -> Result<()> {
    for (device, desk) in partners.iter().enumerate() {
        if device % 9 == 0 {
            month.clock(world, 2, 1 + (device / 9) as i8, 17).await?;
        }
        let unit = month.result(&desk.acting, device)?;
        let folder = world.path("results").join(device.to_string());
        unit.write(&folder)?;
        let arguments = ["--as", &desk.acting, "send", "--yes", &folder.display().to_string()];
        let sent = desk.office.careplan_json(arguments).await?;
        ensure!(count(&sent["sent"]) == 1, "{sent:#}");
    }
    let into = world.path("in").join("plan").display().to_string();
    let fetched = plan.careplan_json(["fetch", "--new", "--into", &into]).await?;
    let fetched = fetched["fetched"].as_array().context("a list")?.clone();
    ensure!(fetched.len() == partners.len(), "{} results", fetched.len());
    for (n, transfer) in fetched.iter().enumerate() {
        let id = transfer["transfer"].as_str().context("an id")?;
        match n {
            7 => plan.careplan(["ack", id, "--rejected", "利用者が見つかりません"]).await?.ok()?,
            _ => plan.careplan(["ack", id, "--imported"]).await?.ok()?,
        };
    }
    Ok(())
}

/// What the sender lists is what the recipient lists, states, marks and flags included.
async fn lists_agree(plan: &Office, partners: &[Desk]) -> Result<Lists> {
    let mut lists = Lists { out: BTreeMap::new(), inbox: BTreeMap::new() };
    let offices: BTreeMap<&str, &Office> =
        partners.iter().map(|desk| (desk.office.number.as_str(), &desk.office)).collect();
    for office in offices.into_values().chain([plan]) {
        lists.out.insert(office.number.clone(), office.outbox("").await?);
        lists.inbox.insert(office.number.clone(), office.inbox("").await?);
    }
    let told = |transfer: &Transfer| (transfer.id, transfer.state, transfer.marks, transfer.late, transfer.bytes);
    let by_id = |transfers: &BTreeMap<String, Vec<Transfer>>| {
        let mut all: Vec<_> = transfers.values().flatten().map(told).collect();
        all.sort_by_key(|(id, ..)| *id);
        all
    };
    ensure!(by_id(&lists.out) == by_id(&lists.inbox), "the lists differ");
    let count = |state| lists.out.values().flatten().filter(|transfer| transfer.state == state).count();
    // 26 plans, one of them twice; a correction, a deletion; 26 results.
    let states = [State::Recalled, State::Rejected, State::Imported].map(count);
    ensure!(states == [1, 1, 26 + 2 + 26 - 1], "{states:?}");
    Ok(lists)
}

struct Lists {
    out: BTreeMap<String, Vec<Transfer>>,
    inbox: BTreeMap<String, Vec<Transfer>>,
}

/// The corrected unit is replaced as a whole; of the unit with the deletion one person is gone.
fn marks_are_right(month: &Month, lists: &Lists) -> Result<()> {
    let marked: Vec<&Transfer> = lists.out.values().flatten().filter(|transfer| transfer.marks.is_some()).collect();
    let corrected = month.plans(5, 1)?.remove(0);
    for transfer in &marked {
        let marks = transfer.marks.unwrap_or_default();
        let all = (marks.persons, marks.superseded, marks.deleted);
        match transfer.to == corrected.to {
            true => ensure!(all == (3, 3, 0), "{transfer:?}"),
            false => ensure!(transfer.to.office.as_str() == TWO_DESKS && all == (2, 0, 1), "{transfer:?}"),
        }
    }
    ensure!(marked.len() == 2, "{marked:?}");
    Ok(())
}

async fn meter_and_log_agree(world: &World, lists: &Lists) -> Result<()> {
    let usage = world.admin_json(["usage"]).await?;
    let usage: Vec<Usage> = serde_json::from_value(usage["rows"].clone())?;
    for number in lists.out.keys() {
        let of = |transfers: &[Transfer]| (transfers.len() as u64, transfers.iter().map(|it| it.bytes).sum::<u64>());
        let rows: Vec<&Usage> = usage.iter().filter(|row| row.office.as_str() == number).collect();
        let sent = (rows.iter().map(|row| row.sent.transfers).sum(), rows.iter().map(|row| row.sent.bytes).sum());
        let got =
            (rows.iter().map(|row| row.received.transfers).sum(), rows.iter().map(|row| row.received.bytes).sum());
        ensure!(sent == of(&lists.out[number]) && got == of(&lists.inbox[number]), "{number}: {rows:?}");
    }
    let all: usize = lists.out.values().map(Vec::len).sum();
    for (kind, wanted) in [("accepted", all), ("recalled", 1)] {
        let log = world.admin_json(["log", "search", "--kind", kind, "--limit", "1000"]).await?;
        ensure!(count(&log) == wanted, "{kind}: {} in the log, {wanted} in the lists", count(&log));
    }
    Ok(())
}

fn count(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}
