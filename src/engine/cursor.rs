//! The cursor: what is known of the end of a stored log, written with the records it describes.
//!
//! It is the truth about where capture stands: retention may delete every record of a quiet log
//! and the cursor still joins. It holds fingerprints of the last records, run-length coded because
//! ties are real: one 2 MB line of one letter is 126 identical records, and Podman stamps up to
//! 4,096 records alike. It never reaches back over a seam, but may be set back to an older record
//! where what followed that is gone from the daemon's log (`gap`).
//!
//! This file does not decide anything about an answer; the aligner does.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::docker::LineCut;
use crate::model::{Fd, RecordRef, Timestamp};

/// Most runs that a cursor keeps.
pub const MAX_RUNS: usize = 16;

/// Name of the fingerprint hash, recorded in every cursor: XXH3 of 64 bits with its default secret.
pub const FINGERPRINT: &str = "xxh3-64/1";

/// A stable 64-bit fingerprint of a record: its fd, timestamp, newline and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// The fingerprint of `record`. The seed carries what is not text.
    pub fn of(record: &RecordRef<'_>) -> Self {
        let flags = u64::from(record.newline) << 1 | u64::from(record.fd == Fd::Stderr);
        let seed = record.ts.0.cast_unsigned().rotate_left(2) ^ flags;
        Self(xxhash_rust::xxh3::xxh3_64_with_seed(record.bytes, seed))
    }
}

/// A run of identical records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Fingerprint of each of them.
    pub fp: Fingerprint,
    /// How many stand in a row.
    #[serde(rename = "n")]
    pub count: u64,
    /// Their timestamp.
    pub ts: Timestamp,
    /// Their output.
    pub fd: Fd,
    /// Whether they end their line.
    #[serde(rename = "nl")]
    pub newline: bool,
    /// Bytes of each; zero in cursors of older builds.
    #[serde(default)]
    pub len: usize,
}

/// The last record of one output, to see a follow go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastOf {
    /// Its timestamp.
    pub ts: Timestamp,
    /// Its fingerprint.
    pub fp: Fingerprint,
}

/// The last record of each output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastPerFd {
    stdout: Option<LastOf>,
    stderr: Option<LastOf>,
}

impl LastPerFd {
    /// The last record of `fd`.
    pub fn get(&self, fd: Fd) -> Option<LastOf> {
        match fd {
            Fd::Stdout => self.stdout,
            Fd::Stderr => self.stderr,
        }
    }

    /// Notes `record` as the last of its output.
    pub fn set(&mut self, fd: Fd, last: LastOf) {
        match fd {
            Fd::Stdout => self.stdout = Some(last),
            Fd::Stderr => self.stderr = Some(last),
        }
    }
}

/// Whether and how a log was first seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Never read.
    #[default]
    Unadopted,
    /// Read, and the daemon held no record (also after a cut that left nothing).
    AdoptedEmpty,
    /// Read, and its end is described by the runs.
    Adopted,
}

/// What is known of the end of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor {
    runs: VecDeque<Run>,
    last: LastPerFd,
    origin: Origin,
    broken_end: bool,
}

/// The stored form.
#[derive(Serialize, Deserialize)]
struct Stored {
    hash: String,
    origin: Origin,
    last: LastPerFd,
    runs: Vec<Run>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    broken_end: bool,
}

/// A stored cursor that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    /// The bytes are not a cursor.
    #[error("the stored cursor is not readable: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// It was made with another hash.
    #[error("the stored cursor uses fingerprints of kind {0:?}, this build knows {FINGERPRINT:?}")]
    OtherHash(String),
}

impl Cursor {
    /// The cursor of a log that was read and held nothing.
    pub fn empty() -> Self {
        Self { origin: Origin::AdoptedEmpty, ..Self::default() }
    }

    /// How the log was first seen.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Notes that a read has taken place; a cursor without records is then known to be empty.
    pub fn adopt(&mut self) {
        if self.origin == Origin::Unadopted {
            self.origin = Origin::AdoptedEmpty;
        }
    }

    /// Adds the record that was stored behind everything known so far.
    pub fn push(&mut self, record: &RecordRef<'_>) {
        let fp = Fingerprint::of(record);
        self.broken_end = false;
        self.origin = Origin::Adopted;
        self.last.set(record.fd, LastOf { ts: record.ts, fp });
        match self.runs.back_mut() {
            Some(run) if run.fp == fp => run.count += 1,
            _ => {
                let (ts, fd, newline) = (record.ts, record.fd, record.newline);
                let len = record.bytes.len();
                self.runs.push_back(Run { fp, count: 1, ts, fd, newline, len });
            }
        }
        if self.runs.len() > MAX_RUNS {
            self.runs.pop_front();
        }
    }

    /// Forgets what stands before a seam; adjacency is not known across it.
    pub fn cut(&mut self) {
        self.runs.clear();
        self.origin = Origin::AdoptedEmpty;
        self.broken_end = false;
    }

    /// Notes that a gap stands behind the last record, for what cannot be read there.
    pub fn break_off(&mut self) {
        self.broken_end = true;
    }

    /// Whether the gap before the next record is recorded already.
    pub fn is_broken_off(&self) -> bool {
        self.broken_end
    }

    /// The last runs, oldest first.
    pub fn runs(&self) -> impl ExactSizeIterator<Item = &Run> {
        self.runs.iter()
    }

    /// Whether no record is known.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The last record of each output.
    pub fn last(&self) -> LastPerFd {
        self.last
    }

    /// The last record, in file order.
    pub fn end(&self) -> Option<Fingerprint> {
        self.runs.back().map(|run| run.fp)
    }

    /// Timestamp of the last record, in file order.
    pub fn last_ts(&self) -> Option<Timestamp> {
        self.runs.back().map(|run| run.ts)
    }

    /// Whether all that is known is of one output and one moment.
    pub fn is_one_tie(&self) -> bool {
        let moment = |run: &Run| (run.fd, run.ts);
        self.runs.iter().all(|run| self.runs.back().map(moment) == Some(moment(run)))
    }

    /// Records that the runs stand for: a tail must be longer to contain them.
    pub fn records(&self) -> u64 {
        self.runs.iter().map(|run| run.count).sum()
    }

    /// Where lines are known to end without a newline.
    pub fn cuts(&self) -> Vec<LineCut> {
        let open = self.runs.iter().filter(|run| !run.newline && run.len > 0);
        open.map(|run| LineCut { ts: run.ts, len: run.len }).collect()
    }

    /// The bytes to store.
    pub fn encode(&self) -> Vec<u8> {
        let stored = Stored {
            hash: FINGERPRINT.to_owned(),
            origin: self.origin,
            last: self.last,
            runs: self.runs.iter().copied().collect(),
            broken_end: self.broken_end,
        };
        // A struct of numbers and words always serializes.
        serde_json::to_vec(&stored).unwrap_or_default()
    }

    /// A cursor from stored bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CursorError> {
        let stored: Stored = serde_json::from_slice(bytes)?;
        if stored.hash != FINGERPRINT {
            return Err(CursorError::OtherHash(stored.hash));
        }
        let Stored { origin, last, runs, broken_end, .. } = stored;
        Ok(Self { runs: runs.into(), last, origin, broken_end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(ts: i64, bytes: &[u8]) -> RecordRef<'_> {
        RecordRef { fd: Fd::Stdout, ts: Timestamp(ts), newline: true, bytes }
    }

    #[test]
    fn every_field_changes_the_fingerprint() {
        // Before 1970 the highest bits of a timestamp are set as well.
        for ts in [4, -4] {
            let base = record(ts, b"x");
            let others = [
                RecordRef { fd: Fd::Stderr, ..base },
                RecordRef { newline: false, ..base },
                RecordRef { fd: Fd::Stderr, newline: false, ..base },
                RecordRef { ts: Timestamp(ts + 1), ..base },
                RecordRef { bytes: b"y", ..base },
            ];
            for other in others {
                assert_ne!(Fingerprint::of(&base), Fingerprint::of(&other), "{other:?}");
            }
        }
    }

    #[test]
    fn the_fingerprint_never_changes_between_builds() {
        assert_eq!(
            Fingerprint::of(&record(4, b"x")).0,
            xxhash_rust::xxh3::xxh3_64_with_seed(b"x", 4 << 2 | 2)
        );
    }

    #[test]
    fn ties_are_one_run_and_old_runs_leave() {
        let mut cursor = Cursor::default();
        for _ in 0..126 {
            cursor.push(&record(1, b"a"));
        }
        assert_eq!((cursor.runs().len(), cursor.records()), (1, 126));
        for ts in 2..40 {
            cursor.push(&record(ts, b"b"));
        }
        assert_eq!((cursor.runs().len(), cursor.records()), (MAX_RUNS, 16));
    }

    #[test]
    fn records_of_one_output_and_one_moment_are_a_tie() {
        let mut cursor = Cursor::default();
        cursor.push(&record(1, b"a"));
        cursor.push(&record(1, b"b"));
        assert!(cursor.is_one_tie());
        let mut stderr = cursor.clone();
        stderr.push(&RecordRef { fd: Fd::Stderr, ..record(1, b"a") });
        cursor.push(&record(2, b"a"));
        assert!(!cursor.is_one_tie() && !stderr.is_one_tie());
    }

    #[test]
    fn a_cursor_survives_being_stored() {
        let mut cursor = Cursor::empty();
        cursor.push(&record(7, b"\xff"));
        assert_eq!(Cursor::decode(&cursor.encode()).unwrap(), cursor);
        assert!(Cursor::decode(b"{}").is_err());
        assert!(Cursor::decode(&[0xff; 9]).is_err());
        let other = String::from_utf8(cursor.encode()).unwrap().replace("xxh3", "sip");
        assert!(matches!(Cursor::decode(other.as_bytes()), Err(CursorError::OtherHash(_))));
    }

    #[test]
    fn a_log_is_adopted_once_and_an_empty_one_is_not_an_unread_one() {
        let mut cursor = Cursor::default();
        assert_eq!(cursor.origin(), Origin::Unadopted);
        cursor.adopt();
        assert_eq!(cursor.origin(), Origin::AdoptedEmpty);
        cursor.push(&record(1, b"a"));
        cursor.adopt();
        assert_eq!(cursor.origin(), Origin::Adopted);
    }

    #[test]
    fn a_cursor_never_reaches_back_over_a_seam() {
        let mut cursor = Cursor::default();
        cursor.push(&record(1, b"a"));
        cursor.break_off();
        let last = cursor.last();
        cursor.cut();
        assert_eq!((cursor.runs().len(), cursor.records(), cursor.last_ts()), (0, 0, None));
        assert_eq!((cursor.origin(), cursor.is_broken_off()), (Origin::AdoptedEmpty, false));
        // A follow that goes back is seen across it.
        assert_eq!(cursor.last(), last);
    }

    #[test]
    fn a_gap_behind_the_last_record_is_remembered_until_the_next() {
        let mut cursor = Cursor::default();
        cursor.push(&record(1, b"a"));
        assert!(!cursor.is_broken_off());
        cursor.break_off();
        assert!(Cursor::decode(&cursor.encode()).unwrap().is_broken_off());
        assert_eq!(cursor.records(), 1, "what stands before it is still the end of the log");
        cursor.push(&record(2, b"b"));
        assert!(!cursor.is_broken_off());
    }

    #[test]
    fn each_output_has_a_last_record_of_its_own() {
        let mut cursor = Cursor::default();
        let stderr = RecordRef { fd: Fd::Stderr, ..record(9, b"e") };
        for record in [record(1, b"a"), stderr, record(2, b"b")] {
            cursor.push(&record);
        }
        let last = |fd| cursor.last().get(fd).map(|last| last.ts);
        assert_eq!((last(Fd::Stdout), last(Fd::Stderr)), (Some(Timestamp(2)), Some(Timestamp(9))));
        assert_eq!(cursor.last_ts(), Some(Timestamp(2)), "in file order");
    }

    #[test]
    fn lines_that_ended_without_a_newline_are_told_to_the_decoder_of_terminals() {
        let mut cursor = Cursor::default();
        let open = |ts, bytes| RecordRef { newline: false, ..record(ts, bytes) };
        for record in [record(1, b"whole"), open(2, b"open"), open(3, b"")] {
            cursor.push(&record);
        }
        assert_eq!(cursor.cuts(), [LineCut { ts: Timestamp(2), len: 4 }]);
    }
}
