use super::*;
use crate::identity::{AuthorityError, RevocationListError, read_der};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};

const DAY: i64 = 24 * 60 * 60;
const NEXT_UPDATE: i64 = 1_800_000_000;

struct Made {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

fn authority(name: &str, usages: Vec<KeyUsagePurpose>) -> Made {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = usages;
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Made { pem, issuer: Issuer::new(params, key) }
}

fn both_usages() -> Vec<KeyUsagePurpose> {
    vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign]
}

fn list(issuer: &Issuer<'static, KeyPair>, serials: &[u64]) -> Vec<u8> {
    let at = |second: i64| rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(second as u64);
    let revoked = |&serial: &u64| RevokedCertParams {
        serial_number: SerialNumber::from(serial),
        revocation_time: at(NEXT_UPDATE - DAY),
        reason_code: None,
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: at(NEXT_UPDATE - DAY),
        next_update: at(NEXT_UPDATE),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: serials.iter().map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(issuer).unwrap().der().to_vec()
}

fn peer(made: &Made, anchor: &Authority, serial: u64) -> Peer {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "1379999012");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.serial_number = Some(SerialNumber::from(serial));
    let issued = params.signed_by(&KeyPair::generate().unwrap(), &made.issuer).unwrap();
    Peer::new(&read_der(issued.der()).unwrap(), anchor.id.clone(), "127.0.0.1:1".parse().unwrap())
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn a_list_revokes_and_past_its_grace_leaves_only_its_own_anchor_in_doubt() {
    let (brought, own) = (authority("brought", both_usages()), authority("own", both_usages()));
    let brought_anchor = Authority::read_pem("brought", brought.pem.as_bytes()).unwrap();
    let own_anchor = Authority::read_pem("own", own.pem.as_bytes()).unwrap();
    let revoked = RevocationList::read(&list(&brought.issuer, &[0xfe]), &brought_anchor).unwrap();
    assert_eq!(revoked.next_update, at(NEXT_UPDATE));
    let peers =
        [peer(&brought, &brought_anchor, 0xfe), peer(&brought, &brought_anchor, 7), peer(&own, &own_anchor, 0xfe)];
    let table = AnchorTable::new(
        vec![
            Anchor { authority: brought_anchor, list: Some(revoked) },
            Anchor { authority: own_anchor.clone(), list: None },
        ],
        7,
    );
    let verdicts = |now| peers.each_ref().map(|peer| table.check(peer, now));
    let in_time = [AnchorVerdict::Revoked, AnchorVerdict::Ok, AnchorVerdict::Ok];
    assert_eq!(verdicts(at(NEXT_UPDATE)), in_time);
    assert_eq!(verdicts(at(NEXT_UPDATE + 7 * DAY)), in_time);
    let too_late = [AnchorVerdict::Revoked, AnchorVerdict::Stale, AnchorVerdict::Ok];
    assert_eq!(verdicts(at(NEXT_UPDATE + 7 * DAY + 1)), too_late);
    table.replace(vec![Anchor { authority: own_anchor, list: None }]);
    assert_eq!(verdicts(at(NEXT_UPDATE)), [AnchorVerdict::Revoked, AnchorVerdict::Revoked, AnchorVerdict::Ok]);
}

#[test]
fn only_a_list_that_the_anchor_signed_is_believed() {
    let (brought, other) = (authority("brought", both_usages()), authority("other", both_usages()));
    let same_name = authority("brought", both_usages());
    let no_lists = authority("brought", vec![KeyUsagePurpose::KeyCertSign]);
    let anchor = Authority::read_pem("brought", brought.pem.as_bytes()).unwrap();
    let read = |bytes: &[u8]| RevocationList::read(bytes, &anchor).map(|_| ());
    assert_eq!(read(&list(&brought.issuer, &[])), Ok(()));
    assert_eq!(read(&list(&other.issuer, &[])), Err(RevocationListError::OtherIssuer));
    assert_eq!(read(&list(&same_name.issuer, &[])), Err(RevocationListError::Signature));
    assert_eq!(read(b"no list"), Err(RevocationListError::Unreadable));
    let mut without = Authority::read_pem("brought", no_lists.pem.as_bytes()).unwrap();
    assert!(!without.signs_lists);
    without.der = anchor.der.clone();
    let refused = RevocationList::read(&list(&brought.issuer, &[]), &without).map(|_| ());
    assert_eq!(refused, Err(RevocationListError::NotAllowed));
}

#[test]
fn an_anchor_is_one_certificate_of_an_authority() {
    let (one, two) = (authority("one", both_usages()), authority("two", both_usages()));
    let read = |pem: &str| Authority::read_pem("x", pem.as_bytes()).map(|_| ());
    assert_eq!(read(&format!("{}{}", one.pem, two.pem)), Err(AuthorityError::Several));
    assert_eq!(read("nothing"), Err(AuthorityError::Unreadable));
    let leaf = rcgen::generate_simple_self_signed(vec!["hub".to_owned()]).unwrap();
    assert_eq!(read(&leaf.cert.pem()), Err(AuthorityError::NoAuthority));
}
