//! What is wrong with a form that was sent, as the list above it says it.

/// A line of that list.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    /// The id of the field.
    pub(crate) anchor: String,
    /// What to do.
    pub(crate) text: String,
}

impl Fault {
    pub(crate) fn new(anchor: impl Into<String>, text: impl Into<String>) -> Self {
        Self { anchor: anchor.into(), text: text.into() }
    }
}

/// What is wrong with one field.
pub(crate) fn of<'a>(faults: &'a [Fault], anchor: &str) -> Option<&'a str> {
    faults.iter().find(|fault| fault.anchor == anchor).map(|fault| fault.text.as_str())
}
