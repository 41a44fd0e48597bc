//! Defects put in on purpose: to see that the oracle notices each, and by which promise.
//!
//! Three kinds: a statement that is skipped while the product believes that it ran or that it found nothing (the script of
//! `kinlink-db` does that, no product code knows of it), something that is done behind everybody's back between two steps, and
//! answers that are not true.

use anyhow::Result;
use kinlink_db::{
    Value,
    script::{At, Verdict},
};

use crate::{acts::Answer, model::Seen, oracle::Promise, world::World};

/// A defect.
#[derive(Debug, Clone, Copy)]
pub struct Sabotage {
    /// What is wrong, in words.
    pub name: &'static str,
    /// The promises of which one must be found broken.
    pub breaks: &'static [Promise],
    /// How.
    how: How,
}

#[derive(Debug, Clone, Copy)]
enum How {
    /// Statements on the store (or else on Moodle) that begin so and hold that are skipped, said to be for so many rows.
    Skip { on_store: bool, begins: &'static str, holds: &'static str, rows: u64 },
    /// Every few steps this is done to the store (or else to Moodle).
    Do { on_store: bool, sql: &'static str },
    /// Whoever clicks is told that it was refused, though it was done.
    Refuse,
}

const fn skip(
    name: &'static str,
    breaks: &'static [Promise],
    on_store: bool,
    begins: &'static str,
    holds: &'static str,
    rows: u64,
) -> Sabotage {
    Sabotage { name, breaks, how: How::Skip { on_store, begins, holds, rows } }
}

const fn also(name: &'static str, breaks: &'static [Promise], on_store: bool, sql: &'static str) -> Sabotage {
    Sabotage { name, breaks, how: How::Do { on_store, sql } }
}

/// Every defect that is tried.
pub const ALL: &[Sabotage] = &[
    skip("no dirty flag is renewed or made", &[Promise::SessionsTold], false, "", "mdl_cache_flags", 1),
    skip("role rows are not deleted", &[Promise::TakenAway], false, "DELETE", "mdl_role_assignments", 1),
    skip(
        "role rows are not inserted",
        &[Promise::Converges, Promise::NothingHidden],
        false,
        "INSERT",
        "mdl_role_assignments",
        1,
    ),
    skip("sessions are not ended", &[Promise::SessionsEnd], false, "DELETE", "mdl_sessions", 1),
    skip("contexts are not mended", &[Promise::Converges], false, "UPDATE", "mdl_context", 1),
    skip("the ledger notes nothing", &[Promise::LedgerKnows], true, "INSERT", "INTO ledger", 1),
    skip("the ledger forgets no removal", &[Promise::LedgerKnows], true, "UPDATE ledger SET state = 'removed'", "", 1),
    skip("login rows are not deleted", &[Promise::LoginRows], true, "DELETE", "login_rows", 1),
    skip("login rows are not made", &[Promise::LoginRows], true, "INSERT", "INTO login_rows", 1),
    skip("links are not ended", &[Promise::TakenAway], true, "UPDATE links SET active = 0", "", 1),
    skip(
        "jobs are not stored",
        &[Promise::Converges, Promise::TakenAway, Promise::SessionsEnd],
        true,
        "INSERT",
        "INTO jobs",
        1,
    ),
    skip("decisions are not stored", &[Promise::NothingLost, Promise::Audited], true, "INSERT", "INTO decisions", 1),
    skip("the audit is not written", &[Promise::Audited], true, "INSERT", "INTO audit (", 1),
    skip("idempotency keys are not stored", &[Promise::DecidedOnce], true, "INSERT", "INTO idempotency_keys", 1),
    also(
        "a row that nobody approved",
        &[Promise::OnlyApproved],
        false,
        "INSERT INTO mdl_role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder) \
         SELECT 9, contextid, 4, 1, 2, 'local_kinlink', itemid, 0 FROM mdl_role_assignments WHERE component = 'local_kinlink' \
         AND itemid > 0",
    ),
    also(
        "a role over somebody who is no pupil",
        &[Promise::OnlyPupils],
        false,
        "UPDATE mdl_role_assignments SET contextid = (SELECT id FROM mdl_context WHERE contextlevel = 30 AND instanceid = 5) \
         WHERE component = 'local_kinlink' AND itemid > 0",
    ),
    also(
        "a foreign row is removed",
        &[Promise::ForeignUntouched],
        false,
        "DELETE FROM mdl_role_assignments WHERE component = 'tool_cohortroles' OR userid = 28",
    ),
    also(
        "a foreign row is touched",
        &[Promise::ForeignUntouched],
        false,
        "UPDATE mdl_role_assignments SET timemodified = timemodified + 1 WHERE component = ''",
    ),
    also(
        "a row is doubled",
        &[Promise::NoDouble],
        false,
        "INSERT INTO mdl_role_assignments (roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder) \
         SELECT roleid, contextid, userid, timemodified, modifierid, component, itemid, sortorder FROM mdl_role_assignments \
         WHERE component = 'local_kinlink'",
    ),
    also("a session of somebody else ends", &[Promise::SessionsEnd], false, "DELETE FROM mdl_sessions"),
    also("the auth table is emptied", &[Promise::NeverEmpty, Promise::LoginRows], true, "DELETE FROM login_rows"),
    also("requests are deleted", &[Promise::NothingLost], true, "DELETE FROM requests"),
    also("what came is rewritten", &[Promise::NothingLost], true, "UPDATE requests SET submitted = '{}'"),
    also("the ledger is emptied", &[Promise::LedgerKnows], true, "DELETE FROM ledger"),
    also("a removal is swallowed", &[Promise::TakenAway], true, "UPDATE links SET active = 1"),
    also(
        "a decision is doubled",
        &[Promise::DecidedOnce, Promise::Audited],
        true,
        "INSERT INTO decisions (id, request_id, claim_id, actor, action, made_at) SELECT CONCAT(id, '+'), request_id, claim_id, \
         actor, action, made_at FROM decisions WHERE id NOT LIKE '%+'",
    ),
    also(
        "an entry of the audit is altered",
        &[Promise::Audited],
        true,
        "UPDATE audit SET detail = '{\"altered\":true}' WHERE seq = 3",
    ),
    also(
        "jobs are said to be done",
        &[Promise::Converges, Promise::TakenAway, Promise::SessionsEnd],
        true,
        "UPDATE jobs SET state = 'done'",
    ),
    also("a name stands on the queue", &[Promise::NoNames], true, "UPDATE queue_messages SET body = 'for Killick'"),
    also(
        "letters name a child",
        &[Promise::Letters],
        true,
        "UPDATE adults SET given_name = 'Amelia', family_name = 'Turner'",
    ),
    also(
        "another pupil is approved than the claim names",
        &[Promise::NoGuessing],
        true,
        "UPDATE decisions SET pupil_id = pupil_id + 1 WHERE pupil_id IS NOT NULL AND action = 'approve'",
    ),
    Sabotage { name: "what is done is said to be refused", breaks: &[Promise::RefusedIsRefused], how: How::Refuse },
    skip("nobody notes that a pupil left", &[Promise::Leavers], true, "INSERT", "INTO leavers", 1),
    also("whoever left did so long ago", &[Promise::Leavers], true, "UPDATE leavers SET since = 0"),
    skip("the names of the erased stay", &[Promise::Erased], true, "UPDATE adults SET title = NULL", "erased_at", 1),
    skip("what the erased sent stays", &[Promise::Erased], true, "UPDATE requests SET title = NULL", "erased_at", 1),
    skip("mails to the erased stay", &[Promise::Erased], true, "DELETE FROM mails", "", 1),
    also(
        "an address is changed that nobody proved",
        &[Promise::Addresses],
        true,
        "UPDATE adults SET email = CONCAT('x', email) WHERE email NOT LIKE 'x%' AND username IS NOT NULL",
    ),
    skip("login rows keep the old address", &[Promise::Addresses], true, "UPDATE login_rows SET email", "", 1),
    also(
        "a plan is never stale",
        &[Promise::Plans],
        true,
        "UPDATE plans SET begun_at = 4000000000000 WHERE begun_at IS NULL",
    ),
    also(
        "somebody else has always asked for a plan",
        &[Promise::Plans],
        true,
        "UPDATE plans SET asked_by = 'head:nobody', asked_at = 1 WHERE asked_by IS NULL AND admitted_at IS NULL",
    ),
    skip("nobody counts what is put back", &[Promise::Contested], true, "INSERT", "INTO put_backs", 1),
    skip("nobody knows the address of staff", &[Promise::OthersDecide], true, "SELECT", "FROM staff WHERE id", 0),
    also(
        "what is old looks new",
        &[Promise::Forgets],
        true,
        "UPDATE requests SET updated_at = 4000000000000 WHERE updated_at < 4000000000000",
    ),
];

impl Sabotage {
    /// What is said at a point instead of doing it.
    #[must_use]
    pub fn verdict(&self, on_store: bool, at: &At) -> Option<Verdict> {
        let How::Skip { on_store: there, begins, holds, rows } = self.how else { return None };
        match at {
            At::Statement(sql) if there == on_store && (begins == "SELECT" || !sql.starts_with("SELECT")) => {
                (sql.starts_with(begins) && sql.contains(holds)).then_some(Verdict::Skip(rows))
            }
            _ => None,
        }
    }

    /// What somebody is told who clicked.
    #[must_use]
    pub fn answer(&self, answer: Answer) -> Answer {
        match (self.how, answer) {
            (How::Refuse, Answer::Done) => Answer::Refused("it cannot be done".to_owned()),
            (_, answer) => answer,
        }
    }

    /// What is done behind everybody's back after a step.
    ///
    /// # Errors
    /// The database.
    pub async fn after_step(&self, world: &World, number: usize, seen: &Seen) -> Result<()> {
        let How::Do { on_store, sql } = self.how else { return Ok(()) };
        // Late enough that there is something to harm.
        if number % 5 == 4 || seen.ours().count() > 2 {
            let db = if on_store { &world.store } else { &world.moodle };
            db.execute(sql, Vec::<Value>::new()).await?;
        }
        Ok(())
    }
}
