//! What the national file standard (ケアプランデータ連携標準仕様) says about names and send units.
//!
//! Only names are looked at so far; what stands inside the files is not.

mod name;
mod prefix;
mod unit;

pub use name::{MonthPart, NameError, NameForm, StandardName, UnitStamp};
pub use prefix::Prefix;
pub use unit::{Unit, UnitError, UnitKey, group};
