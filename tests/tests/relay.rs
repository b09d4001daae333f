//! What offices do, as they do it.

#[path = "relay/breaks.rs"]
mod breaks;
#[path = "relay/brought.rs"]
mod brought;
#[path = "relay/desks.rs"]
mod desks;
#[path = "relay/licence.rs"]
mod licence;
#[path = "relay/limits.rs"]
mod limits;
#[path = "relay/lists.rs"]
mod lists;
#[path = "relay/proofs.rs"]
mod proofs;
#[path = "relay/receipts.rs"]
mod receipts;
#[path = "relay/retention.rs"]
mod retention;
#[path = "relay/retries.rs"]
mod retries;
#[path = "relay/revocation.rs"]
mod revocation;
#[path = "relay/shares.rs"]
mod shares;
#[path = "relay/story.rs"]
mod story;
#[path = "relay/years.rs"]
mod years;
