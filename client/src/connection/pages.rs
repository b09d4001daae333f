//! Lists that come in pages.

use crate::connection::Error;
use careplan_protocol::api::Page;

/// All pages of a list; `page` is given where the page before ended.
///
/// # Errors
/// Those of `page`.
pub async fn all_pages<T>(
    mut page: impl AsyncFnMut(Option<String>) -> Result<Page<T>, Error>,
) -> Result<Vec<T>, Error> {
    let mut items = Vec::new();
    let mut after = None;
    loop {
        let next = page(after).await?;
        items.extend(next.items);
        match next.next {
            Some(cursor) => after = Some(cursor),
            None => return Ok(items),
        }
    }
}

/// Entries of a page to ask for: the most that a hub gives.
pub const PAGE: u32 = 1000;
