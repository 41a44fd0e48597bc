//! Lists as files for spreadsheets: CSV in UTF-8, in which no cell can be taken for a formula.

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];
/// Says that the file is UTF-8: without it some spreadsheets read names wrongly.
pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A text that no spreadsheet takes for a formula: with an apostrophe before it, where it would.
fn harmless(text: &str) -> String {
    if text.trim_start().starts_with(FORMULA) { format!("'{text}") } else { text.to_owned() }
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
    use super::harmless;

    #[test]
    fn no_cell_is_a_formula() {
        for text in ["=1+1", "+44 20", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1"] {
            assert_eq!(harmless(text), format!("'{text}"));
        }
        for text in ["O'Brien", "Ann-Marie", "a@example.org", "a=b", "'=1", ""] {
            assert_eq!(harmless(text), text);
        }
    }
}
