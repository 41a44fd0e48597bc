//! `POST /api/v1/requests`: a submission as our own JSON. Whoever sends it can show faults to the adult, so a faulty one
//! is refused, with every fault at once.

use std::collections::BTreeMap;

use axum::{
    extract::{Request, State},
    response::Response,
};
use kinlink_domain::{
    request::Kind,
    submission::{RawChild, RawSubmission, Submission},
};
use kinlink_service::submit::{Faults, submit_from as store};
use kinlink_web::{
    FieldFault, Problem, body,
    document::{Bodied, Known},
};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use utoipa::{
    ToSchema,
    openapi::{Object, ObjectBuilder, schema::Type},
};

use crate::{
    IntakeState,
    answer::{Receipt, accepted},
    sender,
};

/// Fields that this version does not know: all of them are named in the answer.
type Unknown = BTreeMap<String, Value>;

/// What an adult sends: who they are, and for which children.
// What is missing is as good as blank: the checks say what must be there. Descriptions say what the checks let through.
#[derive(Deserialize, ToSchema)]
#[schema(as = Submission)]
pub(crate) struct Body {
    /// What the adult wants.
    #[serde(default)]
    #[schema(required, value_type = Kind)]
    kind: Option<String>,
    /// A language tag; what there are no texts in becomes English.
    #[serde(default)]
    #[schema(example = "en-GB")]
    locale: Option<String>,
    /// Who asks.
    #[serde(default)]
    #[schema(required)]
    adult: Adult,
    /// The children; at least one where the kind is about children.
    #[serde(default)]
    #[schema(max_items = 20)]
    children: Vec<Child>,
    /// Free text.
    #[serde(default)]
    #[schema(max_length = 2000)]
    comment: Option<String>,
    /// Whether the adult declared that the details are true: must be `true`.
    #[serde(default)]
    #[schema(required, schema_with = always_true)]
    declaration: Option<bool>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// Who asks.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct Adult {
    /// Title.
    #[serde(default)]
    #[schema(max_length = 50, example = "Mrs")]
    title: Option<String>,
    /// Given name.
    #[serde(default)]
    #[schema(required, min_length = 1, max_length = 100, example = "Rachel")]
    given_name: String,
    /// Family name.
    #[serde(default)]
    #[schema(required, min_length = 1, max_length = 100, example = "Turner")]
    family_name: String,
    /// Email address.
    #[serde(default)]
    #[schema(required, format = Email, max_length = 100, example = "rachel.turner@example.org")]
    email: String,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// A child of the adult's. Without an admission number `tutor_group` must be there.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Child {
    /// Given name.
    #[serde(default)]
    #[schema(required, min_length = 1, max_length = 100, example = "Amelia")]
    given_name: String,
    /// Family name.
    #[serde(default)]
    #[schema(required, min_length = 1, max_length = 100, example = "Turner")]
    family_name: String,
    /// Tutor group; `null` if the adult does not know it.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 50, example = "7KL")]
    tutor_group: TutorGroup,
    /// Admission number.
    #[serde(default)]
    #[schema(max_length = 50)]
    admission_number: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// A truth value that is always the same.
fn always_true() -> Object {
    ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true])).build()
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

/// Send a request
///
/// For forms that can show faults to the adult: a faulty submission is refused, with every fault at once. The answer is the
/// same whoever is known. The same content again is the same request.
#[utoipa::path(
    post,
    path = "/api/v1/requests",
    operation_id = "submit_request",
    tag = "submissions",
    security(("source_key" = []), ("source_bearer" = []), ("webhook_signature" = [])),
    params(sender::Headers),
    request_body = Body,
    responses((status = 202, description = "The submission is kept.", body = Receipt), Known, Bodied)
)]
pub(crate) async fn submit(State(state): State<IntakeState>, request: Request) -> Result<Response, Problem> {
    let sent = Box::pin(sender::receive(&state.app, request)).await?;
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
    Ok(accepted(store(&state.app, &sent.source, sent.client, &raw, Faults::Refuse, sent.key.as_ref()).await?))
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
