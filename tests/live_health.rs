//! What the program tells other programs, on a real daemon: `/health` by the very shell check that
//! its users run, `/ready`, `/metrics`, and exit codes. A monitor that is held, cannot read, or
//! hears nothing is not running.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests may fail loudly, in their helpers too, and print figures"
)]

mod support;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use logcap_tui::engine::Verb;
use serde_json::Value;
use support::program::{binary, once};
use support::{Daemon, Lab, Program, SecondDaemon, Spec, wait_until};

const MINUTE: Duration = Duration::from_mins(1);
const CHECK: &str = r#"curl -s --max-time 5 $ADDR/health | jq '[.tasks[] | select(.id | startswith("container_")) | select(.state=="running")] | length'"#;

/// A port of the loopback that nobody has.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// The number that the shell check prints.
fn running(address: &str) -> Option<u64> {
    let output = Command::new("sh").args(["-c", CHECK]).env("ADDR", address).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().ok()
}

/// Status and body of a route.
fn ask(address: &str, route: &str) -> (u16, String) {
    let url = format!("http://{address}{route}");
    let output = Command::new("curl").args(["-s", "-w", "\n%{http_code}", &url]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, code) = text.rsplit_once('\n').unwrap();
    (code.parse().unwrap(), body.to_owned())
}

fn health(address: &str) -> (u16, Value) {
    let (code, body) = ask(address, "/health");
    (code, serde_json::from_str(&body).unwrap_or_default())
}

/// State and phase of the task of one container, if the document has them.
fn words(health: &Value, name: &str) -> Option<(String, String)> {
    let task = health["tasks"].as_array()?.iter().find(|t| t["name"] == name)?;
    let word = |key: &str| Some(task[key].as_str()?.to_owned());
    Some((word("state")?, word("phase")?))
}

/// Waits until the task of one container has this state and phase, and returns the answer that
/// says so. A monitor passes through others on its way there: a turn to read may be waited for.
fn settled(address: &str, name: &str, state: &str, phase: &str) -> (u16, Value) {
    let (mut last, want) = (health(address), (state.to_owned(), phase.to_owned()));
    wait_until(&format!("{name} is {state}, {phase}"), MINUTE, || {
        last = health(address);
        words(&last.1, name).as_ref() == Some(&want)
    });
    last
}

#[test]
#[ignore = "needs a Docker daemon"]
fn health_counts_what_runs_and_nothing_else() {
    let second = SecondDaemon::start();
    let lab = Lab::on(&second.daemon, "health");
    let busy = lab.run(&Spec::generator("busy", "--forever --rate 500"));
    let quiet = lab.run(&Spec::generator("quiet", "--lines 1 --linger 100000"));
    let silent = lab.run(&Spec::new("silent", ["sleep", "100000"]));
    let unreadable = lab.run(&Spec::generator("unreadable", "--forever --rate 10").driver("none"));
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let data = folder.path().join("data");
    let program = Program::capture(&second.daemon, &data, &["--probe", "5s", "--listen", &address]);
    wait_until("three run", MINUTE, || running(&address) == Some(3));
    assert_eq!(ask(&address, "/ready").0, 200);
    let (code, document) = settled(&address, &unreadable.name, "stopped", "unreadable");
    assert_eq!((code, &document["status"]), (200, &"ok".into()), "{document:#}");
    assert_eq!(document["unreadable"], 1);

    // Held by the user.
    assert_eq!(program.order(Verb::Pause, &busy).done, 1);
    let (code, document) = settled(&address, &busy.name, "paused", "paused");
    assert_eq!((code, &document["paused"]), (200, &1.into()), "{document:#}");
    assert_eq!(running(&address), Some(2));
    assert_eq!(program.order(Verb::Resume, &busy).done, 1);
    wait_until("three run again", MINUTE, || running(&address) == Some(3));

    // Stopped.
    quiet.stop_now();
    let (code, _) = settled(&address, &quiet.name, "stopped", "ended");
    assert_eq!((code, running(&address)), (200, Some(2)));
    quiet.docker("start");
    wait_until("three run again", MINUTE, || running(&address) == Some(3));

    metrics(&address);
    stuck(&second, &address);
    let _ = silent;
    assert_eq!(program.stop(), Some(0));
    assert_eq!(running(&address), None, "control: without an engine there is no number");
}

/// The daemon holds its sockets and says nothing: nobody may be called running for long.
fn stuck(second: &SecondDaemon, address: &str) {
    let still = second.paused();
    let start = Instant::now();
    // The deadline of evidence is ten probe intervals.
    let deadline = Duration::from_secs(65);
    wait_until("none runs", deadline, || running(address) == Some(0));
    let none_runs = start.elapsed();
    wait_until("it is not healthy", deadline.saturating_sub(none_runs), || {
        health(address).0 == 503
    });
    let (_, document) = health(address);
    assert_eq!(document["status"], "failing", "{document:#}");
    eprintln!(
        "daemon stands still: none runs after {none_runs:?}, 503 after {:?}: {}",
        start.elapsed(),
        document["docker"]
    );
    let (_, metrics) = ask(address, "/metrics");
    assert!(metrics.contains("logcap_healthy 0"), "{metrics}");
    drop(still);
    wait_until("all run again", MINUTE, || running(address) == Some(3));
    wait_until("it is healthy again", MINUTE, || health(address).0 == 200);
}

fn metrics(address: &str) {
    let (code, text) = ask(address, "/metrics");
    assert_eq!(code, 200);
    let value = |name: &str| -> f64 {
        let line = text.lines().find(|l| l.split_whitespace().next() == Some(name));
        line.unwrap_or_else(|| panic!("{name} in {text}"))
            .split_whitespace()
            .nth(1)
            .unwrap()
            .parse()
            .unwrap()
    };
    let expected = value("logcap_tasks_expected");
    assert!(expected > 0.0 && (value("logcap_tasks_actual") - expected).abs() < 0.5);
    assert!((value("logcap_healthy") - 1.0).abs() < 0.5);
    assert!((value("logcap_containers_running") - 4.0).abs() < 0.5);
    let running = text.lines().filter(|l| {
        l.starts_with("logcap_monitor_state")
            && l.contains("state=\"running\"")
            && l.ends_with(" 1.0")
    });
    assert_eq!(running.count(), 3, "{text}");
    assert!(text.trim_end().ends_with("# EOF"));
}

fn run(arguments: &[&str], data: &Path) -> Output {
    binary().arg("--data-dir").arg(data).args(arguments).output().unwrap()
}

/// Code and message of a run that must fail.
#[track_caller]
fn refused(arguments: &[&str], data: &Path, code: i32, words: &str) {
    let output = run(arguments, data);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    assert!(message.contains(words), "{arguments:?} says {words:?}: {message}");
    assert!(!message.contains("panicked"), "{message}");
}

#[test]
#[ignore = "needs a Docker daemon"]
fn exit_codes_tell_what_is_wrong() {
    let machine = Daemon::machine();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let uri = machine.uri.as_str();
    let nobody = format!("unix://{}/nobody.sock", folder.path().display());
    let capture = ["--docker", uri, "--include", "lc-nobody-*", "capture", "--once"];

    // Control: the same command with nothing wrong.
    let output = run(&capture, &at("good"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");

    refused(&["--docker", &nobody, "capture", "--once"], &at("a"), 3, "no Docker daemon answers");
    refused(&["--docker", "tcp://127.0.0.1:1", "capture", "--once"], &at("a"), 3, "127.0.0.1:1");

    std::fs::write(at("file"), "").unwrap();
    refused(&capture, &at("file"), 4, "cannot be written");
    // Nobody, not even root, makes a folder there.
    refused(&capture, Path::new("/proc/logcap"), 4, "cannot be written");

    let corrupt = at("corrupt");
    std::fs::create_dir(&corrupt).unwrap();
    std::fs::write(corrupt.join("logcap.db"), vec![b'x'; 100_000]).unwrap();
    refused(&capture, &corrupt, 4, "corrupt");
    refused(&["search", "x"], &corrupt, 4, "corrupt");
    assert_eq!(std::fs::metadata(corrupt.join("logcap.db")).unwrap().len(), 100_000, "left alone");

    let newer = at("newer");
    assert_eq!(run(&capture, &newer).status.code(), Some(0));
    let sql = "UPDATE meta SET value = '2.0' WHERE key = 'schema'";
    let changed = Command::new("sqlite3").arg(newer.join("logcap.db")).arg(sql).status();
    assert!(changed.unwrap().success());
    refused(&capture, &newer, 4, "schema 2.0");
    refused(&["search", "x"], &newer, 4, "schema 2.0");

    refused(&["search", "/(/"], &at("good"), 2, "query");
    refused(&["--probe", "soon", "capture"], &at("good"), 2, "probe");
    refused(&["--probe", "1ms", "capture"], &at("good"), 2, "probe");
    refused(&["--listen", "0.0.0.0:0", "capture"], &at("good"), 2, "listen");
    refused(&["search", "x"], &at("none"), 4, "no store");
    let nothing = run(&["search", "x"], &at("good"));
    assert_eq!(nothing.status.code(), Some(1), "nothing found: {nothing:?}");
}

#[test]
#[ignore = "needs a Docker daemon"]
fn a_second_engine_on_the_same_store_says_so() {
    let lab = Lab::new("two");
    lab.run(&Spec::generator("one", "--lines 10 --linger 100000"));
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let only = ["--label", &lab.label];
    let first = Program::capture(&lab.daemon, &data, &only);
    let run = once(&lab.daemon, &data, &only);
    let pid = first.pid().as_raw_nonzero().to_string();
    wait_until("the first has stored it", MINUTE, || {
        first.try_snapshot().is_some_and(|s| s.totals.flow.stored == 10)
    });
    assert_eq!(run.code, Some(4), "{}", run.stderr);
    assert!(run.stderr.contains(&pid), "it names the process {pid}: {}", run.stderr);
    assert!(run.stderr.contains("engine.sock"), "and where it answers: {}", run.stderr);
    assert!(first.try_snapshot().is_some_and(|s| s.is_healthy()), "the first goes on");
    assert_eq!(first.stop(), Some(0));
    let said = std::fs::read_to_string(folder.path().join("data.stderr")).unwrap();
    assert!(said.contains("1 containers, 10 lines, 0 gaps"), "its last words: {said}");
    let run = once(&lab.daemon, &data, &only);
    assert_eq!(run.code, Some(0), "control: alone it may: {}", run.stderr);
}
