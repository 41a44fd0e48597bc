//! The answers before they are sent, and `/request/send`: sending them.

use askama::Template;
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Redirect, Response},
};
use i18n_embed_fl::fl;
use kinlink_domain::{policy::Policy, request::Kind, submission::Submission};
use kinlink_service::{ServiceError, form, form::Suspicion, submit::KEY_REUSED};
use kinlink_web::{Audience, ClientAddress, Form, page};

use super::{
    Failed,
    answers::{Answers, Fault},
    closed::closed,
    form::{refuse, repeated},
    layout::{Frame, Switch},
    texts::{Texts, texts},
    token::{FormToken, receipt},
    visitor::{SWITCHES, Visitor},
    wrong,
};
use crate::IntakeState;

/// Seconds that a person needs at least to fill the form in.
const QUICK: i64 = 3;

#[derive(Template)]
#[template(path = "check.html")]
struct CheckPage<'a> {
    frame: Frame,
    faults: &'a [Fault],
    notice: Option<String>,
    reset_url: Option<String>,
    token: &'a str,
    hidden: Vec<(String, String)>,
    sheets: Vec<Sheet<'a>>,
}

/// A group of answers.
struct Sheet<'a> {
    id: &'static str,
    heading: String,
    rows: Vec<Row<'a>>,
}

/// An answer with its button.
struct Row<'a> {
    label: String,
    value: Value<'a>,
    /// The field that its button leads to.
    field: String,
    /// What its button changes, for those who hear buttons without what stands beside them.
    what: String,
}

/// What stands as an answer.
enum Value<'a> {
    /// Our words.
    Words(String),
    /// A name or address, of whatever script.
    Typed(String),
    /// A child.
    Child { name: String, group: &'a str },
    /// A text of several lines.
    Text(&'a str),
}

/// Why the answers are shown once more.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Again {
    /// The declaration is missing.
    Declaration,
    /// The form was open for too long, or is not one of ours.
    Expired,
    /// Other answers were sent with this form before.
    Changed,
}

/// Sends the answers.
pub(crate) async fn send(
    State(state): State<IntakeState>,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Failed> {
    let visitor = Visitor::sending(&form, &headers);
    let policy = state.app.policy().await.map_err(|error| Failed::new(visitor, error))?;
    if !policy.form_open {
        return Ok(closed(&state, visitor, &policy, StatusCode::FORBIDDEN));
    }
    let answers = Answers::read(&form).map_err(|_| Failed::new(visitor, repeated()))?;
    let token = FormToken::read(&state.app, form.get("form_token"));
    let fresh = || FormToken::issue(&state.app);
    let text = token.as_ref().and(form.get("form_token")).map_or_else(fresh, ToOwned::to_owned);
    let (submission, faults) = answers.check(visitor.locale, texts(visitor.locale));
    if !faults.is_empty() {
        return Ok(refuse(&state, visitor, &policy, &answers, &text, &faults));
    }
    let again = |why, token: &str| show(&state, visitor, &policy, &answers, &submission, token, Some(why));
    if form.get("declaration") != Some("yes") {
        return Ok(again(Again::Declaration, &text));
    }
    let Some(token) = token else { return Ok(again(Again::Expired, &text)) };

    let quick = (token.age < QUICK).then_some(Suspicion::Quick);
    let trapped = (!answers.trap.is_empty()).then_some(Suspicion::Trap);
    let suspicions: Vec<Suspicion> = quick.into_iter().chain(trapped).collect();
    let form = form::Form {
        raw: &answers.raw(visitor.locale),
        suspicions: &suspicions,
        nonce: &token.nonce,
        client: client.map(|Extension(ClientAddress(address))| address),
    };
    match form::send(&state.app, &policy, &form).await {
        Ok(accepted) => {
            let path = format!("/request/sent/{}{}", receipt(&state.app, &accepted.reference), visitor.query());
            Ok(Redirect::to(&path).into_response())
        }
        Err(ServiceError::TooOften { retry_after }) => Ok(wrong::too_often(&state, visitor, &policy, retry_after)),
        Err(ServiceError::Refused { code: KEY_REUSED, .. }) => Ok(again(Again::Changed, &fresh())),
        Err(error) => Err(Failed::new(visitor, error)),
    }
}

/// Shows the answers to be checked.
pub(crate) fn show(
    state: &IntakeState,
    visitor: Visitor,
    policy: &Policy,
    answers: &Answers,
    submission: &Submission,
    token: &str,
    again: Option<Again>,
) -> Response {
    let t = texts(visitor.locale);
    let switch = Switch::Button { form: "check", action: "/request", name: SWITCHES[1] };
    let frame = Frame::new(visitor, &state.school, Some(policy), fl!(t, "check-title")).switch(switch);
    let (faults, notice) = match again {
        None => (Vec::new(), None),
        Some(Again::Declaration) => (vec![Fault::new("declaration", fl!(t, "fault-declaration"))], None),
        Some(Again::Expired) => (Vec::new(), Some(fl!(t, "expired-notice"))),
        Some(Again::Changed) => (Vec::new(), Some(fl!(t, "changed-notice"))),
    };
    let wrong = !faults.is_empty() || notice.is_some();
    let moodle = state.school.moodle_url.as_ref().filter(|_| submission.kind == Kind::CannotSignIn);
    let template = CheckPage {
        frame: if wrong { frame.wrong() } else { frame },
        faults: &faults,
        notice,
        reset_url: moodle.map(|url| format!("{}/login/forgot_password.php", url.trim_end_matches('/'))),
        token,
        hidden: answers.hidden(),
        sheets: sheets(t, submission),
    };
    let status = if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page(&Audience::public(&policy.embed_origins), status, &template)
}

fn sheets(t: Texts, submission: &Submission) -> Vec<Sheet<'_>> {
    let kind = match submission.kind {
        Kind::NewAccount => fl!(t, "kind-new-account"),
        Kind::CannotSignIn => fl!(t, "kind-cannot-sign-in"),
        Kind::ChildMissing => fl!(t, "kind-child-missing"),
        _ => fl!(t, "kind-other"),
    };
    let title = submission.title.as_deref().unwrap_or_default();
    let name = [title, &submission.given_name, &submission.family_name].join(" ").trim().to_owned();
    let you = vec![
        Row {
            label: fl!(t, "check-kind"),
            value: Value::Words(kind),
            field: "kind".into(),
            what: fl!(t, "change-kind"),
        },
        Row {
            label: fl!(t, "check-name"),
            value: Value::Typed(name),
            field: "name".into(),
            what: fl!(t, "change-name"),
        },
        Row {
            label: fl!(t, "email-label"),
            value: Value::Typed(submission.email.as_ref().map(ToString::to_string).unwrap_or_default()),
            field: "email".into(),
            what: fl!(t, "change-email"),
        },
    ];
    let mut children: Vec<Row<'_>> = submission
        .children
        .iter()
        .zip(1_usize..)
        .map(|(child, number)| Row {
            label: fl!(t, "child-number", number = number),
            value: Value::Child {
                name: format!("{} {}", child.given_name, child.family_name),
                group: child.tutor_group.as_deref().unwrap_or_default(),
            },
            field: format!("child-{number}-given-name"),
            what: fl!(t, "change-child", number = number),
        })
        .collect();
    if children.is_empty() {
        children.push(Row {
            label: fl!(t, "check-children"),
            value: Value::Words(fl!(t, "check-none")),
            field: "child-1-given-name".into(),
            what: fl!(t, "change-child", number = 1),
        });
    }
    let comment = Row {
        label: fl!(t, "check-comment"),
        value: if submission.comment.is_empty() {
            Value::Words(fl!(t, "check-none"))
        } else {
            Value::Text(&submission.comment)
        },
        field: "comment".into(),
        what: fl!(t, "change-comment"),
    };
    vec![
        Sheet { id: "check-you", heading: fl!(t, "check-you"), rows: you },
        Sheet { id: "check-children", heading: fl!(t, "check-children"), rows: children },
        Sheet { id: "check-comment", heading: fl!(t, "check-comment-heading"), rows: vec![comment] },
    ]
}
