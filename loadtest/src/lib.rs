//! Load generator of the care-plan hub.
