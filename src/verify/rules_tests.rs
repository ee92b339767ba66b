//! Each rule against a picture that keeps it and pictures that break it.

use std::sync::Arc;
use std::time::Duration;

use super::super::{Finding, Judge, Rule, Sample};
use crate::engine::EngineSnapshot;
use crate::engine::snapshot::{Coverage, MonitorRow, ProcessView, TaskCounts, TimelineView};
use crate::model::{
    BeatKind, BeatView, EventKind, LiveSource, Moment, Phase, State, TaskHealth, Timestamp, Waiting,
};

const PROBE: Duration = Duration::from_secs(30);

fn moment(seconds: u64) -> Moment {
    Moment(Duration::from_secs(seconds))
}

fn row(n: u32, at: u64) -> MonitorRow {
    let text = format!(
        r#"{{"id":"{n:064x}","log":1,"name":"c{n}","project":null,"service":null,"image":"busybox",
        "driver":"json-file","tty":false,"guarantee":"exact","running":true,"matched_by":"default",
        "state":{{"live":{{"source":"follow"}}}},"phase":"quiet","health":"running",
        "state_since":{{"secs":0,"nanos":0}},"started":0,"beat":null,"beat_wall":null,
        "deadline":null,"stream":null,"reopens":0,"reopens_by":[],"reads_by":[],"doubts_by":[],
        "lines_per_s":0.0,"history":[],"lag":null,"flow":{{"received":9,"stored":5,"overlap":2,
        "discarded":1,"in_flight":1}},"stored_total":5,"lines":5,"bytes":50,"gaps_new":0,
        "restarts":0,"timeouts":0,"panics":0,"errors":0,"failure":null,"gaps":3,"retry_at":null,
        "next_seq":null,"last_record":null,"last_read":null,"backfill":"none","transitions":[]}}"#
    );
    let mut row: MonitorRow = serde_json::from_str(&text).unwrap();
    row.state = State::Live { source: LiveSource::Follow };
    row.beat = Some(BeatView { kind: BeatKind::Verified, at: moment(at - 10) });
    row.deadline = Some(moment(at + 290));
    row
}

/// Two containers, everything as it should be, `at` seconds after the start.
fn picture(at: u64) -> EngineSnapshot {
    let mut snapshot = EngineSnapshot {
        build: "test".to_owned(),
        at: moment(at),
        wall: Timestamp(i64::try_from(at).unwrap() * 1_000_000_000),
        started: Timestamp(1),
        probe: PROBE,
        timeout: PROBE * 10,
        ready: true,
        coverage: Coverage { running: 2, matched: 2, fresh: 2, ..Coverage::default() },
        monitors: vec![Arc::new(row(1, at)), Arc::new(row(2, at))],
        tasks: TaskCounts {
            expected: 4,
            actual: 4,
            kinds: vec![("monitor".to_owned(), 2, 2)],
            ..TaskCounts::default()
        },
        process: ProcessView { fds: Some(40), ..ProcessView::default() },
        timeline: TimelineView { told: [(EventKind::EngineStarted, 1)].into(), dropped: 0 },
        ..EngineSnapshot::default()
    };
    snapshot.monitors.iter().for_each(|row| snapshot.totals.flow.add(&row.flow));
    snapshot
}

fn change(snapshot: &mut EngineSnapshot, n: usize, by: impl FnOnce(&mut MonitorRow)) {
    by(Arc::make_mut(&mut snapshot.monitors[n]));
}

/// Findings in the last of some pictures, taken when they were made.
fn judged(pictures: &[EngineSnapshot]) -> Vec<Finding> {
    let mut judge = Judge::new(false);
    let mut findings = Vec::new();
    for picture in pictures {
        findings = judge.judge(picture.at.0, &Sample::Picture(Arc::new(picture.clone())));
    }
    findings
}

#[track_caller]
fn breaks(pictures: &[EngineSnapshot], rule: Rule, words: &str) {
    let findings = judged(pictures);
    let hit = |f: &Finding| f.rule == rule && f.figures.contains(words);
    assert!(findings.iter().any(hit), "{rule:?} {words:?}: {findings:?}");
    assert!(findings.iter().all(|f| f.rule == rule), "others broke as well: {findings:?}");
}

#[test]
fn a_picture_in_order_breaks_no_rule() {
    assert_eq!(judged(&[picture(1000), picture(1001)]), []);
}

#[test]
fn an_answer_that_lacks_anything_is_missing() {
    let whole = serde_json::to_value(picture(1000)).unwrap();
    assert!(matches!(Sample::read(whole.to_string().as_bytes()), Sample::Picture(_)));
    for field in ["coverage", "tasks", "process", "totals", "timeline", "monitors", "ready"] {
        let mut torn = whole.clone();
        torn.as_object_mut().unwrap().remove(field).unwrap();
        let sample = Sample::read(torn.to_string().as_bytes());
        let found = Judge::new(true).judge(Duration::ZERO, &sample);
        assert_eq!(found.len(), 1, "{field}");
        assert!(found[0].rule == Rule::Answers && found[0].figures.contains(field), "{found:?}");
    }
    for body in ["", "null", "{}", "[]"] {
        assert!(matches!(Sample::read(body.as_bytes()), Sample::Missing(_)), "{body}");
    }
}

#[test]
fn a_picture_of_the_past_or_of_another_engine_is_no_answer() {
    let still = Sample::Picture(Arc::new(picture(1000)));
    let mut judge = Judge::new(false);
    assert_eq!(judge.judge(Duration::from_secs(1), &still), []);
    assert_eq!(judge.judge(Duration::from_secs(6), &still), []);
    let found = judge.judge(Duration::from_secs(7), &still);
    assert!(found[0].rule == Rule::Answers && found[0].figures.contains("6.0 s"), "{found:?}");

    let other = EngineSnapshot { started: Timestamp(2), ..picture(1001) };
    breaks(&[picture(1000), other], Rule::Answers, "started again");
    breaks(&[EngineSnapshot { ready: false, ..picture(1000) }], Rule::Answers, "first list");
}

#[test]
fn an_empty_snapshot_breaks_rules_although_it_has_no_containers() {
    let found = judged(&[EngineSnapshot::default()]);
    for rule in [Rule::Answers, Rule::Reported, Rule::Tasks, Rule::Descriptors] {
        assert!(found.iter().any(|f| f.rule == rule), "{rule:?}: {found:?}");
    }
}

#[test]
fn a_forgotten_container_and_a_second_monitor_break_coverage() {
    let mut forgotten = picture(1000);
    forgotten.monitors.pop();
    forgotten.totals.flow = forgotten.monitors[0].flow;
    breaks(&[forgotten], Rule::Coverage, "2 matched containers run, 1 have a monitor");
    let mut twice = picture(1000);
    change(&mut twice, 1, |second| *second = row(1, 1000));
    breaks(&[twice], Rule::Coverage, "more than one");
}

#[test]
fn a_monitor_whose_container_is_gone_has_time_to_end() {
    let leaving = |at| {
        let coverage = Coverage { running: 1, matched: 1, ..Coverage::default() };
        EngineSnapshot { coverage, ..picture(at) }
    };
    assert_eq!(judged(&[leaving(1000), leaving(1014)]), []);
    breaks(&[leaving(1000), leaving(1016)], Rule::Coverage, "for 16.0 s");
    assert_eq!(judged(&[leaving(1000), picture(1010), leaving(1016)]), []);
}

#[test]
fn evidence_past_its_deadline_breaks_freshness() {
    let mut late = picture(1000);
    change(&mut late, 0, |row| row.deadline = Some(moment(999)));
    breaks(&[late], Rule::Freshness, "its deadline has passed");
    let mut failed = picture(1000);
    change(&mut failed, 0, |row| row.health = TaskHealth::Failed);
    breaks(&[failed], Rule::Freshness, "timeout 300.0 s");
    let mut without = picture(1000);
    change(&mut without, 0, |row| row.deadline = None);
    breaks(&[without], Rule::Freshness, "no deadline");
}

#[test]
fn evidence_is_owed_every_two_probe_intervals() {
    let old = |at: u64, age| {
        let mut picture = picture(at);
        let beat = BeatView { kind: BeatKind::Committed, at: moment(at - age) };
        change(&mut picture, 1, |row| row.beat = Some(beat));
        picture
    };
    assert_eq!(judged(&[old(1000, 60)]), []);
    breaks(&[old(1000, 61)], Rule::Evidence, "quiet: evidence 61.0 s old, 60.0 s allowed");
    let stretched = EngineSnapshot { probe: PROBE * 2, ..old(1000, 119) };
    assert_eq!(judged(&[stretched]), []);
    let mut stopped = old(1000, 900);
    change(&mut stopped, 1, |row| row.running = false);
    change(&mut stopped, 1, |row| row.state = State::Waiting { why: Waiting::Queued });
    stopped.coverage.matched = 1;
    assert_eq!(judged(&[stopped]), []);
}

#[test]
fn a_container_that_was_just_started_has_time_for_its_first_evidence() {
    let starting = |at: u64| {
        let mut picture = picture(at);
        change(&mut picture, 1, |row| {
            row.beat = None;
            row.state = State::Waiting { why: Waiting::Queued };
            row.phase = Phase::Queued;
        });
        picture
    };
    assert_eq!(judged(&[starting(1000), starting(1060)]), []);
    breaks(&[starting(1000), starting(1061)], Rule::Evidence, "queued: no evidence yet");
}

#[test]
fn a_monitor_that_was_held_before_the_watch_began_is_given_no_time() {
    let mut paused = picture(1000);
    change(&mut paused, 0, |row| {
        row.state = State::Waiting { why: Waiting::Paused };
        row.phase = Phase::Paused;
        row.beat = Some(BeatView { kind: BeatKind::Verified, at: moment(500) });
    });
    breaks(&[paused], Rule::Evidence, "paused: evidence 500.0 s old");
}

#[test]
fn what_happened_must_be_on_the_timeline() {
    type Case = (fn(&mut EngineSnapshot), EventKind, &'static str);
    let cases: [Case; 3] = [
        (|s| s.totals.timeouts = 1, EventKind::Timeout, "1 timeouts, 0 reported"),
        (|s| s.totals.panics = 1, EventKind::MonitorPanicked, "1 panics, 0 reported"),
        (|s| s.totals.restarts = 1, EventKind::MonitorRestarted, "1 restarts, 0 reported"),
    ];
    for (happen, kind, words) in cases {
        let mut silent = picture(1000);
        happen(&mut silent);
        breaks(std::slice::from_ref(&silent), Rule::Reported, words);
        silent.timeline.told.insert(kind, 1);
        assert_eq!(judged(&[silent]), []);
    }
    let mut full = picture(1001);
    full.timeline.dropped = 4;
    breaks(&[picture(1000), full.clone()], Rule::Reported, "4 events were dropped");
    assert_eq!(judged(&[full.clone(), EngineSnapshot { at: moment(1002), ..full }]), []);
    let mut failing = picture(1001);
    change(&mut failing, 0, |row| row.errors = 2);
    breaks(&[picture(1000), failing.clone()], Rule::Reported, "2 failures, was 0, no cause");
    failing.timeline.told.insert(EventKind::MonitorFailed, 1);
    assert_eq!(judged(&[picture(1000), failing]), []);
}

#[test]
fn tasks_are_counted_in_total_and_by_kind() {
    let mut leaked = picture(1000);
    leaked.tasks.actual = 5;
    breaks(&[leaked], Rule::Tasks, "4 expected, 5 actual");
    // A task too many of one kind hides a missing one of another in the total.
    let mut swapped = picture(1000);
    swapped.tasks.kinds = vec![("monitor".to_owned(), 2, 3), ("server".to_owned(), 1, 0)];
    breaks(&[swapped], Rule::Tasks, "server: 1 expected, 0 actual");
}

#[test]
fn descriptors_are_explained_by_what_was_open_lately() {
    let open = |at, fds| {
        let mut picture = picture(at);
        picture.process.fds = fds;
        picture
    };
    // Sixty-four, and one for a read of each of two monitors.
    assert_eq!(judged(&[open(1000, Some(66))]), []);
    breaks(&[open(1000, Some(67))], Rule::Descriptors, "67 open, 66 explained");
    breaks(&[open(1000, None)], Rule::Descriptors, "cannot count");
    let fewer = |at| {
        let mut picture = open(at, Some(66));
        change(&mut picture, 1, |row| row.state = State::Waiting { why: Waiting::Queued });
        picture
    };
    assert_eq!(judged(&[open(1000, Some(66)), fewer(1005)]), []);
    breaks(&[open(1000, Some(66)), fewer(1006)], Rule::Descriptors, "66 open, 65 explained");
}

#[test]
fn records_that_vanish_break_conservation() {
    let mut lossy = picture(1000);
    change(&mut lossy, 0, |row| row.flow.received += 1);
    breaks(&[lossy], Rule::Conservation, "received 10, stored 5 + overlap 2");
    let mut total = picture(1000);
    total.totals.flow.stored += 1;
    breaks(&[total], Rule::Conservation, "= 19");
}

#[test]
fn gaps_break_their_rule_unless_they_are_allowed() {
    let mut gap = picture(1000);
    change(&mut gap, 0, |row| row.gaps_new = 2);
    gap.totals.gaps_new = 2;
    breaks(std::slice::from_ref(&gap), Rule::Gaps, "2 since the engine started");
    let sample = Sample::Picture(Arc::new(gap));
    assert_eq!(Judge::new(true).judge(Duration::ZERO, &sample), []);
    let mut departed = picture(1000);
    departed.totals.gaps_new = 1;
    breaks(&[departed], Rule::Gaps, "1 in logs of containers that are gone");
}
