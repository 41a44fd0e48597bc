//! Plugs the admin function into Lambda.

use std::{process::ExitCode, sync::Arc};

use kinlink_admin::{AdminState, SignIn, router};
use kinlink_setup::{
    Host,
    function::{self, Function},
    telemetry::flushing,
};

fn main() -> ExitCode {
    function::main(Host::Admin, async |Function { config, app, school }| {
        let at_end = app.clone();
        lambda_runtime::spawn_graceful_shutdown_handler(|| function::close(at_end)).await;
        let sign_in = Arc::new(SignIn::new(&school.public_url, &config)?);
        // The provisioner is another function: it takes a cycle that was asked for up at its next start.
        let state = AdminState { app, wake: Arc::new(|| {}), school, demonstration: false, sign_in };
        lambda_http::run(router(state).layer(flushing())).await
    })
}
