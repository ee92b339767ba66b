//! Pages and matches for the log pane. Synchronous; called on blocking threads.
//!
//! An unfiltered page is the store's own. A filtered page is a search that ends when the page is
//! full, in either direction, with the gaps that lie between its lines: a filter must not hide that
//! something is missing.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::execute::{SearchError, execute};
use super::gather::{Event, Wanted};
use super::job::Ask;
use super::query::Query;
use super::source::{Limit, LogInfo, Source};
use crate::model::{Direction, From as PageFrom, Key, Line, LogId, Page, Row};

/// What a page is asked for.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// The logs to merge.
    pub logs: Vec<LogId>,
    /// Where it begins.
    pub from: PageFrom,
    /// Which way it grows.
    pub direction: Direction,
    /// Rows at most.
    pub rows: usize,
    /// Bytes of text at most; one row is returned whatever its size.
    pub bytes: usize,
    /// Lines to show; all if absent.
    pub filter: Option<Arc<Query>>,
}

/// The lines that a query matches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matches {
    /// Positions of the newest of them, ascending.
    pub keys: Vec<Key>,
    /// How many there are; as far as counted, if it was cancelled.
    pub total: u64,
    /// Whether there are more than `keys` holds.
    pub capped: bool,
}

/// Reads pages. Cheap to clone if the source is.
#[derive(Debug, Clone)]
pub struct Pager<S> {
    source: S,
    threads: NonZeroUsize,
}

impl<S: Source> Pager<S> {
    /// The longest part of a line that a row carries.
    pub const LINE_CAP: usize = 64 << 10;

    /// A pager that filters on `threads` threads.
    pub fn new(source: S, threads: NonZeroUsize) -> Self {
        Self { source, threads }
    }

    /// One page. A filtered one reads on until it is full or the end is reached.
    pub fn page(&self, request: &PageRequest) -> Result<Page, SearchError> {
        self.page_until(request, &AtomicBool::new(false))
    }

    /// One page, or what there is of it once `cancel` is true; `end` is false then.
    pub fn page_until(
        &self,
        request: &PageRequest,
        cancel: &AtomicBool,
    ) -> Result<Page, SearchError> {
        match &request.filter {
            Some(query) if !query.is_empty() => self.filtered(request, query, cancel),
            _ => {
                let PageRequest { logs, from, direction, rows, bytes, .. } = request;
                let limit = Limit { rows: *rows, bytes: *bytes, line_cap: Self::LINE_CAP };
                Ok(self.source.page(logs, *from, *direction, limit)?)
            }
        }
    }

    /// The positions of the newest `cap` matching lines, and how many match in all.
    pub fn matches(
        &self,
        logs: &[LogId],
        query: &Arc<Query>,
        cap: usize,
        cancel: &AtomicBool,
    ) -> Result<Matches, SearchError> {
        let ask = ask(query, Direction::Older, None, 0);
        let wanted = Wanted { limit: cap, stop_at_limit: false };
        let mut keys = Vec::new();
        let mut on = |event| {
            if let Event::Line(line) = event {
                keys.push(line.key);
            }
            ControlFlow::Continue(())
        };
        let outcome =
            execute(&self.source, self.threads, Some(logs), &ask, wanted, cancel, &mut on)?;
        keys.reverse();
        let capped = outcome.total > keys.len() as u64 || outcome.cancelled;
        Ok(Matches { keys, total: outcome.total, capped })
    }

    /// All logs of the store.
    pub fn containers(&self) -> Result<Vec<LogInfo>, SearchError> {
        Ok(self.source.logs()?)
    }

    fn filtered(
        &self,
        request: &PageRequest,
        query: &Arc<Query>,
        cancel: &AtomicBool,
    ) -> Result<Page, SearchError> {
        let Some(bound) = bound(request.from, request.direction) else {
            return Ok(Page { rows: Vec::new(), end: true });
        };
        let ask = ask(query, request.direction, bound, Self::LINE_CAP);
        let wanted = Wanted { limit: request.rows, stop_at_limit: true };
        let mut lines: Vec<Line> = Vec::new();
        let mut bytes = 0;
        let mut full = request.rows == 0;
        let mut on = |event| {
            if let Event::Line(line) = event {
                bytes += line.text.len();
                if bytes > request.bytes && !lines.is_empty() {
                    full = true;
                    return ControlFlow::Break(());
                }
                lines.push(line);
                full = lines.len() >= request.rows;
            }
            ControlFlow::Continue(())
        };
        let outcome = execute(
            &self.source,
            self.threads,
            Some(&request.logs),
            &ask,
            wanted,
            cancel,
            &mut on,
        )?;
        let end = !full && outcome.complete;
        let far = if end { None } else { lines.last().map(|line| line.key) };
        let mut rows: Vec<Row> = lines.into_iter().map(Row::Line).collect();
        if end || far.is_some() {
            let within = |key: Key| is_within(key, bound, far, request.direction);
            let gaps = self.source.gaps(&request.logs)?;
            rows.extend(gaps.into_iter().filter(|gap| within(gap.key)).map(Row::Seam));
        }
        // A gap has the key of the record behind it and stands before it.
        rows.sort_by_key(|row| (row.key(), matches!(row, Row::Line(_))));
        Ok(Page { rows, end })
    }
}

fn ask(
    query: &Arc<Query>,
    direction: Direction,
    bound: Option<(Key, bool)>,
    line_cap: usize,
) -> Ask {
    let query = Arc::clone(query);
    Ask { query, since: None, until: None, bound, direction, line_cap }
}

/// The bound of a page, and whether it counts itself; the outer `None` if nothing lies that way.
#[expect(clippy::option_option, reason = "nothing to find and nothing to heed are different")]
fn bound(from: PageFrom, direction: Direction) -> Option<Option<(Key, bool)>> {
    match (from, direction) {
        (PageFrom::Newest, Direction::Older) | (PageFrom::Oldest, Direction::Newer) => Some(None),
        (PageFrom::Newest, Direction::Newer) | (PageFrom::Oldest, Direction::Older) => None,
        (PageFrom::At(key), _) => Some(Some((key, true))),
        (PageFrom::Beyond(key), _) => Some(Some((key, false))),
    }
}

/// Whether a gap lies between the page's begin and its far end.
fn is_within(key: Key, bound: Option<(Key, bool)>, far: Option<Key>, direction: Direction) -> bool {
    // The gap at a key stands before its line: a page that leaves the line out begins behind both
    // when it grows newer, and between them when it grows older.
    let near = bound.is_none_or(|(bound, itself)| match direction {
        Direction::Older => key <= bound,
        Direction::Newer => key > bound || (itself && key == bound),
    });
    let inside = far.is_none_or(|far| match direction {
        // The gap before the oldest line belongs to the next page.
        Direction::Older => key > far,
        Direction::Newer => key <= far,
    });
    near && inside
}
