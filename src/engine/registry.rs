//! The registry: every decision about monitors, as a state machine of plain values.
//!
//! It is told what happened and when, and returns what to do; the supervisor does it. It holds no
//! channel, reads no clock and starts nothing, so every rule below can be tested with plain values.

mod containers;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::entry::{Entry, TaskState};
use super::orders::{Fault, Gate, Told};
use super::report::MonitorReport;
use super::snapshot::{Excluded, Failure, RecentFailure};
use crate::config::Filter;
use crate::model::{
    Away, ContainerId, EventKind, Moment, MonitorEpoch, TimelineEvent, Timestamp, Timing, Waiting,
};

/// First wait after a failure.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// Failures in a row without evidence after which retries become slow.
const QUARANTINE_AFTER: u32 = 5;
/// Failures within this time count as one cause when they are many.
const BURST: Duration = Duration::from_secs(5);
/// Failures are counted on screen for this long.
const FAILURES_SHOWN: Duration = Duration::from_mins(5);
/// A task that was told to stop and did not is aborted after this.
pub(super) const STOP_WITHIN: Duration = Duration::from_secs(5);

/// The two readings of the clock that every decision gets.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Monotonic.
    pub at: Moment,
    /// Wall clock.
    pub wall: Timestamp,
}

/// What the supervisor is to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Start the monitor's task.
    Spawn(ContainerId),
    /// Tell the monitor what is wanted now.
    Wish(ContainerId),
    /// End the task without waiting for it.
    Abort(ContainerId),
    /// Put this on the timeline.
    Event(TimelineEvent),
    /// Ask the daemon whether it is there.
    SuspectDaemon,
}

/// How a monitor's task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskEnd {
    /// By order.
    Finished,
    /// By a panic, with its message.
    Panicked(String),
}

/// All monitors.
#[derive(Debug)]
pub struct Registry {
    pub(super) entries: BTreeMap<ContainerId, Entry>,
    pub(super) excluded: BTreeMap<ContainerId, Excluded>,
    pub(super) running: BTreeMap<ContainerId, bool>,
    pub(super) ready: bool,
    pub(super) uncaptured: u64,
    /// Counts of monitors that are gone, so that sums never fall.
    pub(super) departed: super::snapshot::Totals,
    filter: Filter,
    own: Option<ContainerId>,
    timing: Timing,
    daemon_up: bool,
    failures: VecDeque<RecentFailure>,
}

impl Registry {
    /// An empty registry. `own` is the container that this program itself runs in.
    pub fn new(filter: Filter, own: Option<ContainerId>, timing: Timing) -> Self {
        Self {
            entries: BTreeMap::new(),
            excluded: BTreeMap::new(),
            running: BTreeMap::new(),
            ready: false,
            uncaptured: 0,
            departed: super::snapshot::Totals::default(),
            filter,
            own,
            timing,
            daemon_up: false,
            failures: VecDeque::new(),
        }
    }

    /// Number of monitors, each of which has exactly one task.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no monitor.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Failures that the screen still counts.
    pub(super) fn recent_failures(&self) -> u64 {
        self.failures.len() as u64
    }

    /// The newest of them, oldest first.
    pub(super) fn newest_failures(&self) -> Vec<RecentFailure> {
        const SHOWN: usize = 12;
        self.failures.iter().skip(self.failures.len().saturating_sub(SHOWN)).cloned().collect()
    }

    fn failed_lately(&mut self, who: &str, cause: &str, now: Now) {
        let (who, cause) = (who.to_owned(), cause.to_owned());
        self.failures.push_back(RecentFailure { at: now.at, who, cause });
    }

    fn reason_to_wait(&self) -> Option<Waiting> {
        (!self.daemon_up).then_some(Waiting::DaemonDown)
    }

    /// The daemon answers again, or for the first time.
    #[must_use]
    pub fn daemon_up(&mut self, now: Now) -> Vec<Effect> {
        self.daemon_up = true;
        self.release(&Waiting::DaemonDown, "the daemon answers again", now)
    }

    /// The daemon does not answer: every monitor waits, as one failure.
    #[must_use]
    pub fn daemon_down(&mut self, now: Now) -> Vec<Effect> {
        if !self.daemon_up {
            return Vec::new();
        }
        self.daemon_up = false;
        let mut effects = Vec::new();
        for (id, entry) in &mut self.entries {
            // What was held back as perhaps the daemon's failure is this one, and counts once.
            if entry.untold.take().is_some() {
                self.failures.pop_back();
            }
            if !entry.paused && !entry.desired.gate.is_last() {
                entry.retry_at = None;
                entry.hold(Waiting::DaemonDown, "the daemon does not answer");
                effects.push(Effect::Wish(id.clone()));
            }
        }
        self.failed_lately("Docker", "the daemon does not answer", now);
        effects
    }

    fn release(&mut self, from: &Waiting, cause: &str, now: Now) -> Vec<Effect> {
        if self.reason_to_wait().is_some() {
            return Vec::new();
        }
        let mut effects = Vec::new();
        for (id, entry) in &mut self.entries {
            if entry.desired.gate == Gate::Hold(from.clone()) {
                entry.attempt = 0;
                entry.open(now.at, cause);
                effects.push(Effect::Wish(id.clone()));
            }
        }
        effects
    }

    /// A monitor told something.
    #[must_use]
    pub fn told(
        &mut self,
        id: &ContainerId,
        epoch: MonitorEpoch,
        what: Told,
        now: Now,
    ) -> Vec<Effect> {
        let Some(entry) = self.entries.get_mut(id).filter(|entry| entry.epoch == epoch) else {
            return Vec::new();
        };
        match what {
            Told::Failed { cause, fault } => self.failed(id, &cause, fault, now),
            Told::Note(kind, cause) => {
                cause.clone_into(&mut entry.cause);
                let log = entry.report.log;
                let mut event = event(kind, &entry.info.name, &cause, now);
                event.log = log;
                vec![Effect::Event(event)]
            }
            Told::Ended(_) => {
                "the log has ended".clone_into(&mut entry.cause);
                Vec::new()
            }
            Told::Unreadable => {
                "the driver cannot be read".clone_into(&mut entry.cause);
                Vec::new()
            }
            Told::Gone => Vec::new(),
        }
    }

    fn failed(&mut self, id: &ContainerId, cause: &str, fault: Fault, now: Now) -> Vec<Effect> {
        let waiting = self.reason_to_wait();
        let (cap, slow) = (self.timing.backoff_cap.get(), self.timing.quarantine.get());
        let Some(entry) = self.entries.get_mut(id) else { return Vec::new() };
        if entry.desired.gate != Gate::Open {
            return Vec::new();
        }
        // The first time it is taken for what everybody will see: one failure of the daemon.
        let excused = fault == Fault::Daemon && entry.attempt == 0;
        entry.errors += u64::from(!excused);
        entry.attempt += 1;
        entry.failed_at = Some(now.at);
        entry.away = match fault {
            Fault::Daemon => Away::DaemonDown,
            Fault::Store => Away::StoreBlocked,
            Fault::Log | Fault::Unclear => entry.away,
        };
        let attempt = entry.attempt;
        if !excused {
            entry.failure = Some(Failure { cause: cause.to_owned(), at: now.at, attempt });
        }
        let why = match (waiting, fault) {
            (Some(why), _) => why,
            (None, Fault::Store) => Waiting::StoreBlocked,
            (None, _) if attempt >= QUARANTINE_AFTER => {
                Waiting::Quarantined { retry_at: now.at.after(slow) }
            }
            (None, _) => {
                Waiting::Backoff { attempt, retry_at: now.at.after(backoff(id, attempt, cap)) }
            }
        };
        entry.retry_at = match &why {
            Waiting::Backoff { retry_at, .. } | Waiting::Quarantined { retry_at } => {
                Some(*retry_at)
            }
            Waiting::StoreBlocked => Some(now.at.after(backoff(id, attempt, cap))),
            _ => None,
        };
        let quarantined = matches!(why, Waiting::Quarantined { .. });
        entry.hold(why, cause);
        let name = entry.info.name.clone();
        let kind =
            if quarantined { EventKind::MonitorQuarantined } else { EventKind::MonitorFailed };
        let told = event(kind, &name, cause, now);
        let unclear = matches!(fault, Fault::Daemon | Fault::Unclear);
        let mut effects = vec![Effect::Wish(id.clone())];
        if !excused {
            // Whose failure an unclear one is shows when the daemon was asked.
            if unclear && !quarantined {
                entry.untold = Some(told);
            } else {
                effects.push(Effect::Event(told));
            }
            self.failed_lately(&name, cause, now);
        }
        if unclear || self.is_burst(now) {
            effects.push(Effect::SuspectDaemon);
        }
        effects
    }

    /// More than max(5, 20 %) of all monitors failed within five seconds: not their fault.
    fn is_burst(&self, now: Now) -> bool {
        let lately =
            self.failures.iter().filter(|failure| now.at.since(failure.at) <= BURST).count();
        lately > (self.entries.len() / 5).max(5)
    }

    /// A monitor's task ended.
    #[must_use]
    pub fn task_ended(&mut self, id: &ContainerId, end: &TaskEnd, now: Now) -> Vec<Effect> {
        let Some(entry) = self.entries.get_mut(id) else { return Vec::new() };
        let leaving = entry.task == TaskState::Leaving;
        let replacing = entry.task == TaskState::Replacing;
        entry.task = TaskState::None;
        entry.report = entry.report.carried(now.at);
        if leaving {
            self.forget(id);
            return Vec::new();
        }
        let mut effects = Vec::new();
        let name = entry.info.name.clone();
        if let TaskEnd::Panicked(message) = end {
            entry.panics += 1;
            entry.restarts += 1;
            let cause = format!("panicked: {message}");
            effects.push(Effect::Event(event(EventKind::MonitorPanicked, &name, &cause, now)));
            if !entry.paused {
                entry.desired.gate = Gate::Open;
            }
            effects.extend(self.failed(id, &cause, Fault::Log, now));
        } else if !replacing {
            // A monitor never ends by itself; if one does, that is a failure like any other.
            entry.restarts += 1;
            let cause = "the monitor's task ended by itself";
            effects.push(Effect::Event(event(EventKind::MonitorRestarted, &name, cause, now)));
            effects.extend(self.failed(id, cause, Fault::Log, now));
        }
        effects.extend(self.spawn(id));
        effects
    }

    /// Ends the task and starts another from the stored cursor.
    fn replace(entry: &mut Entry, cause: &str, now: Now) -> Option<Effect> {
        if entry.task != TaskState::Running {
            return None;
        }
        entry.task = TaskState::Replacing;
        entry.restarts += 1;
        entry.active_since = now.at;
        cause.clone_into(&mut entry.cause);
        Some(Effect::Abort(entry.info.id.clone()))
    }

    /// Time passed; `reports` are the newest of each monitor that told something.
    #[must_use]
    pub fn tick(
        &mut self,
        reports: Vec<(ContainerId, MonitorReport)>,
        (probe, now): (Duration, Now),
    ) -> Vec<Effect> {
        let timeout = self.timeout(probe);
        for (id, report) in reports {
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.observe(report, now.at);
            }
        }
        while self.failures.front().is_some_and(|f| now.at.since(f.at) > FAILURES_SHOWN) {
            self.failures.pop_front();
        }
        let mut effects = Vec::new();
        for (id, entry) in &mut self.entries {
            entry.roll_second(now.at);
            entry.name_state((now.at, now.wall), (probe, timeout));
            if entry.task == TaskState::Leaving && now.at.since(entry.leaving_since) > STOP_WITHIN {
                effects.push(Effect::Abort(id.clone()));
                continue;
            }
            if entry.retry_at.is_some_and(|at| now.at >= at) {
                entry.open(now.at, "trying again");
                effects.extend(entry.untold.take().map(Effect::Event));
                effects.push(Effect::Wish(id.clone()));
            }
            if entry.deadline(timeout).is_some_and(|deadline| now.at > deadline)
                && let Some(abort) = Self::replace(entry, "no evidence before the deadline", now)
            {
                entry.timeouts += 1;
                entry.failed_at = Some(now.at);
                let cause = format!("no evidence for {}", humantime::format_duration(timeout));
                let attempt = entry.attempt + 1;
                entry.failure = Some(Failure { cause: cause.clone(), at: now.at, attempt });
                let name = entry.info.name.clone();
                let event = event(EventKind::Timeout, &name, &cause, now);
                effects.extend([Effect::Event(event), abort]);
                self.failures.push_back(RecentFailure { at: now.at, who: name, cause });
            }
        }
        effects
    }

    /// The task timeout, stretched like the probe interval.
    pub fn timeout(&self, probe: Duration) -> Duration {
        let base = self.timing.probe.get().as_nanos().max(1);
        let factor = u32::try_from(probe.as_nanos() / base).unwrap_or(1).max(1);
        self.timing.timeout.get() * factor
    }

    /// Every monitor is to commit what it has and end.
    #[must_use]
    pub fn stop_all(&mut self, now: Now) -> Vec<Effect> {
        let ids: Vec<ContainerId> = self.entries.keys().cloned().collect();
        ids.iter().flat_map(|id| self.leave(id, Gate::Stop, now)).collect()
    }

    /// One entry, to be changed by a command.
    pub(super) fn entry_mut(&mut self, id: &ContainerId) -> Option<&mut Entry> {
        self.entries.get_mut(id)
    }

    /// Lets a monitor capture again, unless everybody has to wait.
    pub(super) fn resume(&mut self, id: &ContainerId, now: Now) {
        let waiting = self.reason_to_wait();
        let Some(entry) = self.entries.get_mut(id) else { return };
        match waiting {
            Some(why) => entry.hold(why, "resumed"),
            None => entry.open(now.at, "resumed"),
        }
    }

    /// Ends a monitor's task and starts another, by order.
    pub(super) fn restart(&mut self, id: &ContainerId, now: Now) -> Option<Effect> {
        let waiting = self.reason_to_wait();
        let entry = self.entries.get_mut(id).filter(|e| e.task == TaskState::Running)?;
        entry.attempt = 0;
        entry.paused = false;
        match waiting {
            Some(why) => entry.hold(why, "restarted by order"),
            None => entry.open(now.at, "restarted by order"),
        }
        Self::replace(entry, "restarted by order", now)
    }
}

/// A timeline row without a log.
pub(super) fn event(kind: EventKind, container: &str, cause: &str, now: Now) -> TimelineEvent {
    let (container, cause) = (container.to_owned(), cause.to_owned());
    TimelineEvent { ts: now.wall, kind, log: None, container, cause }
}

/// Full jitter between the minimum and a cap that doubles with each attempt. The jitter comes from
/// the id and the attempt, so that a run can be replayed.
fn backoff(id: &ContainerId, attempt: u32, cap: Duration) -> Duration {
    let ceiling = BACKOFF_MIN.saturating_mul(1 << attempt.min(12)).min(cap).max(BACKOFF_MIN);
    let hash = xxhash_rust::xxh3::xxh3_64_with_seed(id.as_str().as_bytes(), attempt.into());
    let share = u32::try_from(hash % 1024).unwrap_or(0);
    BACKOFF_MIN + ceiling.saturating_sub(BACKOFF_MIN) * share / 1024
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "registry_properties.rs"]
mod properties;
