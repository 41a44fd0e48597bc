//! `POST /hooks/contact-form-7`: what `WordPress` sends when a parent submits the form of the plugin that Kinlink replaces,
//! with that plugin's field names.
//!
//! `WordPress` cannot show faults to the parent and does not send twice: a body with our marker is always kept, with its
//! faults as work for staff. Refused are only an unknown sender (401), a body that is too large (413) or cannot be read
//! (400, 415), and one without the marker (422 `marker_missing`): that is another form's, and saying "accepted" would
//! hide the wrong setting from whoever made it.
//!
//! A field may come as text, number, truth value or a list of these, and more than once; then the first that is not
//! blank counts, of a comment all. Backslashes are text: what sends this has removed `WordPress`'s own. Unknown fields are
//! dropped.

use std::{collections::BTreeMap, fmt};

use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use kinlink_domain::{
    request::Kind,
    submission::{RawChild, RawSubmission},
};
use kinlink_service::submit::{Faults, submit_from};
use kinlink_web::{
    Problem, body,
    document::{Bodied, Known},
};
use serde::{
    Deserialize,
    de::{Deserializer, MapAccess, Visitor},
};
use serde_json::Value;
use url::form_urlencoded;
use utoipa::ToSchema;

use crate::{
    IntakeState,
    answer::{Receipt, accepted},
    sender,
};

/// The field that says that a form is ours, whatever its value.
const MARKER: &str = "parent_moodle_provisioning";
/// The choices of the field `request-type`, as the plugin's form words them.
const SENTENCES: [(&str, Kind); 3] = [
    ("I do not currently have a Moodle Account.", Kind::NewAccount),
    ("I have a Moodle account, but cannot log in.", Kind::CannotSignIn),
    (
        "One or more of my children is not linked correctly to my account (please provide details below).",
        Kind::ChildMissing,
    ),
];

/// The fields of the form as descriptions show them. Those of further children are numbered: `child2_fname` and so on.
/// Any of them may be a text, a number, a truth value or a list of these; other fields are dropped.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only describes; `Fields` reads")]
struct ContactForm7 {
    /// Says that the form is ours, whatever its value.
    #[schema(value_type = Value)]
    parent_moodle_provisioning: Value,
    /// What the adult wants: a sentence of the plugin's form, or a code such as `new_account`.
    #[schema(value_type = Value, required = false, rename = "request-type")]
    request_type: Value,
    /// The adult's title.
    #[schema(value_type = Value, required = false)]
    parent_title: Value,
    /// The adult's given name.
    #[schema(value_type = Value, required = false)]
    parent_fname: Value,
    /// The adult's family name.
    #[schema(value_type = Value, required = false)]
    parent_sname: Value,
    /// The adult's address.
    #[schema(value_type = Value, required = false)]
    parent_email: Value,
    /// Free text.
    #[schema(value_type = Value, required = false)]
    parent_comment: Value,
    /// The first child's given name.
    #[schema(value_type = Value, required = false)]
    child_fname: Value,
    /// The first child's family name.
    #[schema(value_type = Value, required = false)]
    child_sname: Value,
    /// The first child's tutor group.
    #[schema(value_type = Value, required = false)]
    child_tg: Value,
}

/// Send a request as `WordPress` does
///
/// What the plugin Contact Form 7 sends when a parent submits the form. `WordPress` cannot show faults: a faulty submission
/// is kept, with its faults as work for staff. JSON may also be sent as `text/plain`.
#[utoipa::path(
    post,
    path = "/hooks/contact-form-7",
    operation_id = "contact_form_7",
    tag = "submissions",
    security(("source_key" = []), ("source_bearer" = []), ("webhook_signature" = [])),
    params(sender::Headers),
    request_body(content(
        (ContactForm7 = "application/json"),
        (ContactForm7 = "application/x-www-form-urlencoded"),
        (String = "text/plain")
    )),
    responses((status = 202, description = "The submission is kept.", body = Receipt), Known, Bodied)
)]
pub(crate) async fn receive(State(state): State<IntakeState>, request: Request) -> Result<Response, Problem> {
    let sent = Box::pin(sender::receive(&state.app, request)).await?;
    let fields = Fields::read(&sent.media_type, &sent.body)?;
    if !fields.0.contains_key(MARKER) {
        let detail = "this form has no field parent_moodle_provisioning; add it as a hidden field, or send only the forms \
                      that have it";
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Err(Problem::new(status, "marker_missing", "Not a form for Kinlink", detail));
    }
    let raw = fields.submission();
    let key = sent.key.as_ref();
    Ok(accepted(submit_from(&state.app, &sent.source, sent.client, &raw, Faults::Keep, key).await?))
}

/// The fields of a form: for each name its values that are not blank, in their order.
#[derive(Debug, Default)]
struct Fields(BTreeMap<String, Vec<String>>);

impl Fields {
    fn read(media_type: &str, bytes: &[u8]) -> Result<Self, Problem> {
        let mut fields = Self::default();
        match media_type {
            "application/x-www-form-urlencoded" => {
                // Bytes that are no UTF-8 become replacement characters: the rest of the name is still there.
                for (name, value) in form_urlencoded::parse(bytes) {
                    fields.add(&name, [value.into_owned()]);
                }
            }
            // A template of the sender's own comes as text/plain when it is not quite JSON, and often it is.
            json if body::is_json(json) || json == "text/plain" => {
                let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
                let object: Object = serde_json::from_slice(bytes).map_err(|error| body::bad_json(&error))?;
                for (name, value) in object.0 {
                    let mut texts = Vec::new();
                    flatten(value, &mut texts);
                    fields.add(&name, texts);
                }
            }
            _ => return Err(body::wrong_media_type("application/json or application/x-www-form-urlencoded")),
        }
        Ok(fields)
    }

    fn add(&mut self, name: &str, values: impl IntoIterator<Item = String>) {
        // PHP's way to name the parts of a list: `name[]`, `name[0]`.
        let name = name.split_once('[').map_or(name, |(name, _)| name).trim();
        let known = self.0.entry(name.to_owned()).or_default();
        known.extend(values.into_iter().filter(|value| !value.trim().is_empty()));
    }

    fn first(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.first().map(String::as_str)
    }

    fn text(&self, name: &str) -> String {
        self.first(name).unwrap_or_default().to_owned()
    }

    fn submission(&self) -> RawSubmission {
        RawSubmission {
            kind: self.first("request-type").map(kind),
            locale: None,
            title: self.text("parent_title"),
            given_name: self.text("parent_fname"),
            family_name: self.text("parent_sname"),
            email: self.text("parent_email"),
            children: self.children(),
            comment: self.0.get("parent_comment").map(|texts| texts.join("\n")).unwrap_or_default(),
            declaration: None,
        }
    }

    /// The children in the order of their numbers. A child counts when anything is said about it.
    fn children(&self) -> Vec<RawChild> {
        let mut children: BTreeMap<u32, RawChild> = BTreeMap::new();
        for (name, values) in &self.0 {
            let (Some((number, part)), Some(value)) = (child_field(name), values.first()) else { continue };
            let child = children.entry(number).or_default();
            match part {
                "fname" => child.given_name.clone_from(value),
                "sname" => child.family_name.clone_from(value),
                _ => child.tutor_group = Some(value.clone()),
            }
        }
        children.into_values().collect()
    }
}

/// Which child and which part of it a field is about: `child_fname` is the first's, `child2_fname` the second's.
fn child_field(name: &str) -> Option<(u32, &str)> {
    let (number, part) = name.strip_prefix("child")?.split_once('_')?;
    let number = if number.is_empty() { 1 } else { number.parse().ok()? };
    matches!(part, "fname" | "sname" | "tg").then_some((number, part))
}

/// The code of a choice, or the choice as it came: then the request says that nobody knows what it asks for, and the
/// words are kept with it.
fn kind(choice: &str) -> String {
    let plain = plain(choice);
    let known = SENTENCES.iter().find(|(sentence, _)| self::plain(sentence) == plain).map(|(_, kind)| *kind);
    let code = known.or_else(|| Kind::from_code(choice.trim())).map(Kind::code);
    code.unwrap_or(choice).to_owned()
}

/// Letters and digits in lower case; "VLE", as some schools say, is Moodle.
fn plain(sentence: &str) -> String {
    let words = sentence.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let words = words.map(str::to_lowercase).map(|word| if word == "vle" { "moodle".to_owned() } else { word });
    words.collect()
}

/// The texts in a value. Objects are uploaded files, which nobody asked for.
fn flatten(value: Value, texts: &mut Vec<String>) {
    match value {
        Value::Null | Value::Object(_) => {}
        Value::Bool(value) => texts.push(value.to_string()),
        Value::Number(value) => texts.push(value.to_string()),
        Value::String(value) => texts.push(value),
        Value::Array(values) => values.into_iter().for_each(|value| flatten(value, texts)),
    }
}

/// A JSON object with all its members, those of the same name included.
struct Object(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fields, kind};

    #[test]
    fn request_types_are_the_plugin_s_sentences() {
        for (choice, expected) in [
            ("I do not currently have a Moodle Account.", "new_account"),
            ("  i do not currently  have a VLE account ", "new_account"),
            ("I have a Moodle account, but cannot log in.", "cannot_sign_in"),
            (
                "One or more of my children is not linked correctly to my account (please provide details below).",
                "child_missing",
            ),
            ("child_missing", "child_missing"),
            ("Something else", "Something else"),
        ] {
            assert_eq!(kind(choice), expected);
        }
    }

    #[test]
    fn fields_come_in_many_forms() {
        let json = br#"{"parent_title":["","Ms"],"parent_fname":7,"parent_sname":true,"parent_email":null,
            "parent_comment":["a","","b"],"x":{"file":"y"},"child20_sname":"Z","child3_tg":" 7KL","child_fname":"N","child2_fname":" ",
            "childish_fname":"no","parent_fname":"later"}"#;
        let raw = Fields::read("application/json", json).unwrap().submission();
        assert_eq!((raw.title.as_str(), raw.given_name.as_str(), raw.family_name.as_str()), ("Ms", "7", "true"));
        assert_eq!((raw.email.as_str(), raw.comment.as_str()), ("", "a\nb"));
        let children: Vec<_> = raw
            .children
            .iter()
            .map(|c| (c.given_name.as_str(), c.family_name.as_str(), c.tutor_group.as_deref()))
            .collect();
        assert_eq!(children, [("N", "", None), ("", "", Some(" 7KL")), ("", "Z", None)]);
        let form = b"parent_title%5B%5D=&parent_title[]=Ms&parent_fname=Zo%EB&parent_sname=O%5C%27Brien&x";
        let raw = Fields::read("application/x-www-form-urlencoded", form).unwrap().submission();
        assert_eq!((raw.title.as_str(), raw.given_name.as_str()), ("Ms", "Zo\u{fffd}"));
        assert_eq!(raw.family_name, r"O\'Brien");
    }
}
