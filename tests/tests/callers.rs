//! Every route × every wrong caller, through real TLS. The rows come from the routes that the protocol documents, so a new
//! route without a row fails here.

#[path = "callers/certificates.rs"]
mod certificates;
#[path = "callers/rows.rs"]
mod rows;
#[path = "callers/wire.rs"]
mod wire;

use anyhow::{Context as _, Result, bail, ensure};
use careplan_protocol::api::Page;
use careplan_protocol::problem::Problem;
use careplan_tests::world::{HELPER, NURSE, PLAN, TWO_DESKS};
use careplan_tests::{Caller, Office, Reply, World, samples};
use rows::{Body, Kind, Row};

/// Whom the hub meets.
struct Cast {
    /// Acts for itself: everything it may do works.
    right: Office,
    wrong: Vec<(&'static str, Caller, Standing)>,
}

/// What is wrong with a caller.
#[derive(Clone, Copy, PartialEq)]
enum Standing {
    /// Never gets past the handshake.
    NoHandshake,
    /// Gets no further than this code, in the handshake or after it.
    Refused(&'static str),
    /// An office at work, but another one than the path names.
    OtherOffice,
    /// Shut out by an operator; asks for its own office.
    Suspended,
    /// Without a running licence; asks for its own office.
    Lapsed,
    Auditor,
    Operator,
}

#[tokio::test]
async fn every_route_refuses_every_wrong_caller() -> Result<()> {
    let world = World::new().await?;
    let cast = cast(&world).await?;
    let before = position(&world).await?;
    let mut failures = Vec::new();
    for row in rows::all()? {
        for (name, caller, standing) in &cast.wrong {
            let office = office_of_path(*standing, &cast.right);
            let answer = ask(caller, &row, &office).await;
            if let Err(why) = judge(&row, *standing, answer) {
                failures.push(format!("{} {} as {name}: {why:#}", row.method, row.pattern));
            }
        }
    }
    ensure!(failures.is_empty(), "{} wrong answers:\n{}", failures.len(), failures.join("\n"));
    nothing_changed(&world, &cast.right, before).await
}

#[tokio::test]
async fn the_right_callers_get_through_everywhere() -> Result<()> {
    let world = World::new().await?;
    let (auditor, ..) = world.auditor("Audit One", "all").await?;
    let right = world.office(PLAN)?;
    let peer = world.office(HELPER)?;
    peer.send_unit(&samples::unit("08")?).await?;
    let transfer = right.send_unit(&samples::unit("04")?).await?.transfer;
    for row in rows::all()? {
        if row.method != "GET" || row.pattern.ends_with("/events") {
            continue;
        }
        let callers = match row.kind {
            Kind::Mailbox => vec![&right.caller],
            Kind::Directory => vec![&right.caller, &world.operator],
            Kind::Log => vec![&auditor, &world.operator],
            Kind::Admin => vec![&world.operator],
            Kind::Registered | Kind::Everybody => vec![&right.caller, &auditor, &world.operator],
        };
        for caller in callers {
            // The received transfer stands before the sent one.
            let received = format!("1-{:08}", transfer.position - 1);
            let path = row.path(PLAN).replace(rows::UNKNOWN_TRANSFER, &transfer.to_string());
            let answer = caller.get(&path).await?;
            let not_there = row.pattern.contains("/inbox/{transfer}") || row.pattern.contains("{fingerprint}");
            // Which tiles and checkpoints there are, the tests of proofs look at.
            let not_there = not_there || row.pattern.contains("{number}") || row.pattern.contains("{size}");
            ensure!(
                answer.status == 200 || (not_there && answer.status == 404),
                "{path} {received}: {}",
                answer.text()
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_auditor_sees_nothing_outside_the_scope() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?;
    plan.send_unit(&samples::unit("04")?).await?;
    let query = |office: &str| format!("/v1/log?office={office}&kind=accepted");
    let count = async |caller: &Caller, office: &str| -> Result<usize> {
        Ok(caller.get(&query(office)).await?.status(200)?.json::<Page<serde_json::Value>>()?.items.len())
    };
    let (all, ..) = world.auditor("Audit All", "all").await?;
    ensure!(count(&all, PLAN).await? == 1 && count(&all, HELPER).await? == 1);
    let (one, ..) = world.auditor("Audit One", &format!("office:{NURSE}")).await?;
    ensure!(count(&one, PLAN).await? == 0 && count(&one, HELPER).await? == 0);
    let (other, ..) = world.auditor("Audit Other", "prefecture:27").await?;
    ensure!(count(&other, PLAN).await? == 0);
    let (tokyo, ..) = world.auditor("Audit Tokyo", "prefecture:13").await?;
    ensure!(count(&tokyo, PLAN).await? == 1);
    let searches = all.get("/v1/log?kind=searched&limit=1000").await?.status(200)?.text();
    ensure!(searches.contains("Audit Tokyo"), "searches by auditors stand in the log: {searches}");
    Ok(())
}

async fn cast(world: &World) -> Result<Cast> {
    let (right, other) = (world.office(PLAN)?, world.office(HELPER)?);
    let issuer = world.issuer()?;
    let number = PLAN.parse()?;
    let foreign = careplan_tests::papers::Issuer::unknown("test-hub authority")?;
    let revoked = world.office(TWO_DESKS)?;
    world.admin(["certificate", "revoke", &revoked.paper.fingerprint.to_string(), "--reason", "test"]).await?.ok()?;
    let suspended = world.office(careplan_tests::world::LETTER)?;
    world.admin(["office", "suspend", &suspended.number, "--reason", "test"]).await?.ok()?;
    let lapsed = world.office(NURSE)?;
    world.admin(["licence", "end", &lapsed.number, "--reason", "test"]).await?.ok()?;
    let removed = world.office(careplan_tests::world::CENTRE)?;
    world.admin(["office", "remove", &removed.number, "--reason", "test"]).await?.ok()?;
    let (auditor, ..) = world.auditor("Audit One", "all").await?;
    let caller = |paper| world.caller(Some(paper));
    Ok(Cast {
        right,
        wrong: vec![
            ("nobody", world.caller(None)?, Standing::NoHandshake),
            ("another authority's", caller(&foreign.office(number)?)?, Standing::NoHandshake),
            ("expired", caller(&issuer.expired(number)?)?, Standing::Refused("certificate-expired")),
            ("not yet valid", caller(&issuer.not_yet_valid(number)?)?, Standing::Refused("certificate-expired")),
            ("never registered", caller(&issuer.office(number)?)?, Standing::Refused("certificate-unknown")),
            ("revoked", revoked.caller, Standing::Refused("certificate-revoked")),
            ("removed", removed.caller, Standing::Refused("certificate-unknown")),
            ("another office", other.caller, Standing::OtherOffice),
            ("suspended", suspended.caller, Standing::Suspended),
            ("without a licence", lapsed.caller, Standing::Lapsed),
            ("an auditor", auditor, Standing::Auditor),
            ("an operator", world.operator.clone(), Standing::Operator),
        ],
    })
}

/// Suspended and lapsed offices ask for themselves, everybody else for the right office.
fn office_of_path(standing: Standing, right: &Office) -> String {
    match standing {
        Standing::Suspended => careplan_tests::world::LETTER.to_owned(),
        Standing::Lapsed => NURSE.to_owned(),
        _ => right.number.clone(),
    }
}

async fn ask(caller: &Caller, row: &Row, office: &str) -> Result<Reply> {
    let path = row.path(office);
    let request = caller.request(row.method.parse()?, &path);
    let request = match row.body(office)? {
        Body::None => request,
        Body::Json(json) => request.json(&json),
        Body::Form(form) => {
            let request = request.header("content-type", careplan_tests::Form::content_type());
            request.header("idempotency-key", careplan_tests::papers::random_key()?).body(form.body())
        }
    };
    if row.pattern.ends_with("/events") {
        // A stream does not end by itself: its head is enough, unless it is a refusal.
        let response = caller.open(request.try_clone().context("a request")?).await?;
        if response.status() == 200 {
            return Ok(Reply { status: 200, headers: response.headers().clone(), body: Default::default() });
        }
    }
    caller.call(request).await
}

/// What has to come of it.
fn judge(row: &Row, standing: Standing, answer: Result<Reply>) -> Result<()> {
    let everybody = row.kind == Kind::Everybody;
    match standing {
        Standing::NoHandshake => ensure!(answer.is_err(), "got past the handshake: {}", answer?.text()),
        Standing::Refused(code) => {
            // A certificate that no longer counts may be refused in the handshake already.
            if let Ok(answer) = answer {
                let public = everybody && answer.status == 200 && row.pattern != "/v1/me";
                ensure!(public || refused(&answer, code)?, "{} {}", answer.status, answer.text());
            }
        }
        Standing::OtherOffice => match row.kind {
            Kind::Mailbox => expect(answer, "not-found")?,
            Kind::Log | Kind::Admin => expect(answer, "forbidden")?,
            Kind::Directory | Kind::Registered | Kind::Everybody => passes(answer)?,
        },
        Standing::Suspended => match row.kind {
            Kind::Mailbox | Kind::Directory | Kind::Registered => expect(answer, "office-suspended")?,
            Kind::Log | Kind::Admin => {
                let answer = answer?;
                ensure!(refused(&answer, "forbidden")? || refused(&answer, "office-suspended")?, "{}", answer.text());
            }
            Kind::Everybody if row.pattern == "/v1/me" => expect(answer, "office-suspended")?,
            // The public keys and the document of the interface are everybody's.
            Kind::Everybody => {}
        },
        Standing::Lapsed => match (row.kind, row.is_send()) {
            (Kind::Mailbox, true) => expect(answer, "licence-expired")?,
            (Kind::Log | Kind::Admin, _) => expect(answer, "forbidden")?,
            _ => passes(answer)?,
        },
        Standing::Auditor => match row.kind {
            Kind::Mailbox | Kind::Directory | Kind::Admin => expect(answer, "forbidden")?,
            Kind::Log | Kind::Registered | Kind::Everybody => passes(answer)?,
        },
        Standing::Operator => match row.kind {
            Kind::Mailbox => expect(answer, "forbidden")?,
            // An operator gets through; what a change then says is another test's.
            Kind::Directory | Kind::Log | Kind::Admin | Kind::Registered | Kind::Everybody => passes(answer)?,
        },
    }
    Ok(())
}

fn expect(answer: Result<Reply>, code: &str) -> Result<()> {
    answer?.refused(code).map(|_| ())
}

/// Not refused because of who calls; what does not exist may be not found.
fn passes(answer: Result<Reply>) -> Result<()> {
    let answer = answer?;
    if answer.status < 300 {
        return Ok(());
    }
    let problem: Problem = answer.json().with_context(|| format!("status {}", answer.status))?;
    match problem.code.as_str() {
        "not-found" | "malformed" | "field-invalid" | "field-missing" | "conflict" | "check-digit" => Ok(()),
        other => bail!("refused with {other}"),
    }
}

fn refused(answer: &Reply, code: &str) -> Result<bool> {
    Ok((400..500).contains(&answer.status) && answer.json::<Problem>()?.code == code)
}

/// The number of events that change something: refusals are events too, so only the others count.
async fn position(world: &World) -> Result<usize> {
    let log = world.operator.get("/v1/log?limit=1000").await?.status(200)?;
    let items = log.json::<Page<serde_json::Value>>()?.items;
    let quiet = |entry: &&serde_json::Value| {
        !["refused", "searched", "exported"].iter().any(|kind| entry["kind"].as_str().unwrap_or("").contains(kind))
    };
    Ok(items.iter().filter(quiet).count())
}

async fn nothing_changed(world: &World, right: &Office, before: usize) -> Result<()> {
    ensure!(right.outbox("").await?.is_empty() && right.inbox("").await?.is_empty(), "a transfer came into being");
    let after = position(world).await?;
    ensure!(after == before, "{before} events before, {after} after");
    Ok(())
}
