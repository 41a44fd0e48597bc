//! `kinlink mail`: the mails there are, as they would be sent now, and sending what is due.

use std::fmt::Write as _;

use kinlink_domain::{ids::MailId, reference::Reference};
use kinlink_mail::Rendered;
use kinlink_service::{
    ServiceError,
    mail::{self, Transport},
    view,
};
use kinlink_store::mails::{self, Mail};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, table, time, time_or_dash},
    failure::Failure,
    local::Local,
};

/// How far back a mail is looked for by its id.
const LOOKED_THROUGH: u32 = 10_000;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Args {
    /// List mails, newest first
    List {
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Show a mail, or the mails about a request, as they would be sent now
    Show {
        /// The mail's id, as `list` shows it, or the request's reference
        name: String,
    },
    /// Send what is due; without a mail server the mails are shown instead
    Send {
        /// At most so many
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
}

/// A mail with its text; without one when it would not be sent, because what it says is not true any more.
struct Written {
    mail: Mail,
    rendered: Option<Rendered>,
}

impl Written {
    async fn all(local: &Local, mails: Vec<Mail>) -> Result<Vec<Self>, Failure> {
        let mut store = local.app.store.acquire().await?;
        let mut written = Vec::new();
        for mail in mails {
            let rendered = mail::write(&local.app, &local.school, &mut store, &mail).await?;
            written.push(Self { mail, rendered });
        }
        Ok(written)
    }

    fn json(&self) -> Value {
        let mail = &self.mail;
        json!({
            "id": mail.id, "request": mail.request, "recipient": mail.recipient.as_str(), "state": mail.state,
            "attempts": mail.attempts, "created_at": mail.created_at, "sent_at": mail.sent_at, "fault": mail.fault,
            "subject": self.rendered.as_ref().map(|rendered| &rendered.subject),
            "body": self.rendered.as_ref().map(|rendered| &rendered.body),
        })
    }

    fn subject(&self) -> &str {
        self.rendered.as_ref().map_or("(not true any more)", |rendered| &rendered.subject)
    }

    fn text(&self) -> String {
        let body = self.rendered.as_ref().map_or("", |rendered| rendered.body.as_str());
        format!("To: {}\nSubject: {}\n\n{body}\n", self.mail.recipient.as_str(), self.subject())
    }
}

pub(crate) async fn run(args: Args) -> Result<Answer, Failure> {
    let local = Local::ready().await?;
    match args {
        Args::List { limit } => list(&local, limit).await,
        Args::Show { name } => show(&local, &name).await,
        Args::Send { limit } => send(&local, limit).await,
    }
}

async fn list(local: &Local, limit: u32) -> Result<Answer, Failure> {
    let mails = mails::newest(&mut local.app.store.acquire().await?, limit).await?;
    let written = Written::all(local, mails).await?;
    let rows: Vec<[String; 5]> = written
        .iter()
        .map(|one| {
            let (mail, subject) = (&one.mail, one.subject().to_owned());
            let recipient = mail.recipient.as_str().to_owned();
            [mail.id.to_string(), time(mail.created_at), mail.state.clone(), recipient, subject]
        })
        .collect();
    let items: Vec<Value> = written.iter().map(Written::json).collect();
    Ok(Answer::new(json!({ "items": items }), table(["ID", "AT", "STATE", "TO", "SUBJECT"], &rows)))
}

async fn show(local: &Local, name: &str) -> Result<Answer, Failure> {
    let mut store = local.app.store.acquire().await?;
    let found = if name.parse::<Reference>().is_ok() {
        let request = view::find_request(&local.app, name).await?;
        mails::of_request(&mut store, request.id).await?
    } else {
        let id: MailId = name.parse().map_err(|_| ServiceError::NotFound("mail"))?;
        let newest = mails::newest(&mut store, LOOKED_THROUGH).await?;
        let found: Vec<Mail> = newest.into_iter().filter(|mail| mail.id == id).collect();
        if found.is_empty() {
            return Err(ServiceError::NotFound("mail").into());
        }
        found
    };
    drop(store);
    let written = Written::all(local, found).await?;
    let mut text = String::new();
    for one in &written {
        let (mail, sent) = (&one.mail, time_or_dash(one.mail.sent_at));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} ({}, sent: {sent})\n{}", mail.id, mail.state, one.text());
    }
    Ok(Answer::new(json!({ "items": written.iter().map(Written::json).collect::<Vec<_>>() }), text))
}

async fn send(local: &Local, limit: u32) -> Result<Answer, Failure> {
    let app = &local.app;
    let shown = match local.transport {
        Transport::Smtp(_) => Vec::new(),
        Transport::Store => {
            let due = mails::due(&mut app.store.acquire().await?, app.now(), limit).await?;
            Written::all(local, due).await?.into_iter().filter(|one| one.rendered.is_some()).collect()
        }
    };
    let done = mail::deliver(app, &local.school, &local.transport, limit, None).await?;
    let mut text = shown.iter().map(Written::text).collect::<Vec<_>>().join("\n");
    let verb = if matches!(local.transport, Transport::Store) { "shown (KINLINK_MAIL_URL is not set)" } else { "sent" };
    let _ = writeln!(
        text,
        "\n{} {verb}, {} not true any more, {} to be tried again, {} failed.",
        done.sent, done.suppressed, done.postponed, done.failed
    );
    let mut answer = json!(done);
    answer["shown"] = shown.iter().map(Written::json).collect();
    Ok(Answer::new(answer, text))
}
