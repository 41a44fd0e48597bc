//! Plugs the intake function into Lambda.

use axum::{extract::Request, middleware::map_request};
use kinlink_intake::{IntakeState, router};
use kinlink_setup::{Databases, Host};
use kinlink_web::ClientAddress;
use lambda_http::request::RequestContext;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let config = kinlink_config::load_from_process()?.config;
    kinlink_setup::log(kinlink_config::LogFormat::Json);
    let app = kinlink_setup::app(&config, &Databases::configured(&config)?, None, Host::Sandbox).await?;
    let routes = router(IntakeState { app, school: kinlink_setup::school(&config) });
    lambda_http::run(routes.layer(map_request(client))).await
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
