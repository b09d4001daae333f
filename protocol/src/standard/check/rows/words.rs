//! What the checks of records say, in Japanese and English.

use crate::office::OfficeNumber;
use crate::standard::finding::{Words, words};
use crate::standard::reader::Broken;

/// The first record is a header.
pub(super) fn header() -> Words {
    words(
        "1行目が見出しです。標準仕様のファイルに見出しの行はありません。見出しを付けずに出力してください",
        "the first record is a header; files of the standard have none, export without it",
    )
}

/// A user-defined character.
pub(super) fn gaiji(code: [u8; 2]) -> Words {
    let code = format!("{:02X}{:02X}", code[0], code[1]);
    words(
        format!("外字（{code}）があります。相手のソフトでは別の字になるか読めません。JIS の文字かかなに直してください"),
        format!(
            "the user-defined character {code} shows differently or not at all elsewhere; use a standard character or kana"
        ),
    )
}

/// A version that stands in an official example, and nowhere else.
pub(super) fn slip(shown: &str) -> Words {
    words(
        format!("CSVバージョン {shown} は標準仕様の例の誤記です。202407 として読みました。202407 にしてください"),
        format!("CSVバージョン {shown} is a slip in an official example, read as 202407; write 202407"),
    )
}

/// A version that was withdrawn.
pub(super) fn withdrawn(shown: &str) -> Words {
    words(
        format!("CSVバージョン {shown} は取り下げられました。4.1 は 202407 です。ソフトを更新して出力し直してください"),
        format!("CSVバージョン {shown} was withdrawn; 4.1 is 202407. Update your software and export again"),
    )
}

/// A version that nobody knows.
pub(super) fn unknown_version(shown: &str) -> Words {
    words(
        format!(
            "CSVバージョン「{shown}」はこの種別にありません。4.1 は 202407、3.2 は 202208 です。ソフトの設定を確かめてください"
        ),
        format!(
            "there is no CSVバージョン {shown} of this kind of file; 4.1 is 202407, 3.2 is 202208. Check your software's settings"
        ),
    )
}

/// Bytes that are no CP932, in so many records.
pub(super) fn encoding(records: u64) -> Words {
    words(
        format!("CP932（Windows の Shift_JIS）にない文字コードです（{records}行）。CP932 で出力してください"),
        format!("bytes that are no CP932 (Windows Shift_JIS) in {records} records; export as CP932"),
    )
}

/// Other versions than the first record's, in so many records.
pub(super) fn mixed(records: u64) -> Words {
    words(
        format!(
            "CSVバージョンが混在しています（1行目と違うもの{records}行）。1ファイルは1バージョンで出力してください"
        ),
        format!(
            "several CSVバージョン in one file ({records} records differ from the first); export one version per file"
        ),
    )
}

/// Some records are about other months than the name.
pub(super) fn other_months(name: &str, rows: u64, found: &str) -> Words {
    words(
        format!(
            "対象年月が {name} でない行が{rows}行あります（{found}）。1ファイルは1か月分で、ファイル名の年月と同じにしてください"
        ),
        format!("{rows} records are about another month ({found}) than {name} in the name; one file holds one month"),
    )
}

/// All records are about another month than the name.
pub(super) fn other_month(name: &str, found: &str) -> Words {
    words(
        format!(
            "ファイル名の年月は {name} ですが、対象年月は {found} です。どちらが正しいか確かめて出力し直してください"
        ),
        format!("the name says month {name}, the records say {found}; see which is right and export again"),
    )
}

/// A check digit that does not hold; `item` is where the number stands.
pub(super) fn check_digit(item: &str, number: OfficeNumber) -> Words {
    let digit = number.expected_check_digit();
    words(
        format!(
            "{item}：事業所番号 {number} の検査数字が合いません（計算では {digit}）。番号の打ち間違いがないか確かめてください"
        ),
        format!(
            "{item}: the check digit of office number {number} does not hold ({digit} by the rule); look for a typing slip"
        ),
    )
}

/// More or fewer columns than expected.
pub(super) fn columns(found: usize, expected: usize) -> Words {
    words(
        format!("項目が{found}個あります。この種別とバージョンでは{expected}個です。ソフトから出力し直してください"),
        format!("{found} columns, {expected} expected for this kind and version; export again"),
    )
}

/// A record that cannot be told apart from the next.
pub(super) fn broken(why: Broken) -> Words {
    match why {
        Broken::Open => words(
            "引用符（\"）が閉じられていません。以降の行は確かめられません。出力し直してください",
            "a quote (\") is opened here and never closed; what follows was not checked; export again",
        ),
        Broken::Stray => words(
            "引用符（\"）の使い方が正しくありません。文中の引用符は二つ重ねます。以降の行は確かめられません",
            "a quote (\") stands wrongly; quotes within text are doubled; what follows was not checked",
        ),
        Broken::Endless => words(
            "1行が長すぎます（1 MiB 超）。改行がないか、CSV ではありません",
            "a line is longer than 1 MiB; line ends are missing, or this is no CSV file",
        ),
    }
}
