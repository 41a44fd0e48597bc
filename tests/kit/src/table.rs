//! Tables that programs write into documents: a program's figures stand between two marks and nowhere else.

use std::{
    io::{Error, Result},
    path::Path,
};

/// Puts a table between the marks `<!-- NAME:begin -->` and `<!-- NAME:end -->` of a document, instead of what is there.
///
/// # Errors
/// The document cannot be read or written, or lacks the marks.
pub fn put(document: &Path, name: &str, table: &str) -> Result<()> {
    let text = std::fs::read_to_string(document)?;
    let (begin, end) = (format!("<!-- {name}:begin -->"), format!("<!-- {name}:end -->"));
    let lacks = |mark: &str| Error::other(format!("{} lacks {mark}", document.display()));
    let (before, rest) = text.split_once(&begin).ok_or_else(|| lacks(&begin))?;
    let (_, after) = rest.split_once(&end).ok_or_else(|| lacks(&end))?;
    std::fs::write(document, format!("{before}{begin}\n\n{}\n\n{end}{after}", table.trim_end()))
}
