//! The state of the list in its address: view, search, filters, order and page. Every page of a request carries it along, so
//! that "back", "next" and "previous" mean the list from which somebody came.

use kinlink_domain::{
    reference::Reference,
    request::Kind,
    request_view::{CheckFilter, RequestView},
};
use kinlink_service::view::{ListQuery, PER_PAGE, Sort, default_sort};
use kinlink_web::Parameters;
use url::form_urlencoded::Serializer;

use super::ROOT;

/// No list is longer than this many pages; it keeps what an address says in bounds.
const LAST_PAGE: u32 = 100_000;
/// Longest search, in characters.
pub(super) const MAX_SEARCH: usize = 200;

/// The orders, with their codes in the address.
const SORTS: [(&str, Sort); 4] =
    [("newest", Sort::Newest), ("oldest", Sort::Oldest), ("name", Sort::Name), ("-name", Sort::NameDescending)];

/// A list as its address names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListAddress(pub(super) ListQuery);

impl ListAddress {
    /// Reads an address. What it does not understand stays in `query` as a fault, and the list goes on without it.
    pub(super) fn read(query: &mut Parameters) -> Self {
        let view = chosen(query, "view", RequestView::from_code).unwrap_or(RequestView::Todo);
        let mut search = query.text("q").unwrap_or_default();
        if let Some((end, _)) = search.char_indices().nth(MAX_SEARCH) {
            search.truncate(end);
            query.refuse("q", "too long");
        }
        let kind = chosen(query, "kind", Kind::from_code);
        let check = chosen(query, "check", CheckFilter::from_code);
        let sort = chosen(query, "sort", |code| SORTS.iter().find(|(name, _)| *name == code).map(|(_, sort)| *sort));
        let page = chosen(query, "page", |page| page.parse().ok().filter(|page| (1..=LAST_PAGE).contains(page)));
        let size = chosen(query, "per", |size| PER_PAGE.into_iter().find(|known| known.to_string() == size));
        Self(ListQuery {
            view,
            search,
            kind,
            check,
            sort: sort.unwrap_or(default_sort(view)),
            page: page.unwrap_or(1),
            per_page: size.unwrap_or(PER_PAGE[0]),
        })
    }

    /// What the address says that is not the default, as names and values.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let list = &self.0;
        let mut pairs = Vec::new();
        if list.view != RequestView::Todo {
            pairs.push(("view", list.view.code().to_owned()));
        }
        if !list.search.is_empty() {
            pairs.push(("q", list.search.clone()));
        }
        if let Some(kind) = list.kind {
            pairs.push(("kind", kind.code().to_owned()));
        }
        if let Some(check) = list.check {
            pairs.push(("check", check.code().to_owned()));
        }
        if list.sort != default_sort(list.view)
            && let Some((code, _)) = SORTS.iter().find(|(_, sort)| *sort == list.sort)
        {
            pairs.push(("sort", (*code).to_owned()));
        }
        if list.page > 1 {
            pairs.push(("page", list.page.to_string()));
        }
        if list.per_page != PER_PAGE[0] {
            pairs.push(("per", list.per_page.to_string()));
        }
        pairs
    }

    /// `?view=…`, or nothing where everything is as it is by default.
    pub(super) fn query(&self) -> String {
        let mut pairs = Serializer::new(String::new());
        pairs.extend_pairs(self.pairs());
        let text = pairs.finish();
        if text.is_empty() { text } else { format!("?{text}") }
    }

    /// The list.
    pub(super) fn list(&self) -> String {
        format!("{ROOT}{}", self.query())
    }

    /// Something beside the list, such as `export.csv`.
    pub(super) fn beside(&self, what: &str) -> String {
        format!("{ROOT}/{what}{}", self.query())
    }

    /// The page of a request.
    pub(super) fn request(&self, reference: &Reference) -> String {
        self.beside(reference.as_str())
    }

    /// Something under the page of a request, such as `deny`.
    pub(super) fn under(&self, reference: &Reference, what: &str) -> String {
        self.beside(&format!("{reference}/{what}"))
    }

    /// The same list, changed, from its first page.
    pub(super) fn with(&self, change: impl FnOnce(&mut ListQuery)) -> Self {
        let mut other = ListQuery { page: 1, ..self.0.clone() };
        change(&mut other);
        Self(other)
    }

    /// The same list in another view, in that view's own order.
    pub(super) fn viewing(&self, view: RequestView) -> Self {
        self.with(|list| {
            list.view = view;
            list.sort = default_sort(view);
        })
    }

    /// Another page of the same list.
    pub(super) fn on_page(&self, page: u32) -> Self {
        Self(ListQuery { page, ..self.0.clone() })
    }
}

fn chosen<T>(query: &mut Parameters, name: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    let code = query.text(name)?;
    let value = read(&code);
    if value.is_none() {
        query.refuse(name, "not one of those that there are");
    }
    value
}

/// Ends reading an address: the names of what it held that was not understood, for the page to say.
pub(super) fn ignored(query: Parameters) -> String {
    let mut names: Vec<String> = query
        .finish()
        .err()
        .map(|problem| problem.errors.into_iter().filter_map(|fault| fault.parameter).collect())
        .unwrap_or_default();
    names.dedup();
    // Whoever made up a very long address need not read all of it again.
    names.truncate(8);
    names.join(", ").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use kinlink_domain::request_view::RequestView;
    use kinlink_web::Parameters;

    use super::{ListAddress, ignored};

    fn read(query: &str) -> (ListAddress, String) {
        let mut query = Parameters::parse(query);
        let address = ListAddress::read(&mut query);
        (address, ignored(query))
    }

    #[test]
    fn an_address_reads_back_as_it_was_written() {
        for query in [
            "",
            "?view=closed&q=o%27brien+%26+co&kind=leave&sort=-name&page=3&per=100",
            "?view=unconfirmed&sort=oldest",
            "?sort=newest",
        ] {
            let (address, ignored) = read(query.trim_start_matches('?'));
            assert_eq!((address.query().as_str(), ignored.as_str()), (query, ""));
        }
    }

    #[test]
    fn what_is_not_understood_is_left_out_and_named() {
        let (address, ignored) = read("view=x&kind=1&check=&sort=size&page=0&per=7&q=%00&colour=red");
        assert_eq!(address.query(), "");
        assert_eq!(ignored, "view, q, kind, sort, page, per, colour");
    }

    #[test]
    fn a_change_begins_at_the_first_page() {
        let (address, _) = read("q=x&page=4&sort=name");
        assert_eq!(address.viewing(RequestView::All).query(), "?view=all&q=x");
        assert_eq!(address.with(|list| list.search.clear()).query(), "?sort=name");
    }
}
