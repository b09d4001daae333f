//! Names of attachments made safe for the recipient's disk, Windows first.

use std::collections::HashSet;
use unicode_normalization::UnicodeNormalization as _;

/// A name that any system takes and that means no device, no path and no other name than it shows.
///
/// NFC; control, bidirectional and invisible characters dropped; `<>:"/\|?*` replaced; no trailing dots and spaces;
/// names of devices marked; at most 132 bytes, the extension kept.
pub fn safe(name: &str) -> String {
    safe_within(name, LONGEST)
}

fn safe_within(name: &str, longest: usize) -> String {
    let name: String = name.nfc().filter(|&c| !is_unseen(c)).map(|c| if is_forbidden(c) { '_' } else { c }).collect();
    let name = name.trim_start().trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    let name = shortened(name, longest);
    match name {
        name if name.is_empty() => "_".to_owned(),
        name if is_reserved(&name) => format!("_{name}"),
        name => name,
    }
}

/// Safe names for files that stand in one folder: where two would be the same, whatever the case, they are numbered.
pub fn safe_all<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    all_within(names, LONGEST)
}

/// The names that versions with room for longer ones gave, for what they put down.
pub fn safe_all_before<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    all_within(names, LONGEST_BEFORE)
}

fn all_within<'a>(names: impl IntoIterator<Item = &'a str>, longest: usize) -> Vec<String> {
    let mut taken = HashSet::new();
    names
        .into_iter()
        .map(|name| {
            let safe = safe_within(name, longest);
            let free = (1..).map(|n| numbered(&safe, n)).find(|name| taken.insert(name.to_lowercase()));
            free.unwrap_or(safe)
        })
        .collect()
}

/// The same for files that stand beside one of ours, whose name none of them gets.
pub fn safe_beside<'a>(ours: &'a str, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    safe_all(std::iter::once(ours).chain(names)).split_off(1)
}

/// The name itself for 1, `name (2).ext` for 2, and so on.
pub fn numbered(name: &str, number: usize) -> String {
    match (number, name.rsplit_once('.')) {
        (1, _) => name.to_owned(),
        (_, Some((stem, extension))) if !stem.is_empty() => format!("{stem} ({number}).{extension}"),
        _ => format!("{name} ({number})"),
    }
}

/// Control characters, and those that are not seen but change what is: bidirectional, zero width, variation selectors
/// are left alone as they belong to written names.
pub(crate) fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn is_forbidden(c: char) -> bool {
    matches!(c, '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*')
}

/// Names of devices, alone or before any extension, and two files that the Windows desktop reads.
fn is_reserved(name: &str) -> bool {
    let lower = name.to_lowercase();
    let stem = lower.split('.').next().unwrap_or_default().trim_end();
    let numbered_device = |device: &str| {
        stem.strip_prefix(device).is_some_and(|n| {
            n.chars().count() == 1 && n.chars().all(|c| c.is_ascii_digit() || matches!(c, '¹' | '²' | '³'))
        })
    };
    matches!(stem, "con" | "prn" | "aux" | "nul" | "conin$" | "conout$" | "clock$")
        || numbered_device("com")
        || numbered_device("lpt")
        || matches!(lower.as_str(), "desktop.ini" | "autorun.inf")
}

fn shortened(name: &str, longest: usize) -> String {
    if name.len() <= longest {
        return name.to_owned();
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 16 => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let mut end = longest - extension.len();
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    let stem = stem[..end].trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    format!("{stem}{extension}")
}

/// Bytes: folders that are encrypted file by file (eCryptfs, as on network disks) take 143. That leaves room for the mark of
/// a device's name and for a number, and is short enough for paths of 260 characters on Windows.
const LONGEST: usize = 132;
const LONGEST_BEFORE: usize = 180;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_mean_something_else_are_disarmed() {
        for (name, expected) in [
            ("報告書.pdf", "報告書.pdf"),
            ("../../etc/passwd", ".._.._etc_passwd"),
            ("C:\\a.pdf", "C__a.pdf"),
            ("con", "_con"),
            ("NUL.txt", "_NUL.txt"),
            ("Com1.tar.gz", "_Com1.tar.gz"),
            ("lpt².pdf", "_lpt².pdf"),
            ("console.pdf", "console.pdf"),
            ("a.pdf. . ", "a.pdf"),
            ("...", "_"),
            ("", "_"),
            ("invoice\u{202e}fdp.exe", "invoicefdp.exe"),
            ("a\r\nb\0.pdf", "ab.pdf"),
            ("ハ\u{309a}.pdf", "パ.pdf"),
            ("CON .txt", "_CON .txt"),
        ] {
            assert_eq!(safe(name), expected, "{name:?}");
        }
    }

    #[test]
    fn names_that_differ_in_case_only_are_numbered() {
        assert_eq!(safe_all(["a.pdf", "A.PDF", "a.pdf", "b"]), ["a.pdf", "A (2).PDF", "a (3).pdf", "b"]);
    }

    #[test]
    fn a_long_name_keeps_its_extension() {
        let safe = safe(&format!("{}.pdf", "記".repeat(200)));
        assert!(safe.len() <= LONGEST && safe.ends_with("記.pdf"), "{safe}");
    }

    #[test]
    fn an_encrypted_folder_takes_every_name_with_its_number() {
        let long = format!("{}.pdf", "記".repeat(200));
        let names = safe_all(std::iter::repeat_n(long.as_str(), 220));
        assert!(names.iter().all(|name| numbered(name, 99).len() <= 143), "{}", names[219]);
        let device = format!("con.{}", "x".repeat(200));
        assert!(numbered(&safe(&device), 999).len() <= 143);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_one_plain_name(name in "\\PC{0,300}|[.\\x00-\\x7f]{0,20}") {
            let safe = safe(&name);
            prop_assert!(!safe.is_empty() && safe.len() <= 255);
            prop_assert!(!safe.ends_with(['.', ' ']) && safe != "." && safe != "..");
            prop_assert!(!safe.chars().any(|c| is_forbidden(c) || is_unseen(c)));
            prop_assert!(!is_reserved(&safe));
            prop_assert_eq!(super::safe(&safe), safe);
        }

        #[test]
        fn no_two_files_of_a_folder_have_one_name(names in proptest::collection::vec("[aA.\u{0} ]{0,3}", 0..8)) {
            let safe = safe_all(names.iter().map(String::as_str));
            let distinct: HashSet<String> = safe.iter().map(|name| name.to_lowercase()).collect();
            prop_assert_eq!(distinct.len(), names.len());
        }
    }
}
