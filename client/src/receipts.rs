//! Judging receipts: the signature by the hub's published keys, and the files by their digests.

use crate::disk;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use careplan_protocol::receipt::delivery::{self, DeliveryReceipt};
use careplan_protocol::receipt::{KeySet, PublicKey, Receipt, ReceiptError, ReceiptFile, Unverified, parse};
use careplan_protocol::transfer::{Fingerprint, Sha256};
use jiff::Timestamp;
use std::io;
use std::path::{Path, PathBuf};

/// Why a receipt does not hold.
#[derive(Debug, thiserror::Error)]
pub enum Verdict {
    /// It cannot be read as one.
    #[error(transparent)]
    Form(#[from] ReceiptError),
    /// The hub has published no such key.
    #[error("the hub has no receipt key {0}")]
    UnknownKey(String),
    /// It was altered, or the hub never signed it.
    #[error("the signature does not hold: altered, or never signed by this hub")]
    Signature,
    /// The key was retired before the receipt's date.
    #[error("the key {0} was retired before the receipt's date")]
    Retired(String),
}

/// Checks the signature and gives what the receipt states.
///
/// # Errors
/// [`Verdict`] with what does not hold.
pub fn verify(text: &str, keys: &KeySet) -> Result<Receipt, Verdict> {
    signed(parse(text)?, keys, |receipt| receipt.accepted_at)
}

/// Checks the signature of a delivery receipt and gives what it states.
///
/// # Errors
/// [`Verdict`] with what does not hold.
pub fn verify_delivery(text: &str, keys: &KeySet) -> Result<DeliveryReceipt, Verdict> {
    signed(delivery::parse(text)?, keys, |receipt| receipt.at)
}

fn signed<T>(unverified: Unverified<T>, keys: &KeySet, at: impl Fn(&T) -> Timestamp) -> Result<T, Verdict> {
    let unknown = || Verdict::UnknownKey(unverified.kid.clone());
    let key = keys.keys.iter().find(|key| key.kid == unverified.kid).ok_or_else(unknown)?;
    let bytes = key.bytes().ok_or_else(unknown)?;
    UnparsedPublicKey::new(&ED25519, bytes)
        .verify(&unverified.signing_input, &unverified.signature)
        .map_err(|_| Verdict::Signature)?;
    if key.exp.is_some_and(|end| at(&unverified.receipt).as_second() > end) {
        return Err(Verdict::Retired(unverified.kid));
    }
    Ok(unverified.receipt)
}

/// What a key is known by on paper: SHA-256 of its 32 bytes. `None` for what is no key.
pub fn key_fingerprint(key: &PublicKey) -> Option<Fingerprint> {
    key.bytes().map(|bytes| public_fingerprint(&bytes))
}

/// SHA-256 of an Ed25519 key's 32 bytes.
pub fn public_fingerprint(public: &[u8; 32]) -> Fingerprint {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, public);
    Fingerprint(digest.as_ref().try_into().unwrap_or_default())
}

/// What became of one file of a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// The file with exactly the bytes of the receipt.
    Same(PathBuf),
    /// A file of that name with other bytes.
    Different(PathBuf),
    /// No such file.
    Missing,
}

/// Compares a receipt with the files in a folder and the folders directly in it. Standard files are looked for by name,
/// and attachments, which a receipt does not name, by their bytes.
///
/// # Errors
/// Those of the disk.
pub fn compare(receipt: &Receipt, folder: &Path) -> io::Result<Vec<(ReceiptFile, Match)>> {
    let mut found: Vec<(PathBuf, u64, Sha256)> = Vec::new();
    for path in files_in(folder)? {
        let (size, digest) = disk::digest(&path)?;
        found.push((path, size, digest));
    }
    let judge = |file: &ReceiptFile| {
        let same = |(_, size, digest): &&(PathBuf, u64, Sha256)| *size == file.size && *digest == file.sha256;
        let named =
            |(path, ..): &&(PathBuf, u64, Sha256)| file.name.as_ref().is_none_or(|name| disk::name(path) == *name);
        if let Some((path, ..)) = found.iter().find(|entry| named(entry) && same(entry)) {
            return Match::Same(path.clone());
        }
        match file.name.as_ref().and_then(|_| found.iter().find(named)) {
            Some((path, ..)) => Match::Different(path.clone()),
            None => Match::Missing,
        }
    };
    Ok(receipt.files.iter().map(|file| (file.clone(), judge(file))).collect())
}

fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in disk::entries(folder)? {
        match entry.is_dir() {
            true => files.extend(disk::entries(&entry)?.into_iter().filter(|path| path.is_file())),
            false => files.push(entry),
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use careplan_protocol::receipt::{compact, signing_input};
    use careplan_protocol::transfer::TransferId;

    fn signed(seed: u8, bytes: &[u8]) -> (String, KeySet) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let receipt = Receipt {
            version: 1,
            hub: "demo".to_owned(),
            transfer: TransferId { epoch: 1, position: 4 },
            epoch: 1,
            position: 4,
            from: "1379999012-43".parse().unwrap(),
            to: "1379999020-11".parse().unwrap(),
            accepted_at: jiff::Timestamp::from_second(1000).unwrap(),
            files: vec![ReceiptFile {
                n: 1,
                name: Some("UPJSK.CSV".to_owned()),
                size: bytes.len() as u64,
                sha256: Sha256(
                    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref().try_into().unwrap(),
                ),
            }],
        };
        let input = signing_input("k1", &serde_json::to_vec(&receipt).unwrap());
        let text = compact(&input, pair.sign(input.as_bytes()).as_ref());
        let public: [u8; 32] = pair.public_key().as_ref().try_into().unwrap();
        (text, KeySet { keys: vec![PublicKey::ed25519("k1".to_owned(), &public)] })
    }

    #[test]
    fn a_receipt_holds_by_its_key_and_by_no_other() {
        let (text, mut keys) = signed(1, b"abc");
        assert_eq!(verify(&text, &keys).unwrap().position, 4);
        let (_, others) = signed(2, b"abc");
        assert!(matches!(verify(&text, &others), Err(Verdict::Signature)));
        assert!(matches!(verify(&text, &KeySet { keys: vec![] }), Err(Verdict::UnknownKey(_))));
        keys.keys[0].exp = Some(999);
        assert!(matches!(verify(&text, &keys), Err(Verdict::Retired(_))));
    }

    #[test]
    fn an_altered_receipt_does_not_hold() {
        let (text, keys) = signed(1, b"abc");
        let (other, _) = signed(1, b"abd");
        let (signature, payload) = (text.rsplit_once('.').unwrap().1, other.rsplit_once('.').unwrap().0);
        assert!(matches!(verify(&format!("{payload}.{signature}"), &keys), Err(Verdict::Signature)));
    }

    #[test]
    fn files_are_compared_by_name_and_bytes() {
        let (text, keys) = signed(1, b"abc");
        let receipt = verify(&text, &keys).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("UPJSK.CSV");
        assert_eq!(compare(&receipt, folder.path()).unwrap()[0].1, Match::Missing);
        std::fs::write(&path, "abd").unwrap();
        assert_eq!(compare(&receipt, folder.path()).unwrap()[0].1, Match::Different(path.clone()));
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(compare(&receipt, folder.path()).unwrap()[0].1, Match::Same(path));
    }
}
