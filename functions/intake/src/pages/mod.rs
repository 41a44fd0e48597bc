//! The pages for parents: one file a page.
//!
//! - `GET`, `POST /request` (`form`): the form; `check` shows the answers.
//! - `POST /request/send` (`check`): sends them.
//! - `GET /request/sent/{token}` (`sent`): the reference and what happens next.
//! - `GET`, `POST /confirm/{token}` (`confirm`): proves the address; `/confirm/email/{token}` the new one of an account.
//! - `GET`, `POST /status/{token}` (`status`): where a request stands, and the answer to a question.
//! - `closed` and `wrong`: in place of these when the form is closed or something went wrong.
//!
//! They work without scripts, cookies and anything kept between the steps. Around them: `layout`, the words in `texts`, who
//! looks in `visitor`, what was typed in `answers`, and what we signed in `token`. What does not live here: what makes a
//! submission good (crate `domain`), and storing it (crate `service`).

mod answers;
mod check;
mod closed;
mod confirm;
mod form;
mod layout;
mod sent;
mod status;
mod texts;
mod token;
mod visitor;
mod wrong;

use axum::{Router, routing::get, routing::post};
use kinlink_web::origin::same_origin;
use url::Url;

use crate::IntakeState;

pub(crate) use wrong::Failed;
pub use wrong::error_pages;

/// The routes of the pages. What other sites make a browser send is refused.
pub(crate) fn routes(public_url: &str) -> Router<IntakeState> {
    let pages = Router::new()
        .route("/request", get(form::open).post(form::act))
        .route("/request/send", post(check::send))
        .route("/request/sent/{token}", get(sent::show))
        .route("/confirm/{token}", get(confirm::open).post(confirm::press))
        .route("/confirm/email/{token}", get(confirm::open_change).post(confirm::press_change))
        .route("/status/{token}", get(status::open).post(status::answer));
    let public_url =
        Url::parse(public_url).expect("the address of our pages was checked when the configuration was read");
    same_origin(pages, &public_url)
}
