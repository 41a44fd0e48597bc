//! The style sheet: contrast of its colours in both themes, its size, and what the security policy forbids.

use std::collections::BTreeMap;

const CSS: &str = include_str!("../assets/app.css");
const SCRIPT: &str = include_str!("../assets/app.js");

/// Text and its ground: 4.5 to 1 (WCAG 2.2, 1.4.3).
const TEXTS: [(&str, &[&str]); 20] = [
    ("text", &["ground", "surface", "sunken", "soft"]),
    ("muted", &["ground", "surface", "sunken", "soft"]),
    ("link", &["ground", "surface", "sunken", "soft"]),
    ("ok", &["ground", "surface", "sunken"]),
    ("warn", &["ground", "surface", "sunken"]),
    ("bad", &["ground", "surface", "sunken", "bad-soft"]),
    ("on-accent", &["accent", "accent-strong"]),
    ("on-head", &["head", "head-strong"]),
    ("amber", &["amber-ground"]),
    ("violet", &["violet-ground"]),
    ("red", &["red-ground"]),
    ("blue", &["blue-ground"]),
    ("green", &["green-ground"]),
    ("grey", &["grey-ground"]),
    // A done step writes its tick in the colour of the surface.
    ("surface", &["ok"]),
    ("text", &["amber-ground", "violet-ground", "red-ground", "blue-ground", "green-ground", "grey-ground"]),
    ("muted", &["grey-ground"]),
    ("link", &["grey-ground"]),
    ("text", &["bad-soft"]),
    ("muted", &["bad-soft"]),
];

/// Edges of what is operated, marks and the focus: 3 to 1 (1.4.11).
const EDGES: [(&str, &[&str]); 5] = [
    ("edge", &["ground", "surface", "sunken", "soft"]),
    ("accent", &["ground", "surface", "grey-ground", "soft"]),
    ("bad", &["ground", "surface"]),
    ("focus", &["ground", "surface", "sunken", "soft", "green-ground", "red-ground"]),
    ("focus-head", &["head", "head-strong"]),
];

/// The classes that pages may use.
const CLASSES: &str = "
    skip vh topbar brand spacer shell side content page-head lede public public-head public-main public-foot
    langs staff menu crumb pill pill-hot card card-head card-body sheet stack row two stats stat muted small
    mono hint optional nowrap quote field field-bad label input select textarea fault count choices choice
    checks check columns narrow medium wide trap error-summary find button button-plain button-quiet
    button-danger button-small button-block button-icon button-link views filters chips chip bulk table
    table-cards table-wrap cell-check cell-who cell-when cell-number who meta children group tags tag tag-amber
    tag-violet tag-red tag-blue tag-green pager summary-list match candidates decide timeline log steps
    done-panel empty notice notice-info notice-ok notice-warn notice-bad chart bar progress env no-print
    only-print flip child dot ok warn bad
";

type Tokens = BTreeMap<&'static str, &'static str>;

/// The colours between a selector and the next closing brace.
fn tokens(selector: &str) -> Tokens {
    let (_, rest) = CSS.split_once(selector).expect("the selector");
    let (block, _) = rest.split_once('}').expect("a closing brace");
    let pairs = block.lines().filter_map(|line| line.trim().strip_prefix("--")?.strip_suffix(';')?.split_once(": "));
    pairs.filter(|(_, value)| value.starts_with('#')).collect()
}

fn light() -> Tokens {
    tokens(":root {")
}

fn dark() -> Tokens {
    tokens(":root:not([data-theme=\"light\"]) {")
}

/// Relative luminance, as WCAG defines it.
fn luminance(colour: &str) -> f64 {
    let part = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).expect("a colour")) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn check(theme: &str, tokens: &Tokens, pairs: &[(&str, &[&str])], least: f64) {
    for (front, grounds) in pairs {
        for ground in *grounds {
            let found = contrast(tokens[front], tokens[ground]);
            assert!(found >= least, "{theme}: {front} on {ground} is {found:.2} to 1, needs {least}");
        }
    }
}

#[test]
fn every_pair_of_colours_has_enough_contrast_in_light_and_dark() {
    assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 0.001);
    for (theme, tokens) in [("light", light()), ("dark", dark())] {
        check(theme, &tokens, &TEXTS, 4.5);
        check(theme, &tokens, &EDGES, 3.0);
    }
}

#[test]
fn the_two_dark_themes_are_the_same_and_leave_no_colour_light() {
    let chosen = tokens(":root[data-theme=\"dark\"] {");
    assert_eq!(dark(), chosen);
    assert_eq!(light().keys().collect::<Vec<_>>(), chosen.keys().collect::<Vec<_>>());
}

#[test]
fn every_token_that_is_used_exists() {
    for (used, _) in CSS.match_indices("var(--").map(|(at, _)| CSS[at + 6..].split_once(')').unwrap()) {
        assert!(CSS.contains(&format!("--{used}: ")), "{used}");
    }
}

#[test]
fn colours_are_written_in_tokens_only() {
    let (_, rules) = CSS.split_once("/* Page */").unwrap();
    let (rules, _) = rules.split_once("@media print").unwrap();
    let loose = rules.lines().find(|line| line.contains(": #") || line.contains(" #"));
    assert_eq!(loose, None);
}

#[test]
fn nothing_needs_what_the_policy_forbids() {
    for forbidden in ["url(", "@import", "@font-face", "expression("] {
        assert!(!CSS.contains(forbidden), "app.css: {forbidden}");
    }
    for forbidden in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", ".style"]
    {
        assert!(!SCRIPT.contains(forbidden), "app.js: {forbidden}");
    }
}

#[test]
fn every_class_of_the_kit_is_defined() {
    for class in CLASSES.split_whitespace() {
        let defined = CSS.match_indices(&format!(".{class}")).any(|(at, found)| {
            !CSS[at + found.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '-')
        });
        assert!(defined, "{class}");
    }
}
