//! One sandbox: one process of a built function with a Runtime API of its own, treated as AWS treats it.
//!
//! Between two invocations the process is frozen (SIGSTOP), as on AWS: what it still wanted to do after its response happens
//! during the next one, or never. At the deadline it is killed. When the sandbox goes, what the process wrote is looked
//! through: no story passes that logs a canary.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::ExitStatus,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::{
    process::{Child, Command},
    time::{sleep, sleep_until, timeout},
};
use uuid::Uuid;

use crate::{
    output::Output,
    runtime_api::{Invocation, RuntimeApi, Said},
};

/// How long AWS lets a function start before it starts it anew.
const INIT: Duration = Duration::from_secs(10);
/// AWS gives 500 ms between SIGTERM and SIGKILL; a loaded machine gets more, the tests look at what was done, not when.
const GRACE: Duration = Duration::from_secs(5);

/// How to start a function's process.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The short name: `intake`, `admin` or `provisioner`.
    pub name: String,
    /// The built program.
    pub program: PathBuf,
    /// Its settings, without what AWS adds.
    pub settings: BTreeMap<String, String>,
    /// What must never be in its log: passwords and keys.
    pub secrets: Vec<String>,
    /// Megabytes that the template gives it.
    pub memory: u64,
    /// How long an invocation may take, by the template.
    pub timeout: Duration,
}

/// What came of an invocation.
#[derive(Debug)]
pub enum Answer {
    /// The function's response.
    Response(Vec<u8>),
    /// The function said that it failed.
    Error(Value),
    /// The process ended without an answer.
    Crashed(ExitStatus),
    /// The deadline passed; the process was killed.
    TimedOut,
}

impl Answer {
    /// The response as JSON.
    ///
    /// # Panics
    /// There is none.
    #[track_caller]
    #[allow(clippy::must_use_candidate, reason = "some stories want no more than the check")]
    pub fn json(&self) -> Value {
        match self {
            Self::Response(body) => serde_json::from_slice(body).expect("a response in JSON"),
            other => panic!("no response but {other:?}"),
        }
    }
}

/// How a sandbox ended that was told to.
#[derive(Debug)]
pub enum End {
    /// The process ended by itself after SIGTERM.
    Ended(ExitStatus),
    /// It had to be killed: it did not end in time, or no extension is registered and AWS sends no SIGTERM.
    Killed(&'static str),
}

/// A sandbox. Its process goes with it.
#[derive(Debug)]
pub struct Sandbox {
    launch: Launch,
    child: Child,
    pid: Pid,
    api: RuntimeApi,
    /// What the process wrote.
    pub output: Output,
    frozen: bool,
    began: Instant,
    deadline: Instant,
    /// From the start of the process to its first answer.
    pub first_answer: Option<Duration>,
    /// Whether it freezes between invocations.
    pub freezes: bool,
    gone: bool,
}

/// Milliseconds since 1970.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(since.as_millis()).expect("a clock before the year 292 million")
}

impl Launch {
    /// Starts a sandbox; does not wait until the function is ready.
    ///
    /// # Errors
    /// The program does not exist, or no port is free.
    pub async fn start(&self) -> Result<Sandbox> {
        let api = RuntimeApi::start().await?;
        let output = Output::new()?;
        let name = format!("kinlink-{}", self.name);
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .envs(&self.settings)
            .env("AWS_LAMBDA_RUNTIME_API", api.address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", &name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", self.memory.to_string())
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}"))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/01/[$LATEST]00000000000000000000000000000000")
            .env("AWS_EXECUTION_ENV", "AWS_Lambda_Image")
            .env("_HANDLER", "bootstrap")
            .env("LAMBDA_TASK_ROOT", "/var/task")
            .env("LAMBDA_RUNTIME_DIR", "/var/runtime")
            .env("TZ", ":UTC")
            .env("LANG", "en_US.UTF-8")
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .stdin(std::process::Stdio::null())
            .stdout(output.sink("stdout")?)
            .stderr(output.sink("stderr")?)
            .kill_on_drop(true);
        let began = Instant::now();
        let child = command.spawn().with_context(|| format!("start {}", self.program.display()))?;
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pid = id.context("a process that has just begun")?;
        Ok(Sandbox {
            launch: self.clone(),
            child,
            pid,
            api,
            output,
            frozen: false,
            began,
            deadline: began,
            first_answer: None,
            freezes: true,
            gone: false,
        })
    }
}

impl Sandbox {
    /// Waits until the function is ready for its first event.
    ///
    /// # Errors
    /// It ended or said that it cannot start; the error repeats what it said and wrote.
    pub async fn ready(&mut self) -> Result<()> {
        let idle = self.api.idle();
        let ended = tokio::select! {
            () = idle => return Ok(()),
            status = self.child.wait() => Some(status?),
            () = sleep(INIT) => None,
        };
        self.gone = true;
        let said = self.api.init_error().map(|said| said.to_string()).unwrap_or_default();
        bail!("{} did not start: {ended:?} {said}\n{}", self.launch.name, self.output.text())
    }

    /// Gives it an event, with the function's own timeout.
    ///
    /// # Errors
    /// The harness itself failed.
    pub async fn invoke(&mut self, event: &Value) -> Result<Answer> {
        self.invoke_within(event, self.launch.timeout).await
    }

    /// Gives it an event with a time of its own until the deadline.
    ///
    /// # Errors
    /// The harness itself failed.
    pub async fn invoke_within(&mut self, event: &Value, limit: Duration) -> Result<Answer> {
        self.offer(event, limit).await?;
        self.answered().await
    }

    /// Gives it an event and comes back as soon as the function has fetched it; [`Sandbox::answered`] waits for what comes of it.
    ///
    /// # Errors
    /// The function does not fetch it.
    pub async fn begin(&mut self, event: &Value) -> Result<()> {
        self.offer(event, self.launch.timeout).await?;
        timeout(INIT, self.api.taken()).await.context("the function does not fetch its event")
    }

    async fn offer(&mut self, event: &Value, limit: Duration) -> Result<()> {
        let arn = format!("arn:aws:lambda:eu-west-2:123456789012:function:kinlink-{}", self.launch.name);
        let deadline_ms = now_ms() + i64::try_from(limit.as_millis())?;
        self.deadline = Instant::now() + limit;
        self.api.offer(Invocation { request_id: Uuid::now_v7().to_string(), deadline_ms, arn, event: event.clone() });
        self.thaw().await;
        Ok(())
    }

    /// Waits for what comes of an event that was begun; at its deadline the process is killed.
    ///
    /// # Errors
    /// The harness itself failed.
    pub async fn answered(&mut self) -> Result<Answer> {
        let answer = tokio::select! {
            biased;
            said = self.api.said() => match said {
                Said::Response(body) => Answer::Response(body),
                Said::Error(error) => Answer::Error(error),
            },
            status = self.child.wait() => { self.gone = true; return Ok(Answer::Crashed(status?)) }
            () = sleep_until(self.deadline.into()) => { self.kill().await; return Ok(Answer::TimedOut) }
        };
        self.first_answer.get_or_insert(self.began.elapsed());
        // The invocation lasts until everybody waits for the next one; what takes longer is killed too.
        tokio::select! {
            () = self.api.idle() => if self.freezes { self.freeze().await },
            _ = self.child.wait() => self.gone = true,
            () = sleep_until(self.deadline.into()) => { self.kill().await; return Ok(Answer::TimedOut) }
        }
        Ok(answer)
    }

    /// Stops the process where it stands, as AWS does between two events.
    pub async fn freeze(&mut self) {
        if !self.gone && !self.frozen && kill_process(self.pid, Signal::STOP).is_ok() {
            self.until_state(|state| matches!(state, 'T' | 'Z' | 'X')).await;
            self.frozen = true;
        }
    }

    /// Lets it go on.
    pub async fn thaw(&mut self) {
        if self.frozen && kill_process(self.pid, Signal::CONT).is_ok() {
            self.until_state(|state| state != 'T').await;
            self.frozen = false;
        }
    }

    /// The kernel takes a moment for a signal.
    async fn until_state(&self, wanted: impl Fn(char) -> bool) {
        let path = format!("/proc/{}/stat", self.pid.as_raw_nonzero());
        loop {
            let stat = std::fs::read_to_string(&path).unwrap_or_else(|_| "0 (gone) X".into());
            // The name in parentheses may hold anything; the state follows it.
            let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap_or('X');
            if wanted(state) {
                return;
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Ends the process in the middle of whatever it does.
    pub async fn kill(&mut self) {
        self.gone = true;
        self.frozen = false;
        let _ = self.child.kill().await;
    }

    /// Ends the sandbox as AWS does: SIGTERM if an extension is registered, and SIGKILL.
    ///
    /// # Errors
    /// The harness itself failed.
    pub async fn shut_down(mut self) -> Result<(End, String)> {
        if !self.api.has_extension() {
            self.kill().await;
            return Ok((End::Killed("no extension is registered"), self.output.text()));
        }
        self.thaw().await;
        kill_process(self.pid, Signal::TERM)?;
        let waited = timeout(GRACE, self.child.wait()).await;
        let end = if let Ok(status) = waited {
            End::Ended(status?)
        } else {
            self.kill().await;
            End::Killed("it did not end in time")
        };
        self.gone = true;
        Ok((end, self.output.text()))
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Errors
    /// It goes on.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        let status = timeout(INIT, self.child.wait()).await.context("the process goes on")??;
        self.gone = true;
        Ok(status)
    }

    /// What the function said of its failed start.
    #[must_use]
    pub fn init_error(&self) -> Option<Value> {
        self.api.init_error()
    }

    /// Whether it can take another event.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.gone
    }

    /// Whether function and extensions wait for the next event.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.api.is_idle()
    }

    /// The id of the process.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// The most memory the process has had, in KiB. Not `ru_maxrss`, which begins with the parent's.
    ///
    /// # Errors
    /// The process is gone.
    pub fn peak_memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// The processor time it has used, in clock ticks.
    ///
    /// # Errors
    /// The process is gone.
    pub fn processor_ticks(&self) -> Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid()))?;
        let (_, fields) = stat.rsplit_once(") ").context("a line of /proc")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.start_kill();
        let mut faults = self.output.faults(&self.launch.secrets);
        faults.extend(self.api.violations());
        if std::thread::panicking() {
            eprintln!("what {} wrote:\n{}", self.launch.name, self.output.text());
        } else {
            assert!(faults.is_empty(), "{}: {}", self.launch.name, faults.join("\n"));
        }
    }
}
