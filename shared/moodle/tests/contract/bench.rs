//! A Moodle to look at and to write to, and what the checks put into it. No check lives here.

use std::collections::{BTreeMap, BTreeSet};

use kinlink_db::{Connection, Engine, Int, Session as _, Value};
use kinlink_domain::{
    adoption::Change,
    ids::{ContextId, MoodleUserId, RoleId},
    plan::{Addition, DesiredRole, Place, Plan},
    policy::Policy,
    reason::Reason,
};
use kinlink_moodle::{
    MoodleError, Prefix, adoption,
    apply::{self, Signature},
    demo, pupils, schema,
    site::{self, Site},
    tasks,
};
use kinlink_testkit::{TestDb, fresh, moodle_dump};

pub const OURS: &str = "local_kinlink";

/// A Moodle to look at and to write to.
pub struct Bench {
    pub test: TestDb,
    pub prefix: Prefix,
    pub connection: Connection,
    /// How it is named when a check fails.
    pub name: String,
    pub people: i64,
}

impl Bench {
    pub async fn open(test: TestDb, prefix: Prefix, kind: &str) -> Self {
        let name = format!("{} with {prefix} ({kind})", test.engine());
        let connection = test.db.acquire().await.unwrap();
        let mut bench = Self { test, prefix, connection, name, people: 0 };
        // Both kinds get a course, which is a context that nobody may be given a static role in.
        bench.run("INSERT INTO {p}context (contextlevel, instanceid, path, depth, locked) VALUES (50, 990, '/1/990', 2, 0)", []).await;
        bench
    }

    pub async fn ours(engine: Engine, prefix: &str) -> Self {
        let (test, prefix) = (fresh(engine).await, Prefix::parse(prefix).unwrap());
        schema::create(&test.db, &prefix).await.unwrap();
        demo::fill(&test.db, &prefix).await.unwrap();
        Self::open(test, prefix, "our tables").await
    }

    /// The real Moodle's; `None` without dumps, which the kit says on stderr.
    pub async fn real(engine: Engine, prefix: &str) -> Option<Self> {
        let dump = moodle_dump(engine).await?;
        for (table, _) in schema::USED.iter().filter(|_| prefix != dump.prefix) {
            let rename = format!("ALTER TABLE {}{table} RENAME TO {prefix}{table}", dump.prefix);
            dump.moodle.db.execute(&rename, []).await.unwrap();
        }
        if let Some(logins) = dump.logins {
            logins.drop_database().await;
        }
        Some(Self::open(dump.moodle, Prefix::parse(prefix).unwrap(), "a real Moodle").await)
    }

    pub const fn engine(&self) -> Engine {
        self.test.engine()
    }

    pub fn sql(&self, text: &str) -> String {
        text.replace("{p}", self.prefix.as_str())
    }

    pub async fn run(&mut self, text: &str, args: impl Into<Vec<Value>> + Send) -> u64 {
        let sql = self.sql(text);
        self.connection.execute(&sql, args).await.unwrap_or_else(|error| panic!("{}: {error}: {sql}", self.name))
    }

    pub async fn number(&mut self, text: &str) -> i64 {
        let sql = self.sql(text);
        let row: Result<Option<(Int,)>, _> = self.connection.fetch_optional(&sql, []).await;
        row.unwrap_or_else(|error| panic!("{}: {error}: {sql}", self.name)).unwrap().0.0
    }

    /// A new local user who signs in by hand, without a context. Attributes are further columns with SQL literals.
    pub async fn user(&mut self, given: &str, attributes: &[(&str, &str)]) -> MoodleUserId {
        self.people += 1;
        let username = format!("{}{}", given.to_lowercase(), self.people);
        let mut columns = vec![
            ("auth", "'manual'".to_owned()),
            ("confirmed", "1".to_owned()),
            ("mnethostid", "1".to_owned()),
            ("username", format!("'{username}'")),
            ("firstname", format!("'{given}'")),
            ("lastname", "'Bench'".to_owned()),
            ("email", format!("'{username}@bench.test'")),
        ];
        for (column, value) in attributes {
            columns.retain(|(name, _)| name != column);
            columns.push((column, (*value).to_owned()));
        }
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let values: Vec<&str> = columns.iter().map(|(_, value)| value.as_str()).collect();
        self.run(&format!("INSERT INTO {{p}}user ({}) VALUES ({})", names.join(", "), values.join(", ")), []).await;
        MoodleUserId(self.number("SELECT MAX(id) FROM {p}user").await)
    }

    /// A user with an admission number: a pupil by the filter that is there without a setting.
    pub async fn pupil(&mut self, given: &str) -> MoodleUserId {
        self.user(given, &[("idnumber", "'B1'"), ("department", "'7KL'")]).await
    }

    pub async fn context(&mut self, user: MoodleUserId, path: Option<&str>, depth: i64) -> ContextId {
        let args: [Value; 3] = [user.0.into(), Value::Text(path.map(Into::into)), depth.into()];
        self.run(
            "INSERT INTO {p}context (contextlevel, instanceid, path, depth, locked) VALUES (30, ?, ?, ?, 0)",
            args,
        )
        .await;
        self.context_of(user).await
    }

    pub async fn context_of(&mut self, user: MoodleUserId) -> ContextId {
        let sql = format!("SELECT id FROM {{p}}context WHERE contextlevel = 30 AND instanceid = {user}");
        ContextId(self.number(&sql).await)
    }

    pub async fn assign(&mut self, user: MoodleUserId, role: &str, context: ContextId, component: &str, item: i64) {
        let args: [Value; 5] = [context.0.into(), user.0.into(), component.into(), item.into(), role.into()];
        self.run(
            "INSERT INTO {p}role_assignments (contextid, userid, component, itemid, roleid) VALUES (?, ?, ?, ?, (SELECT id FROM \
             {p}role WHERE shortname = ?))",
            args,
        )
        .await;
    }

    pub async fn site(&mut self, policy: &Policy) -> Site {
        site::read(&mut self.connection, &self.prefix, policy).await.unwrap()
    }

    pub async fn course(&mut self) -> ContextId {
        ContextId(self.number("SELECT id FROM {p}context WHERE contextlevel = 50 AND instanceid = 990").await)
    }

    /// Those of these users who are pupils, by both questions that can be asked.
    pub async fn pupils(&mut self, policy: &Policy, of: &[MoodleUserId]) -> Vec<MoodleUserId> {
        let site = self.site(policy).await;
        let all = pupils::all(&mut self.connection, &self.prefix, policy, &site).await.unwrap();
        let listed = u64::try_from(all.len()).unwrap();
        let all: Vec<MoodleUserId> = all.into_iter().map(|pupil| pupil.id).filter(|id| of.contains(id)).collect();
        let counted = pupils::count(&mut self.connection, &self.prefix, policy, &site).await.unwrap();
        let never = u64::try_from(site.never_pupils.len()).unwrap();
        assert!((listed..=listed + never).contains(&counted), "{}: {counted} of {listed}", self.name);
        let eligible = pupils::eligible(&mut self.connection, &self.prefix, policy, &site, of).await.unwrap();
        assert_eq!(all.iter().copied().collect::<BTreeSet<_>>(), eligible, "{}: both say the same", self.name);
        let facts = pupils::facts(&mut self.connection, &self.prefix, policy, &site, of).await.unwrap();
        let here = facts.iter().filter(|(_, facts)| facts.departure().is_none()).map(|(id, _)| *id);
        assert_eq!(here.collect::<BTreeSet<_>>(), eligible, "{}: who has not left is a pupil", self.name);
        let mut all = all;
        all.sort_unstable();
        all
    }

    pub async fn apply(&mut self, plan: &Plan, ended: &[MoodleUserId]) -> Result<(), MoodleError> {
        let site = self.site(&Policy::default()).await;
        let ended: BTreeSet<MoodleUserId> = ended.iter().copied().collect();
        apply::roles(&mut self.connection, &self.prefix, &site, &signature(), plan, &ended).await
    }

    pub async fn adopt(&mut self, site: &Site, changes: &[Change]) -> Result<(), MoodleError> {
        adoption::write(&mut self.connection, &self.prefix, site, OURS, changes).await
    }

    pub async fn contexts(&mut self, plan: &Plan) -> BTreeMap<MoodleUserId, ContextId> {
        let site = self.site(&Policy::default()).await;
        apply::contexts(&mut self.connection, &self.prefix, &site, plan).await.unwrap()
    }

    pub async fn role(&mut self) -> RoleId {
        self.site(&Policy::default()).await.link_role
    }

    pub async fn clock(&mut self) -> i64 {
        tasks::clock(&mut self.connection).await.unwrap()
    }

    pub async fn close(self) {
        drop(self.connection);
        self.test.drop_database().await;
    }
}

pub fn signature() -> Signature {
    Signature { component: OURS.into(), modifier: 2 }
}

pub fn policy(filter: &str) -> Policy {
    Policy { pupil_filter: filter.parse().unwrap(), ..Policy::default() }
}

pub fn addition(
    user: MoodleUserId,
    pupil: MoodleUserId,
    role: RoleId,
    item: i64,
    context: Option<ContextId>,
) -> Addition {
    Addition {
        row: DesiredRole { user, place: Place::Pupil(pupil), role, item },
        context,
        reason: Reason::LinkApproved,
    }
}
