//! The office's side of the care-plan hub: library and program.
