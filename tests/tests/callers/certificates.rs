//! Certificates that no hub may take, however they are made.

use anyhow::{Result, ensure};
use careplan_certs::profile::{Name, Usage};
use careplan_certs::{Profile, Template};
use careplan_protocol::routes;
use careplan_tests::papers::{Issuer, Paper};
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Caller, Form, World};

#[tokio::test]
async fn wrong_certificates_are_refused_before_any_handler() -> Result<()> {
    let world = World::new().await?;
    let issuer = world.issuer()?;
    let right = issuer.template(PLAN.parse()?);
    let server = Profile::Hub { dns: vec!["localhost".to_owned()], ip: vec![] };
    let wrong: Vec<(&str, Template)> = vec![
        ("for servers only", Template { usages: vec![Usage::ServerAuth], ..right.clone() }),
        ("for nothing in particular", Template { usages: vec![], ..right.clone() }),
        ("an authority's", Template { authority: true, ..right.clone() }),
        ("two office numbers", Template { common_name: vec![PLAN.to_owned(), HELPER.to_owned()], ..right.clone() }),
        ("the hub's own kind", server.template(&careplan_certs::Lifetimes::default(), careplan_tests::hub::now())),
        (
            "a name only",
            Template { names: vec![Name::Dns(PLAN.to_lowercase())], common_name: vec!["x".into()], ..right },
        ),
    ];
    for (name, template) in wrong {
        let caller = world.caller(Some(&issuer.issue(&template)?))?;
        if let Ok(answer) = caller.get(routes::ME).await {
            ensure!(answer.status == 403, "{name}: {} {}", answer.status, answer.text());
        }
    }
    let metrics = careplan_tests::caller::local(&format!("{}/metrics", world.hub.local_url())).await?.text();
    ensure!(metrics.contains("handshake"), "handshakes are counted by outcome");
    Ok(())
}

#[tokio::test]
async fn a_certificate_of_another_authority_with_the_same_name_and_serial_is_refused() -> Result<()> {
    let world = World::new().await?;
    let twin = Issuer::unknown("test-hub authority")?;
    let caller = world.caller(Some(&twin.office(PLAN.parse()?)?))?;
    ensure!(caller.get(routes::ME).await.is_err());
    // Nor does the office's own certificate help with another key.
    let own = world.office(PLAN)?.paper;
    let other = twin.office(PLAN.parse()?)?;
    let mixed = Paper { certificate: own.certificate, key: other.key, fingerprint: own.fingerprint };
    let refused = match world.caller(Some(&mixed)) {
        Ok(caller) => caller.get(routes::ME).await.is_err(),
        Err(_) => true,
    };
    ensure!(refused);
    Ok(())
}

#[tokio::test]
async fn the_hub_shows_a_certificate_that_other_authorities_do_not_vouch_for() -> Result<()> {
    let world = World::new().await?;
    let other = Issuer::unknown("another authority")?;
    let caller = Caller::new(&world.hub.url(), other.certificate(), Some(&world.office(PLAN)?.paper))?;
    ensure!(caller.get(routes::ME).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_certificate_registered_for_one_office_says_nothing_for_another() -> Result<()> {
    let world = World::new().await?;
    // It carries HELPER's number, so nobody can register it for PLAN.
    let paper = world.issuer()?.office(HELPER.parse()?)?;
    let body = serde_json::json!({"certificate": paper.certificate, "label": "x", "reason": "device"});
    let path = routes::path(routes::ADMIN_OFFICE_CERTIFICATES, &[&PLAN]);
    let answer = world.operator.post(&path, &body).await?;
    ensure!((400..500).contains(&answer.status), "{}", answer.text());
    let form = Form::to(HELPER, "").file("a.pdf", b"%PDF-");
    world.caller(Some(&paper))?.send(PLAN, form).await?.refused("certificate-unknown")?;
    Ok(())
}
