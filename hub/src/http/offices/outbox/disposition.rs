//! The name of an uploaded file, from the raw bytes of its `Content-Disposition`.
//!
//! `filename*` (RFC 8187, UTF-8) counts before `filename`. The bytes of `filename` are UTF-8, else CP932 if they
//! round-trip, else refused: old care software writes them as Windows has them.

use careplan_protocol::problem::{Code, Refusal};
use encoding_rs::SHIFT_JIS;

/// The file name that the header gives, or `None` where it names no file.
///
/// # Errors
/// When the bytes are text in neither encoding.
pub(super) fn file_name(header: &[u8]) -> Result<Option<String>, Refusal> {
    let parameters = parameters(header).ok_or_else(unreadable)?;
    let value = |name: &[u8]| parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    if let Some((_, extended)) = value(b"filename*") {
        return extended_value(extended).map(Some).ok_or_else(unreadable);
    }
    match value(b"filename") {
        Some((_, bytes)) => decode(bytes).map(Some).ok_or_else(unreadable),
        None => Ok(None),
    }
}

/// The parameters behind the type: name and unquoted value; `None` when a quote is not closed.
///
/// Inside quotes only `\"` and `\\"` at the end mean something: a backslash may be half of a CP932 character.
fn parameters(header: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut rest = header.iter().position(|&c| c == b';').map_or(&[][..], |at| &header[at + 1..]);
    let mut parameters = Vec::new();
    while let Some(equals) = rest.iter().position(|&c| c == b'=') {
        let name = rest[..equals].trim_ascii().to_vec();
        let (value, behind) = value(rest[equals + 1..].trim_ascii_start())?;
        parameters.push((name, value));
        rest = behind;
    }
    Some(parameters)
}

fn value(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|&c| c == b';').unwrap_or(text.len());
        return Some((text[..end].trim_ascii().to_vec(), text.get(end + 1..).unwrap_or_default()));
    };
    let mut value = Vec::new();
    let mut at = 0;
    while at < quoted.len() {
        match (quoted[at], quoted.get(at + 1)) {
            (b'"', _) => break,
            // An escaped quote, unless the quote is what ends the value behind a CP932 character that ends in a backslash.
            (b'\\', Some(b'"')) if !ends_here(&quoted[at + 2..]) => {
                value.push(b'"');
                at += 2;
            }
            (byte, _) => {
                value.push(byte);
                at += 1;
            }
        }
    }
    let behind = quoted.get(at + 1..)?;
    let next = behind.iter().position(|&c| c == b';').map_or(&[][..], |semicolon| &behind[semicolon + 1..]);
    Some((value, next))
}

fn ends_here(behind: &[u8]) -> bool {
    let behind = behind.trim_ascii_start();
    behind.is_empty() || behind.starts_with(b";")
}

fn extended_value(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    let (charset, rest) = text.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    charset.eq_ignore_ascii_case("utf-8").then_some(())?;
    String::from_utf8(percent_decoded(encoded.as_bytes())?).ok()
}

fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, behind)) = rest.split_first() {
        rest = match first {
            b'%' => {
                let digits = std::str::from_utf8(behind.get(..2)?).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                &behind[2..]
            }
            byte => {
                bytes.push(byte);
                behind
            }
        };
    }
    Some(bytes)
}

fn decode(bytes: &[u8]) -> Option<String> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        // Browsers write a quote in a name as %22 (WHATWG multipart); nothing else is decoded.
        return Some(text.replace("%22", "\""));
    }
    let text = SHIFT_JIS.decode_without_bom_handling_and_without_replacement(bytes)?;
    let (encoded, _, failed) = SHIFT_JIS.encode(&text);
    (!failed && *encoded == *bytes).then(|| text.into_owned())
}

fn unreadable() -> Refusal {
    let japanese = "ファイル名を読み取れません。UTF-8 か Shift_JIS（CP932）で、引用符を閉じて送ってください。";
    Refusal::because(
        Code::FileName,
        japanese,
        "A file name cannot be read: it has to be UTF-8 or CP932, its quotes closed.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_what_curl_browsers_and_old_programs_send() {
        let (cp932, _, _) = SHIFT_JIS.encode("表ソ能十予.pdf");
        let old = [&b"form-data; name=\"file\"; filename=\""[..], &cp932, b"\""].concat();
        let (tail, _, _) = SHIFT_JIS.encode("一覧表");
        let backslash_last = [&b"form-data; name=\"file\"; filename=\""[..], &tail, b"\"; x=y"].concat();
        for (header, name) in [
            (&b"form-data; name=\"file\"; filename=\"UPJSK.CSV\""[..], Some("UPJSK.CSV")),
            ("form-data; name=\"file\"; filename=\"報告書.pdf\"".as_bytes(), Some("報告書.pdf")),
            (b"form-data; name=\"file\"; filename=\"a\\\"b;c.pdf\"; x=y", Some("a\"b;c.pdf")),
            (b"form-data; name=\"file\"; filename=\"a%22b.pdf\"", Some("a\"b.pdf")),
            (b"form-data; name=file; filename=plain.pdf", Some("plain.pdf")),
            (b"form-data; filename=\"x\"; filename*=utf-8''%E5%A0%B1%E5%91%8A.pdf", Some("報告.pdf")),
            (&old, Some("表ソ能十予.pdf")),
            (&backslash_last, Some("一覧表")),
            (b"form-data; name=\"to\"", None),
        ] {
            assert_eq!(file_name(header).unwrap().as_deref(), name);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert!(file_name(b"form-data; name=\"file\"; filename=\"a").is_err());
        assert!(file_name(b"form-data; filename=\"\xff\xfe.pdf\"").is_err());
        assert!(file_name(b"form-data; filename*=utf-8''%E5%A0").is_err());
        assert!(file_name(b"form-data; filename*=latin1''a").is_err());
    }
}
