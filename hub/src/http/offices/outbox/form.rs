//! The multipart form of a send, read field by field: `to`, `from_type`, `message`, then the files.

use super::disposition::file_name;
use crate::config::Limits;
use crate::connection::BodyTimeout;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use careplan_protocol::office::{Address, ServiceType};
use careplan_protocol::problem::{Code, Refusal};
use futures_util::{Stream, StreamExt as _};
use multer::{Constraints, Field, Multipart, SizeLimit};
use std::str::FromStr;

/// A form being read.
pub(super) struct Form {
    multipart: Multipart<'static>,
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
    /// Takes a request's body as a form no longer than a transfer within the limits can make it: what stands before a boundary
    /// or between the headers of a part waits in memory until its end comes.
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
        let body = body.map(|chunk| chunk.map_err(|why| std::io::Error::other(why.into())));
        let most = Constraints::new().size_limit(SizeLimit::new().whole_stream(most_bytes(limits)));
        Ok(Self { multipart: Multipart::with_constraints(body, boundary, most) })
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
        self.multipart.next_field().await.map_err(|why| broken(&why))
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
