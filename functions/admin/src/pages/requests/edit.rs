//! `/admin/requests/{request}/edit`: correcting names, address and children. What was sent stands beside each field.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use kinlink_domain::{
    request::{Action, ClaimState, Status},
    staff::Permission,
    submission::{MAX_ADMISSION_NUMBER, MAX_NAME, MAX_TITLE, MAX_TUTOR_GROUP, RawChild, RawSubmission},
};
use kinlink_service::{
    ServiceError,
    access::require,
    decide::{ChildCorrection, Correction, correct},
    view::{self, ChildSummary, RequestDetail},
};
use kinlink_web::{Parameters, Path, form::Fields};

use super::{
    Fault,
    address::ListAddress,
    conflict::Conflict,
    decide::version,
    history::submission,
    list::{child_name, name},
    list_of,
    show::{Again, again},
};
use crate::{
    AdminState,
    pages::{
        StaffForm,
        interruption::Interruption,
        notice::Notice,
        shell::{Desk, Section, Shell},
        words,
    },
};

/// Longest address.
const MAX_EMAIL: usize = 254;

#[derive(Template)]
#[template(path = "requests/edit.html")]
struct EditPage {
    shell: Shell,
    faults: Vec<Fault>,
    conflict: Option<Conflict>,
    back: String,
    action: String,
    version: i64,
    name: String,
    reference: String,
    /// The parent's own fields; none when they cannot be changed any more.
    adult: Vec<Field>,
    proves: bool,
    children: Vec<ChildFields>,
}

struct Field {
    id: String,
    label: &'static str,
    value: String,
    sent: String,
    most: usize,
    width: &'static str,
    optional: bool,
    fault: Option<String>,
}

struct ChildFields {
    anchor: String,
    number: usize,
    name: String,
    state: &'static str,
    /// None when the child was decided on.
    fields: Vec<Field>,
}

/// The fields of the page as they stand: what was typed, else what is stored.
struct Sheet<'a> {
    detail: &'a RequestDetail,
    sent: RawSubmission,
    form: Option<&'a Fields>,
    faults: &'a [Fault],
}

impl Sheet<'_> {
    fn field(&self, id: String, label: &'static str, now: &str, sent: &str, most: usize, width: &'static str) -> Field {
        let typed = self.form.and_then(|form| form.get(&id));
        Field {
            value: typed.unwrap_or(now).to_owned(),
            fault: self.faults.iter().find(|fault| fault.anchor == id).map(|fault| fault.text.clone()),
            optional: matches!(label, "Title" | "Tutor group" | "Admission number"),
            sent: sent.trim().to_owned(),
            id,
            label,
            most,
            width,
        }
    }

    fn adult(&self) -> Vec<Field> {
        let now = &self.detail.summary;
        if !now.status.is_open() {
            return Vec::new();
        }
        let title = now.title.as_deref().unwrap_or_default();
        vec![
            self.field("title".into(), "Title", title, &self.sent.title, MAX_TITLE, "narrow"),
            self.field("given_name".into(), "First name", &now.given_name, &self.sent.given_name, MAX_NAME, "medium"),
            self.field("family_name".into(), "Last name", &now.family_name, &self.sent.family_name, MAX_NAME, "medium"),
            self.field("email".into(), "Email", &now.email, &self.sent.email, MAX_EMAIL, "wide"),
        ]
    }

    fn children(&self) -> Vec<ChildFields> {
        let empty = RawChild::default();
        let sent = |place: usize| self.sent.children.get(place).unwrap_or(&empty);
        let children = self.detail.summary.children.iter().enumerate();
        children
            .map(|(place, child)| ChildFields {
                anchor: format!("child-{}", place + 1),
                number: place + 1,
                name: child_name(child),
                state: words::claim(child.state),
                fields: if child.state == ClaimState::Open { self.child(child, sent(place)) } else { Vec::new() },
            })
            .collect()
    }

    fn child(&self, child: &ChildSummary, sent: &RawChild) -> Vec<Field> {
        let id = |name: &str| child_field(child, name);
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let (group, number) = (text(&child.tutor_group), text(&child.admission_number));
        vec![
            self.field(id("given_name"), "First name", &child.given_name, &sent.given_name, MAX_NAME, "medium"),
            self.field(id("family_name"), "Last name", &child.family_name, &sent.family_name, MAX_NAME, "medium"),
            self.field(id("tutor_group"), "Tutor group", &group, &text(&sent.tutor_group), MAX_TUTOR_GROUP, "narrow"),
            self.field(
                id("admission_number"),
                "Admission number",
                &number,
                &text(&sent.admission_number),
                MAX_ADMISSION_NUMBER,
                "narrow",
            ),
        ]
    }
}

fn child_field(child: &ChildSummary, name: &str) -> String {
    format!("child-{}-{name}", child.claim)
}

pub(super) async fn show(
    State(state): State<AdminState>,
    desk: Desk,
    Path(request): Path<String>,
    query: Parameters,
) -> Result<Response, Interruption> {
    require(desk.actor(), Permission::Decide)?;
    let list = list_of(query);
    let detail = view::show_request(&state.app, desk.actor(), &request).await?;
    if !detail.actions.contains(&Action::Correct) {
        let text = words::refusal("already_decided", "", None);
        return Ok(Notice::warn(text).then(&state, &list.request(&detail.summary.reference)));
    }
    Ok(page(&desk, &list, &detail, StatusCode::OK, None, Vec::new(), None))
}

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
    let detail = view::show_request(&state.app, desk.actor(), &request).await?;
    let summary = &detail.summary;
    let back = list.request(&summary.reference);
    let correction = correction(&detail, &form);
    if version == summary.version && is_empty(&correction) {
        return Ok(Notice::ok("Nothing was changed.").then(&state, &back));
    }
    match correct(&state.app, desk.actor(), summary.id, Some(version), &correction).await {
        Ok(now) if now.status == Status::Unconfirmed && summary.status != Status::Unconfirmed => {
            let text =
                "Corrections saved. The parent is asked to confirm the new address; until then the request waits.";
            Ok(Notice::ok(text).then(&state, &back))
        }
        Ok(_) => Ok(Notice::ok("Corrections saved.").then(&state, &back)),
        Err(ServiceError::Invalid(faults)) => {
            let faults =
                faults.iter().map(|fault| fault_of(&detail, &correction, &fault.pointer, &fault.detail)).collect();
            Ok(page(&desk, &list, &detail, StatusCode::UNPROCESSABLE_ENTITY, Some(&form), faults, None))
        }
        Err(ServiceError::Stale) => {
            let conflict = Conflict::since(&state, &desk, summary.id, version).await?;
            if conflict.is_double(&desk, Action::Correct.code()) && is_empty(&correction) {
                return Ok(Notice::ok("Corrections saved.").then(&state, &back));
            }
            if !detail.actions.contains(&Action::Correct) {
                let shown = Again { conflict: Some(conflict), ..Again::default() };
                return again(&state, &desk, &list, &request, StatusCode::CONFLICT, shown).await;
            }
            let conflict =
                conflict.about("Your corrections are below and are not saved yet. Look whether they are still right.");
            Ok(page(&desk, &list, &detail, StatusCode::CONFLICT, Some(&form), Vec::new(), Some(conflict)))
        }
        Err(ServiceError::Refused { code, detail: text, .. }) => {
            let notice = Notice::warn(words::refusal(code, &text, Some(summary.status)));
            Ok(notice.then(&state, &back))
        }
        Err(error) => Err(error.into()),
    }
}

/// What differs from what is stored.
fn correction(detail: &RequestDetail, form: &Fields) -> Correction {
    let now = &detail.summary;
    let changed = |id: &str, now: &str| form.get(id).filter(|typed| typed.trim() != now).map(str::to_owned);
    let children = now.children.iter().filter(|child| child.state == ClaimState::Open).map(|child| {
        let field = |name: &str, now: &str| changed(&child_field(child, name), now);
        ChildCorrection {
            claim: child.claim,
            given_name: field("given_name", &child.given_name),
            family_name: field("family_name", &child.family_name),
            tutor_group: field("tutor_group", child.tutor_group.as_deref().unwrap_or_default()),
            admission_number: field("admission_number", child.admission_number.as_deref().unwrap_or_default()),
        }
    });
    Correction {
        title: changed("title", now.title.as_deref().unwrap_or_default()),
        given_name: changed("given_name", &now.given_name),
        family_name: changed("family_name", &now.family_name),
        email: changed("email", &now.email),
        children: children.filter(|child| !is_same(child)).collect(),
    }
}

const fn is_same(child: &ChildCorrection) -> bool {
    child.given_name.is_none()
        && child.family_name.is_none()
        && child.tutor_group.is_none()
        && child.admission_number.is_none()
}

const fn is_empty(correction: &Correction) -> bool {
    correction.title.is_none()
        && correction.given_name.is_none()
        && correction.family_name.is_none()
        && correction.email.is_none()
        && correction.children.is_empty()
}

/// The field of the page that a fault of a correction means.
fn fault_of(detail: &RequestDetail, correction: &Correction, pointer: &str, text: &str) -> Fault {
    let parts: Vec<&str> = pointer.trim_start_matches('/').split('/').collect();
    let child = |place: &str| {
        let claim = correction.children.get(place.parse::<usize>().ok()?)?.claim;
        detail.summary.children.iter().find(|child| child.claim == claim)
    };
    match parts.as_slice() {
        ["children", place, name] => match child(place) {
            Some(child) => Fault::new(child_field(child, name), words::fault(name, text)),
            None => Fault::new("main", words::fault(pointer, text)),
        },
        [name] => Fault::new(*name, words::fault(name, text)),
        _ => Fault::new("main", words::sentence(text)),
    }
}

fn page(
    desk: &Desk,
    list: &ListAddress,
    detail: &RequestDetail,
    status: StatusCode,
    form: Option<&Fields>,
    faults: Vec<Fault>,
    conflict: Option<Conflict>,
) -> Response {
    let summary = &detail.summary;
    let sheet = Sheet { detail, sent: submission(detail), form, faults: &faults };
    let shell = desk.shell("Correct the details", Section::Requests);
    let template = EditPage {
        shell: if faults.is_empty() { shell } else { shell.wrong() },
        back: list.request(&summary.reference),
        action: list.under(&summary.reference, "edit"),
        version: summary.version,
        name: name(summary),
        reference: summary.reference.to_string(),
        adult: sheet.adult(),
        children: sheet.children(),
        proves: desk.policy().email_proof,
        faults,
        conflict,
    };
    desk.page(status, &template)
}
