//! Where the log pane gets its lines: a trait that the binary fills with search's pager.
//!
//! The screen asks in pages and in matches, never in streams, so that scrollback is as long as the
//! store and a slow disk shows up as a late page, never as a frozen screen. Every method is called
//! on a blocking thread. Nothing here knows how pages are made.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::model::{Direction, From as PageFrom, Key, LogId, Page, Timestamp};

/// A filter as typed: which lines to show, in the query language of `search`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterText(pub String);

/// Finds the byte ranges of a line that match, ascending and without overlap.
pub type Highlight = dyn Fn(&[u8]) -> Vec<Range<usize>> + Send + Sync;

/// A compiled pattern.
pub type Highlighter = Arc<Highlight>;

/// The lines that a pattern matches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matches {
    /// Their positions, ascending, at most as many as asked for.
    pub keys: Vec<Key>,
    /// How many there are, as far as counted.
    pub total: u64,
    /// Whether counting stopped at the cap, so that there may be more.
    pub capped: bool,
}

/// A log in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLog {
    /// Its number.
    pub log: LogId,
    /// Name of its container.
    pub name: String,
    /// When its container was seen first.
    pub first_seen: Timestamp,
}

/// Reads stored lines. Called on blocking threads, never on the thread that draws.
pub trait LogSource: Send + Sync + 'static {
    /// At most `rows` rows of the merged logs, beginning at `from`. Errors are words for the user.
    fn page(
        &self,
        logs: &[LogId],
        from: PageFrom,
        direction: Direction,
        rows: usize,
        filter: Option<&FilterText>,
    ) -> Result<Page, String>;

    /// The newest `cap` lines that match, and how many match in all. Ends early, with what it has,
    /// once `cancel` is true.
    fn matches(
        &self,
        logs: &[LogId],
        pattern: &str,
        cap: usize,
        cancel: &AtomicBool,
    ) -> Result<Matches, String>;

    /// All stored logs, newest first.
    fn logs(&self) -> Result<Vec<StoredLog>, String>;

    /// Compiles a pattern as typed. The error has the reason, with a caret where that helps.
    fn check(&self, pattern: &str) -> Result<Highlighter, String>;
}
