//! `membership`: the certificate of use made.

use crate::program::cli::Membership as What;
use crate::program::evidence::put;
use crate::program::failure::Failure;
use crate::program::{Context, Exit};
use careplan_client::document::page_of;
use careplan_client::membership::gather;
use careplan_protocol::calendar::Month;
use serde_json::json;
use std::io;

/// Makes the certificate of a month or a fiscal year.
pub(crate) async fn run(context: &mut Context, what: What) -> Result<Exit, Failure> {
    let months = match (what.month, what.fiscal_year) {
        (Some(month), _) => Some((month, month)),
        // The Japanese fiscal year begins in April.
        (None, Some(year)) => Month::new(year, 4).zip(Month::new(year + 1, 3)),
        (None, None) => None,
    };
    let Some((first, last)) = months else { return Ok(Exit::WrongUse) };
    let desk = context.desk()?;
    let screen = context.screen;
    let membership = gather(&desk, first, last).await?;
    let page = page_of(&membership).map_err(io::Error::from)?;
    let path =
        put(&what.into, &membership.file_name(), page.as_bytes()).map_err(|why| Failure::disk(&what.into, &why))?;
    let (months, receipts) = (membership.usage.len(), membership.receipts.len());
    screen.value(&json!({"file": path, "months": months, "receipts": receipts}));
    screen.say(
        format!("利用証明書を作りました（{months} か月分、署名のある受領証 {receipts} 通）。\n{}", path.display()),
        format!("The certificate of use is made ({months} months, {receipts} signed receipts).\n{}", path.display()),
    );
    Ok(Exit::Done)
}
