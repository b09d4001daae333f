//! Published logs made on the spot, right ones and forged ones: for measuring the verifier and for trying to deceive it.

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use careplan_protocol::event::{About, Beginning, Cited, Fact, Leaf, VERSION};
use careplan_protocol::office::Address;
use careplan_protocol::tlog::hash::folded;
use careplan_protocol::tlog::note::{Note, VerifierKey};
use careplan_protocol::tlog::tile::{WIDTH, append_entry, write_hashes};
use careplan_protocol::tlog::verify::Source;
use careplan_protocol::tlog::{Checkpoint, Frontier, Hash, Tile, checkpoint, leaf_hash};
use careplan_protocol::transfer::{Class, Fingerprint, Outcome};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;

/// A log with the key that signs it.
#[derive(Debug)]
pub struct Signer {
    pair: Ed25519KeyPair,
    /// The public key.
    pub public: [u8; 32],
}

/// The entries of one epoch, and at which sizes it kept its checkpoints.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The epoch.
    pub epoch: u32,
    /// The leaves.
    pub entries: Vec<Vec<u8>>,
    /// Sizes of kept checkpoints.
    pub kept: Vec<u64>,
}

/// The files of a published log by their path, `EPOCH/…`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shelf(pub BTreeMap<String, Vec<u8>>);

impl Signer {
    /// The signer of a seed.
    ///
    /// # Errors
    /// When the seed cannot be that of a key.
    pub fn new(seed: u8) -> Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).context("a key")?;
        let public = pair.public_key().as_ref().try_into()?;
        Ok(Self { pair, public })
    }

    /// The key of an epoch's log, as verifiers know it.
    pub fn key(&self, epoch: u32) -> VerifierKey {
        checkpoint::verifier(self.public, epoch)
    }

    /// A signed checkpoint.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn sign(&self, epoch: u32, size: u64, root: Hash) -> Result<Vec<u8>> {
        let key = self.key(epoch);
        let mut note = Note::unsigned(Checkpoint { origin: key.name.clone(), size, root }.to_string());
        note.sign(&key, |bytes| self.pair.sign(bytes).as_ref().try_into().ok())?;
        Ok(note.to_string().into_bytes())
    }

    /// Puts a history on the shelf: bundles, tiles, the kept checkpoints, the published one.
    ///
    /// # Errors
    /// When an entry is too long, or nothing can be signed.
    pub fn publish(&self, history: &History, shelf: &mut Shelf) -> Result<()> {
        let (epoch, size) = (history.epoch, history.entries.len() as u64);
        for (number, entries) in history.entries.chunks(WIDTH as usize).enumerate() {
            let mut file = Vec::new();
            for entry in entries {
                ensure!(append_entry(&mut file, entry), "an entry of {} bytes", entry.len());
            }
            let place = Tile::bundle(number as u64, size).context("a bundle")?;
            shelf.put(epoch, &place.to_string(), file);
        }
        let hashes: Vec<Hash> = history.entries.iter().map(|entry| leaf_hash(entry)).collect();
        let mut level = hashes.clone();
        for number in 0_u8.. {
            for (index, tile) in level.chunks(WIDTH as usize).enumerate() {
                let place = Tile::of(number, index as u64, size).context("a tile")?;
                shelf.put(epoch, &place.to_string(), write_hashes(tile));
            }
            level = level.chunks_exact(WIDTH as usize).filter_map(folded).collect();
            if level.is_empty() {
                break;
            }
        }
        let mut tree = Frontier::default();
        for (index, hash) in hashes.into_iter().enumerate() {
            tree.append(hash);
            let size = index as u64 + 1;
            if history.kept.contains(&size) {
                shelf.put(epoch, &format!("checkpoints/{size}"), self.sign(epoch, size, tree.root())?);
            }
        }
        shelf.put(epoch, "checkpoint", self.sign(epoch, size, tree.root())?);
        Ok(())
    }
}

impl History {
    /// So many events of a first epoch, as a hub writes them.
    ///
    /// # Errors
    /// Never for the offices here.
    pub fn new(events: u64) -> Result<Self> {
        let (from, to) = ("1379999012-43".parse()?, "1379999020-11".parse()?);
        let entries = (0..events).map(|position| leaf(1, position, fact(position, from, to))).collect();
        Ok(Self { epoch: 1, entries, kept: Vec::new() })
    }

    /// The same, with a checkpoint kept at every multiple of a size.
    pub fn keep_every(mut self, size: u64) -> Self {
        self.kept = (1..=self.entries.len() as u64 / size).map(|time| time * size).collect();
        self
    }

    /// The epoch behind this one: so many events are left, the first new one cites what this one signed last.
    ///
    /// # Errors
    /// As [`History::new`].
    pub fn restored(&self, signer: &Signer, left: u64, events: u64) -> Result<Self> {
        let (epoch, size) = (self.epoch + 1, self.entries.len() as u64);
        let cites = Cited { origin: signer.key(self.epoch).name, size, root: self.root(size).0 };
        let (from, to) = ("1379999012-43".parse()?, "1379999020-11".parse()?);
        let mut entries: Vec<Vec<u8>> = self.entries.iter().take(left as usize).cloned().collect();
        let began = Fact::Began { because: Beginning::Restored, cites: Some(cites) };
        entries.push(leaf(epoch, left, began));
        entries.extend((left + 1..left + events).map(|position| leaf(epoch, position, fact(position, from, to))));
        Ok(Self { epoch, entries, kept: Vec::new() })
    }

    /// The root of the first entries.
    pub fn root(&self, size: u64) -> Hash {
        let mut tree = Frontier::default();
        self.entries.iter().take(size as usize).for_each(|entry| tree.append(leaf_hash(entry)));
        tree.root()
    }
}

impl Shelf {
    /// Puts a file into an epoch's folder.
    pub fn put(&mut self, epoch: u32, path: &str, bytes: Vec<u8>) {
        self.0.insert(format!("{epoch}/{path}"), bytes);
    }

    /// Writes everything into a folder, as it stands in `data/tlog`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        for (path, bytes) in &self.0 {
            let file = folder.join(path);
            std::fs::create_dir_all(file.parent().context("a folder")?)?;
            std::fs::write(file, bytes)?;
        }
        Ok(())
    }

    /// The names of what stands in a folder.
    fn names<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        let behind = self.0.range(folder.to_owned()..).map(|(path, _)| path.as_str());
        behind.map_while(move |path| path.strip_prefix(folder))
    }
}

impl Source for Shelf {
    type Error = Infallible;

    fn epochs(&mut self) -> Result<Vec<u32>, Infallible> {
        let mut epochs: Vec<u32> = self.0.keys().filter_map(|path| path.split('/').next()?.parse().ok()).collect();
        epochs.dedup();
        Ok(epochs)
    }

    fn file(&mut self, epoch: u32, path: &str) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.0.get(&format!("{epoch}/{path}")).cloned())
    }

    fn kept(&mut self, epoch: u32) -> Result<Vec<u64>, Infallible> {
        let folder = format!("{epoch}/checkpoints/");
        Ok(self.names(&folder).filter_map(|name| name.parse().ok()).collect())
    }

    fn partials(&mut self, epoch: u32, tile: Tile) -> Result<Vec<u16>, Infallible> {
        let folder = format!("{epoch}/{}.p/", tile.full());
        Ok(self.names(&folder).filter_map(|name| name.parse().ok()).collect())
    }
}

/// The leaf of an event at a position.
pub fn leaf(epoch: u32, position: u64, fact: Fact) -> Vec<u8> {
    let at = Timestamp::from_millisecond(FIRST + position as i64 * 250).unwrap_or_default();
    let actor = Some(Fingerprint([position as u8; 32]));
    let mut commitment = [7; 32];
    commitment[..8].copy_from_slice(&position.to_be_bytes());
    let leaf = Leaf { version: VERSION, epoch, position, at, actor, fact, commitment };
    minicbor::to_vec(&leaf).unwrap_or_default()
}

/// What happens at a position: transfers are accepted, fetched and acknowledged.
fn fact(position: u64, from: Address, to: Address) -> Fact {
    let Some(behind) = position.checked_sub(1) else {
        return Fact::Began { because: Beginning::FirstStart, cites: None };
    };
    let of = About { epoch: 1, position: position - behind % 3, from, to };
    match behind % 3 {
        0 => Fact::Accepted { from, to, class: Class::Register, month: None, stamp: None, files: 2, bytes: 4711 },
        1 => Fact::Fetched { of, file: 1 },
        _ => Fact::Acknowledged { of, outcome: Outcome::Imported },
    }
}

const FIRST: i64 = 1_790_000_000_000;
