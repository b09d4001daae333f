//! TLS towards the hub: only its CA is trusted, our certificate is shown, nothing is resumed.

use crate::clock::SharedClock;
use crate::connection::{Error, Identity};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, UnixTime};
use std::sync::Arc;
use std::time::Duration;

/// The TLS configuration of a connection.
pub(crate) fn configuration(
    ca_pem: &str,
    identity: Option<&Identity>,
    clock: SharedClock,
) -> Result<ClientConfig, Error> {
    let roots = roots(ca_pem)?;
    let builder = ClientConfig::builder_with_details(provider(), Arc::new(ClockTime(clock)))
        .with_safe_default_protocol_versions()
        .map_err(configuration_error)?
        .with_root_certificates(roots);
    let mut configuration = match identity {
        Some(identity) => builder
            .with_client_auth_cert(identity.chain().to_vec(), identity.key().clone_key())
            .map_err(configuration_error)?,
        None => builder.with_no_client_auth(),
    };
    // The hub resumes nothing, so that a revoked certificate is looked at on every connection.
    configuration.resumption = Resumption::disabled();
    configuration.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(configuration)
}

/// Checks that an identity's certificate was issued by this CA for client authentication.
///
/// # Errors
/// [`Error::Configuration`] with what the verifier says.
pub fn check_chain(ca_pem: &str, identity: &Identity, clock: &SharedClock) -> Result<(), Error> {
    let roots = Arc::new(roots(ca_pem)?);
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(roots, provider())
        .build()
        .map_err(|why| Error::Configuration(why.to_string()))?;
    let (leaf, intermediates) =
        identity.chain().split_first().ok_or_else(|| Error::Configuration("no certificate".to_owned()))?;
    let now = ClockTime(Arc::clone(clock)).current_time().unwrap_or_else(|| UnixTime::since_unix_epoch(Duration::ZERO));
    verifier.verify_client_cert(leaf, intermediates, now).map(|_| ()).map_err(configuration_error)
}

fn roots(ca_pem: &str) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        let certificate = certificate
            .map_err(|why| Error::Configuration(format!("the hub's CA certificate cannot be read: {why}")))?;
        roots.add(certificate).map_err(configuration_error)?;
    }
    match roots.is_empty() {
        true => Err(Error::Configuration("there is no CA certificate of the hub".to_owned())),
        false => Ok(roots),
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn configuration_error(why: rustls::Error) -> Error {
    Error::Configuration(why.to_string())
}

/// The handed-in clock, for judging the hub's certificate.
#[derive(Debug)]
struct ClockTime(SharedClock);

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}
