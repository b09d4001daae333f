//! What the files of the configuration amount to: the hub's certificate and key, and a verifier per authority.

use super::TlsError;
use super::verifier::AnchorVerifier;
use crate::clock::SharedClock;
use crate::config;
use crate::identity::{Anchor, Authority, RevocationList, last_instant};
use jiff::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, ServerConfig, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, SupportedProtocolVersion, version};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Everything a handshake needs.
#[derive(Debug)]
pub(super) struct Material {
    /// The last instant of the hub's certificate.
    pub(super) until: Timestamp,
    /// SHA-256 over all files.
    pub(super) digest: [u8; 32],
    provider: Arc<CryptoProvider>,
    versions: &'static [&'static SupportedProtocolVersion],
    certificate: Arc<SingleCertAndKey>,
    verifiers: Arc<[AnchorVerifier]>,
    time: Arc<ClockTime>,
}

impl Material {
    pub(super) fn read(files: &config::Tls, clock: &SharedClock) -> Result<(Self, Vec<Anchor>), TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        let chain = read("tls.certificate", &files.certificate, &mut digest)?;
        let key = config::read_secret(&files.key)?;
        digest.update(key.as_bytes());
        let certificate = certified_key(&files.certificate, &chain, key.as_bytes(), &provider)?;
        let leaf = certificate.cert.first();
        let until = leaf.and_then(|der| last_instant(der)).ok_or_else(|| TlsError::Certificate {
            path: files.certificate.clone(),
            why: "it cannot be read".to_owned(),
        })?;
        let anchors: Vec<Anchor> =
            files.anchors.iter().map(|file| anchor(file, &mut digest)).collect::<Result<_, _>>()?;
        let verifiers = anchors.iter().map(|anchor| verifier(anchor, &provider)).collect::<Result<Vec<_>, _>>()?;
        let mut sum = [0; 32];
        sum.copy_from_slice(digest.finish().as_ref());
        let material = Self {
            until,
            digest: sum,
            provider,
            versions: if files.tls12 { BOTH } else { ONLY_13 },
            certificate: Arc::new(SingleCertAndKey::from(certificate)),
            verifiers: verifiers.into(),
            time: Arc::new(ClockTime(Arc::clone(clock))),
        };
        // Made once here, so that what the library refuses is told at the start and not with the first connection.
        material.server(|verifiers| super::verifier::Judge::new(verifiers).0)?;
        Ok((material, anchors))
    }

    /// The configuration of one handshake, with a judge of its own that remembers whom it let in, or why not.
    pub(super) fn server(
        &self,
        judge: impl FnOnce(Arc<[AnchorVerifier]>) -> Arc<super::verifier::Judge>,
    ) -> Result<ServerConfig, TlsError> {
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(self.versions)
            .map_err(|error| TlsError::Library(error.to_string()))?
            .with_client_cert_verifier(judge(Arc::clone(&self.verifiers)))
            .with_cert_resolver(Arc::clone(&self.certificate) as _);
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        server.max_early_data_size = 0;
        server.require_ems = true;
        server.time_provider = Arc::clone(&self.time) as _;
        Ok(server)
    }
}

/// What the folder says of each file: cheap to ask every second.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stamps(Vec<Option<[i64; 6]>>);

impl Stamps {
    pub(super) fn of(files: &config::Tls) -> Self {
        let anchors = files.anchors.iter().flat_map(|anchor| [&anchor.certificate, &anchor.revocation_list]);
        Self([&files.certificate, &files.key].into_iter().chain(anchors).map(|path| stamp(path)).collect())
    }
}

fn stamp(path: &Path) -> Option<[i64; 6]> {
    let found = std::fs::metadata(path).ok()?;
    // The change time moves with every write and rename, whatever the file says of itself.
    Some([
        found.ino().cast_signed(),
        found.size().cast_signed(),
        found.mtime(),
        found.mtime_nsec(),
        found.ctime(),
        found.ctime_nsec(),
    ])
}

/// Tells rustls the hub's time.
#[derive(Debug)]
struct ClockTime(SharedClock);

impl rustls::time_provider::TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let second = u64::try_from(self.0.now().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(second)))
    }
}

fn read(key: &str, path: &Path, digest: &mut aws_lc_rs::digest::Context) -> Result<Vec<u8>, TlsError> {
    let bytes =
        std::fs::read(path).map_err(|cause| TlsError::Read { key: key.to_owned(), path: path.to_owned(), cause })?;
    digest.update(&(bytes.len() as u64).to_be_bytes());
    digest.update(&bytes);
    Ok(bytes)
}

fn certified_key(path: &Path, chain: &[u8], key: &[u8], provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let wrong = |why: String| TlsError::Certificate { path: path.to_owned(), why };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(format!("the chain is no PEM: {error}")))?;
    if chain.is_empty() {
        return Err(wrong("there is no certificate in it".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| wrong(format!("the key is no PEM key: {error}")))?;
    CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| wrong(format!("certificate and key do not go together: {error}")))
}

fn anchor(file: &config::AnchorFile, digest: &mut aws_lc_rs::digest::Context) -> Result<Anchor, TlsError> {
    let pem = read("tls.anchors", &file.certificate, digest)?;
    let authority = Authority::read_pem(&file.name, &pem)
        .map_err(|cause| TlsError::Anchor { path: file.certificate.clone(), cause })?;
    if file.revocation_list.as_os_str().is_empty() {
        return Ok(Anchor { authority, list: None });
    }
    let bytes = read("tls.anchors", &file.revocation_list, digest)?;
    let list = RevocationList::read(&bytes, &authority)
        .map_err(|cause| TlsError::List { path: file.revocation_list.clone(), cause })?;
    Ok(Anchor { authority, list: Some(list) })
}

fn verifier(anchor: &Anchor, provider: &Arc<CryptoProvider>) -> Result<AnchorVerifier, TlsError> {
    let library = |error: &dyn std::fmt::Display| TlsError::Library(format!("{}: {error}", anchor.authority.id.name));
    let mut roots = RootCertStore::empty();
    roots.add(anchor.authority.der.clone()).map_err(|error| library(&error))?;
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    if let Some(list) = &anchor.list {
        // A list past its nextUpdate still counts here; how long, every request asks the table of anchors.
        builder = builder.with_crls([list.der.clone()]).only_check_end_entity_revocation();
    }
    let verifier = builder.build().map_err(|error| library(&error))?;
    Ok(AnchorVerifier { id: anchor.authority.id.clone(), verifier })
}

const ONLY_13: &[&SupportedProtocolVersion] = &[&version::TLS13];
const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];
