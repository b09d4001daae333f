//! The harness of the acceptance tests: a hub per test, the real programs, certificates made on the spot, a clock set by
//! hand.
//!
//! Outside in:
//! - [`world`]: a hub with its operator and the offices of the samples, in a temporary folder;
//! - [`hub`]: the hub's process: started, stopped, killed;
//! - [`lossy`]: a way to it on which answers get lost;
//! - [`office`]: an office: its program, its certificate, its requests;
//! - [`caller`]: requests with any certificate; [`form`]: multipart bodies, also wrong ones;
//! - [`papers`]: certificates, also wrong ones;
//! - [`programs`]: programs run as a person runs them;
//! - [`samples`]: send units that travel;
//! - [`patience`]: waiting, always bounded;
//! - [`crash`]: kills and power cuts by the thousand, and the model that judges what is left.

pub mod caller;
pub mod crash;
pub mod form;
pub mod hub;
pub mod lossy;
pub mod office;
pub mod papers;
pub mod patience;
pub mod programs;
pub mod samples;
pub mod world;

pub use caller::{Caller, Reply};
pub use form::Form;
pub use hub::Hub;
pub use lossy::Lossy;
pub use office::Office;
pub use papers::Paper;
pub use programs::Outcome;
pub use samples::Unit;
pub use world::World;
