//! Canaries: words about people that nobody else has, to be searched for where no such word may be. The one place that
//! defines them.

/// What every canary holds, in lower case. Nothing else in Kinlink and its tests is called so.
pub const MARK: &str = "canary";

/// An adult's given name.
pub const GIVEN_NAME: &str = "Canaryfirst";
/// An adult's family name.
pub const FAMILY_NAME: &str = "Canarylast";
/// Their address.
pub const EMAIL: &str = "canary+mail@canary.example";
/// What they write.
pub const COMMENT: &str = "canarycomment";
/// A child that the school does not know: given name.
pub const CHILD_GIVEN_NAME: &str = "Canarychild";
/// Family name.
pub const CHILD_FAMILY_NAME: &str = "Canarykin";
/// Tutor group.
pub const TUTOR_GROUP: &str = "7CANARY";
/// Admission number.
pub const ADMISSION_NUMBER: &str = "CANARY-00417";
/// What staff write.
pub const NOTE: &str = "canarynote";

/// Fails with the words around a canary, or around one of the other words, if there is one in the text.
///
/// # Panics
/// If there is.
#[track_caller]
pub fn assert_none(text: &str, others: &[&str], place: &str) {
    let text = text.to_lowercase();
    for word in others.iter().map(|word| word.to_lowercase()).chain([MARK.to_owned()]) {
        if let Some(at) = text.find(&word) {
            let begin = text[..at].char_indices().rev().nth(200).map_or(0, |(place, _)| place);
            let end = text[at..].char_indices().nth(200).map_or(text.len(), |(place, _)| at + place);
            panic!("{word:?} is in {place}: …{}…", &text[begin..end]);
        }
    }
}
