//! Rules about what was sent before, which only a hub knows: `late`, `reused`.

use crate::standard::finding::{Finding, Place, Rule, Severity, words};
use crate::standard::name::UnitStamp;

/// `late`: the recipient has taken a unit of the same sender with a later 連番.
pub fn late(file: &str, stamp: UnitStamp) -> Finding {
    let text = words(
        format!(
            "連番 {stamp} より新しい連番の送信単位を相手が受信済みです。取り込む順が前後します。相手に知らせてください"
        ),
        format!(
            "the recipient has taken a unit with a later 連番 than {stamp}; it is imported out of order, tell the recipient"
        ),
    );
    Finding::new(file, Rule::Late, Severity::Warning, Place::default(), text)
}

/// `reused`: a transfer with this 連番 and other bytes stands.
pub fn reused(file: &str, stamp: UnitStamp) -> Finding {
    let text = words(
        format!(
            "連番 {stamp} は同じ相手に別の内容で送信済みです。新しい連番で出力し直すか、前の送信を取り消してから送ってください"
        ),
        format!(
            "the 連番 {stamp} was sent to the same office with other contents; export under a new one, or recall the earlier transfer first"
        ),
    );
    Finding::new(file, Rule::Reused, Severity::Error, Place::default(), text)
}
