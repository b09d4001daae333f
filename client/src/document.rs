//! Pages to print and hand over, with the data that they were made of inside: people read the page, programs the data.
//!
//! A page is nothing but its data, written out: whoever checks it writes it out once more and compares every byte. So a
//! table that says something else than the data is found, whatever was changed. For the same reason pages are put together
//! by hand and not by a template engine, whose escaping and blanks may change: a page of today has to come out the same in
//! ten years. When the look of a version has to change, the version gets a new number and the old one stays readable.
//!
//! ```text
//! <!doctype html> … the page, its style, no script, nothing from elsewhere …
//! <script type="application/json" id="careplan-data">
//! {"kind":"careplan-evidence","version":1,…}      one line; < > & are escaped
//! </script>
//! </body></html>
//! ```
//! The fingerprint on the page (照合番号) is SHA-256 of the line of data.

mod page;

pub use page::Page;

use aws_lc_rs::digest::{SHA256, digest};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Data that makes a page.
pub trait Document: Serialize + DeserializeOwned {
    /// What kind of document it is: stands in the data as `kind`.
    const KIND: &'static str;
    /// The version of data and page that this program writes and reads: stands in the data as `version`.
    const VERSION: u8;

    /// Writes what stands between the head and the data; the fingerprint is to be shown.
    fn write(&self, page: &mut Page, fingerprint: &str);

    /// The page's title.
    fn title(&self) -> String;
}

/// A document read back.
#[derive(Debug)]
pub struct Opened<D> {
    /// Its data.
    pub document: D,
    /// SHA-256 of the data as it stands in the file, 64 hexadecimal digits.
    pub fingerprint: String,
    /// The first line of the file that is not what the data makes; `None` when all of it is.
    pub altered: Option<usize>,
}

/// Why a file is no such document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// There is no data in it.
    #[error("this file has no data of careplan in it")]
    NoData,
    /// Another kind.
    #[error("this is another kind of document: {0}")]
    Kind(String),
    /// A version that this program does not know.
    #[error("the document has version {0}, which this careplan does not read; use a newer one")]
    Version(u8),
    /// Data that cannot be read.
    #[error("the data in the file cannot be read, it was altered: {0}")]
    Data(#[from] serde_json::Error),
}

/// The whole page of a document.
///
/// # Errors
/// When the data cannot be written as JSON.
pub fn page_of<D: Document>(document: &D) -> Result<String, serde_json::Error> {
    let data = data_of(document)?;
    let fingerprint = hex(digest(&SHA256, data.as_bytes()).as_ref());
    let mut page = Page::begin(&document.title(), &fingerprint);
    document.write(&mut page, &fingerprint);
    page.tag(BEFORE).data(&data).tag(AFTER);
    Ok(page.finish())
}

/// Reads a page back and compares it with what its data makes.
///
/// # Errors
/// [`DocumentError`] when there is nothing to compare.
pub fn open<D: Document>(text: &str) -> Result<Opened<D>, DocumentError> {
    let (before, rest) = text.split_once(BEFORE).ok_or(DocumentError::NoData)?;
    let (data, _) = rest.split_once(AFTER.trim_end()).ok_or(DocumentError::NoData)?;
    let envelope: Envelope = serde_json::from_str(data)?;
    if envelope.kind != D::KIND {
        return Err(DocumentError::Kind(envelope.kind));
    }
    if envelope.version != D::VERSION {
        return Err(DocumentError::Version(envelope.version));
    }
    let document: D = serde_json::from_str(data)?;
    let wanted = page_of(&document)?;
    let line = |text: &str| text.matches('\n').count() + 1;
    let altered = (wanted != text).then(|| {
        let same = wanted.bytes().zip(text.bytes()).take_while(|(wanted, found)| wanted == found).count();
        line(text.get(..text.floor_char_boundary(same)).unwrap_or(before))
    });
    Ok(Opened { document, fingerprint: hex(digest(&SHA256, data.as_bytes()).as_ref()), altered })
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Digits in groups that can be read out.
pub fn grouped(digits: &str) -> String {
    let group = |at: usize| digits.get(at..digits.len().min(at + 8));
    (0..digits.len()).step_by(8).filter_map(group).collect::<Vec<_>>().join(" ")
}

#[derive(Deserialize)]
struct Envelope {
    kind: String,
    version: u8,
}

/// JSON that can stand inside a page: no character in it can end the element or begin another.
fn data_of(document: &impl Serialize) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string(document)?;
    let mut data = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => data.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => data.push(c),
        }
    }
    Ok(data)
}

const BEFORE: &str = "<script type=\"application/json\" id=\"careplan-data\">\n";
const AFTER: &str = "\n</script>\n</body>\n</html>\n";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note {
        kind: String,
        version: u8,
        text: String,
    }

    impl Document for Note {
        const KIND: &'static str = "note";
        const VERSION: u8 = 1;

        fn write(&self, page: &mut Page, fingerprint: &str) {
            page.tag("<p>").text(&self.text).tag("</p>\n<p>").text(fingerprint).tag("</p>\n");
        }

        fn title(&self) -> String {
            self.text.clone()
        }
    }

    fn note(text: &str) -> Note {
        Note { kind: "note".to_owned(), version: 1, text: text.to_owned() }
    }

    #[test]
    fn a_text_cannot_break_out_of_the_page_or_the_data() {
        let note = note("</script><script>alert('1')</script><!-- \u{2028} & \"</title>");
        let page = page_of(&note).unwrap();
        assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (1, 1));
        assert_eq!((page.matches("</title>").count(), page.matches("<!--").count()), (1, 0));
        let opened = open::<Note>(&page).unwrap();
        assert_eq!((opened.document, opened.altered), (note, None));
    }

    #[test]
    fn characters_that_hide_or_turn_text_are_shown_as_such() {
        let page = page_of(&note("a\u{202e}fdp.exe\u{0}b")).unwrap();
        assert!(page.contains("<p>a\u{fffd}fdp.exe\u{fffd}b</p>"));
    }

    #[test]
    fn other_kinds_and_versions_and_pages_without_data_are_refused() {
        let page = page_of(&note("a")).unwrap();
        assert!(matches!(open::<Note>("<html></html>"), Err(DocumentError::NoData)));
        let other = page.replace("\"kind\":\"note\"", "\"kind\":\"else\"");
        assert!(matches!(open::<Note>(&other), Err(DocumentError::Kind(_))));
        let newer = page.replace("\"version\":1", "\"version\":2");
        assert!(matches!(open::<Note>(&newer), Err(DocumentError::Version(2))));
    }

    #[test]
    fn every_changed_byte_is_found_and_its_line_named() {
        let page = page_of(&note("October")).unwrap();
        for place in 0..page.len() {
            let mut bytes = page.clone().into_bytes();
            bytes[place] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let found = open::<Note>(&changed);
            assert!(found.is_err() || found.unwrap().altered.is_some(), "byte {place}");
        }
        let altered = open::<Note>(&page.replace("<p>October", "<p>November")).unwrap().altered.unwrap();
        assert!(page.lines().nth(altered - 1).unwrap().contains("October"));
    }

    proptest! {
        #[test]
        fn whatever_the_text_the_page_comes_back_whole(text in "\\PC{0,40}|[<>&'\"\\x00-\\x7f]{0,40}") {
            let note = note(&text);
            let page = page_of(&note).unwrap();
            let opened = open::<Note>(&page).unwrap();
            prop_assert_eq!((opened.document, opened.altered), (note, None));
            prop_assert_eq!(page.matches("<script").count(), 1);
        }
    }
}
