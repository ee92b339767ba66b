//! The document of `/health`, documented in docs/HEALTH.md, and the verdict that goes with it.
//!
//! The verdict has three words. `ok` and `failing` repeat what the snapshot says of itself.
//! `stuck` is said of the snapshot: it is older than [`STUCK_AFTER`], or its maker is gone, so
//! whatever it claims is history. The predecessor of this program answered 200 from such a picture
//! for weeks. Field names are a contract; absent values are `null`, never left out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::EngineSnapshot;
use crate::engine::snapshot::{Link, MonitorRow};
use crate::model::{BeatKind, Moment, Phase, TaskHealth};

/// The age at which a snapshot proves that the supervisor no longer runs its loop.
pub const STUCK_AFTER: Duration = Duration::from_secs(5);

/// The verdict in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Everything that should be captured is, or will be by itself.
    Ok,
    /// A monitor failed, or the daemon or the store is down.
    Failing,
    /// The engine has stopped reporting: nothing in the document is current.
    Stuck,
}

/// Whether whoever makes snapshots is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// It may send another one.
    Alive,
    /// It has ended; there will never be another.
    Gone,
}

/// The whole document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// The verdict.
    pub status: Status,
    /// Version of this program.
    pub version: String,
    /// Wall clock of the snapshot, RFC 3339.
    pub at: String,
    /// Seconds from the engine's start to the snapshot.
    pub uptime_s: f64,
    /// The daemon.
    pub docker: DockerHealth,
    /// How much of what runs is captured.
    pub coverage: CoverageHealth,
    /// Monitors held by the user.
    pub paused: usize,
    /// Monitors whose log the daemon cannot read.
    pub unreadable: usize,
    /// Tasks by the formula.
    pub tasks_expected: usize,
    /// Tasks that run.
    pub tasks_actual: usize,
    /// One entry per container.
    pub tasks: Vec<TaskEntry>,
    /// The store.
    pub store: StoreHealth,
}

/// The daemon's part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerHealth {
    /// Address as a URI.
    pub endpoint: String,
    /// Whether it answers.
    pub up: bool,
    /// Name and version, while it answers.
    pub version: Option<String>,
    /// Why it does not answer, or what it does not tell, in plain words.
    pub error: Option<String>,
}

/// The part about coverage, in numbers of containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageHealth {
    /// Running.
    pub running: usize,
    /// Running and selected by the filters.
    pub matched: usize,
    /// Matched, with fresh evidence.
    pub fresh: usize,
    /// Left out.
    pub excluded: usize,
    /// Came and went with no record seen.
    pub uncaptured: u64,
}

/// One monitor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskEntry {
    /// `container_` and the first twelve digits of the container's id.
    pub id: String,
    /// Container name.
    pub name: String,
    /// `running` only while the evidence is fresh.
    pub state: TaskHealth,
    /// The word on screen.
    pub phase: Phase,
    /// Start of the monitor, RFC 3339.
    pub started_at: String,
    /// Last evidence, RFC 3339.
    pub last_heartbeat: Option<String>,
    /// Kind of the last evidence.
    pub evidence: Option<BeatKind>,
    /// Failures so far.
    pub error_count: u64,
    /// The last failure, until acknowledged.
    pub last_error: Option<String>,
    /// Restarts by the supervisor.
    pub restarts: u64,
    /// Reopens of the stream.
    pub rotations: u64,
    /// Seconds between a record's timestamp and its commit.
    pub lag: Option<f64>,
    /// Gaps recorded in this log, all time.
    pub gaps: u64,
    /// Records in the store, all time.
    pub lines: u64,
}

/// The store's part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoreHealth {
    /// Data directory.
    pub path: String,
    /// Whether it accepts writes.
    pub up: bool,
    /// Why it does not, and what to do.
    pub error: Option<String>,
    /// Records stored.
    pub lines: u64,
    /// Bytes of their content.
    pub raw_bytes: u64,
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// Bytes of the write-ahead log, part of the above.
    pub wal_bytes: u64,
    /// Oldest stored timestamp, RFC 3339.
    pub oldest: Option<String>,
    /// Days until retention begins to evict.
    pub days_left: Option<f64>,
    /// Median commit in milliseconds.
    pub commit_p50_ms: f64,
    /// 99th percentile in milliseconds.
    pub commit_p99_ms: f64,
    /// Commands waiting for the writer.
    pub queue: usize,
}

impl Status {
    /// The verdict on `snapshot` at `now`.
    pub fn of(snapshot: &EngineSnapshot, now: Moment, maker: Maker) -> Self {
        if maker == Maker::Gone || now.since(snapshot.at) > STUCK_AFTER {
            Self::Stuck
        } else if snapshot.is_healthy() {
            Self::Ok
        } else {
            Self::Failing
        }
    }

    /// Whether `/health` answers 200.
    pub fn is_ok(self) -> bool {
        self == Self::Ok
    }
}

impl Health {
    /// The document for `snapshot`, judged at `now`.
    pub fn of(snapshot: &EngineSnapshot, now: Moment, maker: Maker) -> Self {
        let coverage = &snapshot.coverage;
        let phase = |phase| snapshot.monitors.iter().filter(|m| m.phase == phase).count();
        Self {
            status: Status::of(snapshot, now, maker),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at: snapshot.wall.to_rfc3339(),
            uptime_s: snapshot.wall.since(snapshot.started).as_secs_f64(),
            docker: DockerHealth::of(snapshot),
            coverage: CoverageHealth {
                running: coverage.running,
                matched: coverage.matched,
                fresh: coverage.fresh,
                excluded: coverage.excluded.len(),
                uncaptured: coverage.uncaptured,
            },
            paused: phase(Phase::Paused),
            unreadable: phase(Phase::Unreadable),
            tasks_expected: snapshot.tasks.expected,
            tasks_actual: snapshot.tasks.actual,
            tasks: snapshot.monitors.iter().map(|m| TaskEntry::of(m)).collect(),
            store: StoreHealth::of(snapshot),
        }
    }
}

impl DockerHealth {
    fn of(snapshot: &EngineSnapshot) -> Self {
        let blind = snapshot.docker.blind.as_ref();
        let blind = blind.map(|blind| format!("{}: {}", blind.what, blind.error));
        let (up, version, error) = match &snapshot.docker.link {
            Link::Up { version, .. } => (true, Some(version.clone()), blind),
            Link::Down { error, .. } => (false, None, Some(error.clone())),
            Link::Connecting => (false, None, None),
        };
        Self { endpoint: snapshot.docker.endpoint.clone(), up, version, error }
    }
}

impl TaskEntry {
    fn of(row: &MonitorRow) -> Self {
        Self {
            id: format!("container_{}", row.id.short()),
            name: row.name.clone(),
            state: row.health,
            phase: row.phase,
            started_at: row.started.to_rfc3339(),
            last_heartbeat: row.beat_wall.map(crate::model::Timestamp::to_rfc3339),
            evidence: row.beat.map(|beat| beat.kind),
            error_count: row.errors,
            last_error: row.failure.as_ref().map(|failure| failure.cause.clone()),
            restarts: row.restarts,
            rotations: row.reopens,
            lag: row.lag.map(|lag| lag.as_secs_f64()),
            gaps: row.gaps,
            lines: row.stored_total,
        }
    }
}

impl StoreHealth {
    fn of(snapshot: &EngineSnapshot) -> Self {
        let store = &snapshot.store;
        Self {
            path: store.path.clone(),
            up: store.blocked.is_none(),
            error: store.blocked.clone(),
            lines: store.records,
            raw_bytes: store.raw_bytes,
            disk_bytes: store.disk_bytes,
            wal_bytes: store.wal_bytes,
            oldest: store.oldest.map(crate::model::Timestamp::to_rfc3339),
            days_left: store.days_left,
            commit_p50_ms: store.commit_p50_ms,
            commit_p99_ms: store.commit_p99_ms,
            queue: store.queue,
        }
    }
}
