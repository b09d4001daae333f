//! New certificates while the hub runs.

use crate::caller::Caller;
use crate::certificates::Authority;
use crate::hub::{Hub, until};
use careplan_hub::identity::AnchorVerdict;
use careplan_hub::tls::Reloaded;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio_util::sync::CancellationToken;

async fn shown(hub: &Hub) -> Vec<u8> {
    let caller = hub.caller().await;
    caller.stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_under_load_drops_no_request() {
    let hub = Arc::new(Hub::start().await);
    let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut callers = tokio::task::JoinSet::new();
    for keeps in [true, true, true, false] {
        let (hub, over, answered) = (Arc::clone(&hub), Arc::clone(&over), Arc::clone(&answered));
        callers.spawn(async move {
            let certificate = hub.own.client();
            let mut caller = Caller::connect(&hub, Some(&certificate)).await.unwrap();
            while !over.load(Ordering::Relaxed) {
                if !keeps {
                    caller = Caller::connect(&hub, Some(&certificate)).await.unwrap();
                }
                assert_eq!(caller.get("/").await.unwrap().status, 200);
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let mut last = Vec::new();
    for _ in 0..10 {
        let next = hub.own.hub();
        hub.install(&next);
        assert_eq!(hub.tls.reload().unwrap(), Reloaded::Replaced);
        assert_eq!(shown(&hub).await, next.der.to_vec());
        last = next.der.to_vec();
        let so_far = answered.load(Ordering::Relaxed);
        until("more answers", || answered.load(Ordering::Relaxed) > so_far + 10).await;
    }
    over.store(true, Ordering::Relaxed);
    while let Some(result) = callers.join_next().await {
        result.unwrap();
    }
    assert!(answered.load(Ordering::Relaxed) > 100);
    assert_eq!(shown(&hub).await, last);
    assert_eq!(hub.tls.reload().unwrap(), Reloaded::Unchanged);
}

#[tokio::test]
async fn a_bad_file_keeps_the_old_one() {
    let hub = Hub::start().await;
    let before = shown(&hub).await;
    let path = |name: &str| hub.folder.path().join(name);
    let (certificate, list) = (std::fs::read(path("hub.crt")).unwrap(), std::fs::read(path("brought.crl")).unwrap());
    // A certificate that does not go with the key, no certificate, a list of somebody else.
    std::fs::write(path("hub.crt"), &hub.own.hub().pem).unwrap();
    let error = hub.tls.reload().unwrap_err().to_string();
    assert!(error.contains("hub.crt") && error.contains("do not go together"), "{error}");
    std::fs::write(path("hub.crt"), "half a certif").unwrap();
    assert!(hub.tls.reload().is_err());
    std::fs::write(path("hub.crt"), &certificate).unwrap();
    std::fs::write(path("brought.crl"), Authority::new("brought").list(&[], false)).unwrap();
    let error = hub.tls.reload().unwrap_err().to_string();
    assert!(error.contains("brought.crl") && error.contains("signature"), "{error}");
    assert_eq!(shown(&hub).await, before);
    std::fs::write(path("brought.crl"), list).unwrap();
    assert_eq!(hub.tls.reload().unwrap(), Reloaded::Unchanged);
}

#[tokio::test]
async fn changed_files_and_sighup_are_taken_up_by_themselves() {
    let hub = Hub::start().await;
    let stop = CancellationToken::new();
    let watching = tokio::spawn(Arc::clone(&hub.tls).watch(stop.clone()));
    let next = hub.own.hub();
    hub.install(&next);
    let reloads = |outcome: &str| hub.metrics.reloads.with_label_values(&[outcome]).get();
    until("the change", || reloads("ok") >= 1).await;
    assert_eq!(shown(&hub).await, next.der.to_vec());
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP).unwrap();
    until("SIGHUP", || reloads("unchanged") == 1).await;
    std::fs::write(hub.folder.path().join("hub.crt"), "no certificate").unwrap();
    until("the refusal", || reloads("refused") == 1).await;
    assert_eq!(shown(&hub).await, next.der.to_vec());
    stop.cancel();
    watching.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_new_list_reaches_requests_of_connections_that_are_open() {
    let hub = Hub::start().await;
    let mut params = crate::certificates::client("1379999012");
    params.serial_number = Some(rcgen::SerialNumber::from(0x77));
    let issued = hub.brought.issue(&params);
    let mut caller = Caller::connect(&hub, Some(&issued)).await.unwrap();
    caller.get("/").await.unwrap();
    let certificate = careplan_hub::identity::read_der(&issued.der).unwrap();
    let table = hub.tls.anchors();
    let anchor = table.anchors()[0].authority.id.clone();
    let peer = careplan_hub::identity::Peer::new(&certificate, anchor, hub.address);
    let now = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    assert_eq!(table.check(&peer, now), AnchorVerdict::Stale);
    let replace = |serials: &[u64]| {
        std::fs::write(hub.folder.path().join("brought.crl"), hub.brought.list(serials, false)).unwrap();
        assert_eq!(hub.tls.reload().unwrap(), Reloaded::Replaced);
    };
    replace(&[]);
    assert_eq!(table.check(&peer, now), AnchorVerdict::Ok);
    replace(&[0x77]);
    assert_eq!(table.check(&peer, now), AnchorVerdict::Revoked);
    assert!(Caller::connect(&hub, Some(&issued)).await.unwrap().get("/").await.is_err());
}

#[tokio::test]
async fn a_list_is_not_put_back_by_an_older_one() {
    let hub = Hub::start().await;
    let put = |made| {
        std::fs::write(hub.folder.path().join("brought.crl"), hub.brought.list_of(&[made as u64], made, 2100)).unwrap();
        hub.tls.reload()
    };
    let knows = |serial: &str| hub.tls.anchors().anchors()[0].list.as_ref().unwrap().contains(serial);
    assert_eq!(put(2025).unwrap(), Reloaded::Replaced);
    let error = put(2024).unwrap_err().to_string();
    assert!(error.contains("brought.crl") && error.contains("newer"), "{error}");
    assert!(knows("07e9") && !knows("07e8"), "the newer one stays in use");
    assert_eq!(put(2025).unwrap(), Reloaded::Replaced, "one of the same instant is none that is older");
    assert_eq!(put(2026).unwrap(), Reloaded::Replaced);
}
