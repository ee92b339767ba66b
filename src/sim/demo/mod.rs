//! The demo: a small town of containers that live by themselves on a simulated daemon, and a
//! palette of faults to disturb them.
//!
//! A [`Demo`] knows only the verbs of a [`Sim`](super::Sim). Everything that its containers write
//! follows from the seed and from the time that has passed, so that two demos of one seed write
//! the same lines; the timestamps are those of now. Who is there stands in `cast`, what they say
//! in `voice`, what can go wrong in `fault`, and who acts next in `world`.
//!
//! It knows nothing of the engine and of the screen: it is the weather, not the ship.

mod cast;
mod dice;
mod fault;
mod voice;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

pub use fault::DemoFault;

use super::profile::Profile;
use super::server::{Sim, SimError};
use crate::model::{ContainerId, Timestamp};
use world::{BEFORE, Chore, World};

/// How often the world moves.
const STEP: Duration = Duration::from_millis(50);

/// The demo's world and its palette. Clones are handles of the same one.
#[derive(Debug, Clone)]
pub struct Demo(Arc<Mutex<World>>);

impl Demo {
    /// The daemon that the demo plays on: one that says so when it cannot decode a record. From
    /// 27.4 on the rest of the file is left out without a sign, which nobody could report.
    pub const PROFILE: Profile = Profile::Moby24;

    /// Puts the containers on a daemon that has none, and lets them live for a few minutes up to
    /// `now`, so that a visitor finds something to read.
    pub fn new(sim: Sim, seed: u64, now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(World::new(sim, seed, now))))
    }

    /// Moves the world on for as long as this future is polled, `pace` times as fast as life. Ends
    /// only when a daemon that was restarted cannot listen again.
    pub async fn live(&self, pace: u32) -> SimError {
        let (began, before) = (Instant::now(), self.age());
        let mut steps = interval(STEP);
        // After a long sleep everything that was due happens in one step.
        steps.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let sim = self.world().sim.clone();
        loop {
            steps.tick().await;
            for chore in self.advance(before + began.elapsed() * pace) {
                match chore {
                    Chore::StopDaemon => sim.stop().await,
                    Chore::StartDaemon => {
                        if let Err(error) = sim.restart().await {
                            return error;
                        }
                    }
                }
            }
        }
    }

    /// How long the demo has lived since it began.
    pub fn age(&self) -> Duration {
        self.world().elapsed().saturating_sub(BEFORE)
    }

    /// Lets everything happen that is due within this time since the demo began.
    fn advance(&self, since: Duration) -> Vec<Chore> {
        self.world().advance(BEFORE.saturating_add(since))
    }

    /// Disturbs the world; what was done, in words.
    pub fn play(&self, fault: DemoFault) -> String {
        fault.apply(&mut self.world())
    }

    /// The containers of the cast by name, that of a job being its newest.
    pub fn container(&self, name: &str) -> Option<ContainerId> {
        self.world().id_of(name)
    }

    /// A panic of another thread leaves the world usable: it is plain data.
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::SimRecord;
    use cast::cast;

    /// Everything that the cast wrote in the first minute, with its timestamps, by container.
    fn first_minute(seed: u64, steps: u32) -> Vec<(ContainerId, Vec<SimRecord>)> {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("docker.sock");
        let sim = Sim::start_seeded(&socket, Demo::PROFILE, seed).unwrap();
        let demo = Demo::new(sim.clone(), seed, Timestamp(1_800_000_000_000_000_000));
        for step in 1..=steps {
            demo.advance(Duration::from_mins(1) / steps * step);
        }
        let names = cast().into_iter().map(|role| role.spec.name);
        let ids = names.filter_map(|name| demo.container(&name));
        ids.map(|id| (id.clone(), sim.records(&id))).collect()
    }

    #[tokio::test]
    async fn the_same_seed_lives_the_same_life_however_often_it_is_looked_at() {
        let life = first_minute(7, 1);
        assert_eq!(life.len(), cast().len());
        let lines: usize = life.iter().map(|(_, records)| records.len()).sum();
        assert!(lines > 2_000, "a lively place: {lines}");
        assert_eq!(life, first_minute(7, 60));
        assert_ne!(life, first_minute(8, 1));
    }

    #[tokio::test]
    async fn the_timestamps_are_those_of_now_and_never_go_back() {
        let now = Timestamp(1_800_000_000_000_000_000);
        for (id, records) in first_minute(3, 10) {
            assert!(records.is_sorted_by_key(|record| record.ts), "{id:?}");
            for record in &records {
                assert!(record.ts.since(now) <= Duration::from_secs(61));
                assert!(now.since(record.ts) <= BEFORE + Duration::from_secs(1));
            }
        }
    }

    #[tokio::test]
    async fn every_fault_says_what_it_did_and_is_over_at_some_time() {
        let folder = tempfile::tempdir().unwrap();
        let sim = Sim::start(&folder.path().join("docker.sock"), Demo::PROFILE).unwrap();
        let demo = Demo::new(sim.clone(), 1, sim.now());
        let mut said = std::collections::BTreeSet::new();
        for fault in DemoFault::ALL {
            assert!(!fault.title().is_empty() && !fault.watch().is_empty());
            assert!(said.insert(demo.play(fault)), "{fault:?} says what another one says");
        }
        assert!(demo.play(DemoFault::RestartDaemon).contains("already"));
        let chores = demo.advance(Duration::from_mins(2));
        assert_eq!(chores, [Chore::StopDaemon, Chore::StartDaemon]);
        assert!(demo.world().is_calm(), "{:?}", demo.world());
    }
}
