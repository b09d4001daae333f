//! `sync`: two folders kept in step with the hub.

mod adopt;
mod words;

use crate::program::cli::{Release, Sync as What, SyncAction};
use crate::program::failure::Failure;
use crate::program::screen::{Screen, printable};
use crate::program::{Context, Exit};
use careplan_client::checking;
use careplan_client::sync::{Happening, Settings, Summary, Sync, SyncError};
use careplan_client::texts::Explain as _;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use words::{value, words};

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
