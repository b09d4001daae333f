//! The care-plan hub: a mutually authenticated mailbox server for care-plan files.
