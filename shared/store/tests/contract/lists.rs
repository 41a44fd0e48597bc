//! Lists of requests: sorting, paging, filtering, searching, counting.

use std::collections::{BTreeMap, HashSet};

use kinlink_domain::{
    ids::RequestId,
    request::{Kind, Status},
};
use kinlink_store::{
    Session,
    requests::{self, Filter, Request, Sort},
};

use crate::{
    fixtures::{HARD_NAMES, at, claim, email, request},
    harness::{for_each_engine, for_each_order},
};

const SORTS: [Sort; 4] = [Sort::Newest, Sort::Oldest, Sort::Name, Sort::NameDescending];
/// More rows than one page, and more pages than two.
const ROWS: usize = 57;

/// Requests of which many have the same name, instant, kind and status.
async fn fill(session: &mut impl Session) {
    let families = ["Smith", "smith", "Smyth", "O'Brien", "Łukasz", "محمد", "王", "de la Cruz", "", "A B", "AB"];
    for row in 0..ROWS {
        let mut stored = request(["Jo", "Zoë", "", "jo"][row % 4], families[row % families.len()]);
        stored.created_at = at(i64::try_from(row * 31 % 7).unwrap());
        stored.kind = Kind::ALL[row % 3];
        stored.status = Status::ALL[row % 4];
        if row % 5 == 0 {
            stored.comment.push_str("please look at THIS");
        }
        requests::insert(session, &stored, &[]).await.unwrap();
    }
}

fn ids(page: &[Request]) -> Vec<RequestId> {
    page.iter().map(|request| request.id).collect()
}

/// Every page of a list, one after the other.
async fn pages(session: &mut impl Session, filter: &Filter, sort: Sort, limit: u32) -> Vec<Request> {
    let mut all: Vec<Request> = Vec::new();
    loop {
        let after = all.last().map(|last| requests::cursor(last, sort));
        // A cursor survives the way to the browser and back.
        let json = serde_json::to_string(&after).unwrap();
        let after: Option<requests::Cursor> = serde_json::from_str(&json).unwrap();
        let page = requests::list(session, filter, sort, after.as_ref(), limit).await.unwrap();
        assert!(page.len() <= limit as usize);
        let last = page.len() < limit as usize;
        all.extend(page);
        assert!(all.len() <= ROWS, "{sort:?} by {limit} goes in circles");
        if last {
            return all;
        }
    }
}

fn filters() -> Vec<Filter> {
    vec![
        Filter::default(),
        Filter { statuses: vec![Status::ALL[1]], ..Filter::default() },
        Filter { statuses: Status::ALL[1..3].to_vec(), kind: Some(Kind::ALL[0]), ..Filter::default() },
        Filter { search: "zoe".to_owned(), ..Filter::default() },
        Filter {
            statuses: Status::ALL[..2].to_vec(),
            kind: Some(Kind::ALL[1]),
            search: "this look".to_owned(),
            in_notes: true,
        },
        Filter { statuses: vec![Status::Bogus], ..Filter::default() },
    ]
}

#[tokio::test]
async fn c_7_every_sort_in_both_directions_pages_through_every_row_exactly_once() {
    for_each_order(|store| async move {
        let s = &mut store.connect().await;
        fill(s).await;
        for filter in filters() {
            for sort in SORTS {
                let whole = requests::list(s, &filter, sort, None, 1_000).await.unwrap();
                let expected = ids(&whole);
                assert_eq!(expected.iter().collect::<HashSet<_>>().len(), expected.len(), "{sort:?}: no row twice");
                for limit in [1, 7, 19, 56, 57, 58] {
                    let paged = ids(&pages(s, &filter, sort, limit).await);
                    assert_eq!(paged, expected, "{sort:?} by {limit}, {filter:?}");
                }
            }
        }
        for sort in SORTS {
            assert_eq!(requests::list(s, &Filter::default(), sort, None, 1_000).await.unwrap().len(), ROWS);
        }
    })
    .await;
}

#[tokio::test]
async fn c_7_one_direction_is_the_other_backwards_and_newest_first_means_it() {
    for_each_order(|store| async move {
        let s = &mut store.connect().await;
        fill(s).await;
        for (up, down) in [(Sort::Oldest, Sort::Newest), (Sort::Name, Sort::NameDescending)] {
            let ascending = requests::list(s, &Filter::default(), up, None, 1_000).await.unwrap();
            let mut descending = ids(&requests::list(s, &Filter::default(), down, None, 1_000).await.unwrap());
            descending.reverse();
            assert_eq!(ids(&ascending), descending);
        }
        let newest = requests::list(s, &Filter::default(), Sort::Newest, None, 1_000).await.unwrap();
        assert!(newest.is_sorted_by(|a, b| (a.created_at, a.id) > (b.created_at, b.id)));
    })
    .await;
}

#[tokio::test]
async fn c_7_names_sort_by_family_then_given_name_without_regard_to_case_accents_and_apostrophes() {
    for_each_order(|store| async move {
        let s = &mut store.connect().await;
        for (given, family) in [
            ("Zoë", "O'Brien"),
            ("ann", "obrien"),
            ("Ben", "Łukasz"),
            ("Ben", "adams"),
            ("Al", "Zimmer"),
            ("Al", "Ångström"),
            ("Ben", "O’BRIEN"),
        ] {
            requests::insert(s, &request(given, family), &[]).await.unwrap();
        }
        let list = requests::list(s, &Filter::default(), Sort::Name, None, 100).await.unwrap();
        let names: Vec<_> =
            list.iter().map(|request| format!("{} {}", request.family_name, request.given_name)).collect();
        assert_eq!(
            names,
            ["adams Ben", "Ångström Al", "Łukasz Ben", "obrien ann", "O’BRIEN Ben", "O'Brien Zoë", "Zimmer Al"]
        );
    })
    .await;
}

#[tokio::test]
async fn c_8_counts_equal_the_lengths_of_the_lists_for_every_filter() {
    for_each_order(|store| async move {
        let s = &mut store.connect().await;
        fill(s).await;
        for filter in filters() {
            let counts: BTreeMap<_, _> = requests::counts(s, &filter).await.unwrap().into_iter().collect();
            for status in Status::ALL {
                let one = Filter { statuses: vec![*status], ..filter.clone() };
                let listed = pages(s, &one, Sort::Newest, 10).await.len();
                let counted = counts.get(status).copied().unwrap_or_default();
                assert_eq!(usize::try_from(counted).unwrap(), listed, "{status} under {filter:?}");
            }
            let all = pages(s, &Filter { statuses: Vec::new(), ..filter.clone() }, Sort::Name, 10).await.len();
            assert_eq!(usize::try_from(counts.values().sum::<i64>()).unwrap(), all, "{filter:?}");
        }
    })
    .await;
}

async fn found(session: &mut impl Session, search: &str) -> Vec<RequestId> {
    let filter = Filter { search: search.to_owned(), in_notes: true, ..Filter::default() };
    let found = ids(&requests::list(session, &filter, Sort::Oldest, None, 100).await.unwrap());
    let counted: i64 = requests::counts(session, &filter).await.unwrap().iter().map(|(_, count)| count).sum();
    assert_eq!(usize::try_from(counted).unwrap(), found.len(), "{search:?}");
    found
}

#[tokio::test]
async fn c_8_a_search_finds_names_however_case_accents_and_apostrophes_are_typed() {
    for_each_order(|store| async move {
        let s = &mut store.connect().await;
        let mut stored = Vec::new();
        for (given, family) in [("Aoife", "O'Brien"), ("Zo\u{eb}", "Łukasz"), ("محمد", "王"), ("Jean", "Dupont-Durand")]
        {
            let request = request(given, family);
            requests::insert(s, &request, &[]).await.unwrap();
            stored.push(request.id);
        }
        for (search, expected) in [
            ("obrien", Some(0)),
            ("OBRIEN", Some(0)),
            ("O'Brien", Some(0)),
            ("o’brien", Some(0)),
            ("O' Brien", Some(0)),
            ("brie", Some(0)),
            ("  aoife   o'b ", Some(0)),
            ("o'brien aoife", Some(0)),
            ("aoife dupont", None),
            ("zoe", Some(1)),
            ("ZOË", Some(1)),
            ("zoe\u{308}", Some(1)),
            ("łukasz", Some(1)),
            ("ŁUKASZ", Some(1)),
            ("lukasz", Some(1)),
            ("محمد", Some(2)),
            ("王", Some(2)),
            ("dupont-durand", Some(3)),
            ("DupontDurand", Some(3)),
            ("nobody", None),
        ] {
            let expected: Vec<_> = expected.map(|place: usize| stored[place]).into_iter().collect();
            assert_eq!(found(s, search).await, expected, "{search:?}");
        }
        assert_eq!(found(s, " ").await, stored, "no word is no search");
    })
    .await;
}

#[tokio::test]
async fn c_8_percent_underscore_and_quotes_are_no_wildcards() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        requests::insert(s, &request("Jean", "Smith"), &[]).await.unwrap();
        for search in ["J%n", "J_an", "Je_n", "sm%th", "s_ith", r"sm\%th", "x' OR '1'='1", "*ean*x", "j?an", "[j]eanx"]
        {
            assert!(found(s, search).await.is_empty(), "{search:?}");
        }
        // Punctuation by itself is no word, in what is searched as in what is searched for.
        assert_eq!(found(s, "jean - smith").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn c_8_a_search_looks_at_reference_address_comment_note_and_children() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        let mut wanted = request("Jo", "Bloggs");
        wanted.email = Some(email("jo.neil+school@example.org"));
        wanted.email_typed = "Jo.Typed@Example.org".to_owned();
        wanted.comment = "She moved from Swansea\nlast month".to_owned();
        wanted.staff_note = "Telephoned; café owner".to_owned();
        let mut child = claim(wanted.id, 0, "Siân", "Llewellyn");
        child.child.tutor_group = Some("10B/Xyz".to_owned());
        child.child.admission_number = Some("A-004711".to_owned());
        let mut claims = [child];
        requests::insert(s, &wanted, &claims).await.unwrap();
        let other = request("Else", "Who");
        requests::insert(s, &other, &[claim(other.id, 0, "Other", "Child")]).await.unwrap();

        let reference = wanted.reference.as_str().to_owned();
        for search in [
            reference.as_str(),
            &reference.to_lowercase(),
            &reference.replace('-', ""),
            "jo.neil+school@example.org",
            "NEIL",
            "typed@example",
            "swansea",
            "month",
            "cafe",
            "sian",
            "Llewellyn jo",
            "10b",
            "004711",
            "A-004711",
        ] {
            assert_eq!(found(s, search).await, [wanted.id], "{search:?}");
        }
        // Whoever may not read what was written cannot ask for it word by word either.
        for (search, is_found) in [("swansea", false), ("cafe", false), ("telephoned jo", false), ("jo sian", true)] {
            let filter = Filter { search: search.to_owned(), ..Filter::default() };
            let found = requests::list(s, &filter, Sort::Newest, None, 9).await.unwrap();
            assert_eq!(!found.is_empty(), is_found, "{search:?}");
        }

        // The search follows corrections.
        claims[0].child.given_name = "Carys".to_owned();
        wanted.staff_note = "Nothing".to_owned();
        requests::update(s, &mut wanted, &claims).await.unwrap();
        assert_eq!(found(s, "carys").await, [wanted.id]);
        assert!(found(s, "sian").await.is_empty());
        assert!(found(s, "cafe").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn c_8_every_hard_name_finds_itself() {
    for_each_engine(|store| async move {
        let s = &mut store.connect().await;
        for name in HARD_NAMES {
            let stored = request("Jo", name);
            requests::insert(s, &stored, &[]).await.unwrap();
            // Symbols alone cannot be searched for: such a search is as good as none.
            assert!(found(s, name).await.contains(&stored.id), "{name:?}");
        }
    })
    .await;
}
