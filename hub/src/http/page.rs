//! Pages: how long, and where the next one begins.

use super::Refused;
use careplan_protocol::problem::{Code, Refusal};

/// Entries of a page, 1 to 1,000; 100 unless told.
///
/// # Errors
/// For a number outside.
pub(super) fn limit(asked: Option<u32>) -> Result<usize, Refused> {
    match asked.unwrap_or(100) {
        limit @ 1..=1000 => Ok(limit as usize),
        _ => {
            Err(Refusal::because(Code::FieldInvalid, "limit は 1 から 1000 までです。", "limit is 1 to 1,000.").into())
        }
    }
}

/// The position at which a page begins: behind `after`, or at the beginning.
///
/// # Errors
/// For a text that no page gave.
pub(super) fn begin(after: Option<&str>) -> Result<u64, Refused> {
    let Some(after) = after else { return Ok(0) };
    let position: Option<u64> = after.parse().ok();
    position.map(|position| position.saturating_add(1)).ok_or_else(|| {
        Refusal::because(Code::FieldInvalid, "after の値が正しくありません。", "after is not where a page ended.")
            .into()
    })
}
