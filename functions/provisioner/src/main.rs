//! Plugs the provisioner into Lambda.

use std::process::ExitCode;

use kinlink_domain::Timestamp;
use kinlink_provisioner::Provisioner;
use kinlink_setup::{
    Host,
    function::{self, Function},
    telemetry, transport,
};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

fn main() -> ExitCode {
    function::main(Host::Provisioner, async |Function { config, app, school }| {
        let at_end = app.clone();
        lambda_runtime::spawn_graceful_shutdown_handler(|| function::close(at_end)).await;
        let provisioner = Provisioner { app, school, transport: transport(&config)? };
        run(service_fn(async |event: LambdaEvent<serde_json::Value>| {
            let deadline =
                i64::try_from(event.context.deadline).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
            let answer = provisioner.answer(event.payload, deadline).await;
            telemetry::flush();
            answer.map_err(Error::from)
        }))
        .await
    })
}
