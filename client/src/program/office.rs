//! `directory` and `status`.

use crate::program::cli::Directory;
use crate::program::failure::Failure;
use crate::program::screen::Screen;
use crate::program::{Context, Exit};
use careplan_client::connection::{PAGE, all_pages};
use careplan_client::journal::Journal;
use careplan_client::sync::all_held;
use careplan_client::texts::local_time;
use careplan_protocol::api::{DirectoryQuery, LastSeen, OfficeStatus};
use serde_json::json;

/// Finds offices.
pub(crate) async fn directory(context: &mut Context, what: Directory) -> Result<Exit, Failure> {
    let desk = context.desk()?;
    let screen = context.screen;
    let query = DirectoryQuery {
        q: what.query,
        prefecture: what.prefecture,
        service_type: what.service_type,
        after: None,
        limit: Some(PAGE),
    };
    let items = all_pages(async |after| {
        let query = DirectoryQuery { after, ..query.clone() };
        desk.ask(|| desk.connection.directory(&query)).await
    })
    .await?;
    screen.value(&json!({ "items": items }));
    if items.is_empty() {
        screen.say("該当する事業所はありません。", "No such office on this hub.");
        return Ok(Exit::Done);
    }
    let rows = items.iter().map(|office| {
        let types: Vec<String> = office.service_types.iter().map(ToString::to_string).collect();
        let can = if office.can_receive { screen.pick("できる", "yes") } else { screen.pick("できない", "no") };
        let seen = match office.last_seen {
            Some(LastSeen::Within7Days) => screen.pick("7日以内", "within 7 days"),
            Some(LastSeen::Within30Days) => screen.pick("30日以内", "within 30 days"),
            Some(LastSeen::Over30Days) => screen.pick("30日より前", "over 30 days ago"),
            None => "",
        };
        vec![office.office.to_string(), office.name.clone(), types.join(" "), can.to_owned(), seen.to_owned()]
    });
    let heads = [
        ("事業所番号", "office"),
        ("名称", "name"),
        ("サービス種類", "types"),
        ("受信", "can receive"),
        ("最終接続", "last seen"),
    ];
    screen.table(&heads, rows.collect());
    Ok(Exit::Done)
}

/// Shows what an office may know of itself.
pub(crate) async fn status(context: &mut Context) -> Result<Exit, Failure> {
    let desk = context.desk()?;
    let screen = context.screen;
    let unfinished = Journal::open(&desk.profile)?.count()?;
    let mut held = Vec::new();
    for out in desk.profile.outs() {
        held.extend(all_held(&out)?.into_iter().map(|name| (out.clone(), name)));
    }
    let status = desk.ask(|| desk.connection.status(desk.office())).await?;
    screen.value(&json!({
        "status": status, "unfinished_sends": unfinished,
        "held": held.iter().map(|(out, name)| json!({"out": out, "name": name})).collect::<Vec<_>>(),
    }));
    if !screen.json {
        show(&screen, &status, &desk.profile.hub);
        if unfinished > 0 {
            screen.say(
                format!("途中の送信が {unfinished} 件あります。careplan send（または sync）で続けてください。"),
                format!("{unfinished} sends are unfinished; `careplan send` (or sync) finishes them."),
            );
        }
        for (out, name) in &held {
            let note = out.join("held").join(name).join("reason.txt");
            screen.say(
                format!("送信を保留しています：{name}（{} を確かめてください）", note.display()),
                format!("held, not sent: {name} (read {})", note.display()),
            );
        }
    }
    Ok(Exit::Done)
}

fn show(screen: &Screen, status: &OfficeStatus, hub: &str) {
    let types: Vec<String> = status.service_types.iter().map(ToString::to_string).collect();
    let (office, name, types) = (status.office, &status.name, types.join(" "));
    screen.say(
        format!("{office} {name}（サービス種類 {types}）\nハブ {}（{hub}）", status.hub.name),
        format!("{office} {name} (service types {types})\nhub {} ({hub})", status.hub.name),
    );
    match &status.licence {
        Some(licence) if licence.running => screen.say(
            format!("ライセンス {} から {} まで（残り {} 日）", licence.from, licence.until, licence.days_left),
            format!("licence from {} until {} ({} days left)", licence.from, licence.until, licence.days_left),
        ),
        Some(licence) => screen.say(
            format!("ライセンスは有効ではありません（{} から {}）", licence.from, licence.until),
            format!("no licence is running (the nearest: {} until {})", licence.from, licence.until),
        ),
        None => screen.say("ライセンスはありません。", "no licence"),
    }
    for certificate in status.certificates.iter().filter(|certificate| certificate.revoked_at.is_none()) {
        let (label, until) = (&certificate.label, local_time(certificate.not_after));
        let mark = if certificate.this_one { screen.pick("（このパソコン）", " (this computer)") } else { "" };
        screen.say(format!("証明書 {label} {until} まで{mark}"), format!("certificate {label} until {until}{mark}"));
    }
    let limits = &status.limits;
    screen.say(
        format!("未受信 {} 件。保存期間 {} 日。", status.unfetched, limits.retention_days),
        format!("{} transfers not fetched. Files are kept for {} days.", status.unfetched, limits.retention_days),
    );
    if let Some(usage) = status.usage.first() {
        screen.say(
            format!("{} の利用：送信 {} 件、受信 {} 件", usage.month, usage.sent.transfers, usage.received.transfers),
            format!("{}: {} sent, {} received", usage.month, usage.sent.transfers, usage.received.transfers),
        );
    }
    for warning in &status.warnings {
        screen.say(format!("注意：{}", warning.text), format!("Attention: {}", warning.text));
    }
    screen.say(&status.hub.notice, &status.hub.notice);
}
