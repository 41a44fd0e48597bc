//! Who may do what, in one place: every route of this function with the least role that may use it, and everything sensitive
//! with the least role that sees it.
//!
//! To add a route: one line in [`ROUTES`], in the order of its neighbours, with the path as the router has it. To add
//! something sensitive: one line in [`FIELDS`], and in `tests/pages/roles.rs` a text that stands for it. Then
//! `kinlink roles > docs/roles.md`. `tests/pages/roles.rs` fails, naming the route, when the router and this table differ, and
//! walks every line as every role.
//!
//! The menu is made by this table. What does not live here: the decision. Whether somebody may is decided where it is done, in
//! the crate `service`; this table says what must come out.

use std::fmt::Write as _;

use kinlink_domain::staff::{Permission, StaffRole};

use self::Least::{Anybody, Role};

/// The least that somebody must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Least {
    /// Nobody in particular: no session and no token is needed.
    Anybody,
    /// Signed in, or with a token, of this role or a higher one.
    Role(StaffRole),
}

impl Least {
    /// Whether somebody of this role is enough.
    #[must_use]
    pub fn is_met_by(self, role: StaffRole) -> bool {
        match self {
            Anybody => true,
            Role(least) => role >= least,
        }
    }
}

/// One way to use the function.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The HTTP method; `HEAD` goes with `GET`.
    pub method: &'static str,
    /// The path as the router has it.
    pub path: &'static str,
    /// Who may.
    pub least: Least,
}

/// Something that not every role may see.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// What it is called here.
    pub name: &'static str,
    /// What it is.
    pub meaning: &'static str,
    /// The least role that sees it, wherever it stands.
    pub least: StaffRole,
}

const fn route(method: &'static str, path: &'static str, least: Least) -> Route {
    Route { method, path, least }
}

const fn field(name: &'static str, meaning: &'static str, least: StaffRole) -> Field {
    Field { name, meaning, least }
}

const VIEWER: Least = Role(StaffRole::Viewer);
const APPROVER: Least = Role(StaffRole::Approver);
const SAFEGUARDING: Least = Role(StaffRole::Safeguarding);
const ADMINISTRATOR: Least = Role(StaffRole::Administrator);

/// Every route, pages first, then the API.
pub const ROUTES: &[Route] = &[
    // What everybody gets.
    route("GET", "/api/v1/openapi.json", Anybody),
    route("GET", "/assets/{name}", Anybody),
    // Signing in and out.
    route("GET", "/admin/sign-in", Anybody),
    route("POST", "/admin/sign-in", Anybody),
    route("GET", "/admin/sign-in/callback", Anybody),
    route("GET", "/admin/sign-in/link/{token}", Anybody),
    route("POST", "/admin/sign-in/link/{token}", Anybody),
    route("GET", "/admin/signed-out", Anybody),
    route("GET", "/admin/sign-in/again", VIEWER),
    route("POST", "/admin/sign-in/again", VIEWER),
    route("POST", "/admin/sign-out", VIEWER),
    // Pages: requests. `/admin` only leads to them.
    route("GET", "/admin", Anybody),
    route("GET", "/admin/requests", VIEWER),
    route("GET", "/admin/requests/counts", VIEWER),
    route("GET", "/admin/requests/export.csv", APPROVER),
    route("POST", "/admin/requests/bulk", APPROVER),
    route("POST", "/admin/requests/bulk/apply", APPROVER),
    route("GET", "/admin/requests/{request}", VIEWER),
    route("POST", "/admin/requests/{request}/decide", APPROVER),
    route("POST", "/admin/requests/{request}/note", APPROVER),
    route("POST", "/admin/requests/{request}/pin", APPROVER),
    route("GET", "/admin/requests/{request}/edit", APPROVER),
    route("POST", "/admin/requests/{request}/edit", APPROVER),
    route("GET", "/admin/requests/{request}/withdraw/{claim}", APPROVER),
    route("POST", "/admin/requests/{request}/withdraw/{claim}", APPROVER),
    route("GET", "/admin/requests/{request}/{outcome}", APPROVER),
    route("POST", "/admin/requests/{request}/{outcome}", APPROVER),
    // Pages: people and pupils.
    route("GET", "/admin/users", VIEWER),
    route("GET", "/admin/users/{adult}", VIEWER),
    route("GET", "/admin/users/{adult}/email", APPROVER),
    route("POST", "/admin/users/{adult}/email", APPROVER),
    route("POST", "/admin/users/{adult}/email/withdraw", APPROVER),
    route("POST", "/admin/users/{adult}/restore", APPROVER),
    route("POST", "/admin/users/revoke", APPROVER),
    route("POST", "/admin/users/revoke/apply", APPROVER),
    route("GET", "/admin/leavers", VIEWER),
    route("GET", "/admin/matching", VIEWER),
    route("POST", "/admin/matching", APPROVER),
    route("GET", "/admin/explain", VIEWER),
    // Pages: holds.
    route("GET", "/admin/holds", SAFEGUARDING),
    route("POST", "/admin/holds", SAFEGUARDING),
    route("GET", "/admin/holds/new", SAFEGUARDING),
    route("GET", "/admin/holds/{hold}", SAFEGUARDING),
    route("POST", "/admin/holds/{hold}/ask-release", SAFEGUARDING),
    route("POST", "/admin/holds/{hold}/withdraw-release", SAFEGUARDING),
    route("POST", "/admin/holds/{hold}/release", SAFEGUARDING),
    // Pages: the provisioner.
    route("GET", "/admin/cycles", VIEWER),
    route("POST", "/admin/cycles", APPROVER),
    route("GET", "/admin/cycles/{cycle}", VIEWER),
    route("GET", "/admin/cycles/{cycle}/progress", VIEWER),
    route("GET", "/admin/plans", VIEWER),
    route("POST", "/admin/plans", APPROVER),
    route("GET", "/admin/plans/{plan}", VIEWER),
    route("GET", "/admin/plans/{plan}/comparison", VIEWER),
    route("GET", "/admin/plans/{plan}/application", APPROVER),
    route("POST", "/admin/plans/{plan}/application", APPROVER),
    route("GET", "/admin/reconciliation", VIEWER),
    route("POST", "/admin/reconciliation/{row}/release", APPROVER),
    route("GET", "/admin/health", VIEWER),
    route("POST", "/admin/health/retry", APPROVER),
    route("GET", "/admin/help", VIEWER),
    // Pages: what administrators set and see.
    route("GET", "/admin/settings", ADMINISTRATOR),
    route("POST", "/admin/settings", ADMINISTRATOR),
    route("GET", "/admin/tokens", ADMINISTRATOR),
    route("POST", "/admin/tokens", ADMINISTRATOR),
    route("POST", "/admin/tokens/{token}/revoke", ADMINISTRATOR),
    route("POST", "/admin/sources", ADMINISTRATOR),
    route("POST", "/admin/sources/{source}/revoke", ADMINISTRATOR),
    route("GET", "/admin/audit", ADMINISTRATOR),
    route("GET", "/admin/audit/export.csv", ADMINISTRATOR),
    route("GET", "/admin/audit/export.jsonl", ADMINISTRATOR),
    route("GET", "/admin/audit/verification", ADMINISTRATOR),
    route("GET", "/admin/privacy", ADMINISTRATOR),
    route("POST", "/admin/privacy/purge", ADMINISTRATOR),
    route("POST", "/admin/privacy/requests/erase", ADMINISTRATOR),
    route("GET", "/admin/privacy/adults/{adult}", ADMINISTRATOR),
    route("POST", "/admin/privacy/adults/{adult}/bundle", ADMINISTRATOR),
    route("POST", "/admin/privacy/adults/{adult}/erase", ADMINISTRATOR),
    route("GET", "/admin/privacy/pupils/{pupil}", ADMINISTRATOR),
    route("POST", "/admin/privacy/pupils/{pupil}/bundle", ADMINISTRATOR),
    // API: requests.
    route("GET", "/api/v1/admin/requests", VIEWER),
    route("GET", "/api/v1/admin/requests/counts", VIEWER),
    route("GET", "/api/v1/admin/requests/{request}", VIEWER),
    route("PATCH", "/api/v1/admin/requests/{request}", APPROVER),
    route("PUT", "/api/v1/admin/requests/{request}/note", APPROVER),
    route("POST", "/api/v1/admin/requests/{request}/approve", APPROVER),
    route("POST", "/api/v1/admin/requests/{request}/deny", APPROVER),
    route("POST", "/api/v1/admin/requests/{request}/duplicate", APPROVER),
    route("POST", "/api/v1/admin/requests/{request}/bogus", APPROVER),
    route("POST", "/api/v1/admin/requests/{request}/ask", APPROVER),
    route("POST", "/api/v1/admin/requests/{request}/reopen", APPROVER),
    route("POST", "/api/v1/admin/requests/{request}/claims/{claim}/withdraw", APPROVER),
    // API: people and pupils.
    route("GET", "/api/v1/admin/login-rows", VIEWER),
    route("POST", "/api/v1/admin/login-rows/revoke", APPROVER),
    route("GET", "/api/v1/admin/adults/{adult}/email-change", VIEWER),
    route("POST", "/api/v1/admin/adults/{adult}/email-change", APPROVER),
    route("DELETE", "/api/v1/admin/adults/{adult}/email-change", APPROVER),
    route("GET", "/api/v1/admin/pupils", VIEWER),
    route("GET", "/api/v1/admin/links", VIEWER),
    route("GET", "/api/v1/admin/leavers", VIEWER),
    route("POST", "/api/v1/admin/links/{link}/restore", APPROVER),
    route("POST", "/api/v1/admin/adults/{adult}/restore", APPROVER),
    // API: holds.
    route("GET", "/api/v1/admin/holds", SAFEGUARDING),
    route("POST", "/api/v1/admin/holds", SAFEGUARDING),
    route("GET", "/api/v1/admin/holds/{hold}", SAFEGUARDING),
    route("POST", "/api/v1/admin/holds/{hold}/release-request", SAFEGUARDING),
    route("DELETE", "/api/v1/admin/holds/{hold}/release-request", SAFEGUARDING),
    route("POST", "/api/v1/admin/holds/{hold}/release", SAFEGUARDING),
    // API: the provisioner.
    route("GET", "/api/v1/admin/cycles", VIEWER),
    route("POST", "/api/v1/admin/cycles", APPROVER),
    route("GET", "/api/v1/admin/cycles/{cycle}", VIEWER),
    route("GET", "/api/v1/admin/plans", VIEWER),
    route("POST", "/api/v1/admin/plans", APPROVER),
    route("POST", "/api/v1/admin/adoption-plans", APPROVER),
    route("GET", "/api/v1/admin/plans/{plan}", VIEWER),
    route("GET", "/api/v1/admin/plans/{plan}/rows", VIEWER),
    route("GET", "/api/v1/admin/plans/{plan}/comparison", VIEWER),
    route("POST", "/api/v1/admin/plans/{plan}/application", APPROVER),
    route("GET", "/api/v1/admin/findings", VIEWER),
    route("GET", "/api/v1/admin/contested-rows", VIEWER),
    route("DELETE", "/api/v1/admin/contested-rows/{row}", APPROVER),
    route("GET", "/api/v1/admin/health", VIEWER),
    route("GET", "/api/v1/admin/doctor", VIEWER),
    route("GET", "/api/v1/admin/explain", VIEWER),
    // API: what administrators set and see.
    route("GET", "/api/v1/admin/settings", ADMINISTRATOR),
    route("PUT", "/api/v1/admin/settings/{name}", ADMINISTRATOR),
    route("GET", "/api/v1/admin/tokens", ADMINISTRATOR),
    route("POST", "/api/v1/admin/tokens", ADMINISTRATOR),
    route("DELETE", "/api/v1/admin/tokens/{token}", ADMINISTRATOR),
    route("GET", "/api/v1/admin/sources", ADMINISTRATOR),
    route("POST", "/api/v1/admin/sources", ADMINISTRATOR),
    route("DELETE", "/api/v1/admin/sources/{source}", ADMINISTRATOR),
    route("GET", "/api/v1/admin/audit", ADMINISTRATOR),
    route("GET", "/api/v1/admin/audit/export.csv", ADMINISTRATOR),
    route("GET", "/api/v1/admin/audit/export.jsonl", ADMINISTRATOR),
    route("GET", "/api/v1/admin/audit/verification", ADMINISTRATOR),
    // API: privacy.
    route("GET", "/api/v1/admin/retention", ADMINISTRATOR),
    route("POST", "/api/v1/admin/retention/purge", ADMINISTRATOR),
    route("GET", "/api/v1/admin/erasures", ADMINISTRATOR),
    route("POST", "/api/v1/admin/adults/{adult}/erasure", ADMINISTRATOR),
    route("POST", "/api/v1/admin/requests/{request}/erasure", ADMINISTRATOR),
    route("POST", "/api/v1/admin/adults/{adult}/access-bundle", ADMINISTRATOR),
    route("POST", "/api/v1/admin/pupils/{pupil}/access-bundle", ADMINISTRATOR),
];

/// Everything sensitive. A viewer sees who asked, for whom and where it stands: that is what reception is asked on the
/// telephone. What was *written* about people, by staff or by themselves, begins at those who decide.
pub const FIELDS: &[Field] = &[
    field("adult", "an adult's name", StaffRole::Viewer),
    field("email", "an adult's email address, often also their user name in Moodle", StaffRole::Viewer),
    field("child", "a child as it was typed", StaffRole::Viewer),
    field("pupil", "a pupil's name in Moodle", StaffRole::Viewer),
    field("login_row", "that an adult can sign in, and since when", StaffRole::Viewer),
    field("comment", "the adult's own words", StaffRole::Approver),
    field("submitted", "the submission as it first came, and what was corrected since", StaffRole::Approver),
    field("suspicion", "why a form looks as if no person had sent it", StaffRole::Approver),
    field("staff_note", "the staff's note of a request", StaffRole::Approver),
    field("decision_note", "what staff wrote with a decision", StaffRole::Approver),
    field("decision_reason", "why a decision was made, such as a restriction", StaffRole::Approver),
    field("question", "what the adult was asked", StaffRole::Approver),
    field("answer", "what the adult answered", StaffRole::Approver),
    field("revocation_reason", "why an adult's access was taken away", StaffRole::Approver),
    field("hold", "that a hold exists, why, and the reference of its document", StaffRole::Safeguarding),
    field("setting", "what the school has set", StaffRole::Administrator),
    field("token", "which tokens there are", StaffRole::Administrator),
    field("source", "which forms may send, unless one of their requests is looked at", StaffRole::Administrator),
    field("audit", "who did what, over all people", StaffRole::Administrator),
];

/// What a route asks for; `None` when the table does not know it.
#[must_use]
pub fn least(method: &str, path: &str) -> Option<Least> {
    ROUTES.iter().find(|route| route.method == method && route.path == path).map(|route| route.least)
}

/// Whether a page belongs into the menu of somebody of this role.
pub(crate) fn may_open(page: &str, role: StaffRole) -> bool {
    least("GET", page).is_none_or(|least| least.is_met_by(role))
}

/// The table for people: `docs/roles.md`.
#[must_use]
pub fn document() -> String {
    let mut text = String::from(INTRODUCTION);
    let line = |text: &mut String, cells: &[String], least: Least| {
        let marks = StaffRole::ALL.iter().map(|role| if least.is_met_by(*role) { "yes" } else { "" });
        let cells: Vec<&str> = cells.iter().map(String::as_str).chain(marks).collect();
        // Writing to a text cannot fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    };
    let head = |text: &mut String, title: &str, columns: &[&str]| {
        let columns: Vec<&str> = columns.iter().copied().chain(StaffRole::ALL.iter().map(|role| role.code())).collect();
        let _ = write!(text, "\n## {title}\n\n| {} |\n|{}\n", columns.join(" | "), "---|".repeat(columns.len()));
    };
    head(&mut text, "Permissions", &["permission"]);
    for permission in Permission::ALL {
        let least = StaffRole::ALL.iter().find(|role| role.may(*permission));
        line(&mut text, &[format!("`{permission}`")], least.map_or(Anybody, |role| Role(*role)));
    }
    head(&mut text, "What is seen", &["what", "meaning"]);
    for field in FIELDS {
        line(&mut text, &[format!("`{}`", field.name), field.meaning.to_owned()], Role(field.least));
    }
    for (title, is_api) in [("Pages", false), ("API", true)] {
        head(&mut text, title, &["method", "path"]);
        let rows = ROUTES.iter().filter(|route| route.path.starts_with("/api/") == is_api);
        for route in rows.filter(|route| route.least != Anybody) {
            line(&mut text, &[route.method.to_owned(), format!("`{}`", route.path)], route.least);
        }
    }
    text.push_str("\n## Without signing in\n\n");
    for route in ROUTES.iter().filter(|route| route.least == Anybody) {
        let _ = writeln!(text, "- {} `{}`", route.method, route.path);
    }
    text
}

const INTRODUCTION: &str = "# Roles

Made by `kinlink roles` from `functions/admin/src/access.rs`; a test keeps it fresh and tries every line as every role.

Staff have one of four roles, each of which may do what those before it may. Who has which comes from the school's sign-in
([sign-in.md](sign-in.md)); a token has one of them too. Nobody decides on a request whose adult is themself, whatever their
role: it is refused as `own_request`, and somebody else must decide. A token acts for whoever minted it.
";

#[cfg(test)]
mod tests {
    use super::document;

    #[test]
    fn the_document_is_fresh() {
        let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/roles.md");
        let kept = std::fs::read_to_string(kept).unwrap_or_default();
        assert_eq!(kept, document(), "run: cargo run -- roles > docs/roles.md");
    }
}
