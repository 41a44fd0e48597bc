//! `/confirm/{token}`: the page behind the link that was mailed. Looking changes nothing, so that mail scanners use
//! nothing up; the button does it. The page is the same for every token until the button is pressed.

use axum::{
    extract::State,
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use kinlink_service::confirm::{Confirmation, confirm};
use kinlink_web::{Path, Problem, html::escape};

use crate::IntakeState;

/// Nothing but our style sheet, and forms to ourselves.
const POLICY: [(HeaderName, &str); 1] = [(
    header::CONTENT_SECURITY_POLICY,
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
)];

/// Shows the page with the button.
pub(crate) async fn page(State(state): State<IntakeState>) -> Response {
    let body = "<p>Press the button to confirm that you sent a request to us and that this email address is yours.</p>\n\
                <form method=\"post\"><button type=\"submit\">Confirm my email address</button></form>\n\
                <p>If you did not send a request, close this page: nothing happens then.</p>";
    write(&state, StatusCode::OK, "Confirm your email address", body)
}

/// Uses the token up.
pub(crate) async fn press(State(state): State<IntakeState>, Path(token): Path<String>) -> Response {
    match confirm(&state.app, &token).await {
        Ok(Confirmation::Confirmed(reference)) => {
            let body = format!(
                "<p>Your request has the reference <strong>{}</strong>. The school looks at it next and writes to you.</p>\n\
                 <p>You can close this page.</p>",
                escape(reference.as_str())
            );
            write(&state, StatusCode::OK, "Your email address is confirmed", &body)
        }
        Ok(Confirmation::Invalid) => {
            let body = "<p>Links work for a limited time, and only until a newer one is sent. Please send the form again; \
                        you get a new link by email.</p>";
            write(&state, StatusCode::GONE, "This link does not work any more", body)
        }
        Err(error) => {
            // Whoever presses the button is a person: they get a page, the log gets the cause.
            let problem = Problem::from(error);
            let body = "<p>Your email address is not confirmed yet. Please go back and press the button again in a few \
                        minutes.</p>";
            let mut response = write(&state, problem.status, "Something went wrong here", body);
            if let Some(seconds) = problem.retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            if let Some(cause) = problem.cause() {
                response.extensions_mut().insert(cause);
            }
            response
        }
    }
}

/// The style sheet of the pages.
pub(crate) async fn style() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=3600")];
    (headers, include_str!("kinlink.css"))
}

fn write(state: &IntakeState, status: StatusCode, title: &str, body: &str) -> Response {
    let (school, contact) = (escape(&state.school.name), escape(&state.school.contact));
    // The style sheet is named relative to the page: the function may live under a path of its own.
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{title} – {school}</title>\n\
         <link rel=\"stylesheet\" href=\"../assets/kinlink.css\">\n</head>\n<body>\n<header>{school}</header>\n<main>\n\
         <h1>{title}</h1>\n{body}\n</main>\n<footer><p>Questions? Contact {contact}.</p></footer>\n</body>\n</html>\n"
    );
    (status, POLICY, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
}
