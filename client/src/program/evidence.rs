//! `evidence`: the record of a month made.

mod verify;

use crate::program::cli::{Evidence as What, EvidenceAction};
use crate::program::failure::Failure;
use crate::program::screen::Screen;
use crate::program::{Context, Exit, progress};
use careplan_client::document::page_of;
use careplan_client::evidence::{Step, gather};
use careplan_client::{disk, names};
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Makes the record of a month, or checks one.
pub(crate) async fn run(context: &mut Context, what: What) -> Result<Exit, Failure> {
    let screen = context.screen;
    if let Some(EvidenceAction::Verify(what)) = what.action {
        return verify::run(context, &what);
    }
    let Some(month) = what.month else { return Ok(Exit::WrongUse) };
    let desk = context.desk()?;
    let bar = progress::count(&screen, &month.to_string());
    let step = |step| match step {
        Step::Done(done, all) => {
            bar.set_message(month.to_string());
            progress::at(&bar, done, all);
        }
        Step::Waiting(pause) => bar.set_message(waiting(&screen, pause)),
    };
    let gathered = gather(&desk, month, what.partner, step).await?;
    bar.finish_and_clear();
    let page = page_of(&gathered.evidence).map_err(io::Error::from)?;
    let path = put(&what.into, &gathered.evidence.file_name(), page.as_bytes())
        .map_err(|why| Failure::disk(&what.into, &why))?;
    let (transfers, lacking) = (gathered.evidence.entries.len(), &gathered.without_receipt);
    screen.value(&json!({"file": path, "transfers": transfers, "without_receipt": lacking, "without_proof": gathered.without_proof}));
    screen.say(
        format!("{month} の送受信 {transfers} 件の記録書を作りました。\n{}", path.display()),
        format!("The record of {transfers} transfers of {month} is made.\n{}", path.display()),
    );
    if !lacking.is_empty() {
        let ids = lacking.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        screen.say(
            format!("受領証がこのパソコンにない送信：{ids}（送信したパソコンで作ると受領証が入ります）"),
            format!("Without a receipt on this computer: {ids} (made where they were sent from, it has them)"),
        );
    }
    if !gathered.without_proof.is_empty() {
        let ids = gathered.without_proof.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        screen.say(
            format!("ハブの記録の証明が得られなかったもの：{ids}（しばらくしてから作り直してください）"),
            format!("Without a proof from the hub's log: {ids} (make it again later)"),
        );
    }
    let lacking = lacking.len() + gathered.without_proof.len();
    Ok(if lacking == 0 { Exit::Done } else { Exit::Partly })
}

/// That the hub wants to be asked more slowly.
fn waiting(screen: &Screen, pause: Duration) -> String {
    let seconds = pause.as_secs().max(1);
    screen.pick(
        format!("要求数の上限のため {seconds} 秒待っています"),
        format!("waiting {seconds} s: the hub limits requests"),
    )
}

/// Writes a page under its name, or a numbered one where that is taken.
pub(crate) fn put(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let part = folder.join(format!(".{name}.part"));
    disk::write(&part, bytes)?;
    for number in 1.. {
        let path = folder.join(names::numbered(name, number));
        match disk::place(&part, &path) {
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
            placed => {
                placed?;
                disk::sync_folder(folder)?;
                return Ok(path);
            }
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
