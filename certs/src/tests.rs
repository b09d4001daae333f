use super::profile::Usage;
use super::revocation::Revoked;
use super::*;
use jiff::Timestamp;
use std::path::Path;
use std::process::Command;

fn now() -> Timestamp {
    "2026-10-01T00:00:00Z".parse().unwrap()
}

fn authority() -> Authority {
    Authority::create("Test authority", &Lifetimes::default(), now(), &SystemRandomness).unwrap().0
}

fn office() -> Profile {
    Profile::Office {
        office: "1379999012".parse().unwrap(),
        name: "サンプル居宅介護支援センター".into(),
        label: "事務室".into(),
    }
}

fn template() -> Template {
    office().template(&Lifetimes::default(), now())
}

#[test]
fn an_office_certificate_carries_exactly_one_office_number_and_lives_three_years() {
    let (issued, key) = authority().issue_with_key(&template(), &SystemRandomness).unwrap();
    assert_eq!(issued.facts.offices, ["1379999012".parse().unwrap()]);
    assert_eq!(issued.facts.common_names, ["1379999012"]);
    assert_eq!(issued.facts.days_left(now()), 1095);
    assert!(issued.facts.client && !issued.facts.server && !issued.facts.authority);
    assert_eq!(issued.facts.public_key, key.public().unwrap().der());
    assert_eq!(issued.facts, reading::certificate(issued.pem.as_bytes()).unwrap());
    assert_eq!(issued.facts, reading::certificate(reading::pem(&issued.der).as_bytes()).unwrap());
}

#[test]
fn the_other_profiles_carry_no_office_number_and_their_own_usages() {
    let authority = authority();
    let hub = Profile::Hub { dns: vec!["hub.example.jp".into()], ip: vec!["127.0.0.1".parse().unwrap()] };
    let name = String::from("山田 花子");
    for (profile, days) in [
        (hub, 365),
        (Profile::Agent { name: name.clone() }, 1095),
        (Profile::Operator { name: name.clone() }, 365),
        (Profile::Auditor { name }, 365),
    ] {
        let template = profile.template(&Lifetimes::default(), now());
        let (issued, _) = authority.issue_with_key(&template, &SystemRandomness).unwrap();
        let is_hub = matches!(profile, Profile::Hub { .. });
        assert!(issued.facts.offices.is_empty());
        assert_eq!((issued.facts.server, issued.facts.client), (is_hub, !is_hub), "{}", profile.word());
        assert_eq!(issued.facts.days_left(now()), days);
        assert_eq!(issued.facts.names, if is_hub { vec!["hub.example.jp", "127.0.0.1"] } else { vec![] });
    }
}

#[test]
fn certificates_that_are_wrong_on_purpose_can_be_made() {
    let authority = authority();
    let facts = |template: Template| authority.issue_with_key(&template, &SystemRandomness).unwrap().0.facts;
    let day = jiff::SignedDuration::from_hours(24);
    assert!(facts(Template { not_after: now() - day, not_before: now() - day * 2, ..template() }).not_after < now());
    assert!(facts(Template { not_before: now() + day, ..template() }).not_before > now());
    let none = facts(Template { usages: vec![], ..template() });
    assert!(!none.client && !none.server);
    let server = facts(Template { usages: vec![Usage::ServerAuth], ..template() });
    assert!(!server.client && server.server);
    let two = facts(Template { common_name: vec!["1379999012".into(), "1379999020".into()], ..template() });
    assert_eq!(two.offices.len(), 2);
    assert!(facts(Template { authority: true, ..template() }).authority);
}

#[test]
fn of_a_request_only_the_key_is_taken_and_only_if_its_signature_holds() {
    let authority = authority();
    let key = Key::generate().unwrap();
    let request = key.request("1379999020").unwrap();
    let public = request::public_key(request.as_bytes()).unwrap();
    let issued = authority.issue(&template(), &public, &SystemRandomness).unwrap();
    assert_eq!(issued.facts.common_names, ["1379999012"]);
    assert_eq!(issued.facts.public_key, key.public().unwrap().der());

    let mut der = rustls_pki_types::pem::PemObject::from_pem_slice(request.as_bytes())
        .map(|der: rustls_pki_types::CertificateSigningRequestDer<'_>| der.to_vec())
        .unwrap();
    assert!(request::public_key(&der).is_ok());
    let place = der.windows(10).position(|window| window == b"1379999020").unwrap();
    der[place] = b'2';
    assert!(matches!(request::public_key(&der), Err(CertsError::RequestSignature)));
    assert!(matches!(request::public_key(b"hello"), Err(CertsError::Unreadable(_))));
}

#[test]
fn the_folder_records_what_it_issues_and_survives_a_torn_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca");
    let made = AuthorityFolder::create(&path, "CA", &Lifetimes::default(), now(), &SystemRandomness).unwrap();
    let (first, _) = made.issue_with_key(&template(), now(), &SystemRandomness).unwrap();
    let record = path.join("issued.jsonl");
    let torn = std::fs::read_to_string(&record).unwrap() + "{\"version\":1,\"iss";
    std::fs::write(&record, torn).unwrap();

    let opened = AuthorityFolder::open(&path).unwrap();
    assert_eq!(opened.issued().unwrap().len(), 1);
    let (second, _) = opened.issue_with_key(&template(), now(), &SystemRandomness).unwrap();
    let fingerprints: Vec<_> = opened.issued().unwrap().iter().map(|record| record.fingerprint).collect();
    assert_eq!(fingerprints, [first.facts.fingerprint, second.facts.fingerprint]);
    let again = AuthorityFolder::create(&path, "CA", &Lifetimes::default(), now(), &SystemRandomness);
    assert!(matches!(again, Err(CertsError::Exists(_))));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(path.join("ca.key")).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn nothing_that_a_folder_issues_outlives_its_authority() {
    let folder = tempfile::tempdir().unwrap();
    let short = Lifetimes { authority_days: 30, ..Lifetimes::default() };
    let made = AuthorityFolder::create(folder.path(), "CA", &short, now(), &SystemRandomness).unwrap();
    let (issued, _) = made.issue_with_key(&template(), now(), &SystemRandomness).unwrap();
    assert_eq!(issued.facts.not_after, made.authority().facts().not_after);
}

#[test]
fn pkcs12_is_read_back_and_refused_with_another_passphrase() {
    let authority = authority();
    let (issued, key) = authority.issue_with_key(&template(), &SystemRandomness).unwrap();
    let ca = reading::der(authority.certificate().as_bytes()).unwrap();
    let file = pkcs12::write("1379999012", &key, &[&issued.der, &ca], "right").unwrap();
    let open = |pass| p12_keystore::KeyStore::from_pkcs12(&file, pass, p12_keystore::Pkcs12ImportPolicy::Strict);
    let store = open("right").unwrap();
    let (alias, chain) = store.private_key_chain().unwrap();
    assert_eq!(alias, "1379999012");
    assert_eq!(chain.certs().iter().map(|cert| cert.as_der()).collect::<Vec<_>>(), [&issued.der[..], &ca[..]]);
    assert!(open("wrong").is_err());
}

#[test]
fn openssl_accepts_what_we_issue_where_it_is_installed() {
    if Command::new("openssl").arg("version").output().is_err() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let authority = authority();
    let ca = reading::der(authority.certificate().as_bytes()).unwrap();
    let (issued, key) = authority.issue_with_key(&template(), &SystemRandomness).unwrap();
    std::fs::write(at("ca.crt"), authority.certificate()).unwrap();
    std::fs::write(at("leaf.crt"), &issued.pem).unwrap();
    std::fs::write(at("leaf.p12"), pkcs12::write("1379999012", &key, &[&issued.der, &ca], "secret").unwrap()).unwrap();
    let revoked = Revoked { serial: issued.facts.serial.clone(), at: now(), lost: true };
    let next = now() + jiff::SignedDuration::from_hours(24 * 30);
    std::fs::write(at("list.pem"), authority.revocation_list(&[revoked], 7, now(), next).unwrap().pem).unwrap();

    std::fs::write(at("receipt.key"), key::ed25519_pem(&SystemRandomness).unwrap()).unwrap();
    assert!(openssl(&at(""), "pkey -in receipt.key -noout -text", true).contains("ED25519"));
    let text = openssl(&at(""), "pkcs12 -info -in leaf.p12 -passin pass:secret -nodes", true);
    assert!(text.contains("PBES2, PBKDF2, AES-256-CBC") && text.contains("MAC: sha256"), "{text}");
    let when = format!("-attime {}", now().as_second());
    openssl(&at(""), &format!("verify {when} -x509_strict -purpose sslclient -CAfile ca.crt leaf.crt"), true);
    openssl(&at(""), &format!("verify {when} -purpose sslserver -CAfile ca.crt leaf.crt"), false);
    let revoked =
        openssl(&at(""), &format!("verify {when} -crl_check -CRLfile list.pem -CAfile ca.crt leaf.crt"), false);
    assert!(revoked.contains("certificate revoked"), "{revoked}");
    let list = openssl(&at(""), "crl -in list.pem -noout -text", true);
    assert!(list.contains("Key Compromise") && list.contains("X509v3 CRL Number"), "{list}");
}

#[test]
fn openssl_requests_with_rsa_keys_are_taken_from_2048_bits_on() {
    if Command::new("openssl").arg("version").output().is_err() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (kind, good) in [
        ("rsa:2048", true),
        ("rsa:1024", false),
        ("ec -pkeyopt ec_paramgen_curve:P-384", true),
        ("ec -pkeyopt ec_paramgen_curve:P-521", false),
        ("ed25519", false),
    ] {
        let command = format!(
            "req -new -newkey {kind} -nodes -keyout k -out r.pem -subj /CN=x -addext subjectKeyIdentifier=hash"
        );
        openssl(folder.path(), &command, true);
        let public = request::public_key(&std::fs::read(folder.path().join("r.pem")).unwrap());
        assert_eq!(public.is_ok(), good, "{kind}: {public:?}");
        if let Ok(public) = public {
            let authority = authority();
            let issued = authority.issue(&template(), &public, &SystemRandomness).unwrap();
            std::fs::write(folder.path().join("leaf.crt"), issued.pem).unwrap();
            std::fs::write(folder.path().join("ca.crt"), authority.certificate()).unwrap();
            let when = now().as_second();
            openssl(folder.path(), &format!("verify -attime {when} -CAfile ca.crt leaf.crt"), true);
        }
    }
}

fn openssl(folder: &Path, arguments: &str, succeeds: bool) -> String {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.success(), succeeds, "openssl {arguments}: {text}");
    text
}
