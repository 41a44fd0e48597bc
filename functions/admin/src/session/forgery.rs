//! Whether a posted form comes from one of the session's own pages. The fence of `kinlink_web::origin` stands before it;
//! this holds also where a browser says nothing about where a form comes from.

use axum::http::StatusCode;
use kinlink_service::sessions::StaffSession;
use kinlink_web::Problem;

/// Fails unless a form carries what the session's pages put into their forms.
pub(crate) fn check(session: &StaffSession, presented: Option<&str>) -> Result<(), Problem> {
    if presented.is_some_and(|presented| session.is_csrf(presented)) {
        return Ok(());
    }
    let detail = "this form was made before you signed in, or by another site; go back, load the page again and send it \
                  once more";
    Err(Problem::new(StatusCode::FORBIDDEN, "forged_form", "The form is not from here", detail))
}
