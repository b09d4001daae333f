//! Where each resource lives. The hub mounts these patterns; clients fill them in with [`path`].

/// `POST` send, `GET` what was sent.
pub const OUTBOX: &str = "/v1/offices/{office}/outbox";
/// `GET` state and times, `DELETE` recall.
pub const OUTBOX_TRANSFER: &str = "/v1/offices/{office}/outbox/{transfer}";
/// `GET` a sent file, for its sender.
pub const OUTBOX_FILE: &str = "/v1/offices/{office}/outbox/{transfer}/files/{n}";
/// `GET` the proof that its events stand in the transparency log.
pub const OUTBOX_PROOF: &str = "/v1/offices/{office}/outbox/{transfer}/proof";
/// `GET` what came in.
pub const INBOX: &str = "/v1/offices/{office}/inbox";
/// `GET` server-sent events.
pub const INBOX_EVENTS: &str = "/v1/offices/{office}/inbox/events";
/// `GET` one received transfer.
pub const INBOX_TRANSFER: &str = "/v1/offices/{office}/inbox/{transfer}";
/// `GET` the proof that its events stand in the transparency log.
pub const INBOX_PROOF: &str = "/v1/offices/{office}/inbox/{transfer}/proof";
/// `GET` the bytes of a received file.
pub const INBOX_FILE: &str = "/v1/offices/{office}/inbox/{transfer}/files/{n}";
/// `POST` imported or rejected.
pub const ACKNOWLEDGEMENT: &str = "/v1/offices/{office}/inbox/{transfer}/acknowledgement";
/// `GET` licence, certificates, limits, usage.
pub const OFFICE: &str = "/v1/offices/{office}";
/// `GET` the office's own log.
pub const OFFICE_LOG: &str = "/v1/offices/{office}/log";
/// `GET` who can be reached.
pub const DIRECTORY: &str = "/v1/directory";
/// `GET` whether this office can take a transfer now.
pub const DIRECTORY_OFFICE: &str = "/v1/directory/{office}";
/// `GET` who the certificate stands for.
pub const ME: &str = "/v1/me";
/// `GET` which transparency log grows, and by which keys all are verified.
pub const TLOG: &str = "/v1/tlog";
/// `GET` the last checkpoint of an epoch.
pub const TLOG_CHECKPOINT: &str = "/v1/tlog/{epoch}/checkpoint";
/// `GET` the sizes of the checkpoints that are kept for ever.
pub const TLOG_CHECKPOINTS: &str = "/v1/tlog/{epoch}/checkpoints";
/// `GET` one of them.
pub const TLOG_KEPT: &str = "/v1/tlog/{epoch}/checkpoints/{size}";
/// `GET` a tile of hashes; its number has as many parts as it needs, such as `x001/234.p/5`.
pub const TLOG_TILE: &str = "/v1/tlog/{epoch}/tile/{level}/{number}";
/// `GET` a bundle of leaves (operators and auditors of everything).
pub const TLOG_ENTRIES: &str = "/v1/tlog/{epoch}/tile/entries/{number}";
/// `GET` search the log (operators and auditors).
pub const LOG: &str = "/v1/log";
/// `GET` the whole result of a search, as CSV or JSON lines.
pub const LOG_EXPORT: &str = "/v1/log/export";
/// `GET` list offices.
pub const ADMIN_OFFICES: &str = "/v1/admin/offices";
/// `GET` one office with everything, `PUT` enrol or change, `DELETE` remove.
pub const ADMIN_OFFICE: &str = "/v1/admin/offices/{office}";
/// `POST` suspend.
pub const ADMIN_SUSPENSION: &str = "/v1/admin/offices/{office}/suspend";
/// `POST` resume.
pub const ADMIN_RESUMPTION: &str = "/v1/admin/offices/{office}/resume";
/// `POST` grant, renew, decline or end.
pub const ADMIN_LICENCE: &str = "/v1/admin/offices/{office}/licence";
/// `POST` register a certificate for an office.
pub const ADMIN_OFFICE_CERTIFICATES: &str = "/v1/admin/offices/{office}/certificates";
/// `GET` list licences.
pub const ADMIN_LICENCES: &str = "/v1/admin/licences";
/// `GET` list certificates.
pub const ADMIN_CERTIFICATES: &str = "/v1/admin/certificates";
/// `POST` revoke.
pub const ADMIN_REVOCATION: &str = "/v1/admin/certificates/{fingerprint}/revoke";
/// `GET` list operators and auditors, `POST` add one.
pub const ADMIN_PEOPLE: &str = "/v1/admin/people";
/// `DELETE` an operator or auditor.
pub const ADMIN_PERSON: &str = "/v1/admin/people/{fingerprint}";
/// `GET` the meter.
pub const ADMIN_USAGE: &str = "/v1/admin/usage";
/// `GET` the hub's state.
pub const ADMIN_STATUS: &str = "/v1/admin/status";
/// `POST` confirm that the clock is right after a jump.
pub const ADMIN_CLOCK: &str = "/v1/admin/clock/confirm";
/// `GET` the public receipt keys; also answered by the local listener.
pub const JWKS: &str = "/.well-known/jwks.json";
/// `GET` the OpenAPI document.
pub const OPENAPI: &str = "/openapi.json";

/// Fills the places of a pattern from left to right.
///
/// Values are office numbers, ids and numbers, which need no escaping.
pub fn path(pattern: &str, values: &[&dyn std::fmt::Display]) -> String {
    let mut values = values.iter();
    let filled: Vec<String> = pattern
        .split('/')
        .map(|part| match part.starts_with('{') {
            true => values.next().map(ToString::to_string).unwrap_or_default(),
            false => part.to_owned(),
        })
        .collect();
    filled.join("/")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_path_is_its_pattern_filled_in() {
        assert_eq!(super::path(super::INBOX_FILE, &[&"A", &"B", &3]), "/v1/offices/A/inbox/B/files/3");
        assert_eq!(super::path(super::LOG, &[]), "/v1/log");
    }
}
