//! The words shared by hub and clients of the care-plan hub.
