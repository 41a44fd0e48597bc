//! The audit as files. The command line writes one, piece by piece, however long it is. Over HTTP a file ends after so many
//! entries, because an answer has a size and a time, and names the next one.

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use kinlink_domain::staff::Actor;
use kinlink_service::{
    App, ServiceError,
    view::{AuditEntry, AuditQuery, begin_export, export_audit},
};
use serde_json::Value;
use url::form_urlencoded;

use crate::pages::sheet::{self, BYTE_ORDER_MARK};

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, with the hashes: whoever has all lines can verify the chain.
    JsonLines,
    /// For spreadsheets.
    Csv,
}

impl Format {
    /// The name of a file. Whoever has to take several tells them apart by their first and last entries.
    fn file_name(self, after: Option<i64>, last: Option<i64>) -> String {
        let ending = match self {
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
        };
        match (after, last) {
            (None, None) => format!("kinlink-audit.{ending}"),
            (after, Some(last)) => format!("kinlink-audit-after-{}-to-{last}.{ending}", after.unwrap_or_default()),
            (Some(after), None) => format!("kinlink-audit-after-{after}.{ending}"),
        }
    }
}

/// All entries behind one, piece by piece.
pub struct Pieces {
    app: App,
    actor: Actor,
    query: AuditQuery,
    format: Format,
    /// The next piece, where it was read already.
    read: Option<Vec<AuditEntry>>,
    begins: bool,
    /// The number of the last entry that was given, or of the one to begin behind.
    after: i64,
    given: usize,
}

impl Pieces {
    /// Reads the first piece: whatever can go wrong is most likely to do so here, where it still can be said.
    ///
    /// # Errors
    /// As [`begin_export`].
    pub async fn begin(
        app: &App,
        actor: &Actor,
        query: AuditQuery,
        format: Format,
        after: i64,
    ) -> Result<Self, ServiceError> {
        let read = Some(begin_export(app, actor, &query, after).await?);
        Ok(Self { app: app.clone(), actor: actor.clone(), query, format, read, begins: true, after, given: 0 })
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// As [`export_audit`].
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ServiceError> {
        let begins = std::mem::take(&mut self.begins);
        let entries = self.take().await?;
        match entries.last() {
            Some(last) => self.after = last.seq,
            None if begins => {}
            None => return Ok(None),
        }
        self.given += entries.len();
        Ok(Some(match self.format {
            Format::JsonLines => json_lines(&entries),
            Format::Csv => csv(begins, entries),
        }))
    }

    /// Whether entries are left.
    async fn is_more(&mut self) -> Result<bool, ServiceError> {
        let entries = self.take().await?;
        Ok(!self.read.insert(entries).is_empty())
    }

    async fn take(&mut self) -> Result<Vec<AuditEntry>, ServiceError> {
        match self.read.take() {
            Some(read) => Ok(read),
            None => export_audit(&self.app, &self.actor, &self.query, self.after).await,
        }
    }
}

/// Entries after which a file over HTTP ends.
const MOST_ENTRIES: usize = 10_000;
/// Bytes after which it ends with the piece that reached them: Lambda answers with 6 MB at most, in which JSON Lines grow by
/// a third.
const MOST_BYTES: usize = 3 * 1024 * 1024;

/// One file of entries behind the one with the number `after`. Where entries are left, the header `Link` leads to the next
/// file: the same address with the number of this one's last entry. `query` is that of this one.
///
/// # Errors
/// As [`begin_export`].
pub(crate) async fn file(
    app: &App,
    actor: &Actor,
    filters: AuditQuery,
    format: Format,
    after: Option<i64>,
    query: Option<&str>,
) -> Result<Response, ServiceError> {
    let mut pieces = Pieces::begin(app, actor, filters, format, after.unwrap_or_default()).await?;
    let mut content = Vec::new();
    while pieces.given < MOST_ENTRIES && content.len() < MOST_BYTES {
        let Some(piece) = pieces.next().await? else { break };
        content.extend(piece);
    }
    let next = if pieces.is_more().await? { Some(pieces.after) } else { None };
    let mut response = sheet::file(&format.file_name(after, next), Body::from(content));
    let headers = response.headers_mut();
    if format == Format::JsonLines {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/jsonl"));
    }
    if let Some(link) = next.and_then(|last| next_file(query.unwrap_or_default(), last)) {
        headers.insert(header::LINK, link);
    }
    Ok(response)
}

/// The link to the same file behind another entry.
fn next_file(query: &str, last: i64) -> Option<HeaderValue> {
    let filters = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "after");
    let mut next = form_urlencoded::Serializer::new(String::new());
    let next = next.extend_pairs(filters).append_pair("after", &last.to_string()).finish();
    HeaderValue::try_from(format!("<?{next}>; rel=\"next\"")).ok()
}

fn json_lines(entries: &[AuditEntry]) -> Vec<u8> {
    // Nothing here has keys that are not texts, which is all that could fail.
    let line = |entry| serde_json::to_string(entry).unwrap_or_default() + "\n";
    entries.iter().map(line).collect::<String>().into_bytes()
}

const COLUMNS: [&str; 7] = ["number", "at (UTC)", "actor", "action", "subject", "detail", "hash"];

fn csv(begins: bool, entries: Vec<AuditEntry>) -> Vec<u8> {
    let columns = begins.then(|| COLUMNS.map(str::to_owned).to_vec());
    let mark = if begins { BYTE_ORDER_MARK } else { &[] };
    let rows = sheet::rows(columns.into_iter().chain(entries.into_iter().map(cells)));
    [mark, &rows.expect("rows of one length, into memory")].concat()
}

fn cells(entry: AuditEntry) -> Vec<String> {
    let at = entry.at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let (detail, hash) = (detail(&entry.detail), entry.hash.unwrap_or_default());
    vec![entry.seq.to_string(), at, entry.actor, entry.action, entry.subject, detail, hash]
}

/// Ids and codes as JSON; nothing when there are none.
pub(crate) fn detail(detail: &Value) -> String {
    match detail {
        Value::Object(parts) if parts.is_empty() => String::new(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
