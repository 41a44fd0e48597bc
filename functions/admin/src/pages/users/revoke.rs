//! Taking access away, from one person or many: first a page that names them and says what happens, then the act.

use std::collections::BTreeSet;

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use kinlink_domain::staff::Permission;
use kinlink_service::{
    ServiceError,
    access::require,
    view::{Refusal, UserName, name_users, revoke_many},
};
use kinlink_web::{form::Fields, number::counted};

use super::HERE;
use crate::{
    AdminState,
    page::is_plain,
    pages::{
        StaffForm,
        faults::Fault,
        interruption::Interruption,
        notice::Notice,
        shell::{Desk, Section, Shell},
        words,
    },
};

/// More than this many need the number typed, by somebody who signed in a short while ago.
const TYPED_ABOVE: usize = 10;

/// Why access ends: codes, because the audit holds no words about families, with what they mean.
pub(super) const REASONS: [(&str, &str); 5] = [
    ("asked_for", "The person asked for it"),
    ("left_school", "The children have left"),
    ("access_restricted", "Access is restricted"),
    ("mistake", "Access was given by mistake"),
    ("other", "Something else"),
];

#[derive(Template)]
#[template(path = "users/revoke.html")]
struct RevokePage {
    shell: Shell,
    people: Vec<UserName>,
    /// "3 people".
    count: String,
    must_type: bool,
    typed: String,
    reasons: &'static [(&'static str, &'static str)],
    reason: String,
    faults: Vec<Fault>,
}

impl RevokePage {
    fn new(desk: &Desk, form: &Fields, people: Vec<UserName>) -> Self {
        let text = |name| form.get(name).unwrap_or_default().to_owned();
        Self {
            shell: desk.shell("Revoke access", Section::Users),
            count: counted(people.len(), "person", "people"),
            must_type: people.len() > TYPED_ABOVE,
            typed: text("number"),
            reasons: &REASONS,
            reason: text("reason"),
            people,
            faults: Vec::new(),
        }
    }
}

/// The user names that a form marks.
fn marked(form: &Fields) -> Vec<String> {
    let marked: BTreeSet<&str> = form.all("id").filter(|name| is_plain(name)).collect();
    marked.into_iter().map(str::to_owned).collect()
}

/// The page that asks; changes nothing.
pub(super) async fn confirm(
    State(state): State<AdminState>,
    desk: Desk,
    form: StaffForm,
) -> Result<Response, Interruption> {
    desk.check(&form)?;
    require(desk.actor(), Permission::Decide)?;
    let marked = marked(&form);
    let page = RevokePage::new(&desk, &form, name_users(&state.app, desk.actor(), &marked).await?);
    if page.people.is_empty() {
        let text = match marked.len() {
            0 => "Nobody was ticked. Tick the people whose access is to end, then press Revoke access.",
            _ => "Their access has ended already.",
        };
        return Ok(Notice::warn(text).then(&state, HERE));
    }
    if page.must_type {
        desk.must_be_fresh_to_send(&state, HERE, "Nobody’s access has ended")?;
    }
    Ok(desk.show(&page))
}

pub(super) async fn apply(
    State(state): State<AdminState>,
    desk: Desk,
    form: StaffForm,
) -> Result<Response, Interruption> {
    desk.check(&form)?;
    let marked = marked(&form);
    if marked.len() > TYPED_ABOVE {
        desk.must_be_fresh_to_send(&state, HERE, "Nobody’s access has ended")?;
    }
    let number = form.get("number").and_then(|number| number.trim().parse().ok());
    let reason = form.get("reason").filter(|reason| REASONS.iter().any(|(code, _)| code == reason));
    match revoke_many(&state.app, desk.actor(), &marked, number, reason).await {
        Ok(results) => {
            (state.wake)();
            let refused: Vec<Refusal> = results.iter().filter_map(|result| result.result.clone().err()).collect();
            Ok(notice(results.len() - refused.len(), &refused).then(&state, HERE))
        }
        Err(ServiceError::Refused { code: "confirm_number", .. }) => {
            let mut page = RevokePage::new(&desk, &form, name_users(&state.app, desk.actor(), &marked).await?);
            page.faults
                .push(Fault::new("number", format!("Type the number of people, {}, to go on", page.people.len())));
            page.shell = page.shell.wrong();
            Ok(desk.page(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error.into()),
    }
}

/// What was done, and the first of what was not.
fn notice(done: usize, refused: &[Refusal]) -> Notice {
    let text = format!("Access ended for {}.", counted(done, "person", "people"));
    let Some(first) = refused.first() else { return Notice::ok(text) };
    let why = match first.code {
        "not_found" => "Their access has ended already.".to_owned(),
        code => words::refusal(code, &first.detail, None),
    };
    Notice::warn(format!("{text} {} left out: {why}", refused.len()))
}
