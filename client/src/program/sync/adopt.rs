//! `sync adopt`: another folder in the place of the IN that was synced before.

use crate::program::cli::Adopt;
use crate::program::failure::Failure;
use crate::program::{Context, Exit};
use careplan_protocol::transfer::TransferId;
use serde_json::json;

/// Takes the folder up, and tells what did not come along.
pub(crate) fn run(context: &mut Context, what: &Adopt) -> Result<Exit, Failure> {
    let left = careplan_client::sync::adopt(&context.desk()?, &what.r#in)?;
    let (screen, path) = (context.screen, what.r#in.display());
    screen.say(format!("今後は {path} に受信します。"), format!("From now on files are put into {path}."));
    if !left.is_empty() {
        let (japanese, english) = doubtful(&left);
        screen.say(japanese, english);
    }
    screen.value(&json!({"adopted": what.r#in, "doubtful": left}));
    Ok(Exit::Done)
}

/// What a person has to do with transfers of which nobody can say whether they were imported.
pub(super) fn doubtful(ids: &[TransferId]) -> (String, String) {
    const SHOWN: usize = 20;
    let mut list = ids.iter().take(SHOWN).map(ToString::to_string).collect::<Vec<_>>().join(" ");
    if ids.len() > SHOWN {
        list.push_str(" …");
    }
    let n = ids.len();
    (
        format!(
            "{n} 件は、ファイルがありませんが、取り込まれたかどうか分かりません。自動では取込済にしません。\
             取り込んだものは careplan ack 番号 --imported、まだのものは careplan fetch 番号 で受信し直してください：{list}"
        ),
        format!(
            "the files of {n} transfers are not there, and whether they were imported cannot be known: they are not \
             acknowledged by themselves. Use `careplan ack ID --imported`, or `careplan fetch ID` to have them again: {list}"
        ),
    )
}
