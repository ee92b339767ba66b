//! The log pane: a window on a store of any length.
//!
//! It holds a few thousand neighbouring rows and a position in them. The position is a [`Key`],
//! never an index: rows may arrive, be dropped or be evicted, and what the reader looks at stays
//! where it is. Which rows are missing around the window is decided and taken in by `fetch`.

mod fetch;

use std::collections::VecDeque;

use super::super::message::Ticket;
use super::super::rows::{RowFormat, Stamps};
use super::super::source::FilterText;
use crate::model::{Direction, Key, LogId, Row};

/// Rows held at most; beyond that the end that is farther from the reader is dropped.
pub const MOST_ROWS: usize = 5_000;

/// What the reader looks at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Place {
    /// The newest line, as it arrives.
    #[default]
    Live,
    /// This row at the top.
    At(Anchor),
}

/// A line of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// The row.
    pub key: Key,
    /// Lines of it that are above the window.
    pub skip: usize,
}

/// A row in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its index in [`LogPane::rows`].
    pub index: usize,
    /// Its first line shown.
    pub skip: usize,
    /// How many of its lines are shown.
    pub take: usize,
}

/// What a page on its way is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// The newest rows.
    Tail,
    /// Rows before the first one held.
    Older,
    /// Rows behind the last one held.
    Newer,
    /// Rows from this position on, instead of all that are held.
    Jump(Key),
    /// One row that the extra filter selects; then a jump there.
    Seek,
}

/// A search for one row by an extra condition, for "next error".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seek {
    /// The condition, in the filter's language.
    pub condition: String,
    /// Which way.
    pub direction: Direction,
}

/// State of the log pane.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about both ends and the view")]
pub struct LogPane {
    /// The logs shown, merged.
    pub logs: Vec<LogId>,
    /// The rows held, ascending, neighbours in the store.
    pub rows: VecDeque<Row>,
    /// Nothing older than the first row was in the store.
    pub at_oldest: bool,
    /// Nothing newer than the last row was in the store when it was read.
    pub at_newest: bool,
    /// What the reader looks at.
    pub place: Place,
    /// The row that commands act on; the last one while there is none.
    pub cursor: Option<Key>,
    /// Whether long lines wrap.
    pub wrap: bool,
    /// Columns scrolled to the right when they do not.
    pub skip: usize,
    /// What stands before a line.
    pub stamps: Stamps,
    /// Which lines are shown.
    pub filter: Option<FilterText>,
    /// Why the last page did not come.
    pub error: Option<String>,
    /// Whether an answer about these logs has come.
    pub loaded: bool,
    /// What a seek found, when it found nothing.
    pub seek_failed: Option<Seek>,
    stale: bool,
    jump: Option<Key>,
    seek: Option<Seek>,
    centre: bool,
    pending: Option<(Ticket, Purpose)>,
    tickets: Ticket,
}

impl Default for LogPane {
    fn default() -> Self {
        Self {
            logs: Vec::new(),
            rows: VecDeque::new(),
            at_oldest: false,
            at_newest: false,
            place: Place::Live,
            cursor: None,
            wrap: false,
            skip: 0,
            stamps: Stamps::Local,
            filter: None,
            error: None,
            loaded: false,
            seek_failed: None,
            stale: true,
            jump: None,
            seek: None,
            centre: false,
            pending: None,
            tickets: 0,
        }
    }
}

impl LogPane {
    /// Shows other logs, live from their end. Nothing happens if they are the same.
    pub fn show(&mut self, logs: Vec<LogId>) {
        if self.logs != logs {
            self.logs = logs;
            self.forget();
            self.place = Place::Live;
            self.cursor = None;
            self.skip = 0;
        }
    }

    /// Shows only what the filter selects, around the place looked at.
    pub fn set_filter(&mut self, filter: Option<FilterText>) {
        if self.filter != filter {
            self.filter = filter;
            let back = match self.place {
                Place::Live => None,
                Place::At(_) => self.cursor,
            };
            self.forget();
            if let Some(key) = back {
                self.jump(key);
            }
        }
    }

    fn forget(&mut self) {
        self.rows.clear();
        (self.at_oldest, self.at_newest) = (false, false);
        (self.loaded, self.stale, self.error) = (false, true, None);
        (self.jump, self.seek, self.pending) = (None, None, None);
    }

    /// The store committed: the end may have moved.
    pub fn committed(&mut self) {
        self.stale = true;
    }

    /// Whether new lines are followed.
    pub fn is_live(&self) -> bool {
        self.place == Place::Live
    }

    /// Follows the end.
    pub fn follow(&mut self) {
        self.place = Place::Live;
        (self.cursor, self.stale) = (None, true);
    }

    /// Goes to a row wherever it is.
    pub fn jump(&mut self, key: Key) {
        self.jump = Some(key);
    }

    /// Goes to the next row that also meets a condition.
    pub fn seek(&mut self, seek: Seek) {
        (self.seek, self.seek_failed) = (Some(seek), None);
    }

    /// The index of the first row at or behind `key`.
    fn index_of(&self, key: Key) -> usize {
        self.rows.partition_point(|row| row.key() < key)
    }

    /// The index of the cursor's row.
    pub fn cursor_index(&self) -> Option<usize> {
        let last = self.rows.len().checked_sub(1)?;
        Some(self.cursor.map_or(last, |key| self.index_of(key).min(last)))
    }

    /// The row that commands act on.
    pub fn current(&self) -> Option<&Row> {
        self.rows.get(self.cursor_index()?)
    }

    fn height(&self, format: &RowFormat, index: usize) -> usize {
        self.rows.get(index).map_or(0, |row| format.height(row))
    }

    /// The rows that `lines` lines show.
    pub fn window(&self, format: &RowFormat, lines: usize) -> Vec<Seen> {
        let (mut index, mut skip) = match self.place {
            Place::At(anchor) => {
                let index = self.index_of(anchor.key);
                let same = self.rows.get(index).is_some_and(|row| row.key() == anchor.key);
                let tallest = self.height(format, index).saturating_sub(1);
                (index, if same { anchor.skip.min(tallest) } else { 0 })
            }
            Place::Live => self.back_from_end(format, lines),
        };
        let (mut seen, mut used) = (Vec::new(), 0);
        while used < lines && index < self.rows.len() {
            let take = (self.height(format, index) - skip).min(lines - used);
            seen.push(Seen { index, skip, take });
            (used, index, skip) = (used + take, index + 1, 0);
        }
        seen
    }

    /// Where a window begins whose last line is the last line of the last row.
    fn back_from_end(&self, format: &RowFormat, lines: usize) -> (usize, usize) {
        let (mut index, mut left) = (self.rows.len(), lines);
        while left > 0 && index > 0 {
            index -= 1;
            let tall = self.height(format, index);
            if tall > left {
                return (index, tall - left);
            }
            left -= tall;
        }
        (index, 0)
    }

    fn anchor(&mut self, index: usize, skip: usize) {
        if let Some(row) = self.rows.get(index) {
            self.place = Place::At(Anchor { key: row.key(), skip });
        }
    }

    /// Stops following without moving what is seen.
    fn hold(&mut self, format: &RowFormat, lines: usize) -> Option<(usize, usize)> {
        let first = *self.window(format, lines).first()?;
        self.anchor(first.index, first.skip);
        if self.cursor.is_none() {
            self.cursor = self.rows.back().map(Row::key);
        }
        Some((first.index, first.skip))
    }

    /// Puts the cursor on a row that is seen already, without moving anything.
    pub fn point_at(&mut self, format: &RowFormat, lines: usize, key: Key) {
        if self.hold(format, lines).is_some() {
            self.cursor = Some(key);
        }
    }

    /// Scrolls by lines, taking the cursor along at the edges. At the very end following resumes.
    pub fn scroll(&mut self, format: &RowFormat, lines: usize, by: isize) {
        let Some((mut index, mut skip)) = self.hold(format, lines) else { return };
        for _ in 0..by.unsigned_abs() {
            if by < 0 {
                if skip > 0 {
                    skip -= 1;
                } else if index > 0 {
                    index -= 1;
                    skip = self.height(format, index).saturating_sub(1);
                }
            } else if skip + 1 < self.height(format, index) {
                skip += 1;
            } else if index + 1 < self.rows.len() {
                (index, skip) = (index + 1, 0);
            }
        }
        let end = self.back_from_end(format, lines);
        if by > 0 && (index, skip) >= end {
            if self.at_newest {
                self.follow();
                return;
            }
            (index, skip) = end;
        }
        self.anchor(index, skip);
        self.clamp_cursor(format, lines);
    }

    fn clamp_cursor(&mut self, format: &RowFormat, lines: usize) {
        let window = self.window(format, lines);
        if let (Some(first), Some(last), Some(at)) =
            (window.first(), window.last(), self.cursor_index())
        {
            let inside = at.clamp(first.index, last.index);
            self.cursor = self.rows.get(inside).map(Row::key);
        }
    }

    /// Moves the cursor by rows, scrolling when it leaves the window. Down from the last row
    /// follows again.
    pub fn step(&mut self, format: &RowFormat, lines: usize, by: isize) {
        let Some(at) = self.cursor_index() else { return };
        if by > 0 && at + 1 >= self.rows.len() && self.at_newest {
            self.follow();
            return;
        }
        if self.hold(format, lines).is_none() {
            return;
        }
        let to = at.saturating_add_signed(by).min(self.rows.len().saturating_sub(1));
        self.cursor = self.rows.get(to).map(Row::key);
        self.reveal(format, lines, to);
    }

    /// Scrolls as little as needed to show the row at `index` from its first line on.
    fn reveal(&mut self, format: &RowFormat, lines: usize, index: usize) {
        let window = self.window(format, lines);
        let Some(first) = window.first() else { return };
        let above = index < first.index || (index == first.index && first.skip > 0);
        let tall = self.height(format, index);
        if above || tall >= lines {
            self.anchor(index, 0);
            return;
        }
        let whole = |s: &Seen| s.index == index && s.skip + s.take == tall;
        if window.iter().any(whole) {
            return;
        }
        let (mut top, mut used) = (index, tall);
        while top > 0 && used + self.height(format, top - 1) <= lines {
            top -= 1;
            used += self.height(format, top);
        }
        let cut = if top > 0 { lines - used } else { 0 };
        match cut {
            0 => self.anchor(top, 0),
            cut => self.anchor(top - 1, self.height(format, top - 1) - cut),
        }
    }

    /// Goes to the beginning of everything.
    pub fn to_oldest(&mut self) {
        let oldest = Key {
            eff_ts: crate::model::Timestamp(i64::MIN),
            log: LogId(i64::MIN),
            seq: crate::model::Seq(i64::MIN),
        };
        if self.at_oldest {
            self.cursor = self.rows.front().map(Row::key);
            self.anchor(0, 0);
        } else {
            self.jump(oldest);
        }
    }

    /// Leaves no empty lines under the last row while rows above could fill them.
    pub fn fill_screen(&mut self, format: &RowFormat, lines: usize) {
        let Place::At(anchor) = self.place else { return };
        let end = self.back_from_end(format, lines);
        if self.at_newest && (self.index_of(anchor.key), anchor.skip) > end {
            self.anchor(end.0, end.1);
        }
    }
}
