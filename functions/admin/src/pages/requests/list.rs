//! `GET /admin/requests`: the list.

use std::fmt::Write as _;

use askama::Template;
use axum::{extract::State, response::Response};
use kinlink_domain::{
    request::{ClaimState, Kind},
    request_view::{CheckFilter, RequestView},
    staff::Permission,
};
use kinlink_service::view::{ChildSummary, ListItem, ListPage, Mark, PER_PAGE, RequestSummary, Sort, list_view};
use kinlink_web::{
    Parameters,
    number::{counted, grouped},
    when::When,
};

use super::{
    Choice,
    address::{self, ListAddress},
    bulk,
    counts::{Tabs, tabs},
};
use crate::{
    AdminState,
    pages::{
        interruption::Interruption,
        shell::{Desk, Section, Shell},
        words::{self, Tag},
    },
};

#[derive(Template)]
#[template(path = "requests/list.html")]
struct ListTemplate {
    shell: Shell,
    lede: String,
    ignored: String,
    /// Where the list is a file, for roles that may have it.
    export: Option<String>,
    tabs: Tabs,
    /// What the search form carries along: names and values.
    kept: Vec<(&'static str, String)>,
    search: String,
    kinds: Vec<Choice>,
    checks: Vec<Choice>,
    chips: Vec<Chip>,
    clear: String,
    empty: Option<Empty>,
    unchecked: String,
    may_decide: bool,
    bulk: String,
    acts: Vec<Choice>,
    range: String,
    caption: String,
    by_name: Sorted,
    by_time: Sorted,
    rows: Vec<Row>,
    pager: Pager,
    sizes: Vec<PageLink>,
}

/// A filter that is set, with the list without it.
struct Chip {
    text: String,
    href: String,
}

/// What is shown in place of rows.
struct Empty {
    icon: &'static str,
    title: String,
    text: &'static str,
    href: String,
    link: &'static str,
}

/// A column that can be sorted by.
struct Sorted {
    href: String,
    icon: &'static str,
    /// `aria-sort`, while the list is sorted by it.
    aria: Option<&'static str>,
}

struct Row {
    href: String,
    /// Id and version, as a form sends them.
    mark: String,
    reference: String,
    name: String,
    email: String,
    children: Vec<ChildRow>,
    kind: &'static str,
    excerpt: String,
    checks: Vec<Tag>,
    sent: When,
    status: Tag,
}

struct ChildRow {
    class: &'static str,
    icon: &'static str,
    mark: String,
    name: String,
    group: String,
}

struct Pager {
    previous: Option<String>,
    next: Option<String>,
    pages: Vec<PageLink>,
}

struct PageLink {
    number: String,
    href: String,
    current: bool,
    gap: bool,
}

/// How many characters of the adult's words a row shows.
const EXCERPT: usize = 90;

pub(super) async fn show(
    State(state): State<AdminState>,
    desk: Desk,
    mut query: Parameters,
) -> Result<Response, Interruption> {
    let mut list = ListAddress::read(&mut query);
    let ignored = address::ignored(query);
    let page = list_view(&state.app, desk.actor(), &list.0).await?;
    let tabs = tabs(&state.app, &desk, &list).await?;
    // Past the end the last page is shown: what the page says of itself must be that one.
    list.0.page = page.page;
    let lede = lede(&tabs);
    let may_decide = desk.may(Permission::Decide);
    let rows = page.items.iter().map(|item| row(&desk, &list, item)).collect();
    Ok(desk.show(&ListTemplate {
        shell: desk.shell("Requests", Section::Requests).live(),
        lede,
        ignored,
        export: desk.may(Permission::ReadNotes).then(|| list.with(|_| ()).beside("export.csv")),
        kept: list.pairs().into_iter().filter(|(name, _)| matches!(*name, "view" | "sort" | "per")).collect(),
        search: list.0.search.clone(),
        kinds: kinds(list.0.kind),
        checks: checks(list.0.check),
        chips: chips(&list),
        clear: cleared(&list).list(),
        empty: page.items.is_empty().then(|| empty(&list)),
        unchecked: unchecked(&page),
        may_decide,
        bulk: list.beside("bulk"),
        acts: bulk::choices(),
        range: range(&page, list.0.per_page),
        caption: caption(&list),
        by_name: sorted(&list, Sort::Name, Sort::NameDescending),
        by_time: sorted(&list, Sort::Oldest, Sort::Newest),
        rows,
        pager: pager(&list, &page),
        sizes: sizes(&list),
        tabs,
    }))
}

/// What happens next to the requests that are approved.
fn lede(tabs: &Tabs) -> String {
    let approved = tabs.tabs.iter().find(|tab| tab.code == RequestView::Approved.code());
    match approved.map(|tab| tab.count.as_str()) {
        None | Some("0") => "Nothing waits for the next cycle.".to_owned(),
        Some("1") => "1 approved request goes live in the next cycle.".to_owned(),
        Some(count) => format!("{count} approved requests go live in the next cycle."),
    }
}

fn kinds(chosen: Option<Kind>) -> Vec<Choice> {
    let choice =
        |kind: &Kind| Choice { value: kind.code().to_owned(), text: words::kind(*kind), chosen: chosen == Some(*kind) };
    Kind::ALL.iter().map(choice).collect()
}

fn checks(chosen: Option<CheckFilter>) -> Vec<Choice> {
    let choice = |check: &CheckFilter| Choice {
        value: check.code().to_owned(),
        text: words::check_filter(*check),
        chosen: chosen == Some(*check),
    };
    CheckFilter::ALL.iter().map(choice).collect()
}

fn chips(list: &ListAddress) -> Vec<Chip> {
    let mut chips = Vec::new();
    if !list.0.search.is_empty() {
        let text = format!("Search: {}", list.0.search);
        chips.push(Chip { text, href: list.with(|list| list.search.clear()).list() });
    }
    if let Some(kind) = list.0.kind {
        let text = format!("Asking for: {}", words::kind(kind));
        chips.push(Chip { text, href: list.with(|list| list.kind = None).list() });
    }
    if let Some(check) = list.0.check {
        let text = format!("Checks: {}", words::check_filter(check));
        chips.push(Chip { text, href: list.with(|list| list.check = None).list() });
    }
    chips
}

fn cleared(list: &ListAddress) -> ListAddress {
    list.with(|list| {
        list.search.clear();
        list.kind = None;
        list.check = None;
    })
}

fn empty(list: &ListAddress) -> Empty {
    let all = list.viewing(RequestView::All);
    if !chips(list).is_empty() {
        let title = if list.0.search.is_empty() {
            "No request matches these filters".to_owned()
        } else {
            format!("No request matches “{}”", list.0.search)
        };
        let text = "Only this view was searched. A name can be written with or without accents.";
        return Empty { icon: "search", title, text, href: cleared(list).list(), link: "Clear search and filters" };
    }
    let (icon, title, text) = match list.0.view {
        RequestView::Todo => ("inbox", "Nothing to do", "New requests appear here as parents send them."),
        RequestView::Waiting => ("hourglass", "No question is open", "Requests wait here until the parent answers."),
        RequestView::Approved => {
            ("clock", "Nothing waits for a cycle", "Approved requests stay here until Moodle has them.")
        }
        RequestView::Provisioned => {
            ("check", "Nothing is done yet", "Requests come here once the parent is linked in Moodle.")
        }
        RequestView::Closed => ("ban", "Nothing is closed", "Denied, duplicate and withdrawn requests come here."),
        RequestView::Unconfirmed => {
            ("mail", "Every address is confirmed", "Requests wait here for the parent’s click in an email.")
        }
        RequestView::All => {
            let text = "As soon as a parent sends the form, the request appears here.";
            let (href, link) = ("/admin/help".to_owned(), "How parents find the form");
            return Empty { icon: "inbox", title: "There are no requests yet".to_owned(), text, href, link };
        }
    };
    Empty { icon, title: title.to_owned(), text, href: all.list(), link: "See all requests" }
}

/// Says when a filter by check could not look at everything.
fn unchecked(page: &ListPage) -> String {
    if page.unchecked == 0 {
        return String::new();
    }
    format!(
        "{} were not looked at for this filter. Search as well to narrow the list.",
        words::requests(page.unchecked)
    )
}

fn range(page: &ListPage, size: u32) -> String {
    let first = i64::from(page.page - 1) * i64::from(size) + 1;
    let last = first + i64::try_from(page.items.len()).unwrap_or(i64::MAX) - 1;
    format!("{} to {} of {}", grouped(first), grouped(last), grouped(page.total))
}

fn caption(list: &ListAddress) -> String {
    let order = match list.0.sort {
        Sort::Newest => "newest first",
        Sort::Oldest => "oldest first",
        Sort::Name => "by the parent’s last name",
        Sort::NameDescending => "by the parent’s last name, from the end",
    };
    let mut caption = format!("Requests: {}, {order}", words::view(list.0.view));
    for chip in chips(list) {
        let _ = write!(caption, ", {}", chip.text);
    }
    caption
}

fn sorted(list: &ListAddress, ascending: Sort, descending: Sort) -> Sorted {
    let (aria, icon, next) = if list.0.sort == ascending {
        (Some("ascending"), "arrow-up", descending)
    } else if list.0.sort == descending {
        (Some("descending"), "arrow-down", ascending)
    } else {
        (None, "chevrons-up-down", ascending)
    };
    Sorted { href: list.with(|list| list.sort = next).list(), icon, aria }
}

fn row(desk: &Desk, list: &ListAddress, item: &ListItem) -> Row {
    let summary = &item.summary;
    let marks = item.marks.iter().copied().map(Some).chain(std::iter::repeat(None));
    Row {
        href: list.request(&summary.reference),
        mark: mark(summary),
        reference: summary.reference.to_string(),
        name: name(summary),
        email: summary.email.clone(),
        children: summary.children.iter().zip(marks).map(|(child, mark)| child_row(child, mark)).collect(),
        kind: words::kind(summary.kind),
        excerpt: shortened(&item.excerpt),
        checks: item.checks.iter().map(words::check).collect(),
        sent: desk.clock.list(summary.created_at),
        status: words::status(summary.status),
    }
}

/// A request with its version, as forms about several of them send it.
pub(super) fn mark(summary: &RequestSummary) -> String {
    format!("{}:{}", summary.id, summary.version)
}

/// What the adult is called; never nothing.
pub(super) fn name(summary: &RequestSummary) -> String {
    let title = summary.title.as_deref().unwrap_or_default();
    let name = [title, &summary.given_name, &summary.family_name].join(" ");
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() { "No name given".to_owned() } else { name }
}

fn child_row(child: &ChildSummary, mark: Option<Mark>) -> ChildRow {
    let (class, icon, mark) = match (child.state, mark) {
        (ClaimState::Approved, _) => match child.outcome {
            Some(outcome) if outcome.needs_person() => ("bad", "triangle-alert", words::outcome(outcome).text),
            _ => ("ok", "check", "approved".to_owned()),
        },
        (ClaimState::Denied, _) => ("muted", "x", "refused".to_owned()),
        (ClaimState::Withdrawn, _) => ("muted", "x", "withdrawn".to_owned()),
        (ClaimState::Open, Some(Mark::Matched(_))) => ("ok", "check", "matched".to_owned()),
        (ClaimState::Open, Some(Mark::Pinned(_))) => ("ok", "link", "chosen by staff".to_owned()),
        (ClaimState::Open, Some(Mark::Several(number))) => {
            ("warn", "circle-help", format!("{} possible", counted(number, "pupil", "pupils")))
        }
        (ClaimState::Open, Some(Mark::None(0))) => ("bad", "x", "no match".to_owned()),
        (ClaimState::Open, Some(Mark::None(_))) => ("warn", "circle-help", "only similar pupils".to_owned()),
        (ClaimState::Open, Some(Mark::Unknown | Mark::Decided) | None) => {
            ("muted", "circle-help", "not looked up".to_owned())
        }
    };
    ChildRow { class, icon, mark, name: child_name(child), group: child.tutor_group.clone().unwrap_or_default() }
}

/// What a child is called; never nothing.
pub(super) fn child_name(child: &ChildSummary) -> String {
    let name = format!("{} {}", child.given_name, child.family_name);
    let name = name.trim();
    if name.is_empty() { "No name given".to_owned() } else { name.to_owned() }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", text[..end].trim_end_matches('…').trim_end()),
        None => text.to_owned(),
    }
}

/// The first, the last, and those around the page that is shown.
fn pager(list: &ListAddress, shown: &ListPage) -> Pager {
    let (current, end) = (shown.page, shown.pages);
    let link = |number: u32| list.on_page(number).list();
    let mut pages = Vec::new();
    let mut before = 0;
    for number in (1..=end).filter(|number| *number == 1 || *number == end || number.abs_diff(current) <= 2) {
        if number > before + 1 {
            pages.push(PageLink { number: String::new(), href: String::new(), current: false, gap: true });
        }
        pages.push(PageLink { number: grouped(number), href: link(number), current: number == current, gap: false });
        before = number;
    }
    Pager {
        previous: (current > 1).then(|| link(current - 1)),
        next: (current < end).then(|| link(current + 1)),
        pages,
    }
}

fn sizes(list: &ListAddress) -> Vec<PageLink> {
    let link = |size: u32| PageLink {
        number: size.to_string(),
        href: list.with(|list| list.per_page = size).list(),
        current: list.0.per_page == size,
        gap: false,
    };
    PER_PAGE.into_iter().map(link).collect()
}
