//! `sync`: two folders kept in step with the hub.

mod adopt;

use crate::program::check::told;
use crate::program::cli::{Release, Sync as What, SyncAction};
use crate::program::failure::{Failure, code, damaged_words, doubt_words, fetch_code, sync_code};
use crate::program::screen::{Screen, printable};
use crate::program::{Context, Exit};
use careplan_client::checking;
use careplan_client::sending::SendError;
use careplan_client::sync::{Happening, Settings, Summary, Sync, SyncError};
use careplan_client::texts::{Explain as _, local_time};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Syncs once, or until stopped.
pub(crate) async fn run(context: &mut Context, what: What) -> Result<Exit, Failure> {
    let screen = context.screen;
    match &what.action {
        Some(SyncAction::Release(release)) => return release_held(&screen, release),
        Some(SyncAction::Adopt(adopt)) => return adopt::run(context, adopt),
        None => {}
    }
    let (Some(out), Some(r#in)) = (what.out, what.r#in) else { return Ok(Exit::WrongUse) };
    let settings = Settings {
        out,
        r#in,
        acknowledge_when_moved: what.ack_when_moved,
        interval: Duration::from_secs(what.interval),
        settle: Duration::from_secs(what.settle_seconds),
        incomplete: Duration::from_secs(what.incomplete_seconds),
        language: screen.language,
    };
    let events = Arc::new(Mutex::new(Vec::new()));
    let (once, collected) = (what.once, Arc::clone(&events));
    let tell = Arc::new(move |happening: &Happening| match once {
        true => collected.lock().unwrap_or_else(PoisonError::into_inner).push(report(&screen, happening)),
        // Without end there is no one value to print: a line of JSON for every event.
        false => screen.line(&report(&screen, happening)),
    });
    let mut sync = Sync::new(context.desk()?, settings, tell)?;
    if once {
        let failure = sync.once().await.map_err(Failure::from).err();
        let events = std::mem::take(&mut *events.lock().unwrap_or_else(PoisonError::into_inner));
        let error = failure.as_ref().map(|failure| error(&screen, failure));
        screen.value(&json!({"events": events, "summary": sync.summary(), "error": error}));
        return Ok(conclude(&screen, sync.summary(), failure));
    }
    screen.say("同期を始めました。Ctrl-C で終わります。", "Syncing; Ctrl-C ends it.");
    let trouble = |why: &SyncError| screen.complain(&why.explain(screen.language));
    tokio::select! {
        ended = sync.forever(trouble) => ended?,
        () = stopped() => {}
    }
    screen.line(&json!({"event": "summary", "summary": sync.summary()}));
    Ok(conclude(&screen, sync.summary(), None))
}

/// Moves what was held to where the next sync sends it from.
fn release_held(screen: &Screen, what: &Release) -> Result<Exit, Failure> {
    let name = &what.name;
    match careplan_client::sync::release(&what.out, name) {
        Ok(()) => {
            screen.say(
                format!("{name} の保留を解除しました。次の同期で送信します。"),
                format!("{name} is released; the next sync sends it."),
            );
            screen.value(&json!({"released": name}));
            Ok(Exit::Done)
        }
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
            let held = careplan_client::sync::all_held(&what.out)?.join(", ");
            Err(Failure::new(
                "not-held",
                format!("{name} は保留中ではありません（保留中：{held}）"),
                format!("nothing of the name {name} is held (held: {held})"),
            ))
        }
        Err(why) => Err(Failure::disk(&what.out, &why)),
    }
}

/// Waits until the person or the system ends the program.
async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

fn conclude(screen: &Screen, summary: Summary, failure: Option<Failure>) -> Exit {
    let Summary {
        sent,
        fetched,
        acknowledged,
        refused,
        not_on_hub,
        held,
        waiting,
        in_use,
        not_sent,
        strays,
        damaged,
        not_fetched,
        doubtful,
    } = summary;
    screen.say(
        format!(
            "送信 {sent} 件、受信 {fetched} 件、取込済 {acknowledged} 件、送信不可 {refused} 件、\
             ハブ未加入 {not_on_hub} 件、保留 {held} 件、待機 {waiting} 件、未完了 {not_sent} 件、受信失敗 {not_fetched} 件、受領証の異常 {doubtful} 件"
        ),
        format!(
            "sent {sent}, fetched {fetched}, acknowledged {acknowledged}, refused {refused}, not on hub {not_on_hub}, \
             held {held}, waiting {waiting}, unfinished {not_sent}, not fetched {not_fetched}, receipts in doubt {doubtful}"
        ),
    );
    if let (Some(failure), false) = (&failure, screen.json) {
        screen.failure(failure);
    }
    let done = sent + fetched + acknowledged + doubtful > 0;
    match (
        failure.is_some(),
        refused + not_on_hub + held + in_use + not_sent + strays + damaged + not_fetched + doubtful > 0,
    ) {
        (true, _) if !done => Exit::Failed,
        (false, false) => Exit::Done,
        _ => Exit::Partly,
    }
}

fn error(screen: &Screen, failure: &Failure) -> Value {
    json!({"code": failure.code, "text": failure.explain(screen.language)})
}

/// Tells a person, and gives what a program is to be told.
fn report(screen: &Screen, happening: &Happening) -> Value {
    let (japanese, english) = words(happening);
    screen.say(japanese, english);
    if let (Happening::Faulty(_, findings) | Happening::Held(.., findings) | Happening::Warned(_, findings), false) =
        (happening, screen.json)
    {
        for finding in findings {
            screen.print(&format!("    {}\n", printable(&checking::line(finding, screen.language))));
        }
    }
    let of_hub = match happening {
        Happening::Refused(_, why) => checking::of_refusal(why),
        Happening::Found(_, findings) => findings,
        _ => &[],
    };
    for finding in of_hub {
        let line = format!("    {}", printable(&checking::told_line(finding, screen.language)));
        screen.say(&line, &line);
    }
    value(screen, happening)
}

fn words(happening: &Happening) -> (String, String) {
    match happening {
        Happening::Sent(id, to, n) => {
            (format!("{id}  {to} へ {n} ファイルを送信しました"), format!("{id}  {n} files sent to {to}"))
        }
        Happening::AlreadySent(id, to, n) => (
            format!("{id}  {to} への {n} ファイルは送信済みです"),
            format!("{id}  these {n} files had been sent to {to} before"),
        ),
        Happening::OtherReceipt(id, to, n) => {
            let why = SendError::OtherReceipt(*id);
            (format!("{to} への {n} ファイル：{}", why.japanese()), format!("{n} files to {to}: {}", why.english()))
        }
        Happening::BadReceipt(id, why) => {
            let (japanese, english) = doubt_words(why);
            (format!("{id}  {japanese}"), format!("{id}  {english}"))
        }
        Happening::Unfit(names, why) => (
            format!("送信できません（refused）：{}：{}", names.join(", "), why.japanese()),
            format!("cannot be sent (refused): {}: {}", names.join(", "), why.english()),
        ),
        Happening::Refused(names, why) => (
            format!("ハブが受け付けません（refused）：{}：{}", names.join(", "), why.japanese()),
            format!("refused by the hub: {}: {}", names.join(", "), why.english()),
        ),
        Happening::Faulty(names, findings) => (
            format!("誤りがあるため送信しません（refused）：{}（指摘 {} 件）", names.join(", "), findings.len()),
            format!("not sent, as it has errors (refused): {} ({} findings)", names.join(", "), findings.len()),
        ),
        Happening::Held(name, names, findings) => (
            format!("送信を保留しました（held/{name}）：{}（指摘 {} 件）", names.join(", "), findings.len()),
            format!("held for you to look at (held/{name}): {} ({} findings)", names.join(", "), findings.len()),
        ),
        Happening::Warned(names, findings) => (
            format!("警告がありますが送信します：{}（指摘 {} 件）", names.join(", "), findings.len()),
            format!("sent in spite of warnings: {} ({} findings)", names.join(", "), findings.len()),
        ),
        Happening::NotSent(names, why) => (
            format!("今回は送れませんでした。次回に続けます：{}：{}", names.join(", "), why.japanese()),
            format!("not sent this time, to be tried again: {}: {}", names.join(", "), why.english()),
        ),
        Happening::DamagedSend(folder) => damaged_words(folder),
        Happening::Stray(folder, Some(meant)) => {
            let folder = folder.display();
            (
                format!("フォルダー {folder} の名前は宛先として読めないため、送っていません。{meant} に変えてください"),
                format!("the name of {folder} is no address, so nothing in it is sent: rename it to {meant}"),
            )
        }
        Happening::Stray(folder, None) => {
            let folder = folder.display();
            (
                format!(
                    "フォルダー {folder} の中のファイルは送りません（送るのは、OUT と、宛先を名前にしたフォルダーの直下のファイルだけです）"
                ),
                format!(
                    "what stands in {folder} is not sent: only files in OUT itself and directly in folders named by an address are"
                ),
            )
        }
        Happening::InUse(names, why) => (
            format!(
                "{} は、ほかのプログラムが使っているか、読み書きの権限がないため、待っています（{why}）",
                names.join(", ")
            ),
            format!("{}: in use by another program, or not ours to read and move; waiting ({why})", names.join(", ")),
        ),
        Happening::Found(id, findings) => (
            format!("{id}  ハブの指摘が {} 件あります", findings.len()),
            format!("{id}  the hub found something in it ({} findings)", findings.len()),
        ),
        Happening::NotOnHub(to, n) => (
            format!("{to} には届けられません（not-on-hub、{n} ファイル）"),
            format!("{to} cannot be reached (not-on-hub, {n} files)"),
        ),
        Happening::Fetched(id, from, n) => {
            (format!("{id}  {from} から {n} ファイルを受信しました"), format!("{id}  {n} files fetched from {from}"))
        }
        Happening::NameTaken(path) => (
            format!("{} が取り込まれるのを待っています（同じ名前の別のファイル）", path.display()),
            format!("waiting until {} is taken away (another file of the same name)", path.display()),
        ),
        Happening::Acknowledged(id) => (format!("{id}  取込済にしました"), format!("{id}  acknowledged as imported")),
        Happening::Doubtful(ids) => adopt::doubtful(ids),
        Happening::Damaged(path) => (
            format!(
                "記録が壊れているため、{} によけました。自動では取込済にしません。取り込んだら careplan ack 番号 --imported を実行してください",
                path.display()
            ),
            format!(
                "a record is damaged and was put aside as {}: it is not acknowledged by itself, use `careplan ack ID --imported`",
                path.display()
            ),
        ),
        Happening::Renewed(ends) => {
            let ends = local_time(*ends);
            (
                format!("新しい設定を読み込みました。証明書は {ends} まで有効です"),
                format!("the new certificate is taken up; it is valid until {ends}"),
            )
        }
        Happening::CertificateEnds(ends, days) => {
            let ends = local_time(*ends);
            (
                format!(
                    "証明書の有効期限は {ends} です（あと {days} 日）。運営者に新しい証明書を依頼し、careplan setup を実行してください"
                ),
                format!(
                    "the certificate ends on {ends} ({days} days left): ask your operator for a new one and run `careplan setup`"
                ),
            )
        }
        Happening::FetchFailed(id, why) => {
            (format!("{id}  受信できません：{}", why.japanese()), format!("{id}  cannot be fetched: {}", why.english()))
        }
    }
}

fn value(screen: &Screen, happening: &Happening) -> Value {
    let language = screen.language;
    match happening {
        Happening::Sent(id, to, n) => json!({"event": "sent", "transfer": id, "to": to, "files": n}),
        Happening::AlreadySent(id, to, n) => json!({"event": "already-sent", "transfer": id, "to": to, "files": n}),
        Happening::OtherReceipt(id, to, n) => {
            json!({"event": "other-receipt", "transfer": id, "to": to, "files": n})
        }
        Happening::BadReceipt(id, why) => {
            json!({"event": "bad-receipt", "transfer": id, "reason": why.explain(language)})
        }
        Happening::Unfit(names, why) => {
            json!({"event": "refused", "files": names, "code": "unfit", "reason": why.explain(language)})
        }
        Happening::Refused(names, why) => {
            json!({
                "event": "refused", "files": names, "code": code(why), "reason": why.explain(language),
                "findings": checking::of_refusal(why),
            })
        }
        Happening::Faulty(names, findings) => {
            json!({"event": "refused", "files": names, "code": "errors", "findings": told(screen, findings)})
        }
        Happening::Held(name, names, findings) => {
            json!({"event": "held", "name": name, "files": names, "findings": told(screen, findings)})
        }
        Happening::Warned(names, findings) => {
            json!({"event": "warned", "files": names, "findings": told(screen, findings)})
        }
        Happening::NotSent(names, why) => json!({
            "event": "not-sent", "files": names, "code": sync_code(why), "reason": why.explain(language),
        }),
        Happening::Stray(folder, meant) => json!({"event": "stray", "path": folder, "meant": meant}),
        Happening::DamagedSend(folder) => json!({"event": "damaged-send", "path": folder}),
        Happening::InUse(names, why) => json!({"event": "in-use", "files": names, "reason": why.to_string()}),
        Happening::Found(id, findings) => json!({"event": "found", "transfer": id, "findings": findings}),
        Happening::NotOnHub(to, n) => json!({"event": "not-on-hub", "to": to, "files": n}),
        Happening::Fetched(id, from, n) => json!({"event": "fetched", "transfer": id, "from": from, "files": n}),
        Happening::NameTaken(path) => json!({"event": "name-taken", "path": path}),
        Happening::Acknowledged(id) => json!({"event": "acknowledged", "transfer": id}),
        Happening::Damaged(path) => json!({"event": "damaged", "path": path}),
        Happening::Doubtful(ids) => json!({"event": "doubtful", "transfers": ids}),
        Happening::Renewed(ends) => json!({"event": "renewed", "certificate_ends": ends}),
        Happening::CertificateEnds(ends, days) => {
            json!({"event": "certificate-ends", "certificate_ends": ends, "days": days})
        }
        Happening::FetchFailed(id, why) => {
            json!({"event": "not-fetched", "transfer": id, "code": fetch_code(why), "reason": why.explain(language)})
        }
    }
}
