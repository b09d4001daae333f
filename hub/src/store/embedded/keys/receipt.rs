//! The keys that sign receipts: the one in use comes from the operator's file; those before it stay, so that a receipt can
//! be signed again byte for byte.
//!
//! `keys/receipt/KID.json`: version, the public key as a JWK with `nbf` and `exp`, the private key (PKCS#8) wrapped and in
//! base64url, a checksum; the wrap's AAD is `receipt/KID`.

use crate::clock::{SharedRandomness, random};
use crate::failpoint::{self, Point};
use crate::store::StoreError;
use crate::store::embedded::error::{OpenError, at};
use crate::store::embedded::layout;
use crate::store::embedded::seal::Key;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use careplan_protocol::receipt::{KeySet, PublicKey};
use jiff::Timestamp;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// All keys that ever signed receipts.
#[derive(Debug)]
pub(crate) struct ReceiptKeys {
    /// The newest first; the first is in use.
    keys: Vec<ReceiptKey>,
}

#[derive(Debug)]
struct ReceiptKey {
    public: PublicKey,
    pair: Ed25519KeyPair,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u8,
    public: PublicKey,
    wrapped: String,
    /// CRC-32 of the public key's JSON, so that damage to its dates is seen too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sum: Option<u32>,
}

impl ReceiptKeys {
    /// Takes the operator's key into use; the one in use before, if it was another, is retired.
    pub(crate) fn open(
        folder: &Path,
        wrap: &Key,
        pem: &str,
        now: Timestamp,
        randomness: &SharedRandomness,
    ) -> Result<Self, OpenError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| OpenError::ReceiptKey)?;
        let (kid, pair) = read_pair(der.secret_pkcs8_der()).ok_or(OpenError::ReceiptKey)?;
        let mut keys = stored(folder, wrap)?;
        let in_use = keys.iter().position(|key| key.public.kid == kid);
        let current = match in_use {
            Some(place) => keys.remove(place),
            None => {
                let bytes: [u8; 32] = pair.public_key().as_ref().try_into().map_err(|_| OpenError::ReceiptKey)?;
                let mut public = PublicKey::ed25519(kid, &bytes);
                public.nbf = Some(now.as_second());
                ReceiptKey { public, pair }
            }
        };
        keys.insert(0, current);
        for (place, key) in keys.iter_mut().enumerate() {
            let before = key.public.exp;
            key.public.exp = if place == 0 { None } else { before.or(Some(now.as_second())) };
            if key.public.exp != before || (place == 0 && in_use.is_none()) {
                write(folder, wrap, key, randomness)?;
            }
        }
        Ok(Self { keys })
    }

    /// The keys as they stand in the folder, and the files that hold none of ours.
    pub(crate) fn look(folder: &Path, wrap: &Key) -> Result<(Self, Vec<PathBuf>), OpenError> {
        let (mut keys, mut damaged) = (Vec::new(), Vec::new());
        for path in files(folder)? {
            let key = std::fs::read(&path).ok().and_then(|bytes| read(&bytes, wrap));
            match key {
                Some(key) => keys.push(key),
                None => damaged.push(path),
            }
        }
        keys.sort_by_key(|key: &ReceiptKey| std::cmp::Reverse(key.public.nbf));
        Ok((Self { keys }, damaged))
    }

    /// The id of the key in use.
    pub(crate) fn kid(&self) -> &str {
        self.keys.first().map_or("", |key| key.public.kid.as_str())
    }

    /// The public keys, the newest first.
    pub(crate) fn published(&self) -> KeySet {
        KeySet { keys: self.keys.iter().map(|key| key.public.clone()).collect() }
    }

    /// Signs with the key of that id, retired or not: Ed25519 gives the same signature every time.
    pub(crate) fn sign(&self, kid: &str, bytes: &[u8]) -> Result<[u8; 64], StoreError> {
        let key = self.keys.iter().find(|key| key.public.kid == kid);
        let key = key.ok_or_else(|| StoreError::Damaged(format!("the receipt key {kid} is missing")))?;
        key.pair.sign(bytes).as_ref().try_into().map_err(|_| StoreError::Io("signature of another length".to_owned()))
    }
}

fn stored(folder: &Path, wrap: &Key) -> Result<Vec<ReceiptKey>, OpenError> {
    let mut keys = Vec::new();
    for path in files(folder)? {
        let bytes = std::fs::read(&path).map_err(at(&path))?;
        let key = read(&bytes, wrap).ok_or_else(|| OpenError::Damaged {
            path: path.clone(),
            what: "this is no receipt key of ours".to_owned(),
        })?;
        keys.push(key);
    }
    keys.sort_by_key(|key: &ReceiptKey| std::cmp::Reverse(key.public.nbf));
    Ok(keys)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(at(folder))? {
        found.push(entry.map_err(at(folder))?.path());
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    Ok(found)
}

fn read(bytes: &[u8], wrap: &Key) -> Option<ReceiptKey> {
    let stored: Stored = serde_json::from_slice(bytes).ok()?;
    let whole = serde_json::to_vec_pretty(&stored).ok()? == bytes;
    if !whole || stored.sum.is_some_and(|told| sum(&stored.public) != Some(told)) {
        return None;
    }
    let wrapped = URL_SAFE_NO_PAD.decode(&stored.wrapped).ok()?;
    let secret = wrap.unwrap(label(&stored.public.kid).as_bytes(), &wrapped).ok()?;
    let (kid, pair) = read_pair(&secret)?;
    (stored.version == VERSION && kid == stored.public.kid).then_some(ReceiptKey { public: stored.public, pair })
}

fn write(folder: &Path, wrap: &Key, key: &ReceiptKey, randomness: &SharedRandomness) -> Result<(), OpenError> {
    let path = folder.join(format!("{}.json", key.public.kid));
    let secret = key.pair.to_pkcs8().map_err(|_| OpenError::ReceiptKey)?;
    let aad = label(&key.public.kid);
    let wrapped = wrap.wrap(random(randomness.as_ref())?, aad.as_bytes(), secret.as_ref()).map_err(StoreError::from)?;
    let (public, wrapped) = (key.public.clone(), URL_SAFE_NO_PAD.encode(wrapped));
    let stored = Stored { version: VERSION, sum: sum(&public), public, wrapped };
    let json = serde_json::to_vec_pretty(&stored).map_err(|_| OpenError::ReceiptKey)?;
    failpoint::reach(Point::ReceiptKey).and_then(|()| layout::replace(&path, &json)).map_err(at(&path))
}

fn sum(public: &PublicKey) -> Option<u32> {
    serde_json::to_vec(public).ok().map(|json| crc32fast::hash(&json))
}

/// The key pair and its id: the first 16 base64url characters of the SHA-256 of the public key.
fn read_pair(pkcs8: &[u8]) -> Option<(String, Ed25519KeyPair)> {
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).ok()?;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, pair.public_key().as_ref());
    let kid = URL_SAFE_NO_PAD.encode(digest).get(..16)?.to_owned();
    Some((kid, pair))
}

fn label(kid: &str) -> String {
    format!("receipt/{kid}")
}

const VERSION: u8 = 1;
