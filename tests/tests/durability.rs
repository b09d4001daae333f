//! What survives: kills, a lost index, another boot; and that nothing private gets out on the way.

#[path = "durability/earlier.rs"]
mod earlier;
#[path = "durability/index.rs"]
mod index;
#[path = "durability/keep.rs"]
mod keep;
#[path = "durability/observation.rs"]
mod observation;
#[path = "durability/run.rs"]
mod run;
