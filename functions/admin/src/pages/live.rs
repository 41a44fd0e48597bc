//! Parts of pages that ask for themselves again: how long they wait, and when they stop.
//!
//! While nothing changes the pauses grow, so that a page that nobody looks at costs little; and after half an hour without
//! being loaded anew it does not ask any more: otherwise it would keep a session that nobody uses.

use axum::{
    http::{HeaderValue, StatusCode},
    response::{IntoResponse as _, Response},
};
use kinlink_domain::Timestamp;
use kinlink_web::{Parameters, Problem};
use url::form_urlencoded::Serializer;

/// Seconds after which a page that was not loaded anew stops to ask.
const ENOUGH: i64 = 30 * 60;

/// The shortest and the longest pause, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pauses {
    pub(crate) soon: u32,
    pub(crate) late: u32,
}

/// What the answer before said.
#[derive(Debug, Clone)]
pub(crate) struct Earlier {
    /// A mark of what was shown.
    seen: String,
    /// The pause since, in seconds.
    pause: u32,
    /// When the page was loaded, in seconds since 1970.
    loaded: i64,
}

impl Earlier {
    pub(crate) fn read(query: &mut Parameters) -> Self {
        Self {
            seen: query.text("seen").unwrap_or_default(),
            pause: query.one("pause", "seconds").unwrap_or_default(),
            loaded: query.one("loaded", "seconds").unwrap_or_default(),
        }
    }
}

/// When a part asks again, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Again {
    pub(crate) href: String,
    pub(crate) seconds: u32,
}

impl Pauses {
    /// When the part at an address asks again; `mark` changes with anything that it shows.
    pub(crate) fn again(self, address: &str, mark: &str, earlier: Option<&Earlier>, now: Timestamp) -> Option<Again> {
        let now = now.as_second();
        let seconds = match earlier {
            Some(earlier) if earlier.seen == mark => earlier.pause.saturating_mul(2).clamp(self.soon, self.late),
            _ => self.soon,
        };
        let loaded = earlier.map_or(now, |earlier| earlier.loaded.min(now));
        if now - loaded >= ENOUGH {
            return None;
        }
        let (address, begin) =
            if address.contains('?') { (address.to_owned(), 0) } else { (format!("{address}?"), address.len() + 1) };
        let mut query = Serializer::for_suffix(address, begin);
        query
            .append_pair("seen", mark)
            .append_pair("pause", &seconds.to_string())
            .append_pair("loaded", &loaded.to_string());
        Some(Again { href: query.finish(), seconds })
    }
}

/// Leaves what is shown as it is, because of a problem that may pass; the part asks again.
pub(crate) fn untouched(problem: &Problem) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(cause) = problem.cause() {
        response.extensions_mut().insert(cause);
    }
    response
}

/// Has the whole page loaded anew: somebody who is signed out must not find the sign-in page inside it.
pub(crate) fn reload() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert("hx-refresh", HeaderValue::from_static("true"));
    response
}

#[cfg(test)]
mod tests {
    use kinlink_domain::Timestamp;
    use kinlink_web::Parameters;

    use super::{Earlier, Pauses};

    const PAUSES: Pauses = Pauses { soon: 2, late: 30 };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn asked(href: &str) -> Earlier {
        Earlier::read(&mut Parameters::parse(href.split_once('?').unwrap().1))
    }

    #[test]
    fn the_pauses_double_while_nothing_changes_and_begin_anew_with_a_change() {
        let mut again = PAUSES.again("/x", "a", None, at(100)).unwrap();
        let mut pauses = vec![again.seconds];
        for mark in ["a", "a", "a", "a", "a", "b", "b"] {
            again = PAUSES.again("/x", mark, Some(&asked(&again.href)), at(200)).unwrap();
            pauses.push(again.seconds);
        }
        assert_eq!(pauses, [2, 4, 8, 16, 30, 30, 2, 4]);
        assert_eq!(again.href, "/x?seen=b&pause=4&loaded=100");
        let kept = PAUSES.again("/x?view=all", "a", None, at(100)).unwrap();
        assert_eq!(kept.href, "/x?view=all&seen=a&pause=2&loaded=100");
    }

    #[test]
    fn a_page_that_was_loaded_half_an_hour_ago_asks_no_more_and_nobody_can_put_that_off() {
        let first = PAUSES.again("/x", "a", None, at(100)).unwrap();
        assert!(PAUSES.again("/x", "a", Some(&asked(&first.href)), at(100 + 1_799)).is_some());
        assert_eq!(PAUSES.again("/x", "a", Some(&asked(&first.href)), at(100 + 1_800)), None);
        let future = PAUSES.again("/x", "a", Some(&asked("/x?seen=a&pause=4000000000&loaded=99999999999")), at(100));
        assert_eq!(future.map(|again| (again.seconds, again.href.ends_with("loaded=100"))), Some((30, true)));
        assert_eq!(PAUSES.again("/x", "a", Some(&asked("/x?seen=%00&pause=-1&loaded=x")), at(10_000)), None);
    }
}
