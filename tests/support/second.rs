//! A Docker daemon of the test's own, which may be killed, paused and restarted.
//!
//! It has its own root, socket and containerd, and lives in a network namespace of its own, because
//! `--bridge=none` would delete the first daemon's bridge. An empty configuration file is named,
//! because the machine's file contradicts the flags. Everything is ended by process id, and what
//! the daemon mounted below its folder is unmounted at the end.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};

use super::daemon::Daemon;
use super::wait_until;

const START: Duration = Duration::from_mins(1);
const STOP: Duration = Duration::from_secs(30);

/// A running, paused or dead daemon.
#[derive(Debug)]
pub(crate) struct SecondDaemon {
    /// Its address and root; stable over restarts.
    pub(crate) daemon: Daemon,
    folder: Option<tempfile::TempDir>,
    path: PathBuf,
    driver: String,
    flags: Vec<String>,
    child: Option<Child>,
}

/// A daemon that stands still until this goes.
#[must_use]
#[derive(Debug)]
pub(crate) struct Paused<'a>(&'a SecondDaemon);

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        self.0.resume();
    }
}

/// A daemon that may open no more descriptors until this goes: until then it does not answer, so
/// that a test that fails meanwhile can still clean up.
#[must_use]
#[derive(Debug)]
pub(crate) struct Limited<'a>(&'a SecondDaemon);

impl Drop for Limited<'_> {
    fn drop(&mut self) {
        let _ = self.0.limit(getrlimit(Resource::Nofile).maximum);
    }
}

impl SecondDaemon {
    /// Starts one without options.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with more flags, for example `--live-restore` or `--log-opt max-size=1m`.
    pub(crate) fn start_with(flags: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("lc-daemon-").tempdir().unwrap();
        let path = folder.path().to_owned();
        std::fs::write(path.join("daemon.json"), "{}").unwrap();
        let machine = Daemon::machine();
        let mut second = Self {
            daemon: Daemon {
                uri: format!("unix://{}/docker.sock", path.display()),
                root: path.join("data"),
            },
            folder: Some(folder),
            path,
            driver: machine.docker(&["info", "-f", "{{.Driver}}"]),
            flags: flags.iter().map(|f| (*f).to_owned()).collect(),
            child: None,
        };
        if !second.launch() {
            // The machine's storage driver may not work on this file system; vfs always does.
            "vfs".clone_into(&mut second.driver);
            assert!(second.launch(), "dockerd does not start:\n{}", second.own_log());
        }
        second
    }

    /// The daemon's process id.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("the daemon runs"))
    }

    /// The daemon's own containerd, for killing it.
    pub(crate) fn containerd(&self) -> Pid {
        let text = std::fs::read_to_string(self.path.join("exec/containerd/containerd.pid"));
        Pid::from_raw(text.unwrap().trim().parse().unwrap()).unwrap()
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn stop(&mut self) {
        self.end(Signal::TERM);
    }

    /// SIGKILL: no word to its clients.
    pub(crate) fn kill(&mut self) {
        self.end(Signal::KILL);
    }

    /// Starts it again on the same root and socket.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    /// Starts it after [`stop`](Self::stop) or [`kill`](Self::kill).
    pub(crate) fn start_again(&mut self) {
        assert!(self.launch(), "dockerd does not start again:\n{}", self.own_log());
    }

    /// SIGSTOP: it holds its sockets and answers nothing.
    pub(crate) fn pause(&self) {
        rustix::process::kill_process(self.pid(), Signal::STOP).unwrap();
    }

    /// SIGSTOP until the guard goes, so that a test that fails meanwhile can still clean up.
    pub(crate) fn paused(&self) -> Paused<'_> {
        self.pause();
        Paused(self)
    }

    /// SIGCONT.
    pub(crate) fn resume(&self) {
        rustix::process::kill_process(self.pid(), Signal::CONT).unwrap();
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(&self) -> u64 {
        let folder = format!("/proc/{}/fd", self.pid().as_raw_nonzero());
        u64::try_from(std::fs::read_dir(folder).unwrap().count()).unwrap()
    }

    /// It may have no more than so many open until the guard goes. What it has open stays open.
    pub(crate) fn limited(&self, most: u64) -> Limited<'_> {
        self.limit(Some(most)).unwrap();
        Limited(self)
    }

    /// The hard limit is the one that it was started with: ours.
    fn limit(&self, current: Option<u64>) -> rustix::io::Result<Rlimit> {
        let maximum = getrlimit(Resource::Nofile).maximum;
        prlimit(Some(self.pid()), Resource::Nofile, Rlimit { current, maximum })
    }

    /// What the daemon wrote about itself.
    pub(crate) fn own_log(&self) -> String {
        let log = std::fs::read_to_string(self.path.join("dockerd.log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Starts the process and waits for its answer; false if it ended instead.
    fn launch(&mut self) -> bool {
        let _ = std::fs::remove_file(self.path.join("pid"));
        self.forget_dead_containerd();
        let log = std::fs::File::create(self.path.join("dockerd.log")).unwrap();
        let at = |name: &str| self.path.join(name);
        let child = Command::new("unshare")
            .args(["--net", "dockerd", "--bridge=none", "--iptables=false"])
            .arg("--config-file")
            .arg(at("daemon.json"))
            .arg("--data-root")
            .arg(at("data"))
            .arg("--exec-root")
            .arg(at("exec"))
            .arg("--pidfile")
            .arg(at("pid"))
            .args(["-H", &self.daemon.uri, "--storage-driver", &self.driver])
            .args(&self.flags)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("unshare is installed");
        self.child = Some(child);
        let mut ended = false;
        wait_until("dockerd answers", START, || {
            let child = self.child.as_mut().unwrap();
            ended = child.try_wait().unwrap().is_some();
            ended || self.daemon.answers()
        });
        if ended {
            self.child = None;
        }
        !ended
    }

    /// A killed daemon takes its containerd with it, but the pid file stays, and where nobody reaps
    /// orphans the next dockerd takes the zombie for a running containerd and waits in vain.
    fn forget_dead_containerd(&self) {
        let file = self.path.join("exec/containerd/containerd.pid");
        let Ok(pid) = std::fs::read_to_string(&file) else { return };
        let stat = format!("/proc/{}/stat", pid.trim());
        let dead = || std::fs::read_to_string(&stat).map_or(true, |s| s.contains(") Z "));
        wait_until("containerd ends with its daemon", STOP, dead);
        let _ = std::fs::remove_file(file);
    }

    fn end(&mut self, signal: Signal) {
        let Some(mut child) = self.child.take() else { return };
        let pid = Pid::from_child(&child);
        // A stopped process takes no SIGTERM.
        let _ = rustix::process::kill_process(pid, Signal::CONT);
        let _ = rustix::process::kill_process(pid, signal);
        wait_until("dockerd ends", STOP, || child.try_wait().unwrap().is_some());
    }

    /// Ends what outlived the daemon: shims name the folder in their command line, and a
    /// container's first process is a child of its shim.
    fn end_leftovers(&self) {
        let marker = self.path.as_os_str().as_encoded_bytes();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let name = entry.file_name();
            let Some(pid) = name.to_str().and_then(|n| n.parse().ok()).and_then(Pid::from_raw)
            else {
                continue;
            };
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let ours = line.windows(marker.len()).any(|w| w == marker);
            if ours && pid != rustix::process::getpid() {
                for child in children(&entry.path()) {
                    let _ = rustix::process::kill_process(child, Signal::KILL);
                }
                let _ = rustix::process::kill_process(pid, Signal::KILL);
            }
        }
    }
}

impl Drop for SecondDaemon {
    fn drop(&mut self) {
        if self.child.is_none() && !std::thread::panicking() {
            self.launch();
        }
        if let Some(child) = &self.child {
            let _ = rustix::process::kill_process(Pid::from_child(child), Signal::CONT);
            let ids = self.daemon.try_docker(&["ps", "--all", "--quiet"]).stdout;
            let ids = String::from_utf8_lossy(&ids).into_owned();
            for id in ids.split_whitespace() {
                self.daemon.try_docker(&["rm", "--force", id]);
            }
        }
        self.end(Signal::TERM);
        self.end_leftovers();
        unmount_below(&self.path);
        drop(self.folder.take());
    }
}

fn children(process: &Path) -> Vec<Pid> {
    let tasks = std::fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|t| std::fs::read_to_string(t.path().join("children")).ok());
    let text = lists.collect::<Vec<_>>().join(" ");
    text.split_whitespace().filter_map(|p| Pid::from_raw(p.parse().ok()?)).collect()
}

/// The daemon binds its root onto itself and leaves that behind when it is killed.
pub(super) fn unmount_below(folder: &Path) {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    let mut ours: Vec<_> = places.filter(|place| Path::new(place).starts_with(folder)).collect();
    ours.reverse();
    for place in ours {
        let _ = Command::new("umount").args(["-l", place]).status();
    }
}
