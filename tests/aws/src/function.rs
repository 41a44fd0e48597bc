//! A function: as many sandboxes as there are events at once, each used again when it is free, as on AWS.
//!
//! An event that failed is not tried again: that is how the schedules are set. What does not live here: HTTP (`event`).

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{
    event::{HttpAnswer, HttpEvent},
    sandbox::{Answer, Launch, Sandbox},
};

/// A function with its sandboxes.
#[derive(Debug)]
pub struct Function {
    /// How a sandbox is started.
    pub launch: Launch,
    free: Mutex<Vec<Sandbox>>,
}

impl Function {
    /// A function without a sandbox.
    #[must_use]
    pub const fn new(launch: Launch) -> Self {
        Self { launch, free: Mutex::const_new(Vec::new()) }
    }

    /// A free sandbox, or a new one that is ready. Whoever takes it gives it back, or does not.
    ///
    /// # Errors
    /// The function does not start.
    pub async fn sandbox(&self) -> Result<Sandbox> {
        if let Some(sandbox) = self.free.lock().await.pop() {
            return Ok(sandbox);
        }
        let mut sandbox = self.launch.start().await?;
        sandbox.ready().await?;
        Ok(sandbox)
    }

    /// Gives a sandbox back if it can take another event.
    pub async fn give_back(&self, sandbox: Sandbox) {
        if sandbox.is_alive() {
            self.free.lock().await.push(sandbox);
        }
    }

    /// Runs an event in whichever sandbox is free.
    ///
    /// # Errors
    /// The function does not start, or the harness failed.
    pub async fn invoke(&self, event: &Value) -> Result<Answer> {
        self.invoke_within(event, self.launch.timeout).await
    }

    /// The same with another time until the deadline.
    ///
    /// # Errors
    /// The function does not start, or the harness failed.
    pub async fn invoke_within(&self, event: &Value, limit: Duration) -> Result<Answer> {
        let mut sandbox = self.sandbox().await?;
        let answer = sandbox.invoke_within(event, limit).await?;
        self.give_back(sandbox).await;
        Ok(answer)
    }

    /// Sends a request to it and reads the answer as the gateway does.
    ///
    /// # Errors
    /// The function does not start; it failed, crashed or took too long; the answer is none that a gateway takes.
    pub async fn request(&self, event: &HttpEvent) -> Result<HttpAnswer> {
        HttpAnswer::read(&self.invoke(&event.json()).await?)
    }

    /// How many sandboxes are free.
    pub async fn sandboxes(&self) -> usize {
        self.free.lock().await.len()
    }

    /// What the free sandboxes wrote so far.
    pub async fn written(&self) -> String {
        self.free.lock().await.iter().map(|sandbox| sandbox.output.text()).collect()
    }

    /// Ends all free sandboxes without a word.
    pub async fn forget(&self) {
        self.free.lock().await.clear();
    }
}
