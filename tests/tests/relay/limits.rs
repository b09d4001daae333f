//! What is refused at the door, and that nothing of it stays behind.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use careplan_tests::form::BOUNDARY;
use careplan_tests::patience::{eventually, within};
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Form, Office, Reply, World, samples};
use futures_util::{StreamExt as _, stream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[tokio::test]
async fn too_many_too_large_and_too_long_are_refused_with_their_codes() -> Result<()> {
    let limits = [
        ("LIMITS__FILES", "3"),
        ("LIMITS__IMAGES", "2"),
        ("LIMITS__TRANSFER_BYTES", "400000"),
        ("LIMITS__CSV_BYTES", "100000"),
        ("LIMITS__JPEG_BYTES", "150000"),
        ("LIMITS__PDF_BYTES", "200000"),
        ("LIMITS__MESSAGE_CHARACTERS", "10"),
    ];
    let world = World::with(&limits).await?;
    let plan = world.office(PLAN)?;
    let to = || Form::to(HELPER, "十文字までの伝言です");
    let pdf = |form: Form, n: usize, size: usize| form.file(&format!("{n}.pdf"), &samples::pdf(size));
    let csv = samples::unit("08")?.files[0].0.replace("1379999020_11_1379999012_43", &format!("{PLAN}_43_{HELPER}_11"));
    for (name, form, status, code) in [
        ("four files", (0..4).fold(to(), |form, n| pdf(form, n, 10)), 413, "too-many-files"),
        ("a large PDF", pdf(to(), 1, 200_001), 413, "file-too-large"),
        ("a large JPEG", to().file("a.jpg", &[&b"\xff\xd8\xff"[..], &[0; 150_000]].concat()), 413, "file-too-large"),
        ("a large CSV", to().file(&csv, &vec![b'x'; 100_001]), 413, "file-too-large"),
        ("large together", (0..3).fold(to(), |form, n| pdf(form, n, 150_000)), 413, "transfer-too-large"),
        (
            "a long message",
            Form::to(HELPER, "十一文字になる伝言です！").file("a.pdf", b"%PDF-"),
            422,
            "message-too-long",
        ),
        ("no file", to(), 422, "no-files"),
        ("an empty file", to().file("a.pdf", b""), 422, "file-empty"),
    ] {
        let answer = plan.caller.send(PLAN, form).await.with_context(|| name.to_owned())?;
        answer.status(status).and_then(|answer| answer.refused(code)).with_context(|| name.to_owned())?;
    }
    plan.caller.send(PLAN, (0..2).fold(to(), |form, n| pdf(form, n, 200_000))).await?.status(201)?;
    nothing_is_left(&world, 1).await
}

#[tokio::test]
async fn forms_that_are_not_as_they_should_be_are_refused_with_their_codes() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?;
    let late = Form::new().field("to", HELPER).file("a.pdf", b"%PDF-").field("message", "");
    for (name, form, code) in [
        ("message behind a file", late, "field-order"),
        ("a file first", Form::new().file("a.pdf", b"%PDF-").field("to", HELPER).field("message", ""), "field-order"),
        ("without to", Form::new().field("message", "").file("a.pdf", b"%PDF-"), "field-missing"),
        ("to nobody", Form::to("13799", "").file("a.pdf", b"%PDF-"), "field-invalid"),
        ("to twice", Form::to(HELPER, "").field("to", PLAN).file("a.pdf", b"%PDF-"), "field-invalid"),
        ("an unknown field", Form::to(HELPER, "").field("colour", "red").file("a.pdf", b"%PDF-"), "field-invalid"),
    ] {
        let answer = plan.caller.send(PLAN, form).await?;
        let code_found = answer.json::<careplan_protocol::problem::Problem>()?.code;
        // Without `to` at the first file, both are true.
        let either = ["field-order", "field-missing"];
        let fits = code_found == code || (either.contains(&code) && either.contains(&code_found.as_str()));
        ensure!(answer.status == 400 && fits, "{name}: {} {code_found}, expected {code}", answer.status);
    }
    let form = || Form::to(HELPER, "").file("a.pdf", b"%PDF-");
    let without_key = plan.caller.call(plan.caller.sending(PLAN, form().body())).await?;
    without_key.status(400)?.refused("idempotency-key-missing")?;
    plan.caller.send_as(PLAN, "has a space", form()).await?.refused("idempotency-key-missing")?;
    plan.caller.send_as(PLAN, &"x".repeat(256), form()).await?.refused("idempotency-key-missing")?;
    let unfinished = plan.caller.sending(PLAN, form().unfinished()).header("idempotency-key", "unfinished");
    plan.caller.call(unfinished).await?.status(400)?.refused("multipart-malformed")?;
    let request = plan.caller.request("POST".parse()?, &plan.path("outbox")).header("idempotency-key", "json");
    let answer = plan.caller.call(request.json(&serde_json::json!({"to": HELPER}))).await?;
    ensure!((400..500).contains(&answer.status), "{}", answer.text());
    plan.caller.call(plan.caller.request("PATCH".parse()?, &plan.path("outbox"))).await?.status(405)?;
    plan.caller.get("/v1/nothing").await?.refused("not-found")?;
    nothing_is_left(&world, 0).await
}

/// What waits for its end in memory is bounded: a beginning, the head of a part, files of a retry that cannot be the same.
#[tokio::test]
async fn forms_that_never_end_are_refused_long_before_they_fill_the_memory() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?;
    let taken = async |name: &str, beginning: Bytes| {
        let came = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&came);
        let (first, rest) = (stream::iter([beginning]), stream::repeat(Bytes::from(vec![b'x'; 10_000])).take(10_000));
        let body = first.chain(rest).map(move |chunk| {
            counting.fetch_add(chunk.len(), Ordering::SeqCst);
            Ok::<Bytes, std::io::Error>(chunk)
        });
        let sending = plan.caller.sending(PLAN, reqwest::Body::wrap_stream(body)).header("idempotency-key", name);
        // Who goes on sending may see the line cut before he reads the answer.
        if let Ok(answer) = within("an end", 30, plan.caller.call(sending)).await? {
            answer.status(400)?.refused("multipart-malformed")?;
        }
        anyhow::Ok(came.load(Ordering::SeqCst))
    };
    let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"to\"; x=\"");
    for (name, beginning) in [("no-boundary", Bytes::new()), ("an-endless-head", head.into())] {
        let came = taken(name, beginning).await.context(name)?;
        ensure!(came < 20_000_000, "{name}: {came} bytes were taken");
    }
    let files =
        |count: usize| (0..count).fold(Form::to(HELPER, ""), |form, n| form.file(&format!("{n}.pdf"), b"%PDF-"));
    plan.caller.send_as(PLAN, "retried", files(2)).await?.status(201)?;
    // The third file is one too many; what comes behind it is not waited for.
    let unfinished = plan.caller.sending(PLAN, files(4).unfinished()).header("idempotency-key", "retried");
    plan.caller.call(unfinished).await?.status(409)?.refused("idempotency-conflict")?;
    plan.caller.send_as(PLAN, "retried", files(2)).await?.status(201)?;
    nothing_is_left(&world, 1).await
}

#[tokio::test]
async fn names_that_could_harm_are_refused_and_all_others_arrive_as_they_were() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    for name in
        ["../a.pdf", "..\\a.pdf", "/etc/passwd", "a\0.pdf", "a\tb.pdf", "gpj.\u{202E}fdp", "..", &"あ".repeat(90)]
    {
        let answer = plan.caller.send(PLAN, Form::to(HELPER, "").file(name, b"x")).await?;
        ensure!((400..500).contains(&answer.status), "{name:?}: {}", answer.text());
    }
    let broken = Form::to(HELPER, "").file_named(b"a\r\nX-Evil: 1.pdf", b"x");
    plan.caller.send(PLAN, broken).await?.refused("file-name")?;
    // CP932, as old Windows programs send it: 見本.pdf, and a 髙 in its Windows form.
    let cp932: [(&[u8], &str); 2] = [(b"\x8c\xa9\x96{.pdf", "見本.pdf"), (b"\xfb\xfc.pdf", "髙.pdf")];
    for (bytes, name) in cp932 {
        arrives(&plan, &helper, Form::to(HELPER, "").file_named(bytes, b"%PDF-"), name).await?;
    }
    let odd = Form::to(HELPER, "").file_named(b"\x81.pdf", b"x");
    plan.caller.send(PLAN, odd).await?.refused("file-name")?;
    let starred = Form::to(HELPER, "").file_starred("%E8%A6%8B%E6%9C%AC.pdf", b"%PDF-");
    arrives(&plan, &helper, starred, "見本.pdf").await?;
    for name in ["十月の報告〜１.pdf", "CON.pdf", "=cmd().xlsx", "ｱｾｽﾒﾝﾄ.PDF", "no extension", "か\u{3099}.pdf"]
    {
        arrives(&plan, &helper, Form::to(HELPER, "").file(name, b"%PDF-"), name).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing_and_can_be_repeated() -> Result<()> {
    let world = World::with(&[("TIMEOUTS__BODY_BYTES_PER_SECOND", "100000")]).await?;
    let plan = world.office(PLAN)?;
    let form = || Form::to(HELPER, "").file("large.pdf", &samples::pdf(5_000_000));
    let whole = form().body();
    let half = whole.slice(..2_500_000);
    // The line breaks in the middle of the file.
    let chunks = [Ok(half.clone()), Err(std::io::Error::other("the line broke"))];
    let broken = reqwest::Body::wrap_stream(stream::iter(chunks));
    let request = plan.caller.sending(PLAN, broken).header("idempotency-key", "broken");
    ensure!(plan.caller.call(request).await.is_err());
    nothing_is_left(&world, 0).await?;
    // The line stalls in the middle of the file.
    let stalled = stream::unfold(Some(half), |half| async move {
        match half {
            Some(half) => Some((Ok::<Bytes, std::io::Error>(half), None)),
            None => std::future::pending().await,
        }
    });
    let request = plan.caller.sending(PLAN, reqwest::Body::wrap_stream(stalled)).header("idempotency-key", "broken");
    if let Ok(answer) = within("a stalled upload is ended", 80, plan.caller.call(request)).await? {
        answer.status(408)?.refused("timeout")?;
    }
    nothing_is_left(&world, 0).await?;
    let answer = plan.caller.send_as(PLAN, "broken", form()).await?.status(201)?;
    ensure!(answer.header("idempotency-replayed").is_empty());
    nothing_is_left(&world, 1).await
}

#[tokio::test]
async fn a_hub_without_room_refuses_sends_and_goes_on_with_everything_else() -> Result<()> {
    let mut world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let id = plan.send_file(HELPER, "a.pdf", b"%PDF-").await?.transfer.to_string();
    let other = plan.send_file(HELPER, "b.pdf", b"%PDF-").await?.transfer.to_string();
    world.hub.settings.insert("DISK__WATERMARK_BYTES".to_owned(), (1u64 << 50).to_string());
    world.hub.restart().await?;
    eventually("sends are refused", 15, || async {
        let answer = plan.caller.send(PLAN, Form::to(HELPER, "").file("c.pdf", b"%PDF-")).await?;
        Ok(answer.status(507).and_then(|answer| answer.refused("storage-full")).ok())
    })
    .await?;
    ensure!(helper.fetch(&id, 1).await? == "%PDF-");
    ensure!(helper.acknowledge(&id, "imported", None).await?.status < 300);
    ensure!(plan.recall(&other).await?.status < 300);
    world.hub.settings.insert("DISK__WATERMARK_BYTES".to_owned(), "1048576".to_owned());
    world.hub.restart().await?;
    plan.send_file(HELPER, "c.pdf", b"%PDF-").await?;
    // What the disk refuses is no caller's fault, and would use up what is left of it.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let refused = world.admin_json(["log", "search", "--kind", "refused", "--limit", "1000"]).await?;
    ensure!(!refused.to_string().contains("storage-full"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn refusals_are_answered_in_the_callers_language() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?;
    let ask = async |language: &str| -> Result<String> {
        let headers = [("accept-language".parse()?, language.parse()?)].into_iter().collect();
        let request = plan.caller.request("GET".parse()?, &plan.path("inbox/1-99999999-6"));
        Ok(plan.caller.call(request.headers(headers)).await?.refused("not-found")?.text())
    };
    ensure!(ask("en").await?.contains("not found") && ask("ja").await?.contains("見つかりません"));
    Ok(())
}

async fn arrives(plan: &Office, helper: &Office, form: Form, name: &str) -> Result<()> {
    let sent: Reply = plan.caller.send(PLAN, form).await.with_context(|| name.to_owned())?;
    let sent = sent.status(201).with_context(|| name.to_owned())?;
    let id = sent.json::<careplan_protocol::api::Sent>()?.transfer;
    let received = helper.inbox("").await?.into_iter().find(|one| one.id == id).context("received")?;
    ensure!(received.files[0].name == name, "{:?} instead of {name:?}", received.files[0].name);
    let answer = helper.get(&format!("inbox/{id}/files/1")).await?.status(200)?;
    ensure!(answer.header("content-disposition").starts_with("attachment"), "{:?}", answer.headers);
    ensure!(answer.header("x-content-type-options") == "nosniff", "{:?}", answer.headers);
    Ok(())
}

/// No transfer more than these, and nothing in staging.
async fn nothing_is_left(world: &World, transfers: usize) -> Result<()> {
    let plan = world.office(PLAN)?;
    ensure!(plan.outbox("").await?.len() == transfers);
    eventually("staging is empty", 10, || async {
        let left = std::fs::read_dir(world.hub.data().join("staging"))?.count();
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok((left == 0).then_some(()))
    })
    .await
}
