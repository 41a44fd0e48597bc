//! A bar for each day, as SVG.
//!
//! Widths are per cent and heights are pixels: bars stretch with the page and the text stays readable on a phone. Colours
//! are classes of the style sheet, so that dark mode and forced colours work. The same numbers follow as a table.

use askama::{Template, filters::HtmlSafe};
use jiff::civil::{Date, Weekday};

use crate::number::{counted, grouped};

/// Pixels between the top and the highest line: room for its number.
const TOP: u64 = 16;
/// Pixels between the highest line and the bottom line.
const HEIGHT: u64 = 160;
/// Most lines above the bottom line.
const LINES: u64 = 4;
/// Part of a day's width that its bar takes, in per cent.
const BAR: u64 = 72;
/// Room at the start for the numbers of the lines, in hundredths of a per cent.
const START: u64 = 350;

/// A chart of daily numbers; a page shows it with `{{ chart }}`.
#[derive(Debug, Clone, Template)]
#[template(path = "chart.html")]
pub struct DailyChart {
    name: String,
    title: String,
    summary: String,
    noun: String,
    lines: Vec<Line>,
    bars: Vec<Bar>,
    bottom: u64,
}

/// Its template escapes what it is given.
impl HtmlSafe for DailyChart {}

#[derive(Debug, Clone)]
struct Line {
    y: u64,
    text_y: u64,
    label: String,
}

#[derive(Debug, Clone)]
struct Bar {
    x: String,
    middle: String,
    width: String,
    y: u64,
    height: u64,
    day: String,
    count: String,
    /// Named below the bottom line.
    tick: Option<String>,
}

impl DailyChart {
    /// A chart of how much there was on each day, where days do not add up. As [`Self::new`].
    #[must_use]
    pub fn of_levels(name: &str, title: &str, noun: &str, days: &[(Date, u64)]) -> Self {
        Self { summary: summary_of_levels(days), ..Self::new(name, title, noun, days) }
    }

    /// A chart. `name` makes its ids unique on the page; `noun` heads the numbers in the table ("Requests").
    #[must_use]
    pub fn new(name: &str, title: &str, noun: &str, days: &[(Date, u64)]) -> Self {
        let highest = days.iter().map(|(_, count)| *count).max().unwrap_or_default();
        let step = step(highest);
        let top = highest.div_ceil(step).max(1) * step;
        let pixels = |count: u64| count * HEIGHT / top;
        let bottom = TOP + HEIGHT;
        let line = |value: u64| {
            let y = bottom - pixels(value);
            Line { y, text_y: y - 5, label: grouped(value) }
        };
        let lines = (1..=top / step).map(|n| line(n * step)).collect();
        let part = (10_000 - START) / days.len().max(1) as u64;
        let bar = |(place, (date, count)): (u64, &(Date, u64))| {
            // A day with anything at all can be seen.
            let height = if *count == 0 { 0 } else { pixels(*count).max(2) };
            Bar {
                x: per_cent(START + place * part + part * (100 - BAR) / 200),
                middle: per_cent(START + place * part + part / 2),
                width: per_cent(part * BAR / 100),
                y: bottom - height,
                height,
                day: date.strftime("%A %-d %B").to_string(),
                count: grouped(*count),
                tick: (date.weekday() == Weekday::Monday).then(|| date.strftime("%-d %b").to_string()),
            }
        };
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            summary: summary(days, highest),
            noun: noun.to_owned(),
            lines,
            bars: (0..).zip(days).map(bar).collect(),
            bottom,
        }
    }
}

/// The chart in one sentence, where days add up.
fn summary(days: &[(Date, u64)], highest: u64) -> String {
    let total = grouped(days.iter().map(|(_, count)| count).sum::<u64>());
    let most = days.iter().find(|(_, count)| *count == highest && highest > 0);
    match most {
        Some((date, _)) => {
            let date = date.strftime("%A %-d %B");
            let days = counted(days.len(), "day", "days");
            format!("{total} in {days}; most on {date}: {}.", grouped(highest))
        }
        None => format!("None in {}.", counted(days.len(), "day", "days")),
    }
}

/// The chart in one sentence, where days do not add up.
fn summary_of_levels(days: &[(Date, u64)]) -> String {
    // The latest of the highest.
    let most = days.iter().max_by_key(|(_, count)| *count).filter(|(_, count)| *count > 0);
    match (most, days.last()) {
        (Some((date, highest)), Some((_, now))) => {
            format!("{} now; most on {}: {}.", grouped(*now), date.strftime("%A %-d %B"), grouped(*highest))
        }
        _ => format!("None in {}.", counted(days.len(), "day", "days")),
    }
}

/// The distance of the lines: 1, 2 or 5 with noughts, so that there are at most [`LINES`].
fn step(highest: u64) -> u64 {
    let mut ten = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            let step = ten.saturating_mul(factor);
            if step.saturating_mul(LINES) >= highest {
                return step;
            }
        }
        ten = ten.saturating_mul(10);
    }
}

/// Hundredths of a per cent as SVG writes them.
fn per_cent(hundredths: u64) -> String {
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use askama::Template as _;
    use jiff::{ToSpan as _, civil::date};

    use super::{DailyChart, step};

    #[test]
    fn lines_are_round_numbers_and_few() {
        for (highest, expected) in
            [(0, 1), (1, 1), (4, 1), (5, 2), (8, 2), (9, 5), (14, 5), (20, 5), (21, 10), (41, 20), (1_204, 500)]
        {
            assert_eq!(step(highest), expected, "{highest}");
        }
        assert!(step(u64::MAX) >= u64::MAX / 5);
    }

    #[test]
    fn the_chart_says_everything_in_words_and_in_a_table() {
        let days: Vec<_> = (0..28).map(|n| (date(2026, 10, 26) + n.days(), if n == 22 { 1_400 } else { 3 })).collect();
        let html = DailyChart::new("received", "Requests & more", "Requests", &days).render().unwrap();
        for part in [
            r#"role="img" aria-labelledby="received-title received-text""#,
            r#"<title id="received-title">Requests &#38; more</title>"#,
            "1,481 in 28 days; most on Tuesday 17 November: 1,400.",
            "<th scope=\"row\">Tuesday 17 November</th><td class=\"cell-number\">1,400</td>",
            ">16 Nov</text>",
            ">1,500</text>",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
        assert_eq!(html.matches("<rect ").count(), 28);
        assert_eq!(html.matches("<tr>").count(), 29);
        assert!(!html.contains("style="));
    }

    #[test]
    fn what_does_not_add_up_is_not_added_up() {
        let days: Vec<_> = [4, 9, 9, 2].into_iter().zip(2..).map(|(count, day)| (date(2026, 11, day), count)).collect();
        let html = DailyChart::of_levels("a", "b", "c", &days).render().unwrap();
        assert!(html.contains("2 now; most on Wednesday 4 November: 9."), "{html}");
        for empty in [&[][..], &[(date(2026, 11, 2), 0)]] {
            assert!(DailyChart::of_levels("a", "b", "c", empty).render().unwrap().contains("None in "));
        }
    }

    #[test]
    fn no_days_and_empty_days_are_charts_too() {
        let html = DailyChart::new("a", "b", "c", &[]).render().unwrap();
        assert!(html.contains("None in 0 days."), "{html}");
        let html = DailyChart::new("a", "b", "c", &[(date(2026, 11, 2), 0)]).render().unwrap();
        assert!(html.contains("None in 1 day.") && html.contains("height=\"0\""), "{html}");
    }
}
