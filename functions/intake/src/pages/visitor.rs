//! Who looks at a page, as far as that changes the page: the language, and whether it stands in another site's frame.

use axum::http::{HeaderMap, Uri, header};
use kinlink_domain::locale::Locale;
use kinlink_web::form::Fields;
use url::form_urlencoded;

/// Who looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Visitor {
    /// The language of the page.
    pub(crate) locale: Locale,
    /// Whether another site shows the page in a frame: then it has no header and footer of its own.
    pub(crate) embedded: bool,
}

impl Visitor {
    /// Who opens a page: `?lang=` goes before what the browser says.
    pub(crate) fn opening(uri: &Uri, headers: &HeaderMap) -> Self {
        let query = uri.query().unwrap_or_default();
        let find = |wanted: &str| form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted);
        let asked = find("lang").and_then(|(_, tag)| known(&tag));
        Self {
            locale: asked.or_else(|| accepted(headers)).unwrap_or_default(),
            embedded: find("embed").is_some_and(|(_, value)| value == "1"),
        }
    }

    /// Who sends a form: a language that was just chosen goes before the one that the form was in.
    pub(crate) fn sending(fields: &Fields, headers: &HeaderMap) -> Self {
        let named = |name: &str| fields.get(name).and_then(known);
        let asked = SWITCHES.into_iter().find_map(named).or_else(|| named("lang"));
        Self {
            locale: asked.or_else(|| accepted(headers)).unwrap_or_default(),
            embedded: fields.get("embed") == Some("1"),
        }
    }

    /// What keeps the language and the frame in an address.
    pub(crate) fn query(self) -> String {
        format!("?lang={}{}", self.locale.tag(), if self.embedded { "&embed=1" } else { "" })
    }
}

/// The buttons that show the form, or the check of the answers, in another language.
pub(crate) const SWITCHES: [&str; 2] = ["form_in", "check_in"];

/// The language of a tag, if texts exist in it.
fn known(tag: &str) -> Option<Locale> {
    let language = tag.split(['-', '_']).next().unwrap_or_default().trim().to_ascii_lowercase();
    Locale::from_code(&language)
}

/// The language that the browser would rather have: of the same weight the one that is named first.
fn accepted(headers: &HeaderMap) -> Option<Locale> {
    let value = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    let mut best: Option<(f32, Locale)> = None;
    for range in value.split(',').take(50) {
        let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
        let weight: f32 = weight.trim().strip_prefix("q=").and_then(|q| q.trim().parse().ok()).unwrap_or(0.0);
        if let Some(locale) = known(tag)
            && weight > best.map_or(0.0, |(weight, _)| weight)
        {
            best = Some((weight, locale));
        }
    }
    best.map(|(_, locale)| locale)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, Uri, header};
    use kinlink_domain::locale::Locale;
    use kinlink_web::form::Fields;

    use super::Visitor;

    fn headers(accept: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_bytes(accept.as_bytes()).unwrap());
        headers
    }

    #[test]
    fn the_language_is_asked_for_or_else_the_one_that_the_browser_prefers() {
        for (query, accept, locale) in [
            ("", "", Locale::En),
            ("", "pl", Locale::Pl),
            ("", "fr-FR, ar;q=0.5, cy;q=0.7", Locale::Cy),
            ("", "de, pl-PL;q=0.8, en;q=0.8", Locale::Pl),
            ("", "pl;q=0, ar;q=0.1", Locale::Ar),
            ("", "pl;q=x, *", Locale::En),
            ("", "\u{e9}", Locale::En),
            ("?lang=ar", "pl", Locale::Ar),
            ("?lang=CY-gb", "pl", Locale::Cy),
            ("?lang=tlh", "pl", Locale::Pl),
            ("?lang=en-GB&lang=ar", "pl", Locale::En),
        ] {
            let uri: Uri = format!("/request{query}").parse().unwrap();
            assert_eq!(Visitor::opening(&uri, &headers(accept)).locale, locale, "{query} {accept}");
        }
    }

    #[test]
    fn a_form_keeps_its_language_until_another_is_chosen() {
        for (body, locale, embedded) in [
            ("lang=cy", Locale::Cy, false),
            ("lang=cy&form_in=ar&embed=1", Locale::Ar, true),
            ("lang=cy&check_in=en-GB&embed=yes", Locale::En, false),
            ("lang=tlh", Locale::Pl, false),
        ] {
            let fields = Fields::parse(body.as_bytes()).unwrap();
            let visitor = Visitor::sending(&fields, &headers("pl"));
            assert_eq!((visitor.locale, visitor.embedded), (locale, embedded), "{body}");
        }
    }
}
