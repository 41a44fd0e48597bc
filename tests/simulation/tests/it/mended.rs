//! Defects that the simulation found, by the shortest histories that led to them: they keep every promise now.

use kinlink_db::Engine;
use kinlink_domain::request::Action;
use kinlink_simulation::{
    Machine,
    acts::{Account, Act, Meddling, Picked, Version},
    history::{History, Step},
    later::Later,
    oracle::Broken,
    people::Child,
    world::Setting,
};

/// Plays acts one after the other, without faults; gives what is broken first.
async fn play(acts: Vec<Act>) -> Vec<Broken> {
    let history = History {
        seed: 1,
        setting: Setting { end_sessions: true, ..Setting::default() },
        calm: false,
        steps: acts.into_iter().map(|act| Step { acts: vec![(act, None)], order: 0 }).collect(),
    };
    let outcome = Machine::new(Engine::Sqlite).await.unwrap().play(&history, None).await.unwrap();
    outcome.broken.map(|(_, broken)| broken).unwrap_or_default()
}

fn asks() -> Act {
    let child = |pupil| Child { pupil, number: true, misspelt: false };
    Act::Submit { adult: 7, children: vec![child(0), child(1)], kind: "new_account", proving: true, key: None }
}

#[tokio::test]
async fn what_is_asked_approved_and_linked_keeps_every_promise() {
    let acts = vec![asks(), Act::Approve(0, Picked::Exact, Account::Auto, Version::Any), Act::Cron, Act::Cycle];
    assert_eq!(play(acts).await, []);
}

#[tokio::test]
async fn a_row_that_was_there_twice_stays_in_the_ledger() {
    let acts = vec![
        asks(),
        Act::Approve(0, Picked::Exact, Account::Auto, Version::Any),
        Act::Cron,
        Act::Cycle,
        Act::Meddle(Meddling::DoubleOurs, 0),
    ];
    assert_eq!(play(acts).await, []);
}

#[tokio::test]
async fn a_request_is_not_approved_for_two_accounts_of_which_one_would_keep_its_access() {
    let pupil = 0;
    let acts = vec![
        asks(),
        Act::Approve(0, Picked::ByHand(pupil), Account::Auto, Version::Any),
        Act::Approve(0, Picked::Exact, Account::NewForTheRest, Version::Any),
        Act::End(0, Action::Deny, Version::Any),
    ];
    assert_eq!(play(acts).await, []);
}

#[tokio::test]
async fn an_erased_request_is_not_taken_up_again_and_filled_with_names() {
    let acts = vec![
        asks(),
        Act::Approve(0, Picked::Exact, Account::Auto, Version::Any),
        Act::Later(Later::Erase(0, true)),
        Act::Tidy,
        Act::Reopen(0),
        Act::Correct(0, true),
    ];
    assert_eq!(play(acts).await, []);
}

#[tokio::test]
async fn nobody_is_erased_before_their_sessions_have_ended() {
    let acts = vec![
        asks(),
        Act::Approve(0, Picked::Exact, Account::Auto, Version::Any),
        Act::Cron,
        Act::SignIn(0),
        Act::Later(Later::Erase(0, true)),
        Act::Tidy,
    ];
    assert_eq!(play(acts).await, []);
}
