//! The gate: how many may shake hands at a time, in all and from one address, and how many may be inside.
//!
//! Who shakes hands is not inside yet, so that strangers who say nothing take no place from anybody who was let in.

use crate::config::Connections;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Who comes and who is inside.
#[derive(Debug)]
pub(super) struct Gate {
    inside: Arc<Semaphore>,
    shaking: Arc<Semaphore>,
    of_an_address: usize,
    addresses: Mutex<HashMap<IpAddr, usize>>,
}

impl Gate {
    pub(super) fn new(limits: &Connections) -> Self {
        Self {
            inside: Arc::new(Semaphore::new(limits.max)),
            shaking: Arc::new(Semaphore::new(limits.handshakes)),
            of_an_address: limits.handshakes_per_address,
            addresses: Mutex::default(),
        }
    }

    /// Lets somebody begin a handshake.
    ///
    /// # Errors
    /// The word for the metrics, when there are too many.
    pub(super) fn knock(self: &Arc<Self>, address: IpAddr) -> Result<Knocking, &'static str> {
        // Nobody is made to shake hands only to hear that there is no place.
        if self.inside.available_permits() == 0 {
            return Err(NO_PLACE);
        }
        let shaking = Arc::clone(&self.shaking).try_acquire_owned().map_err(|_| "too-many-handshakes")?;
        let network = network(address);
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let of_this = addresses.entry(network).or_default();
        if *of_this >= self.of_an_address {
            return Err("too-many-of-address");
        }
        *of_this += 1;
        drop(addresses);
        Ok(Knocking { gate: Arc::clone(self), network, _shaking: shaking })
    }
}

/// A handshake under way, or somebody being turned away.
#[derive(Debug)]
pub(super) struct Knocking {
    gate: Arc<Gate>,
    network: IpAddr,
    _shaking: OwnedSemaphorePermit,
}

impl Knocking {
    /// A place inside, for as long as what this gives lives; the place at the gate stays with the one who holds it.
    ///
    /// # Errors
    /// The word for the metrics, when there is none.
    pub(super) fn enter(&self) -> Result<OwnedSemaphorePermit, &'static str> {
        Arc::clone(&self.gate.inside).try_acquire_owned().map_err(|_| NO_PLACE)
    }
}

impl Drop for Knocking {
    fn drop(&mut self) {
        let mut addresses = self.gate.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_this) = addresses.get_mut(&self.network) {
            *of_this -= 1;
            if *of_this == 0 {
                addresses.remove(&self.network);
            }
        }
    }
}

/// What counts as one address: of IPv6 the first 64 bits, of which one host has all the rest.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address => address,
    }
}

const NO_PLACE: &str = "too-many";

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(max: usize, handshakes: usize, handshakes_per_address: usize) -> Arc<Gate> {
        Arc::new(Gate::new(&Connections { max, handshakes, handshakes_per_address, ..Connections::default() }))
    }

    fn knock(gate: &Arc<Gate>, address: &str) -> Result<Knocking, &'static str> {
        gate.knock(address.parse().unwrap())
    }

    #[test]
    fn an_address_has_so_many_handshakes_under_way_and_what_ended_counts_no_more() {
        let gate = gate(100, 100, 2);
        let held = [knock(&gate, "192.0.2.1").unwrap(), knock(&gate, "::ffff:192.0.2.1").unwrap()];
        assert_eq!(knock(&gate, "192.0.2.1").unwrap_err(), "too-many-of-address");
        assert!(knock(&gate, "192.0.2.2").is_ok());
        drop(held);
        assert!(knock(&gate, "192.0.2.1").is_ok());
        assert!(gate.addresses.lock().unwrap().is_empty());
    }

    #[test]
    fn the_addresses_of_one_network_count_as_one() {
        let gate = gate(100, 100, 1);
        let _held = knock(&gate, "2001:db8:1:2::1").unwrap();
        assert_eq!(knock(&gate, "2001:db8:1:2:ffff::9").unwrap_err(), "too-many-of-address");
        assert!(knock(&gate, "2001:db8:1:3::1").is_ok());
    }

    #[test]
    fn who_shakes_hands_takes_no_place_and_who_is_inside_holds_up_no_handshake() {
        let gate = gate(2, 1, 9);
        let inside = knock(&gate, "192.0.2.1").unwrap().enter().unwrap();
        let knocking = knock(&gate, "192.0.2.1").unwrap();
        assert_eq!(knock(&gate, "192.0.2.2").unwrap_err(), "too-many-handshakes");
        let other = knocking.enter().unwrap();
        drop(knocking);
        assert_eq!(knock(&gate, "192.0.2.2").unwrap_err(), "too-many");
        drop((inside, other));
        assert!(knock(&gate, "192.0.2.2").unwrap().enter().is_ok());
    }
}
