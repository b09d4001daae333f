//! Units against one another: the same 連番, late ones, what replaces and deletes; on both sides and after restarts.

use anyhow::{Context as _, Result, ensure};
use careplan_protocol::api::{Marks, Sent, Transfer};
use careplan_tests::world::{HELPER, PLAN, TWO_DESKS};
use careplan_tests::{Form, Office, Unit, World, samples};

#[tokio::test]
async fn a_stamp_stands_once_and_is_free_again_after_its_recall() -> Result<()> {
    let mut world = World::new().await?;
    let plan = world.office(PLAN)?;
    let unit = samples::unit("04")?;
    let mut other = unit.clone();
    other.files[1].1 = [other.files[1].1.as_ref(), other.files[1].1.as_ref()].concat().into();
    let first = plan.send_unit(&unit).await?;
    for restarted in [false, true] {
        if restarted {
            world.hub.kill_and_start().await?;
        }
        let plan = world.office(PLAN)?;
        let again = plan.send_unit(&unit).await?;
        ensure!(again.receipt == first.receipt, "the same bytes are the same transfer");
        let form = Form::to(&other.to.to_string(), "").files(&other.files);
        let refused = plan.caller.send(PLAN, form).await?.status(422)?.refused("unit-reused")?;
        ensure!(refused.text().contains("\"rule\":\"reused\""), "{}", refused.text());
        ensure!(plan.outbox("").await?.len() == 1);
    }
    let plan = world.office(PLAN)?;
    plan.recall(&first.transfer.to_string()).await?.status(200)?;
    let resent = plan.send_unit(&other).await?;
    ensure!(resent.transfer != first.transfer);
    ensure!(world.office(HELPER)?.inbox("order=unit").await?.len() == 1);
    Ok(())
}

#[tokio::test]
async fn what_comes_behind_something_taken_is_flagged_on_both_sides() -> Result<()> {
    let mut world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let unit = samples::unit("04")?;
    let newer = plan.send_unit(&unit.stamped(9)?).await?;
    helper.fetch(&newer.transfer.to_string(), 1).await?;
    world.hub.restart().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let late = plan.send_unit(&unit.stamped(3)?).await?;
    ensure!(late.findings.iter().map(|finding| finding.rule.as_str()).collect::<Vec<_>>() == ["late"], "{late:?}");
    let both = [seen(&plan, "outbox", &late).await?, seen(&helper, "inbox", &late).await?];
    ensure!(both.iter().all(|transfer| transfer.late), "{both:?}");
    helper.fetch(&late.transfer.to_string(), 1).await?;
    Ok(())
}

#[tokio::test]
async fn marks_count_persons_on_both_sides_and_survive_restarts_and_a_new_index() -> Result<()> {
    let mut world = World::new().await?;
    let plan = world.office(PLAN)?;
    let unit = samples::unit("04")?;
    let first = plan.send_unit(&unit.stamped(1)?).await?;
    let deletion = plan.send_unit(&deletion(&unit, 2, "9935589619")).await?;
    let persons = marks(&world, &first).await?.context("a mark")?.persons;
    ensure!(persons > 1);
    let partly = Marks { persons, superseded: 0, deleted: 1 };
    ensure!(marks(&world, &first).await? == Some(partly));
    let correction = plan.send_unit(&unit.stamped(3)?).await?;
    let all = Marks { persons, superseded: persons - 1, deleted: 1 };
    ensure!(marks(&world, &first).await? == Some(all) && marks(&world, &correction).await?.is_none());

    world.hub.kill_and_start().await?;
    ensure!(marks(&world, &first).await? == Some(all), "after a crash");
    world.hub.restart().await?;
    ensure!(marks(&world, &first).await? == Some(all), "after a clean stop, from the snapshot");
    world.hub.stop().await?;
    std::fs::remove_dir_all(world.hub.data().join("index"))?;
    for snapshot in std::fs::read_dir(world.hub.data())?.filter_map(Result::ok) {
        if snapshot.file_name().to_string_lossy().starts_with("snapshot") {
            std::fs::remove_file(snapshot.path())?;
        }
    }
    world.hub.start().await?;
    ensure!(marks(&world, &first).await? == Some(all), "from the log alone");

    world.office(PLAN)?.recall(&correction.transfer.to_string()).await?.status(200)?;
    ensure!(marks(&world, &first).await? == Some(partly), "what was recalled replaces nothing");
    world.office(PLAN)?.recall(&deletion.transfer.to_string()).await?.status(200)?;
    ensure!(marks(&world, &first).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn results_of_one_office_are_told_apart_by_service_type() -> Result<()> {
    let world = World::new().await?;
    let desks = world.office(TWO_DESKS)?;
    let fifteen = desks.send_unit(&samples::unit("09")?).await?;
    let seventeen = desks.send_unit(&samples::unit("10")?).await?;
    desks.send_unit(&samples::unit("11")?).await?;
    let plan = world.office(PLAN)?;
    let marks = async |sent: &Sent| anyhow::Ok(seen(&plan, "inbox", sent).await?.marks);
    ensure!(marks(&fifteen).await?.is_none(), "the deletion is of 17");
    ensure!(marks(&seventeen).await?.is_some_and(|marks| marks.deleted > 0));
    Ok(())
}

#[tokio::test]
async fn one_desk_of_an_office_sends_to_the_other() -> Result<()> {
    let world = World::new().await?;
    let desks = world.office(TWO_DESKS)?;
    let unit = samples::unit("10")?;
    let mut own = unit.clone();
    for (name, _) in &mut own.files {
        *name = name.replace(&format!("{PLAN}_43"), &format!("{TWO_DESKS}_15"));
    }
    let form = Form::new().field("to", &format!("{TWO_DESKS}-15")).field("from_type", "17").field("message", "");
    let sent: Sent = desks.caller.send(TWO_DESKS, form.files(&own.files)).await?.status(201)?.json()?;
    let id = sent.transfer.to_string();
    ensure!(desks.inbox("type=15").await?.len() == 1 && desks.inbox("type=17").await?.is_empty());
    ensure!(desks.outbox("type=17").await?.len() == 1 && desks.outbox("type=15").await?.is_empty());
    ensure!(desks.fetch(&id, 1).await? == own.files[0].1);
    Ok(())
}

#[tokio::test]
async fn attachments_go_alone_or_beside_a_unit() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let unit = samples::unit("04")?;
    let jpeg = b"\xff\xd8\xff\xe0 picture";
    let beside = Form::to(HELPER, "").file("plan.pdf", &samples::pdf(100)).files(&unit.files).file("a.jpg", jpeg);
    let sent: Sent = plan.caller.send(PLAN, beside).await?.status(201)?.json()?;
    ensure!(seen(&helper, "inbox", &sent).await?.stamp.is_some());
    plan.send_file(HELPER, "photo.JPG", jpeg).await?;
    let listed = helper.inbox("order=unit").await?;
    let unit = listed.iter().find(|transfer| transfer.id == sent.transfer).context("the unit")?;
    ensure!(unit.files[0].name.starts_with("UPPLAN") && unit.files[3].name == "plan.pdf", "{:?}", unit.files);
    for (name, bytes) in [("a.xlsx", &b"PK\x03\x04"[..]), ("a.pdf", b"<html>"), ("a.jpg", b"GIF89a")] {
        let answer = plan.caller.send(PLAN, Form::to(HELPER, "").file(name, bytes)).await?;
        answer.status(422)?.refused("standard-violated")?;
    }
    Ok(())
}

/// The marks of a transfer of the plan side to the visits; both have to see the same.
async fn marks(world: &World, sent: &Sent) -> Result<Option<Marks>> {
    let sender = seen(&world.office(PLAN)?, "outbox", sent).await?;
    let recipient = seen(&world.office(HELPER)?, "inbox", sent).await?;
    ensure!(sender.marks == recipient.marks, "{:?} and {:?}", sender.marks, recipient.marks);
    let one: Transfer = world.office(PLAN)?.get(&format!("outbox/{}", sent.transfer)).await?.status(200)?.json()?;
    ensure!(one.marks == sender.marks);
    Ok(sender.marks)
}

async fn seen(office: &Office, list: &str, sent: &Sent) -> Result<Transfer> {
    let listed = if list == "inbox" { office.inbox("").await? } else { office.outbox("").await? };
    listed.into_iter().find(|transfer| transfer.id == sent.transfer).context("not listed")
}

/// Takes October back for one person.
fn deletion(unit: &Unit, stamp: u64, insured: &str) -> Unit {
    let stamp = 20_270_101_000_000 + stamp;
    let name = format!("DLTPLAN_202610_{PLAN}_43_{HELPER}_11_{stamp}.CSV");
    Unit { files: vec![(name, format!("202407,139998,{insured},202610\r\n").into())], ..unit.clone() }
}
