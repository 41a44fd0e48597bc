//! The two pages that only one machine has: where to begin, and the mails that would have been sent.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Router,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use kinlink_service::{ServiceError, mail};
use kinlink_store::mails;
use kinlink_web::{Problem, html::escape};

use super::Door;
use crate::{
    answer::{put, time},
    local::Local,
};

/// How many mails the page shows.
const MAILS: u32 = 50;
const POLICY: [(HeaderName, &str); 2] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
];

/// What to try, with a line to paste for each.
pub(super) fn examples(door: &Door, local: bool) -> Vec<(&'static str, String)> {
    let Door { url, admin_token, source_key, .. } = door;
    let staff = format!("-H 'authorization: Bearer {admin_token}'");
    let json = "-H 'content-type: application/json'";
    let submission = r#"{"kind":"new_account","adult":{"title":"Mr","given_name":"Gwilym","family_name":"Williams","email":"gwilym@williams.test"},"children":[{"given_name":"Noah","family_name":"Williams","tutor_group":"8KL"}],"declaration":true}"#;
    let checks = r#"{"checks":{"details_match":true,"no_similar_pupil":true,"no_critical_note":true}}"#;
    let api = format!("{url}/api/v1/admin");
    let mail = if local { format!("open {url}/mail (or: kinlink mail list)") } else { "kinlink mail list".to_owned() };
    vec![
        (
            "Send a request:",
            format!("curl -s {url}/api/v1/requests -H 'x-api-key: {source_key}' {json} -d '{submission}'"),
        ),
        ("Read the mail with the link:", mail),
        (
            "Confirm the address (or open the link and press the button):",
            format!("curl -s -X POST {url}/confirm/TOKEN"),
        ),
        ("List the requests:", format!("curl -s {api}/requests {staff}")),
        (
            "Approve one (If-Match: the ETag of what you saw, or * for whatever it is):",
            format!("curl -s {api}/requests/REFERENCE/approve {staff} {json} -H 'if-match: *' -d '{checks}'"),
        ),
        ("Run a cycle:", format!("curl -s {api}/cycles {staff} {json} -d '{{\"action\":\"cycle\"}}'")),
    ]
}

/// `/`: what this is and what to do with it. Keys are printed in the terminal only.
pub(super) fn start(local: &Local, door: &Door) -> Router {
    let masked = Door {
        url: door.url.clone(),
        sign_in_url: String::new(),
        admin_token: "STAFF_TOKEN".into(),
        source_key: "SOURCE_KEY".into(),
    };
    let loopback = local.config.listen.ip().is_loopback();
    let mut body =
        String::from("<p>Kinlink gives parents and carers their Moodle accounts. It is running on this machine.</p>\n");
    body.push_str("<p><a href=\"/request\">The form for parents</a></p>\n");
    if loopback {
        body.push_str("<p><a href=\"/mail\">Mails</a></p>\n");
    }
    for (title, line) in examples(&masked, loopback) {
        put!(body, "<p>{}</p>\n<pre>{}</pre>\n", escape(title), escape(&line));
    }
    body.push_str("<p>The token and the key are in the terminal where Kinlink was started.</p>\n");
    let html: Arc<str> = page(local, "Kinlink", &body).into();
    Router::new().route("/", get(async move || (POLICY, html.to_string())))
}

/// `/mail`: the newest mails, as they would be sent now.
pub(super) fn mails(local: &Local) -> Router {
    let local = Arc::new(local.clone());
    Router::new().route(
        "/mail",
        get(async move |headers: HeaderMap| {
            // A page elsewhere can give its own name our address; a browser then says that name here.
            if !is_here(&headers) {
                let detail = "the mails are shown under 127.0.0.1 or localhost only";
                return Problem::new(StatusCode::FORBIDDEN, "not_here", "Only on this machine", detail).into_response();
            }
            match newest(&local).await {
                Ok(body) => (POLICY, page(&local, "Mails", &body)).into_response(),
                Err(error) => Problem::from(error).into_response(),
            }
        }),
    )
}

fn is_here(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(name, _)| name);
    let address: Option<IpAddr> = name.trim_start_matches('[').trim_end_matches(']').parse().ok();
    name == "localhost" || address.is_some_and(|address| address.is_loopback())
}

async fn newest(local: &Local) -> Result<String, ServiceError> {
    let mut store = local.app.store.acquire().await?;
    let mails = mails::newest(&mut store, MAILS).await?;
    if mails.is_empty() {
        return Ok("<p>No mail yet.</p>\n".into());
    }
    let mut html = String::new();
    for mail in mails {
        let (subject, body) = match mail::write(&local.app, &local.school, &mut store, &mail).await? {
            Some(rendered) => (escape(&rendered.subject), linked(&rendered.body)),
            None => ("(would not be sent now)".into(), "What it says is not true any more.".into()),
        };
        put!(
            html,
            "<article>\n<h2>{subject}</h2>\n<p>To {} · {} · {}</p>\n<pre>{body}</pre>\n</article>\n",
            escape(mail.recipient.as_str()),
            escape(&mail.state),
            time(mail.created_at)
        );
    }
    Ok(html)
}

/// A mail's text with its links made links. Only what begins a word and is http(s) becomes one.
fn linked(text: &str) -> String {
    let mut html = String::new();
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        if word.starts_with("http://") || word.starts_with("https://") {
            let url = escape(word);
            put!(html, "<a href=\"{url}\" rel=\"noreferrer\">{url}</a>");
            html.push_str(&piece[word.len()..]);
        } else {
            html.push_str(&escape(piece));
        }
    }
    html
}

fn page(local: &Local, title: &str, body: &str) -> String {
    let school = escape(&local.school.name);
    let label = if local.demonstration {
        "<p><strong>DEMONSTRATION</strong>: the Moodle behind this is an invented school.</p>\n"
    } else {
        ""
    };
    let style = kinlink_web::assets::APP_CSS;
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>{title} – {school}</title>\n<link rel=\"stylesheet\" \
         href=\"{style}\">\n</head>\n<body class=\"public\">\n<header class=\"public-head\">{school}</header>\n\
         <main class=\"public-main\">\n<h1>{title}</h1>\n{label}{body}</main>\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::{is_here, linked};

    #[test]
    fn links_work_and_nothing_else_becomes_html() {
        assert_eq!(
            linked("Open\nhttp://127.0.0.1:1/confirm/a?b=\"&c\n<script>"),
            "Open\n<a href=\"http://127.0.0.1:1/confirm/a?b=&quot;&amp;c\" rel=\"noreferrer\">\
             http://127.0.0.1:1/confirm/a?b=&quot;&amp;c</a>\n&lt;script&gt;"
        );
        assert_eq!(linked("javascript:alert(1)"), "javascript:alert(1)");
    }

    #[test]
    fn mails_are_for_this_machine() {
        for (host, here) in [
            ("127.0.0.1:8080", true),
            ("localhost", true),
            ("[::1]:8080", true),
            ("evil.example:8080", false),
            ("localhost.evil.example", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
            assert_eq!(is_here(&headers), here, "{host}");
        }
    }
}
