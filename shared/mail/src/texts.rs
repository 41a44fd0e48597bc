//! The words of the mails, one file a language. A language is a function from letter to subject and body; the compiler
//! sees to it that none lacks a letter.

pub(crate) mod en;

/// Whether a name can stand in a greeting: what looks like a link would be an advertisement that we send for a stranger.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '@', '<', '>']) && !name.to_lowercase().contains("www.")
}
