//! Aligner and intake against brute force: whatever the daemon's log did between reads, the store
//! is an exact slice of it, or a justified seam stands there.

use std::collections::BTreeSet;

use super::*;
use crate::model::{Fd, Timestamp};
use proptest::prelude::*;

/// One record of the daemon's log with its true position, which capture never sees.
#[derive(Debug, Clone, PartialEq)]
struct Truth {
    fd: Fd,
    ts: i64,
    newline: bool,
    text: u8,
    at: usize,
}

impl Truth {
    fn with<T>(&self, f: impl FnOnce(&RecordRef<'_>) -> T) -> T {
        let bytes = [self.text];
        f(&RecordRef { fd: self.fd, ts: Timestamp(self.ts), newline: self.newline, bytes: &bytes })
    }
}

/// What capture stored.
#[derive(Debug, Clone, PartialEq)]
enum Stored {
    Record(Fd, i64, bool, u8),
    /// With the true index of the first record that the daemon still held.
    Gap(usize),
    Hidden(Missing),
}

#[derive(Default)]
struct Captured {
    cursor: Cursor,
    rows: Vec<Stored>,
    reads: usize,
}

impl Sink for Captured {
    fn record(&mut self, r: &RecordRef<'_>) {
        self.cursor.push(r);
        self.rows.push(Stored::Record(r.fd, r.ts.0, r.newline, r.bytes[0]));
    }
    fn hidden<'a>(&mut self, missing: Missing, before: impl Iterator<Item = RecordRef<'a>>) {
        let is_said = self.cursor.is_broken_off();
        self.cursor.cut();
        before.for_each(|r| self.cursor.push(&r));
        let missing = if self.cursor.is_one_tie() { Missing::Unknown } else { missing };
        if !is_said {
            self.rows.push(Stored::Hidden(missing));
        }
        if missing == Missing::Unknown {
            self.cursor.break_off();
        }
    }
}

impl Captured {
    /// The pure skeleton of `read_to_end`: ask, align, ask for more, or declare the gap.
    fn read_to_end(&mut self, log: &[Truth], emitted: usize, mut ask: usize) {
        loop {
            self.reads += 1;
            assert!(self.reads < 10_000, "read_to_end does not end");
            let all = ask >= 4_096;
            let tail = if all { log } else { &log[log.len().saturating_sub(ask)..] };
            let mut intake = Intake::new(&self.cursor.clone(), Source::Read { all });
            for record in tail {
                record.with(|r| intake.feed(r, self)).unwrap();
            }
            let complete = all || tail.len() < ask;
            let (finished, tally) = intake.finish(complete, self);
            assert_eq!(tally.received, tail.len() as u64);
            match finished {
                Finished::CaughtUp => {
                    assert_eq!(tally.received, tally.overlap + tally.new);
                    self.cursor.adopt();
                    return;
                }
                Finished::More => ask *= 8,
                Finished::Absent(batch) => {
                    self.rows.push(Stored::Gap(log.first().map_or(emitted, |t| t.at)));
                    self.cursor.cut();
                    for record in batch.expect("small answers fit").iter() {
                        self.record(&record);
                    }
                    return;
                }
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Emit { stderr: bool, advance: u8, text: u8, newline: bool, times: usize },
    Flood { text: u8, times: usize },
    Read(usize),
    DropFront(usize),
    Truncate,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<bool>(), 0u8..3, 0u8..3, any::<bool>(), 1usize..6).prop_map(
            |(stderr, advance, text, newline, times)| Step::Emit { stderr, advance, text, newline, times }),
        1 => (0u8..2, 1usize..90).prop_map(|(text, times)| Step::Flood { text, times }),
        4 => (1usize..40).prop_map(Step::Read),
        1 => (1usize..60).prop_map(Step::DropFront),
        1 => Just(Step::Truncate),
    ]
}

/// Plays the daemon: per fd the clock never goes back, across fds it may.
#[derive(Default)]
struct Daemon {
    log: Vec<Truth>,
    emitted: Vec<Truth>,
    clock: [i64; 2],
}

impl Daemon {
    /// Whether nothing would show that the first `n` records were more of what is left (limits,
    /// "tie floods"): of a tie a single record stays, or everything known lies inside it.
    fn hides_a_tie(&self, n: usize, known: &Cursor) -> bool {
        let (gone, rest) = self.log.split_at(n);
        let tied = |r: &Truth, g: &Truth| (g.fd, g.ts) == (r.fd, r.ts);
        rest.iter().any(|r| {
            // The pieces of one line share their moment.
            let alike = |other: &Truth| (other.text, other.newline) == (r.text, r.newline);
            let shows = |other: &Truth| tied(r, other) && (r.newline || alike(other));
            let left = rest.iter().filter(|other| shows(other)).count();
            let all = known.runs().all(|run| (run.fd, run.ts.0) == (r.fd, r.ts));
            gone.iter().any(|g| tied(r, g)) && (left == 1 || all)
        })
    }

    fn emit(&mut self, stderr: bool, advance: u8, text: u8, newline: bool) {
        let clock = &mut self.clock[usize::from(stderr)];
        *clock += i64::from(advance);
        let fd = if stderr { Fd::Stderr } else { Fd::Stdout };
        let truth = Truth { fd, ts: *clock, newline, text, at: self.emitted.len() };
        self.log.push(truth.clone());
        self.emitted.push(truth);
    }
}

/// Walks stored rows along the truth. Between two seams the rows must be consecutive records of
/// the truth; what a seam skips must exist (or the seam is ambiguous). Because records can be
/// identical, every position that fits is followed (a set of positions, not a guess).
fn check(captured: &Captured, emitted: &[Truth]) -> Result<(), TestCaseError> {
    let same = |t: &Truth, r: &Stored| matches!(r, Stored::Record(fd, ts, nl, x) if (*fd, *ts, *nl, *x) == (t.fd, t.ts, t.newline, t.text));
    let mut positions = BTreeSet::from([0]);
    for (i, row) in captured.rows.iter().enumerate() {
        let next: BTreeSet<usize> = match row {
            Stored::Record(..) => positions
                .iter()
                .copied()
                .filter(|&p| emitted.get(p).is_some_and(|t| same(t, row)))
                .map(|p| p + 1)
                .collect(),
            // Justified only if the record that was stored last is gone, and then everything that
            // the daemon still holds must follow, from its first record on.
            Stored::Gap(front) => {
                positions.iter().any(|p| p <= front).then_some(*front).into_iter().collect()
            }
            Stored::Hidden(missing) => {
                let most = match missing {
                    Missing::Nothing => 0,
                    Missing::AtMost(n) => usize::try_from(*n).unwrap(),
                    Missing::Unknown => emitted.len(),
                };
                positions.iter().flat_map(|&p| p..=(p + most).min(emitted.len())).collect()
            }
        };
        prop_assert!(
            !next.is_empty(),
            "row {i} {row:?} does not continue the truth\nrows {:?}\ntruth {emitted:?}",
            captured.rows
        );
        positions = next;
    }
    // After a last read everything is accounted for: some position reached the end.
    prop_assert!(
        positions.contains(&emitted.len()),
        "the end was not reached: {positions:?} of {}\nrows {:?}\ntruth {emitted:?}",
        emitted.len(),
        captured.rows
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_stored_is_the_truth_or_a_seam(steps in prop::collection::vec(step(), 1..60)) {
        let mut daemon = Daemon::default();
        let mut captured = Captured::default();
        captured.read_to_end(&daemon.log, 0, 16);
        for step in steps {
            match step {
                Step::Emit { stderr, advance, text, newline, times } => {
                    for _ in 0..times {
                        daemon.emit(stderr, advance, text, newline);
                    }
                }
                Step::Flood { text, times } => {
                    daemon.emit(false, 1, text, false);
                    for _ in 1..times {
                        daemon.emit(false, 0, text, false);
                    }
                }
                Step::Read(ask) => captured.read_to_end(&daemon.log, daemon.emitted.len(), ask),
                // While nothing is stored since the last seam, records alone cannot show that
                // the front was cut (the read judges that by retained size).
                Step::DropFront(_) | Step::Truncate if captured.cursor.is_empty() => {}
                Step::DropFront(n) => {
                    let mut n = n.min(daemon.log.len());
                    while daemon.hides_a_tie(n, &captured.cursor) {
                        n += 1;
                    }
                    daemon.log.drain(..n);
                    for clock in &mut daemon.clock { *clock += 10; }
                }
                Step::Truncate => {
                    daemon.log.clear();
                    for clock in &mut daemon.clock { *clock += 10; }
                }
            }
        }
        captured.read_to_end(&daemon.log, daemon.emitted.len(), 16);
        check(&captured, &daemon.emitted)?;
    }
}

#[test]
fn the_checker_sees_a_lost_a_doubled_and_a_swapped_record() {
    let mut daemon = Daemon::default();
    for text in 0..9 {
        daemon.emit(false, 1, text, true);
    }
    let mut good = Captured::default();
    good.read_to_end(&daemon.log, 9, 16);
    assert!(check(&good, &daemon.emitted).is_ok());
    let spoil = |change: fn(&mut Vec<Stored>)| {
        let mut bad = Captured { rows: good.rows.clone(), ..Captured::default() };
        change(&mut bad.rows);
        check(&bad, &daemon.emitted).is_err()
    };
    assert!(
        spoil(|rows| {
            rows.remove(4);
        }),
        "lost"
    );
    assert!(spoil(|rows| rows.insert(4, rows[4].clone())), "doubled");
    assert!(spoil(|rows| rows.swap(3, 4)), "swapped");
    assert!(
        spoil(|rows| {
            rows.pop();
        }),
        "the last one lost"
    );
    assert!(spoil(|rows| rows.push(Stored::Gap(0))), "a gap where nothing was lost");
}

#[test]
fn a_cursor_joins_exactly_behind_its_count_inside_a_flood() {
    let mut daemon = Daemon::default();
    daemon.emit(false, 1, 0, true);
    daemon.emit(false, 1, 7, false);
    for _ in 0..59 {
        daemon.emit(false, 0, 7, false);
    }
    let mut captured = Captured::default();
    captured.read_to_end(&daemon.log, 0, 4_096);
    for _ in 0..66 {
        daemon.emit(false, 0, 7, false);
    }
    captured.read_to_end(&daemon.log, 0, 4_096);
    assert_eq!(captured.rows.len(), 127);
    assert!(captured.rows.iter().all(|r| matches!(r, Stored::Record(..))));
}

#[test]
fn a_replaying_follow_is_doubted_and_stores_nothing_twice() {
    let mut daemon = Daemon::default();
    for text in 0..40 {
        daemon.emit(false, 1, text, true);
    }
    let mut captured = Captured::default();
    captured.read_to_end(&daemon.log[..30], 30, 4_096);
    let cursor = captured.cursor.clone();
    let mut follow = Intake::new(&cursor, Source::Follow { patience: 80 });
    for record in &daemon.log[10..40] {
        record.with(|r| follow.feed(r, &mut captured)).unwrap();
    }
    assert_eq!(captured.rows.len(), 40);
    let replayed = daemon.log[25].with(|r| follow.feed(r, &mut captured));
    assert_eq!(replayed, Err(Doubt::WentBack));
    assert_eq!(captured.rows.len(), 40);
}

#[test]
fn a_follow_that_begins_behind_the_stored_end_is_doubted() {
    let mut daemon = Daemon::default();
    for text in 0..40 {
        daemon.emit(false, 1, text, true);
    }
    let mut captured = Captured::default();
    captured.read_to_end(&daemon.log[..10], 10, 4_096);
    let mut follow = Intake::new(&captured.cursor.clone(), Source::Follow { patience: 8 });
    let mut verdict = Ok(());
    for record in &daemon.log[20..] {
        verdict = record.with(|r| follow.feed(r, &mut captured));
        if verdict.is_err() {
            break;
        }
    }
    assert_eq!(verdict, Err(Doubt::NotJoined));
    assert_eq!(captured.rows.len(), 10);
}

#[test]
fn an_answer_of_which_a_part_was_not_kept_is_asked_for_again() {
    let ask = |records: usize| {
        let mut captured = Captured::default();
        let mut intake = Intake::new(&Cursor::empty(), Source::Read { all: false });
        for n in 0..records {
            let bytes = n.to_le_bytes();
            let ts = Timestamp(i64::try_from(n).unwrap());
            let record = RecordRef { fd: Fd::Stdout, ts, newline: true, bytes: &bytes };
            intake.feed(&record, &mut captured).unwrap();
        }
        let (finished, tally) = intake.finish(true, &mut captured);
        (finished, tally.new)
    };
    let most = HELD_RECORDS_MAX as u64;
    assert!(matches!(ask(HELD_RECORDS_MAX), (Finished::CaughtUp, n) if n == most));
    assert!(matches!(ask(HELD_RECORDS_MAX + 2), (Finished::More, 0)));
}

/// A stretch of alike pieces in one instant, longer than may be held back.
#[test]
fn a_tie_that_does_not_fit_into_memory_is_decided_and_what_follows_is_taken() {
    let piece = RecordRef { fd: Fd::Stdout, ts: Timestamp(1), newline: false, bytes: b"a" };
    let other = RecordRef { bytes: b"b", ..piece };
    let mut captured = Captured::default();
    captured.record(&piece);
    let mut intake = Intake::new(&captured.cursor.clone(), Source::Read { all: false });
    intake.feed(&piece, &mut captured).unwrap();
    for n in 1..HELD_RECORDS_MAX {
        intake.feed(&other, &mut captured).unwrap();
        assert!(!intake.is_joined(), "record {n}");
    }
    assert_eq!(intake.tally().undecided(), HELD_RECORDS_MAX as u64);
    intake.feed(&other, &mut captured).unwrap();
    assert!(intake.is_joined());
    let tally = intake.tally();
    assert_eq!((tally.overlap, tally.new, tally.undecided()), (1, HELD_RECORDS_MAX as u64, 0));
    assert_eq!(captured.rows.len(), 1 + HELD_RECORDS_MAX);
    intake.feed(&piece, &mut captured).unwrap();
    assert_eq!(intake.tally().new, tally.new + 1, "nothing is held back any more");
}

#[test]
fn no_more_text_is_held_back_than_its_bound() {
    let ask = |lengths: &[usize]| {
        let mut captured = Captured::default();
        captured.record(&RecordRef {
            fd: Fd::Stdout,
            ts: Timestamp(0),
            newline: true,
            bytes: b"stored",
        });
        let mut intake = Intake::new(&captured.cursor.clone(), Source::Read { all: false });
        for (ts, length) in (1..).zip(lengths) {
            let bytes = vec![b'x'; *length];
            let ts = Timestamp(ts);
            let record = RecordRef { fd: Fd::Stdout, ts, newline: true, bytes: &bytes };
            intake.feed(&record, &mut captured).unwrap();
        }
        match intake.finish(true, &mut captured) {
            (Finished::Absent(held), _) => held.map(|batch| batch.len()),
            other => panic!("the stored end is not in it: {other:?}"),
        }
    };
    assert_eq!(ask(&[HELD_MAX - 1, 1]), Some(2));
    assert_eq!(ask(&[HELD_MAX, 1]), None, "it has to be read again");
    assert_eq!(ask(&[HELD_MAX, 1, 1]), None, "what came later is not all of it");
}

/// A pattern that fits in many places of one moment, and of which more is stored than is known.
#[test]
fn a_tie_with_a_period_is_said_once() {
    let mut daemon = Daemon::default();
    daemon.emit(false, 1, 9, true);
    daemon.emit(false, 1, 0, true);
    for text in (0..40).map(|n| 1 - n % 2) {
        daemon.emit(false, 0, text, true);
    }
    let mut captured = Captured::default();
    for _ in 0..5 {
        captured.read_to_end(&daemon.log, daemon.emitted.len(), 4_096);
    }
    let said = captured.rows.iter().filter(|row| matches!(row, Stored::Hidden(_))).count();
    assert_eq!((said, captured.rows.len()), (1, 43));
    check(&captured, &daemon.emitted).unwrap();
}
