//! Plugs the admin function into Lambda.

use std::sync::Arc;

use kinlink_admin::{AdminState, SignIn, router};
use kinlink_setup::{Databases, Host};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let config = kinlink_config::load_from_process()?.config;
    kinlink_setup::log(kinlink_config::LogFormat::Json);
    let app = kinlink_setup::app(&config, &Databases::configured(&config)?, None, Host::Sandbox).await?;
    // The provisioner is another function: it takes a cycle that was asked for up at its next start.
    let school = kinlink_setup::school(&config);
    let sign_in = Arc::new(SignIn::new(&school.public_url, &config)?);
    lambda_http::run(router(AdminState { app, wake: Arc::new(|| {}), school, demonstration: false, sign_in })).await
}
