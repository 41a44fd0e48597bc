//! Erasing, giving a copy, and doing away with what is old: of the one everything, of the other nothing.

use jiff::SignedDuration;
use kinlink_domain::{
    hold::HoldReason,
    ids::AdultId,
    request::Action,
    retention::RetentionClass,
    staff::{Actor, StaffRole},
    submission::RawSubmission,
};
use kinlink_service::{
    ServiceError,
    bundle::{self, Made},
    decide::{self, Reason},
    erasure::{self, ErasureState},
    holds::{self, NewHold},
    housekeeping, mail, retention, settings,
};
use kinlink_store::{audit, requests::Request};
use kinlink_testapp::{administrator, family};
use kinlink_testkit::snapshot;

use crate::world::{ENGINES, World, pupil_named, world};

/// Two parents of one pupil. Every word of the one begins with "mapleone", of the other with "birchtwo".
const ONE: &str = "mapleone";
const TWO: &str = "birchtwo";

fn asks(who: &str) -> RawSubmission {
    let pupil = pupil_named("Theo", "Marlow");
    let mut raw = family(
        (&format!("{who}given"), &format!("{who}family"), &format!("{who}@example.org")),
        &[(pupil.given, pupil.family, &pupil.tutor_group)],
    );
    raw.comment = format!("{who}comment");
    raw
}

/// Everything that happens to a parent who gets access: asked, a note, approved, linked, mails.
async fn lives(world: &World, who: &str) -> (Request, AdultId) {
    let app = &world.test.app;
    let request = world.test.submit(&asks(who)).await;
    decide::note(app, &administrator(), request.id, None, &format!("{who}staffnote")).await.unwrap();
    let reason = Reason {
        message: Some(format!("{who}question")),
        note: Some(format!("{who}decisionnote")),
        ..Reason::default()
    };
    decide::ask(app, &administrator(), request.id, None, &reason).await.unwrap();
    mail::deliver(app, &world.test.school, &mail::Transport::Store, 50, None).await.unwrap();
    let request = world.test.request(request.reference.as_str()).await;
    let request = world.approve(&request, &kinlink_service::approve::Approval::default()).await.unwrap();
    world.cycle().await;
    world.moodle_cron().await;
    world.cycle().await;
    mail::deliver(app, &world.test.school, &mail::Transport::Store, 50, None).await.unwrap();
    let adult = request.adult.unwrap();
    (request, adult)
}

/// Every row of the store that holds a text, in any case.
async fn rows_with(world: &World, text: &str) -> Vec<String> {
    let tables = snapshot(&world.test.store.db).await;
    let rows = tables.iter().flat_map(|(table, rows)| rows.iter().map(move |row| format!("{table}: {row}")));
    rows.filter(|row| row.to_lowercase().contains(text)).collect()
}

async fn audit_is_whole(world: &World) {
    let verified = audit::verify(&mut world.test.app.store.acquire().await.unwrap()).await.unwrap();
    assert!(verified.entries > 0);
    assert_eq!(verified.broken, None);
}

fn code(error: &ServiceError) -> &'static str {
    match error {
        ServiceError::Refused { code, .. } => code,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_erased_parent_is_nowhere_in_the_store_once_moodle_holds_nothing_of_theirs_and_the_audit_stays_whole() {
    for engine in ENGINES {
        let world = world(engine).await;
        let app = &world.test.app;
        let (_, one) = lives(&world, ONE).await;
        let (_, two) = lives(&world, TWO).await;
        let refused = world.test.submit(&asks(ONE)).await;
        decide::end(app, &administrator(), refused.id, None, Action::Deny, &Reason::default()).await.unwrap();
        assert!(rows_with(&world, ONE).await.len() > 5, "{engine}: there is something to erase");
        let others = rows_with(&world, TWO).await;
        assert_eq!(world.our_rows().await.len(), 2, "{engine}: both are linked");

        let refusal = erasure::adult(app, &administrator(), one, false).await.unwrap_err();
        assert_eq!(code(&refusal), erasure::ACCESS_IN_FORCE, "{engine}");
        let asked = erasure::adult(app, &administrator(), one, true).await.unwrap();
        assert_eq!(asked.state, ErasureState::AccessEnded, "{engine}");
        // Moodle still holds the role row: it takes the ids to remove it.
        assert_eq!(housekeeping::tidy(app).await.unwrap().erased, 0, "{engine}");
        assert!(!rows_with(&world, ONE).await.is_empty(), "{engine}");
        let again = erasure::adult(app, &administrator(), one, true).await.unwrap();
        assert_eq!(again.id, asked.id, "{engine}: asking twice is asking once");

        world.cycle().await;
        assert_eq!(world.our_rows().await.len(), 1, "{engine}: the row of the erased parent is gone from Moodle");
        assert_eq!(housekeeping::tidy(app).await.unwrap().erased, 1, "{engine}");
        assert_eq!(rows_with(&world, ONE).await, Vec::<String>::new(), "{engine}");
        assert_eq!(rows_with(&world, TWO).await, others, "{engine}: nothing of the other parent changed");
        assert!(world.test.app.store.acquire().await.is_ok());
        audit_is_whole(&world).await;
        let done = erasure::find(app, &administrator(), one).await.unwrap().unwrap();
        assert_eq!((done.id, done.state), (asked.id, ErasureState::Erased), "{engine}");
        assert_eq!(housekeeping::tidy(app).await.unwrap().erased, 0, "{engine}: twice is once");
        assert!(erasure::find(app, &administrator(), two).await.unwrap().is_none(), "{engine}");
        // A full comparison finds nothing to do: what is left of the erased parent wants nothing in Moodle.
        let report = world.run(kinlink_service::cycle::Mode::Full).await.unwrap();
        assert_eq!((report.added, report.removed), (0, 0), "{engine}: {report:?}");
    }
}

#[tokio::test]
async fn an_erased_request_is_not_taken_up_again() {
    for engine in ENGINES {
        let world = world(engine).await;
        let app = &world.test.app;
        let (request, adult) = lives(&world, ONE).await;
        erasure::adult(app, &administrator(), adult, true).await.unwrap();
        world.cycle().await;
        assert_eq!(housekeeping::tidy(app).await.unwrap().erased, 1, "{engine}");
        let reason = Reason::default();
        let refusal = decide::reopen(app, &administrator(), request.id, None, &reason).await.unwrap_err();
        assert_eq!(code(&refusal), "erased", "{engine}");
        assert_eq!(rows_with(&world, ONE).await, Vec::<String>::new(), "{engine}");
    }
}

#[tokio::test]
async fn an_erasure_waits_until_the_provisioner_has_seen_to_the_open_sessions() {
    let world = world(ENGINES[0]).await;
    let app = &world.test.app;
    let request = world.approved(&asks(ONE)).await;
    // Moodle made the account; no cycle has written a role row yet.
    world.moodle_cron().await;
    erasure::adult(app, &administrator(), request.adult.unwrap(), true).await.unwrap();
    assert_eq!(housekeeping::tidy(app).await.unwrap().erased, 0);
    world.cycle().await;
    assert_eq!(housekeeping::tidy(app).await.unwrap().erased, 1);
}

#[tokio::test]
async fn access_that_was_given_again_ends_the_wait_for_an_erasure() {
    let world = world(ENGINES[0]).await;
    let app = &world.test.app;
    let (_, adult) = lives(&world, ONE).await;
    erasure::adult(app, &administrator(), adult, true).await.unwrap();
    world.approved(&asks(ONE)).await;
    assert_eq!(housekeeping::tidy(app).await.unwrap().erased, 0);
    assert!(erasure::find(app, &administrator(), adult).await.unwrap().is_none());
    assert!(!rows_with(&world, ONE).await.is_empty());
}

#[tokio::test]
async fn a_hold_stops_an_erasure_in_the_words_that_everybody_may_read_and_is_in_no_copy() {
    let world = world(ENGINES[0]).await;
    let app = &world.test.app;
    let (request, adult) = lives(&world, ONE).await;
    let unknown = world.test.submit(&asks(TWO)).await;
    let hold = |adult, email: Option<&str>| NewHold {
        adult,
        email: email.map(str::to_owned),
        pupil: None,
        reason: HoldReason::CourtOrder,
        reference: "C-17/2026".into(),
        from: None,
        until: None,
    };
    let placed = holds::place(app, &administrator(), &hold(Some(adult), None)).await.unwrap();
    holds::place(app, &administrator(), &hold(None, Some("birchtwo@example.org"))).await.unwrap();
    let refusal = erasure::adult(app, &administrator(), adult, true).await.unwrap_err();
    assert_eq!(code(&refusal), "refer_to_safeguarding");
    assert!(!refusal.to_string().contains("hold"), "{refusal}");
    let refusal = erasure::request(app, &administrator(), unknown.id).await.unwrap_err();
    assert_eq!(code(&refusal), "refer_to_safeguarding");
    let refusal = erasure::request(app, &administrator(), request.id).await.unwrap_err();
    assert_eq!(code(&refusal), erasure::KNOWN_ADULT);
    assert_eq!(world.test.request(request.reference.as_str()).await.given_name, "mapleonegiven");

    let made = bundle::of_adult(app, &administrator(), adult).await.unwrap();
    let copy = serde_json::to_string(&made.bundle).unwrap();
    for secret in ["hold", "court", "C-17", &placed.id.to_string(), "safeguarding"] {
        assert!(!copy.contains(secret), "{secret}: {copy}");
    }
    assert_eq!(made.for_the_data_protection_officer.holds, [placed.id]);
}

#[tokio::test]
async fn the_request_of_somebody_unknown_is_erased_at_once() {
    for engine in ENGINES {
        let world = world(engine).await;
        let app = &world.test.app;
        let request = world.test.submit(&asks(ONE)).await;
        let other = world.test.submit(&asks(TWO)).await;
        let others = rows_with(&world, TWO).await;
        let done =
            erasure::request_by_reference(app, &administrator(), &format!(" {} ", request.reference)).await.unwrap();
        assert_eq!((done.state, done.request), (ErasureState::Erased, Some(request.id)), "{engine}");
        assert_eq!(rows_with(&world, ONE).await, Vec::<String>::new(), "{engine}");
        assert_eq!(rows_with(&world, TWO).await, others, "{engine}");
        assert_eq!(world.test.request(other.reference.as_str()).await.id, other.id, "{engine}");
        audit_is_whole(&world).await;
        let again = erasure::request(app, &administrator(), request.id).await.unwrap_err();
        assert!(matches!(again, ServiceError::NotFound(_)), "{engine}: {again}");
        let nobody = erasure::request_by_reference(app, &administrator(), "x").await.unwrap_err();
        assert!(matches!(nobody, ServiceError::NotFound(_)), "{engine}: {nobody}");
    }
}

fn text(made: &Made) -> String {
    serde_json::to_string(&made.bundle).unwrap().to_lowercase()
}

#[tokio::test]
async fn a_copy_holds_everything_of_the_one_and_nothing_of_the_other_and_no_name_of_staff() {
    for engine in ENGINES {
        let world = world(engine).await;
        let app = &world.test.app;
        let (request, one) = lives(&world, ONE).await;
        let (other, two) = lives(&world, TWO).await;
        let copy = text(&bundle::of_adult(app, &administrator(), one).await.unwrap());
        for theirs in [
            "mapleonegiven",
            "mapleonefamily",
            "mapleone@example.org",
            "mapleonecomment",
            "mapleonequestion",
            "theo marlow",
            "your account is ready",
            "the school has a question",
            "adult.access_bundle",
            &request.reference.to_string().to_lowercase(),
        ] {
            // The second copy tells of the first.
            let copy = text(&bundle::of_adult(app, &administrator(), one).await.unwrap());
            assert!(copy.contains(theirs), "{engine}: {theirs} is missing in {copy}");
        }
        for foreign in [
            TWO,
            &other.reference.to_string().to_lowercase(),
            &two.to_string(),
            "cli:",
            "staff:",
            "staffnote",
            "decisionnote",
        ] {
            assert!(!copy.contains(foreign), "{engine}: {foreign} is in {copy}");
        }
        assert!(copy.contains("a member of staff"), "{engine}");
        let remarks = bundle::of_adult(app, &administrator(), one).await.unwrap().for_the_data_protection_officer;
        let words = remarks.words_of_staff.join("\n");
        assert!(words.contains("mapleonestaffnote") && words.contains("mapleonedecisionnote"), "{engine}: {words}");
        assert!(!words.contains(TWO), "{engine}: {words}");

        let pupil = pupil_named("Theo", "Marlow");
        let rows = world.our_rows().await;
        let pupil_id = kinlink_domain::ids::MoodleUserId(rows[0].1);
        let about_pupil = bundle::of_pupil(app, &administrator(), pupil_id).await.unwrap();
        let words = about_pupil.for_the_data_protection_officer.words_of_staff.join("\n");
        for who in [ONE, TWO] {
            assert!(words.contains(&format!("{who}staffnote")), "{engine}: {words}");
            assert!(words.contains(&format!("{who}decisionnote")), "{engine}: {words}");
        }
        let copy = text(&bundle::of_pupil(app, &administrator(), pupil_id).await.unwrap());
        assert!(copy.contains("pupil.access_bundle"), "{engine}: who took a copy before: {copy}");
        assert!(copy.contains("theo marlow") && copy.contains(&pupil.tutor_group.to_lowercase()), "{engine}: {copy}");
        assert!(copy.contains("a parent or carer #1") && copy.contains("a parent or carer #2"), "{engine}: {copy}");
        assert!(!copy.contains("a parent or carer #3"), "{engine}: one number for one adult: {copy}");
        for foreign in [ONE, TWO, &one.to_string(), &two.to_string(), "cli:"] {
            assert!(!copy.contains(foreign), "{engine}: {foreign} is in {copy}");
        }
        audit_is_whole(&world).await;
    }
}

#[tokio::test]
async fn only_administrators_copy_erase_and_purge() {
    let world = world(ENGINES[0]).await;
    let app = &world.test.app;
    let (request, adult) = lives(&world, ONE).await;
    let before = rows_with(&world, ONE).await;
    for role in [StaffRole::Viewer, StaffRole::Approver, StaffRole::Safeguarding] {
        let actor = Actor { name: "cli:test".into(), role: Some(role) };
        let pupil = kinlink_domain::ids::MoodleUserId(1);
        let errors = [
            bundle::of_adult(app, &actor, adult).await.err(),
            bundle::remarks(app, &actor, adult).await.err(),
            bundle::of_pupil(app, &actor, pupil).await.err(),
            erasure::adult(app, &actor, adult, true).await.err(),
            erasure::request(app, &actor, request.id).await.err(),
            erasure::list(app, &actor, 1).await.err(),
            erasure::find(app, &actor, adult).await.err(),
            retention::preview(app, &actor).await.err(),
            retention::purge(app, &actor).await.err(),
        ];
        for error in errors {
            assert!(matches!(error, Some(ServiceError::Forbidden(_))), "{role}: {error:?}");
        }
    }
    assert_eq!(rows_with(&world, ONE).await, before);
}

#[tokio::test]
async fn the_nightly_run_keeps_what_the_settings_say_to_the_day_and_notes_numbers_only() {
    for engine in ENGINES {
        let world = world(engine).await;
        let app = &world.test.app;
        let day = SignedDuration::from_hours(24);
        let refused = world.test.submit(&asks(ONE)).await;
        decide::end(app, &administrator(), refused.id, None, Action::Deny, &Reason::default()).await.unwrap();
        let open = world.test.submit(&asks(TWO)).await;
        settings::set(app, &administrator(), "keep_refused_days", "40").await.unwrap();

        world.test.clock.advance(day * 40);
        let due = |classes: &[retention::ClassView], class| {
            classes.iter().find(|view| view.class == class).map(|view| view.due)
        };
        let preview = retention::preview(app, &administrator()).await.unwrap();
        assert_eq!(due(&preview, RetentionClass::Refused), Some(0), "{engine}: to the very moment it is kept");
        assert_eq!(due(&preview, RetentionClass::Words), Some(1), "{engine}");
        housekeeping::tidy(app).await.unwrap();
        let kept = world.test.request(refused.reference.as_str()).await;
        assert_eq!((kept.given_name.as_str(), kept.comment.as_str()), ("mapleonegiven", ""), "{engine}");

        world.test.clock.advance(SignedDuration::from_millis(1));
        let before = rows_with(&world, ONE).await;
        let preview = retention::preview(app, &administrator()).await.unwrap();
        assert_eq!(due(&preview, RetentionClass::Refused), Some(1), "{engine}");
        assert_eq!(rows_with(&world, ONE).await, before, "{engine}: looking changes nothing");
        let purged = retention::purge(app, &administrator()).await.unwrap();
        let of = |class| purged.iter().find(|purged| purged.class == class).unwrap().count;
        assert_eq!((of(RetentionClass::Refused), of(RetentionClass::Words)), (1, 0), "{engine}");
        assert_eq!(rows_with(&world, ONE).await, Vec::<String>::new(), "{engine}");
        let still = world.test.request(open.reference.as_str()).await;
        assert_eq!(still.comment, "birchtwocomment", "{engine}: what waits for a decision has every word");
        audit_is_whole(&world).await;
        let entries: Vec<(String, String)> = world
            .test
            .store
            .db
            .fetch_all("SELECT subject, detail FROM audit WHERE action = 'retention.purge' ORDER BY seq", [])
            .await
            .unwrap();
        assert!(entries.contains(&("retention:refused".into(), r#"{"count":1}"#.into())), "{engine}: {entries:?}");
    }
}
