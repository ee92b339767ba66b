//! The aligner's rules one by one, on answers short enough to be read. `intake_tests.rs` holds the
//! whole of it against brute force; what stands here is what that test cannot tell apart: when a
//! place is decided, how much is called ambiguous, and when a follow is doubted.

use super::*;

/// A line on stdout.
fn line(ts: i64, text: &[u8]) -> RecordRef<'_> {
    RecordRef { fd: Fd::Stdout, ts: Timestamp(ts), newline: true, bytes: text }
}

/// A piece of a line on stdout that does not end there.
fn piece(ts: i64, text: &[u8]) -> RecordRef<'_> {
    RecordRef { newline: false, ..line(ts, text) }
}

/// The cursor behind these records.
fn behind(records: &[RecordRef<'_>]) -> Cursor {
    let mut cursor = Cursor::default();
    for record in records {
        cursor.push(record);
    }
    cursor
}

/// Feeds the records and gives the last verdict.
fn feed(aligner: &mut Aligner, records: &[RecordRef<'_>]) -> Verdict {
    records.iter().map(|record| aligner.feed(record)).last().expect("records to feed")
}

fn read(cursor: &Cursor) -> Aligner {
    Aligner::new(cursor, Source::Read { all: false })
}

fn follow(cursor: &Cursor) -> Aligner {
    Aligner::new(cursor, Source::Follow { patience: 100 })
}

#[test]
fn a_follow_has_as_many_records_as_its_patience_to_join() {
    let cursor = behind(&[line(1, b"stored")]);
    let mut aligner = Aligner::new(&cursor, Source::Follow { patience: 3 });
    for n in 2..=4 {
        assert_eq!(aligner.feed(&line(n, b"other")), Verdict::Seeking, "record {n}");
    }
    assert_eq!(aligner.feed(&line(5, b"other")), Verdict::Doubt(Doubt::NotJoined));
    // It stays doubted, should anyone go on.
    assert_eq!(aligner.feed(&line(6, b"other")), Verdict::Doubt(Doubt::NotJoined));
    // A bounded read has all the time of the world.
    let mut aligner = read(&cursor);
    assert!((2..400).all(|n| aligner.feed(&line(n, b"other")) == Verdict::Seeking));
}

#[test]
fn a_follow_is_doubted_only_when_it_goes_back() {
    let cursor = behind(&[line(5, b"stored")]);
    let joined = || {
        let mut aligner = follow(&cursor);
        let join = Join { overlap: 1, missing: Missing::Nothing };
        assert_eq!(aligner.feed(&line(5, b"stored")), Verdict::Joined(join));
        aligner
    };
    let went_back = Verdict::Doubt(Doubt::WentBack);
    assert_eq!(joined().feed(&line(6, b"later")), Verdict::New);
    assert_eq!(joined().feed(&line(5, b"in the same instant")), Verdict::New);
    assert_eq!(joined().feed(&line(4, b"earlier")), went_back);
    assert_eq!(joined().feed(&line(5, b"stored")), went_back, "the same line again");
    // The other output has a clock of its own.
    let stderr = RecordRef { fd: Fd::Stderr, ..line(4, b"earlier, on stderr") };
    assert_eq!(joined().feed(&stderr), Verdict::New);
    // Pieces of one long line are alike and carry one timestamp.
    let mut aligner = joined();
    assert_eq!(feed(&mut aligner, &[piece(7, b"aaaa"), piece(7, b"aaaa")]), Verdict::New);
    // A read cannot go back: what it answers is the log.
    let mut aligner = read(&behind(&[line(4, b"before"), line(5, b"stored")]));
    feed(&mut aligner, &[line(4, b"before"), line(5, b"stored")]);
    assert_eq!(feed(&mut aligner, &[line(4, b"clock set back")]), Verdict::New);
}

#[test]
fn what_can_still_be_new_is_what_has_to_be_kept() {
    let tie = behind(&[line(5, b"a")]);
    let mut aligner = read(&tie);
    feed(&mut aligner, &[line(3, b"x"), line(4, b"y")]);
    assert_eq!(aligner.keep_from(), 2, "older than the stored end, whatever comes");
    feed(&mut aligner, &[line(5, b"a"), line(5, b"a")]);
    assert_eq!(aligner.keep_from(), 3, "the second may be new");
    assert_eq!(
        feed(&mut aligner, &[line(6, b"z")]),
        Verdict::Joined(Join { overlap: 4, missing: Missing::AtMost(1) })
    );
    assert_eq!(aligner.keep_from(), 5, "decided");
    feed(&mut aligner, &[line(7, b"z"), line(8, b"z")]);
    assert_eq!(aligner.keep_from(), 7, "given out at once");
}

#[test]
fn a_doubt_tells_what_made_it() {
    assert!(Doubt::WentBack.as_str().contains("went back"));
    assert!(Doubt::NotJoined.as_str().contains("stored end"));
}

/// A log of which the last line is known, and lines of the same instant that are alike.
#[test]
fn a_tie_is_decided_where_it_ends_at_its_last_place_and_says_how_much_may_be_missing() {
    let cursor = behind(&[line(5, b"a")]);
    let stderr = RecordRef { fd: Fd::Stderr, ..line(9, b"err") };
    let decided = |answer: &[RecordRef<'_>]| {
        let mut aligner = Aligner::new(&cursor, Source::Read { all: true });
        assert_eq!(feed(&mut aligner, answer), Verdict::Seeking, "before the tie ends");
        aligner.feed(&line(6, b"z"))
    };
    let joined = |overlap, missing| Verdict::Joined(Join { overlap, missing });
    let (y, a, c) = (line(4, b"y"), line(5, b"a"), line(5, b"c"));
    assert_eq!(decided(&[y, a]), joined(2, Missing::Nothing));
    assert_eq!(decided(&[y, a, a]), joined(3, Missing::AtMost(1)));
    assert_eq!(decided(&[y, a, c, a]), joined(4, Missing::AtMost(2)));
    // What the other output writes meanwhile ends nothing.
    assert_eq!(decided(&[y, a, stderr, a]), joined(4, Missing::AtMost(2)));
    // Where the answer begins inside the tie there may be more before it.
    assert_eq!(decided(&[a, c, a]), joined(3, Missing::Unknown));
    assert_eq!(decided(&[a, c]), joined(1, Missing::Nothing), "only one place");
    // Control: what stands behind the last place is new.
    assert_eq!(decided(&[line(5, b"a"), line(5, b"c"), stderr]), joined(1, Missing::Nothing));
}

#[test]
fn a_tail_that_begins_inside_a_tie_is_asked_for_again() {
    let cursor = behind(&[line(5, b"a")]);
    let begins_inside = [line(5, b"a"), line(5, b"c"), line(6, b"z")];
    let mut aligner = read(&cursor);
    assert_eq!(feed(&mut aligner, &begins_inside), Verdict::Seeking, "another `a` may precede");
    assert_eq!(aligner.finish(false), Ending::More);
    // The same records, known to be all there are.
    let mut aligner = read(&cursor);
    feed(&mut aligner, &begins_inside);
    assert_eq!(
        aligner.finish(true),
        Ending::JoinedAtEnd(Join { overlap: 1, missing: Missing::Nothing })
    );
    assert!(aligner.is_joined());
    // A tail that reaches back beyond the tie tells, although it is not all.
    let mut aligner = read(&cursor);
    feed(&mut aligner, &[line(4, b"y"), line(5, b"a"), line(5, b"a")]);
    assert_eq!(
        aligner.finish(false),
        Ending::JoinedAtEnd(Join { overlap: 3, missing: Missing::AtMost(1) })
    );
    // What another output wrote before says nothing about the tie's begin.
    let mut aligner = read(&cursor);
    let stderr = RecordRef { fd: Fd::Stderr, ..line(4, b"y") };
    feed(&mut aligner, &[stderr, line(5, b"a"), line(5, b"a")]);
    assert_eq!(aligner.finish(false), Ending::More);
}

/// The daemon rotated away what stood before.
#[test]
fn a_rest_of_the_end_at_the_very_front_counts_only_in_a_complete_answer() {
    let cursor = behind(&[line(3, b"x"), line(5, b"a")]);
    let front = [line(5, b"a"), line(6, b"z")];
    let at_front = |source| {
        let mut aligner = Aligner::new(&cursor, source);
        assert_eq!(feed(&mut aligner, &front), Verdict::Seeking);
        assert_eq!(aligner.keep_from(), 1);
        aligner
    };
    let join = Join { overlap: 1, missing: Missing::Nothing };
    assert_eq!(at_front(Source::Read { all: false }).finish(false), Ending::More);
    assert_eq!(at_front(Source::Read { all: true }).finish(true), Ending::JoinedAtEnd(join));
    // Not at the front it is another record with the same text.
    let mut aligner = read(&cursor);
    feed(&mut aligner, &[line(4, b"y"), line(5, b"a"), line(6, b"z")]);
    assert_eq!(aligner.finish(true), Ending::Absent);
    // A follow is never complete: it has to bring the whole end.
    let cursor = behind(&[line(3, b"x"), piece(5, b"a")]);
    let mut aligner = Aligner::new(&cursor, Source::Follow { patience: 2 });
    assert_eq!(feed(&mut aligner, &[piece(5, b"a"), line(6, b"z")]), Verdict::Seeking);
    assert_eq!(aligner.feed(&line(7, b"z")), Verdict::Doubt(Doubt::NotJoined));
}

#[test]
fn a_follow_joins_at_a_whole_line_at_once_and_at_a_piece_when_its_line_has_ended() {
    let mut aligner = follow(&behind(&[line(5, b"a")]));
    let join = Join { overlap: 1, missing: Missing::Nothing };
    assert_eq!(aligner.feed(&line(5, b"a")), Verdict::Joined(join));
    let mut aligner = follow(&behind(&[piece(5, b"a")]));
    feed(&mut aligner, &[piece(4, b"y"), piece(5, b"a"), piece(5, b"a")]);
    assert!(!aligner.is_joined(), "which of them is stored, nobody knows yet");
    let join = Join { overlap: 3, missing: Missing::AtMost(1) };
    assert_eq!(aligner.feed(&line(6, b"z")), Verdict::Joined(join));
    // Two timestamps of one output stand in one place only.
    let mut aligner = follow(&behind(&[piece(4, b"y"), piece(5, b"a")]));
    let join = Join { overlap: 2, missing: Missing::Nothing };
    assert_eq!(feed(&mut aligner, &[piece(4, b"y"), piece(5, b"a")]), Verdict::Joined(join));
    // Timestamps of two outputs say nothing: each has its own order.
    let stderr = RecordRef { fd: Fd::Stderr, ..piece(4, b"y") };
    let mut aligner = follow(&behind(&[stderr, piece(5, b"a")]));
    assert_eq!(feed(&mut aligner, &[stderr, piece(5, b"a")]), Verdict::Seeking);
}

#[test]
fn a_decision_by_force_takes_the_last_place_so_far() {
    let cursor = behind(&[line(3, b"x"), line(5, b"a")]);
    let whole = |cursor| Aligner::new(cursor, Source::Read { all: true });
    let mut aligner = whole(&cursor);
    assert_eq!(aligner.force(), None, "nothing fits");
    feed(&mut aligner, &[line(5, b"a"), line(5, b"b")]);
    let front = Join { overlap: 1, missing: Missing::Unknown };
    assert_eq!(aligner.force(), Some(front), "the rest at the front, inside a tie");
    assert!(aligner.is_joined());
    assert_eq!(aligner.force(), None, "decided");
    // A longer tail may hold what stands before it.
    let mut aligner = read(&cursor);
    feed(&mut aligner, &[line(5, b"a"), line(5, b"b")]);
    assert_eq!(aligner.force(), None);
    // Fewer are left of a run than are known: more would never come.
    let run = behind(&[line(3, b"x"), line(5, b"a"), line(5, b"a"), line(5, b"a")]);
    let mut aligner = whole(&run);
    feed(&mut aligner, &[line(5, b"a"), line(5, b"a"), line(6, b"b")]);
    let left = Join { overlap: 2, missing: Missing::Unknown };
    assert_eq!(aligner.force(), Some(left));
    let mut aligner = read(&run);
    feed(&mut aligner, &[line(5, b"a"), line(5, b"a"), line(6, b"b")]);
    assert_eq!(aligner.force(), None, "of a tail more may come");
    let mut aligner = read(&behind(&[line(5, b"a")]));
    feed(&mut aligner, &[line(5, b"a"), line(5, b"a"), line(5, b"b")]);
    let hidden = Join { overlap: 2, missing: Missing::Unknown };
    assert_eq!(aligner.force(), Some(hidden), "the answer begins inside the tie");
    assert_eq!(aligner.feed(&line(5, b"b")), Verdict::New);
}

#[test]
fn the_first_run_may_be_cut_by_the_begin_of_the_answer_and_nowhere_else() {
    let cursor = behind(&[line(5, b"a"), line(5, b"a"), line(6, b"b")]);
    let join = Verdict::Joined(Join { overlap: 2, missing: Missing::Nothing });
    assert_eq!(feed(&mut read(&cursor), &[line(5, b"a"), line(6, b"b")]), join);
    // A run that is longer than the known one began before it.
    let longer = [line(4, b"y"), line(5, b"a"), line(5, b"a"), line(5, b"a"), line(6, b"b")];
    let join = Verdict::Joined(Join { overlap: 5, missing: Missing::Nothing });
    assert_eq!(feed(&mut read(&cursor), &longer), join);
    // A shorter one inside is another place.
    let mut aligner = read(&cursor);
    feed(&mut aligner, &[line(4, b"y"), line(5, b"a"), line(6, b"b")]);
    assert_eq!(aligner.finish(true), Ending::Absent);
}

/// What was rotated away may have been more of what is left.
#[test]
fn a_front_inside_a_tie_proves_nothing() {
    let ends = |known: &[RecordRef<'_>], answer: &[RecordRef<'_>]| {
        let cursor = behind(known);
        let mut aligner = Aligner::new(&cursor, Source::Read { all: true });
        feed(&mut aligner, answer);
        aligner.finish(true)
    };
    let at_end = |overlap, missing| Ending::JoinedAtEnd(Join { overlap, missing });
    let (x, a, b, z) = (line(3, b"x"), line(5, b"a"), line(5, b"b"), line(6, b"z"));
    let (one, two) = (piece(5, b"one"), piece(5, b"two"));
    // Another line of that moment stands behind it, or was stored before it.
    assert_eq!(ends(&[x, a], &[a, a, z]), at_end(1, Missing::Unknown));
    assert_eq!(ends(&[x, a], &[a, b, z]), at_end(1, Missing::Unknown));
    assert_eq!(ends(&[x, a, b], &[b, z]), at_end(1, Missing::Unknown));
    // Fewer are left than are known.
    assert_eq!(ends(&[x, a, a, a], &[a, a, z]), at_end(2, Missing::Unknown));
    assert_eq!(ends(&[x, a, a, a], &[a, a, a, z]), at_end(3, Missing::Unknown));
    // Control: a single line of its moment, the pieces of one line, another output.
    assert_eq!(ends(&[x, a], &[a, z]), at_end(1, Missing::Nothing));
    assert_eq!(ends(&[x, one, two], &[two, z]), at_end(1, Missing::Nothing));
    let stderr = RecordRef { fd: Fd::Stderr, ..b };
    assert_eq!(ends(&[x, a], &[a, stderr, z]), at_end(1, Missing::Nothing));
    // Two moments stand in one place only.
    assert_eq!(ends(&[x, a, a, z], &[a, z]), Ending::CaughtUp);
    // A moment that comes again after another is not at the front.
    assert_eq!(ends(&[x, a], &[z, a]), Ending::Absent);
}
