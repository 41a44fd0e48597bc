//! Times for people: in the school's zone, in British English.
//!
//! Lists say how long ago something was, details say when exactly, logs count seconds. All of them carry the exact time as
//! well, so that nobody has to guess. Pages in other languages write dates by their own message files.

use jiff::{Timestamp, Zoned, civil::Date, tz::TimeZone};

/// Longest distance in days that is said in days.
const DAYS: i32 = 6;

/// A time as a page shows it: `kit::time(when)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    /// For machines: UTC, to the second.
    pub iso: String,
    /// What the page shows.
    pub text: String,
    /// The exact time in the school's zone, shown when somebody points at it.
    pub title: String,
}

/// The school's zone, and what the time is.
#[derive(Debug, Clone)]
pub struct Clock {
    /// The school's zone.
    pub zone: TimeZone,
    /// The time to which "ago" refers.
    pub now: Timestamp,
}

impl Clock {
    /// A clock.
    #[must_use]
    pub fn new(zone: TimeZone, now: Timestamp) -> Self {
        Self { zone, now }
    }

    /// For lists: "12 min ago", "yesterday", "in 4 min", "14 November 2026".
    #[must_use]
    pub fn list(&self, at: Timestamp) -> When {
        let zoned = at.to_zoned(self.zone.clone());
        let text = self.distance(&zoned).unwrap_or_else(|| date(&zoned));
        when(&zoned, text)
    }

    /// For details: "Saturday 21 November 2026, 18:02".
    #[must_use]
    pub fn full(&self, at: Timestamp) -> When {
        let zoned = at.to_zoned(self.zone.clone());
        let text = full(&zoned);
        when(&zoned, text)
    }

    /// For logs: "21 Nov 18:02:07".
    #[must_use]
    pub fn log(&self, at: Timestamp) -> When {
        let zoned = at.to_zoned(self.zone.clone());
        let text = zoned.strftime("%-d %b %H:%M:%S").to_string();
        when(&zoned, text)
    }

    /// For what matters to the day: "14 November 2026".
    #[must_use]
    pub fn date(&self, at: Timestamp) -> When {
        let zoned = at.to_zoned(self.zone.clone());
        let text = date(&zoned);
        when(&zoned, text)
    }

    /// Today, at the school.
    #[must_use]
    pub fn today(&self) -> Date {
        self.now.to_zoned(self.zone.clone()).date()
    }

    /// How far away a time is, in words; nothing when it is so far that a date says more.
    ///
    /// Under an hour the minutes count, whatever the day. From then on it is the school's calendar that counts and not
    /// hours: the day on which the clocks change has 23 or 25 of them, and "yesterday" is still the day before.
    fn distance(&self, at: &Zoned) -> Option<String> {
        let seconds = self.now.as_second() - at.timestamp().as_second();
        let days = at.date().until(self.today()).map_or(DAYS + 1, |span| span.get_days());
        let past = seconds >= 0;
        let (minutes, hours) = (seconds.abs() / 60, seconds.abs() / 3600);
        let said = |amount: String| if past { format!("{amount} ago") } else { format!("in {amount}") };
        match (minutes, days) {
            (0, _) if past => Some("just now".to_owned()),
            (0, _) => Some("in a moment".to_owned()),
            (1..60, _) => Some(said(format!("{minutes} min"))),
            (_, 0) => Some(said(if hours == 1 { "1 hour".to_owned() } else { format!("{hours} hours") })),
            (_, 1) => Some("yesterday".to_owned()),
            (_, -1) => Some("tomorrow".to_owned()),
            _ if days.abs() <= DAYS => Some(said(format!("{} days", days.abs()))),
            _ => None,
        }
    }
}

fn when(at: &Zoned, text: String) -> When {
    When { iso: at.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), text, title: full(at) }
}

fn full(at: &Zoned) -> String {
    at.strftime("%A %-d %B %Y, %H:%M").to_string()
}

fn date(at: &Zoned) -> String {
    at.strftime("%-d %B %Y").to_string()
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz::TimeZone};

    use super::Clock;

    fn clock(zone: &str, now: &str) -> Clock {
        Clock::new(TimeZone::get(zone).unwrap(), now.parse().unwrap())
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn lists_say_how_far_away_a_time_is() {
        let clock = clock("Europe/London", "2026-11-22T09:26:00Z");
        for (time, text) in [
            ("2026-11-22T09:26:00Z", "just now"),
            ("2026-11-22T09:25:01Z", "just now"),
            ("2026-11-22T09:25:00Z", "1 min ago"),
            ("2026-11-22T08:26:01Z", "59 min ago"),
            ("2026-11-22T08:26:00Z", "1 hour ago"),
            ("2026-11-22T07:20:00Z", "2 hours ago"),
            ("2026-11-22T00:00:00Z", "9 hours ago"),
            ("2026-11-21T23:59:59Z", "yesterday"),
            ("2026-11-21T00:00:00Z", "yesterday"),
            ("2026-11-20T23:59:59Z", "2 days ago"),
            ("2026-11-16T00:00:00Z", "6 days ago"),
            ("2026-11-15T23:59:59Z", "15 November 2026"),
            ("2026-11-22T09:26:59Z", "in a moment"),
            ("2026-11-22T09:30:10Z", "in 4 min"),
            ("2026-11-22T10:26:00Z", "in 1 hour"),
            ("2026-11-22T18:00:00Z", "in 8 hours"),
            ("2026-11-23T00:00:00Z", "tomorrow"),
            ("2026-11-28T23:59:59Z", "in 6 days"),
            ("2026-11-29T00:00:00Z", "29 November 2026"),
        ] {
            let when = clock.list(at(time));
            assert_eq!((when.text.as_str(), when.iso.as_str()), (text, time));
        }
    }

    #[test]
    fn minutes_count_across_midnight() {
        let clock = clock("Europe/London", "2026-11-22T00:10:00Z");
        assert_eq!(clock.list(at("2026-11-21T23:55:00Z")).text, "15 min ago");
    }

    #[test]
    fn the_exact_time_goes_with_every_form() {
        let clock = clock("Europe/London", "2026-11-22T09:26:00Z");
        let time = at("2026-11-21T18:02:07.9Z");
        for (when, text) in [
            (clock.list(time), "yesterday"),
            (clock.full(time), "Saturday 21 November 2026, 18:02"),
            (clock.log(time), "21 Nov 18:02:07"),
            (clock.date(time), "21 November 2026"),
        ] {
            assert_eq!(when.text, text);
            assert_eq!(when.iso, "2026-11-21T18:02:07Z");
            assert_eq!(when.title, "Saturday 21 November 2026, 18:02");
        }
    }

    #[test]
    fn the_clocks_go_back_and_one_hour_is_there_twice() {
        // 25 October 2026: 02:00 in summer is 01:00 in winter.
        let clock = clock("Europe/London", "2026-10-26T00:30:00Z");
        assert_eq!(clock.full(at("2026-10-25T00:30:00Z")).text, "Sunday 25 October 2026, 01:30");
        assert_eq!(clock.full(at("2026-10-25T01:30:00Z")).text, "Sunday 25 October 2026, 01:30");
        // 25.5 hours ago, and still the day before.
        assert_eq!(clock.list(at("2026-10-24T23:00:00Z")).text, "yesterday");
        assert_eq!(clock.list(at("2026-10-24T22:59:59Z")).text, "2 days ago");
        // On the day itself: midnight is 10 hours before 09:00.
        let clock = self::clock("Europe/London", "2026-10-25T09:00:00Z");
        assert_eq!(clock.list(at("2026-10-24T23:00:00Z")).text, "10 hours ago");
    }

    #[test]
    fn the_clocks_go_forward_and_one_hour_is_missing() {
        // 29 March 2026: 01:00 in winter is 02:00 in summer.
        let clock = clock("Europe/London", "2026-03-29T23:30:00Z");
        assert_eq!(clock.full(at("2026-03-29T00:59:59Z")).text, "Sunday 29 March 2026, 00:59");
        assert_eq!(clock.full(at("2026-03-29T01:00:00Z")).text, "Sunday 29 March 2026, 02:00");
        // It is 00:30 on the 30th at the school: what is 23 hours and 30 minutes old is from the day before.
        assert_eq!(clock.list(at("2026-03-29T00:00:00Z")).text, "yesterday");
        assert_eq!(clock.list(at("2026-03-28T23:59:59Z")).text, "2 days ago");
        assert_eq!(clock.today().to_string(), "2026-03-30");
    }

    #[test]
    fn another_zone_has_another_day() {
        let clock = clock("Pacific/Auckland", "2026-11-22T09:26:00Z");
        assert_eq!(clock.full(clock.now).text, "Sunday 22 November 2026, 22:26");
        assert_eq!(clock.list(at("2026-11-21T12:00:00Z")).text, "21 hours ago");
        assert_eq!(clock.list(at("2026-11-21T10:00:00Z")).text, "yesterday");
        assert_eq!(clock.log(at("2026-11-22T11:00:00Z")).text, "23 Nov 00:00:00");
    }
}
