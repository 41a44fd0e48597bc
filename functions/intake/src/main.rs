//! Plugs the intake function into Lambda.

use kinlink_intake::{IntakeState, router};
use kinlink_setup::{Databases, Host};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let config = kinlink_config::load_from_process()?.config;
    kinlink_setup::log(kinlink_config::LogFormat::Json);
    let app = kinlink_setup::app(&config, &Databases::configured(&config)?, None, Host::Sandbox).await?;
    lambda_http::run(router(IntakeState { app, school: kinlink_setup::school(&config) })).await
}
