//! What a monitor tells of itself: one value behind a watch channel, always the newest, so that
//! telling never waits and looking never asks.

use std::collections::BTreeMap;
use std::time::Duration;

use super::evidence::Beat;
use super::snapshot::{Backfill, Flow, ReadCost, StreamView};
use crate::model::{LogId, Moment, Seq, State, Timestamp, Waiting};

/// Why a follow was opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReopenCause {
    /// Its planned age was reached.
    Planned,
    /// The user asked for it.
    Ordered,
    /// It ended although the container runs.
    Ended,
    /// The aligner doubted it.
    Doubt,
    /// A read found records that it had not delivered.
    Probe,
    /// What it begins with could not be told from what a broken record leaves out; now it can.
    Sure,
}

impl ReopenCause {
    /// Words for the screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Ordered => "ordered",
            Self::Ended => "stream ended",
            Self::Doubt => "doubt",
            Self::Probe => "probe mismatch",
            Self::Sure => "sure of its begin",
        }
    }
}

/// Why a read was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReadCause {
    /// First sight of the log.
    Adopt,
    /// Behind a new follow, or after any doubt.
    CatchUp,
    /// The bell rang, or its timer.
    Bell,
    /// No evidence for one probe interval.
    Probe,
    /// The container stopped.
    Final,
    /// A short answer was confirmed, or the end of a broken stretch searched.
    Confirm,
}

impl ReadCause {
    /// Words for the screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Adopt => "adopt",
            Self::CatchUp => "catch up",
            Self::Bell => "bell",
            Self::Probe => "probe",
            Self::Final => "final",
            Self::Confirm => "confirm",
        }
    }
}

/// Everything a monitor tells.
#[derive(Debug, Clone)]
pub struct MonitorReport {
    /// What it does.
    pub state: State,
    /// Since when.
    pub since: Moment,
    /// Its log, once opened.
    pub log: Option<LogId>,
    /// Last evidence.
    pub beat: Option<Beat>,
    /// Last acknowledged commit.
    pub last_commit: Option<Moment>,
    /// Records, counted where they go.
    pub flow: Flow,
    /// Lines (records that end one) acknowledged by the store.
    pub lines: u64,
    /// Bytes of content acknowledged by the store.
    pub bytes: u64,
    /// Records in the log when it was opened.
    pub stored_before: u64,
    /// Gaps in the log, all time.
    pub gaps: u64,
    /// Gaps in the log when it was opened.
    pub gaps_before: u64,
    /// The open follow.
    pub stream: Option<StreamView>,
    /// Reopens by cause.
    pub reopens: BTreeMap<ReopenCause, u64>,
    /// Reads by cause.
    pub reads: BTreeMap<ReadCause, u64>,
    /// Doubts by reason.
    pub doubts: BTreeMap<String, u64>,
    /// Age of the newest record when it was acknowledged.
    pub lag: Option<Duration>,
    /// Cost of the last read.
    pub last_read: Option<ReadCost>,
    /// Next sequence number.
    pub next_seq: Option<Seq>,
    /// Timestamp of the newest stored record.
    pub last_record: Option<Timestamp>,
    /// Older history.
    pub backfill: Backfill,
    /// What the last fetch of it came to, in words.
    pub fetched: Option<String>,
}

impl MonitorReport {
    /// The report of a monitor that has not begun.
    pub fn new(now: Moment) -> Self {
        Self {
            state: State::Waiting { why: Waiting::Queued },
            since: now,
            log: None,
            beat: None,
            last_commit: None,
            flow: Flow::default(),
            lines: 0,
            bytes: 0,
            stored_before: 0,
            gaps: 0,
            gaps_before: 0,
            stream: None,
            reopens: BTreeMap::new(),
            reads: BTreeMap::new(),
            doubts: BTreeMap::new(),
            lag: None,
            last_read: None,
            next_seq: None,
            last_record: None,
            backfill: Backfill::None,
            fetched: None,
        }
    }

    /// What a successor starts from after this incarnation ended: its counts, nothing open.
    /// Records that were under way are written off; the stored cursor will find them again.
    #[must_use]
    pub fn carried(&self, now: Moment) -> Self {
        let mut next = self.clone();
        next.flow.discarded += next.flow.in_flight;
        next.flow.in_flight = 0;
        if let Backfill::Running { .. } = next.backfill {
            next.backfill = Backfill::Available;
        }
        next.stream = None;
        next.state = State::Waiting { why: Waiting::Queued };
        next.since = now;
        next
    }
}
