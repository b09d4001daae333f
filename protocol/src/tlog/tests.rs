//! Known answers of RFC 6962 and the C2SP texts, and properties against a tree built as the RFC words it.

use super::checkpoint::{self, Checkpoint};
use super::note::{Kind, Note, NoteError, VerifierKey};
use super::proof::{FromTiles, Subtrees, consistency, consistent, included, inclusion, root};
use super::{Frontier, Hash, Tile, leaf_hash, node_hash, tile};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use proptest::prelude::*;
use std::convert::Infallible;

/// MTH of RFC 6962 2.1, word for word.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => super::hash::empty_root(),
        [one] => *one,
        many => {
            let middle = many.len().next_power_of_two() / 2;
            node_hash(naive_root(&many[..middle]), naive_root(&many[middle..]))
        }
    }
}

/// PATH of RFC 6962 2.1.1.
fn naive_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let middle = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(middle);
    let (mut path, other) = match index < middle {
        true => (naive_path(index, left), right),
        false => (naive_path(index - middle, right), left),
    };
    path.push(naive_root(other));
    path
}

/// SUBPROOF of RFC 6962 2.1.2.
fn naive_consistency(old: usize, leaves: &[Hash], known: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if known { Vec::new() } else { vec![naive_root(leaves)] };
    }
    let middle = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(middle);
    let (mut proof, other) = match old <= middle {
        true => (naive_consistency(old, left, known), right),
        false => (naive_consistency(old - middle, right, false), left),
    };
    proof.push(naive_root(other));
    proof
}

struct Leaves<'a>(&'a [Hash]);

impl Subtrees for Leaves<'_> {
    type Error = Infallible;

    fn hash(&mut self, level: u32, index: u64) -> Result<Hash, Infallible> {
        let (from, width) = ((index << level) as usize, 1 << level);
        Ok(naive_root(&self.0[from..from + width]))
    }
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

/// The tiles of a tree, as a log would publish them.
fn tile_of(leaves: &[Hash], place: Tile) -> Vec<Hash> {
    let span = 1_usize << (8 * u32::from(place.level.unwrap_or(0)));
    let from = place.index as usize * 256 * span;
    (0..usize::from(place.width)).map(|n| naive_root(&leaves[from + n * span..from + (n + 1) * span])).collect()
}

#[test]
fn the_roots_are_those_of_the_reference_tree_of_rfc_6962() {
    let entries: [&[u8]; 8] = [
        &[],
        &[0],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
    ];
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut frontier = Frontier::default();
    for (size, expected) in roots.iter().enumerate() {
        let hex: String = frontier.root().0.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(&hex, expected, "of {size} leaves");
        if let Some(entry) = entries.get(size) {
            frontier.append(leaf_hash(entry));
        }
    }
    // The proof of RFC 6962 2.1.3 between 6 and 8 leaves of that tree.
    let all: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let proof = consistency(&mut Leaves(&all), 6, 8).unwrap();
    assert_eq!(proof.len(), 3);
    assert!(consistent(&proof, (6, naive_root(&all[..6])), (8, naive_root(&all))));
}

#[test]
fn tiles_stand_where_c2sp_says() {
    for (tile, path) in [
        (Tile { level: Some(0), index: 1_234_067, width: 256 }, "tile/0/x001/x234/067"),
        (Tile { level: Some(2), index: 0, width: 5 }, "tile/2/000.p/5"),
        (Tile { level: None, index: 273, width: 112 }, "tile/entries/273.p/112"),
        (Tile { level: None, index: 1000, width: 256 }, "tile/entries/x001/000"),
    ] {
        assert_eq!(tile.to_string(), path);
        assert_eq!(path.parse(), Ok(tile));
    }
    // The example of tlog-tiles: a tree of 70,000 leaves.
    assert_eq!(Tile::of(0, 273, 70_000).unwrap().to_string(), "tile/0/273.p/112");
    assert_eq!(Tile::of(1, 1, 70_000).unwrap().to_string(), "tile/1/001.p/17");
    assert_eq!(Tile::of(2, 0, 70_000).unwrap().to_string(), "tile/2/000.p/1");
    assert_eq!(Tile::of(3, 0, 70_000), None);
    for bad in [
        "tile/0/1",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/../x",
        "tile/0/x000/001",
        "tile/64/000",
        "tile/00/000",
        "tile/entries/000.p/+1",
        "checkpoint",
        "tile/8/0/000",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
    ] {
        assert!(bad.parse::<Tile>().is_err(), "{bad}");
    }
}

#[test]
fn a_note_of_another_implementation_is_accepted_and_an_altered_one_is_not() {
    let key: VerifierKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
    let note = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let parsed: Note = note.parse().unwrap();
    assert_eq!(parsed.verify(&key), Ok(None));
    assert_eq!(parsed.to_string(), note);
    let altered: Note = note.replace("answer", "remedy").parse().unwrap();
    assert_eq!(altered.verify(&key), Err(NoteError::Signature));
    // The key ids of a log and of a witness, as other programs write them.
    for key in [
        "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6",
        "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    ] {
        assert_eq!(key.parse::<VerifierKey>().unwrap().to_string(), key);
    }
    for bad in ["", "a\n", "a\n\n", "a\n\n— b\n", "a\n\n— b AAAA\n", "a\t\n\n— b AAAAAAAA\n", "a\n\n— b AAAAAAAA"]
    {
        assert!(bad.parse::<Note>().is_err(), "{bad:?}");
    }
    for bad in ["PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "a b+00000000+AAAA", "x+y"] {
        assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
    }
}

#[test]
fn a_checkpoint_is_signed_cosigned_and_opened_by_the_right_keys_alone() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let sign = |bytes: &[u8]| pair.sign(bytes).as_ref().try_into().ok();
    let public: [u8; 32] = pair.public_key().as_ref().try_into().unwrap();
    let key = checkpoint::verifier(public, 3);
    assert_eq!(checkpoint::epoch(&key.name), Some(3));
    let said = Checkpoint { origin: key.name.clone(), size: 5, root: naive_root(&leaves(5)) };
    let mut note = Note::unsigned(said.to_string());
    note.sign(&key, sign).unwrap();
    let witness = VerifierKey { name: "witness.example".to_owned(), kind: Kind::Witness, public };
    note.cosign(&witness, 1_700_000_000, sign).unwrap();
    let read: Note = note.to_string().parse().unwrap();
    assert_eq!(read, note);
    assert_eq!(read.verify(&witness), Ok(Some(1_700_000_000)));
    assert_eq!(Checkpoint::open(&note.to_string(), &key).unwrap(), said);
    // The same key in another epoch is another log.
    assert_eq!(Checkpoint::open(&note.to_string(), &checkpoint::verifier(public, 4)), Err(NoteError::Unsigned));
    let larger = note.to_string().replacen("\n5\n", "\n6\n", 1);
    assert_eq!(Checkpoint::open(&larger, &key), Err(NoteError::Signature));
    for bad in ["o\n05\nAA\n", "o\n5\nAA\n", "o\n-1\nAA\n", "\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"] {
        assert!(bad.parse::<Checkpoint>().is_err(), "{bad:?}");
    }
}

#[test]
fn bundles_are_read_as_they_were_written_and_never_partly() {
    let mut file = Vec::new();
    assert!(tile::append_entry(&mut file, b"one") && tile::append_entry(&mut file, b""));
    assert!(!tile::append_entry(&mut file, &vec![0; 65_536]));
    assert_eq!(tile::read_entries(&file, 2), Some(vec![b"one".as_slice(), b""]));
    assert_eq!(tile::read_entries(&file, 1), None);
    assert_eq!(tile::read_entries(&file[..4], 1), None);
    let hashes = leaves(3);
    assert_eq!(tile::read_hashes(&tile::write_hashes(&hashes), 3), Some(hashes.clone()));
    assert_eq!(tile::read_hashes(&tile::write_hashes(&hashes), 4), None);
}

#[test]
fn every_pair_of_small_trees_is_proved_as_the_rfc_words_it() {
    let all = leaves(40);
    for size in 1..=all.len() {
        let tree = &all[..size];
        let new = (size as u64, naive_root(tree));
        for old in 1..=size {
            let proof = consistency(&mut Leaves(tree), old as u64, size as u64).unwrap();
            assert_eq!(proof, naive_consistency(old, tree, true), "{old} of {size}");
            let before = (old as u64, naive_root(&tree[..old]));
            assert!(consistent(&proof, before, new), "{old} of {size}");
            assert!(!consistent(&proof, (before.0, leaf_hash(b"other")), new));
            assert!(!consistent(&proof, before, (new.0, leaf_hash(b"other"))));
            let index = old - 1;
            let path = inclusion(&mut Leaves(tree), index as u64, size as u64).unwrap();
            assert_eq!(path, naive_path(index, tree));
            assert_eq!(included(&path, tree[index], index as u64, size as u64), Some(new.1));
            assert_ne!(included(&path, leaf_hash(b"other"), index as u64, size as u64), Some(new.1));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn proofs_made_from_tiles_lead_to_the_naive_root(size in 1_usize..2000, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let all = leaves(size);
        let naive = naive_root(&all);
        let mut frontier = Frontier::default();
        all.iter().for_each(|leaf| frontier.append(*leaf));
        prop_assert_eq!(frontier.root(), naive);
        let mut tiles = FromTiles::new(size as u64, |place| Ok::<_, Infallible>(tile_of(&all, place)));
        prop_assert_eq!(root(&mut tiles, size as u64).unwrap(), naive);
        let (index, old) = (a.index(size), b.index(size) + 1);
        let path = inclusion(&mut tiles, index as u64, size as u64).unwrap();
        prop_assert_eq!(included(&path, all[index], index as u64, size as u64), Some(naive));
        let proof = consistency(&mut tiles, old as u64, size as u64).unwrap();
        prop_assert!(consistent(&proof, (old as u64, naive_root(&all[..old])), (size as u64, naive)));
        // A proof one hash longer or shorter is none.
        let mut longer = path.clone();
        longer.push(naive);
        prop_assert_eq!(included(&longer, all[index], index as u64, size as u64), None);
        if let Some((_, shorter)) = path.split_last() {
            prop_assert_eq!(included(shorter, all[index], index as u64, size as u64), None);
        }
    }

    #[test]
    fn strange_sizes_and_texts_are_refused_without_a_panic(index in any::<u64>(), size in any::<u64>(), hashes in 0_usize..70, text in ".{0,80}") {
        let proof = leaves(hashes);
        let _ = included(&proof, leaf_hash(b""), index, size);
        let _ = consistent(&proof, (index, leaf_hash(b"")), (size, leaf_hash(b"")));
        let _ = (text.parse::<Note>().is_ok(), text.parse::<Tile>().is_ok(), text.parse::<VerifierKey>().is_ok());
        let mut none = FromTiles::new(size, |_| Err::<Vec<Hash>, ()>(()));
        let _ = inclusion(&mut none, index, size);
        let _ = consistency(&mut none, index, size);
    }
}
