//! What a hub that knows the standard accepts, refuses and marks.

#[path = "standard/between.rs"]
mod between;
#[path = "standard/expected.rs"]
mod expected;
