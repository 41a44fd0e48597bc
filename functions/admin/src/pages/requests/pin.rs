//! `POST /admin/requests/{request}/pin`: keeps the choice of a pupil for one child, without deciding yet.

use axum::{extract::State, http::StatusCode, response::Response};
use kinlink_domain::{
    ids::{ClaimId, MoodleUserId},
    staff::Permission,
};
use kinlink_service::{
    ServiceError,
    access::require,
    pin::{pin_pupil, unpin_pupil},
    view,
};
use kinlink_web::{Parameters, Path, Problem};

use super::{
    Fault,
    children::{anchor, field},
    conflict::Conflict,
    decide::version,
    list::child_name,
    list_of,
    show::{Again, again},
};
use crate::{
    AdminState,
    pages::{StaffForm, interruption::Interruption, notice::Notice, shell::Desk, words},
};

pub(super) async fn pin(
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
    let detail = view::show_request(&state.app, desk.actor(), &request).await?;
    let claim: Option<ClaimId> = form.get("claim").and_then(|claim| claim.parse().ok());
    let child = claim.and_then(|claim| detail.summary.children.iter().find(|child| child.claim == claim));
    let Some(child) = child else {
        return Err(Problem::not_found("this request has no such child; go back and load the page again").into());
    };
    let (app, actor, id) = (&state.app, desk.actor(), detail.summary.id);
    let wrong = |text: String| Again {
        form: Some(&form),
        faults: vec![Fault::new(anchor(&detail, child.claim), text)],
        ..Again::default()
    };
    let pick = form.get(&field(child.claim)).unwrap_or_default();
    let (kept, words) = match pick.parse() {
        Ok(pupil) => {
            let pinned = pin_pupil(app, actor, id, Some(version), child.claim, MoodleUserId(pupil)).await;
            (pinned, "Choice kept. Approving takes this pupil.")
        }
        Err(_) if pick == "leave" => {
            (unpin_pupil(app, actor, id, Some(version), child.claim).await, "Choice taken back.")
        }
        Err(_) => {
            let shown = wrong(format!("Choose a pupil for {} first", child_name(child)));
            return again(&state, &desk, &list, &request, StatusCode::UNPROCESSABLE_ENTITY, shown).await;
        }
    };
    match kept {
        Ok(stored) => Ok(Notice::ok(words).then(&state, &list.request(&stored.reference))),
        Err(ServiceError::Stale) => {
            let conflict = Conflict::since(&state, &desk, id, version).await?;
            if conflict.is_double(&desk, "pin") || conflict.is_double(&desk, "unpin") {
                return Ok(Notice::ok(words).then(&state, &list.request(&detail.summary.reference)));
            }
            let shown = Again { form: Some(&form), conflict: Some(conflict), ..Again::default() };
            again(&state, &desk, &list, &request, StatusCode::CONFLICT, shown).await
        }
        Err(ServiceError::Refused { code, detail: text, .. }) => {
            let shown = wrong(words::refusal(code, &text, Some(detail.summary.status)));
            again(&state, &desk, &list, &request, StatusCode::UNPROCESSABLE_ENTITY, shown).await
        }
        Err(error) => Err(error.into()),
    }
}
