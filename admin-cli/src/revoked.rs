//! What is revoked is noted beside the authority, for the list that is published (`certificate crl`): the hub forgets whom it
//! removed. A note stands before the hub is told, so that an answer that gets lost leaves no gap in that list.

use crate::failure::Failure;
use crate::home::Home;
use careplan_certs::folder::{self, RevokedNote};
use careplan_protocol::transfer::Fingerprint;
use jiff::Timestamp;

/// A note on a certificate that ends now.
pub(crate) fn ending(fingerprint: Fingerprint, now: Timestamp, reason: &str) -> RevokedNote {
    RevokedNote { version: 1, fingerprint, at: now, lost: is_lost(reason) }
}

/// Whether a reason says that others may hold the key.
pub(crate) fn is_lost(reason: &str) -> bool {
    reason.starts_with("lost")
}

/// Notes certificates as revoked, asks the hub for it, and takes the notes back where the hub did not do it. Where its answer
/// got lost they stay, and the change is to be repeated.
pub(crate) async fn noted<T>(
    home: &Home,
    notes: Vec<RevokedNote>,
    change: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let place = home.authority_folder();
    let fresh = match has_authority(home) {
        true => {
            let known = folder::revoked(&place)?;
            let is_new = |note: &RevokedNote| known.iter().all(|known| known.fingerprint != note.fingerprint);
            notes.iter().filter(|note| is_new(note)).cloned().collect()
        }
        false => Vec::new(),
    };
    if !fresh.is_empty() {
        folder::note_revoked(&place, &fresh)?;
    }
    let failure = match change.await {
        Ok(done) => return Ok(done),
        Err(failure) => failure,
    };
    if failure.is_doubt() {
        let named: Vec<String> = notes.iter().map(|note| note.fingerprint.to_string()).collect();
        let advice = elsewhere(home, &notes).unwrap_or_default();
        return Err(Failure::Partly(format!(
            "in doubt: the hub's answer did not come ({failure}). Run it again to be sure. Certificates: {}. {advice}",
            named.join(", ")
        )));
    }
    if !fresh.is_empty() {
        let fresh: Vec<Fingerprint> = fresh.iter().map(|note| note.fingerprint).collect();
        folder::take_back_revoked(&place, &fresh)?;
    }
    Err(failure)
}

/// What is left to do where the authority is not in this home folder.
pub(crate) fn elsewhere(home: &Home, notes: &[RevokedNote]) -> Option<String> {
    let named: Vec<String> = notes.iter().map(|note| note.fingerprint.to_string()).collect();
    (!has_authority(home) && !notes.is_empty()).then(|| {
        format!(
            "This home folder holds no authority, so nothing was noted for the published revocation list: where the authority \
             is, run `careplan-admin certificate crl --also {} --out FILE`.",
            named.join(",")
        )
    })
}

/// Whether the authority is in this home folder.
fn has_authority(home: &Home) -> bool {
    home.authority_folder().join("ca.key").exists()
}
