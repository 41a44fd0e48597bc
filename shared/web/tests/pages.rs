//! Pages, forms, assets and the fence against other sites, seen from outside.

use askama::Template;
use axum::{
    Router,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode},
    routing::{get, post},
};
use kinlink_testapp::Client;
use kinlink_web::{
    Audience, Form, FormFault, assets, finish,
    form::{FIELDS_LIMIT, PUBLIC_LIMIT, STAFF_LIMIT},
    origin::{OwnOrigin, same_origin},
    page,
    when::When,
};
use url::Url;

const FORM: &str = "application/x-www-form-urlencoded";

struct Fault {
    anchor: &'static str,
    text: &'static str,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"{% import "kit.html" as kit %}{{ kit::icon("check") }}{{ kit::tag("red", "x", word) }}{% call kit::notice("ok", "check") %}{{ word }}{% endcall %}{{ kit::errors(word, faults) }}{% call kit::empty("inbox", word) %}<a href="/">{{ word }}</a>{% endcall %}{{ kit::time(when) }}"#
)]
struct Parts {
    word: &'static str,
    faults: Vec<Fault>,
    when: When,
}

#[derive(Template)]
#[template(ext = "html", source = "<p>{{ broken }}</p>")]
struct Broken {
    broken: Breaks,
}

struct Breaks;

impl std::fmt::Display for Breaks {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Err(std::fmt::Error)
    }
}

fn parts() -> Parts {
    let when = When { iso: "2026-11-22T09:26:00Z".into(), text: "<now>".into(), title: "\"title\"".into() };
    Parts { word: "<b>Ö'Brien", faults: vec![Fault { anchor: "email", text: "<i>" }], when }
}

fn client() -> Client {
    let sites = [
        "https://www.school.example:8443/parents?x=1",
        "http://old.school.example",
        "javascript:alert(1)",
        "'none'; x",
    ];
    let public = Audience::public(sites);
    let routes = Router::new()
        .route("/staff", get(async || page(&Audience::staff(), StatusCode::CONFLICT, &parts())))
        .route("/public", get(async move || page(&public, StatusCode::OK, &parts())))
        .route("/broken", get(async || page(&Audience::staff(), StatusCode::OK, &Broken { broken: Breaks })))
        .route(
            "/form",
            post(async |Form(fields): Form| {
                fields.pairs().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(";")
            }),
        )
        .route("/long", post(async |form: Form<STAFF_LIMIT>| form.get("a").unwrap_or_default().len().to_string()))
        .route(
            "/own-answer",
            post(async |form: Result<Form, FormFault>| form.map(|_| ()).map_err(|fault| (fault.status, fault.code))),
        )
        .merge(assets::routes());
    Client::new(finish(same_origin(routes, &Url::parse("https://parents.school.example/").expect("an address"))))
}

#[tokio::test]
async fn pages_carry_their_headers() {
    let client = client();
    let staff = client.get("/staff").await.expect(409);
    let public = client.get("/public").await.expect(200);
    for answer in [&staff, &public] {
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("strict-transport-security", "max-age=31536000"),
        ] {
            assert_eq!(answer.header(name), value, "{name}");
        }
        assert!(answer.header("permissions-policy").contains("camera=()"));
    }
    assert_eq!(
        staff.header("content-security-policy"),
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    assert_eq!(
        public.header("content-security-policy"),
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; require-trusted-types-for 'script'; frame-ancestors 'self' https://www.school.example:8443 \
         http://old.school.example"
    );
}

#[tokio::test]
async fn a_page_that_cannot_be_written_is_an_internal_problem() {
    client().get("/broken").await.problem(500, "internal");
}

#[test]
fn the_parts_escape_what_they_are_given() {
    let html = parts().render().unwrap();
    for part in [
        &format!(r#"<use href="{}#check"/>"#, assets::ICONS),
        r#"<span class="tag tag-red">"#,
        "&#60;b&#62;Ö&#39;Brien</span>",
        r#"<div class="notice notice-ok">"#,
        r#"<div class="error-summary" id="error-summary" role="alert" tabindex="-1">"#,
        r##"<li><a href="#email">&#60;i&#62;</a></li>"##,
        r#"<a href="/">&#60;b&#62;Ö&#39;Brien</a>"#,
        r#"<time datetime="2026-11-22T09:26:00Z" title="&#34;title&#34;">&#60;now&#62;</time>"#,
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    assert!(!html.contains("<b>") && !html.contains("<i>") && !html.contains("<now>"), "{html}");
}

#[tokio::test]
async fn assets_are_kept_for_ever_under_their_own_name_only() {
    let client = client();
    for (path, media_type) in [
        (assets::APP_CSS, "text/css; charset=utf-8"),
        (assets::APP_JS, "text/javascript; charset=utf-8"),
        (assets::HTMX_JS, "text/javascript; charset=utf-8"),
        (assets::ICONS, "image/svg+xml"),
        (assets::FAVICON, "image/svg+xml"),
    ] {
        let answer = client.get(path).await.expect(200);
        assert_eq!(answer.header("content-type"), media_type);
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(answer.header("vary"), "Accept-Encoding");
        assert_eq!(answer.header("content-encoding"), "");
        let (name, extension) = path.rsplit_once('.').unwrap();
        let (stem, _) = name.rsplit_once('.').unwrap();
        let old = client.get(&format!("{stem}.0123456789ab.{extension}")).await.expect(200);
        assert_eq!((old.header("cache-control"), &old.text), ("no-store", &answer.text));
    }
    for path in ["/assets/app.css", "/assets/app.0123456789ab.html", "/assets/other.0123456789ab.css", "/assets/.."] {
        client.get(path).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn assets_are_packed_for_who_takes_it() {
    let client = client();
    for (taken, packed) in [
        ("gzip, deflate, br", true),
        ("BR;q=0.5", true),
        ("gzip, br;q=0", false),
        ("br; q=0.000", false),
        ("gzip", false),
        ("", false),
    ] {
        let answer = client.with("accept-encoding", taken).send("HEAD", assets::APP_CSS, "").await.expect(200);
        assert_eq!(answer.header("content-encoding") == "br", packed, "{taken}");
    }
}

#[tokio::test]
async fn forms_keep_every_field_and_their_order() {
    let client = client().with("content-type", "Application/X-WWW-Form-URLencoded; charset=UTF-8");
    let body = "b=1&a=%C3%96+x&b=2&c&d=%zz&e=%ff&=f&&g=%3D%26";
    let answer = client.send("POST", "/form", body).await.expect(200);
    assert_eq!(answer.text, "b=1;a=Ö x;b=2;c=;d=%zz;e=\u{fffd};=f;g==&");
    assert_eq!(client.send("POST", "/form", "").await.expect(200).text, "");
}

#[tokio::test]
async fn forms_have_limits() {
    let plain = client();
    let client = plain.with("content-type", FORM);
    plain.with("content-type", "text/plain").send("POST", "/form", "a=1").await.problem(415, "unsupported_media_type");
    plain.send("POST", "/form", "a=1").await.problem(415, "unsupported_media_type");
    let of = |length: usize| format!("a={}", "x".repeat(length - 2));
    let _ = client.send("POST", "/form", of(PUBLIC_LIMIT)).await.expect(200);
    client.send("POST", "/form", of(PUBLIC_LIMIT + 1)).await.problem(413, "too_large");
    assert_eq!(client.send("POST", "/long", of(STAFF_LIMIT)).await.expect(200).text, (STAFF_LIMIT - 2).to_string());
    client.send("POST", "/long", of(STAFF_LIMIT + 1)).await.problem(413, "too_large");
    let _ = client.send("POST", "/form", "a&".repeat(FIELDS_LIMIT)).await.expect(200);
    client.send("POST", "/form", "a&".repeat(FIELDS_LIMIT + 1)).await.problem(413, "too_many_fields");
    let own = client.send("POST", "/own-answer", "a&".repeat(FIELDS_LIMIT + 1)).await.expect(413);
    assert_eq!(own.text, "too_many_fields");
}

#[tokio::test]
async fn the_fence_stands_around_the_routes() {
    let client = client().with("content-type", FORM);
    client.with("sec-fetch-site", "cross-site").send("POST", "/form", "a=1").await.problem(403, "cross_site");
    let _ = client.with("sec-fetch-site", "same-origin").send("POST", "/form", "a=1").await.expect(200);
    let _ = client.with("sec-fetch-site", "cross-site").get("/public").await.expect(200);
}

#[test]
fn who_may_send_what() {
    let own = OwnOrigin::new(&Url::parse("https://parents.school.example/request").unwrap());
    let here = "https://parents.school.example";
    for (method, site, origin, host, allowed) in [
        ("GET", "cross-site", "https://evil.example", "", true),
        ("HEAD", "cross-site", "", "", true),
        ("POST", "same-origin", "", "", true),
        // The browser itself: a form opened from the history.
        ("POST", "none", "", "", true),
        ("POST", "same-site", here, "", false),
        ("POST", "cross-site", here, "", false),
        ("POST", "SAME-ORIGIN", here, "", false),
        // What the browser says about the site counts, whatever the origin looks like.
        ("POST", "same-origin", "https://evil.example", "", true),
        ("POST", "", here, "", true),
        ("POST", "", "HTTPS://Parents.School.Example", "", true),
        ("POST", "", "https://parents.school.example:8443", "", false),
        ("POST", "", "http://parents.school.example", "", false),
        ("POST", "", "https://parents.school.example.evil.example", "", false),
        ("POST", "", "null", "", false),
        ("POST", "", "", "", true),
        // Reached under another name than the set one.
        ("POST", "", "http://127.0.0.1:8080", "127.0.0.1:8080", true),
        ("POST", "", "http://127.0.0.1:8081", "127.0.0.1:8080", false),
        ("POST", "", "null", "null", false),
        ("PUT", "", "https://evil.example", "", false),
        ("DELETE", "cross-site", "", "", false),
    ] {
        let mut headers = HeaderMap::new();
        for (name, value) in [("sec-fetch-site", site), ("origin", origin), ("host", host)] {
            if !value.is_empty() {
                headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(own.allows(&method, &headers), allowed, "{method} {site:?} {origin:?} {host:?}");
    }
}

#[tokio::test]
async fn transfer_budgets_are_kept() {
    let client = client().with("accept-encoding", "br");
    for (path, most) in
        [(assets::APP_CSS, 8_192), (assets::APP_JS, 1_536), (assets::ICONS, 3_200), (assets::HTMX_JS, 12_288)]
    {
        let answer = client.send("HEAD", path, "").await.expect(200);
        let length: usize = answer.header("content-length").parse().unwrap();
        assert!(length <= most, "{path}: {length}");
    }
}
