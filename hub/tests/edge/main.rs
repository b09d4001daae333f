//! The edge of the hub through real TLS: who is let in, what is cut, what survives a reload and a stop.
//!
//! Each module is marked as a test, so that the lints know its helpers for what they are.

#[cfg(test)]
mod caller;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod handshakes;
#[cfg(test)]
mod hub;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod stop;
