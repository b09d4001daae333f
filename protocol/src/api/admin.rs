//! What operators do.

mod hub;
mod licences;
mod offices;
mod people;

pub use hub::*;
pub use licences::*;
pub use offices::*;
pub use people::*;
