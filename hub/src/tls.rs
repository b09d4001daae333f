//! TLS: the hub's certificate, the authorities it trusts, handshakes; all replaced while running when files change.
//!
//! TLS 1.3 (1.2 by one switch), a client certificate always, no resumption, no early data, HTTP/1.1 only: a session
//! that outlives a reload would let a revoked certificate in.

mod handshake;
mod material;
mod verifier;
mod watch;

pub use handshake::{Accepted, Refused};

use crate::clock::SharedClock;
use crate::config::{self, Config};
use crate::identity::{Anchor, AnchorTable, AuthorityError, RevocationListError};
use crate::metrics::Metrics;
use arc_swap::ArcSwap;
use jiff::Timestamp;
use material::{Material, Stamps};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The hub's side of TLS as it stands now.
#[derive(Debug)]
pub struct Tls {
    files: config::Tls,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    anchors: Arc<AnchorTable>,
    current: ArcSwap<Material>,
    seen: Mutex<Stamps>,
    /// The error of the last reload, which is told once.
    failed: Mutex<Option<String>>,
    certificate_until: tokio::sync::watch::Sender<Timestamp>,
}

/// Why certificates, keys or lists cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file.
    #[error("{key}: {path} cannot be read: {cause}")]
    Read {
        /// The key of the configuration that names it.
        key: String,
        /// Which file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The hub's key.
    #[error("tls.key: {0}")]
    Secret(#[from] config::SecretError),
    /// The hub's certificate or key.
    #[error("tls.certificate and tls.key: {path}: {why}")]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// An authority's certificate.
    #[error("tls.anchors: {path}: {cause}")]
    Anchor {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        cause: AuthorityError,
    },
    /// A revocation list.
    #[error("tls.anchors: {path}: {cause}")]
    List {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        cause: RevocationListError,
    },
    /// The TLS library refuses what the files amount to.
    #[error("tls: {0}")]
    Library(String),
}

impl TlsError {
    /// Whether the files may be read the next time though none of them changes: no more open files, a disk that fails.
    fn may_pass(&self) -> bool {
        matches!(self, Self::Read { .. } | Self::Secret(config::SecretError::Read { .. }))
    }
}

/// What a reload did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloaded {
    /// The files hold what they held before.
    Unchanged,
    /// What the files hold now counts for handshakes and requests from here on.
    Replaced,
}

impl Tls {
    /// Reads the files that the configuration names.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn open(config: &Config, clock: SharedClock, metrics: Arc<Metrics>) -> Result<Self, TlsError> {
        let seen = Stamps::of(&config.tls);
        let (material, anchors) = Material::read(&config.tls, &clock)?;
        let tls = Self {
            anchors: Arc::new(AnchorTable::new(anchors, config.timeouts.crl_grace_days)),
            certificate_until: tokio::sync::watch::Sender::new(material.until),
            current: ArcSwap::from_pointee(material),
            seen: Mutex::new(seen),
            failed: Mutex::default(),
            files: config.tls.clone(),
            clock,
            metrics,
        };
        tls.measure();
        Ok(tls)
    }

    /// The authorities trusted now, for the question that every request asks.
    pub fn anchors(&self) -> Arc<AnchorTable> {
        Arc::clone(&self.anchors)
    }

    /// The last instant of the certificate that the hub shows.
    pub fn certificate_until(&self) -> tokio::sync::watch::Receiver<Timestamp> {
        self.certificate_until.subscribe()
    }

    /// Reads the files again; open connections stay, what they may is asked anew with each request.
    ///
    /// # Errors
    /// When one of them cannot be used; everything then stays as it was.
    pub fn reload(&self) -> Result<Reloaded, TlsError> {
        // Stamped before reading: what changes while it is read is seen as changed the next time.
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Stamps::of(&self.files);
        let read = Material::read(&self.files, &self.clock);
        if read.as_ref().is_err_and(TlsError::may_pass) {
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Stamps::default();
        }
        let (material, anchors) = read?;
        self.refuse_older(&anchors)?;
        if material.digest == self.current.load().digest {
            return Ok(Reloaded::Unchanged);
        }
        self.certificate_until.send_replace(material.until);
        self.anchors.replace(anchors);
        self.current.store(Arc::new(material));
        self.measure();
        Ok(Reloaded::Replaced)
    }

    /// A list that is put back by one made before would let in again whom the authority has revoked since.
    fn refuse_older(&self, anchors: &[Anchor]) -> Result<(), TlsError> {
        let current = self.anchors.anchors();
        for (anchor, file) in anchors.iter().zip(&self.files.anchors) {
            let Some(list) = &anchor.list else { continue };
            let same = |known: &&Anchor| known.authority.id.key == anchor.authority.id.key;
            let lists = current.iter().filter(same).filter_map(|known| known.list.as_ref());
            if let Some(newest) = lists.map(|known| known.this_update).max().filter(|known| list.this_update < *known) {
                let cause = RevocationListError::Older { made: list.this_update, newest };
                return Err(TlsError::List { path: file.revocation_list.clone(), cause });
            }
        }
        Ok(())
    }

    /// Whether a file looks different from when it was last read.
    fn looks_changed(&self) -> bool {
        let now = Stamps::of(&self.files);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) != now
    }

    /// Writes the days that are left of certificates and lists.
    fn measure(&self) {
        let now = self.clock.now();
        let days = |until: Timestamp| (until.as_second() - now.as_second()).div_euclid(DAY_SECONDS);
        let gauge = &self.metrics.certificate_days_left;
        gauge.with_label_values(&["hub"]).set(days(self.current.load().until));
        let anchors = self.anchors.anchors();
        let first = anchors.iter().map(|anchor| days(anchor.authority.not_after)).min();
        gauge.with_label_values(&["anchor"]).set(first.unwrap_or_default());
        for Anchor { authority, list } in anchors.iter() {
            if let Some(list) = list {
                let gauge = &self.metrics.revocation_list_days_left;
                gauge.with_label_values(&[&authority.id.name]).set(days(list.next_update));
            }
        }
    }
}

const DAY_SECONDS: i64 = 24 * 60 * 60;
