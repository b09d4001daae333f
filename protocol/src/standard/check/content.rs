//! Rules `type` and `size`: what a file is by its first bytes, whatever its name says.

use crate::standard::context::Sizes;
use crate::standard::finding::{Finding, Findings, Place, Rule, Severity, Words, words};

/// So many of a file's first bytes are looked at.
pub(super) const HEAD: usize = 1024;

/// Checks an attachment, or an image of the standard (`image`), by its first bytes and its size.
pub(super) fn check(head: &[u8], size: u64, image: bool, sizes: Sizes, findings: &mut Findings) {
    let is_jpeg = head.starts_with(&[0xff, 0xd8, 0xff]);
    let is_pdf = head.windows(5).any(|window| window == b"%PDF-");
    if head.is_empty() {
        let text = words("ファイルが空です。選び直してください", "the file is empty; choose it again");
        findings.error(Rule::Empty, Place::default(), text);
    } else if image && !is_jpeg {
        let text = words(
            "家族構成の画像ですが、中身が JPEG ではありません。JPEG で保存し直してください",
            "this image is no JPEG by its content; save it as JPEG",
        );
        findings.error(Rule::Type, Place::default(), text);
    } else if !is_jpeg && !is_pdf {
        let text = words(
            "添付できるのは PDF と JPEG だけです。このファイルの中身はどちらでもありません",
            "attachments are PDF or JPEG; by its content this file is neither",
        );
        findings.error(Rule::Type, Place::default(), text);
    } else {
        check_size(size, if is_jpeg { sizes.jpeg } else { sizes.pdf }, findings);
    }
}

/// Checks a size in bytes.
pub(super) fn check_size(size: u64, most: u64, findings: &mut Findings) {
    if size > most {
        findings.error(Rule::Size, Place::default(), oversize(size, most));
    }
}

/// `size`: a file of which more than `most` bytes came.
pub fn too_large(file: &str, size: u64, most: u64) -> Finding {
    Finding::new(file, Rule::Size, Severity::Error, Place::default(), oversize(size, most))
}

fn oversize(size: u64, most: u64) -> Words {
    words(
        format!("大きさ {size} バイトは上限 {most} バイトを超えています。分けるか小さくしてください"),
        format!("{size} bytes are more than the {most} allowed; divide the file or make it smaller"),
    )
}
