//! One row per method and route, read from the protocol's own documentation of its routes.

use anyhow::{Context as _, Result, bail, ensure};
use careplan_protocol::routes;
use careplan_tests::Form;
use serde_json::{Value, json};

/// Whose route it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// The office's that the path names.
    Mailbox,
    /// Every office's and operator's.
    Directory,
    /// Operators' and auditors'.
    Log,
    /// Operators'.
    Admin,
    /// Every known certificate's, of whomever is not shut out.
    Registered,
    /// Everybody's who passes the handshake.
    Everybody,
}

/// A method on a route.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) method: String,
    pub(crate) pattern: String,
    pub(crate) kind: Kind,
}

/// What is sent with a request; for changes a dry run, where there is one, so that operators change nothing.
pub(crate) enum Body {
    None,
    Json(Value),
    Form(Form),
}

/// Every row.
pub(crate) fn all() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut methods: Vec<String> = Vec::new();
    for line in SOURCE.lines() {
        if let Some(text) = line.strip_prefix("/// ") {
            let named =
                ["GET", "POST", "PUT", "DELETE"].into_iter().filter(|method| text.contains(&format!("`{method}`")));
            methods.extend(named.map(str::to_owned));
        } else if let Some(rest) = line.strip_prefix("pub const ") {
            let pattern = rest.split('"').nth(1).context(rest.to_owned())?.to_owned();
            ensure!(!methods.is_empty(), "the documentation of {pattern} names no method");
            let kind = kind(&pattern)?;
            rows.extend(methods.drain(..).map(|method| Row { method, pattern: pattern.clone(), kind }));
        }
    }
    ensure!(rows.len() >= 30, "only {} rows were found", rows.len());
    Ok(rows)
}

fn kind(pattern: &str) -> Result<Kind> {
    Ok(match pattern {
        routes::ME | routes::JWKS | routes::OPENAPI => Kind::Everybody,
        routes::TLOG_ENTRIES => Kind::Log,
        _ if pattern.starts_with("/v1/tlog") => Kind::Registered,
        _ if pattern.starts_with("/v1/offices/") => Kind::Mailbox,
        _ if pattern.starts_with("/v1/directory") => Kind::Directory,
        _ if pattern.starts_with("/v1/log") => Kind::Log,
        _ if pattern.starts_with("/v1/admin/") => Kind::Admin,
        _ => bail!("whose is the new route {pattern}? Say so here"),
    })
}

impl Row {
    /// The path for an office; other places are filled with what does not exist.
    pub(crate) fn path(&self, office: &str) -> String {
        let filled = self.pattern.replace("{office}", office).replace("{transfer}", UNKNOWN_TRANSFER);
        let filled = filled.replace("{n}", "1").replace("{fingerprint}", &"ab".repeat(32));
        filled.replace("{epoch}", "1").replace("{level}", "0").replace("{number}", "000.p/1").replace("{size}", "1")
    }

    pub(crate) fn is_send(&self) -> bool {
        self.method == "POST" && self.pattern == routes::OUTBOX
    }

    /// What goes with the request. A new route with a method that needs a body and has none here fails.
    pub(crate) fn body(&self, office: &str) -> Result<Body> {
        let reason = || json!({"reason": "test", "dry_run": true});
        Ok(match (self.method.as_str(), self.pattern.as_str()) {
            ("POST", routes::OUTBOX) => {
                let to = careplan_tests::world::HELPER;
                Body::Form(Form::to(to, "").file("note.pdf", format!("%PDF-{office}").as_bytes()))
            }
            ("POST", routes::ACKNOWLEDGEMENT) => Body::Json(json!({"outcome": "imported"})),
            ("DELETE", routes::OUTBOX_TRANSFER) => Body::None,
            ("PUT", routes::ADMIN_OFFICE) => {
                Body::Json(json!({"name": "新事業所", "service_types": ["11"], "dry_run": true}))
            }
            ("DELETE", routes::ADMIN_OFFICE) => Body::Json(reason()),
            ("POST", routes::ADMIN_SUSPENSION | routes::ADMIN_RESUMPTION | routes::ADMIN_REVOCATION) => {
                Body::Json(reason())
            }
            ("POST", routes::ADMIN_LICENCE) => {
                Body::Json(json!({"action": "decline", "reason": "test", "dry_run": true}))
            }
            ("POST", routes::ADMIN_OFFICE_CERTIFICATES) => {
                Body::Json(json!({"certificate": "no PEM", "label": "test", "dry_run": true}))
            }
            ("POST", routes::ADMIN_PEOPLE) => {
                Body::Json(json!({"role": "operator", "name": "x", "certificate": "no PEM", "dry_run": true}))
            }
            ("DELETE", routes::ADMIN_PERSON) => Body::Json(reason()),
            ("POST", routes::ADMIN_CLOCK) => Body::Json(json!({})),
            ("GET", _) => Body::None,
            (method, pattern) => bail!("what does {method} {pattern} take? Say so here"),
        })
    }
}

/// A transfer that does not exist.
pub(crate) const UNKNOWN_TRANSFER: &str = "1-99999999-6";
const SOURCE: &str = include_str!("../../../protocol/src/routes.rs");
