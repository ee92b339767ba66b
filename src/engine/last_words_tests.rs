//! What a follow let by, as plain values: how far it was heard, and what is kept of it.

use std::ops::Range;

use super::*;
use crate::model::{Fd, RecordRef, Timestamp};

/// A record of each of these moments.
fn came_with(bytes: &[u8], moments: Range<i64>) -> Batch {
    let mut batch = Batch::new();
    for ts in moments.map(Timestamp) {
        batch.push(RecordRef { fd: Fd::Stdout, ts, newline: true, bytes });
    }
    batch
}

fn came(moments: Range<i64>) -> Batch {
    came_with(b"line", moments)
}

/// More than half of what is kept.
fn wide(moment: i64) -> Batch {
    came_with(&vec![b'x'; KEPT_BYTES / 2 + 1], moment..moment + 1)
}

fn fp(moment: i64) -> Option<Fingerprint> {
    came(moment..moment + 1).last().map(|record| Fingerprint::of(&record))
}

#[test]
fn a_follow_has_come_to_the_record_that_it_brought_before_its_end() {
    let mut heard = Heard::default();
    heard.keep(&came(0..3));
    assert!(!heard.ends_with(fp(2)), "more may come");
    heard.end();
    assert!(heard.ends_with(fp(2)) && !heard.ends_with(fp(1)) && !heard.ends_with(None));
    heard.pass(&came(0..0));
    assert!(heard.ends_with(fp(2)), "nothing came");
    heard.pass(&came(3..5));
    assert!(heard.ends_with(fp(4)) && !heard.ends_with(fp(2)));
    heard.begin_anew();
    assert!(!heard.ends_with(fp(4)), "another follow has brought nothing yet");
    assert!(!Heard::settled().ends_with(None), "an end without a record is none");
}

#[test]
fn a_follow_is_silent_if_nothing_came_before_its_end_that_was_not_read() {
    let mut heard = Heard::default();
    heard.end();
    assert!(!heard.is_silent(true) && !heard.is_silent(false), "nobody knows what was before it");
    heard.begin_anew();
    assert!(heard.is_silent(true), "it was to repeat what there is");
    assert!(!heard.is_silent(false));

    let mut heard = Heard::default();
    heard.read_up_to_here(0);
    assert!(!heard.is_silent(false), "more may come");
    heard.end();
    assert!(heard.is_silent(false));
    heard.keep(&came(0..1));
    assert!(!heard.is_silent(false));
    heard.read_up_to_here(0);
    assert!(heard.is_silent(false));
    assert!(Heard::settled().is_silent(false));
}

#[test]
fn what_an_earlier_follow_brought_is_kept_until_the_next_brings_something() {
    let mut heard = Heard::default();
    heard.keep(&came(0..3));
    heard.read_up_to_here(3);
    heard.begin_anew();
    heard.keep(&came(0..0));
    assert_eq!((heard.records.len(), heard.unread), (3, 0));
    heard.keep(&came(3..5));
    assert_eq!((heard.records.len(), heard.unread), (2, 2));
    assert!(heard.may_begin_late(2), "no read has shown what stands before them");

    heard.begin_anew();
    heard.read_up_to_here(0);
    heard.keep(&came(5..7));
    assert!(!heard.may_begin_late(2), "a read of the same time has");
}

/// With no more records than it was to repeat, a follow began where the log does.
#[test]
fn a_follow_may_begin_late_if_it_brought_as_much_as_it_was_to_repeat() {
    let mut heard = Heard::default();
    heard.keep(&came(0..3));
    assert!(heard.may_begin_late(2) && heard.may_begin_late(3) && !heard.may_begin_late(4));
    heard.read_up_to_here(3);
    assert!(!heard.may_begin_late(3));
    heard.forget();
    assert!(heard.may_begin_late(4) && heard.records.is_empty());
}

#[test]
fn the_newest_of_what_came_is_kept() {
    let mut heard = Heard::default();
    (0..2).for_each(|moment| heard.keep(&wide(moment)));
    assert!(heard.records.len() == 2 && !heard.may_begin_late(9));
    heard.keep(&wide(2));
    assert!(heard.records.len() == 1 && heard.may_begin_late(9));
    heard.read_up_to_here(1);
    assert!(heard.records.len() == 1 && !heard.may_begin_late(9));
    heard.read_up_to_here(0);
    assert!(heard.records.is_empty());
}

#[test]
fn of_what_is_left_in_a_follow_the_begin_is_kept() {
    let mut heard = Heard::default();
    (0..2).for_each(|moment| heard.keep_rest(&wide(moment)));
    assert_eq!(heard.lacks(), Some(Lost::Unknown), "more may come");
    heard.keep_rest(&came(0..0));
    heard.end();
    assert_eq!(heard.lacks(), None);
    heard.keep_rest(&wide(2));
    assert_eq!((heard.lacks(), heard.records.len()), (Some(Lost::Removed), 2));
    heard.end();
    assert_eq!(heard.lacks(), Some(Lost::Removed), "no end brings back what is not kept");
    heard.read_up_to_here(0);
    assert_eq!(heard.lacks(), Some(Lost::Unknown), "it is stored, and more may come");
}
