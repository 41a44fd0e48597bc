//! The page to go to after signing in. It comes from an address, so that anybody can have written it: only pages of ours count.

use url::{Url, form_urlencoded};

/// Where everybody begins.
pub(crate) const START: &str = "/admin/requests";
/// The longest page that is kept.
const MOST: usize = 1000;

/// The page of ours that a text names, or where everybody begins.
pub(crate) fn page_of_ours(text: Option<&str>) -> String {
    text.and_then(checked).unwrap_or_else(|| START.to_owned())
}

fn checked(text: &str) -> Option<String> {
    // Browsers take `\` for `/` and leave control characters out; what holds them is nothing that we wrote.
    if text.len() > MOST || !text.starts_with("/admin/") || text.contains(|c: char| c == '\\' || c.is_control()) {
        return None;
    }
    // Read as a browser reads it: `..` is resolved and everything is encoded.
    let here = Url::parse("https://here.invalid").ok()?;
    let read = here.join(text).ok().filter(|read| read.origin() == here.origin())?;
    let page = match read.query() {
        Some(query) => format!("{}?{query}", read.path()),
        None => read.path().to_owned(),
    };
    // The pages of signing in would lead round in circles.
    let circle = page.starts_with("/admin/sign");
    (page.len() <= MOST && page.starts_with("/admin/") && !circle).then_some(page)
}

/// An address of ours that comes back to a page.
pub(crate) fn with_return(address: &str, return_to: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", return_to).finish();
    format!("{address}?{query}")
}

#[cfg(test)]
mod tests {
    use super::{START, page_of_ours, with_return};

    #[test]
    fn only_pages_of_ours_are_gone_to() {
        for (text, page) in [
            ("/admin/users", "/admin/users"),
            ("/admin/requests/K7QX-2M9D?view=all&page=2", "/admin/requests/K7QX-2M9D?view=all&page=2"),
            ("/admin/users#top", "/admin/users"),
            ("/admin/users?q=Søren", "/admin/users?q=S%C3%B8ren"),
            ("/admin/users?next=https://evil.example", "/admin/users?next=https://evil.example"),
            ("/admin/x/../users", "/admin/users"),
            ("", START),
            ("/", START),
            ("/admin", START),
            ("/administrator", START),
            ("//evil.example", START),
            ("//evil.example/admin/", START),
            ("/\\evil.example/admin/", START),
            ("\\/admin/", START),
            ("/admin/\\evil.example", START),
            ("/admin/../../evil", START),
            ("/admin/..//evil.example", START),
            ("/admin/%2e%2e//evil.example", START),
            ("/admin/\t../..//evil.example", START),
            ("/admin/users\r\nset-cookie: x", START),
            ("https://evil.example/admin/", START),
            ("https:/admin/", START),
            ("javascript:alert(1)", START),
            (" /admin/users", START),
            ("/admin/sign-in", START),
            ("/admin/sign-in/callback?code=x", START),
            ("/admin/x/../sign-out", START),
        ] {
            assert_eq!(page_of_ours(Some(text)), page, "{text:?}");
        }
        assert_eq!(page_of_ours(None), START);
        assert_eq!(page_of_ours(Some(&format!("/admin/{}", "x".repeat(1000)))), START);
        // Encoding makes it longer.
        assert_eq!(page_of_ours(Some(&format!("/admin/?{}", "ø".repeat(300)))), START);
    }

    #[test]
    fn an_address_carries_the_page_as_one_value() {
        assert_eq!(
            with_return("/admin/sign-in", "/admin/x?a=1&b=2"),
            "/admin/sign-in?return_to=%2Fadmin%2Fx%3Fa%3D1%26b%3D2"
        );
    }
}
