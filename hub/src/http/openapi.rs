//! The OpenAPI document, generated from the handlers; `docs/openapi.json` is its copy, and a test holds the two together.
//!
//! Each resource describes its own routes; here stand the sum and what belongs to all.

use super::{admin, directory, keys, log, offices, tlog};
use axum::http::header;
use axum::response::IntoResponse;
use careplan_protocol::problem::Code;
use std::sync::LazyLock;
use utoipa::{OpenApi, ToSchema};

/// The document.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = Sum::openapi();
    for part in [
        offices::Described::openapi(),
        offices::inbox::Described::openapi(),
        offices::outbox::Described::openapi(),
        directory::Described::openapi(),
        log::Described::openapi(),
        tlog::Described::openapi(),
        admin::Described::openapi(),
    ] {
        document.merge(part);
    }
    document.info.description = Some(format!("{}\n\n{}", ABOUT.trim(), codes()));
    document
}

/// `GET /openapi.json`: the document, put together once.
pub(super) async fn openapi() -> impl IntoResponse {
    static JSON: LazyLock<String> = LazyLock::new(|| document().to_json().unwrap_or_default());
    ([(header::CONTENT_TYPE, "application/json")], JSON.as_str())
}

/// The fields of a send, in this order.
#[derive(ToSchema)]
#[expect(dead_code, reason = "stands for the form in the document; the form itself is read as a stream")]
pub(super) struct SendForm {
    /// The recipient: `NUMBER[-TYPE]`.
    to: careplan_protocol::office::Address,
    /// The sender's service type, where the file names do not give one.
    from_type: Option<careplan_protocol::office::ServiceType>,
    /// A message of up to 1,000 characters; may be empty.
    message: String,
    /// The files, each a part of its own.
    #[schema(value_type = Vec<String>, format = Binary)]
    file: Vec<Vec<u8>>,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Care-plan hub", license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT")),
    paths(keys::keys),
    tags(
        (name = "offices", description = "What offices do. The path names the office acted for; what is another's answers like what does not exist."),
        (name = "everybody", description = "What every registered certificate may ask."),
        (name = "operators", description = "What operators do. The same values again change nothing; a dry run decides and changes nothing."),
        (name = "log", description = "What operators and auditors read. Outside an auditor's scope nothing exists.")
    )
)]
struct Sum;

/// All codes of refusals with their status.
fn codes() -> String {
    let line = |code: &Code| format!("- `{}` ({})", code.as_str(), code.status());
    let lines: Vec<String> = Code::ALL.iter().map(line).collect();
    format!("Codes of refusals:\n{}", lines.join("\n"))
}

const ABOUT: &str = "
A mailbox for care-plan files over mutual TLS: the client certificate says who calls. Instants are RFC 3339 in UTC; days
and months are those of Japan. Refusals are problem details (RFC 9457) with a stable `code`; their texts follow
`Accept-Language`, Japanese unless English is asked for first. Cursors (`after`, `next`) are opaque. Unknown query
parameters and fields are refused. The hub is no archive.
";

#[cfg(test)]
mod tests {
    use super::*;
    use careplan_protocol::routes;
    use utoipa::openapi::path::{Operation, PathItem};

    #[test]
    fn the_committed_document_is_the_one_that_the_code_gives() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
        let generated = document().to_pretty_json().unwrap() + "\n";
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        let advice = "docs/openapi.json has drifted: cargo run -p careplan-hub -- openapi > docs/openapi.json";
        assert!(committed == generated, "{advice}");
    }

    #[test]
    fn every_route_is_described_and_every_operation_has_a_name_of_its_own() {
        let document = document();
        let source = include_str!("../../../protocol/src/routes.rs");
        let constants = source.lines().filter_map(|line| line.strip_prefix("pub const ")?.split('"').nth(1));
        for path in constants.filter(|path| *path != routes::OPENAPI) {
            assert!(document.paths.paths.contains_key(path), "{path} is not described");
        }
        let mut names: Vec<String> =
            document.paths.paths.values().flat_map(operations).filter_map(|o| o.operation_id.clone()).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    fn operations(item: &PathItem) -> Vec<&Operation> {
        [&item.get, &item.put, &item.post, &item.delete].into_iter().flatten().collect()
    }
}
