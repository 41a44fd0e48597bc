//! The admin function from outside: its router, on a whole Kinlink of its own.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not take for tests")]

mod access;
mod approve;
mod around;
mod audit;
mod decide;
mod documented;
mod email_change;
mod holds;
mod lists;
mod plans;
mod privacy;
mod provider;
mod session;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Extension, Router, middleware::from_fn};
use kinlink_admin::{AdminState, SignIn, router};
use kinlink_config::Config;
use kinlink_service::view::Request;
use kinlink_testapp::{Answer, Client, TestApp, app, family};
use kinlink_web::ClientAddress;
use serde_json::{Value, json};

use documented::documented;

/// A whole Kinlink with the function's router in front of it.
struct Admin {
    kinlink: TestApp,
    router: Router,
    anyone: Client,
    viewer: Client,
    approver: Client,
    administrator: Client,
    woken: Arc<AtomicUsize>,
}

async fn admin() -> Admin {
    let kinlink = app().await;
    let woken = Arc::new(AtomicUsize::new(0));
    let wake = {
        let woken = Arc::clone(&woken);
        move || {
            woken.fetch_add(1, Ordering::SeqCst);
        }
    };
    let router = router(AdminState {
        app: kinlink.app.clone(),
        wake: Arc::new(wake),
        school: kinlink.school.clone(),
        demonstration: false,
        sign_in: sign_in(&kinlink),
    })
    .layer(from_fn(documented));
    let anyone = Client::new(router.clone());
    Admin {
        router,
        viewer: anyone.bearer(&kinlink.viewer_token),
        approver: anyone.bearer(&kinlink.approver_token),
        administrator: anyone.bearer(&kinlink.admin_token),
        anyone,
        kinlink,
        woken,
    }
}

/// Signing in by links alone.
fn sign_in(kinlink: &TestApp) -> Arc<SignIn> {
    Arc::new(SignIn::new(&kinlink.school.public_url, &Config::default()).unwrap())
}

fn api(path: &str) -> String {
    format!("/api/v1/admin{path}")
}

/// An approval with every check confirmed and nothing else said.
fn approval() -> Value {
    json!({"checks": {"details_match": true, "no_similar_pupil": true, "no_critical_note": true}})
}

impl Admin {
    /// Somebody at an address.
    fn at(&self, address: &str) -> Client {
        Client::new(self.router.clone().layer(Extension(ClientAddress(address.parse().unwrap()))))
    }

    /// A pending request of Mrs Turner's for some of her children.
    async fn turner(&self, children: &[(&str, &str, &str)]) -> Request {
        self.kinlink.submit(&family(("Rachel", "Turner", "rachel.turner@example.org"), children)).await
    }

    /// Decides as an approver who saw this version of the request.
    async fn decide(&self, request: &Request, action: &str, body: &Value) -> Answer {
        let path = api(&format!("/requests/{}/{action}", request.id));
        self.approver.with("if-match", format!("\"v{}\"", request.version)).post(&path, body).await
    }

    /// A request as staff see it.
    async fn show(&self, request: &Request) -> Value {
        self.approver.get(&api(&format!("/requests/{}", request.reference))).await.expect(200).json()
    }

    /// The request as it is stored now.
    async fn now(&self, request: &Request) -> Request {
        self.kinlink.request(request.reference.as_str()).await
    }
}
