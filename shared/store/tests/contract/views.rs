//! The lists that staff page through: views, numbered pages, neighbours, children without a pupil.

use std::collections::BTreeMap;

use kinlink_domain::{
    ids::{MoodleUserId, RequestId},
    outcome::Outcome,
    request::{
        Action::{Approve, Deny, Reopen},
        ClaimState, Kind, Status,
    },
    request_view::RequestView,
};
use kinlink_store::{
    Session, decisions,
    decisions::Decision,
    requests::{self, Request, Sort},
    views::{self, Arrival, Place, Selection},
};
use uuid::Uuid;

use crate::{
    fixtures::{HARD_NAMES, at, claim, email, id, request},
    harness::{for_each_engine, for_each_order},
};

const SORTS: [Sort; 4] = [Sort::Newest, Sort::Oldest, Sort::Name, Sort::NameDescending];

fn ids(requests: &[Request]) -> Vec<RequestId> {
    requests.iter().map(|request| request.id).collect()
}

/// A request of every status, twelve of each in turn, many with the same name and instant; every third names a child.
async fn fill(session: &mut impl Session) {
    let families = ["Smith", "smith", "O'Brien", "Łukasz", "王", "de la Cruz", ""];
    for row in 0..Status::ALL.len() * 3 {
        let mut stored = request(["Jo", "Zoë"][row % 2], families[row % families.len()]);
        stored.created_at = at(i64::try_from(row * 31 % 7).unwrap());
        stored.kind = Kind::ALL[row % 2];
        stored.status = Status::ALL[row % Status::ALL.len()];
        let children = if row % 3 == 0 { vec![claim(stored.id, 0, "Nell", "Ashby")] } else { Vec::new() };
        requests::insert(session, &stored, &children).await.unwrap();
    }
}

fn selections() -> Vec<Selection> {
    let mut all: Vec<Selection> = RequestView::ALL.iter().map(|view| Selection::of(*view)).collect();
    all.push(Selection { kind: Some(Kind::ALL[0]), search: "zoe".to_owned(), ..Selection::of(RequestView::All) });
    all.push(Selection { search: "ashby nell".to_owned(), ..Selection::of(RequestView::Todo) });
    all.push(Selection { statuses: vec![Status::Approved, Status::Pending], ..Selection::of(RequestView::All) });
    all.push(Selection { search: "nobody".to_owned(), ..Selection::of(RequestView::All) });
    all
}

#[tokio::test]
async fn numbered_pages_and_walks_give_every_request_of_a_selection_once_and_the_count_is_theirs() {
    for_each_order(|store| async move {
        let s = &mut store.connect().await;
        fill(s).await;
        for selection in selections() {
            let total = views::count(s, &selection).await.unwrap();
            for sort in SORTS {
                let whole = views::page(s, &selection, sort, 1_000, 0).await.unwrap();
                assert_eq!(i64::try_from(whole.len()).unwrap(), total, "{selection:?}");
                let mut paged = Vec::new();
                for offset in (0..total).step_by(4) {
                    paged.extend(ids(&views::page(s, &selection, sort, 4, offset).await.unwrap()));
                }
                assert_eq!(paged, ids(&whole), "{selection:?} {sort:?}");
                let mut walked: Vec<Request> = Vec::new();
                loop {
                    let cursor = walked.last().map(|last| requests::cursor(last, sort));
                    let page = views::after(s, &selection, sort, cursor.as_ref(), 4).await.unwrap();
                    if page.is_empty() {
                        break;
                    }
                    walked.extend(page);
                }
                assert_eq!(ids(&walked), ids(&whole), "{selection:?} {sort:?}");
            }
        }
        assert!(views::page(s, &Selection::of(RequestView::All), Sort::Newest, 10, 10_000).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn neighbours_are_those_of_the_list_also_for_a_request_that_is_not_in_it() {
    for_each_order(|store| async move {
        let s = &mut store.connect().await;
        fill(s).await;
        let everybody = views::page(s, &Selection::of(RequestView::All), Sort::Newest, 1_000, 0).await.unwrap();
        for selection in selections() {
            for sort in SORTS {
                let all = views::page(s, &Selection::of(RequestView::All), sort, 1_000, 0).await.unwrap();
                let listed = ids(&views::page(s, &selection, sort, 1_000, 0).await.unwrap());
                for request in &everybody {
                    let here = all.iter().position(|other| other.id == request.id).unwrap();
                    let mut before = ids(&all[..here]);
                    before.retain(|id| listed.contains(id));
                    let mut behind = ids(&all[here + 1..]);
                    behind.retain(|id| listed.contains(id));
                    let expected = Place {
                        total: i64::try_from(listed.len()).unwrap(),
                        before: i64::try_from(before.len()).unwrap(),
                        included: listed.contains(&request.id),
                        previous: before.last().copied(),
                        next: behind.first().copied(),
                    };
                    assert_eq!(views::place(s, &selection, sort, request).await.unwrap(), expected, "{selection:?}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_approved_and_needs_a_person_is_to_do() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let mut stuck = Vec::new();
        let mut expected: BTreeMap<(Status, bool), i64> = BTreeMap::new();
        let states = [
            (Status::Pending, ClaimState::Open, None, true),
            (Status::Approved, ClaimState::Open, None, true),
            (Status::Approved, ClaimState::Approved, Some(Outcome::WaitingForAccount), false),
            (Status::Approved, ClaimState::Approved, Some(Outcome::NotAPupil), true),
            (Status::Provisioned, ClaimState::Approved, Some(Outcome::Linked), false),
            (Status::Provisioned, ClaimState::Approved, Some(Outcome::PupilDeleted), true),
            // What was taken away is nobody's business any more, whatever was found.
            (Status::Provisioned, ClaimState::Withdrawn, Some(Outcome::PupilDeleted), false),
            (Status::Denied, ClaimState::Open, None, false),
        ];
        for (status, state, outcome, to_do) in states {
            let mut stored = request("Jo", "Bloggs");
            stored.status = status;
            let mut child = claim(stored.id, 0, "Nell", "Ashby");
            requests::insert(s, &stored, std::slice::from_ref(&child)).await.unwrap();
            (child.state, child.outcome) = (state, outcome);
            requests::update_claim(s, &child).await.unwrap();
            if to_do {
                stuck.push(stored.id);
            }
            *expected.entry((status, to_do && status != Status::Pending)).or_default() += 1;
        }
        let mut listed = ids(&views::page(s, &Selection::of(RequestView::Todo), Sort::Oldest, 50, 0).await.unwrap());
        listed.sort_unstable();
        assert_eq!(listed, stuck);
        let counts = views::counts(s, None, "", false).await.unwrap();
        let counts: BTreeMap<_, _> =
            counts.into_iter().map(|(status, stuck, count)| ((status, stuck), count)).collect();
        assert_eq!(counts, expected);
        for view in RequestView::ALL {
            let counted: i64 = counts.iter().filter(|((s, k), _)| view.holds(*s, *k)).map(|(_, count)| count).sum();
            assert_eq!(views::count(s, &Selection::of(*view)).await.unwrap(), counted, "{view}");
        }
        assert!(views::counts(s, Some(Kind::Leave), "", false).await.unwrap().is_empty());
        assert!(views::counts(s, None, "nobody", true).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn undecided_requests_are_found_by_address_and_requests_by_id_and_adult() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let (adult, mut stored) = (id(), Vec::new());
        for (second, (address, status)) in [
            ("a@example.org", Status::Pending),
            ("a@example.org", Status::Unconfirmed),
            ("a@example.org", Status::Denied),
            ("b@example.org", Status::WaitingForParent),
            ("c@example.org", Status::Pending),
        ]
        .into_iter()
        .enumerate()
        {
            let mut one = request("Jo", HARD_NAMES[second]);
            one.email = Some(email(address));
            one.status = status;
            one.created_at = at(i64::try_from(second).unwrap());
            requests::insert(s, &one, &[]).await.unwrap();
            one.adult = Some(adult);
            requests::update(s, &mut one, &[]).await.unwrap();
            stored.push(one);
        }
        let found = views::open_by_emails(s, &[email("a@example.org"), email("b@example.org")]).await.unwrap();
        let found: Vec<_> = found.iter().map(|open| (open.id, open.reference.clone(), open.email.as_str())).collect();
        let expected = |place: usize, address| (stored[place].id, stored[place].reference.clone(), address);
        assert_eq!(found, [expected(0, "a@example.org"), expected(1, "a@example.org"), expected(3, "b@example.org")]);
        assert!(views::open_by_emails(s, &[]).await.unwrap().is_empty());

        let mut found = ids(&requests::by_ids(s, &[stored[4].id, stored[1].id, id()]).await.unwrap());
        found.sort_unstable();
        assert_eq!(found, [stored[1].id, stored[4].id]);
        let newest_first: Vec<_> = stored.iter().rev().map(|request| request.id).collect();
        assert_eq!(ids(&requests::of_adult(s, adult).await.unwrap()), newest_first);
        assert!(requests::of_adult(s, id()).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn children_without_a_pupil_are_those_that_wait_for_staff_and_have_no_pin() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let mut expected = Vec::new();
        for (second, (status, state, pupil)) in [
            (Status::Pending, ClaimState::Open, None),
            (Status::Approved, ClaimState::Open, None),
            (Status::Pending, ClaimState::Open, Some(MoodleUserId(7))),
            (Status::Approved, ClaimState::Approved, None),
            (Status::Unconfirmed, ClaimState::Open, None),
            (Status::Denied, ClaimState::Open, None),
        ]
        .into_iter()
        .enumerate()
        {
            let mut stored = request("Jo", HARD_NAMES[second]);
            stored.status = status;
            stored.created_at = at(i64::try_from(second).unwrap());
            let mut child = claim(stored.id, 0, "Nell", HARD_NAMES[second]);
            requests::insert(s, &stored, std::slice::from_ref(&child)).await.unwrap();
            (child.state, child.pupil) = (state, pupil);
            requests::update_claim(s, &child).await.unwrap();
            if second < 2 {
                expected.push((stored.id, child.id, stored.family_name, child.child.family_name, stored.created_at, 1));
            }
        }
        let found = views::unmatched(s, 10).await.unwrap();
        let found: Vec<_> = found
            .into_iter()
            .map(|one| {
                (
                    one.claim.request,
                    one.claim.id,
                    one.family_name,
                    one.claim.child.family_name,
                    one.created_at,
                    one.version,
                )
            })
            .collect();
        assert_eq!(found, expected);
        assert_eq!(views::count_unmatched(s).await.unwrap(), 2);
        assert_eq!(views::unmatched(s, 1).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_trend_is_made_of_what_came_waits_or_was_decided_since() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let mut stored = Vec::new();
        for (second, status) in
            [(0, Status::Denied), (1, Status::Pending), (2, Status::Provisioned), (50, Status::Unconfirmed)]
        {
            let mut one = request("Jo", "Bloggs");
            (one.created_at, one.status, one.confirmed_at) = (at(second), status, Some(at(second)));
            requests::insert(s, &one, &[]).await.unwrap();
            stored.push(one);
        }
        let decide = |request: RequestId, action, second: u32, claim| Decision {
            id: Uuid::from_u128(u128::from(second)),
            request,
            claim,
            actor: "cli:test".to_owned(),
            action,
            reason: None,
            note: None,
            pupil: None,
            made_at: at(i64::from(second)),
        };
        let made = [
            decide(stored[0].id, Deny, 3, None),
            decide(stored[2].id, Approve, 4, None),
            decide(stored[2].id, Approve, 5, Some(id())),
            decide(stored[2].id, Reopen, 41, None),
        ];
        decisions::insert(s, &made).await.unwrap();
        let arrival = |place: usize| Arrival {
            id: stored[place].id,
            status: stored[place].status,
            created_at: stored[place].created_at,
            confirmed_at: stored[place].confirmed_at,
        };
        assert_eq!(views::arrivals(s, at(40)).await.unwrap(), [arrival(1), arrival(2), arrival(3)]);
        assert_eq!(
            decisions::of_decided_since(s, at(40)).await.unwrap(),
            [(stored[2].id, Approve, at(4)), (stored[2].id, Reopen, at(41))],
            "earlier decisions about the same request tell how it stood before"
        );
        assert_eq!(decisions::of_decided_since(s, at(42)).await.unwrap(), []);
    })
    .await;
}
