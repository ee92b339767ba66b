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
        created: None,
        started_at: Some(Timestamp(1)),
        restart_count: 0,
        restarting: false,
    }
}

pub(super) fn now(seconds: u64) -> Now {
    Now { at: Moment(Duration::from_secs(seconds)), wall: Timestamp(0) }
}

/// A registry with `n` running containers whose monitors run.
pub(super) fn with(n: u8) -> Registry {
    let mut registry = Registry::new(Filter::default(), None, Timing::default());
    let _ = registry.daemon_up(now(0));
    let all = (0..n).map(|n| info(n, RunState::Running)).collect();
    let spawned = registry.reconciled(all, Vec::new(), now(0));
    assert_eq!(spawned.iter().filter(|e| matches!(e, Effect::Spawn(_))).count(), usize::from(n));
    registry
}

pub(super) fn fail(registry: &mut Registry, n: u8, at: u64) -> Vec<Effect> {
    let epoch = registry.entries[&id(n)].epoch;
    let what = Told::Failed { cause: "reset by peer".to_owned(), fault: Fault::Log };
    registry.told(&id(n), epoch, what, now(at))
}

pub(super) fn live(registry: &mut Registry, n: u8, at: u64) {
    let mut report = registry.entries[&id(n)].report.clone();
    report.state = State::Live { source: LiveSource::Follow };
    registry.entries.get_mut(&id(n)).unwrap().observe(report, now(at).at);
}

pub(super) fn gate(registry: &Registry, n: u8) -> Gate {
    registry.entries[&id(n)].desired.gate.clone()
}

pub(super) const PROBE: Duration = Duration::from_secs(30);

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

fn entry(registry: &Registry, n: u8) -> &Entry {
    &registry.entries[&id(n)]
}

fn events(effects: &[Effect]) -> Vec<EventKind> {
    let kind = |effect: &Effect| match effect {
        Effect::Event(event) => Some(event.kind),
        _ => None,
    };
    effects.iter().filter_map(kind).collect()
}

fn fail_of(registry: &mut Registry, n: u8, fault: Fault, at: u64) -> Vec<Effect> {
    let what = Told::Failed { cause: "no answer".to_owned(), fault };
    registry.told(&id(n), entry(registry, n).epoch, what, now(at))
}

#[test]
fn the_first_failure_of_the_daemon_is_nobodys_and_the_second_in_a_row_is_told() {
    let mut registry = with(1);
    let effects = fail_of(&mut registry, 0, Fault::Daemon, 10);
    assert_eq!(effects, [Effect::Wish(id(0)), Effect::SuspectDaemon]);
    assert_eq!((entry(&registry, 0).errors, registry.recent_failures()), (0, 0));
    assert_eq!((entry(&registry, 0).failure.as_ref(), entry(&registry, 0).attempt), (None, 1));
    assert_eq!(events(&registry.tick(Vec::new(), (PROBE, now(20)))), []);
    let _ = fail_of(&mut registry, 0, Fault::Daemon, 30);
    assert_eq!((entry(&registry, 0).errors, registry.recent_failures()), (1, 1));
    assert_eq!(entry(&registry, 0).failure.as_ref().unwrap().attempt, 2);
    let told = registry.tick(Vec::new(), (PROBE, now(60)));
    assert_eq!(events(&told), [EventKind::MonitorFailed]);
}

#[test]
fn a_failure_of_its_own_is_told_at_once_and_shown() {
    let mut registry = with(1);
    let effects = fail(&mut registry, 0, 10);
    assert_eq!(events(&effects), [EventKind::MonitorFailed]);
    assert!(!effects.contains(&Effect::SuspectDaemon));
    let failure = entry(&registry, 0).failure.clone().unwrap();
    assert_eq!(
        (failure.cause.as_str(), failure.at, failure.attempt),
        ("reset by peer", now(10).at, 1)
    );
    assert_eq!(entry(&registry, 0).errors, 1);
    // What waits cannot fail again: what it tells is late.
    assert_eq!(fail(&mut registry, 0, 10), []);
    assert_eq!(entry(&registry, 0).errors, 1);
}

#[test]
fn quarantine_is_told_at_once_whosever_failure_it_is() {
    let mut registry = with(1);
    for n in 1..=4 {
        let _ = fail_of(&mut registry, 0, Fault::Unclear, 100 * n);
        let _ = registry.tick(Vec::new(), (PROBE, now(100 * n + 60)));
    }
    let effects = fail_of(&mut registry, 0, Fault::Unclear, 500);
    assert_eq!(events(&effects), [EventKind::MonitorQuarantined]);
    assert!(effects.contains(&Effect::SuspectDaemon));
}

#[test]
fn a_store_that_refuses_holds_a_monitor_that_tries_again() {
    let mut registry = with(1);
    for n in 1..=9 {
        let _ = fail_of(&mut registry, 0, Fault::Store, 100 * n);
        assert_eq!(gate(&registry, 0), Gate::Hold(Waiting::StoreBlocked), "never quarantined");
        let _ = registry.tick(Vec::new(), (PROBE, now(100 * n + 31)));
        assert_eq!(gate(&registry, 0), Gate::Open, "after failure {n}");
    }
}

#[test]
fn a_gap_will_say_where_capture_was_meanwhile() {
    let away = |fault| {
        let mut registry = with(1);
        let _ = fail_of(&mut registry, 0, fault, 1);
        entry(&registry, 0).away
    };
    assert_eq!(away(Fault::Daemon), Away::DaemonDown);
    assert_eq!(away(Fault::Store), Away::StoreBlocked);
    assert_eq!(away(Fault::Log), Away::NotRunning, "as before");
}

#[test]
fn a_daemon_that_is_down_holds_neither_the_paused_nor_the_leaving() {
    let mut registry = with(3);
    let pause = Command { verb: Verb::Pause, targets: Targets::Only(vec![id(0)]) };
    let _ = registry.command(&pause, now(1));
    let _ = registry.gone(&id(1), now(1));
    assert_eq!(registry.daemon_down(now(2)), [Effect::Wish(id(2))]);
    assert_eq!(gate(&registry, 0), Gate::Hold(Waiting::Paused));
    assert_eq!(gate(&registry, 1), Gate::Finish);
    assert_eq!(gate(&registry, 2), Gate::Hold(Waiting::DaemonDown));
    // Whoever is resumed or restarted meanwhile waits like the others.
    let resume = Command { verb: Verb::Resume, targets: Targets::Only(vec![id(0)]) };
    let _ = registry.command(&resume, now(3));
    assert_eq!(gate(&registry, 0), Gate::Hold(Waiting::DaemonDown));
    let restart = Command { verb: Verb::Restart, targets: Targets::Only(vec![id(2)]) };
    let _ = registry.command(&restart, now(3));
    assert_eq!(gate(&registry, 2), Gate::Hold(Waiting::DaemonDown));
}

#[test]
fn what_was_held_back_is_the_daemons_and_counted_once() {
    let mut registry = with(2);
    let _ = unclear(&mut registry, 0, 10);
    let _ = unclear(&mut registry, 1, 10);
    assert_eq!(registry.recent_failures(), 2);
    let _ = registry.daemon_down(now(11));
    assert_eq!(registry.recent_failures(), 1);
    let newest = registry.newest_failures();
    assert_eq!((newest[0].who.as_str(), newest[0].at), ("Docker", now(11).at));
    // A failure behind it is late news of the same.
    assert_eq!(registry.recent_failures(), 1);
}

#[test]
fn failures_are_shown_for_five_minutes_and_the_newest_twelve_by_name() {
    let mut registry = with(20);
    for n in 0..15 {
        let _ = fail(&mut registry, n, u64::from(n));
    }
    assert_eq!(registry.recent_failures(), 15);
    let who: Vec<String> = registry.newest_failures().into_iter().map(|f| f.who).collect();
    let expected: Vec<String> = (3..15).map(|n| format!("c{n}")).collect();
    assert_eq!(who, expected);
    let _ = registry.tick(Vec::new(), (PROBE, now(300)));
    assert_eq!(registry.recent_failures(), 15, "the first is five minutes old");
    let _ = registry.tick(Vec::new(), (PROBE, now(301)));
    assert_eq!(registry.recent_failures(), 14);
    let _ = registry.tick(Vec::new(), (PROBE, now(900)));
    assert_eq!(registry.recent_failures(), 0);
}

#[test]
fn a_burst_is_more_than_a_fifth_of_all_within_five_seconds() {
    let suspected = |monitors: u8, failures: &[(u8, u64)]| {
        let mut registry = with(monitors);
        let failed = failures.iter().map(|&(n, at)| fail(&mut registry, n, at));
        failed.last().unwrap().contains(&Effect::SuspectDaemon)
    };
    let at_once = |count: u8| -> Vec<(u8, u64)> { (0..count).map(|n| (n, 10)).collect() };
    assert!(!suspected(50, &at_once(10)));
    assert!(suspected(50, &at_once(11)));
    assert!(suspected(50, &at_once(12)));
    assert!(!suspected(3, &at_once(3)), "six at least");
    let mut over_time = at_once(6);
    over_time[5].1 = 15;
    assert!(suspected(20, &over_time), "the first is five seconds old");
    over_time[5].1 = 16;
    assert!(!suspected(20, &over_time));
}

#[test]
fn a_task_that_ends_by_itself_is_a_failure_and_is_started_again() {
    let mut registry = with(1);
    let effects = registry.task_ended(&id(0), &TaskEnd::Finished, now(3));
    assert_eq!(events(&effects), [EventKind::MonitorRestarted, EventKind::MonitorFailed]);
    assert_eq!(effects.last(), Some(&Effect::Spawn(id(0))));
    assert_eq!((entry(&registry, 0).restarts, entry(&registry, 0).errors), (1, 1));
    assert_eq!(entry(&registry, 0).panics, 0);
    assert!(matches!(gate(&registry, 0), Gate::Hold(Waiting::Backoff { .. })));
}

#[test]
fn a_panic_does_not_end_a_pause_but_ends_a_wait() {
    let panicked = TaskEnd::Panicked("overflow".to_owned());
    let mut registry = with(2);
    let pause = Command { verb: Verb::Pause, targets: Targets::Only(vec![id(0)]) };
    let _ = registry.command(&pause, now(1));
    let effects = registry.task_ended(&id(0), &panicked, now(2));
    assert_eq!(events(&effects), [EventKind::MonitorPanicked]);
    assert_eq!(gate(&registry, 0), Gate::Hold(Waiting::Paused));
    // A panic while it waits is a failure of its own: the wait begins again, and longer.
    let _ = fail(&mut registry, 1, 3);
    let _ = registry.task_ended(&id(1), &panicked, now(3));
    assert!(matches!(gate(&registry, 1), Gate::Hold(Waiting::Backoff { attempt: 2, .. })));
    assert_eq!(entry(&registry, 1).panics, 1);
}

#[test]
fn an_order_to_restart_replaces_the_task_once() {
    let mut registry = with(1);
    let restart = Command { verb: Verb::Restart, targets: Targets::All };
    let _ = fail(&mut registry, 0, 1);
    let (answer, effects) = registry.command(&restart, now(2));
    assert_eq!((answer.done, effects.last()), (1, Some(&Effect::Abort(id(0)))));
    assert_eq!((entry(&registry, 0).restarts, entry(&registry, 0).attempt), (1, 0));
    assert_eq!(gate(&registry, 0), Gate::Open);
    let (answer, effects) = registry.command(&restart, now(3));
    assert_eq!((answer.done, effects), (0, vec![]), "it is being restarted already");
    // The end that was ordered is no failure.
    let effects = registry.task_ended(&id(0), &TaskEnd::Finished, now(4));
    assert_eq!(effects, [Effect::Spawn(id(0))]);
    assert_eq!((entry(&registry, 0).restarts, entry(&registry, 0).errors), (1, 1));
}

#[test]
fn a_timeout_is_counted_told_and_shown() {
    let mut registry = with(1);
    live(&mut registry, 0, 0);
    let effects = registry.tick(Vec::new(), (PROBE, now(301)));
    assert_eq!(events(&effects), [EventKind::Timeout]);
    let shown = entry(&registry, 0);
    assert_eq!((shown.timeouts, shown.restarts, registry.recent_failures()), (1, 1, 1));
    let failure = shown.failure.clone().unwrap();
    assert_eq!((failure.cause.as_str(), failure.attempt), ("no evidence for 5m", 1));
    // Told once, while the task ends.
    assert_eq!(registry.tick(Vec::new(), (PROBE, now(999))), []);
}

#[test]
fn the_timeout_is_stretched_like_the_probe_interval() {
    let registry = with(0);
    let timeout = |seconds| registry.timeout(Duration::from_secs(seconds)).as_secs();
    assert_eq!((timeout(30), timeout(60), timeout(120)), (300, 600, 1_200));
    assert_eq!((timeout(0), timeout(29)), (300, 300), "never shorter");
}

#[test]
fn a_wait_ends_at_its_moment() {
    let mut registry = with(1);
    let _ = fail(&mut registry, 0, 10);
    let at = entry(&registry, 0).retry_at.unwrap();
    let just_before = Moment(at.0.saturating_sub(Duration::from_nanos(1)));
    let tick = |registry: &mut Registry, at| {
        registry.tick(Vec::new(), (PROBE, Now { at, wall: Timestamp(0) }))
    };
    assert_eq!(tick(&mut registry, just_before), []);
    assert_eq!(tick(&mut registry, at), [Effect::Wish(id(0))]);
    assert_eq!(tick(&mut registry, at), [], "once");
}

#[test]
fn what_a_monitor_tells_is_noted_as_the_cause_of_its_next_state() {
    let mut registry = with(1);
    let epoch = entry(&registry, 0).epoch;
    registry.entries.get_mut(&id(0)).unwrap().report.log = Some(crate::model::LogId(7));
    let note = Told::Note(EventKind::StreamEnded, "cut".to_owned());
    let wall = Timestamp(77);
    let effects = registry.told(&id(0), epoch, note, Now { wall, ..now(1) });
    let [Effect::Event(event)] = effects.as_slice() else { panic!("{effects:?}") };
    let expected = TimelineEvent {
        ts: wall,
        kind: EventKind::StreamEnded,
        log: Some(crate::model::LogId(7)),
        container: "c0".to_owned(),
        cause: "cut".to_owned(),
    };
    assert_eq!((event, entry(&registry, 0).cause.as_str()), (&expected, "cut"));
    let ended = Told::Ended(crate::model::EndProof::Verified);
    assert_eq!(registry.told(&id(0), epoch, ended, now(1)), []);
    assert_eq!(entry(&registry, 0).cause, "the log has ended");
    assert_eq!(registry.told(&id(0), epoch, Told::Unreadable, now(1)), []);
    assert_eq!(entry(&registry, 0).cause, "the driver cannot be read");
}

#[test]
fn the_jitter_is_spread_over_a_ceiling_that_doubles_up_to_its_cap() {
    let cap = Duration::from_secs(30);
    for (attempt, ceiling) in
        [(1, 200), (2, 400), (5, 3_200), (8, 25_600), (9, 30_000), (99, 30_000)]
    {
        let ceiling = Duration::from_millis(ceiling);
        let waits: Vec<Duration> = (0..100).map(|n| backoff(&id(n), attempt, cap)).collect();
        let (low, high) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
        assert!(*low >= BACKOFF_MIN && *high <= ceiling, "attempt {attempt}: {low:?} to {high:?}");
        let tenth = ceiling.saturating_sub(BACKOFF_MIN) / 10;
        assert!(*low < BACKOFF_MIN + tenth && *high + tenth > ceiling, "attempt {attempt}");
    }
    assert_eq!(backoff(&id(0), 3, cap), backoff(&id(0), 3, cap), "a run can be replayed");
    assert_eq!(backoff(&id(0), 3, Duration::ZERO), BACKOFF_MIN);
}

#[test]
fn to_stop_is_told_to_everybody() {
    let mut registry = with(3);
    let wishes: Vec<Effect> = (0..3).map(|n| Effect::Wish(id(n))).collect();
    assert_eq!(registry.stop_all(now(1)), wishes);
    assert!((0..3).all(|n| gate(&registry, n) == Gate::Stop));
    assert_eq!((registry.len(), registry.is_empty()), (3, false));
}
