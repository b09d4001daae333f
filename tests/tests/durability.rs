//! What survives: kills, a lost index, another boot; and that nothing private gets out on the way.

#[path = "durability/index.rs"]
mod index;
#[path = "durability/observation.rs"]
mod observation;
#[path = "durability/run.rs"]
mod run;
