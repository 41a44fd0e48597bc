//! How requests came, were decided and waited, day by day.

use std::collections::HashMap;

use jiff::{Span, civil::Date, tz::TimeZone};
use kinlink_domain::{
    Timestamp,
    ids::RequestId,
    request::{Action, Status},
    staff::{Actor, Permission},
};
use kinlink_store::{
    decisions,
    views::{self, Arrival},
};
use serde::Serialize;

use crate::{App, ServiceError, access::require};

/// One day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TrendDay {
    /// The day, in the school's time zone.
    pub date: Date,
    /// Requests that came.
    pub received: i64,
    /// Requests that were decided on: approved or ended.
    pub decided: i64,
    /// Requests that waited for a decision when the day ended, or now; those not counted whose address is not proven.
    pub waiting: i64,
}

/// Most days at once.
const MOST_DAYS: u32 = 366;

/// The last `days` days up to today, in the order of time: two statements.
///
/// # Errors
/// [`ServiceError::Forbidden`], the store.
pub async fn pending_trend(
    app: &App,
    actor: &Actor,
    days: u32,
    zone: &TimeZone,
) -> Result<Vec<TrendDay>, ServiceError> {
    require(actor, Permission::Read)?;
    let today = app.now().to_zoned(zone.clone()).date();
    let back = i64::from(days.clamp(1, MOST_DAYS)) - 1;
    let first = today.checked_sub(Span::new().days(back)).unwrap_or(today);
    let start = begin_of(first, zone);
    let mut store = app.store.acquire().await?;
    let arrivals = views::arrivals(&mut store, start).await?;
    let decided = decisions::of_decided_since(&mut store, start).await?;
    Ok(trend(first, today, zone, &arrivals, &decided))
}

fn begin_of(date: Date, zone: &TimeZone) -> Timestamp {
    date.to_zoned(zone.clone()).map_or(Timestamp::MAX, |start| start.timestamp())
}

fn trend(
    first: Date,
    today: Date,
    zone: &TimeZone,
    arrivals: &[Arrival],
    decided: &[(RequestId, Action, Timestamp)],
) -> Vec<TrendDay> {
    let dates: Vec<Date> = first.series(Span::new().days(1)).take_while(|date| *date <= today).collect();
    // The first instant that does not belong to a day any more.
    let ends: Vec<Timestamp> =
        dates.iter().map(|date| date.tomorrow().map_or(Timestamp::MAX, |next| begin_of(next, zone))).collect();
    let mut days: Vec<TrendDay> =
        dates.iter().map(|date| TrendDay { date: *date, received: 0, decided: 0, waiting: 0 }).collect();
    let start = begin_of(first, zone);
    let day_of = |at: Timestamp| (at >= start).then(|| ends.partition_point(|end| *end <= at));
    let mut by_request: HashMap<RequestId, Vec<(Action, Timestamp)>> = HashMap::new();
    for (request, action, at) in decided {
        by_request.entry(*request).or_default().push((*action, *at));
    }
    for arrival in arrivals {
        if let Some(day) = day_of(arrival.created_at).and_then(|day| days.get_mut(day)) {
            day.received += 1;
        }
        let own = by_request.get(&arrival.id).map(Vec::as_slice).unwrap_or_default();
        for (from, to) in waits(arrival, own) {
            if let Some(day) = to.and_then(day_of).and_then(|day| days.get_mut(day)) {
                day.decided += 1;
            }
            for (day, end) in days.iter_mut().zip(&ends) {
                day.waiting += i64::from(from < *end && to.is_none_or(|to| to >= *end));
            }
        }
    }
    days
}

/// From when to when a request waited for a decision; the last wait may go on.
fn waits(arrival: &Arrival, decided: &[(Action, Timestamp)]) -> Vec<(Timestamp, Option<Timestamp>)> {
    let never_proven =
        matches!(arrival.status, Status::Unconfirmed | Status::Expired) && arrival.confirmed_at.is_none();
    let mut since = (!never_proven).then(|| arrival.confirmed_at.unwrap_or(arrival.created_at));
    let mut found = Vec::new();
    for (action, at) in decided {
        match action {
            Action::Reopen => since = since.or(Some(*at)),
            Action::Approve | Action::Deny | Action::MarkDuplicate | Action::MarkBogus => {
                found.extend(since.take().map(|from| (from, Some(*at))));
            }
            _ => {}
        }
    }
    // Whatever ended it otherwise ended it unseen.
    if matches!(arrival.status, Status::Pending | Status::WaitingForParent) {
        found.extend(since.map(|from| (from, None)));
    }
    found
}

#[cfg(test)]
mod tests {
    use jiff::{civil::date, tz::TimeZone};
    use kinlink_domain::{
        Timestamp,
        ids::Id,
        request::{Action, Status},
    };
    use kinlink_store::views::Arrival;

    use super::{TrendDay, trend};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_the_schools_day_and_a_request_waits_until_it_is_decided() {
        let zone = TimeZone::get("Europe/London").unwrap();
        let ids: Vec<_> = (1..=4).map(|number| Id::new(number, &[7; 10])).collect();
        let arrival = |place: usize, status, created: &str| Arrival {
            id: ids[place],
            status,
            created_at: at(created),
            confirmed_at: None,
        };
        let arrivals = [
            // Before midnight in London, after it in UTC's summer offset: the 1st.
            arrival(0, Status::Provisioned, "2026-09-01T22:30:00Z"),
            // Half past midnight in London: the 2nd.
            arrival(1, Status::Pending, "2026-09-01T23:30:00Z"),
            arrival(2, Status::Unconfirmed, "2026-09-02T10:00:00Z"),
            // Came long before; denied, taken up again.
            arrival(3, Status::WaitingForParent, "2026-07-01T10:00:00Z"),
        ];
        let decided = [
            (ids[3], Action::Deny, at("2026-09-01T09:00:00Z")),
            (ids[0], Action::Approve, at("2026-09-02T09:00:00Z")),
            (ids[3], Action::Reopen, at("2026-09-03T09:00:00Z")),
            (ids[3], Action::Ask, at("2026-09-03T10:00:00Z")),
            (ids[0], Action::Deny, at("2026-09-03T12:00:00Z")),
        ];
        let days = trend(date(2026, 8, 31), date(2026, 9, 3), &zone, &arrivals, &decided);
        let day = |day, received, decided, waiting| TrendDay { date: day, received, decided, waiting };
        assert_eq!(
            days,
            [
                day(date(2026, 8, 31), 0, 0, 1),
                day(date(2026, 9, 1), 1, 1, 1),
                day(date(2026, 9, 2), 2, 1, 1),
                day(date(2026, 9, 3), 0, 0, 2),
            ]
        );
    }
}
