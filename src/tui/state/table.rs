//! The monitors table: its order, its cursor, its selection. Rows themselves stay in the snapshot.
//!
//! Cursor and selection hold container ids, never positions, so a row keeps them when the order
//! changes under it.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::engine::EngineSnapshot;
use crate::engine::snapshot::MonitorRow;
use crate::model::{ContainerId, Phase, State};
use crate::tui::text;

/// The order of the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// Failed first, then by state, worst first.
    #[default]
    State,
    /// By name.
    Name,
    /// Busiest first.
    Rate,
    /// Oldest evidence first.
    Heartbeat,
    /// Most stored first.
    Stored,
    /// Most gaps first.
    Gaps,
}

impl Sort {
    /// The next order.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::State => Self::Name,
            Self::Name => Self::Rate,
            Self::Rate => Self::Heartbeat,
            Self::Heartbeat => Self::Stored,
            Self::Stored => Self::Gaps,
            Self::Gaps => Self::State,
        }
    }

    /// Its word in the title.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Name => "name",
            Self::Rate => "rate",
            Self::Heartbeat => "heartbeat",
            Self::Stored => "stored",
            Self::Gaps => "gaps",
        }
    }
}

/// State of the table.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The order.
    pub sort: Sort,
    /// Whether ended containers are left out.
    pub hide_ended: bool,
    /// The row under the cursor.
    pub cursor: Option<ContainerId>,
    /// The user has pressed something; until then the cursor stays on the first row, whichever
    /// that becomes while the first pictures come in.
    chosen: bool,
    /// Selected rows.
    pub selected: BTreeSet<ContainerId>,
    /// Indexes into the snapshot's monitors, in the order shown.
    pub order: Vec<usize>,
    /// First row shown.
    pub offset: usize,
    /// Rows left out because they ended.
    pub hidden: usize,
}

/// Whether a row has a line of its own for its cause.
pub fn has_cause(row: &MonitorRow) -> bool {
    row.failure.is_some()
        || row.is_between_runs()
        || matches!(
            row.phase,
            Phase::Stale | Phase::Unreadable | Phase::EndedUnverified | Phase::StoreBlocked
        )
}

/// Whether a row comes first by default: it fails, or failed and nobody has acknowledged it.
fn is_trouble(row: &MonitorRow) -> bool {
    row.failure.is_some() || row.phase <= Phase::DaemonDown
}

/// The order of states, worst first. A crash loop between two runs is not at its end, and it comes
/// behind those that run: the first row should not change every few seconds.
fn rank(row: &MonitorRow) -> Phase {
    if row.is_between_runs() { Phase::Paused } else { row.phase }
}

/// Whether lines a second are known: of a monitor that reads nothing they are not, which is less
/// than none.
pub fn has_rate(row: &MonitorRow) -> bool {
    matches!(row.state, State::Live { .. } | State::Reading { .. })
}

/// Lines that a row takes.
pub fn height(row: &MonitorRow) -> usize {
    if has_cause(row) { 2 } else { 1 }
}

impl Table {
    /// Puts the rows of a picture in order and keeps cursor and selection on their containers.
    /// `at` is where the cursor was, for when its container is gone.
    pub fn arrange(&mut self, snapshot: &EngineSnapshot, at: Option<usize>) {
        let rows = &snapshot.monitors;
        let ended = |row: &MonitorRow| row.phase == Phase::Ended && !row.is_between_runs();
        self.order = (0..rows.len())
            .filter(|i| !self.hide_ended || rows.get(*i).is_some_and(|row| !ended(row)))
            .collect();
        self.hidden = rows.len() - self.order.len();
        match self.sort {
            Sort::State => self.sort_by(rows, |r| (!is_trouble(r), rank(r))),
            Sort::Name => self.sort_by(rows, |_| ()),
            Sort::Rate => {
                self.sort_by(rows, |r| Reverse((has_rate(r), millis(r.lines_per_s))));
            }
            Sort::Heartbeat => self.sort_by(rows, |r| {
                Reverse(r.beat.map_or(snapshot.at.0, |beat| snapshot.at.since(beat.at)))
            }),
            Sort::Stored => self.sort_by(rows, |r| Reverse(r.stored_total)),
            Sort::Gaps => self.sort_by(rows, |r| Reverse(r.gaps)),
        }
        let known = |id: &ContainerId| rows.iter().any(|row| row.id == *id);
        self.selected.retain(known);
        if self.position(snapshot).is_none() {
            // The container is gone or hidden: its neighbour takes the cursor.
            self.put(snapshot, at.unwrap_or(0).min(self.order.len().saturating_sub(1)));
        } else if !self.chosen {
            self.put(snapshot, 0);
        }
    }

    /// Sorts by a key, then by name; the id decides between namesakes. Compares in place: with
    /// thousands of rows, keys made for each picture would be most of its cost.
    fn sort_by<K: Ord>(&mut self, rows: &[Arc<MonitorRow>], key: impl Fn(&MonitorRow) -> K) {
        let whole = |i: &usize| {
            let row = rows.get(*i)?;
            let group = row.project.as_deref().unwrap_or(&row.name);
            Some((key(row), group, row.name.as_str(), &row.id))
        };
        self.order.sort_by(|a, b| whole(a).cmp(&whole(b)));
    }

    /// The row at `position` in the order shown.
    pub fn row<'a>(&self, snapshot: &'a EngineSnapshot, position: usize) -> Option<&'a MonitorRow> {
        snapshot.monitors.get(*self.order.get(position)?).map(AsRef::as_ref)
    }

    /// Where the cursor is in the order shown.
    pub fn position(&self, snapshot: &EngineSnapshot) -> Option<usize> {
        let cursor = self.cursor.as_ref()?;
        let is = |i: &usize| snapshot.monitors.get(*i).is_some_and(|row| row.id == *cursor);
        self.order.iter().position(is)
    }

    /// Keeps the cursor on its container from here on: a row that an order moves takes it along.
    pub fn keep_cursor(&mut self) {
        self.chosen = true;
    }

    /// Puts the cursor on the row at `position`, by the user's wish.
    pub fn place(&mut self, snapshot: &EngineSnapshot, position: usize) {
        self.chosen = true;
        self.put(snapshot, position);
    }

    fn put(&mut self, snapshot: &EngineSnapshot, position: usize) {
        self.cursor = self.row(snapshot, position).map(|row| row.id.clone());
    }

    /// Moves the cursor by `by` rows, staying inside.
    pub fn step(&mut self, snapshot: &EngineSnapshot, by: isize) {
        let at = self.position(snapshot).unwrap_or(0);
        let last = self.order.len().saturating_sub(1);
        self.place(snapshot, at.saturating_add_signed(by).min(last));
    }

    /// Selects or deselects the row under the cursor.
    pub fn toggle(&mut self) {
        self.chosen = true;
        if let Some(id) = self.cursor.clone()
            && !self.selected.remove(&id)
        {
            self.selected.insert(id);
        }
    }

    /// Moves the window so that the cursor's row is wholly inside `lines` lines, and no line is
    /// wasted at the end.
    pub fn keep_in_view(&mut self, snapshot: &EngineSnapshot, lines: usize) {
        let Some(at) = self.position(snapshot) else {
            self.offset = 0;
            return;
        };
        let tall = |i: usize| self.row(snapshot, i).map_or(1, height);
        let offset = self.offset.min(at);
        // The first row from which on everything down to `last` fits.
        let first_for = |last: usize| {
            let (mut first, mut used) = (last, tall(last));
            while first > 0 && used + tall(first - 1) <= lines {
                first -= 1;
                used += tall(first);
            }
            first
        };
        let (fits_cursor, fits_end) = (first_for(at), first_for(self.order.len() - 1));
        self.offset = offset.max(fits_cursor).min(fits_end.max(fits_cursor)).min(at);
    }

    /// The row shown at `line` of the window.
    pub fn at_line(&self, snapshot: &EngineSnapshot, line: usize) -> Option<usize> {
        let mut top = 0;
        (self.offset..self.order.len()).find(|position| {
            top += self.row(snapshot, *position).map_or(1, height);
            line < top
        })
    }

    /// Lines that all rows take.
    pub fn lines(&self, snapshot: &EngineSnapshot) -> usize {
        let tall = |i: &usize| snapshot.monitors.get(*i).map_or(0, |row| height(row));
        self.order.iter().map(tall).sum()
    }

    /// The selected rows, or the one under the cursor.
    pub fn targets<'a>(&self, snapshot: &'a EngineSnapshot) -> Vec<&'a MonitorRow> {
        let rows = snapshot.monitors.iter().map(AsRef::as_ref);
        if self.selected.is_empty() {
            rows.filter(|row| Some(&row.id) == self.cursor.as_ref()).collect()
        } else {
            rows.filter(|row| self.selected.contains(&row.id)).collect()
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sort key")]
fn millis(per_second: f64) -> u64 {
    (per_second.max(0.0) * 1_000.0) as u64
}

/// The name on screen: `project/rest` for containers of a compose project.
pub fn display_name(row: &MonitorRow) -> String {
    match &row.project {
        Some(project) => text::safe(&format!("{project}/{}", short_name(row))),
        None => text::safe(&row.name),
    }
}

/// The name without its project.
pub fn short_name(row: &MonitorRow) -> &str {
    let project = row.project.as_deref().unwrap_or_default();
    row.name
        .strip_prefix(project)
        .and_then(|rest| rest.strip_prefix(['-', '_']))
        .filter(|rest| !project.is_empty() && !rest.is_empty())
        .unwrap_or(&row.name)
}
