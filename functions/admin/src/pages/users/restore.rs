//! A pupil is back: giving back what ended because they had left, for one of them or for all.

use axum::{extract::State, response::Response};
use kinlink_domain::ids::{AdultId, LinkId};
use kinlink_service::{ServiceError, leavers};
use kinlink_web::{Path, number::counted};

use super::HERE;
use crate::{
    AdminState,
    pages::{StaffForm, interruption::Interruption, notice::Notice, shell::Desk, words},
};

pub(super) async fn restore(
    State(state): State<AdminState>,
    desk: Desk,
    Path(adult): Path<String>,
    form: StaffForm,
) -> Result<Response, Interruption> {
    desk.check(&form)?;
    let adult: AdultId = adult.parse().map_err(|_| ServiceError::NotFound("adult"))?;
    let restored = match form.get("link") {
        Some(link) => {
            let link = link.parse().map(LinkId).map_err(|_| ServiceError::NotFound("link"))?;
            leavers::restore(&state.app, desk.actor(), link).await.map(|_| 1)
        }
        None => leavers::restore_all(&state.app, desk.actor(), adult).await.map(|links| links.len()),
    };
    let notice = match restored {
        Ok(links) => {
            (state.wake)();
            let pupils = counted(links, "pupil", "pupils");
            Notice::ok(format!("Access to {pupils} is restored. In Moodle it is back in a few minutes."))
        }
        Err(ServiceError::Refused { code, detail, .. }) => Notice::warn(words::refusal(code, &detail, None)),
        Err(error) => return Err(error.into()),
    };
    Ok(notice.then(&state, &format!("{HERE}/{adult}")))
}
