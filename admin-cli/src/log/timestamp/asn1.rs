//! Time-stamp requests and replies (RFC 3161 2.4), as far as who asks needs them.
//!
//! Held against the request are the reply's status, imprint and nonce. The authority's signature is left to
//! `openssl ts -verify`, which the auditor's manual shows: whom to trust for the time is the auditor's choice.

use aws_lc_rs::digest::{SHA256, digest};
use der::asn1::{Null, ObjectIdentifier, OctetString, Uint};
use der::{Any, Decode as _, Encode as _, Sequence, Tag, Tagged as _};

/// A request, and what its reply has to repeat.
#[derive(Debug)]
pub(super) struct Request {
    /// The request, DER.
    pub(super) bytes: Vec<u8>,
    imprint: MessageImprint,
    nonce: Uint,
}

/// Why a reply is no time stamp for the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Asn1Error {
    /// No reply, or none that can be read.
    #[error("the authority's answer cannot be read as a time stamp: {0}")]
    Form(#[from] der::Error),
    /// The authority refused.
    #[error("the authority refused (status {0})")]
    Refused(u8),
    /// It is a time stamp of something else.
    #[error("the authority's answer is a time stamp of something else, or of another request")]
    Other,
}

/// `TimeStampReq`.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
struct TimeStampReq {
    version: u8,
    message_imprint: MessageImprint,
    nonce: Uint,
    cert_req: bool,
}

/// `MessageImprint`.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
struct MessageImprint {
    hash_algorithm: AlgorithmIdentifier,
    hashed_message: OctetString,
}

/// `AlgorithmIdentifier`.
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
struct AlgorithmIdentifier {
    algorithm: ObjectIdentifier,
    #[asn1(optional = "true")]
    parameters: Option<Any>,
}

/// `ContentInfo`, and alike `EncapsulatedContentInfo` (RFC 5652 3 and 5.2).
#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
struct Content {
    kind: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    content: Any,
}

impl Request {
    /// A request for a time stamp of these bytes, with the authority's certificate in the reply.
    pub(super) fn new(bytes: &[u8], nonce: [u8; 8]) -> Result<Self, Asn1Error> {
        let hash_algorithm = AlgorithmIdentifier { algorithm: SHA_256, parameters: Some(Any::from(Null)) };
        let hashed_message = OctetString::new(digest(&SHA256, bytes).as_ref())?;
        let (imprint, nonce) = (MessageImprint { hash_algorithm, hashed_message }, Uint::new(&nonce)?);
        let request =
            TimeStampReq { version: 1, message_imprint: imprint.clone(), nonce: nonce.clone(), cert_req: true };
        Ok(Self { bytes: request.to_der()?, imprint, nonce })
    }

    /// The time of a reply to this request, as it stands there: `YYYYMMDDhhmmss[.f…]Z`, UTC.
    pub(super) fn stamped(&self, reply: &[u8]) -> Result<String, Asn1Error> {
        let reply = Vec::<Any>::from_der(reply)?;
        let status: Vec<Any> = reply.first().ok_or(Asn1Error::Other)?.decode_as()?;
        let status: u8 = status.first().ok_or(Asn1Error::Other)?.decode_as()?;
        // granted, or granted with modifications
        let token = reply.get(1).filter(|_| status <= 1).ok_or(Asn1Error::Refused(status))?;
        let signed: Content = token.decode_as()?;
        let signed: Vec<Any> = signed.content.decode_as()?;
        let inner: Content = signed.get(2).ok_or(Asn1Error::Other)?.decode_as()?;
        if inner.kind != TST_INFO {
            return Err(Asn1Error::Other);
        }
        let info: OctetString = inner.content.decode_as()?;
        let info = Vec::<Any>::from_der(info.as_bytes())?;
        let [_, _, imprint, _, time, rest @ ..] = info.as_slice() else { return Err(Asn1Error::Other) };
        let nonce = rest.iter().find(|value| value.tag() == Tag::Integer).ok_or(Asn1Error::Other)?;
        let imprint: MessageImprint = imprint.decode_as()?;
        let (ours, theirs) = (&self.imprint, &imprint);
        let same = ours.hashed_message == theirs.hashed_message
            && ours.hash_algorithm.algorithm == theirs.hash_algorithm.algorithm
            && nonce.decode_as::<Uint>()? == self.nonce;
        if !same || time.tag() != Tag::GeneralizedTime {
            return Err(Asn1Error::Other);
        }
        String::from_utf8(time.value().to_vec()).map_err(|_| Asn1Error::Other)
    }
}

const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
/// id-ct-TSTInfo
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_der_as_openssl_writes_it() {
        let request = Request::new(b"a", [0x7f, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        let hex: String = request.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        // openssl ts -query -data a -sha256 -cert, with this nonce
        let imprint =
            "3031300d060960864801650304020105000420ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
        assert_eq!(hex, format!("3043020101{imprint}02087f020304050607080101ff"));
    }

    #[test]
    fn strange_answers_are_refused() {
        let request = Request::new(b"a", [1; 8]).unwrap();
        assert!(matches!(request.stamped(b"<html>"), Err(Asn1Error::Form(_))));
        // PKIStatusInfo { status rejection }
        assert_eq!(request.stamped(&[0x30, 5, 0x30, 3, 2, 1, 2]), Err(Asn1Error::Refused(2)));
        assert_eq!(request.stamped(&[0x30, 0]), Err(Asn1Error::Other));
    }
}
