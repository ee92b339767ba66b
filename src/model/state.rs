//! What a monitor does at this moment, and the words for it on screen and in `/health`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A monotonic moment: time since the engine started. Deadlines and ages use this, never the wall
/// clock, which may jump.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Moment(pub Duration);

impl Moment {
    /// Time passed since `earlier`, zero if it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment `by` later.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }
}

/// Why a monitor is not reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// Waiting for a permit to open (at most 16 openings at once) or to be started.
    Queued,
    /// The daemon does not answer; all monitors wait as one failure.
    DaemonDown,
    /// The store refuses writes.
    StoreBlocked,
    /// It failed and tries again at `retry_at`.
    Backoff {
        /// Failures in a row without evidence.
        attempt: u32,
        /// When it tries again.
        retry_at: Moment,
    },
    /// It failed five times in a row without evidence; slow retries for as long as it exists.
    Quarantined {
        /// When it tries again.
        retry_at: Moment,
    },
    /// The user paused it; the cursor is held.
    Paused,
}

/// Where a live monitor hears of new records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiveSource {
    /// A trusted follow that commits.
    Follow,
    /// A follow used as a doorbell; reads commit.
    Bell,
    /// A timer; reads commit.
    Timer,
}

/// What is known of the end of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndProof {
    /// A read after the end found everything stored.
    Verified,
    /// An aligned trusted follow was drained to its clean end.
    Drained,
    /// The container was removed before its end could be read.
    Unverified,
}

/// The state of one monitor; data lives in the variant it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not reading, for a reason.
    Waiting {
        /// The reason.
        why: Waiting,
    },
    /// Catching up by a bounded read.
    Reading {
        /// Records received so far in this read.
        records: u64,
    },
    /// Caught up and listening.
    Live {
        /// What it listens to.
        source: LiveSource,
    },
    /// The container stopped and its log is stored as far as `proof` says.
    Ended {
        /// How the end is known.
        proof: EndProof,
    },
    /// The daemon cannot read this log (driver `none`, answer 501).
    Unreadable {
        /// The daemon's words.
        why: String,
    },
}

/// Kind of evidence, for display only. Evidence itself can be made only by the store's
/// acknowledgement and by a read that caught up (`engine::Evidence`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BeatKind {
    /// The store acknowledged at least one new record.
    Committed,
    /// A read proved that everything up to its start is stored.
    Verified,
}

impl BeatKind {
    /// `C` or `V`, as the heartbeat column shows it.
    pub fn letter(self) -> char {
        match self {
            Self::Committed => 'C',
            Self::Verified => 'V',
        }
    }
}

/// A view of the last evidence: a copy of its kind and moment that proves nothing by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeatView {
    /// Committed or verified.
    pub kind: BeatKind,
    /// When the fact became true (for a read: when it was sent).
    pub at: Moment,
}

/// What the words depend on besides the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// The last evidence is younger than the task timeout.
    pub fresh: bool,
    /// The deadline for the next evidence has passed while the monitor should be producing it.
    pub overdue: bool,
    /// A commit happened within one probe interval.
    pub committed_lately: bool,
}

/// The word for a monitor on screen, also `/health`'s `phase`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Evidence overdue; a restart is ordered.
    Stale,
    /// Fast retries given up.
    Quarantined,
    /// Failed, retry scheduled.
    Backoff,
    /// The store refuses writes.
    StoreBlocked,
    /// The daemon does not answer.
    DaemonDown,
    /// Waiting for its turn.
    Queued,
    /// Reading towards the end of the log.
    CatchingUp,
    /// Live, committed within one probe interval.
    Streaming,
    /// Live, verified, nothing new.
    Quiet,
    /// Paused by the user.
    Paused,
    /// The log cannot be read.
    Unreadable,
    /// Ended without proof of completeness.
    EndedUnverified,
    /// Ended, all stored.
    Ended,
}

impl Phase {
    /// All phases, worst first.
    pub const ALL: [Self; 13] = [
        Self::Stale,
        Self::Quarantined,
        Self::Backoff,
        Self::StoreBlocked,
        Self::DaemonDown,
        Self::Queued,
        Self::CatchingUp,
        Self::Streaming,
        Self::Quiet,
        Self::Paused,
        Self::Unreadable,
        Self::EndedUnverified,
        Self::Ended,
    ];

    /// The word itself.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stale => "stale",
            Self::Quarantined => "quarantined",
            Self::Backoff => "backoff",
            Self::StoreBlocked => "store_blocked",
            Self::DaemonDown => "daemon_down",
            Self::Queued => "queued",
            Self::CatchingUp => "catching_up",
            Self::Streaming => "streaming",
            Self::Quiet => "quiet",
            Self::Paused => "paused",
            Self::Unreadable => "unreadable",
            Self::EndedUnverified => "ended_unverified",
            Self::Ended => "ended",
        }
    }
}

/// `/health`'s `state` of a task. `Running` only while the evidence is fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskHealth {
    /// Captures, with fresh evidence.
    Running,
    /// Not capturing now, will by itself.
    Backoff,
    /// Evidence overdue.
    Failed,
    /// Slow retries.
    Quarantined,
    /// Held by the user.
    Paused,
    /// Nothing left or nothing possible to capture.
    Stopped,
}

impl TaskHealth {
    /// The word itself.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Backoff => "backoff",
            Self::Failed => "failed",
            Self::Quarantined => "quarantined",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }
}

impl State {
    /// The words for this state: one total function, the only one (CAPTURE contract 2.2).
    pub fn words(&self, freshness: Freshness) -> (Phase, TaskHealth) {
        match self {
            Self::Live { .. } | Self::Reading { .. } if freshness.overdue => {
                (Phase::Stale, TaskHealth::Failed)
            }
            Self::Live { .. } if freshness.committed_lately => {
                (Phase::Streaming, TaskHealth::Running)
            }
            Self::Live { .. } => (Phase::Quiet, TaskHealth::Running),
            Self::Reading { .. } if freshness.fresh => (Phase::CatchingUp, TaskHealth::Running),
            Self::Reading { .. } => (Phase::CatchingUp, TaskHealth::Backoff),
            Self::Waiting { why } => why.words(),
            Self::Ended { proof: EndProof::Unverified } => {
                (Phase::EndedUnverified, TaskHealth::Stopped)
            }
            Self::Ended { .. } => (Phase::Ended, TaskHealth::Stopped),
            Self::Unreadable { .. } => (Phase::Unreadable, TaskHealth::Stopped),
        }
    }
}

impl Waiting {
    fn words(&self) -> (Phase, TaskHealth) {
        match self {
            Self::Queued => (Phase::Queued, TaskHealth::Backoff),
            Self::DaemonDown => (Phase::DaemonDown, TaskHealth::Backoff),
            Self::StoreBlocked => (Phase::StoreBlocked, TaskHealth::Backoff),
            Self::Backoff { .. } => (Phase::Backoff, TaskHealth::Backoff),
            Self::Quarantined { .. } => (Phase::Quarantined, TaskHealth::Quarantined),
            Self::Paused => (Phase::Paused, TaskHealth::Paused),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALE: Freshness = Freshness { fresh: false, overdue: true, committed_lately: false };
    const QUIET: Freshness = Freshness { fresh: true, overdue: false, committed_lately: false };

    #[test]
    fn running_is_said_only_of_fresh_evidence() {
        let live = State::Live { source: LiveSource::Follow };
        assert_eq!(live.words(QUIET), (Phase::Quiet, TaskHealth::Running));
        assert_eq!(live.words(STALE), (Phase::Stale, TaskHealth::Failed));
        let unproved = Freshness { fresh: false, ..QUIET };
        let reading = State::Reading { records: 9 };
        assert_eq!(reading.words(unproved), (Phase::CatchingUp, TaskHealth::Backoff));
        assert_eq!(reading.words(STALE), (Phase::Stale, TaskHealth::Failed));
    }

    #[test]
    fn a_paused_monitor_is_never_stale() {
        let paused = State::Waiting { why: Waiting::Paused };
        assert_eq!(paused.words(STALE), (Phase::Paused, TaskHealth::Paused));
    }
}
