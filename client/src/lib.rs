//! The office's side of the care-plan hub: library and program.
//!
//! Outside in:
//! - [`sync`]: two folders kept in step with the hub;
//! - [`texts`]: what went wrong, for people;
//! - [`archive`]: the office's own records of a month;
//! - [`evidence`]: the record of a month for an inspection, made and checked;
//! - [`fetching`]: transfers brought onto this machine's disk;
//! - [`sending`]: what stands in the journal goes out and its receipt is kept;
//! - [`journal`]: sends that survive a kill;
//! - [`planning`]: who would get what, before anything leaves;
//! - [`sent_before`]: what went before, by its receipts;
//! - [`checking`]: files held against the standard;
//! - [`parcels`]: files sorted into transfers;
//! - [`membership`]: the certificate of use, made and checked;
//! - [`exchanged`]: what was sent and received about a month;
//! - [`deliveries`]: what the hub attests that recipients did;
//! - [`receipts`]: receipts and files judged;
//! - [`desk`]: one office or service type at work;
//! - [`bundle`]: what an operator hands to an office;
//! - [`home`]: what this machine keeps for each office;
//! - [`retry`]: repeating what may pass;
//! - [`connection`]: mutual TLS to the hub, one method per route;
//! - [`document`]: pages to print with their data inside;
//! - [`sheet`]: tables for spreadsheets;
//! - [`names`]: attachments' names made safe;
//! - [`disk`]: files that survive a power cut;
//! - [`clock`]: time and chance, handed in.

pub mod archive;
pub mod bundle;
pub mod checking;
pub mod clock;
pub mod connection;
pub mod deliveries;
pub mod desk;
mod directory;
pub mod disk;
pub mod document;
pub mod evidence;
pub mod exchanged;
pub mod fetching;
pub mod home;
pub mod journal;
pub mod membership;
pub mod names;
pub mod parcels;
pub mod planning;
pub mod receipts;
pub mod retry;
pub mod sending;
pub mod sent_before;
pub mod sheet;
pub mod sync;
pub mod texts;
