//! Stored logs that have no monitor any more: the list of them, and the choice.
//!
//! A container that is removed takes its row with it, and its log stays. This is the way back to
//! that log.

use crate::engine::EngineSnapshot;
use crate::model::LogId;
use crate::tui::source::StoredLog;

/// The list while it is open, and what was chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gone {
    /// Logs without a monitor, newest first; none until they are listed.
    pub listed: Option<Vec<StoredLog>>,
    /// The log under the cursor.
    pub cursor: usize,
    /// Logs chosen with more than one in mind.
    pub selected: Vec<LogId>,
    /// The logs that the log tab shows instead of those of the monitors.
    pub opened: Vec<StoredLog>,
}

impl Gone {
    /// Takes the stored logs, and keeps those that no monitor captures.
    pub fn list(&mut self, stored: &[StoredLog], snapshot: &EngineSnapshot) {
        let watched = |log: LogId| snapshot.monitors.iter().any(|row| row.log == Some(log));
        let gone: Vec<_> = stored.iter().filter(|stored| !watched(stored.log)).cloned().collect();
        self.cursor = self.cursor.min(gone.len().saturating_sub(1));
        self.selected.retain(|log| gone.iter().any(|stored| stored.log == *log));
        self.listed = Some(gone);
    }

    /// Moves the cursor, at most to the first and the last log.
    pub fn step(&mut self, by: isize) {
        let last = self.listed.as_ref().map_or(0, Vec::len).saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(by).min(last);
    }

    /// Selects or deselects the log under the cursor, and goes on to the next.
    pub fn toggle(&mut self) {
        let Some(log) = self.here().map(|stored| stored.log) else { return };
        let before = self.selected.len();
        self.selected.retain(|selected| *selected != log);
        if self.selected.len() == before {
            self.selected.push(log);
        }
        self.step(1);
    }

    /// Opens what is selected, or the log under the cursor. Whether there was anything to open.
    pub fn open(&mut self) -> bool {
        let chosen = |stored: &&StoredLog| self.selected.contains(&stored.log);
        let listed = self.listed.iter().flatten();
        let mut opened: Vec<StoredLog> = listed.filter(chosen).cloned().collect();
        if opened.is_empty() {
            opened.extend(self.here().cloned());
        }
        self.opened = opened;
        self.selected.clear();
        !self.opened.is_empty()
    }

    fn here(&self) -> Option<&StoredLog> {
        self.listed.as_ref()?.get(self.cursor)
    }
}
