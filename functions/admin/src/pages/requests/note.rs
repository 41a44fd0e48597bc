//! `POST /admin/requests/{request}/note`: the staff's note.

use axum::{extract::State, http::StatusCode, response::Response};
use kinlink_domain::staff::Permission;
use kinlink_service::{ServiceError, access::require, decide, view};
use kinlink_web::{Parameters, Path};

use super::{
    Fault,
    conflict::Conflict,
    decide::version,
    list_of,
    show::{Again, again},
};
use crate::{
    AdminState,
    pages::{StaffForm, interruption::Interruption, notice::Notice, shell::Desk, words},
};

pub(super) async fn save(
    State(state): State<AdminState>,
    desk: Desk,
    Path(request): Path<String>,
    query: Parameters,
    form: StaffForm,
) -> Result<Response, Interruption> {
    desk.check(&form)?;
    require(desk.actor(), Permission::Decide)?;
    let list = list_of(query);
    let version = version(&form)?;
    let text = form.get("note").unwrap_or_default();
    let stored = view::find_request(&state.app, &request).await?;
    let shown = Again { note: Some(text.to_owned()), ..Again::default() };
    match decide::note(&state.app, desk.actor(), stored.id, Some(version), text).await {
        Ok(stored) => Ok(Notice::ok("Note saved.").then(&state, &list.request(&stored.reference))),
        Err(ServiceError::Stale) => {
            // Sent twice: the second time finds the note as it is.
            if stored.staff_note == text.trim() {
                return Ok(Notice::ok("Note saved.").then(&state, &list.request(&stored.reference)));
            }
            let conflict = Conflict::since(&state, &desk, stored.id, version).await?;
            let shown =
                Again { conflict: Some(conflict.about("The note below is yours and is not saved yet.")), ..shown };
            again(&state, &desk, &list, &request, StatusCode::CONFLICT, shown).await
        }
        Err(ServiceError::Invalid(faults)) => {
            let faults = faults.iter().map(|fault| Fault::new("note", words::sentence(&fault.detail))).collect();
            let shown = Again { faults, ..shown };
            again(&state, &desk, &list, &request, StatusCode::UNPROCESSABLE_ENTITY, shown).await
        }
        Err(error) => Err(error.into()),
    }
}
