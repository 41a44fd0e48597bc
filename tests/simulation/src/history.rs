//! Histories: drawn from a seed, played step by step, then left to come to rest; the oracle looks after every step.

use std::{fmt, time::Duration};

use anyhow::{Context as _, Result};
use fastrand::Rng;
use kinlink_db::Engine;
use kinlink_service::cycle;

use crate::{
    acts::{Account, Act, Answer, Deed, Picked, Version},
    later::{self, Wish},
    meddle,
    model::{Model, Played, Seen, Touched},
    oracle::{self, Broken, Promise},
    people::{self, Child},
    sabotage::Sabotage,
    scenes,
    stage::{End, Entrance, Kind, Misfortune, Stage, Struck},
    world::{Setting, World, staff},
};

/// One or more acts at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The acts, each with what goes wrong.
    pub acts: Vec<(Act, Option<Misfortune>)>,
    /// The seed of who goes on when.
    pub order: u64,
}

/// What happens, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The seed that it was drawn from.
    pub seed: u64,
    /// How the world is set up.
    pub setting: Setting,
    /// Whether nobody meddles with Moodle: then jobs alone bring everything about.
    pub calm: bool,
    /// The steps.
    pub steps: Vec<Step>,
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, {:?}, {}", self.seed, self.setting, if self.calm { "calm" } else { "not calm" })?;
        for (number, step) in self.steps.iter().enumerate() {
            for (at, (act, misfortune)) in step.acts.iter().enumerate() {
                let lead = if at == 0 { format!("{:>3}.", number + 1) } else { "   |".to_owned() };
                write!(f, "{lead} {act}")?;
                match misfortune {
                    Some(misfortune) => writeln!(f, "  ! {misfortune}")?,
                    None => writeln!(f)?,
                }
            }
        }
        Ok(())
    }
}

fn draw_misfortune(rng: &mut Rng) -> Misfortune {
    // Small acts have a few points, cycles many: the logarithm of the place is drawn evenly.
    let bound = 1_u32 << rng.u32(1..8);
    let kind = match rng.u8(..10) {
        0..=2 => Kind::Lost,
        3..=4 => Kind::AnswerLost,
        5 => Kind::Busy,
        6 => Kind::Away(rng.u32(1..20)),
        _ => Kind::Death,
    };
    Misfortune { at: rng.u32(..bound), kind }
}

fn draw_step(rng: &mut Rng, calm: bool) -> Step {
    let mut first = Act::draw(rng);
    while calm && matches!(first, Act::Meddle(..)) {
        first = Act::draw(rng);
    }
    let order = rng.u64(..);
    if first.is_of_the_world() {
        return Step { acts: vec![(first, None)], order };
    }
    let mut acts = vec![first];
    // Now and then two at once: the same click twice, two provisioners, or whatever else comes.
    match rng.u8(..12) {
        0 => acts.push(acts[0].clone()),
        1 => acts.push(Act::Cycle),
        2 => {
            let second = Act::draw(rng);
            if !second.is_of_the_world() {
                acts.push(second);
            }
        }
        _ => {}
    }
    let acts = acts
        .into_iter()
        .map(|act| {
            let struck = rng.u8(..4) == 0;
            (act, struck.then(|| draw_misfortune(rng)))
        })
        .collect();
    Step { acts, order }
}

/// Some families who are approved without ado: most of what can go wrong needs somebody who is linked.
fn draw_beginning(rng: &mut Rng) -> Vec<Step> {
    let families = rng.usize(1..=3);
    let first = rng.usize(..people::ADULTS.len());
    let submits = (0..families).map(|at| {
        let pupil = rng.usize(..people::pupils().len());
        let count = rng.usize(1..=2);
        let children = (0..count).map(|i| Child { pupil: pupil + 2 * i, number: true, misspelt: false }).collect();
        Act::Submit { adult: first + at, children, kind: "new_account", proving: true, key: Some(0) }
    });
    let approvals = (0..families).map(|at| Act::Approve(at, Picked::Exact, Account::Auto, Version::Any));
    let mut acts: Vec<Act> = submits.chain(approvals).collect();
    if rng.bool() {
        acts.extend([Act::Cycle, Act::Cron, Act::Wait(5), Act::Cycle]);
    }
    acts.into_iter().map(|act| alone(rng, act)).collect()
}

/// An act by itself; now and then something goes wrong.
fn alone(rng: &mut Rng, act: Act) -> Step {
    let struck = !act.is_of_the_world() && rng.u8(..10) == 0;
    Step { acts: vec![(act, struck.then(|| draw_misfortune(rng)))], order: rng.u64(..) }
}

impl History {
    /// Draws a history of about so many steps.
    #[must_use]
    pub fn draw(seed: u64, steps: usize) -> Self {
        let mut rng = Rng::with_seed(seed);
        let setting = Setting {
            category: rng.bool(),
            end_sessions: rng.u8(..4) > 0,
            brake: (rng.u8(..4) == 0).then(|| rng.u32(..3).saturating_sub(1)),
            two_persons: rng.bool(),
            grace: (rng.u8(..3) == 0).then(|| (rng.u32(..5), rng.u32(..3))),
            forgets: rng.u8(..6) == 0,
        };
        let calm = rng.u8(..4) == 0;
        let mut all = draw_beginning(&mut rng);
        let count = rng.usize(steps / 2..=steps + steps / 2).saturating_sub(all.len() + 4);
        all.extend((0..count).map(|_| draw_step(&mut rng, calm)));
        for _ in 0..rng.usize(..=2) {
            let at = rng.usize(all.len() / 3..=all.len());
            all.splice(at..at, scenes::draw(&mut rng, &setting, calm).into_iter().map(|act| alone(&mut rng, act)));
        }
        Self { seed, setting, calm, steps: all }
    }
}

/// How a history went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The promises that were broken first, and after how many steps.
    pub broken: Option<(usize, Vec<Broken>)>,
    /// How many points were passed.
    pub points: u64,
    /// A digest of all points and answers: the same seed gives the same.
    pub trace: u64,
    /// How many acts came to be done, for the tests of the simulation itself.
    pub done: u64,
    /// Pairs that were in force at the end.
    pub linked: usize,
}

/// How often a cycle at rest is tried while the server still holds a dead one's lock.
const PATIENCE: u32 = 100;

/// A history being played.
struct Play<'w> {
    world: &'w World,
    sabotage: Option<&'w Sabotage>,
    model: Model,
    seen: Seen,
    last: Option<Deed>,
    form: Option<Deed>,
    points: u64,
    trace: u64,
    done: u64,
    /// The statements since the last look that may have changed something.
    written: Vec<String>,
}

/// Plays a history in a world.
///
/// # Errors
/// The databases failed by themselves.
pub async fn play(world: &World, history: &History, sabotage: Option<&Sabotage>) -> Result<Outcome> {
    let seen = Seen::read(world).await?;
    let mut play = Play {
        world,
        sabotage,
        model: Model::default(),
        seen,
        last: None,
        form: None,
        points: 0,
        trace: 0,
        done: 0,
        written: Vec::new(),
    };
    let mut broken = None;
    for (number, step) in history.steps.iter().enumerate() {
        let found = play.step(number, step).await?;
        if !found.is_empty() {
            broken = Some((number + 1, found));
            break;
        }
    }
    if broken.is_none() {
        let found = play.rest(history).await?;
        if !found.is_empty() {
            broken = Some((history.steps.len() + 1, found));
        }
    }
    Ok(Outcome { broken, points: play.points, trace: play.trace, done: play.done, linked: play.model.in_force.len() })
}

impl Play<'_> {
    async fn step(&mut self, number: usize, step: &Step) -> Result<Vec<Broken>> {
        // Every act takes a moment.
        self.world.advance(1_000);
        let before = self.seen.clone();
        let mut played: Vec<Played> = Vec::new();
        if let [(act, _)] = step.acts.as_slice()
            && act.is_of_the_world()
        {
            meddle::perform(self.world, &mut self.model, number, act, &before).await?;
            played.push((act.clone(), None, None, Struck::default()));
        } else {
            played = self.perform(number, step).await?;
        }
        if let Some(sabotage) = self.sabotage {
            sabotage.after_step(self.world, number, &self.seen).await?;
        } else if played.iter().all(|(act, deed, ..)| deed.is_none() && !act.is_of_the_world()) {
            // There was nobody to do it to.
            return Ok(Vec::new());
        }
        self.look(number, &before, &played).await
    }

    async fn look(&mut self, number: usize, before: &Seen, played: &[Played]) -> Result<Vec<Broken>> {
        // What the world does comes to no point, and neither does what a defect does behind everybody's back.
        let unseen = self.sabotage.is_some() || played.iter().any(|(act, ..)| act.is_of_the_world());
        let written = std::mem::take(&mut self.written);
        let touched = if unseen { Touched::Everything } else { Touched::By(written) };
        self.seen.read_again(self.world, &touched).await?;
        self.model.learn(number, self.world, played, &self.seen);
        self.model.count_put_backs(self.world.now(), before, &self.seen);
        Ok(oracle::after_step(self.world, &self.model, before, &self.seen, played))
    }

    async fn perform(&mut self, number: usize, step: &Step) -> Result<Vec<Played>> {
        if self.seen.flags.iter().any(|flag| flag.1 != 1) {
            meddle::age_flags(self.world).await?;
            for flag in &mut self.seen.flags {
                flag.1 = 1;
            }
        }
        let mut deeds = Vec::new();
        for (at, (act, misfortune)) in step.acts.iter().enumerate() {
            let deed = act
                .resolve(self.world, &format!("click:{number}-{at}"), self.last.as_ref(), self.form.as_ref())
                .await?;
            deeds.push((act.clone(), deed, *misfortune));
        }
        if let Some(click) = deeds.iter().filter_map(|(_, deed, _)| deed.as_ref()).find(|deed| deed.is_click()) {
            self.last = Some(click.clone());
        }
        let keyed = |deed: &&Deed| matches!(deed, Deed::Submit { key: Some(_), .. });
        if let Some(form) = deeds.iter().filter_map(|(_, deed, _)| deed.as_ref()).find(keyed) {
            self.form = Some(form.clone());
        }
        let mut stage = Stage::new(&self.world.store, &self.world.moodle, step.order);
        stage.sabotage = self.sabotage;
        let futures: Vec<Entrance<'_, Answer>> = deeds
            .iter()
            .filter_map(|(_, deed, misfortune)| Some((deed.clone()?.perform(self.world), *misfortune)))
            .collect();
        let mut ends = stage.play(futures).await.into_iter();
        self.points += stage.points;
        self.written.append(&mut stage.written);
        self.trace = self.trace.rotate_left(7) ^ stage.trace();
        let played: Vec<Played> = deeds
            .into_iter()
            .map(|(act, deed, _)| match &deed {
                Some(_) => {
                    let (end, struck) =
                        ends.next().map_or((None, Struck::default()), |(end, struck)| (Some(end), struck));
                    let end = match (self.sabotage, end) {
                        (Some(sabotage), Some(End::Answered(answer))) if deed.as_ref().is_some_and(Deed::is_click) => {
                            Some(End::Answered(sabotage.answer(answer)))
                        }
                        (_, end) => end,
                    };
                    (act, deed, end, struck)
                }
                None => (act, None, None, Struck::default()),
            })
            .collect();
        let answered = |played: &&Played| matches!(played.2, Some(End::Answered(Answer::Done | Answer::Taken(_))));
        self.done += played.iter().filter(answered).count() as u64;
        Ok(played)
    }

    /// Faults are over: Moodle's cron and the provisioner run as they should, until nothing changes.
    async fn rest(&mut self, history: &History) -> Result<Vec<Broken>> {
        let number = history.steps.len();
        meddle::mend_site(self.world).await?;
        // A person looks at every row that is left alone.
        for contest in self.seen.contests.keys() {
            let wish = Wish::ReleaseContest(contest.parse().context("a contest's id")?);
            wish.perform(self.world, &staff("cli:rest")).await;
        }
        self.seen.read_again(self.world, &Touched::Everything).await?;
        let by_jobs_alone = history.calm;
        // A person looks after what was given up.
        let revived = cycle::revive(&self.world.app, &staff("cli:rest"), None).await;
        if let Err(error) = revived {
            return Ok(vec![Broken { promise: Promise::Converges, how: error.to_string() }]);
        }
        // Who left leaves in one night, the links end in another, the login rows in a third.
        let rounds = if history.setting.grace.is_some() { 3 } else { 2 };
        for _ in 0..rounds {
            let acts = if by_jobs_alone {
                vec![Act::Cycle, Act::Cron, Act::Wait(7 * 60), Act::Cycle]
            } else {
                vec![Act::Cron, Act::Reconcile, Act::Cron]
            };
            let tidies = !self.model.to_erase.is_empty();
            let since = self.world.now();
            for act in acts.into_iter().chain(tidies.then_some(Act::Tidy)) {
                let found = self.calmly(number, act).await?;
                if !found.is_empty() {
                    return Ok(found);
                }
            }
            if let Some(broken) = self.look_after_brake(since).await? {
                return Ok(vec![broken]);
            }
            self.world.advance(25 * 3_600_000);
        }
        let found = oracle::at_rest(self.world, &self.model, &self.seen).await?;
        if !found.is_empty() {
            return Ok(found);
        }
        // Once more: nothing is left to do.
        let rows = self.seen.rows.clone();
        let found = self.calmly(number, Act::Reconcile).await?;
        if !found.is_empty() {
            return Ok(found);
        }
        if rows != self.seen.rows {
            return Ok(vec![Broken { promise: Promise::Converges, how: "a third cycle still changed rows".into() }]);
        }
        Ok(Vec::new())
    }

    /// A person looks at what the brake held in the cycles since they looked last, and applies it.
    async fn look_after_brake(&mut self, since: i64) -> Result<Option<Broken>> {
        let sql = "SELECT COALESCE(report, '') FROM cycles WHERE created_at >= ? AND report IS NOT NULL";
        let cycles: Vec<(String,)> = self.world.store.fetch_all(sql, [since.into()]).await?;
        if cycles.iter().all(|(report,)| report.contains("\"held\":0,")) {
            return Ok(None);
        }
        meddle::age_flags(self.world).await?;
        let answer = later::apply_together(self.world).await;
        self.seen.read_again(self.world, &Touched::Everything).await?;
        self.model.learn(usize::MAX, self.world, &[], &self.seen);
        if let Err(error) = cycle::revive(&self.world.app, &staff("cli:rest"), None).await {
            return Ok(Some(Broken { promise: Promise::Converges, how: error.to_string() }));
        }
        let refused = (answer != Answer::Done).then(|| format!("applying the plan: {answer:?}"));
        Ok(refused.map(|how| Broken { promise: Promise::Converges, how }))
    }

    /// One act that nothing disturbs; it must be done.
    async fn calmly(&mut self, number: usize, act: Act) -> Result<Vec<Broken>> {
        if let Act::Wait(minutes) = act {
            self.world.advance(minutes * 60_000);
            return Ok(Vec::new());
        }
        // A lease of somebody who died runs out, and every task of Moodle's is due again.
        self.world.advance(25 * 3_600_000);
        let before = self.seen.clone();
        let step = Step { acts: vec![(act.clone(), None)], order: 0 };
        let mut played = self.perform(number, &step).await?;
        // A server needs a moment to see that a dead one's connection, and with it the lock, is gone.
        let busy = |played: &[Played]| matches!(played, [(_, _, Some(End::Answered(Answer::Busy)), _)]);
        for _ in 0..PATIENCE {
            if !busy(&played) || self.world.moodle.engine() == Engine::Sqlite {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            played = self.perform(number, &step).await?;
        }
        if let [(_, _, Some(End::Answered(answer)), _)] = played.as_slice()
            && *answer != Answer::Done
        {
            let how = format!("{act}, with nothing in its way: {answer:?}");
            return Ok(vec![Broken { promise: Promise::Converges, how }]);
        }
        self.look(number, &before, &played).await
    }
}
