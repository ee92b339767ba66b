//! Seams: every jump in sequence numbers, with what is missing, why, and the bounds that are known.

use serde::{Deserialize, Serialize};

use super::ids::{Seq, Timestamp};

/// What kind of jump stands between two stored neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeamKind {
    /// Records existed in the daemon's log and are lost, or nobody can prove that none are.
    Gap,
    /// Older history was left out at first sight, by policy; it may still be backfilled.
    NotTaken,
    /// Retention removed records that had been stored.
    Evicted,
    /// A stored block can no longer be decoded.
    Damaged,
    /// Backfilled history met the adopted part: adjacency proved, only the numbering jumps.
    Joined,
}

impl SeamKind {
    /// Whether captured history is incomplete here. Policy and retention are not losses.
    pub fn is_gap(self) -> bool {
        matches!(self, Self::Gap | Self::Damaged)
    }

    /// The word that the store and `--json` use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::NotTaken => "not_taken",
            Self::Evicted => "evicted",
            Self::Damaged => "damaged",
            Self::Joined => "joined",
        }
    }

    /// The kind behind a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::Gap, Self::NotTaken, Self::Evicted, Self::Damaged, Self::Joined];
        all.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What a gap lost.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// The daemon rotated its files away before they were read.
    Rotated,
    /// The file was cut from outside.
    Truncated,
    /// The daemon could not decode its own file; its text.
    Corrupt(String),
    /// Identical records hide where the stored part ends; at most this many records are missing.
    Ambiguous(u64),
    /// The container was removed before its last records were read.
    Removed,
    /// The stored part is not in the daemon's log any more and the reason cannot be told.
    Unknown,
}

/// Why we were not reading when a gap arose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Away {
    /// No engine was running.
    NotRunning,
    /// The user had paused the monitor.
    Paused,
    /// The daemon did not answer.
    DaemonDown,
    /// The store refused writes.
    StoreBlocked,
    /// We were reading, but slower than the daemon rotated.
    Lagging,
    /// We were there all the time.
    None,
}

/// A seam about to be written, in the same transaction as the records that follow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSeam {
    /// The kind of jump.
    pub kind: SeamKind,
    /// For gaps: what was lost.
    pub lost: Option<Lost>,
    /// For gaps: why we were away.
    pub away: Option<Away>,
    /// Earliest time at which a missing record can have been written, if known.
    pub t_low: Option<Timestamp>,
    /// Latest such time. Bounds are data and may be inverted: file order is not time order.
    pub t_high: Option<Timestamp>,
    /// One sentence for the user.
    pub detail: String,
}

/// A stored seam: records `after_seq` and `before_seq` are neighbours in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seam {
    /// The last stored record before the jump. `Seq::ADOPTION - 1` or below where nothing precedes.
    pub after_seq: Seq,
    /// The first stored record behind it; `None` while none has followed yet.
    pub before_seq: Option<Seq>,
    /// What and why.
    #[serde(flatten)]
    pub what: NewSeam,
}
