//! `/request`: the form itself. Looking changes nothing and sending it here changes nothing either: the answers come back,
//! with one child more or less, with what is wrong, or to be checked.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use i18n_embed_fl::fl;
use kinlink_domain::{policy::Policy, request::Kind, submission::MAX_CHILDREN};
use kinlink_web::{Audience, Form, Problem, page};

use super::{
    Failed,
    answers::{Answers, Fault, KINDS, MAX_COMMENT, child_name},
    check,
    closed::closed,
    layout::{Frame, Switch},
    texts::{Texts, number, texts},
    token::FormToken,
    visitor::{SWITCHES, Visitor},
};
use crate::IntakeState;

#[derive(Template)]
#[template(path = "form.html")]
struct FormPage<'a> {
    frame: Frame,
    faults: &'a [Fault],
    token: &'a str,
    answers: &'a Answers,
    choices: Vec<Choice<'a>>,
    kind_fault: Option<&'a str>,
    title: Input<'a>,
    given_name: Input<'a>,
    family_name: Input<'a>,
    email: Input<'a>,
    children: Vec<ChildFields<'a>>,
    children_fault: Option<&'a str>,
    max_children: usize,
    comment_fault: Option<&'a str>,
    comment_focus: bool,
    max_comment: usize,
    /// The same as people read it.
    most: String,
}

/// One thing that people can ask for.
struct Choice<'a> {
    id: &'a str,
    value: &'static str,
    label: String,
    hint: String,
    checked: bool,
    autofocus: bool,
}

/// One field with its label and what is wrong with it.
struct Input<'a> {
    id: String,
    name: String,
    kind: &'static str,
    label: String,
    hint: Option<String>,
    value: &'a str,
    fault: Option<&'a str>,
    autocomplete: &'static str,
    width: &'static str,
    optional: bool,
    autofocus: bool,
}

/// The fields of one child.
struct ChildFields<'a> {
    number: usize,
    given_name: Input<'a>,
    family_name: Input<'a>,
    tutor_group: Input<'a>,
}

impl Input<'_> {
    /// Whether letters are to stay as they are typed.
    fn is_plain(&self) -> bool {
        self.kind == "email"
    }

    /// The ids of hint and fault.
    fn described_by(&self) -> Option<String> {
        let hint = self.hint.as_ref().map(|_| format!("{}-hint", self.id));
        let fault = self.fault.map(|_| format!("{}-fault", self.id));
        let ids: Vec<String> = hint.into_iter().chain(fault).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }
}

/// What a pressed button wants.
enum Step {
    Add,
    Remove(usize),
    Change(String),
    Language,
    Continue,
}

impl Step {
    fn of(form: &Form) -> Self {
        let number = |text: &str| text.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        if form.has("add_child") {
            Self::Add
        } else if let Some(place) = form.get("remove_child") {
            Self::Remove(number(place).unwrap_or(usize::MAX))
        } else if let Some(field) = form.get("change") {
            Self::Change(field.to_owned())
        } else if form.has(SWITCHES[0]) {
            Self::Language
        } else {
            Self::Continue
        }
    }
}

/// Shows the empty form.
pub(crate) async fn open(State(state): State<IntakeState>, uri: Uri, headers: HeaderMap) -> Result<Response, Failed> {
    let visitor = Visitor::opening(&uri, &headers);
    let policy = state.app.policy().await.map_err(|error| Failed::new(visitor, error))?;
    if !policy.form_open {
        return Ok(closed(&state, visitor, &policy, StatusCode::OK));
    }
    let token = FormToken::issue(&state.app);
    Ok(show(&state, visitor, &policy, &Answers::default(), &token, &[], None, Switch::Link("")))
}

/// Does what the pressed button says.
pub(crate) async fn act(State(state): State<IntakeState>, headers: HeaderMap, form: Form) -> Result<Response, Failed> {
    let visitor = Visitor::sending(&form, &headers);
    let policy = state.app.policy().await.map_err(|error| Failed::new(visitor, error))?;
    if !policy.form_open {
        return Ok(closed(&state, visitor, &policy, StatusCode::FORBIDDEN));
    }
    let mut answers = Answers::read(&form).map_err(|_| Failed::new(visitor, repeated()))?;
    let token = form.get("form_token").filter(|token| FormToken::read(&state.app, Some(token)).is_some());
    let token = token.map_or_else(|| FormToken::issue(&state.app), ToOwned::to_owned);
    let focus = match Step::of(&form) {
        Step::Continue => {
            let (submission, faults) = answers.check(visitor.locale, texts(visitor.locale));
            if faults.is_empty() {
                return Ok(check::show(&state, visitor, &policy, &answers, &submission, &token, None));
            }
            return Ok(refuse(&state, visitor, &policy, &answers, &token, &faults));
        }
        Step::Add => {
            answers.add_child();
            Some(format!("child-{}-given-name", answers.children.len()))
        }
        Step::Remove(place) => {
            answers.remove_child(place);
            Some(format!("child-{}-given-name", answers.children.len().min(place.saturating_add(1))))
        }
        Step::Change(field) => Some(field),
        Step::Language => None,
    };
    Ok(show(&state, visitor, &policy, &answers, &token, &[], focus.as_deref(), BUTTONS))
}

/// The same field twice.
pub(crate) fn repeated() -> Problem {
    let detail = "a field was sent twice; go back, reload the page and send it again";
    Problem::new(StatusCode::BAD_REQUEST, "repeated_field", "The form cannot be read", detail)
}

/// Changes the language without losing what was typed.
const BUTTONS: Switch = Switch::Button { form: "request", action: "/request", name: SWITCHES[0] };

/// The form with what is wrong in it.
pub(crate) fn refuse(
    state: &IntakeState,
    visitor: Visitor,
    policy: &Policy,
    answers: &Answers,
    token: &str,
    faults: &[Fault],
) -> Response {
    show(state, visitor, policy, answers, token, faults, None, BUTTONS)
}

#[expect(clippy::too_many_arguments, reason = "each is another thing that the page shows")]
fn show(
    state: &IntakeState,
    visitor: Visitor,
    policy: &Policy,
    answers: &Answers,
    token: &str,
    faults: &[Fault],
    focus: Option<&str>,
    switch: Switch,
) -> Response {
    let t = texts(visitor.locale);
    let answers = &answers.shown();
    let frame = Frame::new(visitor, &state.school, Some(policy), fl!(t, "form-title")).switch(switch);
    let fault = |id: &str| faults.iter().find(|fault| fault.anchor == id).map(|fault| fault.text.as_str());
    let fields = Fields { faults, focus };
    let template = FormPage {
        frame: if faults.is_empty() { frame } else { frame.wrong() },
        choices: choices(t, &answers.kind, focus == Some("kind")),
        kind_fault: fault("kind"),
        title: Input {
            width: "narrow",
            optional: true,
            autocomplete: "honorific-prefix",
            ..fields.input("title", fl!(t, "title-label"), &answers.title)
        },
        given_name: Input {
            autocomplete: "given-name",
            ..fields.input("given_name", fl!(t, "given-name-label"), &answers.given_name)
        },
        family_name: Input {
            autocomplete: "family-name",
            ..fields.input("family_name", fl!(t, "family-name-label"), &answers.family_name)
        },
        email: Input {
            kind: "email",
            width: "wide",
            hint: Some(fl!(t, "email-hint")),
            autocomplete: "email",
            ..fields.input("email", fl!(t, "email-label"), &answers.email)
        },
        children: children(t, answers, &fields),
        children_fault: fault("children"),
        max_children: MAX_CHILDREN,
        comment_fault: fault("comment"),
        comment_focus: focus == Some("comment"),
        max_comment: MAX_COMMENT,
        most: number(visitor.locale, MAX_COMMENT),
        faults,
        token,
        answers,
    };
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    page(&Audience::public(&policy.embed_origins), status, &template)
}

fn choices(t: Texts, chosen: &str, focus: bool) -> Vec<Choice<'static>> {
    let choice = |kind: Kind| {
        let (id, label, hint) = match kind {
            // The first one bears the name of the group: that is where links to the question lead.
            Kind::NewAccount => ("kind", fl!(t, "kind-new-account"), fl!(t, "kind-new-account-hint")),
            Kind::CannotSignIn => ("kind-2", fl!(t, "kind-cannot-sign-in"), fl!(t, "kind-cannot-sign-in-hint")),
            Kind::ChildMissing => ("kind-3", fl!(t, "kind-child-missing"), fl!(t, "kind-child-missing-hint")),
            _ => ("kind-4", fl!(t, "kind-other"), fl!(t, "kind-other-hint")),
        };
        Choice { id, value: kind.code(), label, hint, checked: chosen == kind.code(), autofocus: false }
    };
    let mut choices: Vec<_> = KINDS.into_iter().map(choice).collect();
    if focus {
        let place = choices.iter().position(|choice| choice.checked).unwrap_or(0);
        choices[place].autofocus = true;
    }
    choices
}

fn children<'a>(t: Texts, answers: &'a Answers, fields: &Fields<'a>) -> Vec<ChildFields<'a>> {
    let child = |(place, child): (usize, &'a super::answers::Child)| {
        let input = |part: &str, label: String, value: &'a str| {
            let id = format!("child-{}-{}", place + 1, part.replace('_', "-"));
            Input { name: child_name(place, part), ..fields.input(&id, label, value) }
        };
        ChildFields {
            number: place + 1,
            given_name: input("given_name", fl!(t, "given-name-label"), &child.given_name),
            family_name: input("family_name", fl!(t, "family-name-label"), &child.family_name),
            tutor_group: Input {
                optional: true,
                ..input("tutor_group", fl!(t, "tutor-group-label"), &child.tutor_group)
            },
        }
    };
    answers.children.iter().enumerate().map(child).collect()
}

/// What is wrong with which field, and which gets the focus.
struct Fields<'a> {
    faults: &'a [Fault],
    focus: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn input(&self, name: &str, label: String, value: &'a str) -> Input<'a> {
        let id = name.replace('_', "-");
        let focus = if self.focus == Some("name") { Some("given-name") } else { self.focus };
        Input {
            fault: self.faults.iter().find(|fault| fault.anchor == id).map(|fault| fault.text.as_str()),
            autofocus: focus == Some(id.as_str()),
            id,
            name: name.to_owned(),
            kind: "text",
            label,
            hint: None,
            value,
            autocomplete: "off",
            width: "",
            optional: false,
        }
    }
}
