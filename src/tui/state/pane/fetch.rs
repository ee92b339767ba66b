//! Which rows the log pane lacks, and what happens to them when they come.
//!
//! One question is open at a time. [`LogPane::want`] looks at the pane as it is now and asks for
//! what is missing most; [`LogPane::take`] puts the answer where it belongs or drops it. Neither
//! reads anything itself.

use super::super::super::message::{PageRequest, Ticket};
use super::super::super::rows::RowFormat;
use super::super::super::source::FilterText;
use super::{LogPane, MOST_ROWS, Place, Purpose};
use crate::model::{Direction, From as PageFrom, Key, Page, Row};

/// Rows asked for when scrolling.
const PAGE_ROWS: usize = 500;
/// Rows asked for at the live end. Records of a slower log that sort further back than this are
/// seen when the reader scrolls there.
const TAIL_ROWS: usize = 300;

impl LogPane {
    /// Finishes a jump at once if its row is held. What is on the screen already stays there.
    fn arrive(&mut self, format: &RowFormat, lines: usize, key: Key) -> bool {
        let index = self.index_of(key);
        if self.rows.get(index).map(Row::key) != Some(key) {
            return false;
        }
        self.jump = None;
        let seen = self.window(format, lines).iter().any(|seen| seen.index == index);
        self.hold(format, lines);
        self.cursor = Some(key);
        if seen {
            self.reveal(format, lines, index);
        } else {
            self.anchor(index.saturating_sub(lines / 3), 0);
        }
        true
    }

    /// The page that is missing most, if one is missing and none is on its way.
    pub fn want(&mut self, format: &RowFormat, lines: usize) -> Option<PageRequest> {
        if self.pending.is_some() || self.logs.is_empty() {
            return None;
        }
        let (purpose, from, direction, rows) = self.missing(format, lines)?;
        let mut filter = self.filter.clone();
        if let (Purpose::Seek, Some(seek)) = (purpose, &self.seek) {
            let own = filter.map(|f| format!("{} ", f.0)).unwrap_or_default();
            filter = Some(FilterText(format!("{own}{}", seek.condition)));
        }
        self.tickets += 1;
        self.pending = Some((self.tickets, purpose));
        let (ticket, logs) = (self.tickets, self.logs.clone());
        Some(PageRequest { ticket, logs, from, direction, rows, filter })
    }

    fn missing(
        &mut self,
        format: &RowFormat,
        lines: usize,
    ) -> Option<(Purpose, PageFrom, Direction, usize)> {
        if let Some(key) = self.jump.filter(|key| !self.arrive(format, lines, *key)) {
            let from = if key.seq.0 == i64::MIN { PageFrom::Oldest } else { PageFrom::At(key) };
            return Some((Purpose::Jump(key), from, Direction::Newer, PAGE_ROWS));
        }
        if let Some(seek) = &self.seek {
            let from = match (self.current(), self.cursor) {
                (Some(row), _) => PageFrom::Beyond(row.key()),
                (None, Some(key)) => PageFrom::Beyond(key),
                (None, None) => PageFrom::Newest,
            };
            return Some((Purpose::Seek, from, seek.direction, 1));
        }
        let (first, last) = match (self.rows.front(), self.rows.back()) {
            (Some(first), Some(last)) => (first.key(), last.key()),
            _ if self.stale => {
                return self.tail(lines);
            }
            _ => return None,
        };
        if self.is_live() {
            return if self.stale { self.tail(lines) } else { None };
        }
        let window = self.window(format, lines);
        let top = window.first().map_or(0, |seen| seen.index);
        let bottom = window.last().map_or(0, |seen| seen.index);
        if !self.at_oldest && top < lines {
            return Some((Purpose::Older, PageFrom::Beyond(first), Direction::Older, PAGE_ROWS));
        }
        if (!self.at_newest || self.stale) && bottom + lines >= self.rows.len() {
            self.stale = false;
            return Some((Purpose::Newer, PageFrom::Beyond(last), Direction::Newer, PAGE_ROWS));
        }
        None
    }

    #[expect(clippy::unnecessary_wraps, reason = "the shape of its caller")]
    fn tail(&mut self, lines: usize) -> Option<(Purpose, PageFrom, Direction, usize)> {
        self.stale = false;
        let rows = TAIL_ROWS.max(lines * 2);
        Some((Purpose::Tail, PageFrom::Newest, Direction::Older, rows))
    }

    /// Takes an answer. Answers to questions that are no longer asked are dropped.
    pub fn take(&mut self, ticket: Ticket, result: Result<Page, String>, lines: usize) {
        let Some((_, purpose)) = self.pending.take_if(|(t, _)| *t == ticket) else { return };
        self.loaded = true;
        let page = match result {
            Ok(page) => page,
            Err(error) => {
                // Asked again with the next commit, never in a loop.
                (self.jump, self.seek) = (None, None);
                (self.at_oldest, self.at_newest, self.stale) = (true, true, false);
                self.error = Some(error);
                return;
            }
        };
        self.error = None;
        match purpose {
            Purpose::Tail => self.take_tail(page),
            Purpose::Older => {
                self.at_oldest = page.end || page.rows.is_empty();
                for row in page.rows.into_iter().rev() {
                    self.rows.push_front(row);
                }
                if self.rows.len() > MOST_ROWS {
                    self.rows.truncate(MOST_ROWS);
                    self.at_newest = false;
                }
                self.centre_jump(lines);
            }
            Purpose::Newer => {
                self.at_newest = page.end || page.rows.is_empty();
                self.rows.extend(page.rows);
                self.drop_oldest();
            }
            Purpose::Jump(key) => self.take_jump(key, page, lines),
            Purpose::Seek => match (page.rows.first(), self.seek.take()) {
                (Some(row), _) => self.jump = Some(row.key()),
                (None, seek) => self.seek_failed = seek,
            },
        }
    }

    fn take_tail(&mut self, page: Page) {
        let fresh = page.rows.first().map(Row::key);
        let meets = match (fresh, self.rows.back()) {
            (Some(first), Some(last)) => first <= last.key(),
            _ => false,
        };
        if !self.is_live() && !meets {
            // The reader stopped following while this was on its way, and it does not join.
            return;
        }
        if let Some(first) = fresh.filter(|_| meets) {
            self.rows.truncate(self.index_of(first));
        } else {
            self.rows.clear();
            self.at_oldest = page.end;
        }
        self.rows.extend(page.rows);
        self.at_newest = true;
        self.drop_oldest();
    }

    fn take_jump(&mut self, key: Key, page: Page, lines: usize) {
        if self.jump != Some(key) {
            return;
        }
        self.jump = None;
        if page.rows.is_empty() {
            // Nothing there or behind it, under this filter: the end is the nearest place.
            self.follow();
            return;
        }
        self.at_oldest = key.seq.0 == i64::MIN;
        self.at_newest = page.end;
        self.rows = page.rows.into();
        self.cursor = self.rows.front().map(Row::key);
        self.anchor(0, 0);
        self.centre = !self.at_oldest;
        if self.at_oldest {
            self.centre_jump(lines);
        }
    }

    /// After a jump the row stands a third down the window, with what led to it above.
    fn centre_jump(&mut self, lines: usize) {
        if std::mem::take(&mut self.centre)
            && let Some(at) = self.cursor_index()
        {
            self.anchor(at.saturating_sub(lines / 3), 0);
        }
    }

    /// Drops the oldest rows beyond the limit, but never one that is looked at.
    fn drop_oldest(&mut self) {
        let seen = match self.place {
            Place::Live => self.rows.len(),
            Place::At(anchor) => self.index_of(anchor.key),
        };
        let surplus = self.rows.len().saturating_sub(MOST_ROWS).min(seen);
        if surplus > 0 {
            self.rows.drain(..surplus);
            self.at_oldest = false;
        }
    }
}
