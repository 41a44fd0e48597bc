//! Public HTTPS function: requests, form webhooks, email proof.
//!
//! - `POST /api/v1/requests`: the typed API (`requests`).
//! - `POST /hooks/contact-form-7`: what `WordPress` sends (`contact_form_7`).
//! - `GET` and `POST /confirm/{token}`: the page that proves an address (`confirm`), with its style sheet.
//! - `GET /healthz`: says that the function runs; touches no database.
//!
//! Who sends is checked in `sender`. What does not live here: what makes a submission good or the same as another (crate
//! `domain`), and storing it (crate `service`). Answers never say whether a person, child or address is known.

mod answer;
mod confirm;
mod contact_form_7;
mod requests;
mod sender;

use axum::{
    Router,
    routing::{get, post},
};
use kinlink_service::{App, mail::School};
use kinlink_web::Json;
use serde_json::json;

/// What the function works with.
#[derive(Clone)]
pub struct IntakeState {
    /// Databases, queue, clock, key.
    pub app: App,
    /// What pages say about the school.
    pub school: School,
}

/// The function's routes without what goes around them, to be put together with others' in one process.
pub fn routes(state: IntakeState) -> Router {
    Router::new()
        .route("/api/v1/requests", post(requests::submit))
        .route("/hooks/contact-form-7", post(contact_form_7::receive))
        .route("/confirm/{token}", get(confirm::page).post(confirm::press))
        .route("/assets/kinlink.css", get(confirm::style))
        .route("/healthz", get(async || Json(json!({ "status": "ok" }))))
        .with_state(state)
}

/// The function.
pub fn router(state: IntakeState) -> Router {
    kinlink_web::finish(routes(state))
}
