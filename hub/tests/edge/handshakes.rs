//! Who is let in.

use crate::caller::{Caller, configuration};
use crate::certificates::{Issued, client};
use crate::hub::{Hub, until};
use rcgen::{BasicConstraints, DnType, ExtendedKeyUsagePurpose, IsCa, SerialNumber, date_time_ymd};
use rustls::version::{TLS12, TLS13};
use std::sync::Arc;
use std::time::Duration;

/// Calls with a certificate; what the hub counts, and whether the caller learned it.
async fn refused(hub: &Hub, certificate: Option<&Issued>, outcome: &str) {
    let before = hub.handshakes(outcome);
    // In TLS 1.3 a client only learns with its first read that it was not let in.
    let answer = match Caller::connect(hub, certificate).await {
        Ok(mut caller) => caller.get("/").await.map(|answer| answer.status),
        Err(error) => Err(error),
    };
    let error = answer.unwrap_err();
    assert!(error.to_string().contains("alert"), "the caller is told by an alert: {outcome}: {error}");
    until(outcome, || hub.handshakes(outcome) == before + 1).await;
}

#[tokio::test]
async fn certificates_that_are_wrong_are_refused_with_the_reason() {
    let hub = Hub::start().await;
    refused(&hub, None, "no-certificate").await;
    let other = crate::certificates::Authority::new("other");
    refused(&hub, Some(&other.client()), "unknown-ca").await;
    let same_name = crate::certificates::Authority::new("own");
    refused(&hub, Some(&same_name.client()), "unknown-ca").await;
    let mut expired = client("1379999012");
    (expired.not_before, expired.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    refused(&hub, Some(&hub.own.issue(&expired)), "expired").await;
    let mut early = client("1379999012");
    early.not_before = date_time_ymd(2090, 1, 1);
    refused(&hub, Some(&hub.own.issue(&early)), "not-yet-valid").await;
    let mut no_usage = client("1379999012");
    no_usage.extended_key_usages = vec![];
    refused(&hub, Some(&hub.own.issue(&no_usage)), "bad-eku").await;
    let mut server = client("1379999012");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    refused(&hub, Some(&hub.own.issue(&server)), "bad-eku").await;
    let mut authority = client("1379999012");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    refused(&hub, Some(&hub.own.issue(&authority)), "ca-certificate").await;
    let mut two = client("1379999012");
    two.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), "1379999020");
    refused(&hub, Some(&hub.own.issue(&two)), "two-offices").await;
    refused(&hub, Some(&hub.own.issue(&client("1379999012\0"))), "bad-name").await;
    assert_eq!(hub.handshakes("ok"), 0);
    assert_eq!(hub.caller().await.get("/").await.unwrap().body, "hello");
    assert_eq!(hub.handshakes("ok"), 1);
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_and_an_old_list_alone_refuses_nobody_here() {
    let hub = Hub::start().await;
    let mut revoked = client("1379999012");
    revoked.serial_number = Some(SerialNumber::from(0x66));
    refused(&hub, Some(&hub.brought.issue(&revoked)), "revoked").await;
    // Requests of this peer are answered `revocation-list-stale`, by `access`.
    let mut caller = Caller::connect(&hub, Some(&hub.brought.client())).await.unwrap();
    assert_eq!(caller.get("/").await.unwrap().status, 200);
}

#[tokio::test]
async fn tls_12_is_let_in_only_with_the_switch() {
    let only_12 = |hub: &Hub| {
        let issued = hub.own.client();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(hub.own.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS12])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![issued.der.clone()], issued.key_der())
            .unwrap()
    };
    let hub = Hub::start().await;
    assert!(Caller::connect_as(&hub, only_12(&hub)).await.is_err());
    let hub = Hub::with(|config| config.tls.tls12 = true).await;
    let mut caller = Caller::connect_as(&hub, only_12(&hub)).await.unwrap();
    assert_eq!(caller.get("/").await.unwrap().status, 200);
    let caller = hub.caller().await;
    assert_eq!(caller.stream.get_ref().1.protocol_version(), Some(TLS13.version));
}

#[tokio::test]
async fn sessions_are_never_resumed_and_only_http_1_is_spoken() {
    let hub = Hub::start().await;
    let shared = configuration(&hub, Some(&hub.own.client()));
    for _ in 0..3 {
        let mut caller = Caller::connect_as(&hub, shared.clone()).await.unwrap();
        caller.get("/").await.unwrap();
        assert_eq!(caller.stream.get_ref().1.handshake_kind(), Some(rustls::HandshakeKind::Full));
        assert_eq!(caller.stream.get_ref().1.tls13_tickets_received(), 0);
    }
    let mut h2 = shared.clone();
    h2.alpn_protocols = vec![b"h2".to_vec()];
    assert!(Caller::connect_as(&hub, h2).await.is_err());
    until("protocol", || hub.handshakes("protocol") == 1).await;
}

#[tokio::test]
async fn who_does_not_shake_hands_is_cut() {
    let hub = Hub::with(|config| config.timeouts.handshake_seconds = 1).await;
    let mut silent = tokio::net::TcpStream::connect(hub.address).await.unwrap();
    let mut buffer = [0; 16];
    let read = tokio::io::AsyncReadExt::read(&mut silent, &mut buffer);
    assert!(matches!(tokio::time::timeout(Duration::from_secs(3), read).await.unwrap(), Ok(0) | Err(_)));
    assert_eq!(hub.handshakes("timeout"), 1);
}
