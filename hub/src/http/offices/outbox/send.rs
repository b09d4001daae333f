//! `POST …/outbox`: sends a transfer.

use super::form::{Fields, Form, Part};
use crate::exchange::{Accepted, Incoming, Offer};
use crate::http::extract::{Retrying, Speaking, client};
use crate::http::{Refused, SharedApp};
use crate::permit::RetryPermit;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use careplan_protocol::api::{IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, Sent, TRANSFER_STATE};
use careplan_protocol::office::Address;
use careplan_protocol::problem::{Code, Language, Refusal};
use careplan_protocol::routes;

/// Sends a transfer. `to`, `from_type` and `message` stand before the first `file`; all is accepted or nothing.
#[utoipa::path(
    post,
    path = careplan_protocol::routes::OUTBOX,
    operation_id = "send",
    tag = "offices",
    params(
        ("office" = careplan_protocol::office::OfficeNumber, Path, description = "The office acted for"),
        ("idempotency-key" = String, Header, description = "New for each send, the same for its retries"),
    ),
    request_body(content = crate::http::openapi::SendForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "Accepted, now or before with this key: the same receipt, byte for byte", body = careplan_protocol::api::Sent),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn send(
    State(app): State<SharedApp>,
    Retrying(permit): Retrying,
    Speaking(language): Speaking,
    request: Request,
) -> Result<Response, Refused> {
    let key = idempotency_key(request.headers())?;
    let program = client(request.headers()).to_owned();
    let (parts, body) = request.into_parts();
    let mut form = Form::of(&parts.headers, body.into_data_stream(), &app.config.limits)?;
    let (fields, first) = form.opening().await?;
    let mut incoming = incoming(&app, &permit, key, fields, program)?;
    let mut file = Some(first);
    while let Some(part) = file {
        take(&mut incoming, part).await?;
        file = form.next_file().await?;
    }
    // If the connection breaks from here on, the writer goes on all the same, and the same key gets the same receipt.
    let accepted = incoming.finish().await?;
    Ok(answer(permit.office(), accepted, language))
}

/// A retry is told by its key, before licence, suspension, recipient and limits; everything else needs the permit to send.
fn incoming<'a>(
    app: &'a SharedApp,
    permit: &RetryPermit,
    key: String,
    fields: Fields,
    client: String,
) -> Result<Incoming<'a>, Refusal> {
    let from = Address { office: permit.office(), service_type: fields.from_type };
    let offer = Offer { key, from, to: fields.to, message: fields.message, client };
    match app.exchange.earlier(permit, &offer.key)? {
        Some(earlier) => Ok(app.exchange.compare(permit, offer, earlier)),
        None => {
            let permit = app.access.send(permit, offer.from, offer.to)?;
            app.exchange.begin(&permit, offer)
        }
    }
}

/// Takes a file in. The part ends here: the form gives no other one while it lives.
async fn take(incoming: &mut Incoming<'_>, mut file: Part) -> Result<(), Refusal> {
    incoming.begin_file(&file.name).await?;
    while let Some(bytes) = file.chunk().await? {
        incoming.write(bytes).await?;
    }
    Ok(())
}

fn idempotency_key(headers: &HeaderMap) -> Result<String, Refusal> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(Code::IdempotencyKeyMissing.into()) };
    let key = value.to_str().unwrap_or_default();
    let visible = key.bytes().all(|c| c.is_ascii_graphic());
    if key.is_empty() || key.len() > 255 || !visible {
        let japanese = "空白を除く ASCII 1 から 255 文字です。";
        return Err(Refusal::because(
            Code::IdempotencyKeyMissing,
            japanese,
            "It has 1 to 255 visible ASCII characters.",
        ));
    }
    Ok(key.to_owned())
}

fn answer(office: careplan_protocol::office::OfficeNumber, accepted: Accepted, language: Language) -> Response {
    let (findings, findings_left_out) = (accepted.report.told(language), accepted.report.left_out);
    let sent = Sent { findings, findings_left_out, ..accepted.sent };
    let mut response = (StatusCode::CREATED, Json(&sent)).into_response();
    let headers = response.headers_mut();
    let location = routes::path(routes::OUTBOX_TRANSFER, &[&office, &sent.transfer]);
    if let Ok(location) = HeaderValue::try_from(location) {
        headers.insert(header::LOCATION, location);
    }
    if accepted.replayed {
        headers.insert(HeaderName::from_static(IDEMPOTENCY_REPLAYED), HeaderValue::from_static("true"));
    }
    if accepted.recalled {
        headers.insert(HeaderName::from_static(TRANSFER_STATE), HeaderValue::from_static("recalled"));
    }
    response
}
