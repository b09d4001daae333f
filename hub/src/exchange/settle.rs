//! What ends a transfer's story: the recipient's word, or the sender's recall.

use super::Exchange;
use super::decide;
use super::fetch::acting;
use crate::permit::OfficePermit;
use crate::store::View;
use crate::store::transfer::{Said, Transfer};
use careplan_protocol::api::Acknowledge;
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::transfer::Outcome;

impl Exchange {
    /// The recipient says what became of a fetched transfer. Returns the transfer afterwards.
    ///
    /// # Errors
    /// A rejection without a reason; a transfer recalled or not fetched.
    pub async fn acknowledge(
        &self,
        permit: &OfficePermit,
        transfer: &Transfer,
        word: Acknowledge,
    ) -> Result<Transfer, Refusal> {
        let reason = word.reason.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
        let wrong = |japanese: &str, english: &str| Err(Refusal::because(Code::FieldInvalid, japanese, english));
        match (word.outcome, &reason) {
            (Outcome::Rejected, None) => return wrong("取込不可の理由が必要です。", "A rejection needs its reason."),
            (Outcome::Imported, Some(_)) => {
                return wrong("取込済に理由は付けられません。", "Only a rejection has a reason.");
            }
            (_, Some(reason)) if reason.chars().count() > 1000 || reason.chars().any(is_unwelcome) => {
                return wrong(
                    "理由は制御文字なしの 1000 文字までです。",
                    "A reason has at most 1,000 characters, none of them control characters.",
                );
            }
            _ => {}
        }
        let (acting, attesting) = (acting(permit), self.attesting());
        let (position, outcome) = (transfer.position, word.outcome);
        let decide = move |view: &dyn View| decide::acknowledge(view, acting, &attesting, position, outcome, reason);
        let (_, committed) = self.store.commit(decide).await?;
        self.metrics.transfers.with_label_values(&[outcome.as_str()]).inc();
        // Its month may have gone into an archive since; the word counts all the same.
        let said = Said { outcome, at: committed.at, position: committed.position };
        let gone = || Transfer { acknowledged: Some(said), ..transfer.clone() };
        Ok(self.store.received(permit.office(), position)?.unwrap_or_else(gone))
    }

    /// The sender takes a transfer back. Returns the transfer afterwards.
    ///
    /// # Errors
    /// [`Code::AlreadyFetched`] when it is too late.
    pub async fn recall(&self, permit: &OfficePermit, transfer: &Transfer) -> Result<Transfer, Refusal> {
        let (acting, position) = (acting(permit), transfer.position);
        let (_, committed) = self.store.commit(move |view| decide::recall(view, acting, position)).await?;
        self.metrics.transfers.with_label_values(&["recalled"]).inc();
        let gone = || Transfer { recalled_at: Some(committed.at), ..transfer.clone() };
        Ok(self.store.sent(permit.office(), position)?.unwrap_or_else(gone))
    }
}

fn is_unwelcome(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
}
