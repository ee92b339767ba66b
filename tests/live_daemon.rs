//! What befalls a real daemon: its containerd is killed, it gets next to no time of the processor,
//! its own disk is full.
//!
//! All on a daemon of the test's own. The truth is what the daemon has in its own files: what it
//! could not write nobody can know, and what it wrote by half nobody can read.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests may fail loudly, in their helpers too, and print figures"
)]

mod support;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use logcap_tui::model::{EventKind, Fd, Lost, Timestamp};
use rustix::process::{Pid, Signal, kill_process};
use support::disk::Disk;
use support::program::row;
use support::scene::{lives, quiet, writer};
use support::starved::{Starved, share};
use support::{Container, Item, OracleLine, Scene, SecondDaemon, oracle, truth, wait_until};

const MINUTE: Duration = Duration::from_mins(1);

/// The containerd of a daemon, if it says that it has one.
fn containerd(second: &SecondDaemon) -> Option<Pid> {
    let folder = Path::new(second.daemon.socket()).parent()?;
    let text = std::fs::read_to_string(folder.join("exec/containerd/containerd.pid")).ok()?;
    Pid::from_raw(text.trim().parse().ok()?)
}

#[test]
#[ignore = "needs a Docker daemon"]
fn a_killed_containerd_costs_nothing_and_what_starts_afterwards_is_captured() {
    let mut scene = Scene::new("containerd");
    scene.run(&writer("busy", "--rate 1000"));
    scene.run(&writer("both", "--rate 200 --both"));
    let quiet = scene.run(&quiet("quiet"));
    scene.capture(&scene.second.daemon.clone());
    scene.wait_until_all_move(MINUTE);
    for round in 0..2 {
        let killed = containerd(&scene.second).expect("it runs");
        kill_process(killed, Signal::KILL).unwrap();
        let began = Instant::now();
        scene.wait_until_all_move(MINUTE);
        let captured = began.elapsed();
        wait_until("another containerd runs", MINUTE, || {
            containerd(&scene.second).is_some_and(|pid| pid != killed)
        });
        let another = began.elapsed();
        scene.wait_until_all_move(MINUTE);
        // What the daemon starts, it starts by containerd; it needs a while to find the new one.
        let exec = ["exec", &quiet.id, "true"];
        wait_until("the daemon starts processes again", MINUTE, || {
            scene.second.daemon.try_docker(&exec).status.success()
        });
        let started = began.elapsed();
        scene.speak(&quiet, 3 + round, MINUTE);
        let later = scene.run(&writer(&format!("later{round}"), "--rate 100"));
        scene.wait("what started afterwards is captured", MINUTE, |snapshot| {
            row(snapshot, &later).is_some_and(|r| lives(&r) && r.flow.stored > 100)
        });
        eprintln!(
            "all captured after {captured:?}, another containerd after {another:?}, the daemon starts \
             processes after {started:?}, which are captured after {:?}",
            began.elapsed()
        );
    }
    let totals = scene.program().snapshot().totals;
    assert_eq!((totals.timeouts, totals.restarts, totals.gaps), (0, 0, 0));
    scene.stop();
    scene.assert_complete();
    assert_eq!(scene.events(EventKind::MonitorFailed), [""; 0]);
}

#[test]
#[ignore = "needs a Docker daemon"]
fn a_starved_daemon_is_slow_and_nothing_is_lost() {
    let mut scene = Scene::new("starved");
    for name in ["one", "two", "three"] {
        scene.run(&writer(name, "--rate 2000"));
    }
    let wide = writer("wide", "--rate 500 --both").opt("max-size", "100m").opt("max-file", "2");
    scene.run(&wide);
    let quiet = scene.run(&quiet("quiet"));
    scene.capture(&scene.second.daemon.clone());
    scene.wait_until_all_move(MINUTE);
    let pids = [scene.second.pid(), containerd(&scene.second).unwrap()];
    let well_fed = share(pids[0], Duration::from_secs(3));
    let mut spoken = 3;
    for way in ["a quota", "signals"] {
        let starved = match way {
            "a quota" => Starved::by_quota(&pids),
            _ => Some(Starved::by_signals(&pids)),
        };
        let Some(starved) = starved else {
            eprintln!("no quota can be set here; signals do the same");
            continue;
        };
        let before = scene.program().snapshot();
        let fed = share(pids[0], Duration::from_secs(10));
        let hungry = scene.program().snapshot();
        drop(starved);
        let began = Instant::now();
        // Control: it was starved, and the load was such that it would have used more.
        assert!(fed < 0.2 && well_fed > 2.0 * fed, "{way}: {well_fed:.2} then {fed:.2}");
        scene.wait_until_all_move(MINUTE);
        scene.speak(&quiet, spoken, MINUTE);
        spoken += 1;
        let stored = hungry.totals.flow.stored - before.totals.flow.stored;
        eprintln!(
            "{way}: {:.0} % of a processor, then {:.0} % for 10 s with {stored} records stored, \
             {:?}, {} failures; well after {:?}",
            well_fed * 100.0,
            fed * 100.0,
            hungry.phases(),
            hungry.totals.failures_5m,
            began.elapsed()
        );
    }
    let totals = scene.program().snapshot().totals;
    assert_eq!((totals.timeouts, totals.gaps), (0, 0), "late is not lost");
    scene.stop();
    scene.assert_complete();
}

/// What a line of the daemon's file is to the judgement when nobody can decode it.
const BROKEN: &[u8] = b"a record that the daemon wrote by half";

/// The lines of a container's file, with a stand-in for each that cannot be decoded. Its lines are
/// short, so that one record is one line. A record that lacks nothing but its line break is whole.
fn lines_of_a_broken_file(container: &Container) -> Vec<OracleLine> {
    #[derive(serde::Deserialize)]
    struct Record {
        log: String,
        stream: String,
        time: String,
    }
    let bytes = std::fs::read(container.log_file()).unwrap();
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let values = lines.flat_map(|line| serde_json::Deserializer::from_slice(line).into_iter());
    let read = values.map(|value| match value {
        Ok(Record { log, stream, time }) => OracleLine {
            fd: if stream == "stderr" { Fd::Stderr } else { Fd::Stdout },
            ts: truth::timestamp(&time),
            text: log.trim_end_matches('\n').as_bytes().to_vec(),
        },
        Err(_) => OracleLine { fd: Fd::Stdout, ts: Timestamp(0), text: BROKEN.to_vec() },
    });
    read.collect()
}

/// The places of the lines that are not stored, and of those that stand behind a gap.
fn places(lines: &[OracleLine], items: &[Item]) -> (Vec<usize>, Vec<usize>) {
    let places: HashMap<_, _> = lines.iter().zip(0..).collect();
    let (mut stored, mut behind, mut gap) = (HashSet::new(), Vec::new(), false);
    for item in items {
        match item {
            Item::Line(line) => {
                stored.insert(line);
                behind.extend(places.get(line).filter(|_| std::mem::take(&mut gap)));
            }
            Item::Gap | Item::Excused => gap = true,
        }
    }
    let missing = (0..lines.len()).filter(|at| !stored.contains(&lines[*at])).collect();
    (missing, behind)
}

/// How many numbers are missing in the lines that the daemon has.
fn unwritten(lines: &[OracleLine]) -> u64 {
    let mut next = BTreeMap::new();
    let numbers = lines.iter().filter_map(|line| oracle::generated(&line.text));
    numbers.map(|(key, seq)| seq - next.insert(key, seq + 1).unwrap_or(0)).sum()
}

#[test]
#[ignore = "needs a Docker daemon"]
fn a_full_disk_of_the_daemon_costs_what_it_could_not_write_and_nothing_else() {
    let disk = Disk::new("size=128m");
    let root = disk.at("data");
    let mut second = SecondDaemon::start_with(&["--data-root", root.to_str().unwrap()]);
    second.daemon.root = root;
    let mut scene = Scene::on(second, "full");
    let busy = scene.run(&writer("busy", "--rate 3000"));
    let both = scene.run(&writer("both", "--rate 50 --both"));
    scene.capture(&scene.second.daemon.clone());
    scene.wait_until_all_move(MINUTE);

    let size = || std::fs::metadata(busy.log_file()).unwrap().len();
    disk.take_bytes(1 << 20);
    let mut last = (size(), Instant::now());
    wait_until("the log grows no more", MINUTE, || {
        if size() != last.0 {
            last = (size(), Instant::now());
        }
        last.1.elapsed() > Duration::from_secs(3)
    });
    assert!(disk.free_bytes() < 4096 && busy.inspect("{{.State.Running}}") == "true");
    let full = scene.program().snapshot();
    eprintln!("full: {:?} {:?}, {}", full.docker.link, full.phases(), scene.second.own_log());
    disk.give_back();
    let began = Instant::now();
    wait_until("the log grows again", MINUTE, || size() > last.0 + (10 << 10));
    scene.wait_until_all_move(2 * MINUTE);
    eprintln!("captured again {:?} after there is room", began.elapsed());
    scene.stop();

    let broken: usize =
        [&busy, &both].map(|container| judge_broken(&scene, container)).iter().sum();
    assert!(unwritten(&lines_of_a_broken_file(&busy)) > 500, "control: the disk was full");
    eprintln!("{broken} records written by half");
}

/// Judges a log of which the daemon may have written records by half; how many there are.
fn judge_broken(scene: &Scene, container: &Container) -> usize {
    let lines = lines_of_a_broken_file(container);
    let broken = lines.iter().filter(|line| line.text == BROKEN).count();
    let mut items = scene.items(container);
    let verdict = oracle::judge(&lines, &items);
    let gaps = scene.gaps(container);
    eprintln!(
        "{}: {} lines in the file, {broken} broken, {} never written; {verdict:?}",
        container.name,
        lines.len(),
        unwritten(&lines)
    );
    let at = lines.iter().position(|line| line.text == BROKEN);
    let (missing, gaps_at) = places(&lines, &items);
    eprintln!(
        "    {at:?} is broken, {} from {:?} on are not stored, gaps stand before {gaps_at:?}",
        missing.len(),
        missing.first()
    );
    for gap in &gaps {
        eprintln!("    {:?} {:?}: {}", gap.what.lost, gap.what.away, gap.what.detail);
    }
    assert!(verdict.is_clean(), "{verdict:?}");
    let corrupt = gaps.iter().all(|gap| matches!(gap.what.lost, Some(Lost::Corrupt(_))));
    // Two that stand close together may be one gap.
    let accounted = (broken.min(1)..=broken).contains(&gaps.len());
    assert!(corrupt && accounted, "{broken} broken: {gaps:#?}");
    // Control: without its gaps the store would have a silent loss.
    items.retain(|item| *item != Item::Gap);
    assert_eq!(oracle::judge(&lines, &items).lost_unreported, verdict.reported);
    broken
}
