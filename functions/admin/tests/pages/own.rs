//! Nobody decides about themselves, in whatever way: a member of staff who is also a parent has a colleague decide.

use kinlink_domain::{
    ids::{AdultId, ClaimId},
    request::Action,
    staff::{Actor, StaffRole},
};
use kinlink_service::{
    App, ServiceError, accounts,
    approve::{AccountChoice, Approval, Checks, ClaimChoice, Pick, approve},
    bulk::{BulkAct, bulk, preview_bulk},
    confirm::confirm,
    decide::{self, Correction, Reason},
    own::OWN_REQUEST,
    pin::{PinTarget, pin_pupil, pin_same, unpin_pupil},
    questions,
    sessions::{
        SignedIn,
        provider::{self, Identity},
    },
    status::status_token,
    view::{Request, show_request, show_user},
};
use kinlink_testapp::{administrator, family};

use crate::staff::{Office, Person, office, text};

const MAIL: &str = "k.larsen@school.example";
const AMELIA: (&str, &str, &str) = ("Amelia", "Turner", "7KL");

/// Somebody who signed in at the school, which says that this is their address.
async fn colleague(office: &Office, subject: &str, email: &str, role: StaffRole) -> SignedIn {
    let app = &office.kinlink.app;
    let begun = provider::begin(app, None, "/admin/requests", None).await.unwrap();
    let under_way = provider::take(app, &begun.state, &begun.browser).await.unwrap();
    let identity = Identity {
        issuer: "https://sign-in.school.example".into(),
        subject: subject.into(),
        name: Some(subject.into()),
        email: Some(email.into()),
        role: Some(role),
        authenticated_at: Some(app.now()),
        id_token: "a.b.c".into(),
    };
    provider::enter(app, &under_way, &identity, None).await.unwrap()
}

fn at_their_browser(office: &Office, entered: &SignedIn) -> Person {
    Person::with_session(office, &entered.secret, entered.session.csrf())
}

/// Whether something was refused because it is the actor's own.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "a result that was looked at is done with")]
fn assert_own<T: std::fmt::Debug>(result: Result<T, ServiceError>, what: &str) {
    assert!(matches!(result, Err(ServiceError::Refused { code: OWN_REQUEST, .. })), "{what}: {result:?}");
}

async fn claims(app: &App, request: &Request) -> Vec<ClaimId> {
    let detail = show_request(app, &administrator(), &request.id.to_string()).await.unwrap();
    detail.summary.children.iter().map(|child| child.claim).collect()
}

fn approval() -> Approval {
    Approval { checks: Checks::ALL, ..Approval::default() }
}

/// Tries everything that somebody can do to a request; each must be refused as the actor's own.
async fn assert_nothing_is_possible(app: &App, actor: &Actor, request: &Request, what: &str) {
    let claim = claims(app, request).await[0];
    let pupil = app_pupil(app).await;
    let reason = Reason::default();
    for action in Action::ALL.iter().copied() {
        let what = format!("{what}: {action}");
        match action {
            Action::Approve => {
                assert_own(approve(app, actor, request.id, None, &approval()).await, &what);
                assert_own(pin_pupil(app, actor, request.id, None, claim, pupil).await, &what);
                assert_own(unpin_pupil(app, actor, request.id, None, claim).await, &what);
                let target = PinTarget { request: request.id, version: request.version, claim };
                let pinned = pin_same(app, actor, pupil, &[target]).await.unwrap();
                assert_eq!(pinned[0].result.as_ref().unwrap_err().code, OWN_REQUEST, "{what}");
            }
            Action::Deny | Action::MarkDuplicate | Action::MarkBogus => {
                assert_own(decide::end(app, actor, request.id, None, action, &reason).await, &what);
            }
            Action::Ask => assert_own(decide::ask(app, actor, request.id, None, &reason).await, &what),
            Action::Reopen => assert_own(decide::reopen(app, actor, request.id, None, &reason).await, &what),
            Action::WithdrawChild => {
                assert_own(decide::withdraw_child(app, actor, request.id, None, claim, &reason).await, &what);
            }
            Action::Correct => {
                assert_own(decide::correct(app, actor, request.id, None, &Correction::default()).await, &what);
            }
            // The parent's own acts and Kinlink's: no decision of staff's.
            Action::ConfirmEmail | Action::Answer | Action::Provision | Action::Expire => {}
        }
    }
    assert_own(decide::note(app, actor, request.id, None, "x").await, what);
    for act in [
        BulkAct::Approve { checks: Checks::ALL },
        BulkAct::Deny { reason: reason.clone() },
        BulkAct::Ask { reason: reason.clone() },
        BulkAct::Duplicate { reason: reason.clone() },
        BulkAct::Bogus { reason: reason.clone() },
        BulkAct::Reopen { reason: reason.clone() },
    ] {
        let rows = [(request.id, request.version)];
        let seen = preview_bulk(app, actor, &act, &rows).await.unwrap();
        assert_eq!(seen[0].verdict.as_ref().unwrap_err().code, OWN_REQUEST, "{what}: {act:?}");
        let done = bulk(app, actor, &act, &rows).await.unwrap();
        assert_eq!(done[0].result.as_ref().unwrap_err().code, OWN_REQUEST, "{what}: {act:?}");
    }
    let detail = show_request(app, actor, &request.id.to_string()).await.unwrap();
    assert!(detail.own && detail.actions.is_empty(), "{what}: {:?}", detail.actions);
}

/// A pupil who is nobody's here.
async fn app_pupil(app: &App) -> kinlink_domain::ids::MoodleUserId {
    kinlink_service::view::search_pupils(app, &administrator(), "Isla Turner", 1).await.unwrap()[0].id
}

#[tokio::test]
async fn every_decision_about_oneself_is_refused_in_every_status_and_however_the_address_is_written() {
    let office = office().await;
    let app = &office.kinlink.app;
    let own = colleague(&office, "kim", " K.Larsen@SCHOOL.example", StaffRole::Administrator).await;
    let actor = own.session.actor().clone();
    let request = office.kinlink.submit(&family(("Kim", "Larsen", MAIL), &[AMELIA])).await;
    assert_nothing_is_possible(app, &actor, &request, "pending").await;
    let before = office.everything().await;
    assert_nothing_is_possible(app, &actor, &request, "pending").await;
    Office::assert_same(&before, &office.everything().await, "what was refused");

    // Tokens act for whoever minted them, also those that another token minted.
    let minted =
        kinlink_service::access::mint_token(app, &actor, "script", StaffRole::Administrator, None).await.unwrap();
    let token = Actor { name: format!("token:{}", minted.id), role: Some(StaffRole::Administrator) };
    assert_nothing_is_possible(app, &token, &request, "a token").await;
    let again = kinlink_service::access::mint_token(app, &token, "script", StaffRole::Approver, None).await.unwrap();
    let script = Actor { name: format!("token:{}", again.id), role: Some(StaffRole::Approver) };
    assert_nothing_is_possible(app, &script, &request, "a token's token").await;

    // A colleague may: with every status that a request can have.
    let other = colleague(&office, "sam", "s.patel@school.example", StaffRole::Approver).await;
    let other = other.session.actor();
    let asked = Reason { message: Some("Which group?".into()), ..Reason::default() };
    let waiting = decide::ask(app, other, request.id, None, &asked).await.unwrap();
    assert_nothing_is_possible(app, &actor, &waiting, "waiting").await;
    // The parent's own acts are theirs.
    questions::answer(app, &status_token(app, &waiting), "7KL").await.unwrap();
    let approved = approve(app, other, request.id, None, &approval()).await.unwrap();
    assert_nothing_is_possible(app, &actor, &approved, "approved").await;
    let denied = decide::end(app, other, request.id, None, Action::Deny, &Reason::default()).await.unwrap();
    assert_nothing_is_possible(app, &actor, &denied, "denied").await;
    // Everybody else's request is still theirs to decide.
    let turner = office.turner(&[AMELIA]).await;
    assert!(!show_request(app, &actor, &turner.id.to_string()).await.unwrap().own);
    approve(app, &actor, turner.id, None, &approval()).await.unwrap();
}

#[tokio::test]
async fn an_address_that_was_corrected_or_never_good_makes_it_nobody_elses() {
    let office = office().await;
    let app = &office.kinlink.app;
    let own = colleague(&office, "kim", MAIL, StaffRole::Approver).await;
    let request = office.kinlink.submit(&family(("Kim", "Larsen", MAIL), &[AMELIA])).await;
    let private = Correction { email: Some("kim@home.example".into()), ..Correction::default() };
    let corrected = decide::correct(app, &administrator(), request.id, None, &private).await.unwrap();
    assert_nothing_is_possible(app, own.session.actor(), &corrected, "corrected").await;
    let paths = office.kinlink.mailed_confirmations().await;
    confirm(app, paths[0].rsplit('/').next().unwrap()).await.unwrap();
    // An address that no mail can be sent to, at the school's sign-in and in the form.
    let odd = colleague(&office, "zoe", "Zoë@school.example", StaffRole::Approver).await;
    let request = office.kinlink.submit(&family(("Zoë", "Larsen", "zoë@School.example"), &[AMELIA])).await;
    assert_eq!(request.email, None);
    assert_nothing_is_possible(app, odd.session.actor(), &request, "an address that is none").await;
}

#[tokio::test]
async fn an_account_that_is_the_persons_own_cannot_be_given_a_child_or_lose_one_by_them() {
    let office = office().await;
    let app = &office.kinlink.app;
    office
        .meddle_in_moodle(
            "UPDATE mdl_user SET email = 'K.Larsen@school.example' WHERE id = (SELECT MIN(id) FROM mdl_user WHERE auth = 'manual' AND id > 2)",
        )
        .await;
    let account: Option<(i64,)> = office
        .kinlink
        .moodle
        .db
        .fetch_optional("SELECT id FROM mdl_user WHERE email = 'K.Larsen@school.example'", [])
        .await
        .unwrap();
    let account = kinlink_domain::ids::MoodleUserId(account.unwrap().0);
    let own = colleague(&office, "kim", MAIL, StaffRole::Administrator).await;
    let actor = own.session.actor().clone();

    // From a private address, by their own Moodle account.
    let private = family(("Kim", "Larsen", "kim@home.example"), &[AMELIA]);
    let request = office.kinlink.submit(&private).await;
    assert!(!show_request(app, &actor, &request.id.to_string()).await.unwrap().own, "nothing says so yet");
    let by_account = Approval { account: AccountChoice::MoodleUser(account), ..approval() };
    assert_own(approve(app, &actor, request.id, None, &by_account).await, "their own account");
    let approved = approve(app, &administrator(), request.id, None, &by_account).await.unwrap();
    assert_nothing_is_possible(app, &actor, &approved, "approved for the account").await;

    // Somebody else's request for the adult that they are.
    let adult: AdultId = office.text("SELECT id FROM adults").await.parse().unwrap();
    let another =
        office.kinlink.submit(&family(("Bea", "Third", "bea@home.example"), &[("Isla", "Turner", "8TH")])).await;
    let claim = claims(app, &another).await[0];
    let pick = ClaimChoice { claim, pick: Pick::Pupil(app_pupil(app).await) };
    let for_them = Approval { account: AccountChoice::Adult(adult), claims: vec![pick], ..approval() };
    assert_own(approve(app, &actor, another.id, None, &for_them).await, "their own adult");
    assert!(show_user(app, &actor, &adult.to_string()).await.unwrap().own);

    // Without Moodle it cannot be known whose account was picked: rather no decision.
    office.kinlink.moodle.db.close().await;
    let unknown = decide::end(app, &actor, approved.id, None, Action::Deny, &Reason::default()).await.unwrap_err();
    assert!(unknown.unavailable().is_some(), "{unknown}");
    assert!(!show_request(app, &actor, &approved.id.to_string()).await.unwrap().own, "the page still comes");
}

/// A colleague gave their account another address: it still is their own.
#[tokio::test]
async fn an_adult_is_oneself_by_a_former_address_too() {
    let office = office().await;
    let app = &office.kinlink.app;
    let own = colleague(&office, "kim", MAIL, StaffRole::Administrator).await;
    let actor = own.session.actor().clone();
    let first = office.kinlink.submit(&family(("Kim", "Larsen", MAIL), &[AMELIA])).await;
    approve(app, &administrator(), first.id, None, &approval()).await.unwrap();
    app.store.execute("UPDATE adults SET email = 'kim@home.example'", []).await.unwrap();
    let again =
        office.kinlink.submit(&family(("Kim", "Larsen", "kim@home.example"), &[("Isla", "Turner", "8TH")])).await;
    assert_own(approve(app, &actor, again.id, None, &approval()).await, "for the account that is theirs");
    let adult: AdultId = office.text("SELECT id FROM adults").await.parse().unwrap();
    assert!(show_user(app, &actor, &adult.to_string()).await.unwrap().own);
    assert_own(accounts::revoke(app, &actor, &[MAIL.to_owned()], None).await, "their own login row");
}

#[tokio::test]
async fn nobody_revokes_their_own_login_row() {
    let office = office().await;
    let app = &office.kinlink.app;
    let own = colleague(&office, "kim", MAIL, StaffRole::Administrator).await;
    let actor = own.session.actor();
    let request = office.kinlink.submit(&family(("Kim", "Larsen", MAIL), &[AMELIA])).await;
    approve(app, &administrator(), request.id, None, &approval()).await.unwrap();
    office.approve(&office.turner(&[("Isla", "Turner", "8TH")]).await).await;
    let names = [MAIL.to_owned(), "rachel.turner@example.org".to_owned()];
    assert_own(accounts::revoke(app, actor, &names, None).await, "both at once");
    assert_eq!(office.number("SELECT COUNT(*) FROM login_rows WHERE request_id IS NOT NULL").await, 2);
    let results = accounts::revoke_many(app, actor, &names, None, None).await.unwrap();
    let refused = |name: &str| results.iter().find(|result| result.username == name).unwrap().result.clone().err();
    assert_eq!(refused(MAIL).unwrap().code, OWN_REQUEST);
    assert!(refused("rachel.turner@example.org").is_none());

    let person = at_their_browser(&office, &own);
    let adult = office.text(&format!("SELECT id FROM adults WHERE email = '{MAIL}'")).await;
    let page = person.page(&format!("/admin/users/{adult}")).await;
    assert!(text(&page).contains("This is you; somebody else must decide."), "{}", text(&page));
    assert!(!page.contains("Revoke access"));
}

#[tokio::test]
async fn the_page_says_so_and_has_no_buttons_and_many_at_once_leave_it_out() {
    let office = office().await;
    let own = colleague(&office, "kim", MAIL, StaffRole::Administrator).await;
    let person = at_their_browser(&office, &own);
    let request = office.kinlink.submit(&family(("Kim", "Larsen", MAIL), &[AMELIA])).await;
    let here = format!("/admin/requests/{}", request.reference);
    let page = person.page(&here).await;
    assert!(text(&page).contains("This is your own request; somebody else must decide."), "{}", text(&page));
    for part in ["name=\"do\"", "/deny", "/edit", "name=\"note\"", "form=\"decide\"", "formaction"] {
        assert!(!page.contains(part), "{part}");
    }
    for (path, fields) in [
        ("/decide", vec![("do", "reopen"), ("version", "1")]),
        ("/note", vec![("note", "x"), ("version", "1")]),
        ("/deny", vec![("do", "send"), ("reason", "not_on_file"), ("version", "1")]),
        ("/edit", vec![("title", "Dr"), ("version", "1")]),
    ] {
        let answer = person.post(&format!("{here}{path}"), &fields).await;
        let said = match answer.status.as_u16() {
            303 => person.follow(&answer).await,
            409 | 422 => answer.text,
            other => panic!("{path}: {other} {}", text(&answer.text)),
        };
        assert!(text(&said).to_lowercase().contains("your own request"), "{path}: {}", text(&said));
    }
    let turner = office.turner(&[AMELIA]).await;
    let marks = [&request, &turner].map(|request| format!("{}:{}", request.id, request.version));
    let fields = [("action", "deny"), ("id", marks[0].as_str()), ("id", marks[1].as_str())];
    let preview = person.post("/admin/requests/bulk", &fields).await.expect(200);
    let words = text(&preview.text);
    assert!(words.contains("Deny 1 request") && words.contains("1 request is left out"), "{words}");
    assert!(words.contains("This is your own request; somebody else must decide."), "{words}");
    // A colleague sees the buttons.
    let page = office.approver().await.page(&here).await;
    assert!(page.contains("value=\"approve\""));
}

#[tokio::test]
async fn the_api_refuses_with_a_conflict() {
    let office = office().await;
    let own = colleague(&office, "kim", MAIL, StaffRole::Administrator).await;
    let app = &office.kinlink.app;
    let actor = own.session.actor();
    let minted = kinlink_service::access::mint_token(app, actor, "x", StaffRole::Approver, None).await.unwrap();
    let request = office.kinlink.submit(&family(("Kim", "Larsen", MAIL), &[AMELIA])).await;
    let script = office.anyone.bearer(&minted.secret).with("if-match", "*");
    let path = format!("/api/v1/admin/requests/{}", request.id);
    let shown = script.get(&path).await.expect(200).json();
    assert_eq!((&shown["own"], &shown["actions"]), (&serde_json::json!(true), &serde_json::json!([])));
    script.post(&format!("{path}/deny"), &serde_json::json!({})).await.problem(409, OWN_REQUEST);
}
