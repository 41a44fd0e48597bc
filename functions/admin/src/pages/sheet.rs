//! Lists as files for spreadsheets: CSV in UTF-8, in which no cell can be taken for a formula.

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};

/// What a spreadsheet takes for the beginning of a formula, or leaves out before one; the wide forms where the language has
/// them.
const FORMULA: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠'];
/// Says that the file is UTF-8: without it some spreadsheets read names wrongly.
pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A text that no spreadsheet takes for a formula: with an apostrophe before it, where it would.
fn harmless(text: &str) -> String {
    // What is not shown, a spreadsheet may leave out before it looks.
    let shown = text.trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}');
    if [text, text.trim_start(), shown].iter().any(|text| text.starts_with(FORMULA)) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// Rows of a file.
///
/// # Errors
/// Writing into memory failed.
pub(crate) fn rows(rows: impl IntoIterator<Item = Vec<String>>) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.iter().map(|cell| harmless(cell)))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// A file with this name. It has to begin with [`BYTE_ORDER_MARK`].
pub(crate) fn file(name: &str, content: impl Into<Body>) -> Response {
    let mut response = content.into().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(name) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{FORMULA, harmless, rows};

    #[test]
    fn no_cell_is_a_formula() {
        for text in ["=1+1", "+44 20", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "\tx", "\0", "\n", "\u{a0}＝1"] {
            assert_eq!(harmless(text), format!("'{text}"));
        }
        for text in ["O'Brien", "Ann-Marie", "a@example.org", "a=b", "'=1", ""] {
            assert_eq!(harmless(text), text);
        }
    }
    /// A cell: whatever can be typed, with what tells spreadsheets and CSV apart more often than chance would.
    fn cell() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), "[=+@\t\r\n\0 '\",;＝－\u{a0}\u{feff}a-]{0,8}"]
    }

    proptest! {
        /// Whatever stands in a cell comes out as that one cell, and none begins a formula.
        #[test]
        fn every_text_is_one_cell_and_no_formula(table in prop::collection::vec(prop::collection::vec(cell(), 3), 1..4)) {
            let table = [vec![vec![String::from("head"); 3]], table].concat();
            let file = rows(table.clone()).unwrap();
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(file.as_slice());
            let read: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
            prop_assert_eq!(read.len(), table.len());
            for (record, row) in read.iter().zip(&table) {
                prop_assert_eq!(record.len(), row.len());
                for (cell, text) in record.iter().zip(row) {
                    prop_assert!(!cell.trim_start().starts_with(FORMULA) && !cell.starts_with(FORMULA), "{cell:?}");
                    prop_assert_eq!(cell.strip_prefix('\'').unwrap_or(cell), text.strip_prefix('\'').unwrap_or(text));
                }
            }
        }
    }
}
