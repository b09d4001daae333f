//! The certificate authority of the care-plan hub.
