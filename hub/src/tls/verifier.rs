//! The judge of one handshake: a client certificate always, judged by its contents, then by each authority.

use crate::identity::{AnchorId, Certificate, CertificateRefusal, read_der};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};
use std::sync::{Arc, OnceLock};

/// One authority and what webpki checks for it.
#[derive(Debug)]
pub(super) struct AnchorVerifier {
    pub(super) id: AnchorId,
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
}

/// What the judge found, read after the handshake.
#[derive(Debug, Default)]
pub(super) struct Finding {
    /// Who was let in, if the handshake then succeeds; whoever reads this has to know that it did.
    pub(super) admitted: OnceLock<(Certificate, AnchorId)>,
    /// What was wrong with the certificate whoever signed it.
    pub(super) refused: OnceLock<CertificateRefusal>,
}

/// The judge of one handshake.
#[derive(Debug)]
pub(super) struct Judge {
    anchors: Arc<[AnchorVerifier]>,
    hints: Vec<DistinguishedName>,
    finding: Arc<Finding>,
}

impl Judge {
    pub(super) fn new(anchors: Arc<[AnchorVerifier]>) -> (Arc<Self>, Arc<Finding>) {
        let hints = anchors.iter().flat_map(|anchor| anchor.verifier.root_hint_subjects()).cloned().collect();
        let finding = Arc::new(Finding::default());
        (Arc::new(Self { anchors, hints, finding: Arc::clone(&finding) }), finding)
    }

    fn signatures(&self) -> Result<&dyn ClientCertVerifier, Error> {
        // They all check signatures alike.
        self.anchors.first().map(|anchor| &*anchor.verifier).ok_or_else(|| Error::General("no anchors".to_owned()))
    }
}

impl ClientCertVerifier for Judge {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let certificate = read_der(end_entity).map_err(|refusal| {
            let _ = self.finding.refused.set(refusal);
            Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refusal))))
        })?;
        let mut worst = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        for anchor in self.anchors.iter() {
            match anchor.verifier.verify_client_cert(end_entity, intermediates, now) {
                Ok(verified) => {
                    let _ = self.finding.admitted.set((certificate, anchor.id.clone()));
                    return Ok(verified);
                }
                // An authority that does not know the certificate says less than one that does.
                Err(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)) => {}
                Err(error) => worst = error,
            }
        }
        Err(worst)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures()?.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures()?.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures().map(ClientCertVerifier::supported_verify_schemes).unwrap_or_default()
    }
}
