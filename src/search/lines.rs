//! Long lines: records that do not end their line, joined with those that continue it, also across
//! blocks, so that a match across a 16 KiB boundary is found and a line counts once.
//!
//! Which record continues which is decided when they are stored; here the flag is only followed.
//! A line belongs to the block in which it begins. Whoever scans that block reads on into the next
//! ones; whoever scans the next ones leaves out the records that continue it. Blocks are decoded
//! twice for this, but only where a line really runs on.

use super::source::{BlockText, Piece, Record, Source, SourceError};
use crate::model::{Fd, Seq};
use crate::store::JOIN_WINDOW;

/// Past this, a line is not joined further and the rest of it is not searched.
const LINE_MAX: usize = 16 << 20;

/// A line of several records that begins in the block at hand.
#[derive(Debug, Default)]
pub(crate) struct LongLine {
    /// Index of the first record in the block.
    pub(crate) first: usize,
    /// Its last record.
    pub(crate) last_seq: Seq,
    /// The joined text.
    pub(crate) text: Vec<u8>,
}

impl LongLine {
    fn push(&mut self, record: &Record<'_>) {
        self.last_seq = record.seq;
        if self.text.len() < LINE_MAX {
            self.text.extend_from_slice(record.bytes);
        }
    }
}

/// The long lines of one block.
#[derive(Debug, Default)]
pub(crate) struct LongLines {
    /// Those that begin here, ascending.
    pub(crate) lines: Vec<LongLine>,
    /// Per record whether it is part of a long line; empty when there is none.
    members: Vec<bool>,
    /// Per fd the line that is open.
    open: [Option<usize>; 2],
}

impl LongLines {
    /// Whether the record is not a line by itself.
    pub(crate) fn has(&self, record: usize) -> bool {
        self.members.get(record).copied().unwrap_or(false)
    }

    fn slot(&mut self, fd: Fd) -> &mut Option<usize> {
        let [stdout, stderr] = &mut self.open;
        match fd {
            Fd::Stdout => stdout,
            Fd::Stderr => stderr,
        }
    }

    /// Takes the next record of the block. `orphans` says that what continues a line from before
    /// begins one, because there is nothing before.
    fn feed(&mut self, index: usize, record: &Record<'_>, orphans: bool) {
        self.members.push(record.continues || !record.newline);
        let mut line = *self.slot(record.fd);
        if !record.continues || (orphans && line.is_none()) {
            line = None;
            if record.continues || !record.newline {
                line = Some(self.lines.len());
                self.lines.push(LongLine { first: index, ..LongLine::default() });
            }
        }
        *self.slot(record.fd) = line;
        self.extend(record);
    }

    /// Adds a record to the line that is open on its fd; a record that ends it, closes it.
    fn extend(&mut self, record: &Record<'_>) {
        let at = *self.slot(record.fd);
        if let Some(line) = at.and_then(|at| self.lines.get_mut(at)) {
            line.push(record);
        }
        if record.newline {
            *self.slot(record.fd) = None;
        }
    }

    /// Gives up lines whose next record would have to be nearer than `seq`.
    fn close_before(&mut self, seq: Seq) {
        for fd in [Fd::Stdout, Fd::Stderr] {
            let at = *self.slot(fd);
            let last = at.and_then(|at| self.lines.get(at)).map(|line| line.last_seq);
            if last.is_some_and(|last| last.offset(JOIN_WINDOW) < seq) {
                *self.slot(fd) = None;
            }
        }
    }

    fn is_open(&self) -> bool {
        self.open.iter().any(Option::is_some)
    }
}

/// Finds the long lines of the block at `at` of its log's blocks in order.
pub(crate) fn long_lines<S: Source>(
    source: &S,
    siblings: &[Piece],
    at: usize,
    block: &S::Block,
) -> Result<LongLines, SourceError> {
    let mut found = LongLines::default();
    if !block.has_parts() {
        return Ok(found);
    }
    for index in 0..block.count() {
        let Some(record) = block.record(index) else { break };
        found.feed(index, &record, at == 0);
    }
    let mut following = siblings.iter().skip(at + 1);
    while found.is_open() {
        let Some(piece) = following.next() else { break };
        found.close_before(piece.first_seq);
        if found.is_open() {
            match source.decode(piece) {
                Ok(block) => read_on(&block, &mut found),
                Err(SourceError::Damaged(_)) => break,
                Err(other) => return Err(other),
            }
        }
    }
    Ok(found)
}

/// Completes open lines from the next block.
fn read_on<B: BlockText>(block: &B, found: &mut LongLines) {
    for record in (0..block.count()).map_while(|index| block.record(index)) {
        if record.continues {
            found.extend(&record);
        } else {
            *found.slot(record.fd) = None;
        }
        found.close_before(record.seq);
        if !found.is_open() {
            return;
        }
    }
}
