//! What an office keeps, and what it shows to an inspector.

#[path = "records/archive.rs"]
mod archive;
#[path = "records/evidence.rs"]
mod evidence;
#[path = "records/membership.rs"]
mod membership;
#[path = "records/month.rs"]
mod month;
