//! The rules, each a pure function from a picture, and what was seen before it, to what is wrong.

use std::collections::BTreeSet;
use std::time::Duration;

use super::history::Seen;
use super::{Finding, Rule};
use crate::engine::EngineSnapshot;
use crate::engine::snapshot::{Backfill, Flow, MonitorRow};
use crate::model::{EventKind, Moment, State, TaskHealth};

/// A picture is made four times a second; one this old is history.
const UNMOVED_MAX: Duration = Duration::from_secs(5);
/// Time that a monitor has to end after its container is gone: the engine aborts it after five.
const LEAVING_MAX: Duration = Duration::from_secs(15);
/// Descriptors that no container explains: standard streams, the runtime, the store's connections,
/// the connections for lists and events, the program's own log, sockets and whoever asks on them.
/// An idle engine has about half of them.
const FIXED_DESCRIPTORS: u64 = 64;

/// Every finding in one picture.
pub(super) fn all(snapshot: &EngineSnapshot, seen: &Seen) -> Vec<Finding> {
    let rules =
        [answers, coverage, freshness, evidence, reported, tasks, descriptors, conservation, gaps];
    rules.iter().flat_map(|rule| rule(snapshot, seen)).collect()
}

fn of_engine(rule: Rule, figures: impl Into<String>) -> Finding {
    Finding { rule, container: None, figures: figures.into() }
}

fn of_row(rule: Rule, row: &MonitorRow, figures: impl Into<String>) -> Finding {
    Finding { rule, container: Some(row.name.clone()), figures: figures.into() }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

fn answers(snapshot: &EngineSnapshot, seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    if seen.unmoved > UNMOVED_MAX {
        let age = seconds(seen.unmoved);
        findings.push(of_engine(Rule::Answers, format!("the picture has not moved for {age}")));
    }
    if !snapshot.ready {
        findings.push(of_engine(Rule::Answers, "the first list of containers is not done"));
    }
    if snapshot.probe.is_zero() || snapshot.timeout.is_zero() {
        findings.push(of_engine(Rule::Answers, "the picture names no probe interval"));
    }
    if let Some(before) = &seen.before
        && (before.started, &before.build) != (snapshot.started, &snapshot.build)
    {
        findings.push(of_engine(Rule::Answers, "the engine was started again meanwhile"));
    }
    findings
}

fn coverage(snapshot: &EngineSnapshot, seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut ids = BTreeSet::new();
    for row in snapshot.monitors.iter().filter(|row| !ids.insert(&row.id)) {
        findings.push(of_row(Rule::Coverage, row, "it has more than one monitor"));
    }
    if let Some(blind) = snapshot.docker.blind_for(snapshot.timeout, snapshot.at) {
        let age = seconds(snapshot.at.since(blind.since));
        let figures =
            format!("containers may run unseen for {age}: {}: {}", blind.what, blind.error);
        findings.push(of_engine(Rule::Coverage, figures));
    }
    let watched = snapshot.monitors.iter().filter(|row| row.running).count();
    let matched = snapshot.coverage.matched;
    if watched < matched {
        let figures = format!("{matched} matched containers run, {watched} have a monitor");
        findings.push(of_engine(Rule::Coverage, figures));
    }
    if let Some(since) = seen.surplus_since.filter(|at| snapshot.at.since(*at) > LEAVING_MAX) {
        let figures = format!(
            "{watched} running containers have a monitor, {matched} are matched, for {}",
            seconds(snapshot.at.since(since))
        );
        findings.push(of_engine(Rule::Coverage, figures));
    }
    findings
}

fn age(snapshot: &EngineSnapshot, row: &MonitorRow) -> Option<Duration> {
    row.beat.map(|beat| snapshot.at.since(beat.at))
}

fn in_words(age: Option<Duration>) -> String {
    age.map_or("no evidence yet".to_owned(), |age| format!("evidence {} old", seconds(age)))
}

fn freshness(snapshot: &EngineSnapshot, _: &Seen) -> Vec<Finding> {
    let is_due =
        |row: &&MonitorRow| matches!(row.state, State::Live { .. } | State::Reading { .. });
    let rows = snapshot.monitors.iter().map(|row| &**row);
    rows.filter(is_due).filter_map(|row| stale(snapshot, row)).collect()
}

/// Why a monitor that captures is not fresh.
fn stale(snapshot: &EngineSnapshot, row: &MonitorRow) -> Option<Finding> {
    let age = age(snapshot, row);
    let live = matches!(row.state, State::Live { .. });
    let what = if row.deadline.is_none() {
        "no deadline is set".to_owned()
    } else if row.health == TaskHealth::Failed || row.deadline.is_some_and(|at| snapshot.at > at) {
        "its deadline has passed".to_owned()
    } else if live && age.is_none_or(|age| age > snapshot.timeout) {
        format!("it is called {}", row.health.as_str())
    } else {
        return None;
    };
    let (age, timeout) = (in_words(age), seconds(snapshot.timeout));
    Some(of_row(Rule::Freshness, row, format!("{what}: {age}, timeout {timeout}")))
}

fn evidence(snapshot: &EngineSnapshot, seen: &Seen) -> Vec<Finding> {
    // While the interval is being stretched or shortened, the longer one holds.
    let probe = seen.before.as_ref().map_or(snapshot.probe, |s| s.probe.max(snapshot.probe));
    let limit = probe * 2;
    let owes = |row: &&MonitorRow| row.running && !matches!(row.state, State::Unreadable { .. });
    let rows = snapshot.monitors.iter().map(|row| &**row).filter(owes);
    rows.filter_map(|row| {
        let without = snapshot.at.since(last_proof(snapshot, seen, row));
        (without > limit).then(|| {
            let (age, phase) = (in_words(age(snapshot, row)), row.phase.as_str());
            let figures = format!("{phase}: {age}, {} allowed", seconds(limit));
            of_row(Rule::Evidence, row, figures)
        })
    })
    .collect()
}

/// The last evidence, or the moment from which on evidence is owed. A monitor that is live got there
/// by evidence, so it is given no time.
fn last_proof(snapshot: &EngineSnapshot, seen: &Seen, row: &MonitorRow) -> Moment {
    let beat = row.beat.map(|beat| beat.at).unwrap_or_default();
    match row.state {
        State::Live { .. } => beat,
        _ => beat.max(seen.owed_since.get(&row.id).copied().unwrap_or(snapshot.at)),
    }
}

fn reported(snapshot: &EngineSnapshot, seen: &Seen) -> Vec<Finding> {
    use EventKind::{
        MonitorFailed, MonitorPanicked, MonitorQuarantined, MonitorRestarted, Timeout,
    };
    let (totals, timeline) = (&snapshot.totals, &snapshot.timeline);
    let restarted: &[EventKind] = &[Timeout, MonitorPanicked, MonitorRestarted];
    let ledger: [(&str, u64, &[EventKind]); 3] = [
        ("timeouts", totals.timeouts, &[Timeout]),
        ("panics", totals.panics, &[MonitorPanicked]),
        ("restarts", totals.restarts, restarted),
    ];
    let mut findings = Vec::new();
    for (what, happened, kinds) in ledger {
        let told = timeline.count(kinds);
        if happened > told {
            findings.push(of_engine(Rule::Reported, format!("{happened} {what}, {told} reported")));
        }
    }
    if timeline.told.is_empty() {
        findings.push(of_engine(Rule::Reported, "the timeline holds nothing, not even the start"));
    }
    let Some(before) = &seen.before else { return findings };
    if timeline.dropped > before.timeline.dropped {
        let lost = timeline.dropped - before.timeline.dropped;
        findings.push(of_engine(Rule::Reported, format!("{lost} events were dropped")));
    }
    let failures: &[EventKind] = &[MonitorFailed, MonitorQuarantined, MonitorPanicked, Timeout];
    if timeline.count(failures) == before.timeline.count(failures) {
        findings.extend(unexplained(snapshot, before));
    }
    findings
}

/// Monitors whose failures grew in number without showing a cause.
fn unexplained(snapshot: &EngineSnapshot, before: &EngineSnapshot) -> Vec<Finding> {
    let earlier = |row: &MonitorRow| {
        before.monitors.iter().find(|old| old.id == row.id).map_or(0, |old| old.errors)
    };
    let rows = snapshot.monitors.iter().filter(|row| row.failure.is_none());
    rows.filter(|row| row.errors > earlier(row))
        .map(|row| {
            let figures = format!("{} failures, was {}, no cause", row.errors, earlier(row));
            of_row(Rule::Reported, row, figures)
        })
        .collect()
}

fn tasks(snapshot: &EngineSnapshot, _: &Seen) -> Vec<Finding> {
    let tasks = &snapshot.tasks;
    let mut findings = Vec::new();
    if tasks.kinds.is_empty() {
        findings.push(of_engine(Rule::Tasks, "the picture names no tasks"));
    }
    if tasks.expected != tasks.actual {
        let figures = format!("{} expected, {} actual", tasks.expected, tasks.actual);
        findings.push(of_engine(Rule::Tasks, figures));
    }
    for (kind, expected, actual) in tasks.kinds.iter().filter(|(_, e, a)| e != a) {
        findings
            .push(of_engine(Rule::Tasks, format!("{kind}: {expected} expected, {actual} actual")));
    }
    findings
}

/// Descriptors that a picture explains. A monitor that reads, or may at any moment, holds one
/// connection for it, besides its follow and the backfill that it may be making.
pub(super) fn allowed_descriptors(snapshot: &EngineSnapshot) -> u64 {
    let of_row = |row: &MonitorRow| {
        let reads = matches!(row.state, State::Live { .. } | State::Reading { .. });
        let backfills = matches!(row.backfill, Backfill::Running { .. });
        u64::from(row.stream.is_some()) + u64::from(reads) + u64::from(backfills)
    };
    FIXED_DESCRIPTORS + snapshot.monitors.iter().map(|row| of_row(row)).sum::<u64>()
}

fn descriptors(snapshot: &EngineSnapshot, seen: &Seen) -> Vec<Finding> {
    let figures = match snapshot.process.fds {
        None => "the engine cannot count its file descriptors".to_owned(),
        Some(fds) if fds > seen.descriptors => {
            let slope = snapshot.process.fd_slope;
            format!("{fds} open, {} explained, {slope:+.1} a minute", seen.descriptors)
        }
        Some(_) => return Vec::new(),
    };
    vec![of_engine(Rule::Descriptors, figures)]
}

fn conservation(snapshot: &EngineSnapshot, _: &Seen) -> Vec<Finding> {
    let words = |flow: &Flow| {
        let Flow { received, stored, overlap, discarded, in_flight } = flow;
        format!(
            "received {received}, stored {stored} + overlap {overlap} + discarded {discarded} + \
             in flight {in_flight} = {}",
            stored + overlap + discarded + in_flight
        )
    };
    let lossy = snapshot.monitors.iter().filter(|row| !row.flow.is_conserved());
    let mut findings: Vec<Finding> =
        lossy.map(|row| of_row(Rule::Conservation, row, words(&row.flow))).collect();
    if !snapshot.totals.flow.is_conserved() {
        findings.push(of_engine(Rule::Conservation, words(&snapshot.totals.flow)));
    }
    findings
}

fn gaps(snapshot: &EngineSnapshot, _: &Seen) -> Vec<Finding> {
    let with_gaps = snapshot.monitors.iter().filter(|row| row.gaps_new > 0);
    let mut findings: Vec<Finding> = with_gaps
        .map(|row| of_row(Rule::Gaps, row, format!("{} since the engine started", row.gaps_new)))
        .collect();
    let shown: u64 = snapshot.monitors.iter().map(|row| row.gaps_new).sum();
    let departed = snapshot.totals.gaps_new.saturating_sub(shown);
    if departed > 0 {
        let figures = format!("{departed} in logs of containers that are gone");
        findings.push(of_engine(Rule::Gaps, figures));
    }
    findings
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
