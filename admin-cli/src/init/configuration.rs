//! The `hub.toml` of a new hub.

use super::InitArguments;
use careplan_protocol::transfer::Fingerprint;

/// The text of `hub.toml`. What is not named keeps the hub's own defaults.
pub(super) fn text(what: &InitArguments, operator: Fingerprint) -> String {
    let public = match (what.listen.port(), what.hostname.first()) {
        // With port 0 the hub knows its address only when it listens.
        (0, _) | (_, None) => String::new(),
        (port, Some(host)) if host.contains(':') => format!("[{host}]:{port}"),
        (port, Some(host)) => format!("{host}:{port}"),
    };
    let (name, public, person) = (quoted(&what.name), quoted(&public), quoted(&what.operator));
    let (listen, local) = (quoted(&what.listen.to_string()), quoted(&what.local.to_string()));
    format!(
        r#"# Configuration of a care-plan hub. Paths are relative to this file. hub.example.toml names every key.
name = {name}
data = "data"

[listen]
address = {listen}
local = {local}
public_address = {public}

[tls]
certificate = "tls/hub.crt"
key = "tls/hub.key"
tls12 = false

# Our own authority: the registry alone decides who is revoked.
[[tls.anchors]]
name = "own"
certificate = "tls/ca.crt"
revocation_list = ""

# Both of mode 0600. Back up the master key apart from the data.
[keys]
master = "keys/master.key"
receipt = "keys/receipt.key"

# Always valid: first start and recovery.
[[operators]]
name = {person}
fingerprint = "{operator}"
"#
    )
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
