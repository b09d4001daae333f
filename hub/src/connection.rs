//! What every request carries of the connection it came by, and the list of connections open now.
//!
//! Extensions of a request: [`RequestId`], `Arc<ConnectionContext>`.

use crate::clock::{NoRandomness, Randomness, random};
use crate::identity::Peer;
use careplan_protocol::transfer::Fingerprint;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio_util::sync::CancellationToken;

/// The number of a request, as it stands in the log and in problem documents: 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u64);

impl RequestId {
    /// Of a request that came when the machine gave no randomness; it is refused.
    pub const NONE: Self = Self(0);

    /// Its digits, for the header of every answer.
    pub fn digits(self) -> [u8; 16] {
        let digit = |place: usize| b"0123456789abcdef"[(self.0 >> (60 - 4 * place)) as usize & 0xf];
        std::array::from_fn(digit)
    }
}

/// The numbers of one connection's requests: the first is random, the others follow on it.
#[derive(Debug, Default)]
pub struct RequestIds {
    begin: OnceLock<u64>,
    given: AtomicU64,
}

impl RequestIds {
    /// The next one.
    ///
    /// # Errors
    /// When the machine gives no randomness for the first.
    pub fn next(&self, randomness: &dyn Randomness) -> Result<RequestId, NoRandomness> {
        let begin = match self.begin.get() {
            Some(begin) => *begin,
            None => {
                let begin = u64::from_be_bytes(random(randomness)?);
                *self.begin.get_or_init(|| begin)
            }
        };
        Ok(RequestId(begin.wrapping_add(self.given.fetch_add(1, Ordering::Relaxed))))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The connection that a request came by.
#[derive(Debug, Clone)]
pub struct ConnectionContext {
    /// Who is at the other end.
    pub peer: Arc<Peer>,
    /// Cancelled when the connection is to end at once; cancel it to cut the connection.
    pub cut: CancellationToken,
    /// Cancelled when the connection has reached its age or the hub is about to stop: streams and waits end now, the
    /// answer closes the connection.
    pub retiring: CancellationToken,
}

/// The body of a request came too slowly or not to its end in time: the source of the error that the handler sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body of the request came too slowly")]
pub struct BodyTimeout;

impl BodyTimeout {
    /// Whether this is what an error comes from.
    pub fn caused(error: &(dyn std::error::Error + 'static)) -> bool {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if error.is::<Self>() {
                return true;
            }
            // An `io::Error` hides what it wraps from `source`.
            cause = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        false
    }
}

/// The connections open now, by the certificate at the other end.
#[derive(Debug, Default)]
pub struct Connections {
    open: Mutex<HashMap<Fingerprint, HashMap<u64, Open>>>,
    next: AtomicU64,
}

#[derive(Debug)]
struct Open {
    peer: Arc<Peer>,
    cut: CancellationToken,
}

impl Connections {
    /// Cuts every connection of a certificate that the same authority vouched for, in the middle of whatever it does; gives
    /// their number.
    pub fn cut(&self, peer: &Peer) -> usize {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_certificate = open.get(&peer.fingerprint).into_iter().flat_map(HashMap::values);
        of_certificate.filter(|open| open.peer.anchor == peer.anchor).map(|open| open.cut.cancel()).count()
    }

    /// Who has a connection open: each certificate once, or once for each authority that vouched for it.
    pub fn peers(&self) -> Vec<Arc<Peer>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut peers: Vec<Arc<Peer>> = Vec::with_capacity(open.len());
        for of_certificate in open.values() {
            let begin = peers.len();
            for Open { peer, .. } in of_certificate.values() {
                if peers[begin..].iter().all(|known| known.anchor != peer.anchor) {
                    peers.push(Arc::clone(peer));
                }
            }
        }
        peers
    }

    /// Notes a connection, unless its certificate has `most` already; it is forgotten when what this gives is dropped.
    pub fn enter(self: &Arc<Self>, context: &ConnectionContext, most: usize) -> Option<Entered> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let fingerprint = context.peer.fingerprint;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.get(&fingerprint).is_some_and(|of_certificate| of_certificate.len() >= most) {
            return None;
        }
        let entry = Open { peer: Arc::clone(&context.peer), cut: context.cut.clone() };
        open.entry(fingerprint).or_default().insert(number, entry);
        drop(open);
        Some(Entered { connections: Arc::clone(self), fingerprint, number })
    }
}

/// A connection in the list, as long as this lives.
#[derive(Debug)]
pub struct Entered {
    connections: Arc<Connections>,
    fingerprint: Fingerprint,
    number: u64,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_certificate) = open.get_mut(&self.fingerprint) {
            of_certificate.remove(&self.number);
            if of_certificate.is_empty() {
                open.remove(&self.fingerprint);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_of_a_request_are_those_of_its_text() {
        for number in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX] {
            assert_eq!(RequestId(number).to_string().as_bytes(), RequestId(number).digits());
        }
    }
    use crate::identity::AnchorId;

    fn context(byte: u8) -> ConnectionContext {
        let peer = Peer {
            fingerprint: Fingerprint([byte; 32]),
            serial: "01".to_owned(),
            not_before: jiff::Timestamp::MIN,
            not_after: jiff::Timestamp::MAX,
            office: None,
            anchor: AnchorId { name: Arc::from("own"), key: [0; 32] },
            address: "127.0.0.1:1".parse().unwrap(),
        };
        ConnectionContext { peer: Arc::new(peer), cut: CancellationToken::new(), retiring: CancellationToken::new() }
    }

    #[test]
    fn cutting_a_certificate_cuts_all_its_connections_and_no_other() {
        let connections = Arc::new(Connections::default());
        let (a, b, other) = (context(1), context(1), context(2));
        let entered = [&a, &b, &other].map(|context| connections.enter(context, 2).unwrap());
        assert!(connections.enter(&a, 2).is_none() && connections.enter(&other, 2).is_some());
        assert_eq!(connections.cut(&a.peer), 2);
        assert!(a.cut.is_cancelled() && b.cut.is_cancelled() && !other.cut.is_cancelled());
        assert_eq!(connections.peers().len(), 2);
        drop(entered);
        assert!(connections.peers().is_empty());
        assert_eq!(connections.cut(&a.peer), 0);
    }

    #[test]
    fn a_certificate_that_two_authorities_vouched_for_is_asked_about_and_cut_for_each() {
        let connections = Arc::new(Connections::default());
        let (before, mut after) = (context(1), context(1));
        let anchor = AnchorId { name: Arc::from("next"), key: [1; 32] };
        after.peer = Arc::new(Peer { anchor, ..Peer::clone(&after.peer) });
        let _entered = [&before, &after].map(|context| connections.enter(context, 9));
        assert_eq!(connections.peers().len(), 2);
        assert_eq!(connections.cut(&before.peer), 1);
        assert!(before.cut.is_cancelled() && !after.cut.is_cancelled());
    }

    #[test]
    fn a_body_timeout_is_found_behind_other_errors() {
        let wrapped = axum::Error::new(std::io::Error::other(BodyTimeout));
        assert!(BodyTimeout::caused(&wrapped));
        assert!(!BodyTimeout::caused(&axum::Error::new(std::io::Error::other("else"))));
    }
}
