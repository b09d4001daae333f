//! What operators do.

mod certificates;
mod licences;
mod offices;
mod people;
mod status;
mod usage;

use super::SharedApp;
use axum::Router;
use axum::routing::{delete, get, post};
use careplan_protocol::routes;

pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route(routes::ADMIN_OFFICES, get(offices::list))
        .route(routes::ADMIN_OFFICE, get(offices::show).put(offices::enrol).delete(offices::remove))
        .route(routes::ADMIN_SUSPENSION, post(offices::suspend))
        .route(routes::ADMIN_RESUMPTION, post(offices::resume))
        .route(routes::ADMIN_LICENCE, post(licences::act))
        .route(routes::ADMIN_LICENCES, get(licences::list))
        .route(routes::ADMIN_OFFICE_CERTIFICATES, post(certificates::register))
        .route(routes::ADMIN_CERTIFICATES, get(certificates::list))
        .route(routes::ADMIN_REVOCATION, post(certificates::revoke))
        .route(routes::ADMIN_PEOPLE, get(people::list).post(people::add))
        .route(routes::ADMIN_PERSON, delete(people::remove))
        .route(routes::ADMIN_USAGE, get(usage::usage))
        .route(routes::ADMIN_STATUS, get(status::status))
        .route(routes::ADMIN_CLOCK, post(status::confirm_clock))
}

/// The routes here, for the OpenAPI document.
#[derive(utoipa::OpenApi)]
#[openapi(paths(
    offices::list,
    offices::show,
    offices::enrol,
    offices::remove,
    offices::suspend,
    offices::resume,
    licences::act,
    licences::list,
    certificates::register,
    certificates::list,
    certificates::revoke,
    people::list,
    people::add,
    people::remove,
    usage::usage,
    status::status,
    status::confirm_clock
))]
pub(in crate::http) struct Described;
