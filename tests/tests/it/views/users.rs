//! The list of users, their pupils, and how they stand in Moodle.

use kinlink_domain::request::Status;
use kinlink_service::{
    ServiceError,
    accounts::AccountState,
    view::{self, UserView},
};
use kinlink_testapp::administrator;

use super::{about, users, viewer, without_moodle};
use crate::world::{ENGINES, pupil_named, world};

#[tokio::test]
async fn users_are_listed_with_their_pupils_and_how_they_stand_in_moodle() {
    for engine in ENGINES {
        let mut world = world(engine).await;
        world.approved(&about("Ann", ("Oscar", "Turner", "9KL"))).await;
        let bea = world.approved(&about("Bea", ("Leo", "Fischer", "9MB"))).await;
        world.moodle_cron().await;
        world.cycle().await;
        world.approved(&about("Cat", ("Noah", "Williams", "8KL"))).await;
        let leo = pupil_named("Leo", "Fischer").user_id;
        world.meddle(&format!("UPDATE mdl_user SET suspended = 1 WHERE id = {leo}")).await;
        world.meddle("UPDATE mdl_user SET suspended = 1 WHERE username = 'ann@example.org'").await;

        let app = &world.test.app;
        let page = view::list_users(app, &viewer(), &users(UserView::All)).await.unwrap();
        let rows: Vec<_> = page
            .items
            .iter()
            .map(|item| {
                let pupil = &item.pupils[0];
                (item.username.as_str(), item.state, pupil.name.as_deref(), pupil.left)
            })
            .collect();
        assert_eq!(
            rows,
            [
                ("ann@example.org", AccountState::Suspended, Some("Oscar Turner"), false),
                ("bea@example.org", AccountState::Active, Some("Leo Fischer"), true),
                ("cat@example.org", AccountState::Missing, Some("Noah Williams"), false),
            ],
            "{engine}"
        );
        assert_eq!(page.items[1].reference.as_ref(), Some(&bea.reference), "{engine}");
        let counts = view::count_user_views(app, &viewer(), "").await.unwrap().counts;
        for (view, count) in counts {
            let page = view::list_users(app, &viewer(), &users(view)).await.unwrap();
            assert_eq!(Some(page.total), count, "{engine}: {view}");
            let names: Vec<_> = page.items.iter().map(|item| &item.username[..3]).collect();
            let expected: &[&str] = match view {
                UserView::All => &["ann", "bea", "cat"],
                UserView::NoMoodleUser => &["cat"],
                UserView::Suspended => &["ann"],
                UserView::PupilsLeft => &["bea"],
                UserView::NoPupils | UserView::OtherAuth => &[],
            };
            assert_eq!(names, expected, "{engine}: {view}");
        }

        let user = view::show_user(app, &viewer(), "bea@example.org").await.unwrap();
        assert_eq!((user.state, user.links.len(), user.requests.len()), (Some(AccountState::Active), 1, 1), "{engine}");
        assert_eq!(user.requests[0].id, bea.id, "{engine}");
        assert!(user.history.iter().any(|entry| entry.action == "adult.approve"), "{engine}");
        assert_eq!(user.pupils.as_ref().unwrap()[0].name, "Leo Fischer", "{engine}");
        let same = view::show_user(app, &viewer(), &user.adult.to_string()).await.unwrap();
        assert_eq!(same.username, user.username, "{engine}");

        let good = without_moodle(&mut world).await;
        let app = &world.test.app;
        let page = view::list_users(app, &viewer(), &users(UserView::All)).await.unwrap();
        assert!(!page.moodle_known && page.total == 3, "{engine}");
        assert!(page.items.iter().all(|item| item.state == AccountState::Unknown && !item.pupils[0].left), "{engine}");
        let counts = view::count_user_views(app, &viewer(), "").await.unwrap().counts;
        assert!(
            counts.contains(&(UserView::All, Some(3))) && counts.contains(&(UserView::Suspended, None)),
            "{engine}"
        );
        world.test.app.moodle = good;

        let app = &world.test.app;
        let names: Vec<String> = ["bea@example.org", "nobody", "cat@example.org"].map(str::to_owned).to_vec();
        let results = view::revoke_many(app, &administrator(), &names, None, Some("left_school")).await.unwrap();
        let codes: Vec<_> = results
            .iter()
            .map(|row| (&row.username[..3], row.result.as_ref().map_err(|refusal| refusal.code)))
            .collect();
        assert_eq!(codes, [("bea", Ok(&())), ("cat", Ok(&())), ("nob", Err("not_found"))], "{engine}");
        let user = view::show_user(app, &administrator(), &user.adult.to_string()).await.unwrap();
        assert!(!user.has_login_row && user.state.is_none() && !user.links[0].active, "{engine}");
        let revoked = user.history.iter().find(|entry| entry.action == "adult.revoke").unwrap();
        assert_eq!(revoked.detail["reason"], "left_school", "{engine}");
        assert_eq!(world.request(&bea).await.status, Status::Withdrawn, "{engine}");
        let many: Vec<String> = (0..11).map(|number| format!("u{number}")).collect();
        for typed in [None, Some(10), Some(12)] {
            let refused = view::revoke_many(app, &administrator(), &many, typed, None).await.unwrap_err();
            assert!(matches!(refused, ServiceError::Refused { code: "confirm_number", .. }), "{engine}: {typed:?}");
        }
        assert_eq!(view::revoke_many(app, &administrator(), &many, Some(11), None).await.unwrap().len(), 11);
    }
}
