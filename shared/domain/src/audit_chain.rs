//! The audit's chain: each entry's hash covers the entry and the hash before it, so that nobody can change, remove, add or
//! reorder one without every later hash telling. What lives here: the hash and the check. Entries are kept in the store.
//!
//! A chain is as good as the knowledge of its end. Who may write to the database can make a whole new one; therefore the
//! end's number and hash are also told elsewhere (the nightly log, `kinlink audit verify`), and can be compared.

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::submission::hex;

/// What an entry says, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its number: one more than that of the entry before.
    pub seq: i64,
    /// When: milliseconds since 1970.
    pub at: i64,
    /// Who.
    pub actor: &'a str,
    /// What was done.
    pub action: &'a str,
    /// To what.
    pub subject: &'a str,
    /// What belongs to it: the stored text.
    pub detail: &'a str,
}

/// An end of a chain: the number of an entry and its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AuditChainEnd)]
pub struct End {
    /// The entry's number; 0 before the first one.
    pub seq: i64,
    /// Its hash, in hexadecimal digits; empty before the first one.
    pub hash: String,
}

impl End {
    /// An end that somebody noted, as it was typed or sent. None if it is none.
    #[must_use]
    pub fn noted(seq: &str, hash: &str) -> Option<Self> {
        let seq = seq.parse().ok().filter(|seq| *seq > 0)?;
        let whole = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        whole.then(|| Self { seq, hash: hash.to_ascii_lowercase() })
    }

    /// The end of the chain after this entry. Its number must be the next one.
    #[must_use]
    pub fn after(&self, record: &Record<'_>) -> Self {
        // JSON keeps the parts apart: no two entries have the same form.
        let parts = (&self.hash, record.seq, record.at, record.actor, record.action, record.subject, record.detail);
        let form = serde_json::to_string(&parts).expect("numbers and texts are JSON");
        Self { seq: record.seq, hash: hex(&Sha256::digest(form)) }
    }
}

/// What is wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Entries are missing.
    #[error("entry {0} is missing")]
    Missing(i64),
    /// An entry is not what was written, or one before it was replaced with all that follow.
    #[error("entry {0} was changed")]
    Changed(i64),
    /// There are entries behind the end, or the end itself was changed.
    #[error("entry {0} does not belong to the chain's recorded end")]
    End(i64),
}

impl Broken {
    /// The first bad entry's number.
    #[must_use]
    pub const fn seq(&self) -> i64 {
        match self {
            Self::Missing(seq) | Self::Changed(seq) | Self::End(seq) => *seq,
        }
    }
}

/// Walks along a chain from its first end; entries come in the order of their numbers.
#[derive(Debug, Clone)]
pub struct Walk {
    end: End,
}

impl Walk {
    /// Begins behind an end.
    #[must_use]
    pub const fn behind(first: End) -> Self {
        Self { end: first }
    }

    /// Looks at the next entry and the hash that is stored with it.
    ///
    /// # Errors
    /// [`Broken`]: the walk ends there.
    pub fn step(&mut self, record: &Record<'_>, hash: Option<&str>) -> Result<(), Broken> {
        let expected = self.end.seq + 1;
        if record.seq > expected {
            return Err(Broken::Missing(expected));
        }
        let next = self.end.after(record);
        if record.seq < expected || hash != Some(next.hash.as_str()) {
            return Err(Broken::Changed(record.seq));
        }
        self.end = next;
        Ok(())
    }

    /// How far the walk has come.
    #[must_use]
    pub const fn reached(&self) -> &End {
        &self.end
    }

    /// Ends the walk at the recorded end.
    ///
    /// # Errors
    /// [`Broken`]: entries are missing at the end, or the end is another.
    pub fn finish(self, last: &End) -> Result<End, Broken> {
        if self.end.seq < last.seq {
            return Err(Broken::Missing(self.end.seq + 1));
        }
        if self.end == *last { Ok(self.end) } else { Err(Broken::End(self.end.seq)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Entry = (i64, i64, String, String, String, String, Option<String>);

    fn record(entry: &Entry) -> Record<'_> {
        let (seq, at, actor, action, subject, detail, _) = entry;
        Record { seq: *seq, at: *at, actor, action, subject, detail }
    }

    fn start() -> End {
        End { seq: 0, hash: String::new() }
    }

    fn chain(texts: &[[String; 4]]) -> (Vec<Entry>, End) {
        let mut end = start();
        let mut entries = Vec::new();
        for (texts, seq) in texts.iter().zip(1..) {
            let [actor, action, subject, detail] = texts.clone();
            let mut entry = (seq, seq * 10, actor, action, subject, detail, None);
            end = end.after(&record(&entry));
            entry.6 = Some(end.hash.clone());
            entries.push(entry);
        }
        (entries, end)
    }

    fn verify(entries: &[Entry], last: &End) -> Result<End, Broken> {
        let mut walk = Walk::behind(start());
        for entry in entries {
            walk.step(&record(entry), entry.6.as_deref())?;
        }
        walk.finish(last)
    }

    proptest! {
        #[test]
        fn the_first_bad_entry_is_named(
            texts in prop::collection::vec(prop::array::uniform4("[a-z:\"{}]{0,6}"), 1..12),
            at in any::<prop::sample::Index>(),
            way in 0..9,
        ) {
            let (mut entries, last) = chain(&texts);
            prop_assert_eq!(verify(&entries, &last), Ok(last.clone()));
            let at = at.index(entries.len());
            let seq = entries[at].0;
            match way {
                0 => entries[at].1 += 1,
                1 => entries[at].2.push('x'),
                2 => entries[at].3.push('x'),
                3 => entries[at].4.push('x'),
                4 => entries[at].5.push('x'),
                5 => entries[at].6 = None,
                6 => { entries.remove(at); }
                // A text that moves from one part to the next is another entry.
                7 => { let moved = format!("{}x", entries[at].2); entries[at].2 = moved; entries[at].3.insert(0, 'y'); }
                _ => { let copy = entries[at].clone(); entries.insert(at, copy); }
            }
            let broken = verify(&entries, &last).unwrap_err();
            prop_assert_eq!(broken.seq(), seq);
        }

        #[test]
        fn a_chain_that_was_made_anew_has_another_end(
            texts in prop::collection::vec(prop::array::uniform4("[a-z]{0,6}"), 1..6),
            at in any::<prop::sample::Index>(),
        ) {
            let (_, last) = chain(&texts);
            let mut forged = texts.clone();
            forged[at.index(texts.len())][0].push('x');
            let (entries, _) = chain(&forged);
            prop_assert!(verify(&entries, &last).is_err());
        }
    }

    #[test]
    fn entries_behind_the_end_and_a_changed_end_are_seen() {
        let (entries, last) = chain(&[(); 3].map(|()| ["a", "b", "c", "{}"].map(String::from)));
        assert_eq!(verify(&entries[..2], &last), Err(Broken::Missing(3)));
        let shorter = End { seq: 2, hash: entries[1].6.clone().unwrap() };
        assert_eq!(verify(&entries, &shorter), Err(Broken::End(3)));
        assert_eq!(verify(&entries, &End { hash: "0".repeat(64), ..last }), Err(Broken::End(3)));
    }
}
