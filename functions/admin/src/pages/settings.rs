//! `/admin/settings`: what the school set, in groups, each with its own button. Only what was changed is stored.

use askama::Template;
use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};
use kinlink_domain::{
    policy::{InvalidSetting, Policy, SETTINGS},
    staff::Permission,
};
use kinlink_service::{access::require, settings};
use kinlink_web::form::Fields;

use super::{
    StaffForm,
    faults::Fault,
    interruption::Interruption,
    notice::Notice,
    shell::{Desk, Section, Shell},
};
use crate::AdminState;

/// Where the page is.
const HERE: &str = "/admin/settings";

pub(crate) fn routes() -> Router<AdminState> {
    Router::new().route("/settings", get(show).post(save))
}

/// The groups, each with what the names of its settings begin with. What fits nowhere is in the last.
const GROUPS: &[(&str, &str, &[&str])] = &[
    ("form", "The form that parents fill in", &["form_", "email_proof", "embed_", "privacy_", "time_zone"]),
    ("deciding", "Deciding", &["require_checks", "pupil_filter", "tutor_group"]),
    (
        "accounts",
        "Accounts in Moodle",
        &["title_in", "description", "link_role", "static_", "component", "modifier_id"],
    ),
    ("keeping", "How long personal data is kept", &["keep_"]),
    ("staff", "Staff who are signed in", &["session_", "reauthenticate_"]),
    ("taking-away", "Taking away and trying again", &[]),
];

struct Group {
    code: &'static str,
    title: &'static str,
    fields: Vec<Field>,
}

/// How a setting is typed.
#[derive(PartialEq, Eq)]
enum Kind {
    Switch,
    Number,
    Text,
}

struct Field {
    name: &'static str,
    label: String,
    value: String,
    kind: Kind,
    fault: Option<String>,
}

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    shell: Shell,
    groups: Vec<Group>,
    /// Where to sign in again before anything can be changed.
    sign_in_again: Option<String>,
    faults: Vec<Fault>,
}

async fn show(desk: Desk) -> Result<Response, Interruption> {
    require(desk.actor(), Permission::Administer)?;
    Ok(desk.show(&SettingsPage {
        shell: desk.shell("Settings", Section::Settings),
        groups: groups(desk.policy()),
        sign_in_again: desk.sign_in_again(HERE),
        faults: Vec::new(),
    }))
}

async fn save(State(state): State<AdminState>, desk: Desk, form: StaffForm) -> Result<Response, Interruption> {
    desk.check(&form)?;
    require(desk.actor(), Permission::Administer)?;
    desk.must_be_fresh_to_send(&state, HERE, "Nothing was saved")?;
    let mut groups = groups(desk.policy());
    let (mut changed, mut faults) = (Vec::new(), Vec::new());
    for field in groups.iter_mut().flat_map(|group| &mut group.fields) {
        let Some(value) = sent(&form, field.name).filter(|value| *value != field.value) else { continue };
        if let Err(InvalidSetting::Value { expected, .. }) = Policy::default().set(field.name, value) {
            faults.push(Fault::new(field.name, format!("{}: enter {expected}", field.label)));
            field.fault = Some(format!("Enter {expected}"));
        }
        value.clone_into(&mut field.value);
        changed.push((field.name, &field.value, &field.label));
    }
    // All or nothing: nobody should have to find out what of a form was stored.
    if !faults.is_empty() {
        let shell = desk.shell("Settings", Section::Settings).wrong();
        let page = SettingsPage { shell, groups, sign_in_again: None, faults };
        return Ok(desk.page(StatusCode::UNPROCESSABLE_ENTITY, &page));
    }
    let mut labels = Vec::new();
    for (name, value, label) in changed {
        settings::set(&state.app, desk.actor(), name, value).await?;
        labels.push(label.as_str());
    }
    let notice =
        if labels.is_empty() { "Nothing was changed.".to_owned() } else { format!("Saved: {}.", labels.join("; ")) };
    Ok(Notice::ok(notice).then(&state, HERE))
}

fn sent<'a>(form: &'a Fields, name: &str) -> Option<&'a str> {
    form.get(&format!("setting.{name}")).map(str::trim)
}

fn groups(policy: &Policy) -> Vec<Group> {
    let mut groups: Vec<Group> =
        GROUPS.iter().map(|(code, title, _)| Group { code, title, fields: Vec::new() }).collect();
    for setting in SETTINGS {
        let place = GROUPS.iter().position(|(.., begins)| begins.iter().any(|begin| setting.name.starts_with(begin)));
        let field = Field {
            name: setting.name,
            label: capital(setting.meaning),
            value: (setting.get)(policy),
            kind: kind(&(setting.get)(&Policy::default())),
            fault: None,
        };
        groups[place.unwrap_or(GROUPS.len() - 1)].fields.push(field);
    }
    groups
}

/// How a setting with this default is typed.
fn kind(default: &str) -> Kind {
    match default {
        "true" | "false" => Kind::Switch,
        number if number.parse::<u64>().is_ok() => Kind::Number,
        _ => Kind::Text,
    }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
