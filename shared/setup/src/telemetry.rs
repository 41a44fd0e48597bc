//! What a process tells of itself while it runs: the log and, on Lambda, what it counted.
//!
//! On Lambda both are read from what is printed: a log line is a JSON object on the standard error, what an event counted is one
//! line in the *embedded metric format* on the standard output. What is told and counted is decided where it happens (crate
//! `service`: `observe.rs`, `metric.rs`); `docs/observability.md` says how to read it.

use std::{
    io::{self, IsTerminal as _, Write},
    panic::PanicHookInfo,
    sync::OnceLock,
};

use kinlink_config::LogFormat;
use kinlink_service::metric;
use metrics_cloudwatch_embedded::{Builder, Collector};
use tower::util::MapResponseLayer;
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, fmt::MakeWriter, layer::SubscriberExt as _, registry::LookupSpan, util::SubscriberInitExt as _,
};

/// Under which name our metrics are kept.
pub const NAMESPACE: &str = "Kinlink";
/// The only dimension of a metric: the function's name. No other, since each one makes every metric a metric of its own.
pub const DIMENSION: &str = "Function";

/// Crates that print whole events, requests or headers when they are loud: always at this level, whatever is asked for. With it
/// comes the span that the runtime puts around each invocation.
const QUIET: [&str; 3] = ["lambda_runtime=info", "aws_smithy_runtime=info", "h2=info"];

/// What was counted since the last [`flush`]; none where nobody listens.
static COLLECTOR: OnceLock<&'static Collector> = OnceLock::new();

/// Starts the log of a function, tells of panics in it, and counts when this is Lambda. Called once, before anything else.
pub fn start(format: LogFormat) {
    log(format);
    std::panic::set_hook(Box::new(tell_of_panic));
    if let Ok(function) = std::env::var("AWS_LAMBDA_FUNCTION_NAME") {
        count_as(function);
    }
}

/// Starts the log: JSON lines for machines, short lines for people. `KINLINK_LOG` chooses what is logged (`info` unless set).
pub fn log(format: LogFormat) {
    log_from(format, "info");
}

/// [`log()`] with another level for where `KINLINK_LOG` is not set. Logs go to the standard error: the standard output
/// belongs to the answers of a command.
pub fn log_from(format: LogFormat, level: &str) {
    let mut filter = EnvFilter::try_from_env("KINLINK_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    for directive in QUIET {
        filter = filter.add_directive(directive.parse().expect("a directive as it is documented"));
    }
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Json => registry.with(json_lines(io::stderr)).init(),
        LogFormat::Pretty => {
            let colours = io::stderr().is_terminal();
            let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(colours);
            registry.with(layer.compact().with_target(false)).init();
        }
    }
}

/// Each event as one JSON object: `level`, `message` and its fields at the top, the innermost span's fields under `span`, those
/// of all spans, the outermost first, under `spans`.
fn json_lines<S>(to: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    // CloudWatch stamps the time itself; a second one would only cost.
    tracing_subscriber::fmt::layer().with_writer(to).with_ansi(false).json().without_time().flatten_event(true)
}

/// One line for a panic: where, not what. What it says may hold personal data.
fn tell_of_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(|place| (place.file(), place.line()));
    let (file, line) = place.unzip();
    tracing::error!(panic.file = file, panic.line = line, "panic");
}

/// Begins to count for a function.
fn count_as(function: String) {
    match Builder::new().cloudwatch_namespace(NAMESPACE).with_dimension(DIMENSION, function).init() {
        Ok(collector) => {
            COLLECTOR.get_or_init(|| collector);
            metric::describe();
        }
        // No reason not to do the work.
        Err(error) => tracing::error!(%error, "nothing is counted"),
    }
}

/// Prints what was counted since the last time, if anything was: to be called after every event, before its answer goes out,
/// since the sandbox may be frozen right after it.
pub fn flush() {
    if let Err(error) = write(&mut io::stdout()) {
        tracing::error!(%error, "what was counted could not be printed");
    }
}

fn write(to: &mut impl Write) -> io::Result<()> {
    let Some(collector) = COLLECTOR.get() else { return Ok(()) };
    // Printed as a whole: a line that comes in parts is no metric.
    let mut line = Vec::new();
    collector.flush(&mut line)?;
    if line.is_empty() {
        return Ok(());
    }
    to.write_all(&line)?;
    to.flush()
}

/// [`flush`] for a router: its outermost layer.
#[must_use]
pub fn flushing<Response>() -> MapResponseLayer<fn(Response) -> Response> {
    MapResponseLayer::new(|response| {
        flush();
        response
    })
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        panic,
        sync::{Arc, Mutex},
    };

    use kinlink_service::metric::{self, Kind};
    use serde_json::{Value, json};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::{DIMENSION, NAMESPACE, count_as, json_lines, tell_of_panic, write};

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// One test for all lines: tracing remembers, for the whole process, which lines nobody wants.
    #[test]
    fn a_line_has_its_fields_at_the_top_and_its_spans_beside_them_and_a_panic_tells_only_its_place() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::registry().with(json_lines(move || writer.clone()));
        let _guard = tracing::subscriber::set_default(subscriber);
        // As the Lambda runtime opens it.
        let invocation = tracing::info_span!("Lambda runtime invoke", requestId = "aws-1", xrayTraceId = "Root=1-2-3");
        invocation.in_scope(|| {
            tracing::info_span!("request", request.id = "r-1").in_scope(|| {
                tracing::warn!(correlation.id = "c-1", adult.id = None::<&str>, jobs = 3, "hint not sent");
                let before = panic::take_hook();
                panic::set_hook(Box::new(tell_of_panic));
                let panicked = panic::catch_unwind(|| panic::panic_any("Pat Marlow".to_owned()));
                panic::set_hook(before);
                panicked.unwrap_err();
            });
        });
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("Marlow"), "{text}");
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [said, panicked] = lines.as_slice() else { panic!("{text}") };
        assert_eq!(
            *said,
            json!({
                "level": "WARN", "message": "hint not sent", "correlation.id": "c-1", "jobs": 3,
                "target": "kinlink_setup::telemetry::tests",
                "span": { "name": "request", "request.id": "r-1" },
                "spans": [
                    { "name": "Lambda runtime invoke", "requestId": "aws-1", "xrayTraceId": "Root=1-2-3" },
                    { "name": "request", "request.id": "r-1" },
                ],
            })
        );
        assert_eq!((&panicked["level"], &panicked["message"]), (&json!("ERROR"), &json!("panic")));
        assert_eq!(panicked["panic.file"], json!("shared/setup/src/telemetry.rs"));
        assert!(panicked["panic.line"].as_u64().unwrap() > 100, "{panicked}");
        assert_eq!(panicked["span"]["request.id"], "r-1");
    }

    #[test]
    fn what_an_event_counted_is_one_line_in_the_embedded_metric_format_and_nothing_is_no_line() {
        let printed = || {
            let mut line = Vec::new();
            write(&mut line).unwrap();
            String::from_utf8(line).unwrap()
        };
        assert_eq!(printed(), "", "nobody counts before it is asked for");
        count_as("kinlink-provisioner".to_owned());
        assert_eq!(printed(), "", "nothing was counted");
        for metric in metric::ALL {
            match metric.kind {
                Kind::Count => metrics::counter!(metric.name).increment(2),
                Kind::Measure => metrics::histogram!(metric.name).record(0.0),
            }
        }
        let line = printed();
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        let line: Value = serde_json::from_str(&line).unwrap();
        let [told] = line["_aws"]["CloudWatchMetrics"].as_array().unwrap().as_slice() else { panic!("{line}") };
        assert_eq!((&told["Namespace"], &told["Dimensions"]), (&json!(NAMESPACE), &json!([[DIMENSION]])));
        assert_eq!(line[DIMENSION], "kinlink-provisioner");
        assert!(line["_aws"]["Timestamp"].as_u64().unwrap() > 1_700_000_000_000, "milliseconds: {line}");
        let mut expected: Vec<_> = metric::ALL.iter().map(|metric| (metric.name, metric.unit)).collect();
        expected.sort_by_key(|(name, _)| *name);
        let units = |unit| match unit {
            metrics::Unit::Count => "Count",
            metrics::Unit::Milliseconds => "Milliseconds",
            other => panic!("{other:?} is new here"),
        };
        let expected: Vec<Value> =
            expected.iter().map(|(name, unit)| json!({ "Name": name, "Unit": units(*unit) })).collect();
        assert_eq!(told["Metrics"], Value::from(expected));
        for metric in metric::ALL {
            let value = match metric.kind {
                Kind::Count => json!(2),
                Kind::Measure => json!([0.0]),
            };
            assert_eq!(line[metric.name], value, "{}", metric.name);
        }
        assert_eq!(printed(), "", "what was printed is not printed again, neither counts nor measurements");
    }
}
