//! Plugs the admin function into Lambda.

use std::{process::ExitCode, sync::Arc};

use axum::{extract::Request, middleware::map_request};
use kinlink_admin::{AdminState, SignIn, router};
use kinlink_setup::{
    Host,
    function::{self, Function},
    telemetry::flushing,
};
use kinlink_web::ClientAddress;
use lambda_http::request::RequestContext;

fn main() -> ExitCode {
    function::main(Host::Admin, async |Function { config, app, school }| {
        let at_end = app.clone();
        lambda_runtime::spawn_graceful_shutdown_handler(|| function::close(at_end)).await;
        let sign_in = Arc::new(SignIn::new(&school.public_url, &config)?);
        // The provisioner is another function: it takes a cycle that was asked for up at its next start.
        let state = AdminState { app, wake: Arc::new(|| {}), school, demonstration: false, sign_in };
        lambda_http::run(router(state).layer(map_request(client)).layer(flushing())).await
    })
}

/// Tells the function from where a request comes: the gateway says it with the event, not in a header.
async fn client(mut request: Request) -> Request {
    let address = match request.extensions().get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref().and_then(|ip| ip.parse().ok()),
        _ => None,
    };
    if let Some(address) = address {
        request.extensions_mut().insert(ClientAddress(address));
    }
    request
}
