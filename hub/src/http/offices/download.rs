//! The bytes of a file on their way out: whole or a range, never cut short unseen.

use crate::exchange::{Fetched, Part};
use crate::store::StoreError;
use crate::store::body::{Opened, read_piece};
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use careplan_protocol::api::{CONTENT_DIGEST, REPR_DIGEST};
use careplan_protocol::problem::{Code, Refusal};
use futures_util::stream;
use std::ops::Range;

/// `HEAD` would count as fetched without a byte being taken, so it is not answered.
pub(super) fn refuse_head(method: &Method) -> Result<(), Refusal> {
    if method == Method::HEAD { Err(Code::MethodNotAllowed.into()) } else { Ok(()) }
}

/// What part of a file a request asks for.
///
/// # Errors
/// [`Code::RangeInvalid`] for a range outside of the file.
pub(super) fn asked(request: &HeaderMap) -> impl Part + use<'_> {
    |file: &dyn Opened| asked_range(request, &etag(file), file.size())
}

/// Answers with the file, or with the part asked for.
pub(super) fn answer(fetched: Fetched) -> Response {
    let Fetched { file, part, first } = fetched;
    let size = file.size();
    let digest = header_value(format!("sha-256=:{}:", STANDARD.encode(file.sha256())));
    let mut response = match &part {
        None => (StatusCode::OK, [(HeaderName::from_static(CONTENT_DIGEST), digest.clone())]).into_response(),
        Some(range) => {
            let content_range = format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1));
            (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, content_range)]).into_response()
        }
    };
    let range = part.unwrap_or(0..size);
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static(REPR_DIGEST), digest);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::ETAG, header_value(etag(&*file)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_DISPOSITION, header_value(disposition(file.name())));
    *response.body_mut() = body(first, file, range);
    response
}

fn etag(file: &dyn Opened) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(file.sha256()))
}

/// Chunk by chunk, of which most files have one; a damaged later one breaks the connection, so that the caller sees less
/// than was announced.
fn body(first: Bytes, file: Box<dyn Opened>, range: Range<u64>) -> Body {
    if first.len() as u64 == range.end - range.start {
        return Body::from(first);
    }
    Body::from_stream(stream::try_unfold((Some(first), file, range), async |(first, mut file, mut range)| {
        if range.is_empty() {
            return Ok(None);
        }
        let bytes = match first {
            Some(first) => first,
            None => read_piece(file.as_mut(), &range).await?,
        };
        range.start += bytes.len() as u64;
        Ok::<_, StoreError>(Some((bytes, (None, file, range))))
    }))
}

/// One range of bytes (RFC 9110 §14); several at once are answered with the whole file.
fn asked_range(request: &HeaderMap, etag: &str, size: u64) -> Result<Option<Range<u64>>, Refusal> {
    let header = |name| request.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if header(header::IF_RANGE).is_some_and(|condition| condition != etag) {
        return Ok(None);
    }
    let Some(spec) = header(header::RANGE).and_then(|range| range.strip_prefix("bytes=")) else { return Ok(None) };
    let Some((first, last)) = spec.split_once('-').filter(|_| !spec.contains(',')) else { return Ok(None) };
    let range = match (first.trim().parse::<u64>().ok(), last.trim().parse::<u64>().ok()) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.trim().is_empty() => first..size,
        (None, Some(tail)) if first.trim().is_empty() && tail > 0 => size.saturating_sub(tail)..size,
        _ => return Err(Code::RangeInvalid.into()),
    };
    if range.is_empty() { Err(Code::RangeInvalid.into()) } else { Ok(Some(range)) }
}

/// RFC 6266 with RFC 8187: an ASCII name for old programs, the real one beside it.
fn disposition(name: &str) -> String {
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let encoded: String = name.bytes().map(encoded_byte).collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn encoded_byte(byte: u8) -> String {
    if is_plain(char::from(byte)) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

/// For values made of visible ASCII only.
fn header_value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(range: &'static str) -> Result<Option<Range<u64>>, Code> {
        let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(range))]);
        asked_range(&headers, "\"e\"", 10).map_err(|refusal| refusal.code)
    }

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        assert_eq!(asked("bytes=0-3"), Ok(Some(0..4)));
        assert_eq!(asked("bytes=4-"), Ok(Some(4..10)));
        assert_eq!(asked("bytes=-3"), Ok(Some(7..10)));
        assert_eq!(asked("bytes=8-99"), Ok(Some(8..10)));
        assert_eq!(asked("bytes=0-1,3-4"), Ok(None));
        assert_eq!(asked("lines=0-1"), Ok(None));
        for outside in ["bytes=10-", "bytes=5-2", "bytes=-0", "bytes=a-b"] {
            assert_eq!(asked(outside), Err(Code::RangeInvalid), "{outside}");
        }
    }

    #[test]
    fn names_cannot_break_out_of_the_header() {
        let header = disposition("報告\"; x=\r\n.pdf");
        assert!(header.is_ascii() && !header.contains('\r') && header.matches('"').count() == 2, "{header}");
        assert!(header.ends_with("filename*=UTF-8''%E5%A0%B1%E5%91%8A%22%3B%20x%3D%0D%0A.pdf"));
    }
}
