//! `POST /api/v1/requests`: a submission as our own JSON. Whoever sends it can show faults to the adult, so a faulty one
//! is refused, with every fault at once.

use std::collections::BTreeMap;

use axum::{
    extract::{Request, State},
    response::Response,
};
use kinlink_domain::submission::{RawChild, RawSubmission, Submission};
use kinlink_service::submit::{Faults, submit as store};
use kinlink_web::{FieldFault, Problem, body};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::{IntakeState, answer::accepted, sender};

/// Fields that this version does not know: all of them are named in the answer.
type Unknown = BTreeMap<String, Value>;

/// The body. What is missing is as good as blank: the checks say what must be there.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    locale: Option<String>,
    #[serde(default)]
    adult: Adult,
    #[serde(default)]
    children: Vec<Child>,
    #[serde(default)]
    comment: Option<String>,
    #[serde(default)]
    declaration: Option<bool>,
    #[serde(flatten)]
    unknown: Unknown,
}

#[derive(Default, Deserialize)]
struct Adult {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    given_name: String,
    #[serde(default)]
    family_name: String,
    #[serde(default)]
    email: String,
    #[serde(flatten)]
    unknown: Unknown,
}

#[derive(Deserialize)]
struct Child {
    #[serde(default)]
    given_name: String,
    #[serde(default)]
    family_name: String,
    #[serde(default)]
    tutor_group: TutorGroup,
    #[serde(default)]
    admission_number: Option<String>,
    #[serde(flatten)]
    unknown: Unknown,
}

/// A tutor group: missing and not known are not the same.
#[derive(Default)]
enum TutorGroup {
    #[default]
    Missing,
    /// `null`: the adult does not know it.
    NotKnown,
    Given(String),
}

impl<'de> Deserialize<'de> for TutorGroup {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::NotKnown, Self::Given))
    }
}

/// Takes a submission.
pub(crate) async fn submit(State(state): State<IntakeState>, request: Request) -> Result<Response, Problem> {
    let sent = sender::receive(&state.app, request).await?;
    if !body::is_json(&sent.media_type) {
        return Err(body::wrong_media_type("application/json"));
    }
    let body: Body = body::parse(&sent.body)?;
    let faults = body.faults();
    let raw = RawSubmission::from(body);
    if !faults.is_empty() {
        // The service would name its own faults only.
        let checked = Submission::check(&raw).faults.into_iter().map(FieldFault::from);
        return Err(Problem::invalid_fields(checked.chain(faults).collect()));
    }
    Ok(accepted(&store(&state.app, &sent.source, &raw, Faults::Refuse, sent.key.as_ref()).await?))
}

impl Body {
    /// The faults that only this form of a submission can have: unknown fields, and tutor groups that nobody spoke of.
    fn faults(&self) -> Vec<FieldFault> {
        let mut faults = Vec::new();
        let mut unknown = |at: &str, fields: &Unknown| {
            faults.extend(fields.keys().map(|field| {
                let pointer = format!("{at}/{}", body::token(field));
                FieldFault::field(pointer, "unknown_field", "there is no such field here")
            }));
        };
        unknown("", &self.unknown);
        unknown("/adult", &self.adult.unknown);
        for (i, child) in self.children.iter().enumerate() {
            unknown(&format!("/children/{i}"), &child.unknown);
        }
        for (i, child) in self.children.iter().enumerate() {
            let said = match &child.tutor_group {
                TutorGroup::Missing => false,
                TutorGroup::NotKnown => true,
                TutorGroup::Given(group) => !group.trim().is_empty(),
            };
            let numbered = child.admission_number.as_deref().is_some_and(|number| !number.trim().is_empty());
            if !said && !numbered {
                let detail = "enter the tutor group, or null if the adult does not know it";
                faults.push(FieldFault::field(format!("/children/{i}/tutor_group"), "required", detail));
            }
        }
        faults
    }
}

impl From<Body> for RawSubmission {
    fn from(body: Body) -> Self {
        Self {
            kind: body.kind,
            locale: body.locale,
            title: body.adult.title.unwrap_or_default(),
            given_name: body.adult.given_name,
            family_name: body.adult.family_name,
            email: body.adult.email,
            children: body
                .children
                .into_iter()
                .map(|child| RawChild {
                    given_name: child.given_name,
                    family_name: child.family_name,
                    tutor_group: match child.tutor_group {
                        TutorGroup::Given(group) => Some(group),
                        TutorGroup::Missing | TutorGroup::NotKnown => None,
                    },
                    admission_number: child.admission_number,
                })
                .collect(),
            comment: body.comment.unwrap_or_default(),
            // Here the declaration must be there.
            declaration: Some(body.declaration == Some(true)),
        }
    }
}
