//! Stored records as they are read back: lines and seams in one total order.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::batch::Fd;
use super::ids::{LogId, Seq, Timestamp};
use super::seam::Seam;

/// A position in the merged order of any set of logs.
///
/// `eff_ts` is the running maximum of the timestamps inside the log, so that the order inside a
/// log is always its file order. Stable under eviction, backfill and late rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// Running maximum of the timestamps of the log up to here.
    pub eff_ts: Timestamp,
    /// The log.
    pub log: LogId,
    /// The record in the log.
    pub seq: Seq,
}

/// Severity as guessed from the text, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// trace
    Trace,
    /// debug
    Debug,
    /// info, notice
    Info,
    /// warn, warning
    Warn,
    /// err, error
    Error,
    /// fatal, critical, alert, emergency, panic
    Fatal,
}

impl Level {
    /// All levels, mildest first.
    pub const ALL: [Self; 6] =
        [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    /// The lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}

/// One line: the records of a long line joined again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Position of its first record.
    pub key: Key,
    /// Position of its last record in the log.
    pub last_seq: Seq,
    /// The daemon's timestamp, which is what is shown.
    pub ts: Timestamp,
    /// Which output.
    pub fd: Fd,
    /// Severity, when the text names one.
    pub level: Option<Level>,
    /// The bytes as received, not necessarily UTF-8, cut at the reader's limit.
    pub text: Arc<[u8]>,
    /// Full length in bytes; larger than `text.len()` when the text was cut.
    pub full_len: u64,
}

/// A seam at its place in the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeamRow {
    /// Sorts directly before the first record behind the seam.
    pub key: Key,
    /// What is missing and why.
    pub seam: Seam,
}

/// A row of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A line.
    Line(Line),
    /// A seam between two lines.
    Seam(SeamRow),
}

impl Row {
    /// Its position.
    pub fn key(&self) -> Key {
        match self {
            Self::Line(line) => line.key,
            Self::Seam(seam) => seam.key,
        }
    }
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// At the newest row.
    Newest,
    /// At the oldest row.
    Oldest,
    /// At this position, itself included.
    At(Key),
    /// At this position, itself left out.
    Beyond(Key),
}

/// Which way a page grows from its begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Towards the past.
    Older,
    /// Towards the present.
    Newer,
}

/// Rows in ascending order, whichever way they were fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Row>,
    /// Whether nothing lies beyond in the direction asked for, at this moment.
    pub end: bool,
}
