//! `receipt verify` and `receipt show`.

use crate::program::cli::Receipt as What;
use crate::program::failure::Failure;
use crate::program::screen::Screen;
use crate::program::{Context, Exit};
use careplan_client::deliveries::{self, Deliveries};
use careplan_client::receipts::{Match, compare, verify};
use careplan_client::texts::{Explain as _, local_time};
use careplan_protocol::receipt::{KeySet, Receipt, ReceiptFile, parse};
use careplan_protocol::transfer::TransferId;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Checks or shows a receipt.
pub(crate) async fn run(context: &mut Context, what: What) -> Result<Exit, Failure> {
    match what {
        What::Verify { file, files, keys } => check(context, &file, files, keys).await,
        What::Show { file } => {
            let text = read(context, &file)?;
            let receipt =
                parse(&text).map_err(|why| Failure::new("receipt", "受領証として読み取れません", why.to_string()))?;
            let deliveries = deliveries(context, &file).await?;
            let mut value = json!(receipt.receipt);
            if let Some(fields) = value.as_object_mut().filter(|_| !deliveries.receipts.is_empty()) {
                fields.insert("deliveries".to_owned(), json!(deliveries.receipts));
            }
            context.screen.value(&value);
            show(&context.screen, &receipt.receipt);
            tell(&context.screen, &deliveries);
            Ok(if deliveries.wrong.is_empty() { Exit::Done } else { Exit::Failed })
        }
    }
}

async fn check(context: &Context, file: &str, files: Option<PathBuf>, keys: Option<PathBuf>) -> Result<Exit, Failure> {
    let screen = context.screen;
    let text = read(context, file)?;
    let keys = match keys {
        Some(path) => published(&path)?,
        None => context.desk()?.keys().await?,
    };
    let receipt = match verify(&text, &keys) {
        Ok(receipt) => receipt,
        Err(why) => return Err(Failure::new("receipt", why.japanese(), why.english())),
    };
    let compared = match &files {
        Some(folder) => compare(&receipt, folder).map_err(|why| Failure::disk(folder, &why))?,
        None => Vec::new(),
    };
    let good = compared.iter().all(|(_, found)| matches!(found, Match::Same(_)));
    let judged: Vec<Value> = compared.iter().map(|(file, found)| judged(file, found)).collect();
    screen.value(
        &json!({"valid": true, "files_match": files.is_some().then_some(good), "files": judged, "receipt": receipt}),
    );
    screen.say("署名は正しいものです。", "The signature holds.");
    show(&screen, &receipt);
    for (file, found) in &compared {
        let title = file.name.clone().unwrap_or_else(|| format!("#{}", file.n));
        let (japanese, english) = match found {
            Match::Same(_) => ("一致", "same"),
            Match::Different(_) => ("内容が違います", "different contents"),
            Match::Missing => ("見つかりません", "missing"),
        };
        screen.say(format!("  {title}: {japanese}"), format!("  {title}: {english}"));
    }
    Ok(if good { Exit::Done } else { Exit::Failed })
}

/// What the hub attests of a transfer that was sent from here; a receipt in a file stands for itself.
async fn deliveries(context: &mut Context, file: &str) -> Result<Deliveries, Failure> {
    let Ok(transfer) = file.parse::<TransferId>() else { return Ok(Deliveries::default()) };
    let desk = context.desk()?;
    let keys = desk.keys().await?;
    Ok(deliveries::of(&desk, transfer, &keys).await?)
}

fn tell(screen: &Screen, deliveries: &Deliveries) {
    for receipt in &deliveries.receipts {
        let at = local_time(receipt.at);
        screen.say(
            format!("  {} {at}（ハブの署名を確認しました）", receipt.event.japanese()),
            format!("  {} {at} (signed by the hub)", receipt.event),
        );
    }
    for why in &deliveries.wrong {
        screen.say(format!("  正しくない受取証明: {why}"), format!("  a delivery receipt that does not hold: {why}"));
    }
}

fn judged(file: &ReceiptFile, found: &Match) -> Value {
    let (found, path) = match found {
        Match::Same(path) => ("same", Some(path)),
        Match::Different(path) => ("different", Some(path)),
        Match::Missing => ("missing", None),
    };
    json!({"n": file.n, "name": file.name, "found": found, "path": path})
}

/// A file, or the receipt of a transfer that was sent from here.
fn read(context: &Context, file: &str) -> Result<String, Failure> {
    let path = Path::new(file);
    match (std::fs::read_to_string(path), file.parse::<TransferId>()) {
        (Ok(text), _) => Ok(text),
        (Err(_), Ok(transfer)) => context.desk()?.profile.receipt(transfer).ok_or_else(|| {
            Failure::new(
                "not-found",
                format!("{transfer} の受領証はこのパソコンにありません"),
                format!("there is no receipt of {transfer} on this computer"),
            )
        }),
        (Err(why), Err(_)) => Err(Failure::disk(path, &why)),
    }
}

fn published(path: &Path) -> Result<KeySet, Failure> {
    let text = std::fs::read(path).map_err(|why| Failure::disk(path, &why))?;
    serde_json::from_slice(&text)
        .map_err(|why| Failure::new("keys", format!("鍵を読み取れません（{why}）"), format!("no key set: {why}")))
}

fn show(screen: &Screen, receipt: &Receipt) {
    let (transfer, from, to, hub) = (receipt.transfer, receipt.from, receipt.to, &receipt.hub);
    let at = local_time(receipt.accepted_at);
    screen.say(
        format!("受領証 {transfer}\n  ハブ {hub}\n  送信元 {from}\n  送信先 {to}\n  受付 {at}"),
        format!("receipt {transfer}\n  hub {hub}\n  from {from}\n  to {to}\n  accepted {at}"),
    );
    let rows = receipt.files.iter().map(|file| {
        let name = file.name.clone().unwrap_or_else(|| screen.pick("（添付）", "(attachment)").to_owned());
        vec![file.n.to_string(), name, file.size.to_string(), file.sha256.to_string()]
    });
    let heads = [("番号", "n"), ("ファイル", "file"), ("バイト", "bytes"), ("SHA-256", "SHA-256")];
    screen.table(&heads, rows.collect());
}
