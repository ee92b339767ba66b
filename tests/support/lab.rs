//! Containers of one test: named and labelled so that they cannot meet anybody else's, and removed
//! when the lab goes, also after a panic.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use logcap_tui::model::Fd;

use super::daemon::Daemon;
use super::image::Image;
use super::oracle::OracleLine;
use super::truth::{self, TruthRecord};
use super::wait_until;

static LABS: AtomicU32 = AtomicU32::new(0);

/// The containers of one test.
#[derive(Debug)]
pub(crate) struct Lab {
    /// Where they run.
    pub(crate) daemon: Daemon,
    /// `lc-test=<unique>`: on every container, usable as `--label` of the program under test.
    pub(crate) label: String,
    /// What every name begins with, `lc-…-`; usable with `--include`.
    pub(crate) prefix: String,
    image: Image,
}

/// What to run.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    name: String,
    command: Vec<String>,
    flags: Vec<String>,
}

/// A container that was started.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    /// Full id.
    pub(crate) id: String,
    /// Full name.
    pub(crate) name: String,
    daemon: Daemon,
}

impl Spec {
    /// A container of this name that runs a command: `["gen", "--lines", "10"]`, `["sh", "-c", …]`.
    pub(crate) fn new<S: Into<String>>(name: &str, command: impl IntoIterator<Item = S>) -> Self {
        let command = command.into_iter().map(Into::into).collect();
        Self { name: name.to_owned(), command, flags: Vec::new() }
    }

    /// The generator with these arguments, separated by blanks.
    pub(crate) fn generator(name: &str, arguments: &str) -> Self {
        Self::new(name, std::iter::once("gen").chain(arguments.split_whitespace()))
    }

    /// Under another name.
    pub(crate) fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// With a terminal.
    pub(crate) fn tty(self) -> Self {
        self.flag("--tty")
    }

    /// Removed by the daemon as soon as it ends.
    pub(crate) fn rm(self) -> Self {
        self.flag("--rm")
    }

    /// With this log driver.
    pub(crate) fn driver(self, driver: &str) -> Self {
        self.flag("--log-driver").flag(driver)
    }

    /// With this log option.
    pub(crate) fn opt(self, key: &str, value: &str) -> Self {
        self.flag("--log-opt").flag(&format!("{key}={value}"))
    }

    /// With this label.
    pub(crate) fn label(self, label: &str) -> Self {
        self.flag("--label").flag(label)
    }

    /// Any other flag of `docker run`.
    pub(crate) fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }
}

impl Lab {
    /// On the machine's daemon.
    pub(crate) fn new(test: &str) -> Self {
        Self::on(&Daemon::machine(), test)
    }

    /// On this daemon.
    pub(crate) fn on(daemon: &Daemon, test: &str) -> Self {
        let unique = LABS.fetch_add(1, Ordering::Relaxed);
        let name = format!("lc-{test}-{}-{unique}", std::process::id());
        Self {
            daemon: daemon.clone(),
            label: format!("lc-test={name}"),
            prefix: format!("{name}-"),
            image: Image::busybox(daemon),
        }
    }

    /// Starts a container in the background.
    #[track_caller]
    pub(crate) fn run(&self, spec: &Spec) -> Container {
        self.make(&["run", "--detach"], spec)
    }

    /// Makes a container without starting it.
    #[track_caller]
    pub(crate) fn create(&self, spec: &Spec) -> Container {
        self.make(&["create"], spec)
    }

    /// The image that all of them run.
    pub(crate) fn image(&self) -> &str {
        self.image.name()
    }

    #[track_caller]
    fn make(&self, verb: &[&str], spec: &Spec) -> Container {
        let name = format!("{}{}", self.prefix, spec.name);
        let mut arguments = verb.to_vec();
        arguments.extend(["--network", "none", "--label", &self.label]);
        // A generator is process 1 and so ignores SIGTERM; nobody should wait ten seconds for it.
        arguments.extend(["--stop-timeout", "1", "--name", &name]);
        arguments.extend(spec.flags.iter().map(String::as_str));
        arguments.push(self.image.name());
        arguments.extend(spec.command.iter().map(String::as_str));
        let id = self.daemon.docker(&arguments);
        Container { id, name, daemon: self.daemon.clone() }
    }

    /// Removes every container of this lab.
    pub(crate) fn clear(&self) {
        let filter = format!("label={}", self.label);
        let list = self.daemon.try_docker(&["ps", "--all", "--quiet", "--filter", &filter]);
        let ids = String::from_utf8_lossy(&list.stdout).into_owned();
        let mut arguments = vec!["rm", "--force", "--volumes"];
        arguments.extend(ids.split_whitespace());
        if arguments.len() > 3 {
            self.daemon.try_docker(&arguments);
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Container {
    /// Waits for its end; the exit code.
    pub(crate) fn wait(&self) -> i32 {
        self.daemon.docker(&["wait", &self.id]).parse().unwrap()
    }

    /// One field of its inspection, for example `{{.State.Running}}`.
    pub(crate) fn inspect(&self, format: &str) -> String {
        self.daemon.docker(&["inspect", "-f", format, &self.id])
    }

    /// Runs `docker VERB ID`: start, stop, restart, kill, pause, unpause.
    pub(crate) fn docker(&self, verb: &str) {
        self.daemon.docker(&[verb, &self.id]);
    }

    /// `docker stop` without patience.
    pub(crate) fn stop_now(&self) {
        self.daemon.docker(&["stop", "-t", "0", &self.id]);
    }

    /// `docker rm -f`.
    pub(crate) fn remove(&self) {
        self.daemon.docker(&["rm", "--force", &self.id]);
    }

    /// The daemon's log file of this container, for truncating and corrupting.
    pub(crate) fn log_file(&self) -> PathBuf {
        truth::folder(&self.daemon.root, &self.id).join(format!("{}-json.log", self.id))
    }

    /// What the daemon has on its disk now (json-file only).
    pub(crate) fn truth(&self) -> Vec<TruthRecord> {
        truth::read(&self.daemon.root, &self.id)
    }

    /// The last records of the daemon's current file, for logs too large to be read often.
    pub(crate) fn truth_tail(&self) -> Vec<TruthRecord> {
        truth::tail(&self.log_file())
    }

    /// The lines of its standard output as the daemon tells them, for drivers whose files are not
    /// json. Only of logs that are not damaged: the daemon says nothing of what it passes over.
    pub(crate) fn told(&self) -> Vec<OracleLine> {
        let output = self.daemon.try_docker(&["logs", "--timestamps", &self.id]);
        let lines = output.stdout.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        let stamped = lines.map(|line| {
            let blank = line.iter().position(|b| *b == b' ').expect("a stamp");
            let (stamp, text) = (std::str::from_utf8(&line[..blank]), line[blank + 1..].to_vec());
            OracleLine { fd: Fd::Stdout, ts: truth::timestamp(stamp.unwrap()), text }
        });
        stamped.collect()
    }

    /// Waits until the daemon has at least this many records on its disk.
    #[track_caller]
    pub(crate) fn wait_for_records(&self, count: usize, deadline: Duration) {
        let what = format!("{} records of {}", count, self.name);
        wait_until(&what, deadline, || self.truth().len() >= count);
    }
}
