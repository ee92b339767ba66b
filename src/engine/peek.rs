//! A look at the daemon's log: a bounded answer of which nothing is taken, in memory or as it
//! comes by.

use std::collections::HashSet;
use std::sync::Arc;

use super::answer::{Ask, HELD_BYTES};
use super::capture::{Break, Capture};
use super::cursor::Fingerprint;
use super::report::ReadCause;
use super::snapshot::ReadCost;
use crate::docker::{DockerError, Step};
use crate::model::{Batch, Moment, RecordRef, Timestamp};

/// How many records may have come since a look, in the order in which that is tried: a short tail
/// must not reach back to what is broken before it.
const GROWTH: [u64; 8] = [0, 1, 2, 4, 16, 64, 2_048, 65_536];

/// A bounded answer that was not aligned yet.
pub(super) struct Peek {
    /// What came.
    pub(super) records: Batch,
    /// How many were asked for.
    pub(super) asked: u64,
    /// When.
    pub(super) sent_at: Moment,
    /// What the daemon reported in the middle of it.
    pub(super) fault: Option<String>,
}

/// The begin of an answer: records of one moment may be alike, and only their number tells then
/// where among them it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lead {
    pub(super) fp: Fingerprint,
    pub(super) run: usize,
}

/// What came behind the record that was a log's last.
pub(super) enum Since {
    /// So many records.
    Grown(u64),
    /// Some that cannot be read.
    Broken,
    /// More than is looked through.
    Much,
    /// The record is gone: the log is another one by now.
    Gone,
}

impl Peek {
    /// Everything that was asked for came.
    pub(super) fn is_clean(&self) -> bool {
        self.fault.is_none() && self.records.len() as u64 >= self.asked
    }

    /// It was given up where it did not fit into memory.
    pub(super) fn is_full(&self) -> bool {
        self.records.text_bytes() >= HELD_BYTES
    }

    /// All of its records.
    pub(super) fn fingerprints(&self) -> impl Iterator<Item = Fingerprint> {
        self.records.iter().map(|record| Fingerprint::of(&record))
    }

    /// Its first record.
    pub(super) fn first(&self) -> Option<Fingerprint> {
        self.records.get(0).map(|record| Fingerprint::of(&record))
    }

    /// How many come before the first of those.
    pub(super) fn before(&self, known: &HashSet<Fingerprint>) -> usize {
        self.fingerprints().take_while(|fp| !known.contains(fp)).count()
    }

    /// Its first record, and how many like it stand in a row there.
    pub(super) fn lead(&self) -> Option<Lead> {
        let fp = self.first()?;
        Some(Lead { fp, run: self.fingerprints().take_while(|other| *other == fp).count() })
    }

    /// Its last record.
    pub(super) fn last(&self) -> Option<Fingerprint> {
        self.fingerprints().last()
    }

    /// Where in another answer it begins: the first place from which on both are the same, up to the
    /// end of the other. Later than its begin only if something else stands at the log's end by now:
    /// records of one moment that are alike lie everywhere in each other.
    pub(super) fn begins_in(&self, other: &[Fingerprint]) -> Option<usize> {
        let own: Vec<_> = self.fingerprints().collect();
        let places = if own.last() == other.last() { 1 } else { other.len() };
        (0..places).find(|at| other.get(*at..).is_some_and(|rest| own.starts_with(rest)))
    }

    /// Records up to the last one that is this, it included.
    pub(super) fn up_to_last(&self, fp: Fingerprint) -> Option<u64> {
        let numbered = (1..).zip(self.fingerprints());
        numbered.filter(|(_, own)| *own == fp).map(|(nth, _)| nth).last()
    }
}

impl Capture {
    /// What came behind a record that was the last one, of which `known` were seen already.
    pub(super) async fn since_last(
        &mut self,
        last: Fingerprint,
        known: u64,
    ) -> Result<Since, Break> {
        let mut since = Since::Gone;
        for more in GROWTH {
            let tail = self.peek(known + 1 + more, None).await?;
            since = match (tail.up_to_last(last), since) {
                (Some(up_to), _) if tail.is_clean() => {
                    return Ok(Since::Grown(tail.records.len() as u64 - up_to));
                }
                (Some(_), _) | (None, Since::Broken) => Since::Broken,
                (None, _) if tail.is_clean() => Since::Much,
                (None, _) => Since::Gone,
            };
        }
        Ok(since)
    }

    /// The last `asked` records. What the daemon reports is believed when it does so twice: else it
    /// is of the moment and not the log's.
    pub(super) async fn peek_surely(&mut self, asked: u64) -> Result<Peek, Break> {
        let peek = self.peek(asked, None).await?;
        if peek.fault.is_none() { Ok(peek) } else { self.peek(asked, None).await }
    }

    /// The last `asked` records, as they come.
    pub(super) async fn peek(
        &mut self,
        asked: u64,
        since: Option<Timestamp>,
    ) -> Result<Peek, Break> {
        let sent_at = self.shared.clock.now();
        let mut stream = self.open_bounded(Ask::Last(asked), since).await?;
        let mut peek = Peek { records: Batch::new(), asked, sent_at, fault: None };
        loop {
            match self.until_ordered(stream.next(&mut peek.records)).await? {
                Ok(Step::Records(_)) if peek.records.text_bytes() < HELD_BYTES => {}
                Ok(Step::Records(_) | Step::End) => break,
                Err(DockerError::Fault { text }) => {
                    peek.fault = Some(text);
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.kept = stream.into_kept();
        self.meter.received(peek.records.len() as u64);
        self.meter.discarded(peek.records.len() as u64);
        let took = self.shared.clock.now().since(sent_at);
        let cost = ReadCost { asked: Some(asked), got: peek.records.len() as u64, took };
        self.meter.read(ReadCause::Confirm, cost);
        Ok(peek)
    }

    /// Reads an answer and keeps nothing of it. Whether the daemon reported no fault.
    pub(super) async fn skim(
        &mut self,
        ask: Ask,
        mut look: impl FnMut(&RecordRef<'_>),
    ) -> Result<bool, Break> {
        let shared = Arc::clone(&self.shared);
        let _permit = self.long_permit(&shared).await?;
        let mut stream = self.open_bounded(ask, None).await?;
        let mut piece = Batch::new();
        loop {
            let step = self.until_ordered(stream.next(&mut piece)).await?;
            piece.iter().for_each(|record| look(&record));
            self.meter.received(piece.len() as u64);
            self.meter.discarded(piece.len() as u64);
            let in_flight = self.in_flight();
            self.meter.in_flight(in_flight);
            piece.clear();
            match step {
                Ok(Step::Records(_)) => {}
                Ok(Step::End) => {
                    self.kept = stream.into_kept();
                    return Ok(true);
                }
                Err(DockerError::Fault { .. }) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Fd;

    fn peek(lines: &[&str]) -> Peek {
        let mut records = Batch::new();
        for line in lines {
            let (fd, ts, bytes) = (Fd::Stdout, Timestamp(1), line.as_bytes());
            records.push(RecordRef { fd, ts, newline: true, bytes });
        }
        Peek { asked: records.len() as u64, records, sent_at: Moment::default(), fault: None }
    }

    fn fps(lines: &[&str]) -> Vec<Fingerprint> {
        peek(lines).fingerprints().collect()
    }

    #[test]
    fn a_begin_is_told_by_how_many_like_it_stand_in_a_row() {
        let runs =
            [&["a", "a", "b", "a"][..], &["a", "b"], &[]].map(|l| peek(l).lead().map(|l| l.run));
        assert_eq!(runs, [Some(2), Some(1), None]);
    }

    #[test]
    fn an_answer_begins_in_another_where_all_of_that_follows() {
        let at = |own: &[&str], other: &[&str]| peek(own).begins_in(&fps(other));
        assert_eq!(at(&["a", "b", "c"], &["a", "b", "c"]), Some(0), "the same");
        assert_eq!(at(&["b", "c", "d"], &["a", "b", "c"]), Some(1), "it has grown");
        assert_eq!(at(&["x", "b", "d"], &["a", "b", "c"]), None);
        assert_eq!(at(&["a", "x"], &["a", "b"]), None, "not by its first record alone");
        assert_eq!(at(&["a", "a"], &["a", "a", "a"]), None, "it has not grown, and lacks one");
    }

    #[test]
    fn of_records_that_are_alike_the_last_one_counts() {
        let peek = peek(&["a", "b", "a", "c"]);
        let [a, b, _, _] = fps(&["a", "b", "a", "c"])[..] else { unreachable!() };
        assert_eq!((peek.up_to_last(a), peek.up_to_last(b)), (Some(3), Some(2)));
        assert_eq!(peek.before(&[b].into()), 1);
    }

    #[test]
    fn an_answer_is_clean_if_all_of_it_came_and_nothing_was_reported() {
        let clean = peek(&["a", "b"]);
        assert!(clean.is_clean() && !clean.is_full());
        assert!(!Peek { asked: 3, ..peek(&["a", "b"]) }.is_clean());
        assert!(!Peek { fault: Some(String::new()), ..clean }.is_clean());
    }
}
