//! Plugs the provisioner into Lambda.

use kinlink_domain::Timestamp;
use kinlink_provisioner::{Event, Provisioner};
use kinlink_setup::{Databases, Host};
use lambda_runtime::{LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = kinlink_config::load_from_process()?.config;
    kinlink_setup::log(kinlink_config::LogFormat::Json);
    let app = kinlink_setup::app(&config, &Databases::configured(&config)?, None, Host::Sandbox).await?;
    let (school, transport) = (kinlink_setup::school(&config), kinlink_setup::transport(&config)?);
    let provisioner = Provisioner { app, school, transport };
    run(service_fn(async |event: LambdaEvent<Event>| {
        let deadline = i64::try_from(event.context.deadline).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
        Box::pin(provisioner.handle(event.payload, deadline)).await.map_err(|error| error.to_string())
    }))
    .await
}
