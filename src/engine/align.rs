//! The aligner: finds the end of what is stored inside an answer of the daemon, and so tells
//! stored records from new ones. Pure, and the only one.
//!
//! It looks for the cursor's runs in order. The interior runs must be equal; the first and the
//! last at least ours, because a cursor may begin and end inside a run. Where the answer itself
//! begins inside the runs (the daemon's oldest file was rotated away), their rest must stand at
//! its very front. Timestamps decide nothing
//! about new or missing: file order is not time order. They serve in two places only. A follow
//! whose timestamp goes back on one fd is doubted ([`Doubt::WentBack`]; 0 of 120,127 records did
//! so without cause). And they tell when a match is *anchored*: when the runs hold two timestamps
//! of one fd, the same pattern cannot come again. An unanchored match (everything known lies
//! inside one tie of timestamps) is held back until the tie has ended, and reported as ambiguous
//! when the pattern fits in more than one place. Where the daemon's log begins inside such a tie,
//! what was rotated away may have been more of the same ([`Missing::Unknown`]).

use std::collections::VecDeque;

use super::cursor::{Cursor, Fingerprint, LastOf, LastPerFd, Origin, Run};
use crate::model::{Fd, RecordRef, Timestamp};

/// Why an answer cannot be used as a continuation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Doubt {
    /// A follow sent a record older than the last of its fd, or that record again: it replays.
    WentBack,
    /// A follow went on for longer than its backlog without the stored end coming by.
    NotJoined,
}

impl Doubt {
    /// Words for the screen and for counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WentBack => "follow went back",
            Self::NotJoined => "follow never reached the stored end",
        }
    }
}

/// What one record turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not decided yet: keep it, it may be stored or new.
    Seeking,
    /// Decided by this record: the first `overlap` records of this answer are stored, all others
    /// so far are new.
    Joined(Join),
    /// New.
    New,
    /// The answer cannot be used from here on.
    Doubt(Doubt),
}

/// Where an answer continues the stored log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Join {
    /// Records of the answer that are stored already.
    pub overlap: u64,
    /// Records that may be missing behind them.
    pub missing: Missing,
}

/// How many records may be missing at a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// None: it is proved.
    Nothing,
    /// A tie hides the place; so many at most.
    AtMost(u64),
    /// The answer begins inside the tie: nobody can tell.
    Unknown,
}

/// What an answer that ended turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It had joined: everything up to its end is now known.
    CaughtUp,
    /// It joins at its very end: of all its records the first `overlap` are stored, the rest new.
    JoinedAtEnd(Join),
    /// It is complete and the stored end is not in it.
    Absent,
    /// It is not complete and did not join: ask for more.
    More,
}

/// What kind of answer is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A bounded read. `all`: it was asked for everything that the daemon holds.
    Read {
        /// Whether the whole log was asked for.
        all: bool,
    },
    /// A trusted follow, with the number of records by which it must have joined.
    Follow {
        /// Records after which not having joined is a doubt.
        patience: u64,
    },
}

#[derive(Debug)]
enum Stage {
    /// `front`: the answer began with an unanchored rest of the pattern.
    Seek {
        front: Option<Rest>,
    },
    /// Unanchored: first and last place where the pattern fitted.
    Held {
        first: u64,
        last: u64,
    },
    Joined,
}

/// A rest of the pattern at the very front of an answer.
#[derive(Debug, Clone, Copy)]
struct Rest {
    /// It ends behind so many records.
    at: u64,
    /// It lies in a tie: what was lost before it may have been more of the same.
    tied: bool,
}

impl Rest {
    fn join(self) -> Join {
        let missing = if self.tied { Missing::Unknown } else { Missing::Nothing };
        Join { overlap: self.at, missing }
    }
}

/// Aligns one answer with one cursor.
#[derive(Debug)]
pub struct Aligner {
    pattern: Vec<Run>,
    last: LastPerFd,
    source: Source,
    window: VecDeque<(Fingerprint, u64)>,
    fed: u64,
    /// Records at the very front of the answer that are like the pattern's last.
    like_the_end: u64,
    /// The answer holds, before the match, another timestamp of the pattern's last fd.
    tie_began_inside: bool,
    stage: Stage,
}

impl Aligner {
    /// An aligner of one answer from `source` against `cursor`.
    pub fn new(cursor: &Cursor, source: Source) -> Self {
        let pattern: Vec<Run> = cursor.runs().copied().collect();
        // With nothing stored there is nothing to look for. A partial read cannot know that it
        // holds the beginning, so it still has to show that it is complete.
        let from_start = match source {
            Source::Read { all } => all || cursor.origin() == Origin::Unadopted,
            Source::Follow { .. } => true,
        };
        let stage = if pattern.is_empty() && from_start {
            Stage::Joined
        } else {
            Stage::Seek { front: None }
        };
        Self {
            last: cursor.last(),
            window: VecDeque::with_capacity(pattern.len() + 1),
            pattern,
            source,
            fed: 0,
            like_the_end: 0,
            tie_began_inside: false,
            stage,
        }
    }

    /// Whether the answer is known to continue the stored log.
    pub fn is_joined(&self) -> bool {
        matches!(self.stage, Stage::Joined)
    }

    /// Index of the first fed record that may still turn out to be new after a join; everything
    /// before it is needed only if the cursor turns out to be absent.
    pub fn keep_from(&self) -> u64 {
        match self.stage {
            Stage::Held { first, .. } => first,
            Stage::Seek { front } => front.map_or(self.fed, |front| front.at),
            Stage::Joined => self.fed,
        }
    }

    /// Takes the next record of the answer.
    pub fn feed(&mut self, record: &RecordRef<'_>) -> Verdict {
        if self.is_joined() {
            return self.feed_joined(record);
        }
        if let Stage::Held { first, last } = self.stage
            && self.ends_tie(record)
        {
            return self.release(first, last);
        }
        self.fed += 1;
        self.note(record);
        if let Some(matched) = self.matched_here() {
            if is_anchored(matched, self.source) {
                self.stage = Stage::Joined;
                return Verdict::Joined(Join { overlap: self.fed, missing: Missing::Nothing });
            }
            let skipped = self.pattern.len() - matched.len();
            self.hold(skipped);
        }
        match self.source {
            Source::Follow { patience } if self.fed > patience => Verdict::Doubt(Doubt::NotJoined),
            _ => Verdict::Seeking,
        }
    }

    /// Decides an open tie by what was seen so far, because holding it back would need too much
    /// memory. A rest of the pattern at the front says something only of a complete answer.
    pub fn force(&mut self) -> Option<Join> {
        let is_all = self.source == Source::Read { all: true };
        let decided = match self.stage {
            Stage::Held { first, last } => self.join(first, last),
            Stage::Seek { front: Some(front) } if is_all => front.join(),
            Stage::Seek { front: None } if is_all => self.what_is_left_of_a_run()?,
            Stage::Seek { .. } | Stage::Joined => return None,
        };
        self.stage = Stage::Joined;
        Some(decided)
    }

    /// Judges the answer at its clean end. `complete`: it holds everything that the daemon has
    /// (fewer records came than were asked for, or all were).
    pub fn finish(&mut self, complete: bool) -> Ending {
        match self.stage {
            Stage::Joined => Ending::CaughtUp,
            Stage::Held { first, last } if complete || self.tie_began_inside => {
                self.stage = Stage::Joined;
                Ending::JoinedAtEnd(self.join(first, last))
            }
            Stage::Seek { .. } if complete && self.pattern.is_empty() => {
                Ending::JoinedAtEnd(self.join(0, 0))
            }
            Stage::Seek { front: Some(front) } if complete => Ending::JoinedAtEnd(front.join()),
            Stage::Seek { front: None } if complete => {
                self.what_is_left_of_a_run().map_or(Ending::Absent, Ending::JoinedAtEnd)
            }
            Stage::Seek { .. } | Stage::Held { .. } => Ending::More,
        }
    }

    /// Where the answer begins with records like the stored end: the begin of their run is gone, and
    /// what is left of it may be stored or not.
    fn what_is_left_of_a_run(&self) -> Option<Join> {
        let left = Rest { at: self.like_the_end, tied: true };
        (left.at > 0).then(|| left.join())
    }

    fn feed_joined(&mut self, record: &RecordRef<'_>) -> Verdict {
        self.fed += 1;
        if let Source::Follow { .. } = self.source {
            let now = LastOf { ts: record.ts, fp: Fingerprint::of(record) };
            if let Some(last) = self.last.get(record.fd)
                && (now.ts < last.ts || (record.newline && now == last))
            {
                return Verdict::Doubt(Doubt::WentBack);
            }
            self.last.set(record.fd, now);
        }
        Verdict::New
    }

    /// Adds the record to the run-length coded window over the answer's last records.
    fn note(&mut self, record: &RecordRef<'_>) {
        let fp = Fingerprint::of(record);
        if let (Stage::Seek { front: Some(front) }, Some(end)) =
            (&mut self.stage, self.pattern.last())
        {
            front.tied |= end.fd == record.fd && end.ts == record.ts && may_repeat(end, fp);
        }
        let like_the_end = self.pattern.last().is_some_and(|end| end.fp == fp);
        self.like_the_end += u64::from(like_the_end && self.like_the_end + 1 == self.fed);
        match self.window.back_mut() {
            Some((last, count)) if *last == fp => *count += 1,
            _ => self.window.push_back((fp, 1)),
        }
        if self.window.len() > self.pattern.len().max(1) {
            self.window.pop_front();
        }
        if matches!(self.stage, Stage::Seek { .. })
            && self.tie().is_some_and(|(fd, ts)| record.fd == fd && record.ts != ts)
        {
            self.tie_began_inside = true;
        }
    }

    /// The part of the pattern that ends exactly here: the whole, or its rest where the window
    /// reaches back to the answer's first record.
    fn matched_here(&self) -> Option<&[Run]> {
        let at_front = self.window.iter().map(|(_, count)| count).sum::<u64>() == self.fed;
        // Shorter than the pattern is the window only while it holds the whole answer so far.
        let skipped = self.pattern.len().checked_sub(self.window.len())?;
        let part = self.pattern.get(skipped..)?;
        let alone = part.len() == 1;
        let fits = part.iter().zip(&self.window).enumerate().all(|(at, (ours, &(fp, count)))| {
            let enough = match at {
                // A single run is first and last: the whole pattern fits from our length on.
                0 if alone && skipped == 0 => count >= ours.count,
                0 if alone => count == ours.count,
                // The first run may have begun before ours, or be cut by the answer's begin.
                0 => count >= ours.count || at_front,
                _ => count == ours.count,
            };
            ours.fp == fp && enough
        });
        (fits && !part.is_empty()).then_some(part)
    }

    /// Notes an unanchored match that ends here, of the pattern without its first `skipped` runs.
    fn hold(&mut self, skipped: usize) {
        let at = self.fed;
        self.stage = match self.stage {
            Stage::Held { first, .. } => Stage::Held { first, last: at },
            Stage::Seek { front } if skipped == 0 => {
                Stage::Held { first: front.map_or(at, |front| front.at), last: at }
            }
            Stage::Seek { .. } => {
                Stage::Seek { front: Some(Rest { at, tied: self.is_tied(skipped) }) }
            }
            Stage::Joined => Stage::Joined,
        };
    }

    /// Whether the pattern behind its first `skipped` runs lies in a tie, with the run before it.
    fn is_tied(&self, skipped: usize) -> bool {
        let end = self.pattern.last();
        let of_the_end = |run: &&Run| end.is_some_and(|end| (run.fd, run.ts) == (end.fd, end.ts));
        let runs = self.pattern.iter().skip(skipped.saturating_sub(1)).filter(of_the_end);
        let repeats = runs.clone().zip(runs.skip(1)).any(|(run, next)| may_repeat(run, next.fp));
        repeats || end.is_some_and(|end| end.count > 1)
    }

    /// The last possible place: nothing is stored twice, and what may be missing is said.
    fn join(&self, first: u64, last: u64) -> Join {
        let missing = match last - first {
            0 => Missing::Nothing,
            places if self.tie_began_inside => Missing::AtMost(places),
            // There may be earlier ones, before the answer's begin.
            _ => Missing::Unknown,
        };
        Join { overlap: last, missing }
    }

    /// Fd and timestamp of the pattern's last run: the tie that an unanchored match lies in.
    fn tie(&self) -> Option<(Fd, Timestamp)> {
        self.pattern.last().map(|run| (run.fd, run.ts))
    }

    fn ends_tie(&self, record: &RecordRef<'_>) -> bool {
        self.tie().is_some_and(|(fd, ts)| record.fd == fd && record.ts != ts)
    }

    /// The tie ended with `record`: the place is decided, unless an earlier one may lie before
    /// the answer's begin, which only a longer answer can show.
    fn release(&mut self, first: u64, last: u64) -> Verdict {
        self.fed += 1;
        let all = matches!(self.source, Source::Read { all: true } | Source::Follow { .. });
        if all || self.tie_began_inside {
            self.stage = Stage::Joined;
            return Verdict::Joined(self.join(first, last));
        }
        // Stay held: `finish` decides by completeness.
        Verdict::Seeking
    }
}

/// Whether a record of the same output and moment right behind `run` shows that records can come
/// again: it is another line, or the same piece. The pieces of one long line share their moment.
fn may_repeat(run: &Run, next: Fingerprint) -> bool {
    run.newline || run.fp == next
}

/// Whether the pattern can stand in one place only. Two timestamps of one fd cannot come again in
/// that order. In a trusted follow a whole line is enough: its repeat would be doubted anyway.
fn is_anchored(pattern: &[Run], source: Source) -> bool {
    let whole_line = pattern.last().is_some_and(|run| run.newline);
    if whole_line && matches!(source, Source::Follow { .. }) {
        return true;
    }
    pattern.iter().any(|run| pattern.iter().any(|other| other.fd == run.fd && other.ts != run.ts))
}

#[cfg(test)]
#[path = "align_tests.rs"]
mod tests;
