//! The harness for a real Docker daemon, tested on itself: what it measures by must be true.
//!
//! Run by `cargo test --test live_support -- --ignored --test-threads=1` as root.
#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod support;

use std::time::{Duration, Instant};

use logcap_tui::model::Fd;
use support::{Daemon, Item, Lab, SecondDaemon, Spec, oracle, truth, wait_until};

const MINUTE: Duration = Duration::from_mins(1);

fn texts(container: &support::Container) -> Vec<Vec<u8>> {
    truth::lines(&container.truth()).into_iter().map(|l| l.text).collect()
}

fn report(container: &support::Container, expected: u64) -> support::SequenceReport {
    oracle::sequence(texts(container).iter().map(Vec::as_slice), Some(expected))
}

#[test]
#[ignore = "needs a Docker daemon"]
fn the_generators_lines_are_all_there_in_truth() {
    let lab = Lab::new("lines");
    let container = lab.run(&Spec::generator("both", "--lines 5000 --both"));
    assert_eq!(container.wait(), 0);
    let report = report(&container, 5000);
    assert!(report.is_complete() && report.lines == 10_000, "{report:?}");
    assert!(container.truth().iter().any(|r| r.fd == Fd::Stderr));

    let all: Vec<_> = truth::lines(&container.truth());
    let mut stored: Vec<_> = all.iter().cloned().map(Item::Line).collect();
    assert!(oracle::judge(&all, &stored).is_complete());
    stored.remove(77);
    assert_eq!(oracle::judge(&all, &stored).lost_unreported, 1, "control: one dropped");
}

#[test]
#[ignore = "needs a Docker daemon"]
fn the_generator_keeps_twenty_thousand_lines_a_second() {
    let lab = Lab::new("rate");
    let container =
        lab.run(&Spec::generator("busy", "--lines 100000 --rate 20000").opt("max-size", "1g"));
    let start = Instant::now();
    assert_eq!(container.wait(), 0);
    let took = start.elapsed();
    let report = report(&container, 100_000);
    assert!(report.is_complete(), "{report:?}");
    assert!(took > Duration::from_secs(3) && took < Duration::from_secs(15), "{took:?}");
}

#[test]
#[ignore = "needs a Docker daemon"]
fn every_mode_leaves_what_it_says() {
    let lab = Lab::new("modes");
    let long = lab.run(&Spec::generator("long", "--lines 3 --len 100000"));
    let open = lab.run(&Spec::generator("open", "--lines 5 --no-final-newline"));
    let same = lab.run(&Spec::generator("same", "--lines 50 --identical"));
    let crash = lab.run(&Spec::generator("crash", "--lines 50 --crash-after 7"));
    let bytes = lab.run(&Spec::generator("bytes", "--lines 2 --invalid-utf8"));
    let tty = lab.run(&Spec::generator("tty", "--lines 10").tty());
    let all = [&long, &open, &same, &crash, &bytes, &tty];
    let codes: Vec<_> = all.iter().map(|c| c.wait()).collect();
    assert_eq!(codes, [0, 0, 0, 1, 0, 0]);
    assert!(report(&long, 3).is_complete());
    assert!(long.truth().len() > 3 * 6, "long lines are stored in chunks of 16 KiB");
    assert!(!open.truth().last().unwrap().newline);
    assert!(report(&open, 5).is_complete());
    assert_eq!(texts(&same), vec![texts(&same)[0].clone(); 50]);
    assert!(report(&crash, 7).is_complete());
    assert_eq!(report(&bytes, 2).altered, 2, "json-file replaces what is not UTF-8");
    assert!(report(&tty, 10).is_complete(), "CRLF is the terminal's");
}

#[test]
#[ignore = "needs a Docker daemon"]
fn a_lab_leaves_nothing_behind() {
    let lab = Lab::new("clean");
    let container = lab.run(&Spec::new("sleeper", ["sleep", "1000"]));
    assert_eq!(container.inspect("{{.State.Running}}"), "true");
    let filter = format!("label={}", lab.label);
    drop(lab);
    let daemon = Daemon::machine();
    assert_eq!(daemon.docker(&["ps", "-a", "-q", "--filter", &filter]), "");
}

#[test]
#[ignore = "needs a Docker daemon"]
fn truth_spans_rotated_and_compressed_files() {
    let lab = Lab::new("rotate");
    let spec = Spec::generator("rotating", "--lines 30000")
        .opt("max-size", "1m")
        .opt("max-file", "20")
        .opt("compress", "true");
    let container = lab.run(&spec);
    assert_eq!(container.wait(), 0);
    let packed = || container.log_file().with_extension("log.1.gz").exists();
    wait_until("compression", MINUTE, packed);
    wait_until("all of it readable", MINUTE, || report(&container, 30_000).is_complete());
}

#[test]
#[ignore = "needs a Docker daemon"]
fn a_second_daemon_starts_pauses_restarts_and_dies() {
    // Not the id: daemons of one machine share it (/etc/docker/key.json up to 24).
    let root = ["info", "-f", "{{.DockerRootDir}}"];
    let first = Daemon::machine().docker(&root);
    let mut second = SecondDaemon::start();
    assert_ne!(second.daemon.docker(&root), first);
    let lab = Lab::on(&second.daemon, "second");
    let spec = Spec::generator("steady", "--forever --rate 1000").flag("--restart=always");
    let container = lab.run(&spec);
    assert_eq!(container.inspect("{{.HostConfig.LogConfig.Config}}"), "map[]", "trusted");
    container.wait_for_records(500, MINUTE);

    second.pause();
    second.resume();
    let before = container.truth().len();
    container.wait_for_records(before + 500, MINUTE);

    second.restart();
    let before = container.truth().len();
    container.wait_for_records(before + 500, MINUTE);
    second.kill();
    assert!(!second.daemon.answers());
    second.start_again();
    container.remove();

    let (path, pid) = (second.daemon.root.clone(), second.pid());
    drop(lab);
    drop(second);
    assert!(!path.exists());
    assert!(rustix::process::test_kill_process(pid).is_err(), "it is gone");
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(path.to_str().unwrap()), "nothing stays mounted");
    assert_eq!(Daemon::machine().docker(&root), first, "untouched");
}
