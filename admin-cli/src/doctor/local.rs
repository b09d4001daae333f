//! What can be seen from this machine.

use super::{error, ok, warning};
use crate::files;
use crate::home::Home;
use careplan_certs::{Facts, reading};
use careplan_protocol::api::Check;
use jiff::Timestamp;
use std::path::Path;

/// The home folder: modes, authority, certificate.
pub(super) fn home(home: &Home, now: Timestamp, found: &mut Vec<Check>) {
    found.push(ok("settings", home.path.join(crate::home::FILE).display().to_string()));
    let settings = &home.settings;
    let secret = settings.key.as_ref().unwrap_or(&settings.certificate);
    found.push(mode("our key", secret));
    if settings.key.is_some() {
        found.push(lifetime("our certificate", &settings.certificate, now));
    }
    found.push(lifetime("authority", &settings.ca, now));
    let key = home.authority_folder().join("ca.key");
    if !key.exists() {
        return;
    }
    found.push(mode("authority's key", &key));
    match home.authority() {
        Ok(authority) => {
            let same = files::read(&settings.ca)
                .ok()
                .and_then(|bytes| reading::certificate(&bytes).ok())
                .is_some_and(|ca| ca.fingerprint == authority.authority().facts().fingerprint);
            found.push(match same {
                true => ok("authority's folder", "key and certificate belong together"),
                false => warning("authority's folder", "it is another authority than the one in admin.toml"),
            });
        }
        Err(failure) => found.push(error("authority's folder", failure.to_string())),
    }
}

/// The hub's folder, if it is on this machine: given, or beside the home folder as `init` makes it.
pub(super) fn beside(home: &Home, given: Option<&Path>, now: Timestamp, found: &mut Vec<Check>) {
    let usual = home.path.join("../hub");
    let folder = given.unwrap_or(&usual);
    if !folder.join("hub.toml").exists() {
        if given.is_some() {
            found.push(error("hub's folder", format!("{} holds no hub.toml", folder.display())));
        }
        return;
    }
    if home.authority_folder().join("ca.key").exists() {
        found.push(warning(
            "authority's place",
            format!(
                "the authority's key ({}) is on the same machine as the hub ({}): move the home folder to the \
                 operator's machine",
                home.authority_folder().display(),
                folder.display()
            ),
        ));
    }
    if folder.join("ca.key").exists() || folder.join("tls/ca.key").exists() {
        found
            .push(error("authority's place", "the authority's key lies inside the hub's folder: remove it from there"));
    }
    for key in ["tls/hub.key", "keys/master.key", "keys/backup.key", "keys/receipt.key"] {
        found.push(mode(key, &folder.join(key)));
    }
    found.push(lifetime("hub's certificate", &folder.join("tls/hub.crt"), now));
}

/// The difference of the clocks; the answer took some time, so the hub's is compared with the middle.
pub(super) fn clock(asked: Timestamp, theirs: Timestamp, answered: Timestamp) -> Check {
    let middle = (asked.as_millisecond() + answered.as_millisecond()) / 2;
    let apart = theirs.as_millisecond() - middle;
    let text = format!("the hub's clock is {:+.1} s from this machine's", apart as f64 / 1000.0);
    match apart.abs() {
        0..=2_000 => ok("clocks", text),
        2_001..=60_000 => warning("clocks", format!("{text}: is time synchronisation running on both?")),
        _ => error("clocks", format!("{text}: terms, retention and certificates depend on it")),
    }
}

fn mode(name: &str, path: &Path) -> Check {
    match (path.exists(), files::mode(path)) {
        (false, _) => error(name, format!("{} is not there", path.display())),
        (true, Some(mode)) if mode & 0o077 != 0 => {
            error(name, format!("{} may be read by others (mode {mode:04o}): chmod 600", path.display()))
        }
        (true, Some(_)) => ok(name, format!("{} is readable by its owner only", path.display())),
        (true, None) => ok(name, format!("{} is there", path.display())),
    }
}

fn lifetime(name: &str, path: &Path, now: Timestamp) -> Check {
    let facts = match files::read(path).map(|bytes| reading::certificate(&bytes)) {
        Ok(Ok(facts)) => facts,
        Ok(Err(why)) => return error(name, format!("{}: {why}", path.display())),
        Err(failure) => return error(name, failure.to_string()),
    };
    remaining(name, &facts, now)
}

fn remaining(name: &str, facts: &Facts, now: Timestamp) -> Check {
    let until = crate::output::day(facts.not_after);
    match facts.days_left(now) {
        _ if facts.not_before > now => error(name, "not valid yet: is this machine's clock right?"),
        left if left < 0 => error(name, format!("expired on {until}")),
        left @ 0..30 => warning(name, format!("ends on {until}, in {left} days")),
        left => ok(name, format!("valid until {until}, {left} days")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use careplan_protocol::api::Verdict;

    #[test]
    fn clocks_may_differ_by_two_seconds() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(clock(at(100), at(102), at(102)).verdict, Verdict::Ok);
        assert_eq!(clock(at(100), at(130), at(100)).verdict, Verdict::Warning);
        assert_eq!(clock(at(100), at(10), at(100)).verdict, Verdict::Error);
    }

    #[test]
    #[cfg(unix)]
    fn a_key_that_others_may_read_is_an_error() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "secret").unwrap();
        for (bits, verdict) in [(0o600, Verdict::Ok), (0o640, Verdict::Error), (0o400, Verdict::Ok)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(bits)).unwrap();
            assert_eq!(mode("key", &path).verdict, verdict);
        }
        assert_eq!(mode("key", &folder.path().join("none")).verdict, Verdict::Error);
    }
}
