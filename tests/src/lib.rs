//! What users of the care-plan hub can rely on, tested through the real programs.
