//! A whole Kinlink on AWS, as far as it fits on one machine: the three functions, their queue as the template makes it, their
//! two databases behind proxies, and a school in Moodle.
//!
//! Beside it stands the same Kinlink in the process of the test, on the same databases: it prepares and looks, and does
//! nothing that a story is about.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use aws_sdk_sqs::{Client, types::QueueAttributeName};
use kinlink_db::{Engine, Int};
use kinlink_domain::{Timestamp, staff::StaffRole};
use kinlink_moodle::{
    Prefix,
    demo::{self, LoginRowView, tasks::run_due_in},
    schema,
};
use kinlink_service::sessions::links;
use kinlink_store::accounts;
use kinlink_testapp::{TestApp, administrator};
use kinlink_testkit::{fresh, mails_to, smtp_address, sqs_endpoint};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use crate::{
    artefacts,
    aws_proxy::{AwsProxy, KEY_PREFIX},
    event::{Front, HttpAnswer, HttpEvent, recorded},
    function::Function,
    sandbox::{Launch, now_ms},
    secrets_manager,
    tcp_proxy::TcpProxy,
    template::Template,
};

/// Where people open the pages: the address that AWS gives an HTTP API.
pub const PUBLIC_URL: &str = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com";
/// The key that everything is signed with, the same as of the Kinlink in the test's process.
pub const SIGNING_KEY: &str = "a signing key of the tests, long enough";
/// The adult of the stories; every part of it is a canary.
pub const ADULT: [&str; 2] = ["Zyxwvut", "Qwertzui"];

/// A role row: (user, context, item).
pub type RoleRow = (i64, i64, i64);

/// The whole.
pub struct World {
    /// The same Kinlink in the process of the test.
    pub test: TestApp,
    /// The public function.
    pub intake: Function,
    /// The staff's function.
    pub admin: Function,
    /// The function that writes to Moodle.
    pub provisioner: Function,
    /// Between the functions and AWS.
    pub aws: AwsProxy,
    /// Between the functions and the store.
    pub store: TcpProxy,
    /// Between the functions and Moodle's database.
    pub moodle: TcpProxy,
    /// Between the provisioner and the mail server.
    pub mail: TcpProxy,
    /// The test's own way to the queues.
    pub sqs: Client,
    /// The queue of jobs.
    pub queue: String,
    /// Its dead letters.
    pub dead: String,
    /// What the installation is made from.
    pub template: Template,
    /// What stands here for what the template names: ARN in the template, queue's URL or secret's ARN here.
    pub resources: BTreeMap<String, String>,
}

/// What may be different in a world.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Settings that replace the usual ones: function, variable, value; `None` leaves the setting out.
    pub settings: Vec<(&'static str, &'static str, Option<String>)>,
    /// Whether secrets stand in Secrets Manager, as on AWS, and not in the settings themselves.
    pub secrets: bool,
}

/// `HOST:PORT` of a URL.
///
/// # Errors
/// It is none.
pub fn host_of(url: &str) -> Result<String> {
    let url: Url = url.parse()?;
    Ok(format!("{}:{}", url.host_str().context("a host")?, url.port().context("a port")?))
}

/// The same URL by way of a proxy.
///
/// # Errors
/// It is none.
pub fn through(url: &str, proxy: &TcpProxy) -> Result<String> {
    let mut url: Url = url.parse()?;
    let set = url.set_ip_host(proxy.address.ip()).is_ok() && url.set_port(Some(proxy.address.port())).is_ok();
    if !set {
        bail!("a URL without a host");
    }
    Ok(url.into())
}

/// A world as the template has it: the store on PostgreSQL, Moodle on MariaDB.
///
/// # Errors
/// Servers, artefacts or the template are missing.
pub async fn world() -> Result<World> {
    world_with(Options::default()).await
}

/// A world with something different in it.
///
/// # Errors
/// Servers, artefacts or the template are missing.
pub async fn world_with(options: Options) -> Result<World> {
    let template = artefacts::template()?;
    let moodle_db = fresh(Engine::MySql).await;
    schema::create(&moodle_db.db, &Prefix::default()).await?;
    demo::fill(&moodle_db.db, &Prefix::default()).await?;
    let test = kinlink_testapp::with(fresh(Engine::Postgres).await, moodle_db).await;
    test.clock.set(Timestamp::now());

    let store = TcpProxy::start(host_of(&test.store.url)?).await?;
    let moodle = TcpProxy::start(host_of(&test.moodle.url)?).await?;
    let (host, port) = smtp_address();
    let mail = TcpProxy::start(format!("{host}:{port}")).await?;
    let aws = AwsProxy::start(sqs_endpoint()).await?;
    let sqs = sqs_client().await;
    let (queue, dead) = queues(&sqs, &template, &aws).await?;

    let settings: BTreeMap<&str, String> = BTreeMap::from([
        ("KINLINK_STORE_URL", through(&test.store.url, &store)?),
        ("KINLINK_MOODLE_URL", through(&test.moodle.url, &moodle)?),
        ("KINLINK_QUEUE_URL", queue.clone()),
        ("KINLINK_QUEUE_DEAD_URL", dead.clone()),
        ("KINLINK_SIGNING_KEY", SIGNING_KEY.to_owned()),
        ("KINLINK_PUBLIC_URL", PUBLIC_URL.to_owned()),
        ("KINLINK_MAIL_URL", format!("smtp://{}?tls=none", mail.address)),
        ("KINLINK_OIDC_ISSUER", kinlink_testkit::oidc_issuer()),
        ("KINLINK_OIDC_CLIENT_ID", "kinlink".to_owned()),
        ("KINLINK_OIDC_CLIENT_SECRET", "kinlink-secret".to_owned()),
    ]);
    let mut resources = BTreeMap::new();
    for (queue, url) in template.queues()?.iter().zip([&queue, &dead]) {
        let name = queue["QueueName"].as_str().context("the name of a queue")?;
        resources.insert(format!("arn:aws:sqs:eu-west-2:123456789012:{name}"), url.clone());
    }
    if options.secrets {
        for name in ["intake", "admin", "provisioner"] {
            for (variable, value) in template.function(name)?.variables {
                let Some(arn) = value.strip_prefix("aws-sm:") else { continue };
                if !resources.contains_key(arn) {
                    let value = settings.get(variable.as_str()).with_context(|| format!("a value for {variable}"))?;
                    resources.insert(arn.to_owned(), secrets_manager::create(value).await?);
                }
            }
        }
    }
    let function = |name: &str| -> Result<Function> {
        let mut launch = launch(name, &template, &settings, &aws.endpoint())?;
        for (variable, value) in template.function(name)?.variables {
            let own = value.strip_prefix("aws-sm:").and_then(|arn| resources.get(arn));
            if let Some(own) = own {
                launch.settings.insert(variable, format!("aws-sm:{own}"));
            }
        }
        for (_, variable, value) in options.settings.iter().filter(|(of, ..)| *of == name) {
            match value {
                Some(value) => launch.settings.insert((*variable).to_owned(), value.clone()),
                None => launch.settings.remove(*variable),
            };
        }
        Ok(Function::new(launch))
    };
    let (intake, admin, provisioner) = (function("intake")?, function("admin")?, function("provisioner")?);
    Ok(World { test, intake, admin, provisioner, aws, store, moodle, mail, sqs, queue, dead, template, resources })
}

/// How a function is started: with those variables that the template gives it, and values of this machine in them.
///
/// # Errors
/// The template has no such function, or gives it a variable for which there is no value here.
pub fn launch(name: &str, template: &Template, values: &BTreeMap<&str, String>, endpoint: &str) -> Result<Launch> {
    let resource = template.function(name)?;
    let mut settings = BTreeMap::from([
        ("AWS_REGION".to_owned(), "eu-west-1".to_owned()),
        ("AWS_DEFAULT_REGION".to_owned(), "eu-west-1".to_owned()),
        ("AWS_ACCESS_KEY_ID".to_owned(), format!("{KEY_PREFIX}{}", name.to_uppercase())),
        ("AWS_SECRET_ACCESS_KEY".to_owned(), "a secret key that nobody checks".to_owned()),
        ("AWS_ENDPOINT_URL".to_owned(), endpoint.to_owned()),
    ]);
    for (variable, value) in resource.variables {
        let value = match values.get(variable.as_str()) {
            Some(own) => own.clone(),
            // Whatever names something of the account must be replaced by something of this machine.
            None if value.starts_with("aws-sm:") || value.contains("amazonaws.com") => {
                bail!("the template sets {variable} for {name}, and the tests know no value for it")
            }
            None => value,
        };
        settings.insert(variable, value);
    }
    Ok(Launch {
        name: name.to_owned(),
        program: artefacts::program(name)?,
        settings,
        memory: resource.memory,
        timeout: Duration::from_secs(resource.timeout),
        secrets: secrets(values),
    })
}

/// The secrets among some values: the key, and the passwords in URLs.
fn secrets(values: &BTreeMap<&str, String>) -> Vec<String> {
    let password = |value: &String| value.parse::<Url>().ok()?.password().map(ToOwned::to_owned);
    values.values().filter_map(password).chain([SIGNING_KEY.to_owned()]).collect()
}

async fn sqs_client() -> Client {
    let sdk =
        aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12()).endpoint_url(sqs_endpoint()).load().await;
    Client::new(&sdk)
}

/// The two queues with what the template says of them, under names that no other test has.
async fn queues(sqs: &Client, template: &Template, aws: &AwsProxy) -> Result<(String, String)> {
    let name = format!("kinlink-{}", Uuid::now_v7().simple());
    let [main, dead] = template.queues()?;
    let create = async |name: String, attributes: Vec<(QueueAttributeName, String)>| -> Result<String> {
        let mut request = sqs.create_queue().queue_name(name);
        for (attribute, value) in attributes {
            request = request.attributes(attribute, value);
        }
        request.send().await?.queue_url.context("a queue's URL")
    };
    let attributes = |queue: &Value| {
        [
            (QueueAttributeName::VisibilityTimeout, "VisibilityTimeout"),
            (QueueAttributeName::MessageRetentionPeriod, "MessageRetentionPeriod"),
            (QueueAttributeName::ReceiveMessageWaitTimeSeconds, "ReceiveMessageWaitTimeSeconds"),
            (QueueAttributeName::MaximumMessageSize, "MaximumMessageSize"),
        ]
        .into_iter()
        .filter_map(|(attribute, name)| Some((attribute, queue.get(name)?.to_string().trim_matches('"').to_owned())))
        .collect::<Vec<_>>()
    };
    let dead_url = create(format!("{name}-dead"), attributes(&dead)).await?;
    let arn = sqs
        .get_queue_attributes()
        .queue_url(&dead_url)
        .attribute_names(QueueAttributeName::QueueArn)
        .send()
        .await?
        .attributes
        .and_then(|all| all.get(&QueueAttributeName::QueueArn).cloned())
        .context("the ARN of a queue")?;
    let receives = main["RedrivePolicy"]["maxReceiveCount"].clone();
    let policy = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": receives }).to_string();
    let mut all = attributes(&main);
    all.push((QueueAttributeName::RedrivePolicy, policy));
    let queue = create(name.clone(), all).await?;
    // Where a lost message goes: answers about it are the real ones.
    aws.lose_into(&queue, &create(format!("{name}-lost"), Vec::new()).await?);
    Ok((queue, dead_url))
}

impl World {
    /// Runs the event of the minute's schedule.
    ///
    /// # Errors
    /// The harness failed.
    ///
    /// # Panics
    /// The provisioner gave no response.
    pub async fn cycle(&self) -> Result<Value> {
        Ok(self.provisioner.invoke(&recorded("schedule-cycle")).await?.json())
    }

    /// Lets Moodle's scheduled tasks run, those that are due; Moodle's clock is this machine's.
    ///
    /// # Errors
    /// The databases.
    pub async fn moodle_cron(&self) -> Result<()> {
        let rows = accounts::all_login_rows(&mut self.test.app.store.acquire().await?).await?;
        let views: Vec<LoginRowView<'_>> = rows
            .iter()
            .map(|row| LoginRowView {
                username: &row.username,
                firstname: &row.firstname,
                lastname: &row.lastname,
                email: &row.email,
                description: &row.description,
                lang: &row.lang,
            })
            .collect();
        run_due_in(&self.test.moodle.db, self.test.app.moodle.prefix(), &views, now_ms() / 1000).await?;
        Ok(())
    }

    /// Lets so much time pass that every waiting job is due and the lease of a dead provisioner has run out.
    ///
    /// # Errors
    /// The store.
    pub async fn time_passes(&self) -> Result<()> {
        self.test.store.db.execute("UPDATE jobs SET available_at = 0 WHERE state = 'ready'", []).await?;
        self.test.store.db.execute("UPDATE leases SET expires_at = 0", []).await?;
        Ok(())
    }

    /// The role rows with our component, sorted.
    ///
    /// # Errors
    /// Moodle's database.
    pub async fn our_rows(&self) -> Result<Vec<RoleRow>> {
        let sql = "SELECT userid, contextid, itemid FROM mdl_role_assignments WHERE component = 'local_kinlink' ORDER BY 1, 2, 3";
        Ok(self.test.moodle.db.fetch_all(sql, []).await?)
    }

    /// Every role row that is not ours, whole.
    ///
    /// # Errors
    /// Moodle's database.
    pub async fn foreign_rows(&self) -> Result<Vec<(i64, i64, i64, i64, String, i64, i64)>> {
        let sql = "SELECT id, roleid, contextid, userid, component, itemid, timemodified FROM mdl_role_assignments \
                   WHERE component <> 'local_kinlink' ORDER BY id";
        Ok(self.test.moodle.db.fetch_all(sql, []).await?)
    }

    /// A number from the store.
    ///
    /// # Errors
    /// The store.
    pub async fn number(&self, sql: &str) -> Result<i64> {
        let row: Option<(Int,)> = self.test.store.db.fetch_optional(sql, []).await?;
        Ok(row.map_or(0, |(number,)| number.0))
    }

    /// A staff member's cookie for the pages, from a link that the command line would have printed.
    ///
    /// # Errors
    /// The admin function failed, or gave no cookie.
    pub async fn signed_in(&self) -> Result<String> {
        let link = links::mint(&self.test.app, &administrator(), StaffRole::Administrator).await?;
        let path = format!("/admin/sign-in/link/{}", link.token);
        let page = self.admin.request(&HttpEvent::get(Front::ApiGateway, &path)).await?.expect(200);
        let early: Vec<String> =
            page.cookies.iter().filter_map(|cookie| cookie.split(';').next()).map(Into::into).collect();
        let mut press = HttpEvent::post_form(Front::ApiGateway, &path, &[]).header("origin", PUBLIC_URL);
        for cookie in early {
            press = press.cookie(&cookie);
        }
        let answer = self.admin.request(&press).await?.expect(303);
        let cookie = answer.cookies.iter().find(|cookie| !cookie.contains("Max-Age=0")).context("a cookie")?;
        Ok(cookie.split(';').next().unwrap_or_default().to_owned())
    }

    /// The status of a request as staff see it.
    ///
    /// # Errors
    /// The admin function failed.
    pub async fn status(&self, reference: &str) -> Result<String> {
        let request = self.staff("GET", &format!("/requests/{reference}"), None).await?.expect(200).json();
        Ok(request["status"].as_str().unwrap_or_default().to_owned())
    }

    /// A call of the staff's API by somebody who may do everything.
    ///
    /// # Errors
    /// The admin function failed.
    pub async fn staff(&self, method: &str, path: &str, body: Option<&Value>) -> Result<HttpAnswer> {
        self.admin.request(&self.staff_event(method, path, body)).await
    }

    /// The event of such a call.
    #[must_use]
    pub fn staff_event(&self, method: &str, path: &str, body: Option<&Value>) -> HttpEvent {
        let path = format!("/api/v1/admin{path}");
        let event = match body {
            Some(body) => HttpEvent::json_body(method, &path, body),
            None => HttpEvent::get(Front::ApiGateway, &path),
        };
        event.header("authorization", &format!("Bearer {}", self.test.admin_token))
    }

    /// What our website's form sends for an adult: the source has proven the address itself.
    #[must_use]
    pub fn submission(&self, email: &str, children: &[(&str, &str, &str)]) -> HttpEvent {
        let children: Vec<Value> = children
            .iter()
            .map(|(given, family, group)| json!({ "given_name": given, "family_name": family, "tutor_group": group }))
            .collect();
        let [given, family] = ADULT;
        // Another mailbox is another adult.
        let number: String = email.chars().filter(char::is_ascii_digit).collect();
        let body = json!({
            "kind": "new_account",
            "adult": { "given_name": given, "family_name": format!("{family}{number}"), "email": email },
            "children": children,
            "declaration": true,
        });
        HttpEvent::json_body("POST", "/api/v1/requests", &body).header("x-api-key", &self.test.proving_source_key)
    }

    /// Submits for an adult, and gives the reference.
    ///
    /// # Errors
    /// The intake function failed.
    pub async fn submit(&self, email: &str, children: &[(&str, &str, &str)]) -> Result<String> {
        let answer = self.intake.request(&self.submission(email, children)).await?.expect(202).json();
        Ok(answer["reference"].as_str().context("a reference")?.to_owned())
    }

    /// The event by which staff approve a request, every check made.
    ///
    /// # Errors
    /// The admin function failed.
    pub async fn approval(&self, reference: &str) -> Result<HttpEvent> {
        let seen = self.staff("GET", &format!("/requests/{reference}"), None).await?.expect(200);
        let checks = json!({ "details_match": true, "no_similar_pupil": true, "no_critical_note": true });
        let event =
            self.staff_event("POST", &format!("/requests/{reference}/approve"), Some(&json!({ "checks": checks })));
        Ok(event.header("if-match", seen.header("etag")))
    }

    /// Approves a request.
    ///
    /// # Errors
    /// The admin function failed.
    pub async fn approve(&self, reference: &str) -> Result<()> {
        let _ = self.admin.request(&self.approval(reference).await?).await?.expect(200);
        Ok(())
    }

    /// The first link below a path in the newest mail to an address.
    ///
    /// # Errors
    /// There is no such mail or link.
    pub fn mailed_link(&self, email: &str, below: &str) -> Result<String> {
        let mail = mails_to(email).pop().context("a mail")?;
        // Quoted-printable: soft line breaks and the equals sign itself are all that matters in a link.
        let text = mail.data.replace("=\r\n", "").replace("=\n", "").replace("=3D", "=");
        let start = format!("{PUBLIC_URL}{below}");
        let link = text.split_whitespace().find(|word| word.starts_with(&start)).context("a link in the mail")?;
        Ok(link[PUBLIC_URL.len()..].to_owned())
    }

    /// How many messages wait, are hidden, and are dead.
    ///
    /// # Errors
    /// The emulator.
    pub async fn depth(&self) -> Result<(u64, u64, u64)> {
        let count = async |url: &str| -> Result<(u64, u64)> {
            let request = self.sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
            let answer = request.send().await?;
            let number = |name| {
                let all = answer.attributes();
                all.and_then(|all| all.get(&name)).and_then(|text| text.parse().ok()).unwrap_or(0)
            };
            Ok((
                number(QueueAttributeName::ApproximateNumberOfMessages),
                number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
            ))
        };
        let ((ready, hidden), (dead, looked_at)) = (count(&self.queue).await?, count(&self.dead).await?);
        Ok((ready, hidden, dead + looked_at))
    }
}

/// Waits until something holds; looks again every 20 ms, for half a minute.
///
/// # Errors
/// It does not come to hold, or looking failed.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let began = Instant::now();
    while !holds().await? {
        if began.elapsed() > Duration::from_secs(30) {
            bail!("after 30 seconds still not: {what}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
