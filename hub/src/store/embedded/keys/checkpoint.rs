//! The key that signs checkpoints of the transparency log: made at the first start, one for the life of the hub.
//!
//! `keys/checkpoint.key`: magic, the seed (32 bytes) wrapped by the master key; the wrap's AAD is `checkpoint`.

use super::MAGIC;
use crate::clock::{SharedRandomness, random};
use crate::store::StoreError;
use crate::store::embedded::error::{OpenError, at};
use crate::store::embedded::layout::{self, Layout};
use crate::store::embedded::seal::Key;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use zeroize::Zeroizing;

/// The key that signs checkpoints.
#[derive(Debug)]
pub(crate) struct CheckpointKey {
    pair: Ed25519KeyPair,
    public: [u8; 32],
}

impl CheckpointKey {
    /// Opens the key; makes it where nothing was ever signed. `None` when it is missing or damaged: transfers go on without.
    pub(super) fn open(layout: &Layout, wrap: &Key, randomness: &SharedRandomness) -> Result<Option<Self>, OpenError> {
        let path = layout.checkpoint_key();
        if let Some(file) = layout::read(&path).map_err(at(&path))? {
            return Ok(read(&file, wrap));
        }
        if layout.tlog().exists() {
            return Ok(None);
        }
        let seed = Zeroizing::new(random::<32>(randomness.as_ref())?);
        let wrapped = wrap.wrap(random(randomness.as_ref())?, AAD, seed.as_ref()).map_err(StoreError::from)?;
        layout::replace(&path, &[MAGIC.as_slice(), &wrapped].concat()).map_err(at(&path))?;
        Ok(pair(seed.as_ref()))
    }

    /// The key as it stands in the folder, for readers that change nothing; false when it is damaged.
    pub(super) fn look(layout: &Layout, wrap: &Key) -> Result<(Option<Self>, bool), OpenError> {
        let path = layout.checkpoint_key();
        let Some(file) = layout::read(&path).map_err(at(&path))? else { return Ok((None, !layout.tlog().exists())) };
        let key = read(&file, wrap);
        let holds = key.is_some();
        Ok((key, holds))
    }

    /// The public key.
    pub(crate) fn public(&self) -> [u8; 32] {
        self.public
    }

    /// Signs.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Option<[u8; 64]> {
        self.pair.sign(bytes).as_ref().try_into().ok()
    }
}

fn read(file: &[u8], wrap: &Key) -> Option<CheckpointKey> {
    let seed = wrap.unwrap(AAD, file.strip_prefix(&MAGIC)?).ok()?;
    pair(&seed)
}

fn pair(seed: &[u8]) -> Option<CheckpointKey> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
    let public = pair.public_key().as_ref().try_into().ok()?;
    Some(CheckpointKey { pair, public })
}

const AAD: &[u8] = b"checkpoint";
