//! Tables as CSV (RFC 4180) for spreadsheets.
//!
//! A byte order mark stands in front: without it Excel in Japan reads UTF-8 as CP932. A cell that a spreadsheet would take
//! for a formula gets a leading apostrophe.

use std::io;

/// A table with its headings.
///
/// # Errors
/// None in memory; those of the writer.
pub fn sheet<R: IntoIterator<Item = String>>(heads: &[&str], rows: impl IntoIterator<Item = R>) -> io::Result<Vec<u8>> {
    let mut bytes = "\u{feff}".as_bytes().to_vec();
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(&mut bytes);
    writer.write_record(heads)?;
    for row in rows {
        writer.write_record(row.into_iter().map(harmless))?;
    }
    writer.flush()?;
    drop(writer);
    Ok(bytes)
}

/// Full-width signs count as well: Excel in Japan takes them for the same.
fn harmless(cell: String) -> String {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        true => format!("'{cell}"),
        false => cell,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_sheet_has_a_mark_headings_and_no_formulas() {
        let row = ["=1+1".to_owned(), "a,\"b\"".to_owned()];
        let sheet = String::from_utf8(super::sheet(&["番号", "名前"], [row]).unwrap()).unwrap();
        assert_eq!(sheet, "\u{feff}番号,名前\r\n'=1+1,\"a,\"\"b\"\"\"\r\n");
    }
}
