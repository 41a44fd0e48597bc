//! Names, addresses and admission numbers in places where they must never be: logs (at their loudest) and queue messages.
//!
//! A binary of its own, since it listens to everything that this process logs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "a test binary exports nothing")]

#[path = "../it/world.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod world;

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use kinlink_domain::request::Action;
use kinlink_service::{
    approve::Approval,
    confirm,
    cycle::Mode,
    decide::{self, Reason},
    mail,
    questions::{self, Answered},
    status::{find_by_status_token, status_token},
};
use kinlink_testapp::{administrator, family};

use crate::world::{ENGINES, pupil_named, world};

/// Everything that was logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_name_address_or_admission_number_reaches_a_log_or_a_queue_message() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).init();
    for engine in ENGINES {
        let world = world(engine).await;
        let app = &world.test.app;
        // Canaries: an adult whose name and address nobody else has, beside a pupil of the school.
        let pupil = pupil_named("Theo", "Marlow");
        let mut raw = family(
            ("Canaryfirst", "Canarylast", "canary+mail@canary.example"),
            &[(pupil.given, pupil.family, &pupil.tutor_group), ("Canarychild", "Canarykin", "7CANARY")],
        );
        raw.comment = "canarycomment".into();
        let request = world.test.submit(&raw).await;
        assert!(world.approve(&request, &Approval::default()).await.is_err());
        let mut lone = raw.clone();
        lone.children.truncate(1);
        // Asked and answered in words that name a child: both are for two pairs of eyes only.
        let message = Some("Is Canarychild in 7CANARY?".to_owned());
        let reason = Reason { note: Some("canarynote".into()), message, ..Reason::default() };
        let asked = decide::ask(app, &administrator(), request.id, None, &reason).await.unwrap();
        let token = status_token(app, &asked);
        mail::deliver(app, &world.test.school, &mail::Transport::Store, 50, None).await.unwrap();
        find_by_status_token(app, &token).await.unwrap().unwrap();
        let answered = questions::answer(app, &token, "Canarychild Canarykin is in 7CANARY.").await.unwrap();
        assert!(matches!(answered, Answered::Taken(_)));
        let approved = world.approved(&lone).await;
        world.cycle().await;
        world.moodle_cron().await;
        world.cycle().await;
        // What goes wrong is logged, too: an account that cannot be used, a duplicate user name, Moodle without its role.
        world.meddle("UPDATE mdl_user SET auth = 'manual' WHERE email LIKE 'canary%'").await;
        world.run(Mode::Full).await.unwrap();
        world.meddle("UPDATE mdl_role SET shortname = 'gone' WHERE shortname = 'parent'").await;
        assert!(world.run(Mode::Jobs).await.is_err());
        decide::end(app, &administrator(), request.id, None, Action::Deny, &Reason::default()).await.unwrap();
        decide::end(app, &administrator(), approved.id, None, Action::Deny, &Reason::default()).await.unwrap();
        mail::deliver(app, &world.test.school, &mail::Transport::Store, 50, None).await.unwrap();
        confirm::confirm(app, "no such token").await.unwrap();

        let logged = String::from_utf8_lossy(&log.0.lock().unwrap()).to_lowercase();
        assert!(logged.contains("cycle done") && logged.contains("cycle failed"), "{engine}: the log was caught");
        let messages: Vec<(String,)> =
            world.test.store.db.fetch_all("SELECT body FROM queue_messages", []).await.unwrap();
        let audit: Vec<(String,)> = world.test.store.db.fetch_all("SELECT detail FROM audit", []).await.unwrap();
        let reports: Vec<(Option<String>, Option<String>)> =
            world.test.store.db.fetch_all("SELECT report, fault FROM cycles", []).await.unwrap();
        let kept = format!("{messages:?}{audit:?}{reports:?}").to_lowercase();
        let number = pupil.admission_number.to_lowercase();
        assert!(!logged.contains(&token.to_lowercase()), "{engine}: the link of the status page is in the log");
        for secret in ["canary", "marlow", number.as_str()] {
            assert!(!logged.contains(secret), "{engine}: {secret:?} is in the log");
            assert!(!kept.contains(secret), "{engine}: {secret:?} is in a message, the audit or a report");
        }
    }
}
