//! Two plans side by side: what is in only one of them.

use askama::Template;
use axum::{extract::State, response::Response};
use kinlink_domain::{ids::PlanId, plan_row::PlanRow};
use kinlink_service::plans::{self, Plan};
use kinlink_web::{
    Parameters, Path,
    number::{counted, grouped},
    when::When,
};

use super::{SHOWN, address, choice, id, rows::Rows, show::OTHERS};
use crate::{
    AdminState,
    pages::{
        interruption::Interruption,
        shell::{Desk, Section, Shell},
    },
};

struct Choice {
    value: String,
    text: String,
    chosen: bool,
}

/// One of the two, and what is in it alone.
struct Side {
    href: String,
    made: When,
    rows: Rows,
    count: String,
    more: String,
}

/// Both, and how many rows they have in common.
struct Both {
    sides: [Side; 2],
    same: String,
}

#[derive(Template)]
#[template(path = "plans/compare.html")]
struct ComparePage {
    shell: Shell,
    here: String,
    made: When,
    others: Vec<Choice>,
    both: Option<Both>,
}

pub(super) async fn show(
    State(app): State<AdminState>,
    desk: Desk,
    Path(text): Path<String>,
    mut asked: Parameters,
) -> Result<Response, Interruption> {
    let with: Option<PlanId> = asked.one("with", "the id of a plan");
    let (service, actor) = (&app.app, desk.actor());
    let first = plans::find(service, actor, &id(&text)?.to_string()).await?;
    let others = plans::list(service, actor, None, OTHERS).await?.items;
    let both = match with {
        Some(with) => Some(both(&app, &desk, &first, &plans::find(service, actor, &with.to_string()).await?).await?),
        None => None,
    };
    let choices = others.iter().filter(|other| other.id != first.id).map(|other| Choice {
        value: other.id.to_string(),
        text: choice(other, &desk),
        chosen: with == Some(other.id),
    });
    Ok(desk.show(&ComparePage {
        shell: desk.shell("Compare two plans", Section::Plans),
        here: address(first.id),
        made: desk.clock.full(first.created_at),
        others: choices.collect(),
        both,
    }))
}

async fn both(app: &AdminState, desk: &Desk, first: &Plan, second: &Plan) -> Result<Both, Interruption> {
    let found = plans::compare(&app.app, desk.actor(), first.id, second.id).await?;
    let shown = |rows: &[PlanRow]| rows.iter().take(SHOWN).copied().collect::<Vec<_>>();
    let (of_first, of_second) = (shown(&found.only_first), shown(&found.only_second));
    let names = plans::names(&app.app, desk.actor(), &[of_first.as_slice(), &of_second].concat()).await?;
    let side = |plan: &Plan, caption, rows: &[PlanRow], all: usize| Side {
        href: address(plan.id),
        made: desk.clock.full(plan.created_at),
        rows: Rows::new(caption, rows, &names),
        count: counted(all, "row", "rows"),
        more: if all > rows.len() { grouped(all - rows.len()) } else { String::new() },
    };
    Ok(Both {
        sides: [
            side(first, "Rows that only the first plan has", &of_first, found.only_first.len()),
            side(second, "Rows that only the second plan has", &of_second, found.only_second.len()),
        ],
        same: counted(found.both, "row is in both plans", "rows are in both plans"),
    })
}
