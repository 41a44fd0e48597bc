//! The provisioner function: one typed event, one answer. Scheduled, or invoked by hand with the same event.
//!
//! `{"action":"cycle"}` is what the schedule sends; the other actions are for people and deployments. What each does lives
//! in the crate `service`; this only reads the event, calls, and shapes the answer.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use kinlink_domain::{
    Timestamp,
    plan_row::PlanRow,
    staff::{Actor, StaffRole},
};
use kinlink_service::{
    App, ServiceError,
    cycle::{self, Mode, Ran},
    doctor, explain, housekeeping, mail,
    mail::{School, Transport},
    plans,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Mails that one invocation sends at most; the next one goes on.
const MAILS: u32 = 200;

/// The answer to an event that does not fit.
const UNKNOWN_EVENT: &str =
    "this is no event of the provisioner; see its documentation for the actions and their fields";

/// What the provisioner is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// Do what is due.
    Cycle {
        /// Make every job due now, also those that were given up.
        #[serde(default)]
        retry: bool,
    },
    /// Compare everybody and put right what differs.
    Reconcile {},
    /// Show what a reconciliation would write, row by row.
    Plan {
        /// Keep the plan.
        #[serde(default)]
        keep: bool,
    },
    /// Write exactly a plan, also where the brake holds it. What the brake holds needs a second person; whoever invokes the
    /// function counts as one.
    Apply {
        /// The plan's digest or id, as `plan` gave it.
        digest: String,
    },
    /// Look at everything that a cycle relies on.
    Doctor {},
    /// Why an adult does not see a pupil.
    Explain {
        /// The adult: id, user name or address.
        adult: String,
        /// The pupil: Moodle user id, admission number or name.
        pupil: String,
    },
    /// Forget what has run out: sessions, keys, quotas, requests whose address nobody proved.
    Tidy {},
    /// Bring our database's schema up to date.
    Migrate {},
}

/// What the function works with.
#[derive(Clone)]
pub struct Provisioner {
    /// The application.
    pub app: App,
    /// For the texts of mails.
    pub school: School,
    /// Where mails go.
    pub transport: Transport,
}

impl Provisioner {
    /// Does what an event asks for, as it comes from outside. Panics are answered, too.
    ///
    /// # Errors
    /// What stopped it, in words that may be logged and passed on: nothing of the event, and nothing that a panic said.
    pub async fn answer(&self, event: Value, deadline: Option<Timestamp>) -> Result<Value, String> {
        // What serde says of an event that does not fit repeats parts of it; an `explain` names people.
        let event = Event::deserialize(event).map_err(|_| UNKNOWN_EVENT.to_owned())?;
        match AssertUnwindSafe(Box::pin(self.handle(event, deadline))).catch_unwind().await {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(_) => Err("a panic; the log says where".to_owned()),
        }
    }

    /// Does what an event asks for; the answer is JSON. Whoever may invoke the function may do all of it: that right is
    /// given by AWS, not by a token of ours.
    ///
    /// # Errors
    /// What stopped it; Lambda then counts a failed invocation.
    pub async fn handle(&self, event: Event, deadline: Option<Timestamp>) -> Result<Value, ServiceError> {
        let actor = Actor { name: "lambda:invoke".into(), role: Some(StaffRole::Administrator) };
        let app = &self.app;
        match event {
            Event::Cycle { retry } => {
                if retry {
                    cycle::revive(app, &actor, None).await?;
                }
                self.run(&Actor::system(), Mode::Jobs, deadline).await
            }
            Event::Reconcile {} => self.run(&Actor::system(), Mode::Full, deadline).await,
            Event::Apply { digest } => self.run(&actor, Mode::Apply(digest), deadline).await,
            Event::Plan { keep: true } => {
                let plan = plans::make(app, &actor).await?;
                let rows = plans::rows(app, &actor, plan.id, None, 0, u64::MAX).await?;
                let rows: Vec<String> = rows.iter().map(PlanRow::line).collect();
                Ok(json!({ "plan": plan.id, "digest": plan.digest, "rows": rows }))
            }
            Event::Plan { keep: false } => {
                let (plan, digest) = cycle::plan(app, &actor).await?;
                Ok(json!({ "digest": digest, "rows": plan.lines().collect::<Vec<_>>() }))
            }
            Event::Doctor {} => {
                let diagnosis = doctor::examine(app, &actor).await?;
                Ok(json!({ "level": diagnosis.worst(), "findings": diagnosis.findings }))
            }
            Event::Explain { adult, pupil } => {
                let adult = explain::find_adult(app, &actor, &adult).await?;
                let pupil = explain::find_pupil(app, &actor, &pupil).await?;
                Ok(json!(explain::explain(app, &actor, adult, pupil).await?))
            }
            Event::Tidy {} => Ok(json!({ "tidied": housekeeping::tidy(app).await? })),
            Event::Migrate {} => {
                app.migrate().await?;
                Ok(json!({ "migrated": true }))
            }
        }
    }

    async fn run(&self, actor: &Actor, mode: Mode, deadline: Option<Timestamp>) -> Result<Value, ServiceError> {
        // Boxed: a cycle's future is large, and nothing here is so short that one allocation counts.
        let ran = Box::pin(cycle::run(&self.app, actor, mode, deadline, &|_| {})).await;
        // Mails do not depend on Moodle: a Moodle that is down must not keep parents from their links.
        let mails = mail::deliver(&self.app, &self.school, &self.transport, MAILS, deadline).await?;
        Ok(match ran? {
            Ran::Busy => json!({ "busy": true, "mails": mails }),
            Ran::Done(report) => json!({ "report": report, "mails": mails }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Event;

    #[test]
    fn events_read_as_they_are_documented() {
        for (json, event) in [
            (r#"{"action":"cycle"}"#, Event::Cycle { retry: false }),
            (r#"{"action":"cycle","retry":true}"#, Event::Cycle { retry: true }),
            (r#"{"action":"reconcile"}"#, Event::Reconcile {}),
            (r#"{"action":"plan"}"#, Event::Plan { keep: false }),
            (r#"{"action":"plan","keep":true}"#, Event::Plan { keep: true }),
            (r#"{"action":"apply","digest":"abc"}"#, Event::Apply { digest: "abc".into() }),
            (r#"{"action":"doctor"}"#, Event::Doctor {}),
            (r#"{"action":"tidy"}"#, Event::Tidy {}),
            (r#"{"action":"migrate"}"#, Event::Migrate {}),
        ] {
            assert_eq!(serde_json::from_str::<Event>(json).unwrap(), event, "{json}");
        }
        for bad in [r"{}", r#"{"action":"destroy"}"#, r#"{"action":"apply"}"#, r#"{"action":"cycle","force":1}"#] {
            assert!(serde_json::from_str::<Event>(bad).is_err(), "{bad}");
        }
    }
}
