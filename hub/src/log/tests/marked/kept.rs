//! The search index beside backups and verification.

use super::house::{House, chances, enrol, happen};
use super::{asked, followed};
use crate::clock::{Clock, SystemRandomness};
use crate::store::embedded::backup::{self, Restoring, Taking};
use crate::store::embedded::verify::{Verifying, verify};
use std::path::Path;
use std::sync::Arc;

#[tokio::test]
async fn a_backup_leaves_it_out_a_verification_is_silent_about_it_and_what_is_restored_makes_its_own() {
    let (house, place) = (House::new(), tempfile::tempdir().unwrap());
    let store = house.open();
    enrol(&store).await;
    happen(&house, &store, &chances(7, 300)).await;
    followed(&store).await;
    let findings = |data: &Path| {
        let randomness = Arc::new(SystemRandomness);
        let look = Verifying { data: data.to_owned(), master_key: [7; 32].into(), randomness, seen: &|_, _| {} };
        verify(&look).unwrap().findings.iter().map(|finding| format!("{finding:?}")).collect::<Vec<_>>()
    };
    let (to, keys_to) = (place.path().join("backup"), place.path().join("keys"));
    let taken = backup::take(&Taking {
        data: house.folder.path().to_owned(),
        to: to.clone(),
        keys_to: keys_to.clone(),
        generations: 1,
        key: [9; 32].into(),
        hub: "test".to_owned(),
        clock: Arc::clone(&house.clock) as Arc<dyn Clock>,
        randomness: Arc::new(SystemRandomness),
        seen: &|_, _| {},
    });
    taken.unwrap();
    store.close().await;
    drop(store);
    // Transfers without files, as these are, are told; that must be all, with the index and without.
    let told = findings(house.folder.path());
    std::fs::remove_dir_all(house.folder.path().join("search")).unwrap();
    assert_eq!(told, findings(house.folder.path()));
    let other = House { folder: tempfile::tempdir().unwrap(), clock: house.clock.clone(), pem: house.pem.clone() };
    let restored = backup::restore(&Restoring {
        from: to,
        keys_from: keys_to,
        generation: None,
        data: other.folder.path().to_owned(),
        key: [9; 32].into(),
        now: house.clock.now(),
        seen: &|_, _| {},
    });
    restored.unwrap();
    assert!(!other.folder.path().join("search").exists());
    let store = other.open();
    asked(&store, 30);
    followed(&store).await;
    assert!(asked(&store, 30) > 0 && other.blocks().len() > 2);
    store.close().await;
}
