//! `logcap-tui verify`: against a real engine under load, against none, and with its controls.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use logcap_tui::sim::{ContainerSpec, Target};
use rustix::process::{Pid, Signal};
use serde_json::Value;
use tokio::time::{interval, timeout};

use crate::harness::{DEADLINE, Live, binary, run};

const RULES: [&str; 9] = [
    "answers",
    "coverage",
    "freshness",
    "evidence",
    "reported",
    "tasks",
    "descriptors",
    "conservation",
    "gaps",
];

/// The rules that a report says did not hold, and of which container.
fn broken(report: &Value) -> Vec<(String, Vec<String>)> {
    let names = |rule: &Value| {
        let findings = rule["findings"].as_array().unwrap().iter();
        findings.map(|f| f["container"].as_str().unwrap_or("engine").to_owned()).collect()
    };
    let rules = report["rules"].as_array().unwrap().iter().filter(|rule| rule["ok"] == false);
    rules.map(|rule| (rule["rule"].as_str().unwrap().to_owned(), names(rule))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_engine_under_load_is_verified_and_a_gap_is_not() {
    let plain = (0..4).map(|n| ContainerSpec::named(format!("plain-{n}")));
    let rotating = ContainerSpec::named("rotating").rotating("64k", 3);
    let (live, ids) = Live::start(plain.chain([rotating, ContainerSpec::named("quiet")])).await;

    let (sim, busy) = (live.sim.clone(), ids[..5].to_vec());
    let load = tokio::spawn(async move {
        let mut ticks = interval(Duration::from_millis(20));
        loop {
            ticks.tick().await;
            for id in &busy {
                sim.emit_many(id, 3, |n| format!("load {n}"));
            }
        }
    });
    let (code, report) = live.verify(&["--for", "8s"]).await;
    load.abort();
    assert_eq!((code, broken(&report)), (Some(0), Vec::new()), "{report:#}");
    assert_eq!((&report["ok"], &report["containers"]), (&true.into(), &6.into()));
    assert!(report["samples"].as_u64().unwrap() >= 5, "{report:#}");
    assert!(report["watched_s"].as_f64().unwrap() >= 8.0, "{report:#}");
    assert!(report["build"].as_str().unwrap().starts_with(env!("CARGO_PKG_VERSION")));
    assert_eq!(report["build"], report["engine_build"]);

    let id = &ids[4];
    live.sim.stall_reads(Target::All);
    live.sim.emit_many(id, 20, |n| format!("rotated away {n}"));
    live.sim.rotate(id, 5);
    live.sim.emit_many(id, 20, |n| format!("still there {n}"));
    live.sim.unstall(Target::All);
    live.wait_for("gap", |s| s.totals.gaps_new == 1 && s.coverage.fresh == 6).await;
    let (code, report) = live.verify(&["--for", "1s"]).await;
    let expected = vec![("gaps".to_owned(), vec!["rotating".to_owned()])];
    assert_eq!((code, broken(&report)), (Some(1), expected), "{report:#}");
    let (code, report) = live.verify(&["--for", "1s", "--allow-gaps"]).await;
    assert_eq!((code, broken(&report)), (Some(0), Vec::new()), "{report:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_engine_nothing_is_verified() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = binary(dir.path());
    command.args(["verify", "--for", "1s"]);
    let output = run(command).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("no engine answers on") && text.ends_with("\nFAILED\n"), "{text}");
    for rule in &RULES[1..] {
        assert!(text.contains(&format!("no data {rule}")), "{rule}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_is_cut_short_is_no_success() {
    let (live, _) = Live::start([ContainerSpec::named("one")]).await;
    let mut command = binary(&live.dir.path().join("data"));
    command.args(["verify", "--for", "1h"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The engine goes; the first finding on standard error tells that samples are being taken.
    live.sim.stop().await;
    drop(live);
    let mut told_first = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let told = tokio::task::spawn_blocking(move || {
        stderr.read_line(&mut told_first).unwrap();
        (told_first, stderr)
    });
    let (told_first, stderr) = timeout(DEADLINE, told).await.unwrap().unwrap();
    assert!(told_first.contains("answers"), "{told_first}");
    rustix::process::kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let output = timeout(DEADLINE, ended).await.unwrap().unwrap();
    drop(stderr);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("of 3600.0 s"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_rule_is_seen_to_fail() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = binary(dir.path());
    command.args(["verify", "--control", "--json"]);
    let output = run(command).await;
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["ok"]), (Some(0), &true.into()), "{report:#}");
    let controls = report["controls"].as_array().unwrap();
    for rule in RULES {
        let mut of_rule = controls.iter().filter(|control| control["rule"] == rule);
        assert!(of_rule.any(|control| control["seen"] == true), "{rule}: {report:#}");
    }
    assert!(controls.iter().all(|c| c["figures"].as_str().is_some_and(|f| !f.is_empty())));
}
