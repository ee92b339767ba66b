//! Which containers are captured and which came and went, told with plain values.

use std::time::Duration;

use super::super::super::orders::Gate;
use super::super::tests::{PROBE, fail, gate, id, info, live, now, with};
use super::super::{Effect, Now, Registry, TaskEnd};
use crate::config::Filter;
use crate::model::{Away, EventKind, MonitorEpoch, RunState, Timestamp, Timing, Waiting};

/// What the timeline is told.
fn told(effects: &[Effect]) -> Vec<EventKind> {
    let kind = |effect: &Effect| match effect {
        Effect::Event(event) => Some(event.kind),
        _ => None,
    };
    effects.iter().filter_map(kind).collect()
}

fn spawned(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Spawn(_))).count()
}

#[test]
fn a_list_tells_which_came_and_which_are_gone() {
    let mut registry = with(2);
    let listed = || vec![info(1, RunState::Running), info(2, RunState::Running)];
    let effects = registry.reconciled(listed(), Vec::new(), now(9));
    assert_eq!(told(&effects), [EventKind::ContainerStarted, EventKind::ContainerRemoved]);
    assert_eq!(spawned(&effects), 1);
    assert_eq!(gate(&registry, 0), Gate::Finish);
    assert_eq!((gate(&registry, 1), gate(&registry, 2)), (Gate::Open, Gate::Open));
    assert_eq!(registry.reconciled(listed(), Vec::new(), now(10)), [], "told twice");
}

/// One that could not be inspected at the first list was there before us all the same.
#[test]
fn what_is_listed_before_it_can_be_seen_did_not_begin_under_our_eyes() {
    for at_first in [true, false] {
        let mut registry = Registry::new(Filter::default(), None, Timing::default());
        let _ = registry.daemon_up(now(0));
        let unseen = if at_first { vec![id(0)] } else { Vec::new() };
        let _ = registry.reconciled(Vec::new(), unseen, now(0));
        assert_eq!(registry.reconciled(Vec::new(), vec![id(0)], now(1)), []);
        let effects = registry.reconciled(vec![info(0, RunState::Running)], Vec::new(), now(2));
        assert_eq!(spawned(&effects), 1);
        assert_eq!(registry.entries[&id(0)].whole, !at_first);
    }
}

/// A log without an end whose container is gone gets a monitor, for one word.
#[test]
fn a_container_that_departed_before_us_has_a_monitor_that_is_told_to_finish() {
    let mut registry = with(1);
    let effects = registry.departed_before(info(7, RunState::Exited), now(1));
    assert_eq!((spawned(&effects), told(&effects)), (1, vec![EventKind::ContainerRemoved]));
    assert_eq!((gate(&registry, 7), registry.uncaptured), (Gate::Finish, 0));
    let entry = &registry.entries[&id(7)];
    assert_eq!((entry.whole, entry.away), (false, Away::NotRunning));
    // Whoever is captured is not gone.
    assert_eq!(registry.departed_before(info(0, RunState::Exited), now(1)), []);
    assert_eq!(gate(&registry, 0), Gate::Open);
}

#[test]
fn a_container_that_does_not_run_is_captured_without_a_word_of_a_start() {
    let mut registry = with(0);
    let effects = registry.container(info(0, RunState::Exited), now(3));
    assert_eq!((spawned(&effects), told(&effects)), (1, vec![]));
    assert!(!registry.running[&id(0)]);
    let effects = registry.container(info(1, RunState::Running), now(3));
    let Some(Effect::Event(event)) = effects.last() else { panic!("{effects:?}") };
    assert_eq!((event.kind, event.container.as_str()), (EventKind::ContainerStarted, "c1"));
    assert_eq!(event.cause, "every container is captured");
    assert!(registry.running[&id(1)]);
}

#[test]
fn a_start_cuts_a_quarantine_short() {
    let cap = Timing::default().backoff_cap.get();
    let mut registry = with(1);
    for at in (0..5).map(|n| 100 * n) {
        let _ = registry.tick(Vec::new(), (PROBE, now(at)));
        let _ = fail(&mut registry, 0, at);
    }
    let _ = registry.container(info(0, RunState::Exited), now(401));
    let after = now(400 + cap.as_secs());
    let _ = registry.tick(Vec::new(), (PROBE, after));
    assert!(matches!(gate(&registry, 0), Gate::Hold(_)), "an end is no start");
    for _ in 0..2 {
        let _ = registry.container(info(0, RunState::Running), after);
        let _ = registry.tick(Vec::new(), (PROBE, after));
        assert_eq!(gate(&registry, 0), Gate::Open);
        // It fails again, and again it starts: not more often than any other failure is tried again.
        let _ = fail(&mut registry, 0, 400 + cap.as_secs());
        let _ = registry.container(info(0, RunState::Exited), after);
        let _ = registry.container(info(0, RunState::Running), after);
        let _ = registry.tick(Vec::new(), (PROBE, now(399 + 2 * cap.as_secs())));
        assert!(matches!(gate(&registry, 0), Gate::Hold(_)));
        let _ = registry.container(info(0, RunState::Exited), after);
        let _ = registry.tick(Vec::new(), (PROBE, now(400 + 2 * cap.as_secs())));
        assert_eq!(gate(&registry, 0), Gate::Open);
        let _ = fail(&mut registry, 0, 400);
    }
}

#[test]
fn only_what_began_under_our_eyes_was_never_missed() {
    let mut registry = Registry::new(Filter::default(), None, Timing::default());
    // An event may come before the first list; it says nothing about when the log began.
    let _ = registry.container(info(0, RunState::Running), now(0));
    let _ = registry.reconciled(vec![info(0, RunState::Running)], Vec::new(), now(0));
    let _ = registry.container(info(1, RunState::Running), now(0));
    let seen = |n| {
        let entry = &registry.entries[&id(n)];
        (entry.whole, entry.away)
    };
    assert_eq!(seen(0), (false, Away::NotRunning));
    assert_eq!(seen(1), (true, Away::None));
}

#[test]
fn while_the_daemon_is_down_nobody_begins() {
    let mut registry = with(0);
    let _ = registry.daemon_down(now(1));
    let effects = registry.container(info(0, RunState::Running), now(2));
    assert_eq!(spawned(&effects), 1, "its task waits");
    assert_eq!(gate(&registry, 0), Gate::Hold(Waiting::DaemonDown));
    let _ = registry.daemon_up(now(3));
    assert_eq!(gate(&registry, 0), Gate::Open);
}

#[test]
fn a_start_a_restart_a_stop_and_a_new_name_are_told_apart() {
    let mut registry = Registry::new(Filter::default(), None, Timing::default());
    let _ = registry.daemon_up(now(0));
    let _ = registry.container(info(0, RunState::Exited), now(0));
    let change = |registry: &mut Registry, change: crate::model::ContainerInfo| {
        let before = registry.entries[&id(0)].desired.clone();
        let effects = registry.container(change.clone(), now(5));
        assert_eq!(effects.last(), Some(&Effect::Wish(id(0))));
        let after = &registry.entries[&id(0)].desired;
        assert_eq!(*after.info, change, "the monitor is told");
        (told(&effects), after.attempt - before.attempt, after.died - before.died)
    };
    let started = vec![EventKind::ContainerStarted];
    let runs = info(0, RunState::Running);
    assert_eq!(change(&mut registry, runs.clone()), (started.clone(), 1, 0));
    // It runs already: its follow goes on by itself.
    let again = crate::model::ContainerInfo { started_at: Some(Timestamp(2)), ..runs.clone() };
    assert_eq!(change(&mut registry, again.clone()), (started, 0, 0));
    let renamed = crate::model::ContainerInfo { name: "new".to_owned(), ..again };
    assert_eq!(change(&mut registry, renamed), (vec![], 0, 0));
    let stopped = info(0, RunState::Exited);
    assert_eq!(change(&mut registry, stopped), (vec![EventKind::ContainerStopped], 0, 1));
    // It ran once more between two looks.
    let unseen =
        crate::model::ContainerInfo { started_at: Some(Timestamp(3)), ..info(0, RunState::Exited) };
    let stopped = vec![EventKind::ContainerStopped];
    assert_eq!(change(&mut registry, unseen.clone()), (stopped, 0, 1));
    // It does not run: another exit time or name is no stop.
    let renamed = crate::model::ContainerInfo { name: "old".to_owned(), ..unseen };
    assert_eq!(change(&mut registry, renamed), (vec![], 0, 0));
}

#[test]
fn a_start_does_not_open_what_is_held() {
    let mut registry = Registry::new(Filter::default(), None, Timing::default());
    let _ = registry.container(info(0, RunState::Exited), now(0));
    let attempt = registry.entries[&id(0)].desired.attempt;
    let effects = registry.container(info(0, RunState::Running), now(1));
    assert_eq!(told(&effects), [EventKind::ContainerStarted]);
    assert_eq!(gate(&registry, 0), Gate::Hold(Waiting::DaemonDown));
    assert_eq!(registry.entries[&id(0)].desired.attempt, attempt);
}

#[test]
fn an_exit_is_told_to_its_monitor_every_time() {
    let mut registry = with(1);
    for times in 1..=3 {
        assert_eq!(registry.died(&id(0)), [Effect::Wish(id(0))]);
        assert_eq!(registry.entries[&id(0)].desired.died, times);
    }
    assert_eq!(registry.died(&id(7)), []);
}

#[test]
fn what_is_gone_without_a_line_is_uncaptured_only_if_it_began_while_we_watched() {
    let mut registry = with(1);
    let removed = EventKind::ContainerRemoved;
    assert_eq!(told(&registry.gone(&id(0), now(1))), [removed], "its past was never promised");
    let _ = registry.container(info(1, RunState::Running), now(2));
    assert_eq!(told(&registry.gone(&id(1), now(3))), [removed, EventKind::Uncaptured]);
    let _ = registry.container(info(2, RunState::Running), now(4));
    registry.entries.get_mut(&id(2)).unwrap().report.flow.stored = 1;
    assert_eq!(told(&registry.gone(&id(2), now(5))), [removed]);
    assert_eq!(registry.uncaptured, 1);
    let effects = registry.missed("short", now(6));
    assert_eq!((told(&effects), registry.uncaptured), (vec![EventKind::Uncaptured], 2));
    assert_eq!(registry.gone(&id(9), now(7)), [], "never heard of");
}

#[test]
fn the_counts_of_monitors_that_are_gone_are_summed() {
    let mut registry = with(2);
    for n in 0..2 {
        let entry = registry.entries.get_mut(&id(n)).unwrap();
        (entry.timeouts, entry.restarts, entry.panics) = (2, 3, 5);
        (entry.report.gaps, entry.report.gaps_before) = (11, 4);
        (entry.report.flow.received, entry.report.flow.in_flight) = (13, 13);
        let _ = registry.gone(&id(n), now(1));
        let _ = registry.task_ended(&id(n), &TaskEnd::Finished, now(2));
    }
    let gone = &registry.departed;
    assert_eq!((gone.timeouts, gone.restarts, gone.panics), (4, 6, 10));
    assert_eq!((gone.gaps, gone.gaps_new), (22, 14));
    assert_eq!((gone.flow.received, gone.flow.discarded, gone.flow.in_flight), (26, 26, 0));
}

#[test]
fn a_task_that_does_not_leave_in_time_is_aborted_whatever_it_is_told_meanwhile() {
    let mut registry = with(1);
    let stop = super::super::STOP_WITHIN.as_secs();
    let tick = |registry: &mut Registry, now: Now| {
        registry.tick(Vec::new(), (Duration::from_secs(30), now))
    };
    assert_eq!(registry.gone(&id(0), now(10)).last(), Some(&Effect::Wish(id(0))));
    assert_eq!(registry.stop_all(now(12)), [Effect::Wish(id(0))]);
    assert_eq!(gate(&registry, 0), Gate::Finish, "it takes what is on its way");
    assert_eq!(tick(&mut registry, now(10 + stop)), []);
    assert_eq!(tick(&mut registry, now(10 + stop + 1)), [Effect::Abort(id(0))]);
}

#[test]
fn each_task_has_an_epoch_of_its_own() {
    let mut registry = with(1);
    assert_eq!(registry.entries[&id(0)].epoch, MonitorEpoch(1));
    live(&mut registry, 0, 0);
    for epoch in 2..5 {
        let effects = registry.task_ended(&id(0), &TaskEnd::Finished, now(epoch));
        assert_eq!(spawned(&effects), 1);
        assert_eq!(registry.entries[&id(0)].epoch, MonitorEpoch(epoch));
    }
}
