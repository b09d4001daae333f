//! Multipart bodies written byte by byte, so that wrong ones can be sent too.

use bytes::Bytes;

/// A `multipart/form-data` body in the making.
#[derive(Debug, Clone, Default)]
pub struct Form(Vec<u8>);

impl Form {
    /// An empty form.
    pub fn new() -> Self {
        Self::default()
    }

    /// A form with `to` and `message`, as every send begins.
    pub fn to(to: &str, message: &str) -> Self {
        Self::new().field("to", to).field("message", message)
    }

    /// A text field.
    #[must_use]
    pub fn field(self, name: &str, value: &str) -> Self {
        self.part(format!("Content-Disposition: form-data; name=\"{name}\"\r\n").as_bytes(), value.as_bytes())
    }

    /// A file.
    #[must_use]
    pub fn file(self, name: &str, bytes: &[u8]) -> Self {
        self.file_named(name.as_bytes(), bytes)
    }

    /// Files of a send unit.
    #[must_use]
    pub fn files<'a>(self, files: impl IntoIterator<Item = &'a (String, Bytes)>) -> Self {
        files.into_iter().fold(self, |form, (name, bytes)| form.file(name, bytes))
    }

    /// A file whose name's bytes are no text of ours, such as CP932.
    #[must_use]
    pub fn file_named(self, name: &[u8], bytes: &[u8]) -> Self {
        let mut head = b"Content-Disposition: form-data; name=\"file\"; filename=\"".to_vec();
        head.extend_from_slice(name);
        head.extend_from_slice(b"\"\r\nContent-Type: application/octet-stream\r\n");
        self.part(&head, bytes)
    }

    /// A file with `filename*` (RFC 8187); the name is given percent-encoded.
    #[must_use]
    pub fn file_starred(self, encoded: &str, bytes: &[u8]) -> Self {
        let head = format!("Content-Disposition: form-data; name=\"file\"; filename*=UTF-8''{encoded}\r\n");
        self.part(head.as_bytes(), bytes)
    }

    /// A part with any head.
    #[must_use]
    pub fn part(mut self, head: &[u8], bytes: &[u8]) -> Self {
        self.0.extend_from_slice(format!("--{BOUNDARY}\r\n").as_bytes());
        self.0.extend_from_slice(head);
        self.0.extend_from_slice(b"\r\n");
        self.0.extend_from_slice(bytes);
        self.0.extend_from_slice(b"\r\n");
        self
    }

    /// The finished body.
    pub fn body(mut self) -> Bytes {
        self.0.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.0.into()
    }

    /// The body without its end.
    pub fn unfinished(self) -> Bytes {
        self.0.into()
    }

    /// The header `Content-Type` that goes with it.
    pub fn content_type() -> String {
        format!("multipart/form-data; boundary={BOUNDARY}")
    }
}

/// What stands between the parts.
pub const BOUNDARY: &str = "careplan-tests-7d1f3c5e9b";
