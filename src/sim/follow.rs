//! The live part of a follow: how dockerd moves from file to file, and what it repeats and skips
//! on the way. Pure.
//!
//! A follower holds one open file. At its end it goes to the file that is current *now*: when one
//! rotation happened that is the next one, when more happened the files between are skipped without
//! a sign (A3 in docs/CAPTURE.md). On 20.10 a late notification of the same rotation opens the new
//! file a second time, so what was already sent of it comes again (hazard 39).

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::log::Log;
use super::profile::Profile;

/// What a follower does next.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Step {
    /// It sends the record at this position of F.
    Record(usize),
    /// It waits for the log to grow or the run to end.
    Wait,
    /// The run is over and its file drained.
    End,
}

/// One follower's place in the files.
#[derive(Debug)]
pub(super) struct Follower {
    file: usize,
    at: usize,
    /// Where the second, late opening of the file happens.
    replay_at: Option<usize>,
    replays: bool,
    /// It notices that its file was emptied.
    survives_truncation: bool,
    seed: u64,
}

impl Follower {
    /// Follows from the end of the log as it is now. The seed decides how much is repeated.
    pub(super) fn at_end(log: &Log, profile: Profile, seed: u64) -> Self {
        let (file, at) = (log.current(), log.len());
        let (replays, survives_truncation) = (profile.replays(), profile.survives_truncation());
        Self { file, at, replay_at: None, replays, survives_truncation, seed }
    }

    /// The next step, where `end` is the end of F when the followed run ended, if it did.
    pub(super) fn next(&mut self, log: &Log, end: Option<usize>) -> Step {
        loop {
            if end.is_some_and(|end| self.at >= end) {
                return Step::End;
            }
            let file = log.file(self.file);
            if self.replay_at.is_some_and(|at| self.at >= at) {
                self.replay_at = None;
                self.at = file.held().start;
            } else if self.at < file.end && (self.survives_truncation || !file.truncated) {
                self.at += 1;
                return Step::Record(self.at - 1);
            } else if self.file < log.current() {
                self.enter(log);
            } else {
                return if end.is_some() { Step::End } else { Step::Wait };
            }
        }
    }

    /// Misses every file rotation up to now: it goes on at the end of the file being written, and
    /// what it had not sent yet it never sends. Where none was missed, nothing is.
    pub(super) fn skip_rotations(&mut self, log: &Log) {
        if self.file == log.current() {
            return;
        }
        (self.file, self.at, self.replay_at) = (log.current(), log.len(), None);
    }

    /// Leaves out so many records, to the end of what is written into its file at most.
    pub(super) fn skip_ahead(&mut self, log: &Log, records: usize) {
        let end = log.file(self.file).end;
        self.at = end.min(self.at.saturating_add(records)).max(self.at);
    }

    fn enter(&mut self, log: &Log) {
        self.file = log.current();
        self.at = log.file(self.file).first;
        // 1 to 128 records are sent before the file is opened again; a file that ends earlier is
        // not repeated. Real repeats were 1 to 1,900 lines long.
        let shift = xxh3_64_with_seed(&self.file.to_le_bytes(), self.seed) % 8;
        self.replay_at = self.replays.then_some(self.at + (1 << shift));
    }
}

#[cfg(test)]
mod tests {
    use super::super::log::tests::{limits, record};
    use super::*;

    fn grow(log: &mut Log, n: usize) {
        (0..n).for_each(|i| log.append(record(i)));
    }

    fn drain(follower: &mut Follower, log: &Log) -> Vec<usize> {
        let mut got = Vec::new();
        while let Step::Record(index) = follower.next(log, None) {
            got.push(index);
        }
        got
    }

    #[test]
    fn a_prompt_follower_repeats_part_of_the_new_file_on_20_10_only() {
        for (profile, extra) in [(Profile::Moby20_10, true), (Profile::Moby25, false)] {
            let mut log = Log::new(limits("1g", "2"));
            let mut follower = Follower::at_end(&log, profile, 1);
            grow(&mut log, 2);
            assert_eq!(drain(&mut follower, &log), [0, 1]);
            log.rotate();
            grow(&mut log, 200);
            let got = drain(&mut follower, &log);
            assert_eq!(got.len() > 200, extra, "{profile:?}: {got:?}");
            let jumps = got.windows(2).filter(|pair| pair[1] < pair[0]).count();
            assert_eq!(jumps, usize::from(extra));
            let mut unique = got;
            unique.sort_unstable();
            unique.dedup();
            assert_eq!(unique, (2..202).collect::<Vec<_>>(), "complete either way");
        }
    }

    #[test]
    fn a_late_follower_skips_the_files_between() {
        let mut log = Log::new(limits("1g", "5"));
        let mut follower = Follower::at_end(&log, Profile::Moby25, 1);
        for _ in 0..3 {
            grow(&mut log, 2);
            log.rotate();
        }
        grow(&mut log, 1);
        assert_eq!(drain(&mut follower, &log), [0, 1, 6]);
    }

    #[test]
    fn truncation_hangs_a_follow_until_the_next_rotation_but_not_on_20_10() {
        let mut log = Log::new(limits("1g", "2"));
        let mut old = Follower::at_end(&log, Profile::Moby20_10, 1);
        let mut follower = Follower::at_end(&log, Profile::Moby25, 1);
        log.truncate();
        grow(&mut log, 2);
        assert_eq!(follower.next(&log, None), Step::Wait);
        assert_eq!(drain(&mut old, &log), [0, 1]);
        log.rotate();
        grow(&mut log, 1);
        assert_eq!(drain(&mut follower, &log), [2]);
    }

    #[test]
    fn the_end_of_the_run_comes_after_its_last_record() {
        let mut log = Log::new(None);
        let mut follower = Follower::at_end(&log, Profile::Moby25, 1);
        grow(&mut log, 1);
        let end = Some(log.len());
        grow(&mut log, 1);
        assert_eq!(follower.next(&log, end), Step::Record(0));
        assert_eq!(follower.next(&log, end), Step::End, "the next run is not its business");
    }
}
