//! `capture --once` of a million lines on a real daemon: all of them, and what it costs beside
//! `curl` of the same log to nowhere. Correctness and memory are asserted here; times are printed,
//! because they belong to the machine (`tests/bench/once.sh` measures them on a quiet one).
//!
//! `LOGCAP_LIVE_PAIRS` is the number of interleaved pairs, 1 unless set.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests may fail loudly and report")]

mod support;

use std::process::{Command, Stdio};

use support::program::{measured, once, setting};
use support::{Lab, SecondDaemon, Spec, stored};

const LINES: u64 = 1_000_000;
const RSS_MAX: u64 = 80 << 20;

#[test]
#[ignore = "needs a Docker daemon"]
fn a_million_lines_are_stored_once_each() {
    let second = SecondDaemon::start();
    let lab = Lab::on(&second.daemon, "million");
    let container = lab.run(&Spec::generator("million", &format!("--lines {LINES}")));
    assert_eq!(container.wait(), 0);

    let url = format!("http://d/containers/{}/logs?stdout=1&stderr=1&timestamps=1", container.id);
    let mut ratios = Vec::new();
    for pair in 0..setting("LOGCAP_LIVE_PAIRS", 1) {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let run = once(&second.daemon, &data, &[]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert_eq!(run.summary["lines"], LINES, "{}", run.summary);
        assert_eq!(run.summary["gaps"], 0, "{}", run.summary);

        let mut curl = Command::new("curl");
        curl.args(["-s", "--unix-socket", second.daemon.socket(), &url]).stdout(Stdio::null());
        let (code, plain) = measured(&mut curl);
        assert_eq!(code, Some(0));

        let wall = run.usage.wall.as_secs_f64() / plain.wall.as_secs_f64();
        let cpu = run.usage.cpu.as_secs_f64() / plain.cpu.as_secs_f64();
        eprintln!(
            "pair {pair}: capture {:?} wall {:?} CPU {} MiB, curl {:?} wall {:?} CPU: {wall:.2}x, {cpu:.2}x",
            run.usage.wall,
            run.usage.cpu,
            run.usage.rss >> 20,
            plain.wall,
            plain.cpu,
        );
        ratios.push((wall, cpu));
        assert!(
            cfg!(debug_assertions) || run.usage.rss <= RSS_MAX,
            "resident memory {} MiB",
            run.usage.rss >> 20
        );

        if pair == 0 {
            let checked = stored::check(&data, &container.id, Some(LINES));
            assert!(checked.is_complete() && checked.lines == LINES, "{checked:?}");
            // Control: the same check with one line more expected.
            assert_eq!(stored::check(&data, &container.id, Some(LINES + 1)).lost, 1);
            // Again on the same store: nothing new, nothing twice.
            let again = once(&second.daemon, &data, &[]);
            assert_eq!((again.code, &again.summary["lines"]), (Some(0), &0.into()));
            let checked = stored::check(&data, &container.id, Some(LINES));
            assert!(checked.is_complete() && checked.lines == LINES, "{checked:?}");
        }
    }
    let median = |of: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = ratios.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    eprintln!(
        "median of {}: wall {:.2}x, CPU {:.2}x",
        ratios.len(),
        median(|r| r.0),
        median(|r| r.1)
    );
}
