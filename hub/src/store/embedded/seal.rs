//! AES-256-GCM and the keys derived from the master key.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of a nonce.
pub(crate) const NONCE: usize = 12;

/// Bytes that sealing adds.
pub(crate) const TAG: usize = 16;

/// What was sealed cannot be opened: another key, another place, or altered bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the seal does not hold")]
pub(crate) struct Broken;

/// A key of AES-256-GCM.
pub(crate) struct Key(LessSafeKey);

impl Key {
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, Broken> {
        UnboundKey::new(&AES_256_GCM, bytes).map(|key| Self(LessSafeKey::new(key))).map_err(|_| Broken)
    }

    /// Seals the bytes of `buffer` from `start` on, and puts the tag behind them. A nonce is used once per key.
    pub(crate) fn seal_tail(
        &self,
        nonce: [u8; NONCE],
        aad: &[u8],
        buffer: &mut Vec<u8>,
        start: usize,
    ) -> Result<(), Broken> {
        let tail = buffer.get_mut(start..).ok_or(Broken)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(aad), tail).map_err(|_| Broken)?;
        buffer.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Opens in place; the plain bytes are the first ones.
    pub(crate) fn open<'a>(
        &self,
        nonce: [u8; NONCE],
        aad: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], Broken> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0.open_in_place(nonce, Aad::from(aad), sealed).map_err(|_| Broken)
    }

    /// Seals into `nonce ‖ sealed ‖ tag`.
    pub(crate) fn wrap(&self, nonce: [u8; NONCE], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, Broken> {
        let mut wrapped = Vec::with_capacity(NONCE + plain.len() + TAG);
        wrapped.extend_from_slice(&nonce);
        wrapped.extend_from_slice(plain);
        self.seal_tail(nonce, aad, &mut wrapped, NONCE)?;
        Ok(wrapped)
    }

    /// Opens `nonce ‖ sealed ‖ tag`.
    pub(crate) fn unwrap(&self, aad: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Broken> {
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE>().ok_or(Broken)?;
        let mut plain = Zeroizing::new(sealed.to_vec());
        let length = self.open(*nonce, aad, &mut plain)?.len();
        plain.truncate(length);
        Ok(plain)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// A key of its own for each purpose, from the master key (HKDF-SHA256, RFC 5869).
pub(crate) fn derive(master: &[u8; 32], purpose: &str) -> Result<Zeroizing<[u8; 32]>, Broken> {
    let mut bytes = Zeroizing::new([0; 32]);
    Salt::new(HKDF_SHA256, b"careplan-hub store 1")
        .extract(master)
        .expand(&[purpose.as_bytes()], HKDF_SHA256)
        .and_then(|material| material.fill(bytes.as_mut()))
        .map_err(|_| Broken)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_wrapped_opens_only_with_the_same_key_and_place() {
        let key = Key::new(&[7; 32]).unwrap();
        let wrapped = key.wrap([1; NONCE], b"day/2026-11-20", b"secret").unwrap();
        assert_eq!(key.unwrap(b"day/2026-11-20", &wrapped).unwrap().as_slice(), b"secret");
        assert!(key.unwrap(b"day/2026-11-21", &wrapped).is_err());
        assert!(Key::new(&[8; 32]).unwrap().unwrap(b"day/2026-11-20", &wrapped).is_err());
        assert!(key.unwrap(b"day/2026-11-20", &wrapped[..5]).is_err());
    }
}
