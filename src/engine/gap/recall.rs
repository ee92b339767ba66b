//! How much of a complete answer is stored already: the last record of it that is.
//!
//! Records of one moment may be alike, and some may have followed the lost end: of its moment only
//! those count as stored that stand right behind another stored one.

use std::collections::HashSet;

use super::super::cursor::{Cursor, Fingerprint};
use crate::model::{LogId, RecordRef, Timestamp};
use crate::store::{StoreError, StoreReader};

/// Stored records with which an answer is compared, the newest ones.
const COMPARED: usize = 1 << 20;
/// How often the stored blocks are listed, because one of them was merged or evicted meanwhile.
const LISTS: u32 = 8;

/// What is stored, seen from an answer that goes by.
#[derive(Debug)]
pub(super) struct Known {
    stored: HashSet<Fingerprint>,
    /// The moment of the lost end.
    moment: Option<Timestamp>,
    /// Whether the last record was stored.
    is_stored: bool,
}

impl Known {
    pub(super) fn new(stored: HashSet<Fingerprint>, moment: Option<Timestamp>) -> Self {
        Self { stored, moment, is_stored: false }
    }

    /// The same where a stored record has just gone by.
    pub(super) fn behind_a_stored_one(self) -> Self {
        Self { is_stored: true, ..self }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stored.is_empty()
    }

    /// Whether the next record is stored.
    pub(super) fn holds(&mut self, record: &RecordRef<'_>) -> bool {
        let is_known = !self.is_empty() && (self.is_stored || self.moment != Some(record.ts));
        self.is_stored = is_known && self.stored.contains(&Fingerprint::of(record));
        self.is_stored
    }
}

/// How much of what the daemon holds is stored.
#[derive(Default)]
pub(super) struct Recalled {
    /// The cursor behind the last stored record, if there is one.
    pub(super) cursor: Option<Cursor>,
    /// Records behind that.
    pub(super) behind: u64,
    /// When the first of them was written.
    pub(super) next: Option<Timestamp>,
}

/// Looks for the last stored record.
pub(super) struct Recall {
    known: Known,
    /// What was passed of a piece without a hole.
    passed: Cursor,
    found: Recalled,
}

impl Recall {
    pub(super) fn of(known: Known) -> Self {
        Self { known, passed: Cursor::default(), found: Recalled::default() }
    }

    pub(super) fn add(&mut self, record: &RecordRef<'_>) {
        let was_stored = self.known.is_stored;
        if !self.known.holds(record) {
            self.note(was_stored);
            self.found.behind += 1;
            self.found.next.get_or_insert(record.ts);
        }
        self.passed.push(record);
    }

    /// What comes next does not follow what came last.
    pub(super) fn break_off(&mut self) {
        let was_stored = std::mem::take(&mut self.known.is_stored);
        self.note(was_stored);
        self.passed = Cursor::default();
    }

    /// Notes where the last record was, if it is stored.
    fn note(&mut self, is_stored: bool) {
        if is_stored {
            let cursor = Some(self.passed.clone());
            self.found = Recalled { cursor, ..Recalled::default() };
        }
    }

    /// What was found, and what is stored.
    pub(super) fn end(mut self) -> (Recalled, Known) {
        self.break_off();
        (self.found, self.known)
    }
}

/// The newest stored records, of blocks that reach to a time or behind it.
pub(super) fn stored_since(
    reader: &StoreReader,
    log: LogId,
    oldest: Timestamp,
) -> Result<HashSet<Fingerprint>, StoreError> {
    let mut stored = HashSet::new();
    let mut gone = None;
    'lists: for _ in 0..LISTS {
        for block in reader.blocks(Some(&[log]), Some(oldest), None)? {
            match reader.decode(&block) {
                Ok(decoded) => {
                    let records = decoded.records().map(|record| record.captured());
                    stored.extend(records.map(|record| Fingerprint::of(&record)));
                }
                Err(error @ StoreError::Gone { .. }) => {
                    gone = Some(error);
                    continue 'lists;
                }
                Err(error) if error.is_transient() => return Err(error),
                // It tells nothing, and must not keep capture from going on.
                Err(_) => {}
            }
            if stored.len() >= COMPARED {
                return Ok(stored);
            }
        }
        return Ok(stored);
    }
    gone.map_or(Ok(stored), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Fd;

    fn record(ts: i64) -> RecordRef<'static> {
        RecordRef { fd: Fd::Stdout, ts: Timestamp(ts), newline: true, bytes: b"x" }
    }

    fn recall(stored: &[i64], pieces: &[&[i64]]) -> Recalled {
        let mut cursor = Cursor::default();
        for ts in stored {
            cursor.push(&record(*ts));
        }
        let stored = stored.iter().map(|ts| Fingerprint::of(&record(*ts))).collect();
        let mut recall = Recall::of(Known::new(stored, cursor.last_ts()));
        for piece in pieces {
            piece.iter().for_each(|ts| recall.add(&record(*ts)));
            recall.break_off();
        }
        recall.end().0
    }

    #[test]
    fn what_follows_the_last_stored_record_is_not_stored() {
        let found = recall(&[2, 3, 4], &[&[1, 2, 3, 7, 8]]);
        assert_eq!((found.behind, found.next), (2, Some(Timestamp(7))));
        let cursor = found.cursor.unwrap();
        assert_eq!((cursor.records(), cursor.last_ts()), (3, Some(Timestamp(3))));
        let whole = recall(&[1, 2, 3, 4], &[&[1, 2, 3]]);
        assert_eq!((whole.behind, whole.next), (0, None));
        assert_eq!(whole.cursor.unwrap().records(), 3);
    }

    #[test]
    fn the_cursor_does_not_reach_over_a_hole() {
        let found = recall(&[1, 2, 4, 9], &[&[1, 2], &[4, 5], &[6]]);
        assert_eq!((found.behind, found.next), (2, Some(Timestamp(5))));
        assert_eq!(found.cursor.unwrap().records(), 1);
        let at_its_end = recall(&[1, 2, 4, 9], &[&[1, 2], &[3, 4], &[6]]);
        assert_eq!((at_its_end.behind, at_its_end.cursor.unwrap().records()), (1, 2));
    }

    #[test]
    fn what_is_like_the_lost_end_is_stored_only_behind_a_stored_record() {
        let goes_on = recall(&[1, 2, 2], &[&[2, 2, 7]]);
        assert!(goes_on.cursor.is_none());
        assert_eq!((goes_on.behind, goes_on.next), (3, Some(Timestamp(2))));
        let cut_off = recall(&[1, 2, 2], &[&[1, 2, 7]]);
        assert_eq!((cut_off.behind, cut_off.cursor.unwrap().records()), (1, 2));
        let behind_a_hole = recall(&[1, 2, 2], &[&[1], &[2, 7]]);
        assert_eq!((behind_a_hole.behind, behind_a_hole.next), (2, Some(Timestamp(2))));
        assert_eq!(behind_a_hole.cursor.unwrap().last_ts(), Some(Timestamp(1)));
    }

    #[test]
    fn where_nothing_is_stored_there_is_no_cursor() {
        let found = recall(&[9], &[&[1, 2]]);
        assert!(found.cursor.is_none());
        assert_eq!((found.behind, found.next), (2, Some(Timestamp(1))));
    }
}
