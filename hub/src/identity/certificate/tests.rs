use super::*;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, DnValue, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    RsaKeySize,
};

fn client(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn signed(params: &CertificateParams) -> Result<Certificate, CertificateRefusal> {
    let key = KeyPair::generate().unwrap();
    read_der(params.self_signed(&key).unwrap().der())
}

#[test]
fn a_certificate_as_issued_by_us_gives_its_one_office() {
    let key = KeyPair::generate().unwrap();
    let issued = client("1379999012").self_signed(&key).unwrap();
    let certificate = read_pem(&issued.pem()).unwrap();
    assert_eq!(certificate.office.unwrap().as_str(), "1379999012");
    assert_eq!(certificate.fingerprint.0, sha256(&[issued.der()]));
    assert!(certificate.not_before < certificate.not_after);
}

#[test]
fn a_certificate_that_an_office_brings_needs_no_office_number() {
    assert_eq!(signed(&client("訪問介護あおば")).unwrap().office, None);
}

#[test]
fn two_office_numbers_are_refused_and_one_said_twice_is_one() {
    let with = |other: &str| {
        let mut params = client("1379999012");
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), other);
        signed(&params)
    };
    assert_eq!(with("1379999020"), Err(CertificateRefusal::TwoOffices));
    assert_eq!(with("1379999012").unwrap().office.unwrap().as_str(), "1379999012");
}

#[test]
fn only_certificates_for_tls_clients_are_taken() {
    let mut params = client("1379999012");
    params.extended_key_usages = vec![];
    assert_eq!(signed(&params), Err(CertificateRefusal::NotForClients));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
    assert_eq!(signed(&params), Err(CertificateRefusal::NotForClients));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    assert_eq!(signed(&params), Err(CertificateRefusal::ForServers));
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    assert!(signed(&params).is_ok());
}

#[test]
fn authorities_are_no_clients() {
    let mut params = client("1379999012");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    assert_eq!(signed(&params), Err(CertificateRefusal::Authority));
    let mut params = client("1379999012");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    assert_eq!(signed(&params), Err(CertificateRefusal::Authority));
}

#[test]
fn control_characters_in_names_are_refused() {
    for name in ["1379999012\0.example.jp", "a\nb", "a\u{85}b", "a\u{7f}"] {
        assert_eq!(signed(&client(name)), Err(CertificateRefusal::BadName), "{name:?}");
    }
    let mut params = client("1379999012");
    params
        .distinguished_name
        .push(DnType::OrganizationName, DnValue::BmpString(rcgen::string::BmpString::try_from("a\0b").unwrap()));
    assert_eq!(signed(&params), Err(CertificateRefusal::BadName));
}

#[test]
fn rsa_is_taken_from_2048_bits() {
    let key = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    assert!(read_der(client("1379999012").self_signed(&key).unwrap().der()).is_ok());
    assert_eq!(read_pem(RSA_1024), Err(CertificateRefusal::WeakKey));
}

#[test]
fn sha1_is_refused() {
    assert_eq!(read_pem(SHA_1), Err(CertificateRefusal::WeakSignature));
}

#[test]
fn what_is_no_certificate_is_refused() {
    assert_eq!(read_der(b""), Err(CertificateRefusal::Unreadable));
    assert_eq!(read_pem("no certificate"), Err(CertificateRefusal::Unreadable));
    let key = KeyPair::generate().unwrap();
    let mut der = client("1379999012").self_signed(&key).unwrap().der().to_vec();
    der.push(0);
    assert_eq!(read_der(&der), Err(CertificateRefusal::Unreadable));
}

proptest::proptest! {
    #[test]
    fn damaged_certificates_never_panic(place: proptest::sample::Index, value: u8) {
        let mut der = rustls_pki_types::CertificateDer::from_pem_slice(SHA_1.as_bytes()).unwrap().to_vec();
        let place = place.index(der.len());
        der[place] = value;
        let _ = read_der(&der);
    }
}

/// RSA of 1024 bits; made with openssl.
const RSA_1024: &str = "\
-----BEGIN CERTIFICATE-----
MIICGDCCAYGgAwIBAgIUPOfn8EqOAvjjjzBO3qjoVXTuqokwDQYJKoZIhvcNAQEL
BQAwFTETMBEGA1UEAwwKMTM3OTk5OTAxMjAeFw0yNjExMjEwMTIzMDFaFw00NjEx
MTYwMTIzMDFaMBUxEzARBgNVBAMMCjEzNzk5OTkwMTIwgZ8wDQYJKoZIhvcNAQEB
BQADgY0AMIGJAoGBAPjQPQd19xPPy4+5plqk2MZvVL+FwXGHDXx+1/RVp1E2f9Kr
g4t/6Ew5WtZdZDmhdRfNR5QWzYUMl7BY+jdL1Ky4nvQVYvVeGQnexClICN26wm16
aq8aI/bxuC1zRtfOqji67mKEHEi1E5wbZynOtDp1VHGpbC8aBjH/VXig8IwlAgMB
AAGjZTBjMB0GA1UdDgQWBBQCggM5A7Lk5KV5Fp9nHpXN6Pft0zAfBgNVHSMEGDAW
gBQCggM5A7Lk5KV5Fp9nHpXN6Pft0zATBgNVHSUEDDAKBggrBgEFBQcDAjAMBgNV
HRMBAf8EAjAAMA0GCSqGSIb3DQEBCwUAA4GBADOKRorE+FIG9g2sKmjXHVoKMGff
QreIKye7srKm0nHMvq3iOXcelfqjfIYecZcQuluwKZkQa4YIXS1RzBAejo1nNfio
SG0PkpXB0/nCtpeLugrPW+Wpbo67M2h2mExzNJ4u8O1QTs9gNI2FaIAkWXpU0B+r
HfZB/7xao9+Q74PP
-----END CERTIFICATE-----
";
/// Signed with SHA-1; made with openssl.
const SHA_1: &str = "\
-----BEGIN CERTIFICATE-----
MIIBjzCCATagAwIBAgIUW5B6dQjf5qNVMrZtGWAnuDnfKRAwCQYHKoZIzj0EATAV
MRMwEQYDVQQDDAoxMzc5OTk5MDEyMB4XDTI2MTEyMTAxMjMwMVoXDTQ2MTExNjAx
MjMwMVowFTETMBEGA1UEAwwKMTM3OTk5OTAxMjBZMBMGByqGSM49AgEGCCqGSM49
AwEHA0IABDgKzvDZv1vSVvlJRpfmmUG0RwYzD89jBX9Ow/9peQo9i2bpocgTx/ZT
f93cTPjFV0E1dqLVxnbWY6MS1X3eiESjZTBjMB0GA1UdDgQWBBTWO5BIKozzQ4zd
LJx1am+KmTAChDAfBgNVHSMEGDAWgBTWO5BIKozzQ4zdLJx1am+KmTAChDATBgNV
HSUEDDAKBggrBgEFBQcDAjAMBgNVHRMBAf8EAjAAMAkGByqGSM49BAEDSAAwRQIh
AOMBBqpFG3rSUPlFS3x43ASlZSgXlYaBYOSl3aM+ynAfAiBH3wzW8B/rY3JIB25x
gbvd8mw74RZNbkAMbt29cBGENQ==
-----END CERTIFICATE-----
";
