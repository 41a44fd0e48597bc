//! Names, addresses and roles in what the provider says.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{Fault, OidcError, token::Checked};

/// Who somebody is, as the provider says and as it was checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who they are at the provider; never given to anybody else there.
    pub subject: String,
    /// What they are called.
    pub name: Option<String>,
    /// Their address.
    pub email: Option<String>,
    /// Their roles or groups; `None` when the provider says nothing of any.
    pub roles: Option<Vec<String>>,
    /// When they proved who they are, if the provider says.
    pub authenticated_at: Option<Timestamp>,
    /// All of it as the provider said it.
    pub id_token: String,
}

impl std::fmt::Debug for Identity {
    /// Without anything about a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Identity {
    pub(crate) fn read(checked: &Checked, role_claim: &str, id_token: String) -> Self {
        Self {
            subject: checked.subject.clone(),
            name: name(&checked.claims),
            email: text(&checked.claims, "email"),
            roles: roles(&checked.claims, role_claim),
            authenticated_at: checked.authenticated_at,
            id_token,
        }
    }

    /// Adds what the user info says and the token did not.
    pub(crate) fn add(&mut self, more: &Map<String, Value>, role_claim: &str) -> Result<(), OidcError> {
        if text(more, "sub").as_deref() != Some(&self.subject) {
            return Err(Fault::OtherSubject.into());
        }
        self.name = self.name.take().or_else(|| name(more));
        self.email = self.email.take().or_else(|| text(more, "email"));
        self.roles = self.roles.take().or_else(|| roles(more, role_claim));
        Ok(())
    }
}

fn name(claims: &Map<String, Value>) -> Option<String> {
    let parts = || {
        let parts: Vec<String> =
            ["given_name", "family_name"].into_iter().filter_map(|part| text(claims, part)).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    };
    text(claims, "name").or_else(parts).or_else(|| text(claims, "preferred_username"))
}

fn text(claims: &Map<String, Value>, name: &str) -> Option<String> {
    let text = claims.get(name)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Somebody's roles: a text or a list of texts, in a claim of that name or where the path leads.
fn roles(claims: &Map<String, Value>, path: &str) -> Option<Vec<String>> {
    // A name may hold dots itself: https://example.org/roles.
    let found = claims.get(path).or_else(|| {
        let mut steps = path.split('.');
        let first = claims.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.get(step))
    })?;
    match found {
        Value::String(role) => Some(vec![role.clone()]),
        Value::Array(roles) => Some(roles.iter().filter_map(|role| role.as_str().map(str::to_owned)).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{name, roles};

    fn claims(claims: Value) -> Map<String, Value> {
        serde_json::from_value(claims).unwrap()
    }

    #[test]
    fn roles_are_a_text_or_a_list_wherever_the_path_leads() {
        for (said, path, found) in [
            (json!({"roles": "it"}), "roles", Some(&["it"][..])),
            (json!({"roles": ["it", "dsl"]}), "roles", Some(&["it", "dsl"])),
            (json!({"roles": ["it", 7, null, ["x"]]}), "roles", Some(&["it"])),
            (json!({"roles": []}), "roles", Some(&[])),
            (json!({"realm_access": {"roles": ["it"]}}), "realm_access.roles", Some(&["it"])),
            (json!({"https://example.org/roles": ["it"]}), "https://example.org/roles", Some(&["it"])),
            (json!({"a": {"b": {"c": "it"}}}), "a.b.c", Some(&["it"])),
            (json!({"a": {"b": "it"}}), "a.b.c", None),
            (json!({"a": {"b": "it"}}), "a", None),
            (json!({"roles": 7}), "roles", None),
            (json!({"roles": null}), "roles", None),
            (json!({"Roles": "it"}), "roles", None),
            (json!({}), "roles", None),
        ] {
            let expected = found.map(|roles| roles.iter().map(ToString::to_string).collect::<Vec<_>>());
            assert_eq!(roles(&claims(said.clone()), path), expected, "{said} {path}");
        }
    }

    #[test]
    fn somebody_is_called_by_the_best_name_there_is() {
        for (said, called) in [
            (json!({"name": "Jo Bell", "given_name": "Joanna"}), Some("Jo Bell")),
            (json!({"name": " ", "given_name": "Joanna", "family_name": "Bell"}), Some("Joanna Bell")),
            (json!({"family_name": "Bell"}), Some("Bell")),
            (json!({"preferred_username": "jbell"}), Some("jbell")),
            (json!({"name": 7}), None),
        ] {
            assert_eq!(name(&claims(said.clone())).as_deref(), called, "{said}");
        }
    }
}
