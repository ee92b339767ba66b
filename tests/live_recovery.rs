//! Capture that is disturbed on a real daemon: reopened under load, killed, its daemon restarted
//! and stopped. Whatever happens, every line is stored once.
//!
//! All on a daemon of the test's own, whose json-file logs do not rotate, so that nothing may be
//! missing at all. `LOGCAP_LIVE_BIG` makes the log of the reopen test 1 GB instead of 200 MB.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests may fail loudly, in their helpers too, and print figures"
)]

mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use logcap_tui::engine::Verb;
use logcap_tui::engine::snapshot::MonitorRow;
use logcap_tui::model::{EventKind, State, TaskHealth};
use logcap_tui::store::StoreReader;
use support::program::{cpu, once, row, setting};
use support::{
    Container, Lab, OracleLine, Program, SecondDaemon, Spec, oracle, stored, truth, wait_until,
};

const MINUTE: Duration = Duration::from_mins(1);
/// Lines of one run of [`load`], which takes about a second.
const RUN: u64 = 2000;

/// Where a test keeps its store. The folder is removed with it.
struct Place {
    _folder: tempfile::TempDir,
    data: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        Self { _folder: folder, data }
    }
}

/// A container that writes runs of [`RUN`] numbered lines, one a second, until it is told to end,
/// so that its last line is a whole one. `before` is what it does first.
fn load(name: &str, before: &str) -> Spec {
    let script = format!(
        "{before}; i=0; while [ ! -e /tmp/end ]; do gen --run r$i --lines {RUN} --rate {RUN}; \
         i=$((i+1)); done; sleep 1000"
    );
    Spec::new(name, ["sh", "-c", &script])
}

/// Ends the load of a container and waits until its last run is on the daemon's disk.
fn end_load(lab: &Lab, container: &Container) {
    lab.daemon.docker(&["exec", &container.id, "sh", "-c", ": > /tmp/end"]);
    let mut seen = (0, Instant::now());
    wait_until("the load ends", MINUTE, || {
        let now = std::fs::metadata(container.log_file()).unwrap().len();
        if now != seen.0 {
            seen = (now, Instant::now());
        }
        seen.1.elapsed() > Duration::from_secs(3)
    });
}

/// Waits until a monitor has stored everything that the daemon has.
fn wait_until_all_is_stored(program: &Program, container: &Container) {
    let last = truth::lines(&container.truth_tail()).pop().unwrap();
    wait_until("all is stored", MINUTE, || {
        program.row(container).is_some_and(|r| r.last_record == Some(last.ts))
    });
}

fn lives(row: &MonitorRow) -> bool {
    matches!(row.state, State::Live { .. }) && row.health == TaskHealth::Running
}

fn judged(data: &Path, container: &Container) -> oracle::Verdict {
    let records = container.truth();
    let lines: Vec<OracleLine> = match container.inspect("{{.Config.Tty}}").as_str() {
        "true" => truth::terminal_lines(&records),
        _ => truth::lines(&records),
    };
    oracle::judge(&lines, &stored::items(data, &container.id))
}

fn events(data: &Path, kind: EventKind) -> Vec<String> {
    let events = StoreReader::open(data).unwrap().events(100_000).unwrap();
    let of_kind = events.into_iter().filter(|event| event.kind == kind);
    of_kind.map(|event| format!("{} {}", event.container, event.cause)).collect()
}

/// Reopens the follow so many times, each when the last is live again.
fn reopen(program: &Program, container: &Container, times: u32) {
    for _ in 0..times {
        let reopens = program.row(container).unwrap().reopens;
        let answer = program.order(Verb::Reopen, container);
        assert_eq!(answer.done, 1, "{answer:?}");
        wait_until("it is reopened and live", MINUTE, || {
            program.row(container).is_some_and(|r| r.reopens > reopens && lives(&r))
        });
    }
}

/// What a reopen costs the daemon: measured when nothing else happens, because any load is noise of
/// a hundred times the size.
fn print_cost_of_a_reopen(second: &SecondDaemon, program: &Program, container: &Container) {
    let spent = || cpu(second.pid()).as_secs_f64();
    let (before, start) = (spent(), Instant::now());
    reopen(program, container, 25);
    let (cost, took) = (spent() - before, start.elapsed());
    let start = Instant::now();
    let before = spent();
    // Control: as long without reopens, but with the same looks at the snapshot.
    wait_until("as long at rest", MINUTE, || {
        lives(&program.row(container).unwrap()) && start.elapsed() >= took
    });
    let rest = spent() - before;
    eprintln!(
        "25 reopens of {} MB at rest in {took:?}: daemon {:.1} ms CPU each, {:.1} without reopens",
        std::fs::metadata(container.log_file()).unwrap().len() / 1_000_000,
        cost * 1000.0 / 25.0,
        rest * 1000.0 / 25.0
    );
}

#[test]
#[ignore = "needs a Docker daemon"]
fn fifty_reopens_of_a_big_log_under_load_lose_and_double_nothing() {
    let second = SecondDaemon::start();
    let lab = Lab::on(&second.daemon, "reopen");
    let big = if setting("LOGCAP_LIVE_BIG", 0) > 0 { 900_000 } else { 200_000 };
    let before = format!("gen --run big --lines {big} --len 1000; : > /tmp/loaded");
    let container = lab.run(&load("big", &before));
    wait_until("the big log is written", 5 * MINUTE, || {
        let test = ["exec", &container.id, "sh", "-c", "[ -e /tmp/loaded ]"];
        second.daemon.try_docker(&test).status.success()
    });
    let size = || std::fs::metadata(container.log_file()).unwrap().len();
    assert!(size() > 200 << 20, "{}", size());

    let place = Place::new();
    let program = Program::capture(&second.daemon, &place.data, &["--history", "all"]);
    wait_until("it is live", 5 * MINUTE, || program.row(&container).is_some_and(|r| lives(&r)));
    let baseline = program.snapshot();
    let start = Instant::now();
    reopen(&program, &container, 50);
    eprintln!("50 reopens of {} MB under load in {:?}", size() / 1_000_000, start.elapsed());

    let after = program.snapshot();
    eprintln!(
        "tasks {} then {}, fds {:?} then {:?}, rss {:?} then {:?} MiB",
        baseline.tasks.actual,
        after.tasks.actual,
        baseline.process.fds,
        after.process.fds,
        baseline.process.rss.map(|b| b >> 20),
        after.process.rss.map(|b| b >> 20)
    );
    assert_eq!(after.tasks.actual, baseline.tasks.actual);
    assert_eq!(after.tasks.expected, after.tasks.actual);
    let fds = |s: &logcap_tui::engine::EngineSnapshot| s.process.fds.unwrap();
    assert!(fds(&after).abs_diff(fds(&baseline)) <= 2);

    end_load(&lab, &container);
    wait_until_all_is_stored(&program, &container);
    print_cost_of_a_reopen(&second, &program, &container);
    let last = program.row(&container).unwrap();
    eprintln!(
        "reopens {:?}, reads {:?}, doubts {:?}",
        last.reopens_by, last.reads_by, last.doubts_by
    );
    assert_eq!((last.restarts, last.timeouts, last.gaps), (0, 0, 0));
    assert_eq!(program.stop(), Some(0));
    let checked = stored::check(&place.data, &container.id, None);
    assert!(checked.is_complete(), "{checked:?}");
    let short =
        checked.next.iter().filter(|((run, _), n)| **n != if run == "big" { big } else { RUN });
    assert_eq!(short.count(), 0, "every run is whole: {:?}", checked.next);
    eprintln!("{} lines, each once", checked.lines);
}

#[test]
#[ignore = "needs a Docker daemon"]
fn kills_under_load_lose_and_double_nothing() {
    for (container, data) in &kills("all", setting("LOGCAP_KILLS", 20)).logs {
        let verdict = judged(data, container);
        let checked = stored::check(data, &container.id, None);
        eprintln!("{}: {} lines, {verdict:?}", container.name, checked.lines);
        assert!(verdict.is_complete() && checked.is_complete(), "{verdict:?} {checked:?}");
        // Control: a line less in the store is seen.
        let mut items = stored::items(data, &container.id);
        items.remove(items.len() / 2);
        let lines = truth::lines(&container.truth());
        assert_eq!(oracle::judge(&lines, &items).lost_unreported, 1);
    }
}

/// A backfill that is killed is continued from its own cursor, and `capture --once` waits for it.
#[test]
#[ignore = "needs a Docker daemon"]
fn kills_during_a_backfill_hide_and_double_nothing() {
    for (container, data) in &kills("auto", 8).logs {
        let verdict = judged(data, container);
        eprintln!("{}: {} lines, {verdict:?}", container.name, container.truth().len());
        assert!(verdict.is_complete() && verdict.excused == 0, "{verdict:?}");
    }
}

/// What is left of a series of kills: the containers run as long as this.
struct Killed {
    logs: Vec<(Container, PathBuf)>,
    _place: Place,
    _lab: Lab,
    _second: SecondDaemon,
}

fn kills(history: &str, times: u64) -> Killed {
    let second = SecondDaemon::start();
    let lab = Lab::on(&second.daemon, "kill");
    let containers = [
        lab.run(&load("one", "gen --run first --lines 20000")),
        lab.run(&load("two", "gen --run first --lines 20000 --both")),
    ];
    for container in &containers {
        container.wait_for_records(20_000, MINUTE);
    }
    let place = Place::new();
    // Not random by clock: a failing series can be run again.
    let mut random = setting("LOGCAP_LIVE_SEED", 7) | 1;
    let mut killed = Vec::new();
    for _ in 0..times {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let life = Duration::from_millis(20 + random % 1500);
        let program = Program::launch(&second.daemon, &place.data, &["--history", history]);
        let start = Instant::now();
        wait_until("its time has come", MINUTE, || start.elapsed() >= life);
        program.kill();
        let so_far = if place.data.join("logcap.db").exists() {
            StoreReader::open(&place.data).and_then(|r| r.totals()).map_or(0, |t| t.records)
        } else {
            0
        };
        killed.push((life.as_millis(), so_far));
    }
    eprintln!("history {history}: killed after ms, with records stored: {killed:?}");
    for container in &containers {
        end_load(&lab, container);
    }
    let run = once(&second.daemon, &place.data, &[]);
    assert_eq!(
        (run.code, &run.summary["gaps"]),
        (Some(0), &0.into()),
        "{} {}",
        run.summary,
        run.stderr
    );
    let logs = containers.into_iter().map(|c| (c, place.data.clone())).collect();
    Killed { logs, _place: place, _lab: lab, _second: second }
}

/// Containers that come back with their daemon.
fn survivors(lab: &Lab) -> Vec<Container> {
    let spec = |name, more: &str| {
        let uuid = "$(cat /proc/sys/kernel/random/uuid)";
        let script = format!("exec gen --run {uuid} --forever {more}");
        Spec::new(name, ["sh", "-c", &script]).flag("--restart=always")
    };
    vec![
        lab.run(&spec("busy", "--rate 2000")),
        lab.run(&spec("both", "--rate 200 --both")),
        lab.run(&spec("slow", "--rate 1")),
        lab.run(&spec("tty", "--rate 50").tty()),
    ]
}

fn wait_until_all_move(program: &Program, containers: &[Container]) {
    let stored = |snapshot: &logcap_tui::engine::EngineSnapshot| -> Vec<u64> {
        containers.iter().map(|c| row(snapshot, c).map_or(0, |r| r.stored_total)).collect()
    };
    let before = stored(&program.snapshot());
    wait_until("every monitor is live and stores", 2 * MINUTE, || {
        let Some(snapshot) = program.try_snapshot() else { return false };
        let moved = stored(&snapshot).iter().zip(&before).all(|(now, then)| now > then);
        moved && containers.iter().all(|c| row(&snapshot, c).is_some_and(|r| lives(&r)))
    });
}

/// Stops the containers, lets the rest be stored, and judges every log against the daemon's disk.
fn stop_and_judge(program: Program, data: &Path, containers: &[Container]) {
    containers.iter().for_each(Container::stop_now);
    wait_until("every end is read", MINUTE, || {
        let snapshot = program.snapshot();
        let ended = |c| row(&snapshot, c).is_some_and(|r| matches!(r.state, State::Ended { .. }));
        containers.iter().all(ended)
    });
    let snapshot = program.snapshot();
    assert_eq!(snapshot.tasks.expected, snapshot.tasks.actual);
    assert!(snapshot.monitors.iter().all(|m| m.flow.is_conserved() && m.flow.in_flight == 0));
    assert_eq!(program.stop(), Some(0));
    for container in containers {
        let verdict = judged(data, container);
        eprintln!("{}: {} lines, {verdict:?}", container.name, container.truth().len());
        assert!(verdict.is_complete(), "{}: {verdict:?}", container.name);
    }
}

#[test]
#[ignore = "needs a Docker daemon"]
fn after_a_restart_of_the_daemon_all_monitors_resume_and_one_failure_is_told() {
    let mut second = SecondDaemon::start();
    let lab = Lab::on(&second.daemon, "restart");
    let containers = survivors(&lab);
    let place = Place::new();
    let program = Program::capture(&second.daemon, &place.data, &["--history", "all"]);
    wait_until_all_move(&program, &containers);
    assert_eq!(events(&place.data, EventKind::DaemonDown).len(), 0, "control: none before");

    second.restart();
    wait_until_all_move(&program, &containers);
    let snapshot = program.snapshot();
    assert_eq!(snapshot.totals.timeouts, 0);
    stop_and_judge(program, &place.data, &containers);
    let down = events(&place.data, EventKind::DaemonDown);
    assert_eq!(down.len(), 1, "{down:?}");
    let failed = events(&place.data, EventKind::MonitorFailed);
    assert_eq!(failed.len(), 0, "the daemon's failure is nobody else's: {failed:?}");
}

#[test]
#[ignore = "needs a Docker daemon"]
fn a_killed_daemon_loses_nothing_that_it_had_written() {
    let mut second = SecondDaemon::start();
    let lab = Lab::on(&second.daemon, "killed");
    let containers = survivors(&lab);
    let place = Place::new();
    let program = Program::capture(&second.daemon, &place.data, &["--history", "all"]);
    wait_until_all_move(&program, &containers);

    second.kill();
    wait_until("it is seen", MINUTE, || events(&place.data, EventKind::DaemonDown).len() == 1);
    second.start_again();
    wait_until_all_move(&program, &containers);
    stop_and_judge(program, &place.data, &containers);
    let down = events(&place.data, EventKind::DaemonDown);
    assert_eq!(down.len(), 1, "{down:?}");
    assert_eq!(events(&place.data, EventKind::MonitorFailed), [""; 0]);
}

#[test]
#[ignore = "needs a Docker daemon"]
fn a_daemon_that_stands_still_for_eight_seconds_costs_nothing() {
    let second = SecondDaemon::start();
    let lab = Lab::on(&second.daemon, "still");
    let containers = survivors(&lab);
    let place = Place::new();
    let program = Program::capture(&second.daemon, &place.data, &["--history", "all"]);
    wait_until_all_move(&program, &containers);

    let records = |program: &Program| program.snapshot().totals.flow.received;
    let stopped = second.paused();
    let (start, mut before) = (Instant::now(), records(&program));
    let mut still = Instant::now();
    wait_until("eight seconds", MINUTE, || {
        let now = records(&program);
        if now != before {
            (before, still) = (now, Instant::now());
        }
        start.elapsed() > Duration::from_secs(8)
    });
    assert!(still.elapsed() > Duration::from_secs(5), "control: nothing came meanwhile");
    drop(stopped);
    wait_until_all_move(&program, &containers);
    let snapshot = program.snapshot();
    assert_eq!(snapshot.totals.gaps, 0);
    stop_and_judge(program, &place.data, &containers);
    let down = events(&place.data, EventKind::DaemonDown);
    assert!(down.len() <= 1, "{down:?}");
    assert_eq!(events(&place.data, EventKind::MonitorFailed), [""; 0]);
}
