//! Members of staff at their browsers: signed in by a link, reading pages, sending forms.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use kinlink_admin::{AdminState, SignIn, router};
use kinlink_config::Config;
use kinlink_domain::staff::{Actor, StaffRole};
use kinlink_service::{sessions::links, view::Request};
use kinlink_testapp::{Answer, Client, TestApp, app, family};
use kinlink_testkit::{Change, Snapshot, changed_tables, snapshot};
use serde_json::Value;

/// A whole Kinlink with the staff's pages in front of it.
pub(crate) struct Office {
    pub(crate) kinlink: TestApp,
    pub(crate) anyone: Client,
    /// The router as it shows itself to programmers: the only place where it names its routes.
    pub(crate) routes: String,
    woken: Arc<AtomicUsize>,
}

/// Somebody who is signed in.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) client: Client,
    csrf: String,
}

pub(crate) async fn office() -> Office {
    let kinlink = app().await;
    let woken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&woken);
    let state = AdminState {
        app: kinlink.app.clone(),
        wake: Arc::new(move || {
            counter.fetch_add(1, Ordering::SeqCst);
        }),
        school: kinlink.school.clone(),
        demonstration: false,
        sign_in: Arc::new(SignIn::new(&kinlink.school.public_url, &Config::default()).unwrap()),
    };
    let router = router(state);
    Office { routes: format!("{router:?}"), anyone: Client::new(router), kinlink, woken }
}

impl Office {
    /// Somebody of this name, signed in by a link.
    pub(crate) async fn person(&self, name: &str, role: StaffRole) -> Person {
        let app = &self.kinlink.app;
        let command_line = Actor { name: format!("cli:{name}"), role: Some(StaffRole::Administrator) };
        let link = links::mint(app, &command_line, role).await.unwrap();
        let entered = links::enter(app, &link.token, None).await.unwrap();
        Person::with_session(self, &entered.secret, entered.session.csrf())
    }

    /// How often the provisioner was told that there is something to do.
    pub(crate) fn woken(&self) -> usize {
        self.woken.load(Ordering::SeqCst)
    }

    pub(crate) async fn administrator(&self) -> Person {
        self.person("Alex", StaffRole::Administrator).await
    }

    pub(crate) async fn approver(&self) -> Person {
        self.person("Jo", StaffRole::Approver).await
    }

    /// A pending request of Mrs Turner's for some of her children.
    pub(crate) async fn turner(&self, children: &[(&str, &str, &str)]) -> Request {
        self.kinlink.submit(&family(("Rachel", "Turner", "rachel.turner@example.org"), children)).await
    }

    /// The request as it is stored now.
    pub(crate) async fn now(&self, request: &Request) -> Request {
        self.kinlink.request(request.reference.as_str()).await
    }

    /// Everything that is stored.
    pub(crate) async fn everything(&self) -> Snapshot {
        snapshot(&self.kinlink.store.db).await
    }

    /// Fails if anything was stored since, but that somebody looked.
    #[track_caller]
    pub(crate) fn assert_same(before: &Snapshot, after: &Snapshot, what: &str) {
        let changed = changed_but_looks(before, after);
        assert!(changed.is_empty(), "{what} changed {changed:?}");
    }
}

/// The tables that changed, leaving out the audit where it only says that somebody looked or took a file.
pub(crate) fn changed_but_looks(before: &Snapshot, after: &Snapshot) -> BTreeMap<String, Change> {
    let mut changed = changed_tables(before, after);
    let is_look = |row: &String| {
        let entry: Value = serde_json::from_str(row).unwrap();
        entry["action"].as_str().unwrap().rsplit_once('.').is_some_and(|(_, act)| act == "view" || act == "export")
    };
    if changed.get("audit").is_some_and(|audit| audit.removed.is_empty() && audit.added.iter().all(is_look)) {
        changed.remove("audit");
        changed.remove("audit_chain");
    }
    changed
}

impl Person {
    /// Somebody whose browser holds this session.
    pub(crate) fn with_session(office: &Office, secret: &str, csrf: &str) -> Self {
        Self { client: office.anyone.with("cookie", format!("__Host-kinlink={secret}")), csrf: csrf.to_owned() }
    }

    /// Somebody who is not signed in.
    pub(crate) fn nobody(office: &Office) -> Self {
        Self { client: office.anyone.clone(), csrf: String::new() }
    }

    /// What this session's forms carry.
    pub(crate) fn csrf(&self) -> &str {
        &self.csrf
    }

    /// The same with a header that says where a request comes from.
    pub(crate) fn from(&self, name: &str, value: &str) -> Self {
        Self { client: self.client.with(name, value), csrf: self.csrf.clone() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.client.get(path).await
    }

    /// A page, which must be there.
    pub(crate) async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await.expect(200);
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        answer.text
    }

    /// Sends a form with the session's own token.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut all = vec![("csrf", self.csrf.as_str())];
        all.extend_from_slice(fields);
        self.send(path, &all).await
    }

    /// Sends a form as it is.
    pub(crate) async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let client = self.client.with("content-type", "application/x-www-form-urlencoded");
        client.send("POST", path, body.finish()).await
    }

    /// Follows the redirect of an act with the cookies that it set, as a browser does.
    pub(crate) async fn follow(&self, answer: &Answer) -> String {
        assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
        self.carry(answer, answer.header("location")).await
    }

    /// Opens a page with the cookies that an answer set.
    pub(crate) async fn carry(&self, answer: &Answer, path: &str) -> String {
        let notice = answer.headers.get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        let notice = notice.filter_map(|cookie| cookie.split(';').next()).collect::<Vec<_>>().join("; ");
        let client = self.client.with("cookie", notice);
        let page = client.get(path).await;
        assert_eq!(page.status.as_u16(), 200, "{}", page.text);
        page.text
    }
}

/// The text of a page without its tags, with single spaces.
pub(crate) fn text(page: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in page.chars() {
        match c {
            '<' => {
                inside = true;
                text.push(' ');
            }
            '>' => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    let text = text.replace("&#39;", "'").replace("&#38;", "&").replace("&#34;", "\"").replace("&amp;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The value of the first field of this name on a page.
pub(crate) fn field(page: &str, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let at = page.find(&start).unwrap_or_else(|| panic!("no field {name}")) + start.len();
    page[at..].split('"').next().unwrap().to_owned()
}
