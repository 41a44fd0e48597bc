//! Plugs the intake function into Lambda.

use std::process::ExitCode;

use axum::{extract::Request, middleware::map_request};
use kinlink_intake::{IntakeState, router};
use kinlink_setup::{
    Host,
    function::{self, Function},
    telemetry::flushing,
};
use kinlink_web::ClientAddress;
use lambda_http::request::RequestContext;

fn main() -> ExitCode {
    function::main(Host::Intake, async |Function { app, school, .. }| {
        let at_end = app.clone();
        lambda_runtime::spawn_graceful_shutdown_handler(|| function::close(at_end)).await;
        let routes = router(IntakeState { app, school }).layer(map_request(client)).layer(flushing());
        lambda_http::run(routes).await
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
