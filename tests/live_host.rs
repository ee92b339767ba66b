//! What a host does to this program: the disk of its store is full or has no room for another
//! file, and the clock jumps by a day.
//!
//! All on a daemon of the test's own and disks of the test's own. The machine's clock is never set:
//! only the process under test believes that it was.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests may fail loudly, in their helpers too, and print figures"
)]

mod support;

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use logcap_tui::engine::EngineSnapshot;
use logcap_tui::engine::snapshot::MonitorRow;
use logcap_tui::model::{EventKind, Phase, State, Timestamp};
use logcap_tui::store::StoreReader;
use rustix::process::{Pid, Signal, kill_process};
use support::disk::Disk;
use support::program::{binary, once, row};
use support::scene::{let_pass, lives, quiet, writer};
use support::{Container, Program, Scene, Spec, stored, wait_until};

const MINUTE: Duration = Duration::from_mins(1);

/// Whether a program that ended says in plain words that it cannot write, and where.
fn refuses(stderr: &str, disk: &Disk) -> bool {
    let place = disk.at("").display().to_string();
    stderr.contains(&place) && stderr.contains("cannot") && !stderr.contains("panicked")
}

#[test]
#[ignore = "needs a Docker daemon"]
fn a_store_on_a_disk_without_room_for_another_file_refuses_by_name_and_comes_back() {
    let disk = Disk::new("size=2g,nr_inodes=100");
    let mut scene = Scene::new("inodes");
    let once_written = scene.run(&Spec::generator("old", "--lines 1000 --linger 100000"));
    once_written.wait_for_records(1000, MINUTE);
    let mut outcomes = Vec::new();
    for leave in 0.. {
        let data = disk.at(&format!("data{leave}"));
        disk.take_inodes(leave);
        let run = once(&scene.second.daemon, &data, &[]);
        disk.give_back();
        let refused = run.code == Some(4) && refuses(&run.stderr, &disk);
        assert!(refused || run.code == Some(0), "{leave} left: {:?} {}", run.code, run.stderr);
        outcomes.push((leave, run.code, run.stderr.lines().last().map(str::to_owned)));
        // Whatever half-made store was left behind, it is no obstacle.
        let again = once(&scene.second.daemon, &data, &[]);
        assert_eq!(again.code, Some(0), "{leave} were left: {}", again.stderr);
        let checked = stored::check(&data, &once_written.id, Some(1000));
        assert!(checked.is_complete() && checked.lines == 1000, "{leave} left: {checked:?}");
        std::fs::remove_dir_all(&data).unwrap();
        if run.code == Some(0) {
            break;
        }
    }
    for outcome in &outcomes {
        eprintln!("{outcome:?}");
    }
    assert!(outcomes.len() > 2, "control: too few files are refused: {outcomes:?}");
    while_capturing(&mut scene, &disk);
}

/// A running capture needs no new file, and one that starts on a store needs only its socket.
fn while_capturing(scene: &mut Scene, disk: &Disk) {
    scene.data = disk.at("data");
    scene.run(&writer("busy", "--rate 500"));
    scene.capture(&scene.second.daemon.clone());
    scene.wait_until_all_move(MINUTE);
    disk.take_inodes(0);
    let before = scene.program().snapshot();
    assert!(before.is_healthy(), "{:?}", before.store.blocked);
    scene.wait("it goes on", MINUTE, |snapshot| {
        snapshot.is_healthy()
            && snapshot.store.commits > before.store.commits + 20
            && snapshot.totals.flow.stored > before.totals.flow.stored + 2000
    });
    assert_eq!(disk.free_inodes(), 0);
    // After a kill its files are there, and so is the place of its socket.
    scene.program.take().unwrap().kill();
    let run = once(&scene.second.daemon, &scene.data, &[]);
    assert_eq!(run.code, Some(0), "after a kill: {}", run.stderr);
    // After an orderly end only the socket is missing: it captures, and says what it lacks.
    disk.take_inodes(0);
    let records = || StoreReader::open(&scene.data).unwrap().totals().unwrap().records;
    let before = records();
    let program = Program::launch(&scene.second.daemon, &scene.data, &["--probe", "5s"]);
    wait_until("it captures without a socket", MINUTE, || records() > before + 2000);
    assert_eq!((program.try_snapshot().is_some(), disk.free_inodes()), (false, 0), "control");
    disk.give_back();
    wait_until("its socket comes by itself", MINUTE, || program.try_snapshot().is_some());
    assert_eq!(program.stop(), Some(0));
    let said = std::fs::read_to_string(scene.data.with_extension("stderr")).unwrap();
    assert!(said.contains("engine.sock: No space left") && !said.contains("panicked at"), "{said}");
    scene.capture(&scene.second.daemon.clone());
    scene.wait_until_all_move(MINUTE);
    scene.stop();
    scene.assert_complete();
}

#[test]
#[ignore = "needs a Docker daemon"]
fn a_full_disk_of_the_store_is_named_and_costs_nothing() {
    // More than store.min_free.
    let disk = Disk::new("size=700m");
    let mut scene = Scene::new("blocked");
    scene.data = disk.at("data");
    scene.run(&writer("busy", "--rate 500"));
    scene.run(&writer("both", "--rate 50 --both"));
    let quiet = scene.run(&quiet("quiet"));
    scene.capture(&scene.second.daemon.clone());
    scene.wait_until_all_move(MINUTE);
    assert!(scene.program().snapshot().is_healthy(), "control");
    disk.take_bytes(0);
    let began = Instant::now();
    let blocked = scene.wait("the full disk is named", MINUTE, |snapshot| {
        let waits = |m: &&Arc<MonitorRow>| m.phase == Phase::StoreBlocked;
        snapshot.store.blocked.is_some() && snapshot.monitors.iter().filter(waits).count() >= 2
    });
    let (named, words) = (began.elapsed(), blocked.store.blocked.clone().unwrap());
    assert!(!blocked.is_healthy() && words.contains("free"), "{words}");
    let_pass("the disk is full", Duration::from_secs(5));
    let still = scene.program().snapshot();
    assert!(still.store.blocked.is_some(), "{:?}", still.phases());
    disk.give_back();
    let began = Instant::now();
    scene.wait("the store writes again", MINUTE, EngineSnapshot::is_healthy);
    scene.wait_until_all_move(MINUTE);
    eprintln!("named after {named:?}: {words}; all is well after {:?}", began.elapsed());
    scene.speak(&quiet, 3, MINUTE);
    let timeline = scene.program().snapshot().timeline;
    scene.stop();
    scene.assert_complete();
    // What could not be put on the timeline then is put there later, or counted as dropped.
    let kinds = [EventKind::StoreBlocked, EventKind::StoreRecovered];
    let (told, stored) = (kinds.map(|kind| timeline.told[&kind]), kinds.map(|k| scene.events(k)));
    let missing = told.iter().sum::<u64>() - stored.iter().map(|e| e.len() as u64).sum::<u64>();
    assert_eq!(told, [1, 1], "{timeline:?}");
    assert!(missing <= timeline.dropped, "{missing} events are gone uncounted: {stored:?}");
}

#[test]
#[ignore = "needs a Docker daemon and strace"]
fn a_slow_disk_of_the_store_is_named_and_costs_nothing() {
    let mut scene = Scene::new("slow");
    scene.run(&writer("busy", "--rate 500"));
    let quiet = scene.run(&quiet("quiet"));
    scene.capture(&scene.second.daemon.clone());
    scene.wait_until_all_move(MINUTE);
    let before = scene.program().snapshot();
    assert!(before.store.slow.is_none() && before.store.commit_p99_ms < 5_000.0, "control");
    let pid = scene.program().pid().as_raw_nonzero().to_string();
    let syncs = "fdatasync,fsync";
    let (trace, inject) =
        (format!("trace={syncs}"), format!("inject={syncs}:delay_enter={}", 8_000_000));
    let mut slow = std::process::Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject, "-p", &pid])
        .spawn()
        .unwrap();
    let began = Instant::now();
    let named = scene.wait("the slow disk is named", MINUTE, |s| s.store.slow.is_some());
    let took = began.elapsed();
    let two_commits = named.store.commits + 2;
    scene.wait("commits go on, slowly", MINUTE, |s| s.store.commits >= two_commits);
    let still = scene.program().snapshot();
    assert!(still.is_healthy() && still.store.commit_p99_ms > 5_000.0, "{:?}", still.store);
    let slow_pid = Pid::from_raw(i32::try_from(slow.id()).unwrap()).unwrap();
    kill_process(slow_pid, Signal::TERM).unwrap();
    slow.wait().unwrap();
    let began = Instant::now();
    scene.wait("it is quick again", MINUTE, |s| s.store.slow.is_none() && s.store.queue == 0);
    let quick = began.elapsed();
    scene.wait_until_all_move(MINUTE);
    scene.speak(&quiet, 3, MINUTE);
    scene.wait("the timeline says so", MINUTE, |s| {
        s.timeline.told.contains_key(&EventKind::StoreRecovered)
    });
    eprintln!("named after {took:?}; quick after {quick:?}, said after {:?}", began.elapsed());
    scene.stop();
    scene.assert_complete();
    assert!(!scene.events(EventKind::StoreSlow).is_empty(), "it is on the timeline");
    let recovered = scene.events(EventKind::StoreRecovered).len();
    assert_eq!(recovered, scene.events(EventKind::StoreSlow).len(), "and so is its end");
}

/// The program with a wall clock of its own.
struct Faked {
    child: Child,
    data: PathBuf,
    offset: PathBuf,
}

impl Faked {
    fn start(scene: &Scene) -> Self {
        let offset = scene.data.with_extension("clock");
        std::fs::write(&offset, "+0").unwrap();
        let mut command = binary();
        command.args(["--docker", &scene.second.daemon.uri, "--data-dir"]).arg(&scene.data);
        command.args(["--history", "all", "--probe", "5s", "capture"]);
        command.env("LD_PRELOAD", library()).env("FAKETIME_TIMESTAMP_FILE", &offset);
        // Deadlines are measured by the other clock, which no jump reaches on a real host either.
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
        command.env("FAKETIME_CACHE_DURATION", "1");
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, data: scene.data.clone(), offset }
    }

    fn set(&self, offset: &str) {
        // Never half a file.
        let fresh = self.offset.with_extension("fresh");
        std::fs::write(&fresh, offset).unwrap();
        std::fs::rename(fresh, &self.offset).unwrap();
    }

    /// Asked by another process, whose clock is the machine's.
    fn snapshot(&self) -> Option<EngineSnapshot> {
        let mut status = binary();
        status.arg("--data-dir").arg(&self.data).args(["status", "--json"]);
        serde_json::from_slice(&status.output().unwrap().stdout).ok()
    }

    #[track_caller]
    fn wait(&self, what: &str, holds: impl Fn(&EngineSnapshot) -> bool) -> EngineSnapshot {
        let mut last = None;
        wait_until(what, MINUTE, || {
            last = self.snapshot().filter(&holds);
            last.is_some()
        });
        last.unwrap()
    }
}

impl Drop for Faked {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The library that stands between a process and the clock.
fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let mut places = folders.map(|f| f.path().join("faketime/libfaketimeMT.so.1"));
    places.find(|place| place.exists()).expect("libfaketime is installed (package faketime)")
}

/// By how many seconds the engine's wall clock is ahead of the machine's.
fn ahead(snapshot: &EngineSnapshot) -> i64 {
    (snapshot.wall.0 - Timestamp::from_system(std::time::SystemTime::now()).0) / 1_000_000_000
}

#[test]
#[ignore = "needs a Docker daemon"]
fn a_clock_that_jumps_by_a_day_either_way_costs_nothing() {
    const DAY: i64 = 86_400;
    let mut scene = Scene::new("clock");
    scene.run(&writer("busy", "--rate 500"));
    scene.run(&writer("local", "--rate 200").driver("local"));
    let quiet = scene.run(&quiet("quiet"));
    let program = Faked::start(&scene);
    let all_live = |s: &EngineSnapshot| s.ready && s.monitors.iter().all(|m| lives(m));
    let mut before = program.wait("all are live", |s| s.monitors.len() == 3 && all_live(s));
    assert!(ahead(&before).abs() < 60, "{}", ahead(&before));
    for (nth, days) in (0..).zip([1, -1, 0]) {
        program.set(&format!("{:+}", days * DAY));
        // More than a probe interval, so that every log was proved by the new time.
        let at = before.at.after(Duration::from_secs(6));
        let script = format!("gen --run 0 --from {} --lines 1 > /proc/1/fd/1", 3 + nth);
        scene.lab.daemon.docker(&["exec", &quiet.id, "sh", "-c", &script]);
        let after = program.wait("the clock has jumped and all move", |s| {
            let moved = (ahead(s) - days * DAY).abs() < 60;
            let stored = s.totals.flow.stored > before.totals.flow.stored + 2000;
            let spoken = row(s, &quiet).is_some_and(|r| r.stored_total == 4 + nth);
            moved && s.at >= at && stored && spoken && all_live(s) && s.is_healthy()
        });
        let took = after.at.since(before.at);
        eprintln!("{days:+} days: ahead by {} s, {took:?} later", ahead(&after));
        assert!(took < MINUTE, "control: the other clock did not jump: {took:?}");
        let totals = after.totals;
        assert_eq!((totals.timeouts, totals.restarts, totals.failures_5m), (0, 0, 0));
        assert_eq!((totals.gaps, totals.panics), (0, 0));
        before = after;
    }
    finish(&scene, program);
}

/// Ends containers and program, and judges what can be held against the daemon's files.
fn finish(scene: &Scene, mut program: Faked) {
    scene.containers.iter().for_each(Container::stop_now);
    program.wait("every end is read", |snapshot| {
        let ended = |c| row(snapshot, c).is_some_and(|r| matches!(r.state, State::Ended { .. }));
        scene.containers.iter().all(ended)
    });
    kill_process(Pid::from_child(&program.child), Signal::TERM).unwrap();
    assert!(program.child.wait().unwrap().success());
    for container in &scene.containers {
        let checked = stored::check(&scene.data, &container.id, None);
        assert!(checked.is_complete() && checked.lines > 0, "{}: {checked:?}", container.name);
        eprintln!("{}: {} lines, each once", container.name, checked.lines);
        if container.inspect("{{.HostConfig.LogConfig.Type}}") == "json-file" {
            let verdict = scene.judge(container);
            assert!(verdict.is_complete(), "{}: {verdict:?}", container.name);
        }
    }
}
