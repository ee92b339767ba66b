//! The search for the longest tail that is whole: what stands behind a broken record.
//!
//! A tail is counted back from the log's end, which moves while the search goes on, so that a tail of
//! one record more begins elsewhere than right before the last. So lengths are counted back from one
//! record, the last of the first whole tail, and what the log has grown by since is asked for on
//! top. How much it grows until the answer is begun nobody knows; at the end so many readable records
//! may stand between the broken one and the tail as [`Clean::unsure`] says.

use super::super::answer::Ask;
use super::super::capture::{Break, Capture};
use super::super::cursor::Fingerprint;
use super::super::peek::Peek;

/// Each step of the search is so many times the last, until a tail is not whole.
const STRIDE: u64 = 8;
/// Looks in a row that tell nothing new, because the log grows too fast.
const IDLE: u32 = 8;
/// Searches at most, should broken records come meanwhile.
const SEARCHES: u32 = 4;

/// The longest tail that is whole.
pub(super) struct Clean {
    /// What it holds.
    pub(super) tail: Peek,
    /// Something stands before it that cannot be read.
    pub(super) bounded: bool,
    /// Readable records between the two, at most.
    pub(super) unsure: u64,
    /// A longer one does not fit into memory, and nobody knows of what stands before it.
    pub(super) is_cut: bool,
}

/// What was seen of one tail. `R` tells records apart.
#[derive(Debug, Clone, Copy)]
struct Look<R> {
    /// Records that came.
    came: u64,
    /// Everything that was asked for came.
    clean: bool,
    /// How many stand up to the anchor, if it is among them.
    reach: Option<u64>,
    /// Its first record, unless the daemon reported a fault.
    first: Option<R>,
}

/// Lengths are records up to the anchor.
#[derive(Debug)]
struct Search<R> {
    /// Of the longest whole tail, and its first record.
    low: (u64, Option<R>),
    /// Of the shortest that was asked for and was not whole.
    high: Option<(u64, Option<R>)>,
    /// Records behind the anchor when it was seen last.
    grown: u64,
    /// Of the tail that was asked for.
    wanted: u64,
    idle: u32,
    /// Whether nothing stands before the longest whole tail, once that is known.
    is_all: Option<bool>,
}

impl<R: PartialEq + Copy> Search<R> {
    fn new() -> Self {
        Self { low: (0, None), high: None, grown: 0, wanted: 0, idle: 0, is_all: None }
    }

    /// The next tail to ask for, if that can tell more.
    fn next(&mut self) -> Option<u64> {
        let low = self.low.0;
        self.wanted = match self.high {
            _ if self.is_all.is_some() || self.idle >= IDLE => return None,
            Some((high, first)) if high <= low + 1 => {
                if low == 0 || first.is_none() || first != self.low.1 {
                    return None;
                }
                // Asked for one more it begins at the same record: the log holds no more, or leaves
                // out just one.
                (low + 1) * STRIDE
            }
            // What told nothing new began too late.
            Some((high, _)) => (low.midpoint(high) + u64::from(self.idle)).min(high - 1),
            None if low >= Ask::LONGEST => return None,
            None => (low * STRIDE.pow(self.idle + 1)).clamp(1, Ask::LONGEST),
        };
        Some(self.wanted + self.grown)
    }

    /// Learns from a look; whether its tail is the longest that is whole so far.
    fn learn(&mut self, look: Look<R>) -> bool {
        let (mut is_longest, mut tells) = (false, false);
        if self.high.is_some_and(|(high, _)| self.wanted > high) {
            self.is_all = Some(!look.clean && look.first.is_some() && look.first == self.low.1);
        } else if look.clean {
            // Without the anchor: the log has grown by more than was asked for.
            let reach = look.reach.unwrap_or(0);
            self.grown = self.grown.max(look.came - reach);
            is_longest = reach > self.low.0;
            if is_longest {
                self.low = (reach, look.first);
            }
        } else if self.high.is_none_or(|(high, _)| self.wanted < high) {
            self.high = Some((self.wanted, look.first));
            tells = true;
        }
        self.idle = if is_longest || tells { 0 } else { self.idle + 1 };
        is_longest
    }

    /// Readable records that may stand right before the longest whole tail.
    fn unsure(&self) -> u64 {
        self.high.map_or(0, |(high, _)| high.saturating_sub(self.low.0 + 1))
    }
}

impl Capture {
    /// Searches for the longest tail that is whole. `None` if not even the last record can be read.
    pub(super) async fn longest_clean(&mut self) -> Result<Option<Clean>, Break> {
        let mut search = Search::new();
        let mut best: Option<(Peek, Fingerprint)> = None;
        let (mut given_up, mut is_full, mut searches) = (None, false, 1);
        while let Some(asked) = search.next().filter(|_| !is_full) {
            let peek = self.peek_surely(asked).await?;
            let anchor = best.as_ref().map(|(_, anchor)| *anchor).or(peek.last());
            let up_to = |fp| peek.up_to_last(fp);
            let look = Look {
                came: peek.records.len() as u64,
                clean: peek.is_clean(),
                reach: anchor.and_then(up_to),
                first: peek.first().filter(|_| peek.fault.is_none()),
            };
            let is_behind = best.is_some() && peek.fault.is_some() && look.reach.is_some();
            if is_behind && searches < SEARCHES {
                // What is broken came behind the anchor, and says nothing of what stands before.
                (search, best, searches) = (Search::new(), None, searches + 1);
                given_up = None;
                continue;
            }
            if peek.is_full() {
                is_full = look.clean;
                given_up = Some(search.wanted).filter(|_| !is_full);
            }
            if search.learn(look)
                && let Some(anchor) = anchor
            {
                best = Some((peek, anchor));
            }
        }
        // The shortest that was not whole was given up.
        let is_cut = is_full || given_up.is_some() && given_up == search.high.map(|(high, _)| high);
        let bounded = search.high.is_some() && search.is_all != Some(true) && !is_cut;
        let unsure = if is_cut { u64::MAX } else { search.unsure() };
        Ok(best.map(|(tail, _)| Clean { tail, bounded, unsure, is_cut }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A log of numbered records, one of them broken, that grows with every look.
    struct Log {
        len: u64,
        broken: Option<u64>,
        grows: Vec<u64>,
    }

    /// Searches as `longest_clean` does: where the longest whole tail begins, and the search.
    fn searched(log: &mut Log) -> (Option<u64>, Search<u64>) {
        let mut search = Search::new();
        let mut best: Option<(u64, u64)> = None;
        let mut looks = 0;
        while let Some(asked) = search.next() {
            looks += 1;
            assert!(looks < 200, "it ends: {search:?}");
            log.len += log.grows.pop().unwrap_or(0);
            let begin = log.len.saturating_sub(asked);
            let whole = log.broken.is_none_or(|broken| begin > broken);
            let came = if whole { log.len - begin } else { (log.len - begin) / 2 };
            let clean = whole && came == asked;
            let anchor = best.map_or(log.len - 1, |(_, anchor)| anchor);
            let look = Look {
                came,
                clean,
                reach: (whole && begin <= anchor).then(|| anchor + 1 - begin),
                first: whole.then_some(begin),
            };
            if search.learn(look) {
                best = Some((begin, anchor));
            }
        }
        (best.map(|(begin, _)| begin), search)
    }

    #[test]
    fn in_a_log_that_rests_the_tail_begins_right_behind_the_broken_record() {
        for (len, broken) in [(1_000, 0), (1_000, 500), (1_000, 998), (2, 0), (100_000, 7)] {
            let mut log = Log { len, broken: Some(broken), grows: Vec::new() };
            let (begin, search) = searched(&mut log);
            assert_eq!((begin, search.unsure()), (Some(broken + 1), 0), "{broken} of {len}");
        }
        let mut log = Log { len: 9, broken: Some(8), grows: Vec::new() };
        assert_eq!(searched(&mut log).0, None, "the last one");
    }

    #[test]
    fn a_log_without_a_broken_record_is_known_to_be_all() {
        for len in 1..100 {
            let mut log = Log { len, broken: None, grows: Vec::new() };
            let (begin, search) = searched(&mut log);
            assert!(begin == Some(0) && search.is_all == Some(true), "{len}: {search:?}");
        }
    }

    /// Asked for one record more, the daemon leaves out the one that is broken.
    #[test]
    fn a_record_that_is_left_out_alone_is_no_begin() {
        let mut search = Search::new();
        while let Some(asked) = search.next() {
            let (clean, came) = if asked <= 5 { (true, asked) } else { (false, asked - 1) };
            let first = if asked <= 6 { 100 - came } else { 100 - asked };
            search.learn(Look { came, clean, reach: Some(came), first: Some(first) });
        }
        assert_eq!((search.low.0, search.is_all, search.unsure()), (5, Some(false), 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        /// However it grows: the tail is whole, and no more stands before it than is said.
        #[test]
        fn what_may_stand_between_is_said(
            len in 2u64..5_000,
            at in 0.0f64..1.0,
            grows in prop::collection::vec(prop_oneof![Just(0u64), 0u64..40], 0..300),
        ) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            let broken = ((len - 1) as f64 * at) as u64;
            let mut log = Log { len, broken: Some(broken), grows };
            let (begin, search) = searched(&mut log);
            if let Some(begin) = begin {
                prop_assert!(begin > broken);
                prop_assert!(search.high.is_some(), "it is seen that it is broken");
                prop_assert!(begin - broken - 1 <= search.unsure(), "{begin} {broken} {search:?}");
            }
        }
    }
}
