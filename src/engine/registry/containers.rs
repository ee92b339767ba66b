//! The registry's view of containers: which exist, which are captured and why, which came and went.
//!
//! Told of containers by lists and by events alike, so that everything here can be told twice.

use std::sync::Arc;

use super::super::entry::{Entry, TaskState};
use super::super::orders::Gate;
use super::super::snapshot::Excluded;
use super::{Effect, Now, Registry, event};
use crate::config::Decision;
use crate::model::{Away, ContainerId, ContainerInfo, EventKind, Moment, MonitorEpoch, RunState};

impl Registry {
    /// The whole truth about which containers exist, and of which of them nothing else is known.
    #[must_use]
    pub fn reconciled(
        &mut self,
        containers: Vec<ContainerInfo>,
        unseen: Vec<ContainerId>,
        now: Now,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        let gone: Vec<ContainerId> = self
            .running
            .keys()
            .filter(|id| !containers.iter().any(|info| info.id == **id) && !unseen.contains(id))
            .cloned()
            .collect();
        for info in containers {
            effects.extend(self.container(info, now));
        }
        for id in gone {
            effects.extend(self.gone(&id, now));
        }
        if !self.ready {
            // Whenever they are seen, they were there before us.
            self.running.extend(unseen.into_iter().map(|id| (id, false)));
        }
        self.ready = true;
        effects
    }

    /// One container as it is now.
    #[must_use]
    pub fn container(&mut self, info: ContainerInfo, now: Now) -> Vec<Effect> {
        let runs = info.run == RunState::Running;
        let known = self.running.insert(info.id.clone(), runs).is_some();
        match self.decide(&info) {
            Decision::Excluded { why } => {
                let (id, name) = (info.id.clone(), info.name.clone());
                self.excluded.insert(id.clone(), Excluded { id: id.clone(), name, why });
                self.leave(&id, Gate::Stop, now)
            }
            Decision::Included { by } => {
                self.excluded.remove(&info.id);
                if self.entries.contains_key(&info.id) {
                    return self.changed(info, now);
                }
                self.first_seen(info, &by, known, now)
            }
        }
    }

    fn decide(&self, info: &ContainerInfo) -> Decision {
        if self.own.as_ref() == Some(&info.id) {
            return Decision::Excluded { why: "this is logcap-tui itself".to_owned() };
        }
        self.filter.decide(&info.name, &info.labels)
    }

    fn first_seen(&mut self, info: ContainerInfo, by: &str, known: bool, now: Now) -> Vec<Effect> {
        let (id, runs) = (info.id.clone(), info.run == RunState::Running);
        let event = event(EventKind::ContainerStarted, &info.name, by, now);
        let mut entry = Entry::new(Arc::new(info), by, now.at, now.wall);
        // What is there at the first reconcile was there before us.
        entry.whole = self.ready && !known;
        entry.away = if entry.whole { Away::None } else { Away::NotRunning };
        if let Some(why) = self.reason_to_wait() {
            entry.hold(why, "waiting");
        }
        self.entries.insert(id.clone(), entry);
        let mut effects = self.spawn(&id);
        effects.extend(runs.then_some(Effect::Event(event)));
        effects
    }

    /// The container that a monitor captures changed: started, stopped, renamed.
    fn changed(&mut self, info: ContainerInfo, now: Now) -> Vec<Effect> {
        let (id, cap) = (info.id.clone(), self.timing.backoff_cap.get());
        let Some(entry) = self.entries.get_mut(&id) else { return Vec::new() };
        if *entry.info == info {
            if !entry.rests_too_early() {
                return Vec::new();
            }
            // It was told that the container is gone or mute, and the list says otherwise.
            entry.open(now.at, "listed by the daemon");
            return vec![Effect::Wish(id)];
        }
        let (ran, runs) = (entry.runs(), info.run == RunState::Running);
        let again = entry.info.started_at != info.started_at;
        entry.info = Arc::new(info);
        entry.desired.info = Arc::clone(&entry.info);
        let name = entry.info.name.clone();
        let mut effects = Vec::new();
        if runs && (!ran || again) {
            if entry.desired.gate == Gate::Open && !ran {
                entry.open(now.at, "container started");
            }
            entry.cut_quarantine_short(cap);
            effects.push(Effect::Event(event(EventKind::ContainerStarted, &name, "started", now)));
        } else if !runs && (ran || again) {
            // Also of a run that began and ended unseen.
            entry.desired.died += 1;
            effects.push(Effect::Event(event(EventKind::ContainerStopped, &name, "stopped", now)));
        }
        effects.push(Effect::Wish(id));
        effects
    }

    /// A container stopped, by its event.
    #[must_use]
    pub fn died(&mut self, id: &ContainerId) -> Vec<Effect> {
        let Some(entry) = self.entries.get_mut(id) else { return Vec::new() };
        entry.desired.died += 1;
        vec![Effect::Wish(id.clone())]
    }

    /// A container does not exist any more.
    #[must_use]
    pub fn gone(&mut self, id: &ContainerId, now: Now) -> Vec<Effect> {
        self.running.remove(id);
        self.excluded.remove(id);
        let Some(entry) = self.entries.get(id) else { return Vec::new() };
        let name = entry.info.name.clone();
        let kind = EventKind::ContainerRemoved;
        let mut effects = vec![Effect::Event(event(kind, &name, "removed", now))];
        if entry.report.flow.stored == 0 && entry.report.beat.is_none() && entry.whole {
            self.uncaptured += 1;
            let words = "came and went before its log could be read";
            effects.push(Effect::Event(event(EventKind::Uncaptured, &name, words, now)));
        }
        effects.extend(self.leave(id, Gate::Finish, now));
        effects
    }

    /// A container whose log has no end was removed while no engine ran: a monitor says so there.
    #[must_use]
    pub fn departed_before(&mut self, info: ContainerInfo, now: Now) -> Vec<Effect> {
        let id = info.id.clone();
        if self.entries.contains_key(&id) {
            return Vec::new();
        }
        let by = "removed while nothing captured it";
        self.entries.insert(id.clone(), Entry::new(Arc::new(info), by, now.at, now.wall));
        let mut effects = self.spawn(&id);
        effects.extend(self.gone(&id, now));
        effects
    }

    /// A short-lived container was created and removed before it could be inspected.
    #[must_use]
    pub fn missed(&mut self, name: &str, now: Now) -> Vec<Effect> {
        self.uncaptured += 1;
        let words = "came and went before its log could be read";
        vec![Effect::Event(event(EventKind::Uncaptured, name, words, now))]
    }

    pub(super) fn leave(&mut self, id: &ContainerId, gate: Gate, now: Now) -> Vec<Effect> {
        let Some(entry) = self.entries.get_mut(id) else { return Vec::new() };
        if entry.task == TaskState::None {
            self.forget(id);
            return Vec::new();
        }
        if entry.task != TaskState::Leaving {
            entry.task = TaskState::Leaving;
            entry.leaving_since = now.at;
        }
        entry.retry_at = None;
        // What is still on its way of a container that is gone is taken also when the engine stops.
        if entry.desired.gate != Gate::Finish {
            entry.desired.gate = gate;
        }
        vec![Effect::Wish(id.clone())]
    }

    pub(super) fn forget(&mut self, id: &ContainerId) {
        let Some(entry) = self.entries.remove(id) else { return };
        self.departed.flow.add(&entry.report.carried(Moment::default()).flow);
        self.departed.timeouts += entry.timeouts;
        self.departed.restarts += entry.restarts;
        self.departed.panics += entry.panics;
        self.departed.gaps += entry.report.gaps;
        self.departed.gaps_new += entry.report.gaps.saturating_sub(entry.report.gaps_before);
    }

    pub(super) fn spawn(&mut self, id: &ContainerId) -> Vec<Effect> {
        let Some(entry) = self.entries.get_mut(id) else { return Vec::new() };
        entry.epoch = MonitorEpoch(entry.epoch.0 + 1);
        entry.task = TaskState::Running;
        vec![Effect::Spawn(id.clone())]
    }
}

#[cfg(test)]
#[path = "containers_tests.rs"]
mod tests;
