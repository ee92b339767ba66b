//! What has to be remembered between two samples: when the picture last moved, since when each
//! container was seen running, what the last picture said.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::rules::allowed_descriptors;
use crate::engine::EngineSnapshot;
use crate::engine::snapshot::MonitorRow;
use crate::model::State;
use crate::model::{ContainerId, Moment, Timestamp, Waiting};

/// The process is sampled every two seconds, so its figures may belong to an earlier picture.
const FIGURES_LAG: Duration = Duration::from_secs(5);

/// One look at the engine.
#[derive(Debug, Clone)]
pub enum Sample {
    /// What it answered.
    Picture(Arc<EngineSnapshot>),
    /// Why there is no answer, or none that can be read.
    Missing(String),
}

impl Sample {
    /// The sample in an answer to `GET /snapshot`. An answer that lacks a field is missing.
    pub fn read(body: &[u8]) -> Self {
        match serde_json::from_slice(body) {
            Ok(snapshot) => Self::Picture(Arc::new(snapshot)),
            Err(error) => Self::Missing(format!("the answer is no snapshot: {error}")),
        }
    }
}

/// What the rules are given besides the picture itself.
#[derive(Debug)]
pub(super) struct Seen {
    /// The picture before this one.
    pub(super) before: Option<Arc<EngineSnapshot>>,
    /// How long the picture has not moved, by the watcher's clock.
    pub(super) unmoved: Duration,
    /// From when on evidence is owed, for every running container.
    pub(super) owed_since: BTreeMap<ContainerId, Moment>,
    /// Since when there are more running monitors than matched running containers.
    pub(super) surplus_since: Option<Moment>,
    /// The most file descriptors that were explained while the figures were taken.
    pub(super) descriptors: u64,
}

/// The memory of a watch.
#[derive(Debug, Default)]
pub(super) struct History {
    before: Option<Arc<EngineSnapshot>>,
    moved: Option<(Timestamp, Moment, Duration)>,
    running: BTreeMap<ContainerId, Moment>,
    surplus_since: Option<Moment>,
    descriptors: VecDeque<(Moment, u64)>,
}

impl History {
    /// Takes note of a picture and says what is known from before it.
    pub(super) fn look(&mut self, at: Duration, snapshot: &Arc<EngineSnapshot>) -> Seen {
        let first = self.before.is_none();
        let unmoved = self.note_movement(at, snapshot);
        self.note_running(snapshot, first);
        self.note_surplus(snapshot);
        let descriptors = self.note_descriptors(snapshot);
        Seen {
            before: self.before.replace(Arc::clone(snapshot)),
            unmoved,
            owed_since: self.running.clone(),
            surplus_since: self.surplus_since,
            descriptors,
        }
    }

    fn note_movement(&mut self, at: Duration, snapshot: &EngineSnapshot) -> Duration {
        match self.moved {
            Some((started, moment, since))
                if (started, moment) == (snapshot.started, snapshot.at) =>
            {
                at.saturating_sub(since)
            }
            _ => {
                self.moved = Some((snapshot.started, snapshot.at, at));
                Duration::ZERO
            }
        }
    }

    fn note_running(&mut self, snapshot: &EngineSnapshot, first: bool) {
        let runs =
            |id: &ContainerId| snapshot.monitors.iter().any(|row| row.running && row.id == *id);
        self.running.retain(|id, _| runs(id));
        for row in snapshot.monitors.iter().filter(|row| row.running) {
            let since = if first && is_held(row) { began(snapshot, row) } else { snapshot.at };
            self.running.entry(row.id.clone()).or_insert(since);
        }
    }

    fn note_surplus(&mut self, snapshot: &EngineSnapshot) {
        let running = snapshot.monitors.iter().filter(|row| row.running).count();
        if running <= snapshot.coverage.matched {
            self.surplus_since = None;
        } else {
            self.surplus_since.get_or_insert(snapshot.at);
        }
    }

    fn note_descriptors(&mut self, snapshot: &EngineSnapshot) -> u64 {
        self.descriptors.push_back((snapshot.at, allowed_descriptors(snapshot)));
        let old = |(at, _): &(Moment, u64)| snapshot.at.since(*at) > FIGURES_LAG;
        while self.descriptors.front().is_some_and(old) {
            self.descriptors.pop_front();
        }
        self.descriptors.iter().map(|(_, allowed)| *allowed).max().unwrap_or(0)
    }
}

/// Whether a monitor is already kept from reading when the watch begins. It then gets no time that
/// a container gets which has just been started.
fn is_held(row: &MonitorRow) -> bool {
    matches!(&row.state, State::Waiting { why } if *why != Waiting::Queued)
}

/// When the monitor of a row was started.
fn began(snapshot: &EngineSnapshot, row: &MonitorRow) -> Moment {
    Moment(snapshot.at.0.saturating_sub(snapshot.wall.since(row.started)))
}
