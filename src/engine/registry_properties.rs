//! The registry under any sequence of events, orders and task ends: no invalid transition, no task
//! lost or doubled, nobody waits for ever. A failing sequence is shrunk to its shortest.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::tests::{id, info};
use super::*;
use crate::engine::handle::{Command, Targets, Verb};
use crate::model::{LiveSource, RunState, State};

const CONTAINERS: u8 = 3;
const PROBE: Duration = Duration::from_secs(30);

/// One thing that happens.
#[derive(Debug, Clone)]
enum Happens {
    Time(u64),
    Daemon(bool),
    Seen(u8, bool),
    Listed(Vec<bool>),
    Died(u8),
    Gone(u8),
    Failed(u8, Fault, bool),
    Told(u8, bool),
    TaskEnds(u8, bool),
    Ordered(Option<u8>, Verb),
}

fn anything() -> impl Strategy<Value = Happens> {
    let who = || 0..CONTAINERS;
    let fault =
        || prop::sample::select(vec![Fault::Daemon, Fault::Store, Fault::Log, Fault::Unclear]);
    let verb = prop::sample::select(vec![
        Verb::Pause,
        Verb::Resume,
        Verb::Restart,
        Verb::Reopen,
        Verb::Acknowledge,
        Verb::Backfill,
    ]);
    prop_oneof![
        4 => (0..400_u64).prop_map(Happens::Time),
        2 => any::<bool>().prop_map(Happens::Daemon),
        4 => (who(), any::<bool>()).prop_map(|(n, runs)| Happens::Seen(n, runs)),
        1 => prop::collection::vec(any::<bool>(), usize::from(CONTAINERS)).prop_map(Happens::Listed),
        1 => who().prop_map(Happens::Died),
        2 => who().prop_map(Happens::Gone),
        4 => (who(), fault(), any::<bool>()).prop_map(|(n, f, old)| Happens::Failed(n, f, old)),
        2 => (who(), any::<bool>()).prop_map(|(n, live)| Happens::Told(n, live)),
        3 => (who(), any::<bool>()).prop_map(|(n, panic)| Happens::TaskEnds(n, panic)),
        4 => (prop::option::of(who()), verb).prop_map(|(n, verb)| Happens::Ordered(n, verb)),
    ]
}

fn run(runs: bool) -> RunState {
    if runs { RunState::Running } else { RunState::Exited }
}

/// The registry, the tasks that it asked for, and the time.
struct World {
    registry: Registry,
    tasks: BTreeSet<ContainerId>,
    seconds: u64,
}

impl World {
    fn new() -> Self {
        let registry = Registry::new(Filter::default(), None, Timing::default());
        Self { registry, tasks: BTreeSet::new(), seconds: 1 }
    }

    fn now(&self) -> Now {
        Now { at: Moment(Duration::from_secs(self.seconds)), wall: Timestamp(0) }
    }

    fn happens(&mut self, what: &Happens) -> Result<(), TestCaseError> {
        let now = self.now();
        let registry = &mut self.registry;
        let effects = match what {
            Happens::Time(more) => {
                self.seconds += more;
                let now = self.now();
                self.registry.tick(Vec::new(), (PROBE, now))
            }
            Happens::Daemon(true) => registry.daemon_up(now),
            Happens::Daemon(false) => registry.daemon_down(now),
            Happens::Seen(n, runs) => registry.container(info(*n, run(*runs)), now),
            Happens::Listed(which) => {
                let listed = (0..).zip(which).filter(|(_, there)| **there);
                let containers = listed.map(|(n, _)| info(n, run(true))).collect();
                registry.reconciled(containers, Vec::new(), now)
            }
            Happens::Died(n) => registry.died(&id(*n)),
            Happens::Gone(n) => registry.gone(&id(*n), now),
            Happens::Failed(n, fault, old) => {
                let epoch = registry.entries.get(&id(*n)).map_or(MonitorEpoch(0), |e| e.epoch);
                let epoch = MonitorEpoch(epoch.0.saturating_sub(u64::from(*old)));
                let what = Told::Failed { cause: "x".to_owned(), fault: *fault };
                let effects = registry.told(&id(*n), epoch, what, now);
                prop_assert!(!old || effects.is_empty(), "an older incarnation was heard");
                effects
            }
            Happens::Told(n, live) => {
                let Some(entry) = registry.entries.get_mut(&id(*n)) else { return Ok(()) };
                let mut report = entry.report.clone();
                report.state = if *live {
                    State::Live { source: LiveSource::Follow }
                } else {
                    State::Reading { records: 1 }
                };
                entry.observe(report, now.at);
                Vec::new()
            }
            Happens::TaskEnds(n, panic) => {
                let end =
                    if *panic { TaskEnd::Panicked("x".to_owned()) } else { TaskEnd::Finished };
                return self.end(&id(*n), &end);
            }
            Happens::Ordered(n, verb) => {
                let targets = n.map_or(Targets::All, |n| Targets::Only(vec![id(n)]));
                registry.command(&Command { verb: *verb, targets }, now).1
            }
        };
        self.perform(effects)
    }

    fn end(&mut self, id: &ContainerId, end: &TaskEnd) -> Result<(), TestCaseError> {
        if !self.tasks.remove(id) {
            return Ok(());
        }
        let effects = self.registry.task_ended(id, end, self.now());
        self.perform(effects)
    }

    fn perform(&mut self, effects: Vec<Effect>) -> Result<(), TestCaseError> {
        for effect in effects {
            match effect {
                Effect::Spawn(id) => prop_assert!(self.tasks.insert(id), "a second task"),
                Effect::Abort(id) => prop_assert!(self.tasks.contains(&id), "no task to abort"),
                Effect::Wish(_) | Effect::Event(_) | Effect::SuspectDaemon => {}
            }
        }
        self.hold_the_rules()
    }

    fn hold_the_rules(&self) -> Result<(), TestCaseError> {
        let entries: BTreeSet<_> = self.registry.entries.keys().cloned().collect();
        prop_assert_eq!(&entries, &self.tasks, "monitors and tasks");
        for entry in self.registry.entries.values() {
            let gate = &entry.desired.gate;
            prop_assert!(entry.task != TaskState::None);
            prop_assert_eq!(entry.task == TaskState::Leaving, gate.is_last(), "{:?}", entry);
            prop_assert!(entry.retry_at.is_none() || matches!(gate, Gate::Hold(_)));
            let held_by_user = *gate == Gate::Hold(Waiting::Paused);
            prop_assert_eq!(entry.paused && !gate.is_last(), held_by_user, "{:?}", entry);
            if gate.is_last() || held_by_user {
                continue;
            }
            let down = *gate == Gate::Hold(Waiting::DaemonDown);
            prop_assert_eq!(down, !self.registry.daemon_up, "{:?}", entry);
            let waits = matches!(gate, Gate::Hold(_)) && !down;
            prop_assert_eq!(waits, entry.retry_at.is_some(), "nobody waits for ever: {:?}", entry);
        }
        Ok(())
    }

    /// Everything gets well again: whoever is not held by the user captures.
    fn heals(&mut self) -> Result<(), TestCaseError> {
        self.happens(&Happens::Daemon(true))?;
        for n in 0..CONTAINERS {
            let entry = self.registry.entries.get(&id(n));
            // A task that was told to end does.
            if entry.is_some_and(|e| matches!(e.task, TaskState::Leaving | TaskState::Replacing)) {
                self.end(&id(n), &TaskEnd::Finished)?;
            }
        }
        self.happens(&Happens::Time(3_600))?;
        for entry in self.registry.entries.values() {
            prop_assert!(entry.paused || entry.desired.gate == Gate::Open, "{:?}", entry);
        }
        let effects = self.registry.stop_all(self.now());
        self.perform(effects)?;
        for n in 0..CONTAINERS {
            self.end(&id(n), &TaskEnd::Finished)?;
        }
        prop_assert!(self.registry.is_empty() && self.tasks.is_empty());
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]
    #[test]
    fn no_sequence_breaks_a_rule(sequence in prop::collection::vec(anything(), 0..40)) {
        let mut world = World::new();
        for what in &sequence {
            world.happens(what)?;
        }
        world.heals()?;
    }
}
