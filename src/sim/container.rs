//! One simulated container: its configuration, its runs, its log and its faults.
//!
//! A removed container stays here, because what it emitted is still the truth that a test compares
//! with; the routes just do not find it any more.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::model::{ContainerId, Fd, LogConfig, RunState, Timestamp};

use super::copier::{Copier, Piece};
use super::faults::LogFaults;
use super::log::{Limits, Log};
use super::profile::Profile;
use super::record::{CHUNK, PODMAN_CHUNK, Record, as_json_file_keeps, chunks};
use super::signal::{Signal, Watcher};

/// How a container is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSpec {
    /// Name without slash.
    pub name: String,
    /// Image reference.
    pub image: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it has a terminal.
    pub tty: bool,
    /// `--rm`.
    pub auto_remove: bool,
    /// Log driver.
    pub driver: String,
    /// Log options, daemon-wide defaults already merged as inspect shows them.
    pub options: BTreeMap<String, String>,
}

impl ContainerSpec {
    /// A plain container: json-file without options, so its log never rotates.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            image: "busybox:latest".to_owned(),
            labels: BTreeMap::new(),
            tty: false,
            auto_remove: false,
            driver: "json-file".to_owned(),
            options: BTreeMap::new(),
        }
    }

    /// With another image.
    #[must_use]
    pub fn image(self, image: &str) -> Self {
        Self { image: image.to_owned(), ..self }
    }

    /// With a label.
    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// With a terminal: one raw stream, lines end in CR LF.
    #[must_use]
    pub fn tty(self) -> Self {
        Self { tty: true, ..self }
    }

    /// Removed as soon as it dies.
    #[must_use]
    pub fn auto_remove(self) -> Self {
        Self { auto_remove: true, ..self }
    }

    /// With another log driver.
    #[must_use]
    pub fn driver(self, driver: &str) -> Self {
        Self { driver: driver.to_owned(), ..self }
    }

    /// With a log option, for example `max-size` = `16k`.
    #[must_use]
    pub fn option(mut self, key: &str, value: &str) -> Self {
        self.options.insert(key.to_owned(), value.to_owned());
        self
    }

    /// With file rotation: `max-size` and `max-file`.
    #[must_use]
    pub fn rotating(self, max_size: &str, max_file: usize) -> Self {
        self.option("max-size", max_size).option("max-file", &max_file.to_string())
    }
}

/// A container as it is now.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) id: ContainerId,
    pub(super) spec: ContainerSpec,
    pub(super) run: RunState,
    pub(super) removed: bool,
    /// Between two runs of a restart policy.
    pub(super) restarting: bool,
    pub(super) created_at: Timestamp,
    pub(super) started_at: Option<Timestamp>,
    pub(super) finished_at: Option<Timestamp>,
    pub(super) exit_code: i64,
    pub(super) restart_count: u64,
    /// The end of F at the end of each finished run.
    pub(super) run_ends: Vec<usize>,
    /// The same before the end made records of what was unfinished.
    pub(super) last_whole: Vec<usize>,
    pub(super) log: Log,
    pub(super) faults: LogFaults,
    /// Output that is no record yet, of stdout and stderr.
    copiers: [Copier; 2],
    /// Compressed files that reads had to unpack so far.
    pub(super) unpacked: usize,
    changed: Signal,
}

impl Container {
    pub(super) fn new(id: ContainerId, spec: ContainerSpec, created_at: Timestamp) -> Self {
        let config = LogConfig { driver: spec.driver.clone(), options: spec.options.clone() };
        Self {
            id,
            run: RunState::Created,
            removed: false,
            restarting: false,
            created_at,
            started_at: None,
            finished_at: None,
            exit_code: 0,
            restart_count: 0,
            run_ends: Vec::new(),
            last_whole: Vec::new(),
            log: Log::new(Limits::of(&config)),
            faults: LogFaults::default(),
            copiers: [Copier::default(), Copier::default()],
            unpacked: 0,
            changed: Signal::default(),
            spec,
        }
    }

    pub(super) fn config(&self) -> LogConfig {
        LogConfig { driver: self.spec.driver.clone(), options: self.spec.options.clone() }
    }

    /// Whether its driver keeps what can be read.
    pub(super) fn is_readable(&self) -> bool {
        let cache_disabled = self.spec.options.get("cache-disabled").is_some_and(|v| v == "true");
        self.spec.driver != "none" && !cache_disabled
    }

    pub(super) fn is_running(&self) -> bool {
        self.run == RunState::Running
    }

    /// Wakes every log answer of this container; they look again for themselves.
    pub(super) fn touch(&self) {
        self.changed.raise();
    }

    /// Something that resolves after the next [`touch`](Self::touch).
    pub(super) fn watch(&self) -> Watcher {
        self.changed.watch()
    }

    /// Ends the current run. What its outputs had not finished becomes a record.
    pub(super) fn end_run(&mut self, now: Timestamp, exit_code: i64) {
        self.last_whole.push(self.log.len());
        for fd in [Fd::Stdout, Fd::Stderr] {
            let rest = self.copiers.get_mut(fd as usize).and_then(|copier| copier.close(now));
            if let Some(piece) = rest {
                self.append(fd, piece);
            }
        }
        self.run = RunState::Exited;
        self.finished_at = Some(now);
        self.exit_code = exit_code;
        self.run_ends.push(self.log.len());
        self.touch();
    }

    /// The container's program writes these bytes, as they are.
    pub(super) fn output(
        &mut self,
        fd: Fd,
        bytes: &[u8],
        profile: Profile,
        now: impl FnMut() -> Timestamp,
    ) {
        let fd = if self.spec.tty { Fd::Stdout } else { fd };
        let Some(copier) = self.copiers.get_mut(fd as usize) else { return };
        let pieces = copier.copy(bytes, profile, now);
        for piece in pieces {
            self.append(fd, piece);
        }
    }

    /// Writes one line, or unterminated output, as the records that the daemon makes of it.
    pub(super) fn write(
        &mut self,
        fd: Fd,
        bytes: &[u8],
        newline: bool,
        ts: Timestamp,
        profile: Profile,
    ) {
        let fd = if self.spec.tty { Fd::Stdout } else { fd };
        let buffer = if profile.is_podman() { PODMAN_CHUNK } else { CHUNK };
        for (piece, newline) in chunks(bytes, newline, buffer) {
            self.append(fd, (piece, newline, ts));
        }
    }

    fn append(&mut self, fd: Fd, (bytes, newline, ts): Piece) {
        // journald keeps microseconds, so neighbours often share one.
        let microseconds = self.spec.driver == "journald";
        let ts = if microseconds { Timestamp(ts.0 - ts.0.rem_euclid(1_000)) } else { ts };
        let bytes = self.kept(bytes);
        self.log.append(Record { fd, ts, newline, bytes });
    }

    fn kept(&self, piece: Bytes) -> Bytes {
        if self.spec.driver == "json-file" { as_json_file_keeps(piece) } else { piece }
    }
}
