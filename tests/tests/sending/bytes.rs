//! Whatever is accepted is delivered byte for byte: generated attachments and mutated units through a real hub.

use anyhow::{Result, ensure};
use bytes::Bytes;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Form, Office, Unit, World, papers, samples};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use std::cell::Cell;
use std::time::Duration;
use tokio::time::Instant;

/// One transfer to try.
#[derive(Debug, Clone)]
enum Try {
    /// A unit whose free texts and bytes were changed.
    Unit { texts: Vec<(prop::sample::Index, Vec<u8>)>, bytes: Vec<(prop::sample::Index, u8)> },
    /// Attachments of any content behind the head of a PDF or JPEG.
    Attachments(Vec<(String, bool, Vec<u8>)>),
}

#[test]
fn whatever_is_accepted_is_delivered_byte_for_byte() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let world = runtime.block_on(World::new())?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let unit = samples::unit("04")?;
    let (number, accepted, refused) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let begun = Instant::now();
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let result = runner.run(&tries(), |what| {
        // On a slow machine fewer are tried.
        if begun.elapsed() > LONGEST {
            return Ok(());
        }
        number.set(number.get() + 1);
        let arrived = async {
            let files = files(&unit.stamped(number.get())?, &what);
            deliver(&plan, &helper, files).await
        };
        match runtime.block_on(arrived) {
            Ok(true) => accepted.set(accepted.get() + 1),
            Ok(false) => refused.set(refused.get() + 1),
            Err(why) => return Err(TestCaseError::fail(format!("{why:#}"))),
        }
        Ok(())
    });
    if let Err(TestError::Fail(why, what)) = &result {
        anyhow::bail!("{why}: {what:?}");
    }
    ensure!(accepted.get() > 20, "only {} accepted, {} refused", accepted.get(), refused.get());
    Ok(())
}

fn tries() -> impl Strategy<Value = Try> {
    let texts = prop::sample::select(vec![
        b"\x95\x5c".to_vec(), // 表, whose second byte is a backslash
        b"\xfb\xfc".to_vec(), // 髙
        b"\r\n".to_vec(),
        b"\n".to_vec(),
        b",".to_vec(),
        b"\"\"".to_vec(),
        b"\xb1\xb2".to_vec(), // half-width kana
        b"=1+1".to_vec(),
        b"\x81\x40".to_vec(),
    ]);
    let unit = (
        prop::collection::vec((any::<prop::sample::Index>(), texts), 0..4),
        prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(any::<(prop::sample::Index, u8)>(), 1..4)],
    );
    let name = "[a-zA-Z0-9 \u{3042}-\u{3093}\u{4e00}-\u{4eff}_()-]{1,30}";
    let attachment = (
        name,
        any::<bool>(),
        prop_oneof![
            4 => prop::collection::vec(any::<u8>(), 0..600),
            1 => (any::<u8>(), 60_000usize..140_000).prop_map(|(byte, size)| vec![byte; size]),
        ],
    );
    prop_oneof![
        2 => unit.prop_map(|(texts, bytes)| Try::Unit { texts, bytes }),
        1 => prop::collection::vec(attachment, 1..4).prop_map(Try::Attachments),
    ]
}

fn files(unit: &Unit, what: &Try) -> Vec<(String, Bytes)> {
    match what {
        Try::Attachments(files) => files
            .iter()
            .enumerate()
            .map(|(n, (name, pdf, body))| {
                let (head, extension) =
                    if *pdf { (&b"%PDF-1.7\n"[..], "pdf") } else { (&b"\xff\xd8\xff\xe0"[..], "jpg") };
                (format!("{name}{n}.{extension}"), [head, body].concat().into())
            })
            .collect(),
        Try::Unit { texts, bytes } => {
            let mut files = unit.files.clone();
            for (index, (at, text)) in texts.iter().enumerate() {
                let file = &mut files[index % unit.files.len()].1;
                let mut changed = file.to_vec();
                // Behind an opening quote, where free text begins.
                let quotes: Vec<usize> = (1..changed.len()).filter(|at| changed[at - 1..=*at] == *b",\"").collect();
                if !quotes.is_empty() {
                    let place = *at.get(&quotes) + 1;
                    changed.splice(place..place, text.iter().copied());
                }
                *file = changed.into();
            }
            for (at, byte) in bytes {
                let file = &mut files[0].1;
                let mut changed = file.to_vec();
                *at.get_mut(&mut changed) = *byte;
                *file = changed.into();
            }
            files
        }
    }
}

/// Whether it was accepted; what was accepted has arrived as it was.
async fn deliver(plan: &Office, helper: &Office, files: Vec<(String, Bytes)>) -> Result<bool> {
    let form = Form::to(HELPER, "").files(&files);
    let answer = plan.caller.send_as(PLAN, &papers::random_key()?, form).await?;
    if answer.status != 201 {
        ensure!((400..500).contains(&answer.status), "{}", answer.text());
        return Ok(false);
    }
    let id = answer.json::<careplan_protocol::api::Sent>()?.transfer.to_string();
    let told: careplan_protocol::api::Transfer = helper.get(&format!("inbox/{id}")).await?.status(200)?.json()?;
    ensure!(told.files.len() == files.len(), "{told:?}");
    for (n, (name, bytes)) in files.iter().enumerate() {
        ensure!(told.files[n].name == *name, "{name}: {told:?}");
        ensure!(helper.fetch(&id, n as u32 + 1).await? == *bytes, "{name} arrived with other bytes");
    }
    Ok(true)
}

const LONGEST: Duration = Duration::from_secs(15);
