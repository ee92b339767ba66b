//! One block: which of its lines match.
//!
//! The longest literal of the query (or its first regex) is searched in the whole text; only where
//! it is found the record is looked up and the other terms are asked. The text is taken in windows,
//! so that a cancelled search ends within milliseconds whatever the regex. A block with colour in
//! it is searched as it is seen, in a copy.

use std::sync::atomic::{AtomicBool, Ordering};

use super::ansi;
use super::lines::{LongLine, LongLines};
use super::query::Query;
use super::source::BlockText;

/// Bytes searched between two looks at the cancel flag.
const WINDOW: usize = 128 << 10;

/// A line that matched: a record by itself, or a long line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    /// Index of its first record.
    pub(crate) record: usize,
    /// The joined line, if it has more than one record.
    pub(crate) long: Option<&'a LongLine>,
}

/// Calls `on` for each matching line, in order. False if it was cancelled on the way.
pub(crate) fn scan<'a, B: BlockText>(
    block: &B,
    long: &'a LongLines,
    query: &Query,
    cancel: &AtomicBool,
    on: &mut dyn FnMut(Found<'a>),
) -> bool {
    let mut lines = long.lines.iter().filter(|line| query.is_match(&line.text)).peekable();
    let mut unseen = 0;
    let mut merged = |record: usize| {
        while let Some(line) = lines.next_if(|line| line.first < record) {
            on(Found { record: line.first, long: Some(line) });
        }
        // A record with a newline inside can be found once per line of it; it counts once.
        if (unseen..block.count()).contains(&record) && !long.has(record) {
            unseen = record + 1;
            on(Found { record, long: None });
        }
    };
    let whole = if query.driver().is_none() {
        each_record(block, query, cancel, &mut merged)
    } else if ansi::has_escape(block.text()) {
        let coloured = Stripped::of(block);
        let at = |offset| coloured.record_at(offset);
        search(&coloured.text, &at, query, cancel, &mut merged)
    } else {
        search(block.text(), &|offset| block.record_at(offset), query, cancel, &mut merged)
    };
    merged(block.count());
    whole
}

/// Nothing has to be there, so every record is asked.
fn each_record<B: BlockText>(
    block: &B,
    query: &Query,
    cancel: &AtomicBool,
    on: &mut dyn FnMut(usize),
) -> bool {
    for index in 0..block.count() {
        if index % 256 == 0 && cancel.load(Ordering::Relaxed) {
            return false;
        }
        if block.record(index).is_some_and(|record| query.is_match(record.bytes)) {
            on(index);
        }
    }
    true
}

/// Finds the driver in `text` and asks the rest of the query about its line.
fn search(
    text: &[u8],
    record_at: &dyn Fn(usize) -> Option<usize>,
    query: &Query,
    cancel: &AtomicBool,
    on: &mut dyn FnMut(usize),
) -> bool {
    let Some(driver) = query.driver() else { return true };
    let mut start = 0;
    while start <= text.len() {
        if cancel.load(Ordering::Relaxed) {
            return false;
        }
        let stop = line_end(text, start.saturating_add(WINDOW));
        let window = text.get(..stop).unwrap_or(text);
        let mut from = start;
        while let Some(hit) = driver.find(window, from) {
            let end = line_end(window, hit.start);
            let begin = window
                .get(from..hit.start)
                .and_then(|before| memchr::memrchr(b'\n', before))
                .map_or(from, |at| from + at + 1);
            let line = window.get(begin..end).unwrap_or_default();
            // A phrase with a newline in it can be found across two lines; it matches neither.
            if hit.end <= end && (query.is_single() || query.is_match_seen(line)) {
                record_at(begin).into_iter().for_each(&mut *on);
            }
            from = end + 1;
            if from > window.len() {
                break;
            }
        }
        start = stop + 1;
    }
    true
}

/// Offset of the first newline at or behind `from`, or the text's length.
fn line_end(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    memchr::memchr(b'\n', rest).map_or(text.len(), |at| from + at)
}

/// A block's text as it is seen.
struct Stripped {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Stripped {
    fn of<B: BlockText>(block: &B) -> Self {
        let mut text = Vec::with_capacity(block.text().len());
        let mut ends = Vec::with_capacity(block.count());
        for record in (0..block.count()).map_while(|index| block.record(index)) {
            ansi::append_seen(record.bytes, &mut text);
            ends.push(text.len());
            text.push(b'\n');
        }
        text.pop();
        Self { text, ends }
    }

    fn record_at(&self, offset: usize) -> Option<usize> {
        Some(self.ends.partition_point(|end| *end < offset)).filter(|i| *i < self.ends.len())
    }
}
