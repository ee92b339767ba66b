//! The values that cross the store's border: options, a log's row, an append and its answer.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Batch, ContainerId, Guarantee, LogId, NewSeam, Seq, Timestamp};

/// The wall clock, passed in so that tests control it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// When a commit counts as durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Every commit is synced: a power cut loses nothing acknowledged.
    #[default]
    Full,
    /// Synced at checkpoints only: a power cut may lose the last acknowledged commits, never the
    /// store's consistency. A crash of the process loses nothing.
    Normal,
}

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Bytes of compressed blocks in total.
    pub max_bytes: Option<u64>,
    /// Age of a block's newest record.
    pub max_age: Option<Duration>,
    /// Compressed bytes that every log keeps against the size limit, so that a noisy container
    /// cannot evict the quiet ones. Age is not stopped by it.
    pub floor_per_log: u64,
    /// Bytes that stay free on the disk: below it the oldest blocks go, down to the floors, and
    /// then records are refused. 0 does not look at the disk.
    pub min_free: u64,
}

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The data directory; made with mode 0700 when missing.
    pub dir: PathBuf,
    /// Sync policy.
    pub durability: Durability,
    /// What is kept.
    pub retention: Retention,
    /// A label of this host.
    pub host: String,
    /// Written into the lock file for others to find this engine.
    pub engine_addr: String,
}

/// Who a log belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogIdentity {
    /// The container, the only key.
    pub container_id: ContainerId,
    /// Host label.
    pub host: String,
    /// Id of the daemon that has the container; empty where it is not known.
    pub daemon: String,
    /// Container name.
    pub name: String,
    /// Compose project.
    pub project: Option<String>,
    /// Compose service.
    pub service: Option<String>,
    /// Replica number inside the service.
    pub replica: Option<String>,
    /// Image reference.
    pub image: String,
    /// Whether it has a terminal.
    pub tty: bool,
    /// Log driver.
    pub driver: String,
    /// What may be promised.
    pub class: Guarantee,
    /// When it was first seen; kept from the first time.
    pub first_seen: Timestamp,
}

/// A log as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// The store's number.
    pub id: LogId,
    /// Who it belongs to.
    pub identity: LogIdentity,
    /// When its end was recorded.
    pub ended: Option<Timestamp>,
    /// Where the next append must begin.
    pub next_seq: Seq,
    /// The engine's cursor; `None` when nothing was ever adopted.
    pub cursor: Option<Vec<u8>>,
    /// A backfill that has not finished.
    pub backfill: Option<BackfillRow>,
    /// The oldest stored record.
    pub first_seq: Option<Seq>,
    /// Records stored now.
    pub records: u64,
    /// Gaps ever recorded.
    pub gaps: u64,
    /// Daemon timestamp of the newest record.
    pub last_ts: Option<Timestamp>,
    /// Whether the daemon held older history that was not taken.
    pub older_exists: bool,
}

/// An unfinished backfill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillRow {
    /// Where its next append must begin.
    pub next: Seq,
    /// The first record of the part that was stored before.
    pub limit: Seq,
    /// The engine's cursor.
    pub cursor: Vec<u8>,
}

/// What may change in a log's row; `None` leaves a field alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPatch {
    /// New name.
    pub name: Option<String>,
    /// Set or clear the end.
    pub ended: Option<Option<Timestamp>>,
    /// New guarantee class.
    pub class: Option<Guarantee>,
    /// Whether older history exists at the daemon.
    pub older_exists: Option<bool>,
}

/// Which end of a log an append extends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The newest end.
    Live,
    /// Older history, below the part that was stored first.
    Backfill,
}

/// Records, cursor and seam for one transaction.
#[derive(Debug, Clone)]
pub struct Append {
    /// The log.
    pub log: LogId,
    /// Which end.
    pub part: Part,
    /// Compare-and-swap: where the sender believes that this part continues.
    pub expected: Seq,
    /// The records; may be empty.
    pub records: Batch,
    /// Stands before the first record.
    pub seam: Option<NewSeam>,
    /// The engine's cursor behind the last record; opaque here.
    pub cursor: Vec<u8>,
}

/// The answer to an append, after its commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Evidence, when at least one record was stored.
    pub ack: Option<StoreAck>,
    /// Where the part continues.
    pub next_seq: Seq,
}

/// Proof that the writer committed at least one new record. Nothing else can make one:
///
/// ```compile_fail
/// use logcap_tui::model::{LogId, Seq};
/// let forged = logcap_tui::store::StoreAck { log: LogId(1), first: Seq(1), last: Seq(1) };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreAck {
    log: LogId,
    first: Seq,
    last: Seq,
}

impl StoreAck {
    /// For the writer alone, behind a commit.
    pub(in crate::store) fn new(log: LogId, first: Seq, last: Seq) -> Self {
        Self { log, first, last }
    }

    /// The log.
    pub fn log(&self) -> LogId {
        self.log
    }

    /// The first record stored.
    pub fn first(&self) -> Seq {
        self.first
    }

    /// The last record stored.
    pub fn last(&self) -> Seq {
        self.last
    }

    /// How many were stored; at least one.
    pub fn records(&self) -> u64 {
        u64::try_from(self.last.0 - self.first.0 + 1).unwrap_or(1)
    }
}

/// Sums over the whole store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records stored.
    pub records: u64,
    /// Bytes of their content.
    pub raw: u64,
    /// Bytes on disk, write-ahead log included.
    pub disk: u64,
    /// Oldest stored timestamp.
    pub oldest: Option<Timestamp>,
}

/// The writer's figures.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WriterStats {
    /// Records stored.
    pub records: u64,
    /// Bytes of their content.
    pub raw_bytes: u64,
    /// Bytes on disk, write-ahead log included.
    pub disk_bytes: u64,
    /// Bytes of the write-ahead log.
    pub wal_bytes: u64,
    /// Oldest stored timestamp.
    pub oldest: Option<Timestamp>,
    /// Median commit time in milliseconds, over the last 256.
    pub commit_p50_ms: f64,
    /// 99th percentile.
    pub commit_p99_ms: f64,
    /// Commands waiting.
    pub queue: usize,
    /// Room for commands.
    pub queue_cap: usize,
    /// Share of time that the writer works, 0 to 1.
    pub busy: f64,
    /// Commits so far.
    pub commits: u64,
    /// How long the writer has been at what it does now: records that wait for their commit.
    pub at_work: Option<Duration>,
    /// Why the store refuses writes, with what to do.
    pub blocked: Option<String>,
    /// Timeline events dropped because the queue was full or the disk could not be written to.
    pub events_dropped: u64,
}
