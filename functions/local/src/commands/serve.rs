//! `kinlink serve`: the form's and the staff's functions and the provisioner, in one process.
//!
//! `pages` are the two pages that only this machine has; `rounds` runs the provisioner.

mod pages;
mod rounds;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
    middleware::map_request,
};
use kinlink_admin::{AdminState, SignIn};
use kinlink_config::Origin;
use kinlink_domain::staff::StaffRole;
use kinlink_intake::IntakeState;
use kinlink_service::{access, mail::Transport, sessions::links};
use kinlink_web::ClientAddress;
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
};

use super::sign_in;
use crate::{
    answer::{Answer, put, say},
    failure::Failure,
    local::Local,
};

/// The name of the token and the key that a start makes.
const NAME: &str = "laptop";
/// How long requests and a cycle that are under way may take when the process is to end. A cycle that is cut off loses
/// nothing; the next one goes on.
const GRACE: Duration = Duration::from_secs(20);

/// What is printed, and what the pages show.
#[derive(Debug, Clone)]
struct Door {
    /// Where people open it.
    url: String,
    /// Lets whoever sits at this machine into the staff's pages, once.
    sign_in_url: String,
    admin_token: String,
    source_key: String,
}

pub(crate) async fn run(json: bool) -> Result<Answer, Failure> {
    let mut local = Local::open("info").await?;
    let listener = listen(local.config.listen).await?;
    let address = listener.local_addr().map_err(|error| Failure::failed("listen", error.to_string()))?;
    // Links in mails must lead here, also where the port was chosen by the system.
    if local.report.iter().any(|line| line.name == "public_url" && line.origin == Origin::Default) {
        local.school.public_url = url_of(address);
    }
    local.prepare().await?;
    if !kinlink_store::migrations::is_current(&local.app.store).await? {
        return Err(crate::failure::schema_missing());
    }
    let (admin_token, source_key) = keys(&local).await?;
    let link = links::mint(&local.app, &local.actor, StaffRole::Administrator).await?;
    let sign_in_url = sign_in::address(&local.school.public_url, &link);
    let door = Door { url: url_of(address), sign_in_url, admin_token, source_key };

    let wake = Arc::new(Notify::new());
    let (stop, stopped) = watch::channel(false);
    let rounds = tokio::spawn(rounds::run(local.clone(), Arc::clone(&wake), stopped.clone()));
    let routes = routes(&local, &door, address, wake)?;
    let mut until = stopped;
    let server = tokio::spawn(async move {
        let ended = async move {
            // An error means that nobody can stop us any more; then this is the end as well.
            let _ = until.wait_for(|stop| *stop).await;
        };
        let service = routes.into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, service).with_graceful_shutdown(ended).await
    });
    announce(&local, &door, address, json);

    signal().await;
    tracing::info!("ending");
    stop.send_replace(true);
    let all = async { tokio::join!(server, rounds) };
    if tokio::time::timeout(GRACE, all).await.is_err() {
        tracing::warn!("something is still under way and is cut off");
    }
    Ok(Answer::silent())
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::failed("listen", format!("cannot listen on {address} ({error})"))
            .next("Set KINLINK_LISTEN to another address, such as 127.0.0.1:0 for any free port.")
    })
}

/// Where a browser on this machine finds what listens there.
fn url_of(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("http://127.0.0.1:{}", address.port())
    } else {
        format!("http://{address}")
    }
}

/// A new staff token and a new source key; those of earlier starts stop working.
async fn keys(local: &Local) -> Result<(String, String), Failure> {
    let (app, actor) = (&local.app, &local.actor);
    for token in access::list_tokens(app, actor).await? {
        if token.name == NAME && token.revoked_at.is_none() {
            access::revoke_token(app, actor, token.id).await?;
        }
    }
    for source in access::list_sources(app, actor).await? {
        if source.name == NAME && source.revoked_at.is_none() {
            access::revoke_source(app, actor, source.id).await?;
        }
    }
    let token = access::mint_token(app, actor, NAME, StaffRole::Administrator, None).await?;
    let source = access::mint_source(app, actor, NAME, false).await?;
    Ok((token.secret, source.secret))
}

fn routes(local: &Local, door: &Door, address: SocketAddr, wake: Arc<Notify>) -> Result<Router, Failure> {
    let intake = IntakeState { app: local.app.clone(), school: local.school.clone() };
    let sign_in = SignIn::new(&local.school.public_url, &local.config)
        .map_err(|error| Failure::failed("sign_in", error.to_string()))?;
    let admin = AdminState {
        app: local.app.clone(),
        wake: Arc::new(move || wake.notify_one()),
        school: local.school.clone(),
        demonstration: local.demonstration,
        sign_in: Arc::new(sign_in),
    };
    let routes = kinlink_intake::routes(intake)
        .merge(kinlink_admin::routes(admin))
        .merge(super::openapi::route())
        .merge(kinlink_web::assets::routes())
        .merge(pages::start(local, door));
    // The mails hold links that let people in: only whoever sits at this machine may read them.
    let routes = if address.ip().is_loopback() { routes.merge(pages::mails(local)) } else { routes };
    let routes = kinlink_web::finish(routes).layer(map_request(client));
    Ok(kinlink_intake::error_pages(routes, local.school.clone()))
}

fn announce(local: &Local, door: &Door, address: SocketAddr, json: bool) {
    if json {
        let line = json!({ "address": door.url, "sign_in_url": door.sign_in_url, "admin_token": door.admin_token, "source_key": door.source_key });
        return say(&line.to_string());
    }
    let mut text = format!("Kinlink is running: {}/\n", door.url);
    if local.demonstration {
        text.push_str("DEMONSTRATION: the Moodle behind it is an invented school.\n");
    }
    if matches!(local.transport, Transport::Store) {
        text.push_str("No mail leaves this machine; KINLINK_MAIL_URL would change that.\n");
    }
    put!(
        text,
        "\nStaff pages (works once, for ten minutes; `kinlink sign-in` prints another):\n  {}\n",
        door.sign_in_url
    );
    put!(text, "\nStaff token: {}\nSource key:  {}\n", door.admin_token, door.source_key);
    for (title, line) in pages::examples(door, address.ip().is_loopback()) {
        put!(text, "\n{title}\n  {line}\n");
    }
    text.push_str("\nCtrl-C ends it. `kinlink --help` shows what else there is.");
    say(&text);
}

/// Tells the functions from where a request comes: here, the other end of the connection.
async fn client(ConnectInfo(address): ConnectInfo<SocketAddr>, mut request: Request) -> Request {
    request.extensions_mut().insert(ClientAddress(address.ip()));
    request
}

/// Waits until somebody wants the process to end.
async fn signal() {
    let interrupt = async {
        // Without a handler the signal ends the process anyway.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
