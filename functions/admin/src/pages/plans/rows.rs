//! The table of a plan's rows: what is written, whose it is, and why. Names come from our database and from Moodle.

use askama::{Template, filters::HtmlSafe};
use kinlink_domain::plan_row::{PlanRow, Write};
use kinlink_service::view::Names;

use crate::pages::{numbered::link, words::Tag};

struct Row {
    write: Tag,
    /// The adult's page, where the row is an adult's.
    adult_href: Option<String>,
    adult: String,
    pupil: Option<String>,
    /// Why the adult sees the pupil or not.
    explain: Option<String>,
    reason: &'static str,
    line: String,
}

#[derive(Template)]
#[template(path = "plans/rows.html")]
pub(super) struct Rows {
    caption: &'static str,
    rows: Vec<Row>,
}

/// Its template escapes what it is given.
impl HtmlSafe for Rows {}

impl Rows {
    pub(super) fn new(caption: &'static str, rows: &[PlanRow], names: &Names) -> Self {
        Self { caption, rows: rows.iter().map(|found| row(found, names)).collect() }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

fn row(found: &PlanRow, names: &Names) -> Row {
    let user = |id| names.users.get(&id).cloned().unwrap_or_else(|| format!("Moodle user {id}"));
    let explain = found.adult.zip(found.pupil).map(|(adult, pupil)| {
        link("/admin/explain", &[("adult", &adult.to_string())], &[("pupil", &pupil.to_string())])
    });
    let adult = match found.adult {
        Some(adult) => names.adults.get(&adult).cloned().unwrap_or_else(|| "Somebody who is not kept any more".into()),
        None => user(found.user),
    };
    Row {
        write: write(found.write),
        adult_href: found
            .adult
            .filter(|adult| names.adults.contains_key(adult))
            .map(|adult| format!("/admin/users/{adult}")),
        adult,
        pupil: found.pupil.map(user),
        explain,
        reason: found.reason.words(),
        line: found.line(),
    }
}

fn write(write: Write) -> Tag {
    match write {
        Write::Add => Tag::new("green", "plus", "Give a role"),
        Write::Remove => Tag::new("red", "minus", "Take a role away"),
        Write::Adopt => Tag::new("blue", "link", "Take over a role"),
        Write::GiveBack => Tag::new("blue", "undo-2", "Give a role back"),
        Write::MakeContext => Tag::new("grey", "plus", "Make a pupil’s context"),
        Write::MendContext => Tag::new("grey", "pencil", "Mend a pupil’s context"),
    }
}
