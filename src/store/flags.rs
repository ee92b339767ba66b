//! One byte per record (frame F), and the state that decides which records continue a long line.
//!
//! A record continues its predecessor of the same fd when that one had no newline, carries the
//! same timestamp (the daemon stamps every chunk of a line with the first chunk's time) and is at
//! most [`JOIN_WINDOW`] records away. The window bounds how far a reader has to look for the rest
//! of a line; writer and reader use the same constant, so they agree exactly.

use crate::model::{Fd, Level, RecordRef, level};

/// Chunks of one line may be this many records apart (the other fd writes in between).
pub const JOIN_WINDOW: i64 = 1024;

const STDERR: u8 = 1;
const NEWLINE: u8 = 2;
const CONTINUES: u8 = 4;
const LEVEL_SHIFT: u8 = 3;

/// fd, newline, continuation and level of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Flags(pub(crate) u8);

impl Flags {
    pub(crate) fn fd(self) -> Fd {
        if self.0 & STDERR == 0 { Fd::Stdout } else { Fd::Stderr }
    }

    pub(crate) fn newline(self) -> bool {
        self.0 & NEWLINE != 0
    }

    /// Whether the record belongs to the line that an earlier record began.
    pub(crate) fn continues(self) -> bool {
        self.0 & CONTINUES != 0
    }

    pub(crate) fn level(self) -> Option<Level> {
        let index = usize::from((self.0 >> LEVEL_SHIFT) & 7).checked_sub(1)?;
        Level::ALL.get(index).copied()
    }
}

/// What must be carried from one record of a log to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Carry {
    /// Running maximum of the timestamps.
    pub(crate) eff: i64,
    /// Per fd: timestamp and sequence number of the last record, if it left its line open.
    open: [Option<(i64, i64)>; 2],
}

impl Default for Carry {
    fn default() -> Self {
        Self { eff: i64::MIN, open: [None; 2] }
    }
}

impl Carry {
    /// A jump: whatever was open will not be continued.
    pub(crate) fn jump(&mut self) {
        self.open = [None; 2];
    }

    /// Takes the next record and says what is stored of it.
    pub(crate) fn next(&mut self, seq: i64, record: RecordRef<'_>) -> Flags {
        let time = record.ts.0;
        self.eff = self.eff.max(time);
        let [out, err] = &mut self.open;
        let open = if record.fd == Fd::Stdout { out } else { err };
        let continues =
            open.is_some_and(|(ts, at)| ts == time && seq.saturating_sub(at) <= JOIN_WINDOW);
        *open = (!record.newline).then_some((time, seq));
        let mut bits = if record.fd == Fd::Stderr { STDERR } else { 0 };
        bits |= if record.newline { NEWLINE } else { 0 };
        if continues {
            return Flags(bits | CONTINUES);
        }
        let level = level::guess(record.bytes).map_or(0, |level| level as u8 + 1);
        Flags(bits | level << LEVEL_SHIFT)
    }

    /// As kept in the log's row: five little-endian numbers and a mask.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let [out, err] = self.open;
        let mask = u8::from(out.is_some()) | u8::from(err.is_some()) << 1;
        let (out, err) = (out.unwrap_or_default(), err.unwrap_or_default());
        let numbers = [self.eff, out.0, out.1, err.0, err.1];
        std::iter::once(mask).chain(numbers.iter().flat_map(|n| n.to_le_bytes())).collect()
    }

    /// The inverse of [`Carry::to_bytes`]; anything malformed is an empty carry.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let Some((mask, rest)) = bytes.split_first() else { return Self::default() };
        let mut numbers =
            rest.chunks_exact(8).filter_map(|c| c.try_into().ok().map(i64::from_le_bytes));
        let mut number = || numbers.next().unwrap_or_default();
        if rest.len() != 40 {
            return Self::default();
        }
        let eff = number();
        let (out, err) = ((number(), number()), (number(), number()));
        Self { eff, open: [(mask & 1 != 0).then_some(out), (mask & 2 != 0).then_some(err)] }
    }
}
