//! The coordinator of a search: takes what workers found, block by block and out of order, and
//! delivers lines in the exact order of the search, with progress after each block.

use std::cmp::Ordering as Order;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use super::execute::{Plan, Shared, edge};
use super::job::Done;
use crate::model::{Direction, Key, Line, LogId, Seq, Timestamp};

/// How far a search is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Blocks scanned.
    pub blocks_done: usize,
    /// Blocks to scan.
    pub blocks_total: usize,
    /// Raw bytes scanned.
    pub bytes: u64,
    /// Matching lines so far.
    pub matches: u64,
    /// Everything on this side of it is searched: the oldest time reached, or the newest when the
    /// search goes towards the present.
    pub reached: Option<Timestamp>,
}

/// How a search ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Matching lines; all there are if `complete`.
    pub total: u64,
    /// Lines delivered.
    pub delivered: usize,
    /// Whether every block was scanned to its end.
    pub complete: bool,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// Blocks that could not be decoded: log, first and last sequence number.
    pub damaged: Vec<(LogId, Seq, Seq)>,
    /// Raw bytes scanned.
    pub bytes: u64,
}

/// What the coordinator tells its caller.
#[derive(Debug)]
pub(crate) enum Event {
    /// The next line in order.
    Line(Line),
    /// A block is done.
    Progress(Progress),
}

/// How many lines, and what then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Lines to deliver.
    pub(crate) limit: usize,
    /// Whether to end there rather than to count on.
    pub(crate) stop_at_limit: bool,
}

/// The coordinator's part.
pub(super) struct Gather<'a> {
    plan: &'a Plan,
    shared: &'a Shared<'a>,
    direction: Direction,
    wanted: Wanted,
    done: Vec<bool>,
    waiting: BinaryHeap<Waiting>,
    progress: Progress,
    outcome: Outcome,
    broken_off: bool,
}

impl<'a> Gather<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        shared: &'a Shared<'a>,
        direction: Direction,
        wanted: Wanted,
    ) -> Self {
        let blocks = plan.order.len();
        Self {
            plan,
            shared,
            direction,
            wanted,
            done: vec![false; blocks],
            waiting: BinaryHeap::new(),
            progress: Progress { blocks_total: blocks, ..Progress::default() },
            outcome: Outcome::default(),
            broken_off: false,
        }
    }

    pub(super) fn take(
        &mut self,
        at: usize,
        done: Done,
        on: &mut dyn FnMut(Event) -> ControlFlow<()>,
    ) {
        self.outcome.total += done.total;
        self.outcome.cancelled |= done.cancelled;
        let lost = done.damaged.iter().map(|piece| (piece.log, piece.first_seq, piece.last_seq));
        self.outcome.damaged.extend(lost);
        if let Some(flag) = self.done.get_mut(at) {
            *flag = !done.cancelled;
        }
        self.outcome.bytes += self.plan.piece(at).map_or(0, |piece| piece.raw);
        let direction = self.direction;
        self.waiting.extend(done.lines.into_iter().map(|line| Waiting { line, direction }));
        let mut floor = self.shared.floor.load(Ordering::Relaxed);
        while self.done.get(floor) == Some(&true) {
            floor += 1;
        }
        self.shared.floor.store(floor, Ordering::Relaxed);
        let ahead = self.plan.piece(floor).map(|piece| edge(piece, direction));
        self.deliver(ahead, on);
        self.progress.blocks_done += 1;
        self.progress.bytes = self.outcome.bytes;
        self.progress.matches = self.outcome.total;
        self.progress.reached = ahead.map(|key| key.eff_ts).or(self.progress.reached);
        self.tell(Event::Progress(self.progress), on);
    }

    /// Delivers what no block at or behind `ahead` can come before.
    fn deliver(&mut self, ahead: Option<Key>, on: &mut dyn FnMut(Event) -> ControlFlow<()>) {
        while self.outcome.delivered < self.wanted.limit && !self.broken_off {
            let ready = self.waiting.peek().is_some_and(|next| match (ahead, self.direction) {
                (None, _) => true,
                (Some(ahead), Direction::Older) => next.line.key > ahead,
                (Some(ahead), Direction::Newer) => next.line.key < ahead,
            });
            let Some(next) = ready.then(|| self.waiting.pop()).flatten() else { return };
            self.outcome.delivered += 1;
            let room = self.wanted.limit.saturating_sub(self.outcome.delivered);
            self.shared.room.store(room, Ordering::Relaxed);
            self.tell(Event::Line(next.line), on);
        }
        self.waiting.clear();
        self.shared.room.store(0, Ordering::Relaxed);
        if self.wanted.stop_at_limit {
            self.shared.stop.store(true, Ordering::Relaxed);
        }
    }

    fn tell(&mut self, event: Event, on: &mut dyn FnMut(Event) -> ControlFlow<()>) {
        if !self.broken_off && on(event).is_break() {
            self.broken_off = true;
            self.shared.stop.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn finish(mut self) -> Outcome {
        self.outcome.complete = self.done.iter().all(|done| *done);
        self.outcome.cancelled =
            self.shared.cancel.load(Ordering::Relaxed) && !self.outcome.complete;
        self.outcome
    }
}

/// A line that waits for its turn. The heap gives the next one in the direction.
struct Waiting {
    line: Line,
    direction: Direction,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Order {
        match self.direction {
            Direction::Older => self.line.key.cmp(&other.line.key),
            Direction::Newer => other.line.key.cmp(&self.line.key),
        }
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Order> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.line.key == other.line.key
    }
}

impl Eq for Waiting {}
