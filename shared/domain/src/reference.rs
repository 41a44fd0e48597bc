//! The short name of a request that people read out on the telephone, such as `K7QX-2M9D`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Digits and letters without those that are taken for one another (0/O, 1/I/L, U/V).
const ALPHABET: &[u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";
const LETTERS: u8 = 30;

/// A request's reference: eight letters and digits, drawn at random, never a running number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(value_type = String, pattern = "^[2-9A-HJKMNP-TV-Z]{4}-[2-9A-HJKMNP-TV-Z]{4}$", example = "K7QX-2M9D")]
#[serde(try_from = "String", into = "String")]
pub struct Reference(String);

/// A text that is not a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reference looks like K7QX-2M9D")]
pub struct InvalidReference;

impl Reference {
    /// The reference of eight random bytes. Bytes at the upper end would favour some letters, so they are folded by
    /// remainder: the bias (256 = 8 × 30 + 16) costs less than 0.1 bit and the unique key catches the rest.
    #[must_use]
    pub fn from_random(bytes: [u8; 8]) -> Self {
        let mut text = String::with_capacity(9);
        for (i, byte) in bytes.into_iter().enumerate() {
            if i == 4 {
                text.push('-');
            }
            text.push(char::from(ALPHABET[usize::from(byte % LETTERS)]));
        }
        Self(text)
    }

    /// The reference as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    /// Reads a reference as people type it: any case, with or without the hyphen, spaces around.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let letters: String =
            text.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase()).collect();
        if letters.len() == 8 && letters.bytes().all(|b| ALPHABET.contains(&b)) {
            Ok(Self(format!("{}-{}", &letters[..4], &letters[4..])))
        } else {
            Err(InvalidReference)
        }
    }
}
impl TryFrom<String> for Reference {
    type Error = InvalidReference;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}
impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.0
    }
}
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{InvalidReference, Reference};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_reference_can_be_read_back_as_people_type_it(bytes in any::<[u8; 8]>()) {
            let reference = Reference::from_random(bytes);
            let typed = format!(" {} ", reference.as_str().to_lowercase().replace('-', " "));
            prop_assert_eq!(typed.parse::<Reference>(), Ok(reference));
        }
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in ["", "K7QX", "K7QX-2M9O", "K7QX-2M9D9", "ÄÄÄÄ-2M9D"] {
            assert_eq!(text.parse::<Reference>(), Err(InvalidReference), "{text}");
        }
    }
}
