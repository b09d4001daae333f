//! The multipart form of a send, read field by field: `to`, `from_type`, `message`, then the files.

mod head;

use super::disposition::file_name;
use crate::config::Limits;
use crate::connection::BodyTimeout;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use careplan_protocol::office::{Address, ServiceType};
use careplan_protocol::problem::{Code, Refusal};
use futures_util::{Stream, TryStreamExt as _};
use head::{Allowance, EndlessHead};
use multer::{Constraints, Field, Multipart, SizeLimit};
use std::str::FromStr;

/// A form being read.
pub(super) struct Form {
    multipart: Multipart<'static>,
    allowance: Allowance,
}

/// The fields that stand before the first file.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) to: Address,
    pub(super) from_type: Option<ServiceType>,
    pub(super) message: String,
}

/// A file of the form: its name, and its bytes as they come.
pub(super) struct Part {
    pub(super) name: String,
    field: Field<'static>,
}

impl Form {
    /// Takes a request's body as a form no longer than a transfer within the limits can make it.
    ///
    /// # Errors
    /// When it does not say that it is one.
    pub(super) fn of<S, E>(headers: &HeaderMap, body: S, limits: &Limits) -> Result<Self, Refusal>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary = content_type.and_then(|value| multer::parse_boundary(value).ok());
        let boundary = boundary.ok_or(Code::MultipartMalformed)?;
        let allowance = Allowance::default();
        let body = allowance.of(body.map_err(Into::into));
        let most = Constraints::new().size_limit(SizeLimit::new().whole_stream(most_bytes(limits)));
        Ok(Self { multipart: Multipart::with_constraints(body, boundary, most), allowance })
    }

    /// Reads up to the first file, and gives it with what stands before.
    ///
    /// # Errors
    /// When a field is missing, doubled or wrong, or there is no file.
    pub(super) async fn opening(&mut self) -> Result<(Fields, Part), Refusal> {
        let (mut to, mut from_type, mut message) = (None, None, None);
        loop {
            let Some(field) = self.field().await? else {
                // Nothing but fields: what is missing is told first.
                return Err(if to.is_none() { missing("to") } else { Code::NoFiles.into() });
            };
            let name = field.name().unwrap_or_default().to_owned();
            match name.as_str() {
                "to" => put(&mut to, "to", parsed("to", &text(field).await?)?)?,
                "from_type" => {
                    let given = text(field).await?;
                    let value = if given.is_empty() { None } else { Some(parsed("from_type", &given)?) };
                    put(&mut from_type, "from_type", value)?;
                }
                "message" => put(&mut message, "message", text(field).await?)?,
                "file" => {
                    let (Some(to), Some(message)) = (to, message) else { return Err(Code::FieldOrder.into()) };
                    let fields = Fields { to, from_type: from_type.flatten(), message };
                    return Ok((fields, Part::of(field)?));
                }
                _ => return Err(unknown()),
            }
        }
    }

    /// The next file; `None` at the end.
    ///
    /// # Errors
    /// For another field among the files.
    pub(super) async fn next_file(&mut self) -> Result<Option<Part>, Refusal> {
        match self.field().await? {
            None => Ok(None),
            Some(field) if field.name() == Some("file") => Part::of(field).map(Some),
            Some(field) if matches!(field.name(), Some("to" | "message" | "from_type")) => Err(Code::FieldOrder.into()),
            Some(_) => Err(unknown()),
        }
    }

    async fn field(&mut self) -> Result<Option<Field<'static>>, Refusal> {
        self.allowance.begin_head();
        let field = self.multipart.next_field().await.map_err(|why| broken(&why));
        self.allowance.end_head();
        field
    }
}

impl Part {
    fn of(field: Field<'static>) -> Result<Self, Refusal> {
        let header = field.headers().get(header::CONTENT_DISPOSITION).map(|value| value.as_bytes().to_vec());
        let name = file_name(&header.unwrap_or_default())?.ok_or_else(|| missing("filename"))?;
        Ok(Self { name, field })
    }

    /// The next bytes; `None` at the file's end.
    ///
    /// # Errors
    /// When the form breaks off or comes too slowly.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Refusal> {
        self.field.chunk().await.map_err(|why| broken(&why))
    }
}

/// A text field of at most 64 KiB; what it may hold is decided later.
async fn text(mut field: Field<'static>) -> Result<String, Refusal> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|why| broken(&why))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MOST_TEXT {
            return Err(Code::MessageTooLong.into());
        }
    }
    String::from_utf8(bytes).map_err(|_| {
        Refusal::because(Code::FieldInvalid, "項目は UTF-8 で送ってください。", "Fields are sent as UTF-8.")
    })
}

/// The most that the form of a transfer can come to, with its fields and the headers of its parts, bytes.
fn most_bytes(limits: &Limits) -> u64 {
    let parts = u64::from(limits.files) + u64::from(limits.images) + FIELDS;
    let text = u64::from(limits.message_characters) * CHARACTER;
    limits.transfer_bytes.saturating_add(text).saturating_add(parts * PART_BYTES)
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(name: &str, text: &str) -> Result<T, Refusal> {
    text.trim().parse().map_err(|why| {
        Refusal::because(Code::FieldInvalid, format!("{name} の値が正しくありません。"), format!("{name}: {why}."))
    })
}

fn put<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), Refusal> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => {
            let (japanese, english) = (format!("{name} が二つあります。"), format!("{name} stands twice."));
            Err(Refusal::because(Code::FieldInvalid, japanese, english))
        }
    }
}

fn missing(name: &str) -> Refusal {
    Refusal::because(Code::FieldMissing, format!("{name} がありません。"), format!("{name} is missing."))
}

fn unknown() -> Refusal {
    let japanese = "項目は to, from_type, message, file だけです。";
    Refusal::because(Code::FieldInvalid, japanese, "The fields are to, from_type, message and file.")
}

fn broken(why: &multer::Error) -> Refusal {
    match why {
        _ if BodyTimeout::caused(why) => Code::Timeout.into(),
        multer::Error::StreamSizeExceeded { .. } => Code::TransferTooLarge.into(),
        multer::Error::StreamReadFailed(why) if why.is::<EndlessHead>() => {
            let japanese = "境界行または各部分の見出しの終わりが 16 KiB 以内にありません。";
            Refusal::because(Code::MultipartMalformed, japanese, format!("{EndlessHead}."))
        }
        _ => Code::MultipartMalformed.into(),
    }
}

const MOST_TEXT: usize = 64 * 1024;
/// Fields of the form beside the files.
const FIELDS: u64 = 3;
/// Bytes of a character of the message.
const CHARACTER: u64 = 4;
/// Boundary and headers of a part, with a name of 255 characters.
const PART_BYTES: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt as _, stream};
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A form of these pieces, and how many of its bytes were taken.
    fn form(pieces: impl Iterator<Item = Bytes> + Send + 'static) -> (Form, Arc<AtomicUsize>) {
        let taken = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&taken);
        let body = stream::iter(pieces).map(move |piece| {
            counting.fetch_add(piece.len(), Ordering::Relaxed);
            Ok::<_, Infallible>(piece)
        });
        let content_type = header::HeaderValue::from_static("multipart/form-data; boundary=b");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type)]);
        (Form::of(&headers, body, &crate::config::Limits::default()).unwrap(), taken)
    }

    const OPENING: &str = "--b\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\n1370000011\r\n\
        --b\r\nContent-Disposition: form-data; name=\"message\"\r\n\r\n\r\n\
        --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"";

    #[tokio::test]
    async fn no_more_of_a_head_is_taken_than_a_head_needs() {
        for beginning in ["", "--b", "--b\r\nContent-Disposition: form-data; x=\"", OPENING] {
            let rest = std::iter::repeat_n(Bytes::from(vec![b'x'; 1000]), 10_000);
            let (mut form, taken) = form(std::iter::once(Bytes::from(beginning)).chain(rest));
            let refusal = form.opening().await.err().unwrap();
            assert_eq!(refusal.code, Code::MultipartMalformed, "{beginning}");
            let taken = taken.load(Ordering::Relaxed);
            assert!(taken < 32_000, "{beginning}: {taken} bytes were taken");
        }
    }

    #[tokio::test]
    async fn a_form_is_read_however_it_is_cut_into_pieces() {
        let file = "x".repeat(300_000);
        let whole = format!("{OPENING}\r\n\r\n{file}\r\n--b--\r\n").into_bytes();
        for size in [1, 7, 1000, 100_000, whole.len()] {
            let pieces: Vec<Bytes> = whole.chunks(size).map(Bytes::copy_from_slice).collect();
            let (mut form, _) = form(pieces.into_iter());
            let (fields, mut part) = form.opening().await.unwrap();
            assert_eq!((fields.to.to_string().as_str(), part.name.as_str()), ("1370000011", "a.pdf"));
            let mut came = Vec::new();
            while let Some(bytes) = part.chunk().await.unwrap() {
                came.extend_from_slice(&bytes);
            }
            drop(part);
            assert!(came == file.as_bytes(), "pieces of {size}");
            assert!(form.next_file().await.unwrap().is_none(), "pieces of {size}");
        }
    }
}
