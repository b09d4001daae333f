//! A proof over a generated tree holds, and no altered one does.

use super::*;
use crate::event::{About, VERSION};
use crate::tlog::note::Note;
use crate::tlog::proof::{Subtrees, inclusion, root};
use crate::tlog::{checkpoint, hash};
use crate::transfer::{Class, Fingerprint, Outcome};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use jiff::Timestamp;
use serde_json::Value;
use std::convert::Infallible;

struct Leaves(Vec<Hash>);

impl Subtrees for Leaves {
    type Error = Infallible;

    fn hash(&mut self, level: u32, index: u64) -> Result<Hash, Infallible> {
        let (from, width) = ((index << level) as usize, 1 << level);
        Ok(hash::folded(&self.0[from..from + width]).unwrap())
    }
}

struct World {
    key: VerifierKey,
    pair: Ed25519KeyPair,
    leaves: Vec<Vec<u8>>,
    opened: Vec<([u8; 32], Vec<u8>)>,
}

const ACCEPTED: u64 = 5;

impl World {
    /// A log of 13 events: a transfer accepted at 5, fetched at 8, imported at 12.
    fn new() -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
        let key = checkpoint::verifier(pair.public_key().as_ref().try_into().unwrap(), 2);
        let mut world = Self { key, pair, leaves: Vec::new(), opened: Vec::new() };
        for position in 0..13 {
            world.add(position, fact(position));
        }
        world
    }

    fn add(&mut self, position: u64, fact: Fact) {
        let detail = Detail { message: Some(format!("message {position}")), ..Detail::default() };
        let detail = minicbor::to_vec(&detail).unwrap();
        let salt = [position as u8; 32];
        let commitment = aws_lc_rs::digest::digest(&SHA256, &[salt.as_slice(), &detail].concat());
        let leaf = Leaf {
            version: VERSION,
            epoch: 2,
            position,
            at: Timestamp::from_millisecond(1_790_000_000_000 + position as i64).unwrap(),
            actor: Some(Fingerprint([7; 32])),
            fact,
            commitment: commitment.as_ref().try_into().unwrap(),
        };
        self.leaves.push(minicbor::to_vec(&leaf).unwrap());
        self.opened.push((salt, detail));
    }

    fn proof(&self, positions: &[u64]) -> Proof {
        let size = self.leaves.len() as u64;
        let mut hashes = Leaves(self.leaves.iter().map(|leaf| leaf_hash(leaf)).collect());
        let root = root(&mut hashes, size).unwrap();
        let said = Checkpoint { origin: self.key.name.clone(), size, root };
        let mut note = Note::unsigned(said.to_string());
        note.sign(&self.key, |bytes| self.pair.sign(bytes).as_ref().try_into().ok()).unwrap();
        let mut prove = |position: &u64| {
            let (salt, detail) = &self.opened[*position as usize];
            let path = inclusion(&mut hashes, *position, size).unwrap();
            ProvedEvent::new(*position, &self.leaves[*position as usize], Some((salt, detail)), &path)
        };
        Proof {
            transfer: TransferId { epoch: 2, position: ACCEPTED },
            origin: self.key.name.clone(),
            key: self.key.to_string(),
            checkpoint: note.to_string(),
            events: positions.iter().map(&mut prove).collect(),
        }
    }
}

fn fact(position: u64) -> Fact {
    let (from, to) = ("1379999012-43".parse().unwrap(), "1379999020".parse().unwrap());
    let of = About { epoch: 2, position: ACCEPTED, from, to };
    match position {
        ACCEPTED => Fact::Accepted { from, to, class: Class::Register, month: None, stamp: None, files: 1, bytes: 3 },
        8 => Fact::Fetched { of, file: 1 },
        9 => Fact::Fetched { of: About { position: 4, ..of }, file: 1 },
        10 => Fact::Reread { of, file: 1 },
        12 => Fact::Acknowledged { of, outcome: Outcome::Imported },
        _ => Fact::ClockConfirmed,
    }
}

#[test]
fn a_proof_over_a_tree_holds_and_shows_the_events() {
    let world = World::new();
    let events = world.proof(&[5, 8, 12]).verify(&world.key).unwrap();
    assert_eq!(events.iter().map(|event| event.position).collect::<Vec<_>>(), [5, 8, 12]);
    assert_eq!(events[1].leaf.fact, fact(8));
    assert_eq!(events[2].detail.as_ref().unwrap().message.as_deref(), Some("message 12"));
    // Details that were destroyed are missing, and all else still holds.
    let mut destroyed = world.proof(&[5, 8, 12]);
    (destroyed.events[0].salt, destroyed.events[0].detail) = (None, None);
    assert_eq!(destroyed.verify(&world.key).unwrap()[0].detail, None);
}

#[test]
fn events_of_others_or_out_of_order_are_refused() {
    let world = World::new();
    for positions in [&[][..], &[8], &[8, 5], &[5, 5], &[5, 12, 8], &[5, 9], &[5, 10], &[5, 7], &[4, 8]] {
        assert_eq!(world.proof(positions).verify(&world.key), Err(ProofError::Events), "{positions:?}");
    }
    let other = checkpoint::verifier(world.key.public, 3);
    assert_eq!(world.proof(&[5]).verify(&other), Err(ProofError::Key));
    // An event of a later life than the log's.
    let mut later = World::new();
    later.key = checkpoint::verifier(later.key.public, 1);
    assert_eq!(later.proof(&[5]).verify(&later.key), Err(ProofError::Leaf(5)));
}

#[test]
fn every_altered_field_is_refused() {
    let world = World::new();
    let proof = serde_json::to_value(world.proof(&[5, 8, 12])).unwrap();
    let (mut altered, mut tried) = (Vec::new(), 0);
    alter(&proof, &mut |change| altered.push(change));
    for change in altered {
        let mut value = proof.clone();
        change(&mut value);
        assert_ne!(value, proof);
        let Ok(proof) = serde_json::from_value::<Proof>(value.clone()) else { continue };
        assert!(proof.verify(&world.key).is_err(), "{value:#}");
        tried += 1;
    }
    assert!(tried > 500, "{tried}");
}

type Change = Box<dyn Fn(&mut Value)>;

/// Every string with one character changed, cut off or added; every number one more; every hash of a path left out.
fn alter(proof: &Value, tell: &mut dyn FnMut(Change)) {
    let mut places = Vec::new();
    collect(proof, String::new(), &mut places);
    for (place, value) in places {
        let at = move |json: &mut Value, new: Value| *json.pointer_mut(&place).unwrap() = new;
        match value {
            Value::String(text) => {
                let count = text.chars().count();
                for n in (0..count).step_by(1 + count / 40).chain([count - 1]) {
                    let swap = |(m, c): (usize, char)| if m == n { if c == 'A' { 'B' } else { 'A' } } else { c };
                    let changed: String = text.chars().enumerate().map(swap).collect();
                    if changed != text {
                        let at = at.clone();
                        tell(Box::new(move |json| at(json, changed.clone().into())));
                    }
                }
                let shorter: String = text.chars().take(count - 1).collect();
                for changed in [shorter, format!("{text}A"), String::new()] {
                    let at = at.clone();
                    tell(Box::new(move |json| at(json, changed.clone().into())));
                }
            }
            Value::Number(number) => {
                let more = number.as_u64().unwrap() + 1;
                tell(Box::new(move |json| at(json, more.into())));
            }
            Value::Array(mut hashes) => {
                hashes.pop();
                tell(Box::new(move |json| at(json, hashes.clone().into())));
            }
            _ => {}
        }
    }
}

fn collect(value: &Value, place: String, places: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| collect(value, format!("{place}/{name}"), places)),
        Value::Array(items) => {
            if place.ends_with("inclusion") {
                places.push((place.clone(), value.clone()));
            }
            items.iter().enumerate().for_each(|(n, item)| collect(item, format!("{place}/{n}"), places));
        }
        other => places.push((place, other.clone())),
    }
}
