//! The one immutable picture of the engine. Screen, `/health`, `status` and tests all read this,
//! and every number on screen comes from the same one.
//!
//! Rows are behind `Arc`: an unchanged monitor's row is shared between snapshots, so that
//! thousands of containers cost little. The supervisor makes snapshots; nobody else does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{
    BeatView, ContainerId, EventKind, Guarantee, LogId, Moment, Phase, Seq, State, TaskHealth,
    Timestamp,
};

/// Everything that is known at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EngineSnapshot {
    /// Which build of this program made it, as [`crate::model::BUILD`] says.
    pub build: String,
    /// Monotonic moment of this picture.
    pub at: Moment,
    /// Wall clock of this picture.
    pub wall: Timestamp,
    /// Wall clock of the engine's start.
    pub started: Timestamp,
    /// The probe interval in force, stretched for many containers.
    pub probe: Duration,
    /// The task timeout in force.
    pub timeout: Duration,
    /// Whether the first reconcile is done.
    pub ready: bool,
    /// The daemon.
    pub docker: DockerView,
    /// How much of what runs is captured.
    pub coverage: Coverage,
    /// One row per container.
    pub monitors: Vec<Arc<MonitorRow>>,
    /// Expected and actual tasks.
    pub tasks: TaskCounts,
    /// This process.
    pub process: ProcessView,
    /// Sums over all monitors.
    pub totals: Totals,
    /// The newest of the failures that [`Totals::failures_5m`] counts, oldest first, bounded.
    #[serde(default)]
    pub failures: Vec<RecentFailure>,
    /// The store.
    pub store: StoreView,
    /// What was put on the timeline since the engine started.
    pub timeline: TimelineView,
}

impl EngineSnapshot {
    /// Number of monitors in each phase, worst first, zero counts left out.
    pub fn phases(&self) -> Vec<(Phase, usize)> {
        let count = |phase| self.monitors.iter().filter(|m| m.phase == phase).count();
        Phase::ALL.into_iter().map(|p| (p, count(p))).filter(|(_, n)| *n > 0).collect()
    }

    /// Whether `/health` answers 200: no matched running container failed or quarantined, daemon
    /// and store up (CAPTURE contract 2.2), and no container that may run unseen for longer than
    /// evidence may be old.
    pub fn is_healthy(&self) -> bool {
        let bad = |m: &MonitorRow| {
            m.running && matches!(m.health, TaskHealth::Failed | TaskHealth::Quarantined)
        };
        // A fixed task that is missing will not come back by itself.
        let fixed = |(kind, expected, actual): &(String, usize, usize)| {
            kind == "monitor" || expected == actual
        };
        matches!(self.docker.link, Link::Up { .. })
            && self.docker.blind_for(self.timeout, self.at).is_none()
            && self.tasks.kinds.iter().all(fixed)
            && self.store.blocked.is_none()
            && !self.monitors.iter().any(|m| bad(m))
    }
}

/// The connection to the daemon.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DockerView {
    /// The address in use or tried last, as a URI.
    pub endpoint: String,
    /// Whether it answers.
    pub link: Link,
    /// What it does not tell although it answers.
    #[serde(default)]
    pub blind: Option<Blind>,
}

impl DockerView {
    /// What it does not tell, if it has not for longer than `within`.
    pub fn blind_for(&self, within: Duration, now: Moment) -> Option<&Blind> {
        self.blind.as_ref().filter(|blind| now.since(blind.since) > within)
    }
}

/// The daemon answers, and yet containers may come and go unseen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blind {
    /// Since when.
    pub since: Moment,
    /// What cannot be asked, for example `cannot list containers`.
    pub what: String,
    /// What the daemon said last.
    pub error: String,
}

/// State of the connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// No answer yet.
    #[default]
    Connecting,
    /// The daemon answers.
    Up {
        /// Since when.
        since: Moment,
        /// Engine name and version, for example `Docker 28.2.2`.
        version: String,
        /// API version.
        api: String,
    },
    /// The daemon does not answer.
    Down {
        /// Since when.
        since: Moment,
        /// In plain words.
        error: String,
        /// What to do.
        hint: String,
        /// What was tried: address and why it was a candidate.
        tried: Vec<String>,
        /// Next attempt.
        retry_at: Moment,
        /// Attempts so far.
        attempts: u32,
    },
}

/// How much of what runs is captured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Containers that run.
    pub running: usize,
    /// Running containers that the filters select, counted without looking at monitors.
    pub matched: usize,
    /// Matched running containers whose evidence is fresh.
    pub fresh: usize,
    /// Containers left out.
    pub excluded: Vec<Excluded>,
    /// Containers that came and went with no record seen.
    pub uncaptured: u64,
}

/// A container that is not captured, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excluded {
    /// Its id.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
    /// The rule that left it out, for example `exclude = "test-*"` or `this is ourselves`.
    pub why: String,
}

/// One monitor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MonitorRow {
    /// Container id.
    pub id: ContainerId,
    /// Its log in the store, once opened.
    pub log: Option<LogId>,
    /// Container name.
    pub name: String,
    /// Compose project.
    pub project: Option<String>,
    /// Compose service.
    pub service: Option<String>,
    /// Image.
    pub image: String,
    /// Log driver.
    pub driver: String,
    /// Whether it has a terminal.
    pub tty: bool,
    /// What may be promised.
    pub guarantee: Guarantee,
    /// Whether the container runs.
    pub running: bool,
    /// Whether Docker calls it restarting: between two runs of its restart policy.
    #[serde(default)]
    pub restarting: bool,
    /// How often Docker restarted the container, by its own count.
    #[serde(default)]
    pub docker_restarts: u64,
    /// The rule that selected it.
    pub matched_by: String,
    /// State with its data.
    pub state: State,
    /// The word on screen.
    pub phase: Phase,
    /// The word in `/health`.
    pub health: TaskHealth,
    /// When this state was entered.
    pub state_since: Moment,
    /// Wall clock of the monitor's start.
    pub started: Timestamp,
    /// Last evidence.
    pub beat: Option<BeatView>,
    /// Wall clock of the last evidence.
    pub beat_wall: Option<Timestamp>,
    /// When evidence is overdue; `None` while none is due.
    pub deadline: Option<Moment>,
    /// The open follow.
    pub stream: Option<StreamView>,
    /// Reopens so far (the "rotation" counter).
    pub reopens: u64,
    /// Reopens by cause.
    pub reopens_by: Vec<(String, u64)>,
    /// Reads by cause.
    pub reads_by: Vec<(String, u64)>,
    /// Doubts by reason.
    pub doubts_by: Vec<(String, u64)>,
    /// Lines stored a second, over the last few seconds.
    pub lines_per_s: f64,
    /// Lines a second in the last seconds, oldest first, for the sparkline.
    pub history: Vec<u32>,
    /// Age of the newest stored record when it was stored; `None` when nothing new is known.
    pub lag: Option<Duration>,
    /// Records received, stored and so on since the engine started.
    pub flow: Flow,
    /// Records in the store, all time.
    pub stored_total: u64,
    /// Lines (records that end one) stored since the engine started.
    pub lines: u64,
    /// Bytes of content stored since the engine started.
    pub bytes: u64,
    /// Gaps recorded since the engine started.
    pub gaps_new: u64,
    /// Restarts of the monitor by the supervisor.
    pub restarts: u64,
    /// Evidence deadlines missed.
    pub timeouts: u64,
    /// Panics caught.
    pub panics: u64,
    /// Failures so far.
    pub errors: u64,
    /// The last failure, until acknowledged.
    pub failure: Option<Failure>,
    /// Gaps recorded in this log, all time.
    pub gaps: u64,
    /// When the next attempt is made, while waiting.
    pub retry_at: Option<Moment>,
    /// Next sequence number of the log.
    pub next_seq: Option<Seq>,
    /// Daemon timestamp of the newest stored record.
    pub last_record: Option<Timestamp>,
    /// Cost of the last read.
    pub last_read: Option<ReadCost>,
    /// Backfill of older history, while it runs or when more exists.
    pub backfill: Backfill,
    /// What the last backfill came to, in words.
    #[serde(default)]
    pub fetched: Option<String>,
    /// Last transitions, oldest first, bounded.
    pub transitions: Vec<Transition>,
}

impl MonitorRow {
    /// Whether its log is at the end of a run that is not the last one.
    pub fn is_between_runs(&self) -> bool {
        self.restarting && matches!(self.phase, Phase::Ended | Phase::EndedUnverified)
    }
}

/// An open follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamView {
    /// When it was opened.
    pub opened: Moment,
    /// When it will be reopened by plan.
    pub reopen_at: Moment,
}

/// Conservation: `received = stored + overlap + discarded + in_flight`, in records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Records decoded from answers.
    pub received: u64,
    /// Records acknowledged by the store.
    pub stored: u64,
    /// Records already stored before.
    pub overlap: u64,
    /// Records thrown away on purpose: a bell's content, an answer given up.
    pub discarded: u64,
    /// Records on their way to the store.
    pub in_flight: u64,
}

impl Flow {
    /// Whether every received record is accounted for.
    pub fn is_conserved(&self) -> bool {
        self.received == self.stored + self.overlap + self.discarded + self.in_flight
    }

    /// Adds another flow to this one.
    pub fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.stored += other.stored;
        self.overlap += other.overlap;
        self.discarded += other.discarded;
        self.in_flight += other.in_flight;
    }
}

/// A failure that waits to be acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What happened, in plain words.
    pub cause: String,
    /// When.
    pub at: Moment,
    /// Failures in a row.
    pub attempt: u32,
}

/// One of the failures of the last minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentFailure {
    /// When.
    pub at: Moment,
    /// The container, or `Docker`.
    pub who: String,
    /// What happened, in plain words.
    pub cause: String,
}

/// What a read cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadCost {
    /// Records asked for; `None` for all.
    pub asked: Option<u64>,
    /// Records received.
    pub got: u64,
    /// Time from request to end.
    pub took: Duration,
}

/// Where older history stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backfill {
    /// Nothing older is known to exist.
    #[default]
    None,
    /// Older history exists at the daemon, amount unknown.
    Available,
    /// Being fetched.
    Running {
        /// Records fetched so far.
        taken: u64,
        /// Records that the policy asks for; `None` for all.
        target: Option<u64>,
    },
}

/// A change of state with its cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// When, by the wall clock.
    pub wall: Timestamp,
    /// The word that was left.
    pub from: Phase,
    /// The word that was entered.
    pub to: Phase,
    /// Why.
    pub cause: String,
}

/// Expected and actual tasks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskCounts {
    /// By the formula: fixed + one per monitor.
    pub expected: usize,
    /// What the one spawning place holds.
    pub actual: usize,
    /// By kind: name, expected, actual.
    pub kinds: Vec<(String, usize, usize)>,
    /// What the runtime counts, library tasks included.
    pub runtime: usize,
    /// Change of `actual` per minute over the last minutes.
    pub slope: f64,
}

/// This process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ProcessView {
    /// Open file descriptors; `None` where the platform cannot tell.
    pub fds: Option<u64>,
    /// Soft limit of file descriptors.
    pub fd_limit: Option<u64>,
    /// Resident memory in bytes.
    pub rss: Option<u64>,
    /// Change of `fds` per minute.
    pub fd_slope: f64,
    /// Change of `rss` per minute, in bytes.
    pub rss_slope: f64,
}

/// Sums over all monitors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Lines stored a second.
    pub lines_per_s: f64,
    /// Conservation over all.
    pub flow: Flow,
    /// Gaps recorded.
    pub gaps: u64,
    /// Gaps recorded since the engine started.
    pub gaps_new: u64,
    /// Failures in the last five minutes.
    pub failures_5m: u64,
    /// Timeouts since start.
    pub timeouts: u64,
    /// Restarts since start.
    pub restarts: u64,
    /// Panics caught since start.
    pub panics: u64,
}

/// Counts of the timeline, so that what happened can be held against what was reported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineView {
    /// Events by kind since the engine started.
    pub told: BTreeMap<EventKind, u64>,
    /// Events that the store's full queue refused.
    pub dropped: u64,
}

impl TimelineView {
    /// Events of these kinds so far.
    pub fn count(&self, kinds: &[EventKind]) -> u64 {
        kinds.iter().filter_map(|kind| self.told.get(kind)).sum()
    }
}

/// The store's figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StoreView {
    /// Data directory.
    pub path: String,
    /// Records stored.
    pub records: u64,
    /// Raw bytes of their content.
    pub raw_bytes: u64,
    /// Bytes on disk, write-ahead log included.
    pub disk_bytes: u64,
    /// Bytes of the write-ahead log.
    pub wal_bytes: u64,
    /// Oldest stored timestamp.
    pub oldest: Option<Timestamp>,
    /// Days until retention begins to evict, at the current rate.
    pub days_left: Option<f64>,
    /// Median time of a commit, in milliseconds.
    pub commit_p50_ms: f64,
    /// 99th percentile.
    pub commit_p99_ms: f64,
    /// Commands waiting for the writer.
    pub queue: usize,
    /// Room for waiting commands.
    pub queue_cap: usize,
    /// Share of time that the writer works, 0 to 1.
    pub busy: f64,
    /// Commits so far; log panes wake when it moves.
    pub commits: u64,
    /// For how long it has been at one commit, if that is longer than it should be.
    #[serde(default)]
    pub slow: Option<Duration>,
    /// Why the store refuses writes, with what to do.
    pub blocked: Option<String>,
}
