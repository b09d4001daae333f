//! Blocks as they are written, found in, and spoilt.

use super::*;
use crate::clock::{Clock as _, SystemClock, SystemRandomness};
use crate::store::embedded::layout::Layout;
use crate::store::marks::{Mark, UNREADABLE};
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use careplan_protocol::transfer::Fingerprint;
use proptest::prelude::*;
use std::sync::Arc;

fn keys(folder: &Path) -> Keyring {
    let layout = Layout::new(folder.to_owned());
    layout.make().unwrap();
    let pkcs8 = Ed25519KeyPair::generate().unwrap().to_pkcs8().unwrap();
    let body = base64::engine::general_purpose::STANDARD.encode(pkcs8.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    Keyring::open(&layout, &[7; 32], &pem, SystemClock.now(), Arc::new(SystemRandomness)).unwrap()
}

fn actor(n: u8) -> Mark {
    Mark::Actor(Fingerprint([n; 32]))
}

fn token(n: u8) -> Token {
    u64::from_be_bytes([2, n, n, n, n, n, n, n])
}

proptest! {
    #[test]
    fn a_file_finds_what_its_lists_find(
        added in proptest::collection::vec((any::<u16>(), 0_u8..40), 0..600),
        unreadable in proptest::collection::btree_set(any::<u16>(), 0..4),
        asked in proptest::collection::vec(proptest::collection::vec(0_u8..60, 1..30), 1..4),
    ) {
        let mut added: Vec<(u16, Token)> = added.into_iter().map(|(place, n)| (place, token(n))).collect();
        added.extend(unreadable.iter().map(|place| (*place, UNREADABLE)));
        added.sort_unstable();
        let mut lists = Lists::default();
        added.iter().for_each(|(place, token)| lists.add(*token, *place));
        let wanted = asked.iter().fold(Wanted::default(), |wanted, group| wanted.one_of(group.iter().map(|n| actor(*n))));
        let folder = tempfile::tempdir().unwrap();
        let keys = keys(folder.path());
        let bytes = encode(3, &lists, &[9; 32], &keys);
        prop_assert!(holds(&bytes, 3, &[9; 32], &keys));
        prop_assert!(!holds(&bytes, 4, &[9; 32], &keys) && !holds(&bytes, 3, &[8; 32], &keys));
        std::fs::write(path(folder.path(), 3), &bytes).unwrap();
        let found: Vec<u16> = Block::open(folder.path(), 3).unwrap().find(&wanted).unwrap().iter().collect();
        prop_assert_eq!(&found, &lists.find(&wanted).iter().collect::<Vec<_>>());
        let mut tokens = std::collections::BTreeMap::<u16, Vec<Token>>::new();
        added.iter().for_each(|(place, token)| tokens.entry(*place).or_default().push(*token));
        let has = |tokens: &[Token], group: &[u8]| group.iter().any(|n| tokens.contains(&token(*n)));
        let is_wanted = |tokens: &[Token]| tokens.contains(&UNREADABLE) || asked.iter().all(|group| has(tokens, group));
        let naive: Vec<u16> = tokens.iter().filter(|(_, tokens)| is_wanted(tokens)).map(|(place, _)| *place).collect();
        prop_assert_eq!(&found, &naive);
        // A group of many marks leaves nothing out that has one of them, and what has none where that is much.
        let many = wanted.one_of((20..200).map(actor));
        let few: Vec<u16> = Block::open(folder.path(), 3).unwrap().find(&many).unwrap().iter().collect();
        let all_of: Vec<u8> = (20..200).collect();
        let stays = |place: &&u16| tokens.get(place).is_some_and(|it| it.contains(&UNREADABLE) || has(it, &all_of));
        let strict: Vec<u16> = naive.iter().filter(stays).copied().collect();
        let readable = naive.iter().filter(|place| !unreadable.contains(place)).count();
        prop_assert!(few == strict || (readable <= 32 && few == naive), "{few:?} {strict:?} {naive:?}");
    }

    #[test]
    fn damaged_bytes_are_told_and_read_without_a_panic(
        places in proptest::collection::btree_set(any::<u16>(), 1..50),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let mut lists = Lists::default();
        places.iter().for_each(|place| lists.add(token((place % 20) as u8), *place));
        let folder = tempfile::tempdir().unwrap();
        let keys = keys(folder.path());
        let mut bytes = encode(3, &lists, &[9; 32], &keys);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(!holds(&bytes, 3, &[9; 32], &keys));
        std::fs::write(path(folder.path(), 3), &bytes).unwrap();
        let wanted = Wanted::default().one_of((0..20).map(actor));
        // Whatever comes out of it: a believed file that is damaged later is read so.
        let _ = Block::open(folder.path(), 3).and_then(|block| block.find(&wanted));
    }
}
