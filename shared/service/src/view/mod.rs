//! What staff look at. Reads only, but for asking for a cycle and for the audit's note of who looked at whom; acts are beside
//! this folder.
//!
//! One file a subject. Requests: `summaries.rs` (the API's lists), `list.rs` (the numbered lists of the pages), `checks.rs`
//! (what a list says about each request), `request.rs` (one with everything beside it), `beside.rs` (what only its page
//! shows), `matching.rs` (children without a pupil), `export.rs`. The rest: `pupils.rs`, `links.rs`, `users.rs`, `cycles.rs`,
//! `cycle.rs`, `health.rs`, `trend.rs`, `audit.rs`, `whom.rs` (whom staff mean).
//!
//! Every call sends a fixed number of statements, however many rows it gives (`tests/tests/it/views/statements.rs`).

mod audit;
mod beside;
mod checks;
mod cycle;
mod cycles;
mod export;
mod health;
mod links;
mod list;
mod matching;
mod names;
mod pupils;
mod request;
mod summaries;
mod trend;
mod users;
mod whom;

use serde::Serialize;

pub use kinlink_domain::{
    differences::Difference,
    request_view::{CheckFilter, RequestView},
    user_view::UserView,
};
// What callers need to ask for lists and to read them.
pub use kinlink_store::{
    cycles::{Cycle, CycleState},
    links::{Filter as LinkFilter, Link},
    requests::{Cursor, Filter, Request, Sort},
};

pub use self::{
    audit::{AuditEntry, AuditQuery, begin_export, export_audit, list_audit},
    beside::{AdultAccount, Beside, FieldChange, LinkHint, PupilName, beside_request},
    checks::{Account, Check, Mark},
    cycle::{
        CycleFinding, CycleFindings, CycleProgress, PlanSummary, StepState, StepView, cycle_findings, cycle_progress,
    },
    cycles::{list_cycles, request_cycle, show_cycle},
    export::{EXPORT_ROWS, ExportRow, export_requests},
    health::{DeadJob, Health, dead_jobs, health},
    links::list_links,
    list::{
        ListItem, ListPage, ListQuery, MOST_CHECKED, Neighbours, PER_PAGE, count_views, default_sort, list_view,
        neighbours,
    },
    matching::{MOST_QUEUED, MatchingQueue, QueueCandidate, QueueClaim, QueueGroup, matching_queue},
    names::{Names, names},
    pupils::search_pupils,
    request::{
        AccountHint, AdultHint, ClaimMatch, HistoryEntry, MailHint, RequestDetail, show_request, what_happened_since,
    },
    summaries::{ChildSummary, RequestSummary, count_requests, find_request, list_requests, summarise},
    trend::{TrendDay, pending_trend},
    users::{
        LeavingHint, MOST_USERS, UserCounts, UserDetail, UserItem, UserName, UserPage, UserPupil, UserQuery,
        count_user_views, list_users, name_users, show_user,
    },
    whom::{Whom, find_whom, name_pupil, pupils_of, whom},
};
pub(crate) use self::{
    beside::people, checks::Surroundings, cycle::found as found_by_class, pupils::register, request::since,
};
// Acts that only pages offer, beside what they show.
pub use crate::{
    accounts::{RevokeResult, revoke_many},
    bulk::{BulkAct, BulkResult, MOST_AT_ONCE, Preview, Refusal, bulk, preview_bulk},
    cycle::{Reached, Step, revive_jobs},
    pin::{PinResult, PinTarget, pin_pupil, pin_same, unpin_pupil},
};

/// A page of a list.
#[derive(Debug, Clone, Serialize)]
pub struct Page<T, C = Cursor> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; none at the end.
    pub next: Option<C>,
}
