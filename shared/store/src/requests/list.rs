//! Pages of requests: how they are sorted, which of them are listed, and searching.

use kinlink_db::{Session, Value, in_list};
use kinlink_domain::{
    fold::fold,
    request::{Kind, Status},
};

use super::{REQUEST, Request, RequestRow, sort_name};
use crate::{StoreError, error::coded, time::millis};

/// How a list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Newest first.
    Newest,
    /// Oldest first.
    Oldest,
    /// By family name, then given name.
    Name,
    /// By family name, backwards.
    NameDescending,
}

impl Sort {
    /// The column that is sorted by (the id comes second) and the direction.
    pub(crate) const fn order(self) -> (&'static str, &'static str) {
        match self {
            Self::Newest => ("created_at", "DESC"),
            Self::Oldest => ("created_at", "ASC"),
            Self::Name => ("sort_name", "ASC"),
            Self::NameDescending => ("sort_name", "DESC"),
        }
    }

    /// The same order from its end.
    pub(crate) const fn reversed(self) -> Self {
        match self {
            Self::Newest => Self::Oldest,
            Self::Oldest => Self::Newest,
            Self::Name => Self::NameDescending,
            Self::NameDescending => Self::Name,
        }
    }

    /// The condition of being behind a cursor in this order.
    pub(crate) fn behind(self, cursor: &Cursor) -> (String, [Value; 3]) {
        let (column, direction) = self.order();
        let comparison = if direction == "ASC" { ">" } else { "<" };
        let value = || match self {
            Self::Newest | Self::Oldest => Value::from(cursor.value.parse::<i64>().unwrap_or_default()),
            Self::Name | Self::NameDescending => Value::from(cursor.value.as_str()),
        };
        let condition = format!("({column} {comparison} ? OR ({column} = ? AND id {comparison} ?))");
        (condition, [value(), value(), cursor.id.as_str().into()])
    }
}

/// Which requests to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only these statuses; empty means all.
    pub statuses: Vec<Status>,
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only those that contain every word: names, address, children, reference.
    pub search: String,
    /// Whether comment and note are searched as well: only for whoever may read them.
    pub in_notes: bool,
}

/// Where a page begins: behind the row with this sort value and id.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cursor {
    /// The sort value: milliseconds as text, or the sort name.
    pub value: String,
    /// The id.
    pub id: String,
}

/// A page of requests.
///
/// # Errors
/// [`StoreError`].
pub async fn list(
    session: &mut impl Session,
    filter: &Filter,
    sort: Sort,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Vec<Request>, StoreError> {
    let (mut conditions, mut args) = conditions(filter, true);
    let (column, direction) = sort.order();
    if let Some(cursor) = after {
        let (condition, values) = sort.behind(cursor);
        conditions.push(condition);
        args.extend(values);
    }
    let sql =
        format!("{REQUEST} WHERE {} ORDER BY {column} {direction}, id {direction} LIMIT ?", conditions.join(" AND "));
    args.push(i64::from(limit).into());
    let rows: Vec<RequestRow> = session.fetch_all(&sql, args).await?;
    rows.into_iter().map(Request::try_from).collect()
}

/// The cursor behind a request.
#[must_use]
pub fn cursor(request: &Request, sort: Sort) -> Cursor {
    let value = match sort {
        Sort::Newest | Sort::Oldest => millis(request.created_at).to_string(),
        Sort::Name | Sort::NameDescending => sort_name(&request.family_name, &request.given_name),
    };
    Cursor { value, id: request.id.to_string() }
}

/// How many requests each status has under a filter (whose own statuses are left aside).
///
/// # Errors
/// [`StoreError`].
pub async fn counts(session: &mut impl Session, filter: &Filter) -> Result<Vec<(Status, i64)>, StoreError> {
    let (conditions, args) = conditions(filter, false);
    let sql = format!("SELECT status, COUNT(*) FROM requests WHERE {} GROUP BY status", conditions.join(" AND "));
    let rows: Vec<(String, i64)> = session.fetch_all(&sql, args).await?;
    rows.into_iter().map(|(status, count)| Ok((coded(Status::from_code(&status), "requests.status")?, count))).collect()
}

fn conditions(filter: &Filter, with_statuses: bool) -> (Vec<String>, Vec<Value>) {
    let (mut conditions, mut args) = search_conditions(filter.kind, &filter.search, filter.in_notes);
    if with_statuses && !filter.statuses.is_empty() {
        conditions.push(format!("status IN {}", in_list(filter.statuses.len())));
        args.extend(filter.statuses.iter().map(|status| Value::from(status.code())));
    }
    (conditions, args)
}

/// The conditions on `requests` of a kind and of words that must all be there; never none.
pub(crate) fn search_conditions(kind: Option<Kind>, search: &str, in_notes: bool) -> (Vec<String>, Vec<Value>) {
    let mut conditions = vec!["1 = 1".to_owned()];
    let mut args = Vec::new();
    if let Some(kind) = kind {
        conditions.push("kind = ?".to_owned());
        args.push(kind.code().into());
    }
    for word in search.split_whitespace() {
        // The searched text holds folded words; an address is folded the same way. Folding leaves letters and digits
        // only, so that the pattern needs no escaping.
        let word = fold(word);
        if !word.is_empty() {
            conditions.push("search_text LIKE ?".to_owned());
            // Whoever must not read notes finds nothing by them: it must stand before the bar.
            args.push(if in_notes { format!("%{word}%") } else { format!("%{word}%|%") }.into());
        }
    }
    (conditions, args)
}
