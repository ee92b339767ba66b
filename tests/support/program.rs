//! The program under test as a process of its own: started, asked over its socket, stopped, killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use logcap_tui::engine::snapshot::MonitorRow;
use logcap_tui::engine::{Command as Order, CommandAnswer, EngineSnapshot, Targets, Verb};
use logcap_tui::serve::{command_unix, fetch_unix};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use super::daemon::Daemon;
use super::lab::Container;
use super::wait_until;

/// For the program to answer after its start, and to end after a signal.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running `capture`. It is killed when this goes.
#[derive(Debug)]
pub(crate) struct Program {
    child: Option<Child>,
    data: PathBuf,
    runtime: tokio::runtime::Runtime,
}

/// What a process used, as the kernel counted it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// From start to end.
    pub(crate) wall: Duration,
    /// User and system time.
    pub(crate) cpu: Duration,
    /// Largest resident memory seen, in bytes.
    pub(crate) rss: u64,
}

/// What `capture --once --json` ended with.
#[derive(Debug)]
pub(crate) struct Once {
    /// The exit code.
    pub(crate) code: Option<i32>,
    /// The summary; null where there is none.
    pub(crate) summary: serde_json::Value,
    /// Standard error.
    pub(crate) stderr: String,
    /// What it cost.
    pub(crate) usage: Usage,
}

/// The binary, deaf to the configuration of whoever runs the tests.
pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logcap-tui"));
    for (name, _) in std::env::vars() {
        if name.starts_with("LOGCAP_") || name.starts_with("DOCKER_") {
            command.env_remove(name);
        }
    }
    command.env("XDG_CONFIG_HOME", "/nonexistent").env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

fn on(daemon: &Daemon, data: &Path) -> Command {
    let mut command = binary();
    command.args(["--docker", &daemon.uri, "--data-dir"]).arg(data);
    command
}

/// A program that stands still until this goes.
#[must_use]
#[derive(Debug)]
pub(crate) struct Stopped(Pid);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(self.0, Signal::CONT);
    }
}

impl Program {
    /// Starts `capture` with more options and waits until its first list of containers is done.
    #[track_caller]
    pub(crate) fn capture(daemon: &Daemon, data: &Path, options: &[&str]) -> Self {
        Self::launch(daemon, data, options).ready()
    }

    /// The same without waiting for anything.
    pub(crate) fn launch(daemon: &Daemon, data: &Path, options: &[&str]) -> Self {
        let mut command = on(daemon, data);
        command.args(options).arg("capture");
        Self::spawn(command, data)
    }

    /// The same with at most so many file descriptors.
    pub(crate) fn launch_within(daemon: &Daemon, data: &Path, fds: u32, options: &[&str]) -> Self {
        let program = on(daemon, data);
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {fds}; exec \"$0\" \"$@\"")]);
        command.arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.args(options).arg("capture").stdin(Stdio::null());
        Self::spawn(command, data)
    }

    fn spawn(mut command: Command, data: &Path) -> Self {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(own_log(data));
        command.stdout(Stdio::null()).stderr(log.unwrap());
        let child = command.spawn().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { child: Some(child), data: data.to_owned(), runtime }
    }

    /// Waits until its first list of containers is done.
    #[track_caller]
    pub(crate) fn ready(self) -> Self {
        wait_until("the engine is ready", PATIENCE, || {
            self.try_snapshot().is_some_and(|s| s.ready)
        });
        self
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("it runs"))
    }

    /// `GET route` on its socket; `None` while it does not answer.
    pub(crate) fn get(&self, route: &str) -> Option<Vec<u8>> {
        self.runtime.block_on(fetch_unix(&self.data.join("engine.sock"), route)).ok()
    }

    /// Its snapshot, if it answers.
    pub(crate) fn try_snapshot(&self) -> Option<EngineSnapshot> {
        Some(serde_json::from_slice(&self.get("/snapshot")?).expect("the snapshot of this version"))
    }

    /// Its snapshot.
    #[track_caller]
    pub(crate) fn snapshot(&self) -> EngineSnapshot {
        self.try_snapshot().expect("the engine answers")
    }

    /// The row of a container, if it has one.
    #[track_caller]
    pub(crate) fn row(&self, container: &Container) -> Option<MonitorRow> {
        row(&self.snapshot(), container)
    }

    /// Gives an order to the monitor of one container.
    #[track_caller]
    pub(crate) fn order(&self, verb: Verb, container: &Container) -> CommandAnswer {
        let id = logcap_tui::model::ContainerId::new(container.id.clone()).unwrap();
        let order = Order { verb, targets: Targets::Only(vec![id]) };
        let socket = self.data.join("engine.sock");
        self.runtime.block_on(command_unix(&socket, &order)).unwrap()
    }

    /// SIGSTOP until the guard goes, so that a test that fails meanwhile can still clean up.
    pub(crate) fn stopped(&self) -> Stopped {
        let pid = self.pid();
        rustix::process::kill_process(pid, Signal::STOP).unwrap();
        Stopped(pid)
    }

    /// Runs `verify --json` against it; the exit code and the report.
    #[track_caller]
    pub(crate) fn verify(&self, options: &[&str]) -> (Option<i32>, serde_json::Value) {
        let mut command = binary();
        command.arg("--data-dir").arg(&self.data).args(["verify", "--json"]).args(options);
        let output = command.output().unwrap();
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    /// SIGTERM, and waits for an end in order; the exit code.
    #[track_caller]
    pub(crate) fn stop(mut self) -> Option<i32> {
        let mut child = self.child.take().unwrap();
        rustix::process::kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let mut status = None;
        wait_until("the program ends", PATIENCE, || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        status.and_then(|s| s.code())
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(own_log(&self.data)).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            eprintln!("the program's last words:");
            lines[lines.len().saturating_sub(30)..].iter().for_each(|line| eprintln!("  {line}"));
        }
    }
}

/// Where the program's standard error goes: beside the data directory, not in it.
fn own_log(data: &Path) -> PathBuf {
    data.with_extension("stderr")
}

/// The row of a container in a snapshot.
pub(crate) fn row(snapshot: &EngineSnapshot, container: &Container) -> Option<MonitorRow> {
    let found = snapshot.monitors.iter().find(|m| m.id.as_str() == container.id);
    found.map(|row| MonitorRow::clone(row))
}

/// Runs `capture --once --json` to its end.
pub(crate) fn once(daemon: &Daemon, data: &Path, options: &[&str]) -> Once {
    let (out, err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    let mut command = on(daemon, data);
    command.args(options).args(["capture", "--once", "--json"]);
    command.stdout(out.try_clone().unwrap()).stderr(err.try_clone().unwrap());
    let (code, usage) = measured(&mut command);
    let summary = serde_json::from_str(&text(out)).unwrap_or_default();
    Once { code, summary, stderr: text(err), usage }
}

fn text(mut file: std::fs::File) -> String {
    use std::io::{Read, Seek};
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}

/// Runs a command to its end and says what it used. A process that has ended and is not yet waited
/// for still has its times in `/proc`; its memory is watched while it runs, and as the kernel keeps
/// the highest value itself, only growth in the last milliseconds can be missed.
pub(crate) fn measured(command: &mut Command) -> (Option<i32>, Usage) {
    let start = Instant::now();
    let mut child = command.spawn().unwrap();
    let pid = Pid::from_child(&child);
    let mut usage = Usage::default();
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    while rustix::process::waitid(WaitId::Pid(pid), options).unwrap().is_none() {
        usage.rss = usage.rss.max(peak_memory(pid));
        std::thread::sleep(Duration::from_millis(5));
    }
    usage.wall = start.elapsed();
    usage.cpu = cpu(pid);
    (child.wait().unwrap().code(), usage)
}

/// User and system time of a process so far.
pub(crate) fn cpu(pid: Pid) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap();
    // The name in parentheses may hold blanks; times are the 14th and 15th field.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let times = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = times.map(|t| t.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
}

fn peak_memory(pid: Pid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero()));
    let status = status.unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

/// A seconds, count or flag from the environment.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}
