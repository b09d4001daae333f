//! The program `careplan-hub`.

fn main() {}
