//! What the national file standard (ケアプランデータ連携標準仕様) says about names, send units and contents.
//!
//! The tables of the standard are data (`protocol/data`); [`Checker`] holds files against them.

mod check;
mod context;
mod cp932;
mod data;
mod finding;
/// What must hold for any bytes; for the fuzz targets only.
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod name;
mod prefix;
mod reader;
mod unit;

pub use check::{CheckedFile, Checker, FileCheck, JoinKey, Report, late, reused, too_large};
pub use context::{Context, KnownOffices, Sizes};
pub use finding::{Finding, Place, Policy, Rule, RuleCount, Severity, ToldFinding};
pub use name::{MonthPart, NameError, NameForm, StandardName, UnitStamp};
pub use prefix::Prefix;
pub use unit::{Unit, UnitError, UnitKey, group};
