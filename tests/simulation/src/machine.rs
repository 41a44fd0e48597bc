//! A machine that plays histories one after the other, each in a new world.

use anyhow::Result;
use kinlink_db::Engine;

use crate::{
    history::{self, History, Outcome},
    oracle::Promise,
    sabotage::Sabotage,
    shrink::{self, Check},
    world::{Template, World},
};

/// Plays histories on one engine.
pub struct Machine {
    engine: Engine,
    /// On SQLite, what worlds are copied from.
    template: Option<Template>,
}

impl Machine {
    /// A machine for an engine.
    ///
    /// # Errors
    /// The databases.
    pub async fn new(engine: Engine) -> Result<Self> {
        let template = if engine == Engine::Sqlite { Some(Template::new().await?) } else { None };
        Ok(Self { engine, template })
    }

    /// Plays a history.
    ///
    /// # Errors
    /// The databases failed by themselves.
    pub async fn play(&mut self, history: &History, sabotage: Option<&Sabotage>) -> Result<Outcome> {
        let world = match &self.template {
            Some(template) => World::on_sqlite(template, history.setting, history.seed).await?,
            None => World::on_server(self.engine, history.setting, history.seed).await?,
        };
        let outcome = history::play(&world, history, sabotage).await;
        world.end().await;
        outcome
    }

    /// The shortest history found that still breaks the promise.
    ///
    /// # Errors
    /// As [`Machine::play`].
    pub async fn shrink(&mut self, history: &History, promise: Promise) -> Result<History> {
        shrink::shrink(self, history, promise).await
    }
}

impl Check for Machine {
    async fn breaks(&mut self, history: &History, promise: Promise) -> Result<bool> {
        let broken = self.play(history, None).await?.broken;
        Ok(broken.is_some_and(|(_, all)| all.iter().any(|broken| broken.promise == promise)))
    }
}
