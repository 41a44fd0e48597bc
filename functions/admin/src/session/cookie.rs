//! Our cookies: the session's, one that binds a sign-in under way to its browser, and the notice of the last act.

use axum::http::{HeaderMap, HeaderValue, header};

/// What our cookies are called and which attributes they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cookies {
    secure: bool,
}

/// Which cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The session's secret. It ends with the browser, or when the store says so.
    Session,
    /// The browser's half of a sign-in that is under way.
    SignIn,
    /// What the last act did, until the next page has shown it.
    Notice,
}

impl Cookies {
    /// Cookies for pages at this address. `Secure` and with it the prefix `__Host-` (set by this host, for this host only)
    /// are left out on plain HTTP, which settings allow on this very machine alone: there not every browser keeps such a
    /// cookie.
    pub(crate) fn new(public_url: &str) -> Self {
        Self { secure: !public_url.starts_with("http:") }
    }

    fn name(self, cookie: Cookie) -> &'static str {
        match (cookie, self.secure) {
            (Cookie::Session, true) => "__Host-kinlink",
            (Cookie::Session, false) => "kinlink",
            (Cookie::SignIn, true) => "__Host-kinlink-sign-in",
            (Cookie::SignIn, false) => "kinlink-sign-in",
            (Cookie::Notice, true) => "__Host-kinlink-notice",
            (Cookie::Notice, false) => "kinlink-notice",
        }
    }

    /// What a browser brings.
    pub(crate) fn read(self, cookie: Cookie, headers: &HeaderMap) -> Option<&str> {
        let name = self.name(cookie);
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        lines.flat_map(|line| line.split(';')).find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
    }

    /// Has the browser hold a text.
    pub(crate) fn set(self, cookie: Cookie, text: &str, headers: &mut HeaderMap) {
        let most = match cookie {
            Cookie::Session => "",
            // As long as a sign-in may be under way, which may also come before the page that shows the notice.
            Cookie::SignIn | Cookie::Notice => "; Max-Age=600",
        };
        self.write(cookie, &format!("={text}{most}"), headers);
    }

    /// Has the browser forget it.
    pub(crate) fn remove(self, cookie: Cookie, headers: &mut HeaderMap) {
        self.write(cookie, "=; Max-Age=0", headers);
    }

    fn write(self, cookie: Cookie, value: &str, headers: &mut HeaderMap) {
        let secure = if self.secure { "; Secure" } else { "" };
        // Lax, not Strict: the provider and links in mails lead here, and a strict cookie would stay away then.
        let line = format!("{}{value}; Path=/; HttpOnly; SameSite=Lax{secure}", self.name(cookie));
        if let Ok(line) = HeaderValue::try_from(line) {
            headers.append(header::SET_COOKIE, line);
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::{Cookie, Cookies};

    fn line(write: impl Fn(&mut HeaderMap)) -> String {
        let mut headers = HeaderMap::new();
        write(&mut headers);
        headers[header::SET_COOKIE].to_str().unwrap().to_owned()
    }

    #[test]
    fn cookies_are_bound_to_the_host_and_hidden_from_scripts() {
        let (https, here) = (Cookies::new("https://parents.example.org"), Cookies::new("http://127.0.0.1:8080"));
        assert_eq!(
            line(|headers| https.set(Cookie::Session, "s", headers)),
            "__Host-kinlink=s; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            line(|headers| https.set(Cookie::SignIn, "s", headers)),
            "__Host-kinlink-sign-in=s; Max-Age=600; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            line(|headers| here.set(Cookie::Session, "s", headers)),
            "kinlink=s; Path=/; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            line(|headers| https.remove(Cookie::Session, headers)),
            "__Host-kinlink=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure"
        );
    }

    #[test]
    fn a_cookie_is_found_among_others_by_its_whole_name() {
        let cookies = Cookies::new("https://parents.example.org");
        for (brought, found) in [
            ("__Host-kinlink=a", Some("a")),
            ("x=1; __Host-kinlink=a; y=2", Some("a")),
            ("__Host-kinlink-sign-in=b; __Host-kinlink=a", Some("a")),
            ("kinlink=a", None),
            ("x__Host-kinlink=a", None),
            ("__Host-kinlink", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_str(brought).unwrap());
            assert_eq!(cookies.read(Cookie::Session, &headers), found, "{brought}");
        }
    }
}
