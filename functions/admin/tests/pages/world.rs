//! An office in which something has happened: an adult with access, a child that nobody knows, a run, a job that was given up.

use kinlink_domain::{hold::HoldReason, staff::Actor};
use kinlink_service::{
    approve::{Approval, Checks, approve},
    cycle::{self, Mode, Ran},
    holds::{self, NewHold},
    plans,
    view::{Request, list_cycles},
};
use kinlink_testapp::{administrator, family};

use crate::staff::{Office, office};

/// The office, and what its pages are about.
pub(crate) struct World {
    pub(crate) office: Office,
    /// Mrs Turner's request, which is approved.
    pub(crate) turner: Request,
    /// Her id.
    pub(crate) adult: String,
    /// Her child in Moodle.
    pub(crate) amelia: i64,
    /// The run that looked at her.
    pub(crate) cycle: String,
    /// A hold on somebody who has not asked.
    pub(crate) hold: String,
    /// A plan that would take a role away that was nobody's. It does not hold any more.
    pub(crate) plan: String,
    /// Mrs Jones's request: two pupils have her child's name.
    pub(crate) jones: Request,
}

pub(crate) async fn world() -> World {
    let office = office().await;
    let turner = office.turner(&[("Amelia", "Turner", "7KL")]).await;
    let turner = office.approve(&turner).await;
    office.run(Mode::Jobs).await;
    let cycle = list_cycles(&office.kinlink.app, &administrator(), None, 1).await.unwrap().items[0].id.to_string();
    let jones = office.kinlink.submit(&family(("Cat", "Jones", "cat.jones@example.org"), &[EMILY])).await;
    let adult = office.text("SELECT id FROM adults").await;
    let amelia = office.number("SELECT pupil_id FROM links").await;
    let hold = NewHold {
        adult: None,
        email: Some("held@example.org".into()),
        pupil: None,
        reason: HoldReason::CourtOrder,
        reference: "C-17/2026".into(),
        from: None,
        until: None,
    };
    let hold = holds::place(&office.kinlink.app, &administrator(), &hold).await.unwrap().id.to_string();
    office.stray(900..901).await;
    let plan = plans::make(&office.kinlink.app, &administrator()).await.unwrap().id.to_string();
    office.meddle_in_moodle("DELETE FROM mdl_role_assignments WHERE itemid = 900").await;
    World { office, turner, adult, amelia, cycle, hold, plan, jones }
}

/// Two pupils of this name are in this tutor group.
pub(crate) const EMILY: (&str, &str, &str) = ("Emily", "Jones", "8MB");

impl World {
    /// Every address that is read, with its heading and whether it is for administrators alone.
    pub(crate) fn pages(&self) -> Vec<(String, &'static str, bool)> {
        vec![
            ("/admin/users".into(), "Authorised users", false),
            ("/admin/users?view=pupils_left&q=turner&page=2".into(), "Authorised users", false),
            (format!("/admin/users/{}", self.adult), "Rachel Turner", false),
            ("/admin/leavers".into(), "Leavers", false),
            ("/admin/matching".into(), "Pupil matching", false),
            ("/admin/explain".into(), "Why can’t they see their child?", false),
            (
                format!("/admin/explain?adult={}&pupil={}", self.adult, self.amelia),
                "Why can’t they see their child?",
                false,
            ),
            ("/admin/explain?parent=jones&child=emily".into(), "Why can’t they see their child?", false),
            ("/admin/cycles".into(), "Provisioning cycles", false),
            (format!("/admin/cycles/{}", self.cycle), "Cycle", false),
            (format!("/admin/cycles/{}?show=all", self.cycle), "Cycle", false),
            ("/admin/plans".into(), "Plans", false),
            (format!("/admin/plans/{}", self.plan), "Plan", false),
            (format!("/admin/plans/{}?reason=stray", self.plan), "Plan", false),
            (format!("/admin/plans/{0}/comparison?with={0}", self.plan), "Compare two plans", false),
            ("/admin/reconciliation".into(), "Comparison with Moodle", false),
            ("/admin/reconciliation?view=left_alone".into(), "Comparison with Moodle", false),
            ("/admin/health".into(), "Health", false),
            ("/admin/help".into(), "Help", false),
            ("/admin/settings".into(), "Settings", true),
            ("/admin/tokens".into(), "Tokens and forms", true),
            ("/admin/audit".into(), "Audit", true),
            ("/admin/privacy".into(), "Privacy", true),
            ("/admin/privacy?pupil=turner".into(), "Privacy", true),
            (format!("/admin/privacy/adults/{}", self.adult), "Copy or erase personal data", true),
            (format!("/admin/privacy/pupils/{}", self.amelia), "Copy a pupil’s personal data", true),
        ]
    }

    /// Every address that only safeguarding reads, with its heading.
    pub(crate) fn safeguarding_pages(&self) -> Vec<(String, &'static str)> {
        vec![
            ("/admin/holds".into(), "Holds"),
            ("/admin/holds?view=over".into(), "Holds"),
            ("/admin/holds/new".into(), "Place a hold"),
            (format!("/admin/holds/new?adult={}", self.adult), "Place a hold"),
            (format!("/admin/holds/{}", self.hold), "Hold"),
        ]
    }

    /// Every address that is read and answered by something else than a whole page; those for administrators alone.
    pub(crate) fn parts(&self) -> Vec<(String, bool)> {
        vec![
            ("/admin".into(), false),
            (format!("/admin/cycles/{}/progress", self.cycle), false),
            ("/admin/audit/export.csv".into(), true),
        ]
    }
}

impl Office {
    /// Approves with every check made.
    pub(crate) async fn approve(&self, request: &Request) -> Request {
        let approval = Approval { checks: Checks::ALL, ..Approval::default() };
        approve(&self.kinlink.app, &administrator(), request.id, None, &approval).await.unwrap()
    }

    /// Lets the provisioner run.
    pub(crate) async fn run(&self, mode: Mode) {
        let ran = cycle::run(&self.kinlink.app, &Actor::system(), mode, None, &|_| {}).await.unwrap();
        assert!(matches!(ran, Ran::Done(_)));
    }

    /// A text of the store.
    pub(crate) async fn text(&self, sql: &str) -> String {
        let row: Option<(String,)> = self.kinlink.store.db.fetch_optional(sql, []).await.unwrap();
        row.unwrap().0
    }

    /// A number of the store.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let row: Option<(i64,)> = self.kinlink.store.db.fetch_optional(sql, []).await.unwrap();
        row.unwrap().0
    }

    /// Changes something in the store behind everybody's back.
    pub(crate) async fn meddle(&self, sql: &str) {
        self.kinlink.store.db.execute(sql, []).await.unwrap();
    }

    /// Changes something in Moodle's database, as an administrator or another program would.
    pub(crate) async fn meddle_in_moodle(&self, sql: &str) {
        self.kinlink.moodle.db.execute(sql, []).await.unwrap();
    }

    /// Rows in Moodle that are marked as ours and are nobody's, with these numbers: what a plan takes away.
    pub(crate) async fn stray(&self, items: std::ops::Range<i64>) {
        for item in items {
            let row = format!(
                "INSERT INTO mdl_role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, \
                 sortorder) VALUES (9, 40, 5, 1, 2, 'local_kinlink', {item}, 0)"
            );
            self.meddle_in_moodle(&row).await;
        }
    }

    /// People with access who have one child each.
    pub(crate) async fn crowd(&self, people: std::ops::Range<usize>) {
        for number in people {
            let email = format!("parent{number:03}@example.org");
            let child = ("Amelia", "Turner", "7KL");
            let raw = family((&format!("Parent{number:03}"), "Crowd", &email), &[child]);
            self.approve(&self.kinlink.submit(&raw).await).await;
        }
    }
}
