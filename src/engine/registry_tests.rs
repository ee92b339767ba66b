//! The registry's rules, told with plain values: no task, no channel, no clock.

use super::*;
use crate::engine::handle::{Command, Targets, Verb};
use crate::engine::snapshot::Backfill;
use crate::model::{ContainerInfo, LiveSource, LogConfig, RunState, State};

pub(super) fn id(n: u8) -> ContainerId {
    ContainerId::new(format!("{n:064x}")).unwrap()
}

pub(super) fn info(n: u8, run: RunState) -> ContainerInfo {
    ContainerInfo {
        id: id(n),
        name: format!("c{n}"),
        image: "img".to_owned(),
        labels: BTreeMap::new(),
        tty: false,
        auto_remove: false,
        log_config: LogConfig { driver: "json-file".to_owned(), options: BTreeMap::new() },
        run,
        started_at: Some(Timestamp(1)),
        restart_count: 0,
        restarting: false,
    }
}

fn now(seconds: u64) -> Now {
    Now { at: Moment(Duration::from_secs(seconds)), wall: Timestamp(0) }
}

/// A registry with `n` running containers whose monitors run.
fn with(n: u8) -> Registry {
    let mut registry = Registry::new(Filter::default(), None, Timing::default());
    let _ = registry.daemon_up(now(0));
    let all = (0..n).map(|n| info(n, RunState::Running)).collect();
    let spawned = registry.reconciled(all, now(0));
    assert_eq!(spawned.iter().filter(|e| matches!(e, Effect::Spawn(_))).count(), usize::from(n));
    registry
}

fn fail(registry: &mut Registry, n: u8, at: u64) -> Vec<Effect> {
    let epoch = registry.entries[&id(n)].epoch;
    let what = Told::Failed { cause: "reset by peer".to_owned(), fault: Fault::Log };
    registry.told(&id(n), epoch, what, now(at))
}

fn live(registry: &mut Registry, n: u8, at: u64) {
    let mut report = registry.entries[&id(n)].report.clone();
    report.state = State::Live { source: LiveSource::Follow };
    registry.entries.get_mut(&id(n)).unwrap().observe(report, now(at).at);
}

fn gate(registry: &Registry, n: u8) -> Gate {
    registry.entries[&id(n)].desired.gate.clone()
}

const PROBE: Duration = Duration::from_secs(30);

#[test]
fn what_was_there_before_us_is_not_taken_whole_and_what_comes_later_is() {
    let mut registry = with(1);
    assert!(!registry.entries[&id(0)].whole);
    let _ = registry.container(info(1, RunState::Running), now(9));
    assert!(registry.entries[&id(1)].whole);
}

#[test]
fn a_failure_waits_with_growing_jitter_and_is_tried_again() {
    let mut registry = with(1);
    let effects = fail(&mut registry, 0, 10);
    assert!(effects.contains(&Effect::Wish(id(0))));
    let Gate::Hold(Waiting::Backoff { attempt: 1, retry_at }) = gate(&registry, 0) else {
        panic!("{:?}", gate(&registry, 0));
    };
    assert!(retry_at >= now(10).at.after(BACKOFF_MIN) && retry_at <= now(11).at);
    let effects = registry.tick(Vec::new(), (PROBE, now(11)));
    assert_eq!(effects, [Effect::Wish(id(0))]);
    assert_eq!(gate(&registry, 0), Gate::Open);
}

#[test]
fn five_failures_without_evidence_are_quarantine_and_still_retried() {
    let mut registry = with(1);
    for n in 0..5u64 {
        let at = 100 * n;
        let _ = fail(&mut registry, 0, at);
        if n < 4 {
            let _ = registry.tick(Vec::new(), (PROBE, now(at + 90)));
            assert_eq!(gate(&registry, 0), Gate::Open, "after failure {n}");
        }
    }
    assert!(matches!(gate(&registry, 0), Gate::Hold(Waiting::Quarantined { .. })));
    let _ = registry.tick(Vec::new(), (PROBE, now(400 + 59)));
    assert!(matches!(gate(&registry, 0), Gate::Hold(Waiting::Quarantined { .. })));
    let _ = registry.tick(Vec::new(), (PROBE, now(400 + 60)));
    assert_eq!(gate(&registry, 0), Gate::Open);
}

#[test]
fn evidence_overdue_is_a_failed_task_and_a_restart() {
    let mut registry = with(1);
    live(&mut registry, 0, 0);
    let _ = registry.tick(Vec::new(), (PROBE, now(300)));
    assert_eq!(registry.entries[&id(0)].task, TaskState::Running);
    let effects = registry.tick(Vec::new(), (PROBE, now(301)));
    assert!(effects.contains(&Effect::Abort(id(0))), "{effects:?}");
    let entry = &registry.entries[&id(0)];
    assert_eq!((entry.health, entry.timeouts), (crate::model::TaskHealth::Failed, 1));
    let effects = registry.task_ended(&id(0), &TaskEnd::Finished, now(302));
    assert_eq!(effects, [Effect::Spawn(id(0))]);
    assert_eq!(registry.entries[&id(0)].epoch, MonitorEpoch(2));
}

/// A crash loop rests longer between two runs than the timeout lasts.
#[test]
fn a_monitor_that_rested_at_its_end_owes_evidence_from_when_it_reads_again() {
    let mut registry = with(1);
    let mut enter = |state: State, at: u64| {
        let mut report = registry.entries[&id(0)].report.clone();
        report.state = state;
        registry.entries.get_mut(&id(0)).unwrap().observe(report, now(at).at);
        registry.tick(Vec::new(), (PROBE, now(at)))
    };
    let _ = enter(State::Live { source: LiveSource::Follow }, 1);
    let _ = enter(State::Ended { proof: crate::model::EndProof::Verified }, 2);
    assert_eq!(enter(State::Reading { records: 0 }, 900), []);
    // Control: from then on it does.
    assert!(enter(State::Reading { records: 0 }, 1_201).contains(&Effect::Abort(id(0))));
}

#[test]
fn a_paused_monitor_has_no_deadline_and_stays_paused_over_a_daemon_restart() {
    let mut registry = with(2);
    live(&mut registry, 0, 0);
    let pause = Command { verb: Verb::Pause, targets: Targets::Only(vec![id(0)]) };
    let (answer, _) = registry.command(&pause, now(1));
    assert_eq!((answer.done, answer.summary.as_str()), (1, "c0: paused"));
    let mut report = registry.entries[&id(0)].report.clone();
    report.state = State::Waiting { why: Waiting::Paused };
    let _ = registry.tick(vec![(id(0), report)], (PROBE, now(9_000)));
    assert_eq!(registry.entries[&id(0)].timeouts, 0);
    let _ = registry.daemon_down(now(9_001));
    let _ = registry.daemon_up(now(9_002));
    assert_eq!(gate(&registry, 0), Gate::Hold(Waiting::Paused));
    assert_eq!(gate(&registry, 1), Gate::Open);
    let resume = Command { verb: Verb::Resume, targets: Targets::All };
    let (answer, _) = registry.command(&resume, now(9_003));
    assert_eq!((answer.done, answer.refused.len()), (1, 1));
    assert_eq!(gate(&registry, 0), Gate::Open);
}

#[test]
fn a_daemon_that_is_down_is_one_failure_for_all() {
    let mut registry = with(50);
    let effects = registry.daemon_down(now(5));
    assert_eq!(effects.len(), 50);
    assert_eq!(registry.recent_failures(), 1);
    assert!((0..50).all(|n| gate(&registry, n) == Gate::Hold(Waiting::DaemonDown)));
    assert!(registry.daemon_down(now(6)).is_empty(), "told twice, done once");
    assert_eq!(registry.daemon_up(now(7)).len(), 50);
    assert!((0..50).all(|n| gate(&registry, n) == Gate::Open));
}

#[test]
fn many_failures_at_once_put_the_daemon_under_suspicion() {
    let mut registry = with(20);
    let suspected = |effects: &[Effect]| effects.contains(&Effect::SuspectDaemon);
    for n in 0..5 {
        assert!(!suspected(&fail(&mut registry, n, 10)), "failure {n}");
    }
    assert!(suspected(&fail(&mut registry, 5, 10)));
}

fn unclear(registry: &mut Registry, n: u8, at: u64) -> Vec<Effect> {
    let epoch = registry.entries[&id(n)].epoch;
    let what = Told::Failed { cause: "cut".to_owned(), fault: Fault::Unclear };
    registry.told(&id(n), epoch, what, now(at))
}

fn tells_a_failure(effects: &[Effect]) -> bool {
    let failed = |e: &Effect| matches!(e, Effect::Event(e) if e.kind == EventKind::MonitorFailed);
    effects.iter().any(failed)
}

#[test]
fn one_silence_puts_the_daemon_under_suspicion() {
    // A daemon that stands still keeps its sockets: nothing fails but by silence, and three
    // containers never make a burst.
    let mut registry = with(3);
    assert!(unclear(&mut registry, 0, 10).contains(&Effect::SuspectDaemon));
}

#[test]
fn a_cut_connection_is_told_at_the_next_attempt_unless_the_daemon_was_down() {
    let mut registry = with(1);
    assert!(!tells_a_failure(&unclear(&mut registry, 0, 10)));
    let effects = registry.tick(Vec::new(), (Duration::from_secs(30), now(60)));
    assert!(tells_a_failure(&effects), "its own failure: {effects:?}");

    let mut registry = with(1);
    let mut effects = unclear(&mut registry, 0, 10);
    effects.extend(registry.daemon_down(now(11)));
    effects.extend(registry.daemon_up(now(12)));
    effects.extend(registry.tick(Vec::new(), (Duration::from_secs(30), now(60))));
    assert!(!tells_a_failure(&effects), "the daemon's: {effects:?}");
}

#[test]
fn a_panic_is_counted_and_the_monitor_lives_on() {
    let mut registry = with(1);
    let end = TaskEnd::Panicked("index out of bounds".to_owned());
    let effects = registry.task_ended(&id(0), &end, now(3));
    assert!(effects.contains(&Effect::Spawn(id(0))));
    let entry = &registry.entries[&id(0)];
    assert_eq!((entry.panics, entry.restarts, entry.errors), (1, 1, 1));
    assert!(entry.failure.as_ref().unwrap().cause.contains("index out of bounds"));
}

#[test]
fn an_older_incarnation_is_not_listened_to() {
    let mut registry = with(1);
    let what = Told::Failed { cause: "late".to_owned(), fault: Fault::Log };
    assert!(registry.told(&id(0), MonitorEpoch(0), what, now(1)).is_empty());
    assert_eq!(gate(&registry, 0), Gate::Open);
}

#[test]
fn a_container_that_is_gone_takes_its_monitor_along_but_not_its_counts() {
    let mut registry = with(1);
    registry.entries.get_mut(&id(0)).unwrap().report.flow.stored = 7;
    registry.entries.get_mut(&id(0)).unwrap().report.flow.received = 7;
    let effects = registry.gone(&id(0), now(4));
    assert!(effects.contains(&Effect::Wish(id(0))));
    assert_eq!(gate(&registry, 0), Gate::Finish, "what is on its way is kept");
    assert!(registry.task_ended(&id(0), &TaskEnd::Finished, now(5)).is_empty());
    assert!(registry.is_empty());
    assert_eq!(registry.departed.flow.stored, 7);
}

#[test]
fn commands_say_why_they_cannot_be_done() {
    let mut registry = with(1);
    let give = |registry: &mut Registry, verb| {
        registry.command(&Command { verb, targets: Targets::All }, now(1)).0.summary
    };
    assert_eq!(give(&mut registry, Verb::Resume), "c0: it is not paused");
    assert_eq!(give(&mut registry, Verb::Acknowledge), "c0: there is no failure to acknowledge");
    assert_eq!(give(&mut registry, Verb::Backfill), "c0: no older history is known to exist");
    assert!(give(&mut registry, Verb::Reopen).contains("no stream to reopen"));
    registry.entries.get_mut(&id(0)).unwrap().report.backfill = Backfill::Available;
    assert_eq!(give(&mut registry, Verb::Backfill), "c0: fetching older history");
    let gone = Command { verb: Verb::Pause, targets: Targets::Only(vec![id(9)]) };
    assert!(registry.command(&gone, now(1)).0.summary.contains("no such monitor"));
}

#[test]
fn we_never_capture_ourselves() {
    let mut registry = Registry::new(Filter::default(), Some(id(0)), Timing::default());
    assert!(registry.container(info(0, RunState::Running), now(0)).is_empty());
    assert_eq!(registry.excluded[&id(0)].why, "this is logcap-tui itself");
}
