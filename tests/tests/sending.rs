//! Sending with the program: the plan, what is held back, and that what is accepted arrives as it was.

#[path = "sending/again.rs"]
mod again;
#[path = "sending/bytes.rs"]
mod bytes;
#[path = "sending/elsewhere.rs"]
mod elsewhere;
#[path = "sending/folders.rs"]
mod folders;
#[path = "sending/held.rs"]
mod held;
#[path = "sending/month.rs"]
mod month;
#[path = "sending/plan.rs"]
mod plan;
#[path = "sending/shelves.rs"]
mod shelves;
#[path = "sending/stuck.rs"]
mod stuck;
#[path = "sending/told.rs"]
mod told;
#[path = "sending/trust.rs"]
mod trust;
