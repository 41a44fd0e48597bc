//! Many approved people at once, by multi-row inserts: what statement counts, the kill test and the benchmark start from.
//!
//! Two adults share a family's two pupils, so there are as many pupils as adults and twice as many links. Every id is
//! computed from a position. What does not live here: the school around them (`kinlink_moodle::demo`).

use anyhow::Result;
use kinlink_db::{Db, Engine, Session, Value, insert_many};
use kinlink_domain::{
    Timestamp,
    ids::{AdultId, Id, JobId, RequestId},
    reference::Reference,
};

/// `user.id` of the first pupil of a crowd; the others follow.
pub const FIRST_PUPIL: i64 = 1_000_000;
/// `user.id` of the first adult's account.
pub const FIRST_ACCOUNT: i64 = 2_000_000;
/// How far a user's `context.id` is from their `user.id`.
const CONTEXT_AHEAD: i64 = 5_000_000;

/// How many people, and what is odd about them.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    /// Adults, each with two links.
    pub people: usize,
    /// Whether one pupil in ten lacks their context, and one in ten has a context without path.
    pub gaps: bool,
}

fn position(index: usize) -> i64 {
    i64::try_from(index).expect("a crowd that fits in memory")
}

/// The id of the `index`-th thing of a kind.
fn id<Of>(kind: u8, now: Timestamp, index: usize) -> Id<Of> {
    let mut bytes = [0, kind, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes[6..].copy_from_slice(&u32::try_from(index).expect("a crowd that fits in memory").to_be_bytes());
    Id::new(u64::try_from(now.as_millisecond()).unwrap_or_default(), &bytes)
}

fn text(value: &str) -> Value {
    Value::from(value)
}

impl Crowd {
    /// The positions of the two pupils of an adult.
    fn pupils_of(self, adult: usize) -> [usize; 2] {
        let first = adult / 2 * 2;
        // The last adult of an odd number shares the first family's second pupil.
        [first, if first + 1 < self.people { first + 1 } else { 1 }]
    }

    /// Puts pupils and accounts into Moodle, and approved requests with due jobs into the store.
    ///
    /// # Errors
    /// The databases.
    pub async fn settle_in(self, store: &Db, moodle: &Db, now: Timestamp) -> Result<()> {
        self.into_moodle(moodle).await?;
        self.into_store(store, now).await
    }

    async fn into_moodle(self, moodle: &Db) -> Result<()> {
        let mut tx = moodle.begin().await?;
        let user = |id: i64, auth: &str, name: String, idnumber: String| -> [Value; 10] {
            [
                id.into(),
                text(auth),
                1.into(),
                1.into(),
                name.as_str().into(),
                idnumber.into(),
                text("Given"),
                format!("Family{id}").into(),
                format!("{name}@crowd.example.org").into(),
                text("en"),
            ]
        };
        let pupils = (0..self.people)
            .map(|i| user(FIRST_PUPIL + position(i), "manual", format!("pupil{i}"), format!("C{i:06}")))
            .collect();
        let accounts = (0..self.people)
            .map(|i| user(FIRST_ACCOUNT + position(i), "db", format!("crowd{i}@example.org"), String::new()))
            .collect();
        let insert = "INSERT INTO mdl_user (id, auth, confirmed, mnethostid, username, idnumber, firstname, lastname, email, lang)";
        insert_many(&mut tx, insert, pupils, "").await?;
        insert_many(&mut tx, insert, accounts, "").await?;
        let context = |user: i64, broken: bool| -> [Value; 6] {
            let id = user + CONTEXT_AHEAD;
            let (path, depth) = if broken { (None, 0_i64) } else { (Some(format!("/1/{id}")), 2) };
            [id.into(), 30.into(), user.into(), path.into(), depth.into(), 0.into()]
        };
        let contexts = (0..self.people)
            .filter(|i| !self.gaps || i % 10 != 0)
            .map(|i| context(FIRST_PUPIL + position(i), self.gaps && i % 10 == 1))
            .chain((0..self.people).map(|i| context(FIRST_ACCOUNT + position(i), false)))
            .collect();
        let insert = "INSERT INTO mdl_context (id, contextlevel, instanceid, path, depth, locked)";
        insert_many(&mut tx, insert, contexts, "").await?;
        renumber(&mut tx, &["mdl_user", "mdl_context"]).await?;
        Ok(tx.commit().await?)
    }

    #[expect(clippy::too_many_lines, reason = "one statement a table, in the order in which they refer to each other")]
    async fn into_store(self, store: &Db, now: Timestamp) -> Result<()> {
        let (at, people) = (now.as_millisecond(), 0..self.people);
        let mut tx = store.begin().await?;
        let email = |i: usize| format!("crowd{i}@example.org");
        let adult = |i: usize| id::<kinlink_domain::ids::of::Adult>(1, now, i).to_string();
        let request = |i: usize| id::<kinlink_domain::ids::of::Request>(2, now, i).to_string();
        let claim = |i: usize| id::<kinlink_domain::ids::of::Claim>(3, now, i).to_string();
        let reference = |i: usize| {
            let mut bytes = [0_u8; 8];
            let mut rest = i;
            for byte in &mut bytes {
                *byte = u8::try_from(rest % 30).unwrap_or_default();
                rest /= 30;
            }
            Reference::from_random(bytes)
        };
        let rows = people.clone().map(|i| -> [Value; 22] {
            [
                request(i).into(),
                reference(i).as_str().into(),
                text("new_account"),
                text("approved"),
                text("en"),
                adult(i).into(),
                text("Given"),
                format!("Family{i}").into(),
                email(i).into(),
                email(i).into(),
                text(""),
                text("[]"),
                text("{}"),
                text(""),
                text(""),
                format!("family{i} given").into(),
                at.into(),
                at.into(),
                at.into(),
                at.into(),
                1.into(),
                Value::Text(None),
            ]
        });
        let insert = "INSERT INTO requests (id, reference, kind, status, locale, adult_id, given_name, family_name, email, \
                      email_typed, comment_text, faults, submitted, staff_note, search_text, sort_name, created_at, \
                      updated_at, confirmed_at, decided_at, version, title)";
        insert_many(&mut tx, insert, rows.collect(), "").await?;
        let rows = people.clone().map(|i| -> [Value; 8] {
            [
                adult(i).into(),
                text("Given"),
                format!("Family{i}").into(),
                format!("family{i} given").into(),
                email(i).into(),
                text("en"),
                email(i).into(),
                at.into(),
            ]
        });
        let insert = "INSERT INTO adults (id, given_name, family_name, sort_name, email, locale, username, created_at)";
        insert_many(&mut tx, insert, rows.collect(), "").await?;
        let rows = people.clone().map(|i| -> [Value; 9] {
            [
                email(i).into(),
                text("Given"),
                format!("Family{i}").into(),
                email(i).into(),
                text("Parent or carer account"),
                text("en"),
                request(i).into(),
                adult(i).into(),
                at.into(),
            ]
        });
        let insert = "INSERT INTO login_rows (username, firstname, lastname, email, description, lang, request_id, adult_id, \
                      created_at)";
        insert_many(&mut tx, insert, rows.collect(), "").await?;
        let links = || {
            people
                .clone()
                .flat_map(move |i| self.pupils_of(i).into_iter().zip(0_usize..).map(move |(p, at)| (i, p, at)))
        };
        let rows = links().map(|(i, pupil, place)| -> [Value; 6] {
            let number = i * 2 + place;
            [
                position(number + 1).into(),
                adult(i).into(),
                (FIRST_PUPIL + position(pupil)).into(),
                claim(number).into(),
                1.into(),
                at.into(),
            ]
        });
        let insert = "INSERT INTO links (id, adult_id, pupil_id, claim_id, active, started_at)";
        insert_many(&mut tx, insert, rows.collect(), "").await?;
        let rows = links().map(|(i, pupil, place)| -> [Value; 8] {
            let number = i * 2 + place;
            [
                claim(number).into(),
                request(i).into(),
                position(place).into(),
                text("Given"),
                format!("Family{pupil}").into(),
                text("approved"),
                (FIRST_PUPIL + position(pupil)).into(),
                position(number + 1).into(),
            ]
        });
        let insert = "INSERT INTO claims (id, request_id, position, given_name, family_name, state, pupil_id, link_id)";
        insert_many(&mut tx, insert, rows.collect(), "").await?;
        self.jobs(&mut tx, 4, 1, now).await?;
        renumber(&mut tx, &["links"]).await?;
        Ok(tx.commit().await?)
    }

    async fn jobs(self, session: &mut impl Session, kind: u8, priority: i64, now: Timestamp) -> Result<()> {
        let at = now.as_millisecond();
        let rows = (0..self.people).map(|i| -> [Value; 8] {
            let job: JobId = id(kind, now, i);
            let (adult, request): (AdultId, RequestId) = (id(1, now, i), id(2, now, i));
            [
                job.to_string().into(),
                adult.to_string().into(),
                request.to_string().into(),
                text("ready"),
                priority.into(),
                0.into(),
                at.into(),
                at.into(),
            ]
        });
        let insert = "INSERT INTO jobs (id, adult_id, request_id, state, priority, attempts, available_at, created_at)";
        insert_many(session, insert, rows.collect(), "").await?;
        Ok(())
    }

    /// Takes everything away again: links end, login rows go, one job a person, everybody has an open session. Call it
    /// with the moment at which the crowd came.
    ///
    /// # Errors
    /// The databases.
    pub async fn leave(self, store: &Db, moodle: &Db, came: Timestamp) -> Result<()> {
        let mut tx = moodle.begin().await?;
        let rows = (0..self.people).map(|i| -> [Value; 5] {
            [0.into(), format!("sid{i}").into(), (FIRST_ACCOUNT + position(i)).into(), 1.into(), 1.into()]
        });
        let insert = "INSERT INTO mdl_sessions (state, sid, userid, timecreated, timemodified)";
        insert_many(&mut tx, insert, rows.collect(), "").await?;
        tx.commit().await?;
        let mut tx = store.begin().await?;
        tx.execute(
            "UPDATE links SET active = 0, ended_at = ?, end_reason = 'withdrawn'",
            [came.as_millisecond().into()],
        )
        .await?;
        tx.execute("UPDATE claims SET state = 'withdrawn'", []).await?;
        tx.execute("UPDATE requests SET status = 'withdrawn'", []).await?;
        let adults: Vec<AdultId> = (0..self.people).map(|i| id(1, came, i)).collect();
        for chunk in adults.chunks(1_000) {
            kinlink_store::accounts::delete_login_rows(&mut tx, chunk, came).await?;
        }
        self.jobs(&mut tx, 5, 0, came).await?;
        Ok(tx.commit().await?)
    }
}

/// PostgreSQL's sequences do not notice ids that a statement chose itself.
async fn renumber(session: &mut impl Session, tables: &[&str]) -> Result<()> {
    if session.engine() == Engine::Postgres {
        for table in tables {
            let sql = format!("SELECT setval(pg_get_serial_sequence(?, 'id'), (SELECT MAX(id) FROM {table}))");
            session.execute(&sql, [text(table)]).await?;
        }
    }
    Ok(())
}
