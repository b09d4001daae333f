//! The certificate of a sync that runs for months: taken up when `setup` renews it, told of before it ends.

use crate::sync::{Happening, Sync};
use jiff::SignedDuration;

impl Sync {
    /// Takes up what `setup` has stored since. `true` when the line to the hub is a new one.
    pub(super) fn renew(&mut self) -> bool {
        // What cannot be read now is being written, or is told by `status`: the certificate at hand still counts.
        let renewed = self.desk.renewed(self.settings.language).ok().flatten();
        let is_new = renewed.is_some();
        if let Some(desk) = renewed {
            self.desk = desk;
            self.reminded = None;
            self.tell(&Happening::Renewed(self.desk.certificate_ends()));
        }
        self.remind();
        is_new
    }

    /// Says once a day that the certificate ends soon.
    fn remind(&mut self) {
        let (now, ends) = (self.desk.clock.now(), self.desk.certificate_ends());
        let is_said = self.reminded.is_some_and(|said| now.duration_since(said).abs() < DAY);
        if ends.duration_since(now) < SOON && !is_said {
            self.reminded = Some(now);
            let days = ends.duration_since(now).as_hours().max(0) / 24;
            self.tell(&Happening::CertificateEnds(ends, days));
        }
    }
}

const DAY: SignedDuration = SignedDuration::from_hours(24);
const SOON: SignedDuration = SignedDuration::from_hours(60 * 24);
