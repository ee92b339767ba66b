//! The judgement over one log: is there any way to lay what is stored over the truth?
//!
//! The store is a row of stretches with seams between them. The contract says that neighbours
//! inside a stretch were neighbours in the daemon's log, so each stretch has to be found in the
//! truth whole and unchanged, all of them in order, and every seam has to account for what lies
//! between: a gap for at least one record that is missing (or for a place that nobody can prove,
//! because the last stored record was lost before it was read again), an ambiguity for at most as
//! many as it says, a join for none. Records that are alike may lie in several places; one way to
//! lay them is enough.

use logcap_tui::model::{Lost, Seam, SeamKind, Seq};

use crate::oracle::{Item, OracleLine, judge};

/// What is stored of one log: lines and seams, in order.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    Line(OracleLine),
    Seam(SeamKind, Option<Lost>),
}

/// The pieces of a log from its records and its seams.
pub(crate) fn pieces(lines: Vec<(Seq, OracleLine)>, seams: &[Seam]) -> Vec<Piece> {
    let mut all: Vec<((i64, u8), Piece)> =
        lines.into_iter().map(|(seq, line)| ((seq.0, 0), Piece::Line(line))).collect();
    for seam in seams {
        // A seam stands right behind `after_seq`; no record has its place.
        let piece = Piece::Seam(seam.what.kind, seam.what.lost.clone());
        all.push(((seam.after_seq.0, 1), piece));
    }
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, piece)| piece).collect()
}

/// The truth about one log.
pub(crate) struct Truth {
    pub(crate) lines: Vec<OracleLine>,
    /// Records that cannot be read any more.
    pub(crate) lost: Vec<bool>,
    /// Records that the daemon cannot decode, where it says nothing of them: its answers may begin
    /// anywhere behind them.
    pub(crate) broken: Vec<bool>,
    /// Records that were lost before the log was first seen: nobody claims them.
    pub(crate) before_us: Vec<bool>,
    /// Records at the front that may be missing without a seam.
    pub(crate) front: usize,
    /// What is claimed of its end.
    pub(crate) end: End,
}

/// What is claimed of the end of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It is stored.
    Stored,
    /// The container was removed under the eyes of the engine: a gap says what may be missing.
    Doubted,
    /// It was removed while nobody looked on.
    Nobodys,
}

/// What is wrong with a log, in words.
pub(crate) fn check(truth: &Truth, stored: &[Piece]) -> Result<(), String> {
    // Where the truth may go on behind what was laid so far.
    let mut reach = vec![false; truth.lines.len() + 1];
    reach[..=truth.front].fill(true);
    pass_what_nobody_claims(truth, &mut reach);
    let mut rest = stored;
    let mut at = 0;
    while !rest.is_empty() {
        let seam = match &rest[0] {
            Piece::Seam(kind, lost) => {
                rest = &rest[1..];
                Some((*kind, lost.clone()))
            }
            Piece::Line(_) => None,
        };
        let length = rest.iter().take_while(|piece| matches!(piece, Piece::Line(_))).count();
        if length == 0
            && let (Some(Piece::Seam(kind, lost)), Some(seam)) = (rest.first(), &seam)
            && (*kind, lost) == (seam.0, &seam.1)
        {
            return Err(format!("the seam {seam:?} is recorded again\n{}", map(truth, stored)));
        }
        let is_open = matches!(seam, Some((SeamKind::Gap, Some(Lost::Unknown))));
        if is_open && rest.is_empty() && truth.end != End::Stored {
            // Whether there was more, nobody can tell.
            return Ok(());
        }
        let stretch: Vec<&OracleLine> = rest[..length].iter().filter_map(line).collect();
        rest = &rest[length..];
        reach = lay(truth, &reach, seam.as_ref(), &stretch);
        if !reach.contains(&true) {
            return Err(format!(
                "stretch of {length} records behind {at} pieces, after seam {seam:?}, fits nowhere; {}\n{}",
                by_the_other_oracle(truth, stored),
                map(truth, stored)
            ));
        }
        at += length + usize::from(seam.is_some());
    }
    let is_told = || matches!(stored.last(), Some(Piece::Seam(SeamKind::Gap, _)));
    let may_miss = match truth.end {
        End::Stored => false,
        End::Doubted => is_told(),
        End::Nobodys => true,
    };
    if reach.last() == Some(&true) || may_miss {
        return Ok(());
    }
    let best = reach.iter().rposition(|here| *here).unwrap_or(0);
    Err(format!(
        "the last {} of {} records are missing without a seam; {}\n{}",
        truth.lines.len() - best,
        truth.lines.len(),
        by_the_other_oracle(truth, stored),
        map(truth, stored)
    ))
}

/// The same of a log of which anything may be missing in silence: nothing is stored twice, altered or
/// out of order.
pub(crate) fn check_order(truth: &Truth, stored: &[Piece]) -> Result<(), String> {
    let mut rest = truth.lines.iter();
    let lines = stored.iter().filter_map(line);
    match lines.enumerate().find(|(_, line)| !rest.any(|other| other == *line)) {
        None => Ok(()),
        Some((at, line)) => {
            let map = map(truth, stored);
            Err(format!("line {at} is stored twice, or out of order: {line:?}\n{map}"))
        }
    }
}

/// For each gap around just one damaged record, how many others it hides that could have been read.
/// Only gaps of which the place is certain.
pub(crate) fn hidden_beside_one(truth: &Truth, stored: &[Piece]) -> Vec<usize> {
    let place = |piece: &Piece| {
        let line = line(piece)?;
        let mut places = (0..truth.lines.len()).filter(|at| truth.lines[*at] == *line);
        places.next().filter(|_| places.next().is_none())
    };
    let hidden = |around: &[Piece]| {
        let [before, Piece::Seam(SeamKind::Gap, Some(Lost::Corrupt(_))), behind] = around else {
            return None;
        };
        let inside = place(before)? + 1..place(behind)?;
        let damaged = truth.broken.get(inside.clone())?.iter().filter(|broken| **broken).count();
        let is_lost = truth.lost.get(inside.clone())?.contains(&true);
        (damaged == 1 && !is_lost).then(|| inside.len() - 1)
    };
    stored.windows(3).filter_map(hidden).collect()
}

fn line(piece: &Piece) -> Option<&OracleLine> {
    match piece {
        Piece::Line(line) => Some(line),
        Piece::Seam(..) => None,
    }
}

/// Where the truth may go on behind one more stretch.
fn lay(
    truth: &Truth,
    reach: &[bool],
    seam: Option<&(SeamKind, Option<Lost>)>,
    stretch: &[&OracleLine],
) -> Vec<bool> {
    let first = reach.iter().position(|here| *here).unwrap_or(reach.len());
    // Of a tie whose begin is lost nobody can tell how many are left.
    let unproved = |at: usize| {
        let before = truth.lines[..at].iter().zip(&truth.lost).rev();
        let tied = before.take_while(|(line, _)| Some(*line) == truth.lines[..at].last());
        tied.into_iter().any(|(_, lost)| *lost)
    };
    // Whether nobody can prove the place: the log begins between records of the moment of the one
    // before `at` and may have held more of them, or there is another that is the same.
    let is_hidden = |at: usize| {
        let Some(end) = at.checked_sub(1).map(|last| &truth.lines[last]) else { return false };
        let alike = |n: &usize| truth.lines[*n].fd == end.fd;
        let is_tied = |n: &usize| truth.lines[*n].ts == end.ts;
        let begin = (0..at).rev().filter(alike).take_while(is_tied).last().unwrap_or(at);
        // What was lost may have been of that output.
        let same_fd = (0..begin).rev().find(alike).unwrap_or(0);
        let cut = |n: usize| truth.lost[n] || truth.broken[n];
        let before =
            truth.lost[same_fd..begin].contains(&true) || truth.broken[..begin].contains(&true);
        let goes_on = (at..truth.lines.len()).find(alike).is_some_and(|n| is_tied(&n));
        let more = goes_on || begin + 1 < at;
        let twice = truth.lines.iter().filter(|line| *line == end).count() > 1;
        (begin..at).any(cut) || (before && (more || twice)) || (begin == 0 && twice)
    };
    let begins = |at: usize| match seam {
        None | Some((SeamKind::Joined, _)) => reach[at],
        Some((_, Some(Lost::Ambiguous(most)))) => {
            let most = usize::try_from(*most).unwrap_or(usize::MAX);
            reach[at.saturating_sub(most)..=at].contains(&true)
        }
        // Whether a log that was first seen when its files were full has lost its front, nobody can
        // tell; that is what this word says.
        Some((SeamKind::Gap, Some(Lost::Unknown))) if at == 0 => reach[0],
        Some((SeamKind::Gap, Some(Lost::Unknown))) => first < at || (reach[at] && is_hidden(at)),
        // What these say is gone has to be gone.
        Some((SeamKind::Gap, Some(Lost::Rotated | Lost::Truncated))) => {
            let gone = |from: usize| truth.lost[from..at].contains(&true);
            (first..at).any(|from| reach[from] && gone(from)) || (reach[at] && unproved(at))
        }
        Some((SeamKind::Gap | SeamKind::Damaged, _)) => first < at || (reach[at] && unproved(at)),
        Some((SeamKind::NotTaken | SeamKind::Evicted, _)) => first <= at,
    };
    let mut here: Vec<usize> = (0..reach.len()).filter(|at| begins(*at)).collect();
    for line in stretch {
        let mut next = Vec::with_capacity(here.len());
        for at in here {
            // Whatever nobody claims may be passed over.
            let mut at = at;
            loop {
                if truth.lines.get(at) == Some(*line) {
                    next.push(at + 1);
                }
                if truth.before_us.get(at) != Some(&true) {
                    break;
                }
                at += 1;
            }
        }
        next.sort_unstable();
        next.dedup();
        here = next;
    }
    let mut next = vec![false; reach.len()];
    for at in here {
        next[at] = true;
    }
    pass_what_nobody_claims(truth, &mut next);
    next
}

fn pass_what_nobody_claims(truth: &Truth, reach: &mut [bool]) {
    for at in 0..truth.lines.len() {
        reach[at + 1] |= reach[at] && truth.before_us[at];
    }
}

/// Counts for the message: the greedy oracle says roughly what kind of wrong it is.
fn by_the_other_oracle(truth: &Truth, stored: &[Piece]) -> String {
    let items: Vec<Item> = stored
        .iter()
        .filter_map(|piece| match piece {
            Piece::Line(line) => Some(Item::Line(line.clone())),
            Piece::Seam(SeamKind::Gap | SeamKind::Damaged, _) => Some(Item::Gap),
            Piece::Seam(SeamKind::NotTaken | SeamKind::Evicted, _) => Some(Item::Excused),
            Piece::Seam(SeamKind::Joined, _) => None,
        })
        .collect();
    format!("{:?}", judge(&truth.lines, &items))
}

/// Where what is stored lies in the truth, for the message.
fn map(truth: &Truth, stored: &[Piece]) -> String {
    let lost = ranges(truth.lost.iter().copied());
    let nobodys = ranges(truth.before_us.iter().copied());
    let (all, front) = (truth.lines.len(), truth.front);
    let mut rows = vec![format!(
        "truth: {all} records, lost {lost:?}, nobody's {nobodys:?}, unbounded front {front}"
    )];
    let mut stretch = 0..0;
    let close = |stretch: &mut std::ops::Range<usize>, rows: &mut Vec<String>| {
        if stretch.start < stretch.end {
            rows.push(format!("  stored {stretch:?}"));
        }
        *stretch = stretch.end..stretch.end;
    };
    for piece in stored {
        let line = match piece {
            Piece::Line(line) => line,
            Piece::Seam(kind, lost) => {
                close(&mut stretch, &mut rows);
                rows.push(format!("  seam {kind:?} {lost:?}"));
                continue;
            }
        };
        let is_it = |at: &usize| truth.lines[*at] == *line;
        let at = (stretch.end..all).find(is_it).or_else(|| (0..all).find(is_it));
        if at != Some(stretch.end) {
            close(&mut stretch, &mut rows);
        }
        match at {
            Some(at) if stretch.start == stretch.end => stretch = at..at + 1,
            Some(_) => stretch.end += 1,
            None => rows.push(format!("  stored, unknown: {line:?}")),
        }
    }
    close(&mut stretch, &mut rows);
    rows.join("\n")
}

fn ranges(flags: impl Iterator<Item = bool>) -> Vec<std::ops::Range<usize>> {
    let mut all: Vec<std::ops::Range<usize>> = Vec::new();
    for (at, _) in flags.enumerate().filter(|(_, flag)| *flag) {
        match all.last_mut() {
            Some(last) if last.end == at => last.end += 1,
            _ => all.push(at..at + 1),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use logcap_tui::model::{Fd, Timestamp};

    use super::*;

    fn lines(texts: &str) -> Vec<OracleLine> {
        let line = |c: char| OracleLine {
            fd: Fd::Stdout,
            ts: Timestamp(1),
            text: c.to_string().into_bytes(),
        };
        texts.chars().map(line).collect()
    }

    fn truth(texts: &str, lost: usize) -> Truth {
        let lines = lines(texts);
        let lost = (0..lines.len()).map(|at| at < lost).collect();
        let before_us = vec![false; lines.len()];
        let broken = vec![false; lines.len()];
        Truth { lines, lost, broken, before_us, front: 0, end: End::Stored }
    }

    /// Small letters are lines; `G` a rotation, `C` a broken record, `U` a gap that nobody can tell, `N` not taken, `J` joined,
    /// a digit an ambiguity.
    fn stored(text: &str) -> Vec<Piece> {
        let piece = |c: char| match c {
            'G' => Piece::Seam(SeamKind::Gap, Some(Lost::Rotated)),
            'C' => Piece::Seam(SeamKind::Gap, Some(Lost::Corrupt(String::new()))),
            'U' => Piece::Seam(SeamKind::Gap, Some(Lost::Unknown)),
            'N' => Piece::Seam(SeamKind::NotTaken, None),
            'J' => Piece::Seam(SeamKind::Joined, None),
            '0'..='9' => {
                let most = u64::from(c.to_digit(10).unwrap());
                Piece::Seam(SeamKind::Gap, Some(Lost::Ambiguous(most)))
            }
            other => Piece::Line(lines(&other.to_string()).remove(0)),
        };
        text.chars().map(piece).collect()
    }

    #[test]
    fn what_is_whole_or_accounted_for_passes() {
        for (all, lost, kept) in [
            ("abcdef", 0, "abcdef"),
            ("abcdef", 3, "abGef"),
            ("abcdef", 1, "Gcdef"),
            ("abcdef", 0, "Ndef"),
            ("abcdef", 0, "abcJdef"),
            ("abcdef", 0, "abcdC"),
            ("abcdef", 0, "abCef"),
            ("abcdef", 2, "abGcdef"),
            ("aaaab", 0, "aa2aab"),
            ("aaaab", 0, "Caab"),
            ("aaaab", 0, "aCab"),
            ("aaaab", 2, "aaaaGb"),
            ("abcdef", 3, "abGCef"),
            ("abcdef", 0, "abUef"),
            // All are of one moment, and the begin of it is lost.
            ("abcdef", 2, "abcUdef"),
            ("abab", 0, "abUab"),
            ("", 0, ""),
        ] {
            assert_eq!(check(&truth(all, lost), &stored(kept)), Ok(()), "{all} {kept}");
        }
    }

    #[test]
    fn control_whatever_is_not_accounted_for_is_found() {
        for (all, lost, kept, why) in [
            ("abcdef", 0, "abdef", "a record is missing"),
            ("abcdef", 0, "abccdef", "one is stored twice"),
            ("abcdef", 0, "abdcef", "two are swapped"),
            ("abcdef", 0, "abXdef", "one is changed"),
            ("abcdef", 0, "abcde", "the end is missing"),
            ("abcdef", 0, "bcdef", "the beginning is missing"),
            ("abcdef", 0, "abcCdef", "a gap over nothing"),
            ("abcdef", 0, "abGef", "what it says is gone is still there"),
            ("abcdef", 3, "abGGef", "the same gap twice"),
            ("abcdef", 2, "abcGdef", "its neighbour is still there to prove it"),
            ("aaaab", 0, "aaaaGb", "the whole tie is still there to prove it"),
            ("abcdef", 0, "abcUdef", "a doubt where nothing is hidden"),
            ("abcdef", 0, "abJdef", "a join over a loss"),
            ("aaaab", 0, "a1ab", "more than the ambiguity says"),
            ("abcdef", 0, "", "an empty store is no pass"),
        ] {
            assert!(check(&truth(all, lost), &stored(kept)).is_err(), "{why}: {all} {kept}");
        }
    }

    #[test]
    fn control_what_was_lost_of_another_moment_hides_nothing() {
        let mut truth = truth("abcdef", 2);
        (0..).zip(&mut truth.lines).for_each(|(n, line)| line.ts = Timestamp(n));
        let texts = stored("abcUdef").into_iter().scan(0..6, |ts, piece| match piece {
            Piece::Line(line) => {
                Some(Piece::Line(OracleLine { ts: Timestamp(ts.next()?), ..line }))
            }
            seam @ Piece::Seam(..) => Some(seam),
        });
        assert!(check(&truth, &texts.collect::<Vec<_>>()).is_err());
    }

    #[test]
    fn of_what_may_miss_nothing_is_stored_twice_or_out_of_order() {
        let in_order = |texts| check_order(&truth("abcdef", 0), &stored(texts)).is_ok();
        for (texts, expected) in [
            ("abcdef", true),
            ("bUdf", true),
            ("", true),
            ("abbc", false),
            ("acUbd", false),
            ("aX", false),
        ] {
            assert_eq!(in_order(texts), expected, "{texts}");
        }
    }

    #[test]
    fn what_a_gap_hides_is_counted() {
        let around = |broken: &[usize], kept| {
            let broken = (0..6).map(|at| broken.contains(&at)).collect();
            hidden_beside_one(&Truth { broken, ..truth("abcdef", 0) }, &stored(kept))
        };
        assert_eq!(around(&[2], "abCdef"), [0]);
        assert_eq!(around(&[2], "abCf"), [2], "d and e could have been read");
        assert_eq!(around(&[1, 4], "aCcdCf"), [0, 0]);
        assert_eq!(around(&[1, 4], "aCf"), [0; 0], "what stands between two is another matter");
        assert_eq!(around(&[2], "abGdef"), [0; 0], "it says something else");
    }

    #[test]
    fn what_was_gone_before_the_first_look_is_nobodys() {
        let before_us = vec![true, true, false, false, false, false];
        let late = |texts| Truth { before_us: before_us.clone(), ..truth(texts, 2) };
        assert_eq!(check(&late("abcdef"), &stored("cdef")), Ok(()));
        assert!(check(&late("abcdef"), &stored("def")).is_err());
    }

    #[test]
    fn only_the_end_of_a_removed_container_may_miss() {
        let ends = |end, texts| check(&Truth { end, ..truth("abcdef", 0) }, &stored(texts)).is_ok();
        let each = [End::Stored, End::Doubted, End::Nobodys];
        for (texts, expected) in [
            ("abcdef", [true, true, true]),
            ("abc", [false, false, true]),
            ("abcU", [true, true, true]),
            ("abcdefU", [false, true, true]),
            ("abcdefC", [false, false, false]),
            ("acdU", [false, false, false]),
            ("acd", [false, false, false]),
        ] {
            assert_eq!(each.map(|end| ends(end, texts)), expected, "{texts}");
        }
    }
}
