//! `setup`: a bundle taken in.

use crate::program::cli::Setup;
use crate::program::failure::Failure;
use crate::program::{Context, Exit};
use careplan_client::bundle::Bundle;
use careplan_client::desk::Desk;
use careplan_client::texts::{Explain as _, local_time};
use careplan_protocol::office::Address;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// Checks and stores a bundle, then tries the hub; without the hub it is stored all the same.
pub(crate) async fn run(context: &mut Context, what: Setup) -> Result<Exit, Failure> {
    let screen = context.screen;
    let text = std::fs::read_to_string(&what.bundle).map_err(|why| Failure::disk(&what.bundle, &why))?;
    let bundle = Bundle::parse(&text)?;
    let passphrase = passphrase(context, what.passphrase_file.as_deref())?;
    let identity = bundle.open(&passphrase, &context.clock)?;
    let profile = context.home()?.store(&bundle, &identity)?;
    let (office, until) = (bundle.office, local_time(identity.not_after));
    screen.say(
        format!("{office} {} を設定しました。証明書は {until} まで有効です。", bundle.name),
        format!("{office} {} is set up. Its certificate is valid until {until}.", bundle.name),
    );
    let (clock, randomness) = (Arc::clone(&context.clock), Arc::clone(&context.randomness));
    let desk = Desk::open(profile, Address::whole(office), screen.language, clock, randomness)?;
    let answer = desk.connection.status(office).await;
    match &answer {
        Ok(status) => {
            desk.keys().await?;
            screen.say(
                format!("ハブ {} に接続しました（{}）。", bundle.hub, status.hub.name),
                format!("The hub at {} answers ({}).", bundle.hub, status.hub.name),
            );
        }
        Err(why) => screen.complain(&screen.pick(
            format!("設定は終わりましたが、ハブに確認できませんでした：{}", why.japanese()),
            format!("Everything is stored, but the hub could not be asked: {}", why.english()),
        )),
    }
    let why = answer.as_ref().err().map(|why| why.explain(screen.language));
    screen.value(&json!({
        "office": office, "name": bundle.name, "hub": bundle.hub, "fingerprint": identity.fingerprint,
        "not_after": identity.not_after, "hub_answers": answer.is_ok(), "why_not": why,
    }));
    Ok(Exit::Done)
}

fn passphrase(context: &Context, file: Option<&Path>) -> Result<String, Failure> {
    let text = match file {
        Some(path) => std::fs::read_to_string(path).map_err(|why| Failure::disk(path, &why))?,
        None => rpassword::prompt_password(context.screen.pick("パスフレーズ: ", "Passphrase: ")).map_err(|_| {
            Failure::new(
                "passphrase",
                "パスフレーズを入力できません。--passphrase-file で指定してください",
                "the passphrase cannot be asked for here; give it with --passphrase-file",
            )
        })?,
    };
    Ok(text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default().trim_end().to_owned())
}
