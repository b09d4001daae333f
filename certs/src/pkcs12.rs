//! PKCS#12: key, certificate and authority in one file that Windows (from 10, version 1709), macOS and browsers open.

use crate::{CertsError, Key};
use p12_keystore::{
    Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey, PrivateKeyChain,
};

/// Writes a PKCS#12 file: PBES2 with AES-256 and PBKDF2-HMAC-SHA-256, integrity by HMAC-SHA-256.
///
/// `chain` is DER, the key's own certificate first. The passphrase is what protects it: make it random.
///
/// # Errors
/// When the key or a certificate cannot be read.
pub fn write(name: &str, key: &Key, chain: &[&[u8]], passphrase: &str) -> Result<Vec<u8>, CertsError> {
    let certificates = chain.iter().map(|der| Certificate::from_der(der)).collect::<Result<Vec<_>, _>>()?;
    let id = chain.first().map(|leaf| crate::reading::fingerprint(leaf).0[..20].to_vec()).unwrap_or_default();
    let mut store = KeyStore::new();
    let entry = PrivateKeyChain::new(id, PrivateKey::from_der(key.pkcs8_der())?, certificates);
    store.add_entry(name, KeyStoreEntry::PrivateKeyChain(entry));
    let file = store
        .writer(passphrase)
        .encryption_algorithm(EncryptionAlgorithm::PbeWithHmacSha256AndAes256)
        .encryption_iterations(ITERATIONS)
        .mac_algorithm(MacAlgorithm::HmacSha256)
        .mac_iterations(ITERATIONS)
        .write()?;
    Ok(file)
}

/// Passphrases are random with some 80 bits, so that rounds need not make up for weak ones.
const ITERATIONS: u32 = 20_000;
