//! The judgement over a capture: what was stored against what the daemon had.
//!
//! Two ways. [`judge`] compares the whole sequence with the truth from the daemon's disk and holds
//! every seam to account: it must be *justified* (something is missing there) and *complete*
//! (everything missing is inside one). [`sequence`] needs no truth: it reads the numbers that the
//! generator wrote into its lines.
//!
//! The tests below drop, double, swap and alter one line each and expect to be told.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use logcap_tui::model::{Fd, Timestamp};

/// One line, from the truth or from the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct OracleLine {
    /// Which output.
    pub(crate) fd: Fd,
    /// The daemon's stamp.
    pub(crate) ts: Timestamp,
    /// The bytes without the newline.
    pub(crate) text: Vec<u8>,
}

/// What the store holds, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// A line.
    Line(OracleLine),
    /// A seam that claims a loss: `gap` or `damaged`.
    Gap,
    /// A seam that excuses what is missing without calling it lost: `not_taken`, `evicted`.
    Excused,
}

/// The verdict. All zero but `excused` and `reported` is a pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Lines of the truth that are neither stored nor inside a seam.
    pub(crate) lost_unreported: usize,
    /// Lines that are stored more often than they were written.
    pub(crate) duplicated: usize,
    /// Lines that are stored behind a later one.
    pub(crate) reordered: usize,
    /// Stored lines that nobody wrote.
    pub(crate) altered: usize,
    /// Gaps where nothing is missing.
    pub(crate) false_gaps: usize,
    /// Missing lines inside gaps: honest losses.
    pub(crate) reported: usize,
    /// Missing lines inside other seams.
    pub(crate) excused: usize,
}

impl Verdict {
    /// Whether nothing is wrong. Honest gaps pass.
    pub(crate) fn is_clean(&self) -> bool {
        *self == Self { reported: self.reported, excused: self.excused, ..Self::default() }
    }

    /// Whether nothing is wrong and nothing is missing either.
    pub(crate) fn is_complete(&self) -> bool {
        *self == Self::default()
    }
}

/// Walks both sequences. The store must be a subsequence of the truth whose holes are all seams.
pub(crate) fn judge(truth: &[OracleLine], stored: &[Item]) -> Verdict {
    let mut places: HashMap<&OracleLine, Vec<usize>> = HashMap::new();
    for (at, line) in truth.iter().enumerate() {
        places.entry(line).or_default().push(at);
    }
    let mut walk = Walk { places, next: 0, gaps: 0, excuses: 0, skipped: BTreeMap::new() };
    let mut verdict = Verdict::default();
    for item in stored {
        match item {
            Item::Gap => walk.gaps += 1,
            Item::Excused => walk.excuses += 1,
            Item::Line(line) => walk.line(line, &mut verdict),
        }
    }
    walk.skip_to(truth.len(), &mut verdict);
    for why in walk.skipped.into_values() {
        match why {
            Hole::Unreported => verdict.lost_unreported += 1,
            Hole::Reported => verdict.reported += 1,
            Hole::Excused => verdict.excused += 1,
        }
    }
    verdict
}

#[derive(Clone, Copy)]
enum Hole {
    Unreported,
    Reported,
    Excused,
}

struct Walk<'a> {
    places: HashMap<&'a OracleLine, Vec<usize>>,
    /// The first place of the truth that no stored line has reached.
    next: usize,
    /// Seams since the last line.
    gaps: usize,
    excuses: usize,
    /// Places that were passed over, and under which seam.
    skipped: BTreeMap<usize, Hole>,
}

impl Walk<'_> {
    fn line(&mut self, line: &OracleLine, verdict: &mut Verdict) {
        let Some(places) = self.places.get(line) else {
            verdict.altered += 1;
            return;
        };
        let ahead = places.partition_point(|at| *at < self.next);
        if let Some(at) = places.get(ahead).copied() {
            self.skip_to(at, verdict);
            self.next = at + 1;
        } else if let Some(at) = places.iter().find(|at| self.skipped.contains_key(at)).copied() {
            self.skipped.remove(&at);
            verdict.reordered += 1;
        } else {
            verdict.duplicated += 1;
        }
    }

    /// Passes over the truth up to a place, under the seams that stand here.
    fn skip_to(&mut self, at: usize, verdict: &mut Verdict) {
        let hole = match (self.gaps, self.excuses) {
            (0, 0) => Hole::Unreported,
            (0, _) => Hole::Excused,
            _ => Hole::Reported,
        };
        if self.next == at {
            verdict.false_gaps += self.gaps;
        } else {
            // Two gaps in a row over one hole: one of them claims a loss that is not there.
            verdict.false_gaps += self.gaps.saturating_sub(1);
        }
        self.skipped.extend((self.next..at).map(|place| (place, hole)));
        self.next = self.next.max(at);
        (self.gaps, self.excuses) = (0, 0);
    }
}

/// What the generator's own numbers say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SequenceReport {
    /// Lines of the generator.
    pub(crate) lines: usize,
    /// Numbers missing between zero and the highest, or the expected end.
    pub(crate) lost: usize,
    /// Numbers seen again.
    pub(crate) duplicated: usize,
    /// Numbers below an earlier one of the same run and stream.
    pub(crate) reordered: usize,
    /// Lines whose length, checksum or form is wrong.
    pub(crate) altered: usize,
}

impl SequenceReport {
    /// Whether every line is there once, in order, unchanged.
    pub(crate) fn is_complete(&self) -> bool {
        *self == Self { lines: self.lines, ..Self::default() }
    }
}

/// Checks lines `run stream seq len crc payload`; `expected` lines per run and stream, if known.
pub(crate) fn sequence<'a>(
    lines: impl IntoIterator<Item = &'a [u8]>,
    expected: Option<u64>,
) -> SequenceReport {
    let mut report = SequenceReport::default();
    let mut seen: BTreeMap<(String, String), BTreeSet<u64>> = BTreeMap::new();
    for line in lines {
        report.lines += 1;
        let Some((key, seq)) = generated(line) else {
            report.altered += 1;
            continue;
        };
        let numbers = seen.entry(key).or_default();
        let behind = numbers.last().is_some_and(|last| *last > seq);
        if !numbers.insert(seq) {
            report.duplicated += 1;
        } else if behind {
            report.reordered += 1;
        }
    }
    for numbers in seen.values() {
        let last = numbers.last().map_or(0, |n| n + 1);
        let total = usize::try_from(expected.unwrap_or(last)).unwrap();
        report.lost += total.saturating_sub(numbers.len());
    }
    report
}

/// Run, stream and number of a line whose payload is what its header says.
pub(crate) fn generated(line: &[u8]) -> Option<((String, String), u64)> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut parts = line.splitn(6, |b| *b == b' ');
    let mut word = || std::str::from_utf8(parts.next()?).ok();
    let (run, stream, seq) = (word()?.to_owned(), word()?.to_owned(), word()?.parse().ok()?);
    let (len, crc): (usize, u32) = (word()?.parse().ok()?, u32::from_str_radix(word()?, 16).ok()?);
    let payload = parts.next()?;
    let whole = payload.len() == len && crc32c::crc32c(payload) == crc;
    whole.then_some(((run, stream), seq))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth() -> Vec<OracleLine> {
        let line = |n: i64| OracleLine {
            fd: Fd::Stdout,
            ts: Timestamp(n),
            text: format!("line {n}").into_bytes(),
        };
        (0..10).map(line).collect()
    }

    fn stored() -> Vec<Item> {
        truth().into_iter().map(Item::Line).collect()
    }

    #[test]
    fn the_truth_itself_is_complete() {
        assert!(judge(&truth(), &stored()).is_complete());
    }

    #[test]
    fn control_a_dropped_line_is_lost() {
        let mut items = stored();
        items.remove(4);
        assert_eq!(judge(&truth(), &items), Verdict { lost_unreported: 1, ..Verdict::default() });
        let mut items = stored();
        items.truncate(7);
        assert_eq!(judge(&truth(), &items).lost_unreported, 3, "also at the end");
        assert_eq!(judge(&truth(), &[]).lost_unreported, 10, "an empty store is no pass");
    }

    #[test]
    fn a_gap_over_the_hole_is_honest() {
        let mut items = stored();
        items.splice(4..6, [Item::Gap]);
        let verdict = judge(&truth(), &items);
        assert_eq!(verdict, Verdict { reported: 2, ..Verdict::default() });
        assert!(verdict.is_clean() && !verdict.is_complete());
        let mut items = stored();
        items.splice(0..3, [Item::Excused]);
        assert_eq!(judge(&truth(), &items), Verdict { excused: 3, ..Verdict::default() });
    }

    #[test]
    fn control_a_gap_beside_the_hole_is_false_and_the_hole_unreported() {
        let mut items = stored();
        items.remove(4);
        items.insert(7, Item::Gap);
        let verdict = judge(&truth(), &items);
        assert_eq!((verdict.lost_unreported, verdict.false_gaps), (1, 1));
    }

    #[test]
    fn control_a_doubled_line_is_duplicated() {
        let mut items = stored();
        items.insert(6, items[2].clone());
        assert_eq!(judge(&truth(), &items), Verdict { duplicated: 1, ..Verdict::default() });
    }

    #[test]
    fn control_two_swapped_lines_are_reordered() {
        let mut items = stored();
        items.swap(3, 4);
        assert_eq!(judge(&truth(), &items), Verdict { reordered: 1, ..Verdict::default() });
    }

    #[test]
    fn control_a_changed_byte_is_altered_and_lost() {
        let mut items = stored();
        if let Item::Line(line) = &mut items[5] {
            line.text[0] = b'L';
        }
        let verdict = judge(&truth(), &items);
        assert_eq!((verdict.altered, verdict.lost_unreported), (1, 1));
    }

    #[test]
    fn identical_lines_count() {
        let same = OracleLine { fd: Fd::Stderr, ts: Timestamp(1), text: b"x".to_vec() };
        let truth = vec![same.clone(); 5];
        let items = |n| vec![Item::Line(same.clone()); n];
        assert!(judge(&truth, &items(5)).is_complete());
        assert_eq!(judge(&truth, &items(4)).lost_unreported, 1);
        assert_eq!(judge(&truth, &items(6)).duplicated, 1);
    }

    fn generated_lines() -> Vec<Vec<u8>> {
        let line = |seq: u64| {
            let payload = format!("payload {seq}");
            let (len, crc) = (payload.len(), crc32c::crc32c(payload.as_bytes()));
            format!("r0 stdout {seq} {len} {crc:08x} {payload}").into_bytes()
        };
        (0..10).map(line).collect()
    }

    fn report(lines: &[Vec<u8>], expected: Option<u64>) -> SequenceReport {
        sequence(lines.iter().map(Vec::as_slice), expected)
    }

    #[test]
    fn controls_of_the_sequence_check() {
        let whole = generated_lines();
        assert!(report(&whole, Some(10)).is_complete());
        assert_eq!(report(&whole, Some(12)).lost, 2);
        let mut dropped = whole.clone();
        dropped.remove(3);
        assert_eq!(report(&dropped, None).lost, 1);
        let mut doubled = whole.clone();
        doubled.insert(5, whole[1].clone());
        assert_eq!(report(&doubled, None).duplicated, 1);
        let mut swapped = whole.clone();
        swapped.swap(3, 4);
        assert_eq!(report(&swapped, None).reordered, 1);
        let mut altered = whole;
        *altered[2].last_mut().unwrap() = b'!';
        assert_eq!((report(&altered, None).altered, report(&altered, None).lost), (1, 1));
    }
}
