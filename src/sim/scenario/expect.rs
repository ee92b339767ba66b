//! What must hold when a scenario is over.
//!
//! Only words: whoever plays compares them with what was captured. Loss without a gap, doubled,
//! reordered and altered records are forbidden by every scenario and need no word.

use serde::Deserialize;

/// What a log must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogWord {
    /// Every record once, and no gap.
    Complete,
    /// Records are missing, and gaps say so.
    Gaps,
    /// Complete, or with gaps where records are missing: which of them depends on timing.
    Honest,
    /// One gap may stand where nothing is missing, because nobody can tell (an emptied file).
    Unprovable,
    /// Nothing was captured, because nothing can be read.
    Unread,
}

/// What must hold for the containers of one name, each by itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expectation {
    /// Which containers.
    pub of: String,
    /// What the log must be.
    pub log: LogWord,
    /// Exactly so many gaps.
    pub gaps: Option<usize>,
    /// The cause of every gap, as the store words it: `rotated`, `truncated`, `corrupt` ...
    pub lost: Option<String>,
    /// Why nobody was reading, as the store words it: `paused`, `daemon_down`, `lagging` ...
    pub away: Option<String>,
    /// Exactly so many records are missing inside gaps.
    pub missing: Option<usize>,
    /// The word on the screen at the end, as in `ended`.
    pub state: Option<String>,
    /// The guarantee that the screen shows, as in `lossy`.
    pub class: Option<String>,
    /// At most so many compressed files were unpacked by reads.
    pub unpacked_at_most: Option<usize>,
}
