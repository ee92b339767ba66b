//! Counting: what a log holds by the number of its records, without keeping them.
//!
//! Where a tail begins is counted from the log's end, whatever the daemon leaves out of it because it
//! cannot decode a record. So if just `n` records follow one, a tail of `n + 1` begins with that.
//!
//! A log that grows begins each tail later. So how much it has grown is asked right before, by a tail
//! of a few records, and the tail is longer by that. If it begins with the record that is looked for,
//! then nothing was left out, and nothing has come in between either. Measured on 20.10.24, a log of
//! 90,000 records to which 100 were added each second: the short tail takes 1 ms, the begin of the
//! long one 20 ms, but that counts from the moment when it is asked for.

use super::capture::Break;
use super::cursor::Fingerprint;
use super::peek::Lead;
use super::shared::Shared;
use crate::docker::{DockerError, LogRequest, Step, Tail};
use crate::model::Batch;

/// How often the begin of a tail is looked at where the log grows meanwhile.
const LOOKS: u32 = 4;
/// Short tails that are asked for to find out how much it has grown.
const ENDS: u32 = 24;
/// Records by which a log may have grown since a long answer, to be counted.
const NEAR: u64 = 64;
/// Records at the begin of an answer that are remembered.
const FRONT: usize = 1 << 16;

/// What a tail holds.
pub(super) struct Count {
    pub(super) came: u64,
    /// Its first records.
    front: Vec<Fingerprint>,
    pub(super) last: Option<Fingerprint>,
    /// The daemon reported no fault.
    pub(super) ends: bool,
}

impl Count {
    fn add(&mut self, fp: Fingerprint) {
        if self.front.len() < FRONT {
            self.front.push(fp);
        }
        self.last = Some(fp);
        self.came += 1;
    }

    pub(super) fn is_clean(&self, asked: u64) -> bool {
        self.ends && self.came >= asked
    }

    /// How many records stand behind this one, and the last of them.
    fn behind(&self, last: Fingerprint) -> Option<(u64, Fingerprint)> {
        let behind = self.front.iter().rev().position(|fp| *fp == last)?;
        Some((behind as u64, self.last?))
    }

    fn lead(&self) -> Option<Lead> {
        self.runs().next()
    }

    /// At which of its records a tail begins that begins like this.
    pub(super) fn place(&self, lead: Option<Lead>) -> Option<u64> {
        let lead = lead?;
        let mut behind = 0;
        self.runs().find_map(|own| {
            behind += own.run;
            (own.fp == lead.fp && own.run >= lead.run).then(|| (behind - lead.run) as u64)
        })
    }

    fn runs(&self) -> impl Iterator<Item = Lead> {
        let runs = self.front.chunk_by(|one, next| one == next);
        runs.filter_map(|run| Some(Lead { fp: *run.first()?, run: run.len() }))
    }
}

/// What was found out about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    Yes,
    No,
    /// The log grew with every look.
    Grows,
    /// It is another one by now, or it changes too fast.
    Unsure,
}

/// What stands behind the record that was a log's last.
pub(super) enum Behind {
    /// So many records, of which this is the last now.
    Grown(u64, Fingerprint),
    /// It is not found again, and whether the log rests.
    Lost { rests: bool },
    /// More than is looked through, and whether the log rests.
    Much { rests: bool },
}

/// Records that came in a row: the first of them, how many came behind it, and the last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub(super) first: Fingerprint,
    pub(super) behind: u64,
    pub(super) last: Fingerprint,
}

/// Whether nothing was left out of a stretch that reached to the log's end. Of identical records in a
/// row any may be the first.
pub(super) async fn is_whole(
    shared: &Shared,
    request: &LogRequest,
    stretch: Stretch,
) -> Result<Whole, Break> {
    let Stretch { first, behind: mut length, mut last } = stretch;
    length += 1;
    let mut other = None;
    for _ in 0..LOOKS {
        let (grown, end) = match grown(shared, request, last).await? {
            None => return Ok(Whole::Grows),
            Some(Behind::Grown(grown, end)) => (grown, end),
            Some(Behind::Lost { rests: true }) => return Ok(Whole::No),
            // Nothing new came, and yet there is much. Behind something new it comes next time.
            Some(Behind::Much { rests: true }) if stretch.behind == 0 => return Ok(Whole::No),
            Some(Behind::Lost { .. } | Behind::Much { .. }) => return Ok(Whole::Unsure),
        };
        if let Some(other) = other.filter(|_| grown == 0) {
            // If it is all there is, the first record was rotated away meanwhile.
            let longer = lead(shared, request, length.saturating_mul(2)).await?;
            let is_all = longer.is_none_or(|longer| longer == other);
            // What comes may rotate the files.
            let still = self::grown(shared, request, end).await?;
            let rests = matches!(still, Some(Behind::Grown(0, _)));
            return Ok(if rests && !is_all { Whole::No } else { Whole::Unsure });
        }
        (length, last) = (length + grown, end);
        match lead(shared, request, length).await? {
            Some(begin) if begin.fp == first => return Ok(Whole::Yes),
            Some(begin) => other = Some(begin),
            None => return Ok(Whole::Unsure),
        }
    }
    Ok(Whole::Grows)
}

/// What stands behind the record that was the last a moment ago. `None` if the log grows so fast that
/// none of its last records is there any more with each look.
async fn grown(
    shared: &Shared,
    request: &LogRequest,
    last: Fingerprint,
) -> Result<Option<Behind>, Break> {
    let near = count(shared, request, Tail::Last(NEAR)).await?;
    if let Some((grown, end)) = near.behind(last).filter(|_| near.is_clean(NEAR)) {
        return Ok(Some(Behind::Grown(grown, end)));
    }
    let again = count(shared, request, Tail::Last(NEAR)).await?;
    if near.last.is_some_and(|last| again.behind(last).is_none()) {
        return Ok(None);
    }
    behind(shared, request, last).await.map(Some)
}

/// How many records stand behind the one that was the last.
pub(super) async fn behind(
    shared: &Shared,
    request: &LogRequest,
    last: Fingerprint,
) -> Result<Behind, Break> {
    let (mut asked, mut newest) = (1, None);
    let mut is_much = false;
    for _ in 0..ENDS {
        let end = count(shared, request, Tail::Last(asked)).await?;
        newest = newest.or(end.last);
        match end.behind(last) {
            Some((grown, now)) if end.is_clean(asked) => return Ok(Behind::Grown(grown, now)),
            _ if end.is_clean(asked) => asked *= 2,
            // It reaches back over the begin, or over something broken.
            _ => asked = end.came.clamp(1, asked),
        }
        is_much = asked > FRONT as u64;
        if is_much {
            break;
        }
    }
    let rests = count(shared, request, Tail::Last(1)).await?.last == newest;
    Ok(if is_much { Behind::Much { rests } } else { Behind::Lost { rests } })
}

/// Reads a tail to its end and keeps next to nothing of it.
pub(super) async fn count(
    shared: &Shared,
    request: &LogRequest,
    tail: Tail,
) -> Result<Count, Break> {
    read(shared, request, tail, |_| false).await
}

/// How a tail begins.
pub(super) async fn lead(
    shared: &Shared,
    request: &LogRequest,
    asked: u64,
) -> Result<Option<Lead>, Break> {
    let is_known = |count: &Count| count.lead().is_some_and(|lead| lead.run < count.front.len());
    Ok(read(shared, request, Tail::Last(asked), is_known).await?.lead())
}

async fn read(
    shared: &Shared,
    request: &LogRequest,
    tail: Tail,
    is_enough: impl Fn(&Count) -> bool,
) -> Result<Count, Break> {
    let request = LogRequest { tail, ..request.clone() };
    let mut stream = shared.docker().open_log(None, &request).await?;
    let mut count = Count { came: 0, front: Vec::new(), last: None, ends: true };
    let mut piece = Batch::new();
    loop {
        let step = stream.next(&mut piece).await;
        piece.iter().for_each(|record| count.add(Fingerprint::of(&record)));
        piece.clear();
        match step {
            Ok(Step::Records(_)) if !is_enough(&count) => {}
            Ok(Step::Records(_) | Step::End) => return Ok(count),
            Err(DockerError::Fault { .. }) => return Ok(Count { ends: false, ..count }),
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Fd, RecordRef, Timestamp};

    fn fp(text: u8) -> Fingerprint {
        let bytes = &[text];
        Fingerprint::of(&RecordRef { fd: Fd::Stdout, ts: Timestamp(0), newline: true, bytes })
    }

    fn counted(texts: &[u8]) -> Count {
        let mut count = Count { came: 0, front: Vec::new(), last: None, ends: true };
        for text in texts {
            count.add(fp(*text));
        }
        count
    }

    /// Of identical records in a row only their number tells which of them is the first.
    #[test]
    fn the_begin_of_a_tail_is_found_in_a_longer_one() {
        let count = counted(b"aabbbc");
        let place = |text, run| count.place(Some(Lead { fp: fp(text), run }));
        assert_eq!((place(b'a', 2), place(b'a', 1)), (Some(0), Some(1)));
        assert_eq!((place(b'b', 3), place(b'b', 2)), (Some(2), Some(3)));
        assert_eq!((place(b'b', 4), place(b'c', 1), place(b'd', 1)), (None, Some(5), None));
        assert_eq!(count.place(None), None);
        let lead = Lead { fp: fp(b'a'), run: 2 };
        assert_eq!((count.lead(), counted(b"").lead()), (Some(lead), None));
    }

    #[test]
    fn what_stands_behind_a_record_is_counted_from_the_last_such_one() {
        let count = counted(b"abac");
        assert_eq!(count.behind(fp(b'a')), Some((1, fp(b'c'))));
        assert_eq!(count.behind(fp(b'c')), Some((0, fp(b'c'))));
        assert_eq!(count.behind(fp(b'd')), None);
    }

    #[test]
    fn a_tail_is_clean_if_as_much_came_as_was_asked_for() {
        let mut count = counted(b"abc");
        assert!(count.is_clean(2) && count.is_clean(3) && !count.is_clean(4));
        count.ends = false;
        assert!(!count.is_clean(3));
    }

    /// Of more than is remembered the end is not found, rather than a wrong number.
    #[test]
    fn the_front_of_a_long_tail_is_remembered() {
        let count = counted(&[&vec![b'a'; FRONT][..], b"b"].concat());
        assert_eq!((count.came, count.front.len()), (FRONT as u64 + 1, FRONT));
        assert_eq!((count.last, count.behind(fp(b'b'))), (Some(fp(b'b')), None));
    }
}
