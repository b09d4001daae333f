//! Signed notes (C2SP signed-note) with Ed25519, and cosignatures of witnesses (C2SP tlog-cosignature, version 1).
//!
//! ```text
//! text, each line ended by a newline
//! (an empty line)
//! — NAME BASE64(key id 4 ‖ signature)
//! ```
//! The key id is the first 4 bytes of SHA-256(NAME ‖ 0x0a ‖ kind ‖ public key); the kind is 1 for Ed25519 over the text, 4
//! for a cosignature, whose bytes are `seconds 8 ‖ signature 64` over `cosignature/v1\ntime SECONDS\n` and the text.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::str::FromStr;

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A log: Ed25519 over the text.
    Log,
    /// A witness: Ed25519 over a time and the text.
    Witness,
}

/// A public key with the name that its signatures bear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    /// The name.
    pub name: String,
    /// How it signs.
    pub kind: Kind,
    /// The Ed25519 key.
    pub public: [u8; 32],
}

/// A note with its signatures, none of them checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// One line of signature.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Signature {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

/// Why something is no note, or none that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not the form of a signed note.
    #[error("this is not a signed note")]
    Form,
    /// Not the form of a verifier key.
    #[error("this is not a verifier key (NAME+ID+KEY)")]
    Key,
    /// No signature of that key.
    #[error("the note is not signed by that key")]
    Unsigned,
    /// The signature is wrong.
    #[error("the note's signature does not hold: it was altered, or signed by another key")]
    Signature,
    /// The signer gave no signature.
    #[error("the note could not be signed")]
    Signing,
}

impl VerifierKey {
    /// The id by which its signatures are found.
    pub fn id(&self) -> [u8; 4] {
        let kind = kind_byte(self.kind);
        let hashed = [self.name.as_bytes(), b"\n", &[kind], &self.public].concat();
        let mut id = [0; 4];
        id.copy_from_slice(&digest(&SHA256, &hashed).as_ref()[..4]);
        id
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[kind_byte(self.kind)], self.public.as_slice()].concat());
        write!(f, "{}+{:08x}+{key}", self.name, u32::from_be_bytes(self.id()))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key);
        };
        let bytes = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let (kind, public) = bytes.split_first().ok_or(NoteError::Key)?;
        let kind = match kind {
            1 => Kind::Log,
            4 => Kind::Witness,
            _ => return Err(NoteError::Key),
        };
        let public = public.try_into().map_err(|_| NoteError::Key)?;
        let key = Self { name: name.to_owned(), kind, public };
        if is_name(name) && id.len() == 8 && u32::from_str_radix(id, 16) == Ok(u32::from_be_bytes(key.id())) {
            Ok(key)
        } else {
            Err(NoteError::Key)
        }
    }
}

impl Note {
    /// A note without signatures; its text has to end with a newline.
    pub fn unsigned(text: String) -> Self {
        Self { text, signatures: Vec::new() }
    }

    /// What is signed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Adds a log's signature, made by `sign` over the text.
    ///
    /// # Errors
    /// When the text cannot be that of a note, or nothing was signed.
    pub fn sign(&mut self, key: &VerifierKey, sign: impl FnOnce(&[u8]) -> Option<[u8; 64]>) -> Result<(), NoteError> {
        if key.kind != Kind::Log || !is_text(&self.text) || !is_name(&key.name) {
            return Err(NoteError::Form);
        }
        let bytes = sign(self.text.as_bytes()).ok_or(NoteError::Signing)?.to_vec();
        self.put(Signature { name: key.name.clone(), id: key.id(), bytes });
        Ok(())
    }

    /// Adds a witness's cosignature at a time, in seconds since 1970. It replaces an earlier one of the same key.
    ///
    /// # Errors
    /// As [`Note::sign`].
    pub fn cosign(
        &mut self,
        key: &VerifierKey,
        seconds: u64,
        sign: impl FnOnce(&[u8]) -> Option<[u8; 64]>,
    ) -> Result<(), NoteError> {
        if key.kind != Kind::Witness || !is_text(&self.text) || !is_name(&key.name) {
            return Err(NoteError::Form);
        }
        let signature = sign(&cosigned(seconds, &self.text)).ok_or(NoteError::Signing)?;
        let bytes = [seconds.to_be_bytes().as_slice(), &signature].concat();
        self.put(Signature { name: key.name.clone(), id: key.id(), bytes });
        Ok(())
    }

    /// Checks that the key signed it; for a witness, gives the time of its cosignature.
    ///
    /// # Errors
    /// When it did not.
    pub fn verify(&self, key: &VerifierKey) -> Result<Option<u64>, NoteError> {
        let id = key.id();
        let ours = |signature: &&Signature| signature.name == key.name && signature.id == id;
        let signature = self.signatures.iter().find(ours).ok_or(NoteError::Unsigned)?;
        let public = UnparsedPublicKey::new(&ED25519, key.public);
        let wrong = |_| NoteError::Signature;
        match key.kind {
            Kind::Log => public.verify(self.text.as_bytes(), &signature.bytes).map_err(wrong).map(|()| None),
            Kind::Witness => {
                let (seconds, bytes) = signature.bytes.split_first_chunk::<8>().ok_or(NoteError::Signature)?;
                let seconds = u64::from_be_bytes(*seconds);
                public.verify(&cosigned(seconds, &self.text), bytes).map_err(wrong).map(|()| Some(seconds))
            }
        }
    }

    /// The bytes of a key's signature as they stand in the note, without the key id.
    pub fn signature(&self, key: &VerifierKey) -> Option<&[u8]> {
        let id = key.id();
        let ours = |signature: &&Signature| signature.name == key.name && signature.id == id;
        self.signatures.iter().find(ours).map(|signature| signature.bytes.as_slice())
    }

    fn put(&mut self, signature: Signature) {
        self.signatures.retain(|other| (&other.name, other.id) != (&signature.name, signature.id));
        self.signatures.push(signature);
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for Signature { name, id, bytes } in &self.signatures {
            writeln!(f, "— {name} {}", STANDARD.encode([id.as_slice(), bytes].concat()))?;
        }
        Ok(())
    }
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        let split = note.rfind("\n\n").ok_or(NoteError::Form)?;
        let (text, signed) = note.split_at(split + 1);
        let lines = signed.get(1..).and_then(|lines| lines.strip_suffix('\n')).ok_or(NoteError::Form)?;
        let signatures: Option<Vec<Signature>> = lines.split('\n').map(signature).collect();
        let signatures = signatures.filter(|found| found.len() <= MOST_SIGNATURES).ok_or(NoteError::Form)?;
        if !is_text(text) {
            return Err(NoteError::Form);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }
}

fn signature(line: &str) -> Option<Signature> {
    let (name, signed) = line.strip_prefix("— ")?.split_once(' ')?;
    let bytes = STANDARD.decode(signed).ok()?;
    let (id, bytes) = bytes.split_first_chunk::<4>()?;
    (is_name(name) && !bytes.is_empty()).then(|| Signature { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
}

fn cosigned(seconds: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {seconds}\n{text}").into_bytes()
}

fn kind_byte(kind: Kind) -> u8 {
    match kind {
        Kind::Log => 1,
        Kind::Witness => 4,
    }
}

fn is_text(text: &str) -> bool {
    text.ends_with('\n') && !text.chars().any(|c| c < ' ' && c != '\n')
}

/// Whether a text may be the name of a key: not empty, no spaces, no plus.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

const MOST_SIGNATURES: usize = 100;
