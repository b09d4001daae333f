//! The transparency log as offices, auditors and operators get it: everything recomputed, nothing believed.

use anyhow::{Context as _, Result, ensure};
use careplan_client::receipts::{verify, verify_delivery};
use careplan_protocol::api::{Proof, Tlog, Transfer};
use careplan_protocol::event::{Fact, Leaf};
use careplan_protocol::receipt::KeySet;
use careplan_protocol::receipt::delivery::Delivery;
use careplan_protocol::tlog::note::VerifierKey;
use careplan_protocol::tlog::proof::{FromTiles, root};
use careplan_protocol::tlog::{Checkpoint, Frontier, Tile, leaf_hash, tile};
use careplan_tests::patience::eventually;
use careplan_tests::world::{HELPER, NURSE, PLAN, TWO_DESKS};
use careplan_tests::{Caller, Office, World, samples};
use serde_json::json;

#[tokio::test]
async fn both_offices_prove_what_was_sent_and_what_became_of_it() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper, other) = (world.office(PLAN)?, world.office(HELPER)?, world.office(TWO_DESKS)?);
    let key = key(&plan.caller).await?;
    let sent = plan.send_unit(&samples::unit("04")?).await?;
    let id = sent.transfer.to_string();

    let events = proof(&plan, "outbox", &id).await?.verify(&key)?;
    ensure!(events.len() == 1 && events[0].position == sent.transfer.position);
    let detail = events[0].detail.as_ref().context("the detail")?;
    ensure!(!detail.files.as_ref().context("files")?.is_empty() && detail.receipt.is_some());

    helper.get(&format!("inbox/{id}/files/1")).await?.status(200)?;
    let word = json!({"outcome": "rejected", "reason": "読めません"});
    let path = helper.path(&format!("inbox/{id}/acknowledgement"));
    helper.caller.post(&path, &word).await?;
    for (office, list) in [(&plan, "outbox"), (&helper, "inbox")] {
        let events = eventually("the rest is in the log", 10, || async {
            let events = proof(office, list, &id).await?.verify(&key)?;
            Ok((events.len() == 3).then_some(events))
        });
        let events = events.await?;
        let kinds: Vec<&str> = events.iter().map(|event| event.leaf.fact.kind()).collect();
        ensure!(kinds == ["accepted", "fetched", "acknowledged"], "{kinds:?}");
        let reason = events[2].detail.as_ref().and_then(|detail| detail.reason.as_deref());
        ensure!(reason == Some("読めません"), "{reason:?}");
    }
    for list in ["outbox", "inbox"] {
        other.get(&format!("{list}/{id}/proof")).await?.refused("not-found")?;
    }
    // Many proofs can lead to one checkpoint, however far the log is meanwhile.
    let first = proof(&plan, "outbox", &id).await?;
    let size = Checkpoint::open(&first.checkpoint, &key)?.size;
    let next = plan.send_file(HELPER, "a.pdf", b"%PDF-1").await?.transfer;
    let grown = proof(&plan, "outbox", &next.to_string()).await?;
    ensure!(Checkpoint::open(&grown.checkpoint, &key)?.size > size);
    for (office, list) in [(&plan, "outbox"), (&helper, "inbox")] {
        let again = proof(office, list, &format!("{id}/proof?size={size}")).await?;
        ensure!(again.checkpoint == first.checkpoint && again.verify(&key)?.len() == 3);
    }
    for (id, size) in [(&id, size - 1), (&id, u64::MAX), (&next.to_string(), size)] {
        plan.get(&format!("outbox/{id}/proof?size={size}")).await?.refused("field-invalid")?;
    }
    plan.get(&format!("inbox/{id}/proof")).await?.refused("not-found")?;
    helper.get(&format!("outbox/{id}/proof")).await?.refused("not-found")?;
    Ok(())
}

#[tokio::test]
async fn a_proof_is_had_without_a_licence_and_not_with_a_revoked_certificate() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let id = plan.send_unit(&samples::unit("04")?).await?.transfer.to_string();
    world.admin(["licence", "end", PLAN, "--reason", "test"]).await?.ok()?;
    proof(&plan, "outbox", &id).await?.verify(&key(&plan.caller).await?)?;
    // On a connection that is open already.
    proof(&helper, "inbox", &id).await?;
    let fingerprint = helper.paper.fingerprint.to_string();
    world.admin(["certificate", "revoke", &fingerprint, "--reason", "stolen"]).await?.ok()?;
    for path in [helper.path(&format!("inbox/{id}/proof")), "/v1/tlog".to_owned(), "/v1/tlog/1/checkpoint".to_owned()] {
        if let Ok(answer) = helper.caller.get(&path).await {
            answer.refused("certificate-revoked")?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_recipient_of_a_recalled_transfer_proves_the_recall_and_sees_no_message() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let key = key(&plan.caller).await?;
    let id = plan.send_unit(&samples::unit("04")?).await?.transfer.to_string();
    plan.caller.delete(&plan.path(&format!("outbox/{id}"))).await?;
    let both = |office: Office, list: &'static str| {
        let (key, id) = (key.clone(), id.clone());
        async move {
            eventually("the recall is in the log", 10, || async {
                let events = proof(&office, list, &id).await?.verify(&key)?;
                Ok(matches!(events.last().map(|last| &last.leaf.fact), Some(Fact::Recalled { .. })).then_some(events))
            })
            .await
        }
    };
    ensure!(both(plan, "outbox").await?[0].detail.is_some());
    ensure!(both(helper, "inbox").await?[0].detail.is_none());
    Ok(())
}

#[tokio::test]
async fn the_published_log_leads_from_its_leaves_to_its_checkpoint() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?;
    let mut last = 0;
    for n in 0..3 {
        last = plan.send_file(HELPER, "note.pdf", format!("%PDF-{n}").as_bytes()).await?.transfer.position;
    }
    let (all, ..) = world.auditor("Audit All", "all").await?;
    let (part, ..) = world.auditor("Audit One", &format!("office:{NURSE}")).await?;
    let about = eventually("all are signed", 15, || async {
        let about: Tlog = plan.caller.get("/v1/tlog").await?.status(200)?.json()?;
        Ok(Some(about).filter(|about| about.size > last))
    });
    let about = about.await?;
    ensure!(about.epoch == 1 && about.epochs.len() == 1 && about.epochs[0].key == about.key);
    let key: VerifierKey = about.key.parse()?;
    let checkpoint = Checkpoint::open(&plan.caller.get("/v1/tlog/1/checkpoint").await?.status(200)?.text(), &key)?;
    ensure!(checkpoint.size >= about.size && checkpoint.origin == about.origin);

    let place = Tile::bundle(0, checkpoint.size).context("a bundle")?;
    let path = format!("/v1/tlog/1/{place}");
    for caller in [&plan.caller, &part] {
        caller.get(&path).await?.refused("forbidden")?;
    }
    let bundle = all.get(&path).await?.status(200)?.body;
    ensure!(bundle == world.operator.get(&path).await?.status(200)?.body);
    let mut frontier = Frontier::default();
    let mut accepted = 0;
    for entry in tile::read_entries(&bundle, place.width).context("entries")? {
        frontier.append(leaf_hash(entry));
        let leaf = Leaf::read(entry).context("a leaf")?;
        accepted += u64::from(matches!(leaf.fact, Fact::Accepted { .. }));
    }
    ensure!(frontier.size() == checkpoint.size && frontier.root() == checkpoint.root);
    ensure!(accepted == 3);
    let text = String::from_utf8_lossy(&bundle);
    ensure!(!text.contains("note.pdf") && text.contains(HELPER), "leaves name offices, and no file");

    let level = Tile::of(0, 0, checkpoint.size).context("a tile")?;
    let hashes = plan.caller.get(&format!("/v1/tlog/1/{level}")).await?.status(200)?.body;
    let hashes = tile::read_hashes(&hashes, level.width).context("hashes")?;
    let read = |_| Ok::<_, anyhow::Error>(hashes.clone());
    ensure!(
        root(&mut FromTiles::new(checkpoint.size, read), checkpoint.size).is_ok_and(|root| root == checkpoint.root)
    );
    for missing in ["tile/0/009", "tile/0/x001/000", "tile/0/../signed", "tile/7/000", "checkpoints/7", "checkpoint/x"]
    {
        plan.caller.get(&format!("/v1/tlog/1/{missing}")).await?.refused("not-found")?;
    }
    plan.caller.get("/v1/tlog/9/checkpoint").await?.refused("not-found")?;
    // The next day: the last checkpoint of the hour before is kept.
    world.set_clock(86_400).await?;
    let kept = eventually("a checkpoint is kept", 10, || async {
        let sizes: Vec<u64> = plan.caller.get("/v1/tlog/1/checkpoints").await?.status(200)?.json()?;
        Ok(sizes.last().copied())
    });
    let note = plan.caller.get(&format!("/v1/tlog/1/checkpoints/{}", kept.await?)).await?.status(200)?.text();
    ensure!(Checkpoint::open(&note, &key)?.size >= checkpoint.size);
    Ok(())
}

#[tokio::test]
async fn the_sender_gets_a_signed_receipt_for_each_thing_the_recipient_does() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let sent = plan.send_unit(&samples::unit("04")?).await?;
    let id = sent.transfer.to_string();
    ensure!(shown(&plan, &id).await?.delivery_receipts.is_empty());
    for n in [1, 2, 1] {
        helper.get(&format!("inbox/{id}/files/{n}")).await?.status(200)?;
    }
    let path = helper.path(&format!("inbox/{id}/acknowledgement"));
    for word in
        [json!({"outcome": "rejected", "reason": "x"}), json!({"outcome": "imported"}), json!({"outcome": "imported"})]
    {
        let answer = helper.caller.post(&path, &word).await?;
        ensure!(answer.status < 300, "{}", answer.text());
    }
    let keys: KeySet = plan.caller.get("/.well-known/jwks.json").await?.status(200)?.json()?;
    let shown = shown(&plan, &id).await?;
    let mut stated = Vec::new();
    for receipt in &shown.delivery_receipts {
        let receipt_of = verify_delivery(receipt, &keys)?;
        ensure!(receipt_of.transfer == sent.transfer && receipt_of.to.office.as_str() == HELPER);
        ensure!(verify(receipt, &keys).is_err(), "it is no receipt of acceptance");
        stated.push(receipt_of);
    }
    let events: Vec<Delivery> = stated.iter().map(|receipt| receipt.event).collect();
    ensure!(events == [Delivery::Fetched, Delivery::Rejected, Delivery::Imported], "{events:?}");
    ensure!(stated[0].at == shown.fetched_at.context("fetched")?);
    ensure!(stated.is_sorted_by_key(|receipt| receipt.position));
    let received: Transfer = helper.get(&format!("inbox/{id}")).await?.status(200)?.json()?;
    ensure!(received.delivery_receipts.is_empty(), "they are the sender's");
    // The same bytes every time, also after a restart with another key.
    let again = self::shown(&plan, &id).await?.delivery_receipts;
    ensure!(again == shown.delivery_receipts);
    Ok(())
}

#[tokio::test]
async fn careplan_shows_delivery_receipts_and_keeps_them_for_when_the_hub_is_gone() -> Result<()> {
    let mut world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?.set_up().await?, world.office(HELPER)?);
    let id = plan.send_unit(&samples::unit("04")?).await?.transfer.to_string();
    let kept = plan.home.join(PLAN).join("receipts");
    std::fs::create_dir_all(&kept)?;
    // As `careplan send` keeps it.
    std::fs::write(kept.join(format!("{id}.jws")), receipt(&plan, &id).await?)?;
    helper.get(&format!("inbox/{id}/files/1")).await?.status(200)?;
    let first = plan.careplan_json(["receipt", "show", &id]).await?;
    let events = |shown: &serde_json::Value| -> Vec<String> {
        let deliveries = shown["deliveries"].as_array().cloned().unwrap_or_default();
        deliveries.iter().filter_map(|receipt| receipt["event"].as_str().map(str::to_owned)).collect()
    };
    ensure!(events(&first) == ["fetched"] && first["transfer"] == id, "{first}");
    let path = helper.path(&format!("inbox/{id}/acknowledgement"));
    helper.caller.post(&path, &json!({"outcome": "imported"})).await?;
    ensure!(events(&plan.careplan_json(["receipt", "show", &id]).await?) == ["fetched", "imported"]);
    world.hub.kill().await?;
    ensure!(events(&plan.careplan_json(["receipt", "show", &id]).await?) == ["fetched", "imported"]);
    // One that was altered on this computer is not believed.
    let file = kept.join(format!("{id}.delivery"));
    let text = std::fs::read_to_string(&file)?;
    std::fs::write(&file, text.replacen('.', ".e", 1))?;
    plan.careplan(["receipt", "show", &id]).await?.exited(1)?;
    Ok(())
}

/// The receipt of a transfer that was sent without the program.
async fn receipt(office: &Office, id: &str) -> Result<String> {
    let events = proof(office, "outbox", id).await?.verify(&key(&office.caller).await?)?;
    let detail = events[0].detail.clone().context("the detail")?;
    let payload = detail.receipt.context("a payload")?;
    let input = careplan_protocol::receipt::signing_input(&detail.kid.context("a key")?, &payload);
    // Shown, not verified: the signature does not matter here.
    Ok(careplan_protocol::receipt::compact(&input, &[0; 64]))
}

async fn shown(office: &Office, id: &str) -> Result<Transfer> {
    office.get(&format!("outbox/{id}")).await?.status(200)?.json()
}

async fn proof(office: &Office, list: &str, id: &str) -> Result<Proof> {
    let path = if id.contains("/proof") { id.to_owned() } else { format!("{id}/proof") };
    office.get(&format!("{list}/{path}")).await?.status(200)?.json()
}

async fn key(caller: &Caller) -> Result<VerifierKey> {
    let about: Tlog = eventually("the log has begun", 10, || async {
        let answer = caller.get("/v1/tlog").await?;
        Ok(if answer.status == 200 { Some(answer.json()?) } else { None })
    })
    .await?;
    Ok(about.key.parse()?)
}
