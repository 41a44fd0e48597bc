//! `POST /admin/requests/{request}/decide`: approving and reopening, from the request's own page.

use axum::{extract::State, http::StatusCode, response::Response};
use kinlink_domain::{
    ids::MoodleUserId,
    request::{Action, ClaimState, Kind},
    staff::Permission,
};
use kinlink_service::{
    ServiceError,
    access::require,
    approve::{AccountChoice, Approval, ClaimChoice, Pick, approve},
    decide::{Reason, reopen},
    explain::{Who, find_adult},
    view::{self, Request, RequestDetail},
};
use kinlink_web::{Parameters, Path, Problem, form::Fields};

use super::{
    Fault,
    address::ListAddress,
    children::{anchor, field},
    conflict::Conflict,
    decision::{account_of, checks_of},
    list::child_name,
    list_of, seen,
    show::{Again, again},
};
use crate::{
    AdminState,
    pages::{StaffForm, interruption::Interruption, notice::Notice, shell::Desk, words},
};

pub(super) async fn decide(
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
    // Before it is decided on: afterwards the list may not hold it any more.
    let next = next(&state, &desk, &list, &detail, &form).await?;
    let summary = &detail.summary;
    let (action, result) = match form.get("do") {
        Some("approve") => {
            let approval = match approval(&state, &desk, &detail, &form).await? {
                Ok(approval) => approval,
                // What was chosen may be about what is not there any more: that comes first.
                Err(_) if version != summary.version => {
                    return stale(&state, &desk, &list, &detail, version, &form, Action::Approve, &next).await;
                }
                Err(mut faults) => {
                    faults.splice(0..0, missing_checks(&desk, &form));
                    return wrong(&state, &desk, &list, &request, StatusCode::UNPROCESSABLE_ENTITY, &form, faults)
                        .await;
                }
            };
            (Action::Approve, approve(&state.app, desk.actor(), summary.id, Some(version), &approval).await)
        }
        Some("reopen") => {
            let reason = Reason::default();
            (Action::Reopen, reopen(&state.app, desk.actor(), summary.id, Some(version), &reason).await)
        }
        _ => {
            let notice = Notice::warn("Nothing was decided. Press one of the buttons under Decision.");
            return Ok(notice.then(&state, &list.request(&summary.reference)));
        }
    };
    match result {
        Ok(request) => Ok(Notice::ok(outcome(action, &request)).then(&state, &next)),
        Err(ServiceError::Stale) => stale(&state, &desk, &list, &detail, version, &form, action, &next).await,
        Err(ServiceError::Invalid(faults)) => {
            let faults = faults.iter().map(|fault| fault_of(&detail, &form, &fault.pointer, &fault.detail)).collect();
            wrong(&state, &desk, &list, &request, StatusCode::UNPROCESSABLE_ENTITY, &form, faults).await
        }
        Err(ServiceError::Refused { code, detail: text, .. }) => {
            let (anchor, status) = match code {
                // Of a request for another address, it is the new one that somebody has.
                "shared_mailbox" if summary.kind == Kind::ChangeEmail => ("shared", StatusCode::UNPROCESSABLE_ENTITY),
                // Something is left to be said: whose account it is.
                "shared_mailbox" | "account_exists" | "adult_not_clear" | "own_pupil" | "account_is_pupil" => {
                    ("account", StatusCode::UNPROCESSABLE_ENTITY)
                }
                "same_address" | "new_address_missing" => ("new_email", StatusCode::UNPROCESSABLE_ENTITY),
                "nothing_approved" => ("pupils", StatusCode::UNPROCESSABLE_ENTITY),
                "needs_correction" => ("parent", StatusCode::UNPROCESSABLE_ENTITY),
                _ => ("decision", StatusCode::CONFLICT),
            };
            let text = match anchor {
                "shared" => SHARED.to_owned(),
                _ => words::refusal(code, &text, Some(summary.status)),
            };
            let fault = Fault::new(anchor, text);
            wrong(&state, &desk, &list, &request, status, &form, vec![fault]).await
        }
        Err(error) if error.unavailable().is_some() => {
            let text =
                "Moodle or our database cannot be reached at the moment. Nothing was decided; try again in a minute.";
            let faults = vec![Fault::new("decision", text)];
            wrong(&state, &desk, &list, &request, StatusCode::SERVICE_UNAVAILABLE, &form, faults).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The version that a form was made for. Every form of ours has one.
pub(super) fn version(form: &Fields) -> Result<i64, Problem> {
    seen(form).ok_or_else(|| {
        let detail = "the form is not complete; go back, load the page again and send it once more";
        Problem::new(StatusCode::BAD_REQUEST, "incomplete_form", "The form is not complete", detail)
    })
}

/// Where to go after a decision: to the next request if that was ticked and there is one, otherwise back to this one.
pub(super) async fn next(
    state: &AdminState,
    desk: &Desk,
    list: &ListAddress,
    detail: &RequestDetail,
    form: &Fields,
) -> Result<String, ServiceError> {
    let here = list.request(&detail.summary.reference);
    if !form.has("next") {
        return Ok(here);
    }
    let neighbours = view::neighbours(&state.app, desk.actor(), &list.0, detail.summary.id).await?;
    Ok(neighbours.next.map_or(here, |id| list.beside(&id.to_string())))
}

/// Somebody else was faster: the page as it stands now, with who did what. A form that was sent twice is no conflict.
#[expect(clippy::too_many_arguments, reason = "the parts of one answer; a struct would only name them twice")]
pub(super) async fn stale(
    state: &AdminState,
    desk: &Desk,
    list: &ListAddress,
    detail: &RequestDetail,
    version: i64,
    form: &Fields,
    action: Action,
    next: &str,
) -> Result<Response, Interruption> {
    let conflict = Conflict::since(state, desk, detail.summary.id, version).await?;
    if conflict.is_double(desk, action.code()) {
        let text = format!("{}: this was done already.", detail.summary.reference);
        return Ok(Notice::ok(text).then(state, next));
    }
    let shown = Again { form: Some(form), conflict: Some(conflict), ..Again::default() };
    again(state, desk, list, detail.summary.reference.as_str(), StatusCode::CONFLICT, shown).await
}

async fn wrong(
    state: &AdminState,
    desk: &Desk,
    list: &ListAddress,
    request: &str,
    status: StatusCode,
    form: &Fields,
    faults: Vec<Fault>,
) -> Result<Response, Interruption> {
    let judged = form.get("do") == Some("approve");
    let shown = Again { form: Some(form), faults, checks_judged: judged, ..Again::default() };
    again(state, desk, list, request, status, shown).await
}

fn missing_checks(desk: &Desk, form: &Fields) -> Vec<Fault> {
    if !desk.policy().require_checks {
        return Vec::new();
    }
    let boxes = super::decision::check_boxes(form, true);
    boxes.iter().filter(|check| check.missing).map(super::decision::CheckBox::fault).collect()
}

/// What is asked where the new address is somebody's.
pub(crate) const SHARED: &str =
    "Somebody else has this address, here or in Moodle. Tick the box if the two share the mailbox.";

/// What the form decides, or what it leaves to be said.
async fn approval(
    state: &AdminState,
    desk: &Desk,
    detail: &RequestDetail,
    form: &Fields,
) -> Result<Result<Approval, Vec<Fault>>, ServiceError> {
    if detail.summary.kind == Kind::ChangeEmail {
        return change_of_address(state, desk, form).await;
    }
    Ok(links(detail, form))
}

/// Whose address changes, and to which.
async fn change_of_address(
    state: &AdminState,
    desk: &Desk,
    form: &Fields,
) -> Result<Result<Approval, Vec<Fault>>, ServiceError> {
    let typed = |name: &str| form.get(name).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let account = match (form.get("account"), typed("other_account")) {
        (Some("other"), Some(name)) => match find_adult(&state.app, desk.actor(), &name).await {
            Ok(Who::Adult(adult)) => Some(AccountChoice::Adult(adult)),
            Ok(Who::Asker(_)) | Err(ServiceError::NotFound(_) | ServiceError::Refused { .. }) => None,
            Err(error) => return Err(error),
        },
        (Some("other"), None) => None,
        _ => account_of(form),
    };
    let Some(account) = account else {
        let text = "Choose whose address changes: there is no one account of this name";
        return Ok(Err(vec![Fault::new("account", text)]));
    };
    let approval = Approval {
        account,
        checks: checks_of(form),
        new_email: typed("new_email"),
        shared: form.has("shared"),
        ..Approval::default()
    };
    Ok(Ok(approval))
}

/// Which children are linked to whom.
fn links(detail: &RequestDetail, form: &Fields) -> Result<Approval, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut claims = Vec::new();
    for child in detail.summary.children.iter().filter(|child| child.state == ClaimState::Open) {
        let pick = match form.get(&field(child.claim)) {
            Some("leave") => Some(Pick::Leave),
            Some("deny") => Some(Pick::Deny),
            Some(pupil) => pupil.parse().ok().map(|id| Pick::Pupil(MoodleUserId(id))),
            None => None,
        };
        if let Some(pick) = pick {
            claims.push(ClaimChoice { claim: child.claim, pick });
        } else {
            let text = format!("Choose the pupil for {}, or leave the child undecided", child_name(child));
            faults.push(Fault::new(anchor(detail, child.claim), text));
        }
    }
    let account = account_of(form);
    if account.is_none() {
        faults.push(Fault::new("account", "Choose one of the accounts"));
    }
    match account {
        Some(account) if faults.is_empty() => {
            Ok(Approval { claims, account, checks: checks_of(form), ..Approval::default() })
        }
        _ => Err(faults),
    }
}

/// Where on the page a fault of an approval stands.
fn fault_of(detail: &RequestDetail, form: &Fields, pointer: &str, text: &str) -> Fault {
    let parts: Vec<&str> = pointer.trim_start_matches('/').split('/').collect();
    match parts.as_slice() {
        ["checks", name] => {
            let boxes = super::decision::check_boxes(form, true);
            boxes
                .iter()
                .find(|check| check.name == *name)
                .map_or_else(|| Fault::new("checks", words::sentence(text)), super::decision::CheckBox::fault)
        }
        ["new_email"] => Fault::new("new_email", "Enter an email address like name@example.org"),
        ["claims", place, rest @ ..] => {
            // With a part behind it the number counts the choices that were sent, else the children of the request.
            let mut children: Vec<_> = detail.summary.children.iter().collect();
            if !rest.is_empty() {
                children.retain(|child| child.state == ClaimState::Open);
            }
            let child = place.parse::<usize>().ok().and_then(|place| children.get(place).copied());
            match child {
                Some(child) => {
                    let text = format!("{}: {}", child_name(child), words::sentence(text));
                    Fault::new(anchor(detail, child.claim), text)
                }
                None => Fault::new("pupils", words::sentence(text)),
            }
        }
        _ => Fault::new("decision", words::sentence(text)),
    }
}

fn outcome(action: Action, request: &Request) -> String {
    use kinlink_domain::request::Status;
    let reference = &request.reference;
    match (action, request.status) {
        (Action::Approve, Status::Approved) => format!("{reference} approved. It goes live in the next cycle."),
        (Action::Approve, _) => format!("{reference} is done."),
        (_, Status::Unconfirmed) => {
            format!("{reference} opened again. The parent is asked to confirm the address first.")
        }
        _ => format!("{reference} opened again."),
    }
}
