//! What is new in a complete answer that does not fit into memory.
//!
//! The stored end is not in it, and another answer has shown the last record in it that is stored.
//! But no two answers need be alike: where the daemon cannot decode a record, each may leave out
//! others. So only what one answer brings is taken, as it comes by, and none of it while that answer
//! shows something stored that the other one did not.

use super::super::align::{Aligner, Missing, Source, Verdict};
use super::super::cursor::Cursor;
use super::super::intake::{Finished, HELD_MAX, HELD_RECORDS_MAX, Intake, Sink};
use super::recall::Known;
use crate::model::{Batch, RecordRef, Timestamp};

/// Tells in one answer what is new from what is stored.
pub(super) struct Sieve {
    /// Finds the record behind which capture goes on; without one everything is new.
    intake: Intake,
    /// Looks for the lost end.
    end: Aligner,
    /// No record of the other answer was older.
    oldest: Option<Timestamp>,
    new: New,
}

/// Another answer hid something of what this one shows: neither can be believed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Differs;

/// Records in a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// It does not follow what was taken last.
    pub(super) is_cut: bool,
    pub(super) records: Batch,
}

/// What is left of an answer at its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rest {
    pub(super) pieces: Vec<Piece>,
    /// The cursor behind the last record, if that is stored.
    pub(super) behind: Option<Cursor>,
}

/// What stands behind the last stored record.
struct New {
    known: Known,
    pieces: Vec<Piece>,
    /// The cursor behind the last record, if that is stored: what comes next does not follow what was
    /// taken last.
    behind: Option<Cursor>,
    /// Nothing was taken yet.
    is_first: bool,
    /// Nothing is held back any more.
    is_decided: bool,
    differs: bool,
}

impl Sieve {
    /// `gone`: the cursor whose end is lost. `last`: that of the last stored record.
    pub(super) fn new(
        gone: &Cursor,
        last: Option<&Cursor>,
        known: Known,
        oldest: Option<Timestamp>,
    ) -> Self {
        let source = Source::Read { all: true };
        let known = if last.is_some() { known.behind_a_stored_one() } else { known };
        let intake = Intake::new(last.unwrap_or(&Cursor::default()), source);
        let (pieces, behind) = (Vec::new(), last.cloned());
        let (is_first, is_decided, differs) = (true, false, false);
        Self {
            intake,
            end: Aligner::new(gone, source),
            oldest,
            new: New { known, pieces, behind, is_first, is_decided, differs },
        }
    }

    /// Takes the next record.
    pub(super) fn add(&mut self, record: &RecordRef<'_>) {
        if self.new.is_decided {
            self.new.record(record);
            return;
        }
        let is_end = matches!(self.end.feed(record), Verdict::Joined(_));
        let is_older = self.oldest.is_some_and(|oldest| record.ts < oldest);
        self.new.differs |= is_end || is_older;
        // A bounded read is never doubted.
        let _ = self.intake.feed(record, &mut self.new);
    }

    /// What can be stored by now: nothing at first, until as much is new as can be held back.
    pub(super) fn take(&mut self) -> Result<Vec<Piece>, Differs> {
        if !self.new.is_decided && self.new.is_much() {
            self.new.differs |= self.end.force().is_some();
            self.new.is_decided = true;
        }
        match (self.new.differs, self.new.is_decided) {
            (true, _) => Err(Differs),
            (false, true) => Ok(std::mem::take(&mut self.new.pieces)),
            (false, false) => Ok(Vec::new()),
        }
    }

    /// The rest, at the answer's end, or where the daemon reported a fault.
    pub(super) fn finish(mut self, is_complete: bool) -> Result<Rest, Differs> {
        if !self.new.is_decided {
            let (finished, _) = self.intake.finish(is_complete, &mut self.new);
            let is_found = matches!(finished, Finished::CaughtUp);
            let shows_end = self.end.force().is_some();
            self.new.differs |= shows_end || is_complete && !is_found;
        }
        let New { pieces, behind, differs, .. } = self.new;
        if differs { Err(Differs) } else { Ok(Rest { pieces, behind }) }
    }
}

impl New {
    fn is_much(&self) -> bool {
        let held = |piece: &Piece| {
            piece.records.text_bytes() >= HELD_MAX || piece.records.len() >= HELD_RECORDS_MAX
        };
        self.pieces.first().is_some_and(held)
    }
}

impl Sink for New {
    fn record(&mut self, record: &RecordRef<'_>) {
        if self.known.holds(record) {
            self.differs |= !self.is_decided;
            // Whatever hid so much: nothing is stored twice.
            self.behind.get_or_insert_default().push(record);
            return;
        }
        let is_cut = self.behind.take().is_some() || self.is_first;
        self.is_first = false;
        match self.pieces.last_mut() {
            Some(piece) if !is_cut => piece.records.push(*record),
            _ => {
                let mut records = Batch::new();
                records.push(*record);
                self.pieces.push(Piece { is_cut, records });
            }
        }
    }

    fn hidden<'a>(&mut self, _: Missing, _: impl Iterator<Item = RecordRef<'a>>) {
        // A gap stands before it anyway.
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::cursor::Fingerprint;
    use super::*;
    use crate::model::Fd;

    /// Wide enough that a few of them are all that is held back.
    const WIDE: usize = HELD_MAX / 4 + 9;

    struct Answer {
        wide: Vec<u8>,
        sieve: Sieve,
    }

    impl Answer {
        /// Stored are the records of `stored`, the last of which is lost. `last` of them were in the
        /// other answer, where nothing was older than `oldest`.
        fn of(stored: &[i64], last: usize, oldest: i64) -> Self {
            let wide = vec![b'x'; WIDE];
            let cursor = |moments: &[i64]| {
                let mut cursor = Cursor::default();
                for ts in moments {
                    cursor.push(&record(*ts, &wide));
                }
                cursor
            };
            let fps = stored.iter().map(|ts| Fingerprint::of(&record(*ts, &wide))).collect();
            let (gone, last) = (cursor(stored), cursor(&stored[..last]));
            let known = Known::new(fps, gone.last_ts());
            let last = (!last.is_empty()).then_some(&last);
            let sieve = Sieve::new(&gone, last, known, Some(Timestamp(oldest)));
            Self { wide, sieve }
        }

        fn add(&mut self, moments: &[i64]) {
            for ts in moments {
                self.sieve.add(&record(*ts, &self.wide));
            }
        }

        fn take(&mut self) -> Result<Vec<(bool, Vec<i64>)>, Differs> {
            self.sieve.take().map(seen)
        }

        fn finish(self) -> Result<Vec<(bool, Vec<i64>)>, Differs> {
            self.sieve.finish(true).map(|rest| seen(rest.pieces))
        }

        /// The moment of the last record, if that is stored.
        fn ends_behind(self) -> Option<i64> {
            let rest = self.sieve.finish(true).unwrap();
            rest.behind.map(|cursor| cursor.last_ts().unwrap().0)
        }
    }

    fn seen(pieces: Vec<Piece>) -> Vec<(bool, Vec<i64>)> {
        let moments = |piece: Piece| piece.records.iter().map(|record| record.ts.0).collect();
        pieces.into_iter().map(|piece| (piece.is_cut, moments(piece))).collect()
    }

    /// Of 100 and more the hundreds tell records of one moment apart.
    fn record(ts: i64, wide: &[u8]) -> RecordRef<'_> {
        let bytes = &wide[..wide.len() - usize::try_from(ts / 100).unwrap()];
        RecordRef { fd: Fd::Stdout, ts: Timestamp(ts % 100), newline: true, bytes }
    }

    #[test]
    fn what_follows_the_last_stored_record_is_new() {
        // Older history that was never taken is none of it, however much it is.
        let mut answer = Answer::of(&[7, 8, 9], 2, 1);
        answer.add(&[1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(answer.take(), Ok(vec![]));
        answer.add(&[10, 11]);
        assert_eq!(answer.take(), Ok(vec![]), "it is held back");
        assert_eq!(answer.finish(), Ok(vec![(true, vec![10, 11])]));
        let mut nothing = Answer::of(&[7, 8, 9], 2, 1);
        nothing.add(&[6, 7, 8]);
        assert_eq!(nothing.ends_behind(), Some(8));
    }

    #[test]
    fn without_a_stored_record_everything_is_new() {
        let mut answer = Answer::of(&[7, 8, 9], 0, 10);
        answer.add(&[10, 11]);
        assert_eq!(answer.finish(), Ok(vec![(true, vec![10, 11])]));
    }

    #[test]
    fn what_does_not_fit_into_memory_is_given_on_as_it_comes() {
        for last in [0, 2] {
            let mut answer = Answer::of(&[7, 8, 9], last, 7);
            answer.add(&[7, 8][..last]);
            answer.add(&[10, 11, 12]);
            assert_eq!(answer.take(), Ok(vec![]));
            answer.add(&[13]);
            assert_eq!(answer.take(), Ok(vec![(true, vec![10, 11, 12, 13])]));
            answer.add(&[14]);
            assert_eq!(answer.take(), Ok(vec![(false, vec![14])]));
            assert_eq!(answer.finish(), Ok(vec![]));
        }
    }

    #[test]
    fn nothing_is_taken_of_an_answer_that_shows_what_another_hid() {
        // The lost end, a stored record behind the last one, and something older than all there was.
        for shown in [&[7, 8, 9, 10][..], &[7, 8, 10], &[6, 7, 10]] {
            let mut answer = Answer::of(&[7, 8, 9], 1, 7);
            answer.add(shown);
            assert_eq!(answer.take(), Err(Differs), "{shown:?}");
            assert_eq!(answer.finish(), Err(Differs), "{shown:?}");
        }
        // It stands right behind a stored one, and the lost end is of the same moment.
        let mut tied = Answer::of(&[7, 9, 109], 1, 7);
        tied.add(&[7, 9, 10]);
        assert_eq!(tied.finish(), Err(Differs));
        // Nothing but what is like the lost end.
        let mut alike = Answer::of(&[9], 0, 9);
        alike.add(&[9, 9, 9]);
        assert_eq!(alike.take(), Ok(vec![]), "it is held back");
        alike.add(&[9]);
        assert_eq!(alike.take(), Err(Differs));
        let mut at_the_front = Answer::of(&[7, 8, 9], 0, 9);
        at_the_front.add(&[9, 10]);
        assert_eq!(at_the_front.finish(), Err(Differs));
    }

    #[test]
    fn nothing_is_taken_of_an_answer_that_hides_what_another_showed() {
        let mut answer = Answer::of(&[7, 8, 9], 2, 1);
        answer.add(&[6, 7, 10]);
        assert_eq!(answer.finish(), Err(Differs));
    }

    #[test]
    fn whatever_comes_later_nothing_is_stored_twice() {
        let mut answer = Answer::of(&[7, 8, 9], 1, 7);
        answer.add(&[7, 10, 11, 12, 13]);
        assert_eq!(answer.take(), Ok(vec![(true, vec![10, 11, 12, 13])]));
        answer.add(&[14, 8, 15, 16]);
        assert_eq!(answer.take(), Ok(vec![(false, vec![14]), (true, vec![15, 16])]));
        answer.add(&[8]);
        assert_eq!(answer.take(), Ok(vec![]));
        answer.add(&[17]);
        assert_eq!(answer.take(), Ok(vec![(true, vec![17])]));
        answer.add(&[7, 8]);
        assert_eq!(answer.ends_behind(), Some(8));
    }

    #[test]
    fn what_stands_before_a_fault_is_taken() {
        let mut answer = Answer::of(&[7, 8, 9], 1, 7);
        answer.add(&[7, 10, 11]);
        let rest = answer.sieve.finish(false).unwrap();
        assert_eq!((seen(rest.pieces), rest.behind), (vec![(true, vec![10, 11])], None));
        let mut shown = Answer::of(&[7, 8, 9], 0, 9);
        shown.add(&[9, 10]);
        assert_eq!(shown.sieve.finish(false), Err(Differs));
        let mut before = Answer::of(&[7, 8, 9], 2, 6);
        before.add(&[6, 7]);
        let rest = before.sieve.finish(false).unwrap();
        assert!(
            rest.pieces.is_empty() && rest.behind.is_some(),
            "it broke off before the last one"
        );
    }
}
