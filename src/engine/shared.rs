//! What all monitors of one engine share: the ways to daemon and store, the deadlines, the policy
//! and the permits that keep them from overloading the daemon or this process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use super::clock::Clock;
use crate::config::History;
use crate::docker::{DaemonInfo, Docker, Flavor};
use crate::model::{ContainerInfo, Timing};
use crate::store::{StoreReader, StoreWriter, WriterStats};

/// Openings at once over all monitors (CAPTURE contract 2.3).
const OPENINGS: usize = 16;
/// Long reads at once over all monitors.
const LONG_READS: usize = 2;
/// Backfills at once. A turn of their own: a live read that waited behind a backfill which its own
/// monitor does not get to poll would wait for ever.
const BACKFILLS: usize = 2;

/// A daemon that answered.
#[derive(Debug, Clone)]
pub struct Linked {
    /// The way to it.
    pub docker: Docker,
    /// What it said of itself.
    pub info: Arc<DaemonInfo>,
}

/// Shared by all monitors of one engine.
#[derive(Debug)]
pub struct Shared {
    /// The daemon, before any answered.
    fallback: Docker,
    /// The daemon that answered last.
    linked: watch::Receiver<Option<Linked>>,
    /// The store, for writing.
    pub writer: StoreWriter,
    /// The store, for reading.
    pub reader: StoreReader,
    /// Both clocks.
    pub clock: Clock,
    /// All deadlines.
    pub timing: Timing,
    /// What to take of a log seen for the first time.
    pub history: History,
    /// Host label of every log.
    pub host: String,
    /// Number of containers being captured, to stretch intervals when there are thousands.
    pub population: watch::Receiver<usize>,
    /// Permits to open.
    pub openings: Arc<Semaphore>,
    /// Permits to read without a small bound.
    pub long_reads: Semaphore,
    /// Permits to fetch older history.
    pub backfills: Semaphore,
    /// Permits to keep a bell open: half of the file descriptors that this process may have.
    pub bells: Semaphore,
}

/// What an engine is given to work with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The store, for writing.
    pub writer: StoreWriter,
    /// The store, for reading.
    pub reader: StoreReader,
    /// Both clocks.
    pub clock: Clock,
    /// All deadlines.
    pub timing: Timing,
    /// What to take of a log seen for the first time.
    pub history: History,
    /// Host label of every log.
    pub host: String,
    /// Soft limit of file descriptors.
    pub fd_limit: u64,
}

impl Shared {
    /// Puts the shared part together. `fallback` is asked as long as no daemon has answered.
    pub fn new(
        setup: Setup,
        fallback: Docker,
        linked: watch::Receiver<Option<Linked>>,
        population: watch::Receiver<usize>,
    ) -> Arc<Self> {
        let bells = usize::try_from(setup.fd_limit / 2).unwrap_or(usize::MAX);
        Arc::new(Self {
            fallback,
            linked,
            writer: setup.writer,
            reader: setup.reader,
            clock: setup.clock,
            timing: setup.timing,
            history: setup.history,
            host: setup.host,
            population,
            openings: Arc::new(Semaphore::new(OPENINGS)),
            long_reads: Semaphore::new(LONG_READS),
            backfills: Semaphore::new(BACKFILLS),
            bells: Semaphore::new(bells.clamp(16, Semaphore::MAX_PERMITS)),
        })
    }

    /// The daemon.
    pub fn docker(&self) -> Docker {
        self.linked.borrow().as_ref().map_or_else(|| self.fallback.clone(), |l| l.docker.clone())
    }

    /// What tells the daemon from others; empty where none has answered yet.
    pub fn daemon_id(&self) -> String {
        self.linked.borrow().as_ref().map(|link| link.info.identity()).unwrap_or_default()
    }

    /// Whether the daemon is Podman, whose follows are never trusted.
    pub fn is_podman(&self) -> bool {
        self.linked.borrow().as_ref().is_some_and(|l| l.info.flavor == Flavor::Podman)
    }

    /// Whether a bounded answer says how many records stand in the log: only json-file is read by
    /// scanning text for lines, and the unfinished lines of a terminal merge.
    pub fn reads_lines(&self, info: &ContainerInfo) -> bool {
        info.log_config.driver == "json-file" && !info.tty && !self.is_podman()
    }

    /// Whether a follow ends with an error at a record that the daemon cannot decode. Docker up to
    /// 20.10 passes over it, and over what its decoder had read ahead, without a word (measured on
    /// 20.10.24: 254 of 600 records of one burst); Podman's follows have holes of other kinds.
    pub fn follows_tell_damage(&self) -> bool {
        self.is_docker_from((23, 0))
    }

    /// Whether a follow goes on at its file's end, without a word, behind a record that is there
    /// already and cannot be decoded (Docker from 27.4 on, moby d48c403efa).
    pub fn follows_pass_over_damage(&self) -> bool {
        self.is_docker_from((27, 4))
    }

    /// Whether the daemon is a Docker of this version or a later one, as far as is known.
    fn is_docker_from(&self, version: (u32, u32)) -> bool {
        let linked = self.linked.borrow();
        linked.as_ref().is_some_and(|link| {
            link.info.flavor == Flavor::Docker && version_of(&link.info.version) >= version
        })
    }

    /// The probe interval, stretched for many containers.
    pub fn probe(&self) -> Duration {
        self.timing.stretched(*self.population.borrow())
    }

    /// For how long the store has been at one commit, if that is longer than it should be.
    pub fn slow_store(&self, stats: &WriterStats) -> Option<Duration> {
        stats.at_work.filter(|at_work| *at_work >= self.timing.slow_store.get())
    }

    /// Whether reads of a compressed log need `since` to keep the daemon from decompressing all of
    /// it while holding the log's lock (Docker up to 27.3; measured on 20.10: 350 ms a read).
    pub fn compressed_reads_are_slow(&self) -> bool {
        let linked = self.linked.borrow();
        linked.as_ref().is_none_or(|link| {
            link.info.flavor == Flavor::Docker && version_of(&link.info.version) < (27, 4)
        })
    }
}

/// Major and minor of a version text; zeros where it has none, which counts as old.
fn version_of(text: &str) -> (u32, u32) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}
