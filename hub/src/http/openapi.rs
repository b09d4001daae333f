//! The OpenAPI document, generated from the handlers; `docs/openapi.json` is its copy, and a test holds the two together.

use super::{log, offices};
use utoipa::OpenApi;

/// The document.
pub fn document() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

#[derive(OpenApi)]
#[openapi(info(title = "Care-plan hub"), paths(log::search::search, log::export::export, offices::log::log))]
struct Api;
