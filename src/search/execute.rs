//! Blocks in parallel, lines in global order.
//!
//! Workers take blocks in the order of the search, one atomic counter being all they share, and
//! send what they found to the coordinator, which is the calling thread. A line is delivered as
//! soon as no block that is still to come can hold one before it, so the order is exact although
//! logs overlap in time. Workers run at most `AHEAD` blocks ahead of the oldest unfinished one;
//! that bounds what waits.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use super::gather::{Event, Gather, Outcome, Wanted};
use super::job::{self, Ask, Done};
use super::source::{Piece, Source, SourceError};
use crate::model::{Direction, Key, LogId};

/// Blocks that workers may be ahead of the oldest unfinished one.
const AHEAD: usize = 64;
/// How soon a cancelled search ends.
const REACT: Duration = Duration::from_millis(2);

/// Why a search has no result.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The store cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// No thread could be started.
    #[error("cannot start a thread for the search: {0}")]
    Threads(#[source] std::io::Error),
    /// A container pattern is not a glob.
    #[error("{0:?} is not a container pattern: {1}")]
    Glob(String, String),
}

/// All blocks, and which of them to scan in which order.
pub(super) struct Plan {
    /// Every block by log and sequence.
    pieces: Vec<Piece>,
    /// Index of each block to scan, and the stretch of its log's blocks.
    pub(super) order: Vec<(usize, std::ops::Range<usize>)>,
}

/// What workers and coordinator share.
pub(super) struct Shared<'a> {
    pub(super) cancel: &'a AtomicBool,
    pub(super) stop: AtomicBool,
    next: AtomicUsize,
    /// The first block in order that is not done.
    pub(super) floor: AtomicUsize,
    /// Lines still wanted.
    pub(super) room: AtomicUsize,
}

/// Scans all blocks that `ask` wants and reports in order.
pub(crate) fn execute<S: Source>(
    source: &S,
    threads: NonZeroUsize,
    logs: Option<&[LogId]>,
    ask: &Ask,
    wanted: Wanted,
    cancel: &AtomicBool,
    on: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<Outcome, SearchError> {
    let plan = Plan::new(source.pieces(logs)?, ask);
    let shared = Shared {
        cancel,
        stop: AtomicBool::new(false),
        next: AtomicUsize::new(0),
        floor: AtomicUsize::new(0),
        room: AtomicUsize::new(wanted.limit),
    };
    // Full: workers wait. The coordinator takes until all of them have hung up.
    let (send, receive) = sync_channel(threads.get() * 2);
    thread::scope(|scope| {
        let mut started = 0;
        for _ in 0..threads.get().min(plan.order.len()) {
            let (plan, shared, send) = (&plan, &shared, send.clone());
            let worker = move || work(source, plan, shared, ask, &send);
            match thread::Builder::new().name("search".into()).spawn_scoped(scope, worker) {
                Ok(_) => started += 1,
                Err(error) if started == 0 => return Err(SearchError::Threads(error)),
                Err(_) => break,
            }
        }
        drop(send);
        let mut gather = Gather::new(&plan, &shared, ask.direction, wanted);
        let mut failed = None;
        loop {
            match receive.recv_timeout(REACT) {
                Ok((at, Ok(done))) => gather.take(at, done, on),
                Ok((_, Err(error))) => {
                    shared.stop.store(true, Ordering::Relaxed);
                    failed.get_or_insert(error);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if cancel.load(Ordering::Relaxed) {
                shared.stop.store(true, Ordering::Relaxed);
            }
        }
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(gather.finish()),
        }
    })
}

type Sent = (usize, Result<Done, SourceError>);

fn work<S: Source>(
    source: &S,
    plan: &Plan,
    shared: &Shared<'_>,
    ask: &Ask,
    send: &SyncSender<Sent>,
) {
    loop {
        let at = shared.next.fetch_add(1, Ordering::Relaxed);
        let Some((piece, log)) = plan.order.get(at) else { return };
        while at >= shared.floor.load(Ordering::Relaxed) + AHEAD && !shared.is_over() {
            thread::sleep(Duration::from_micros(200));
        }
        if shared.is_over() {
            return;
        }
        let siblings = plan.pieces.get(log.clone()).unwrap_or_default();
        let room = shared.room.load(Ordering::Relaxed);
        let done = job::run(source, siblings, piece - log.start, ask, room, &shared.stop);
        if send.send((at, done)).is_err() {
            return;
        }
    }
}

impl Shared<'_> {
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.cancel.load(Ordering::Relaxed)
    }
}

impl Plan {
    fn new(mut pieces: Vec<Piece>, ask: &Ask) -> Self {
        pieces.sort_unstable_by_key(|piece| (piece.log, piece.first_seq));
        let mut order = Vec::with_capacity(pieces.len());
        let mut start = 0;
        for log in pieces.chunk_by(|a, b| a.log == b.log) {
            let stretch = start..start + log.len();
            for (i, piece) in log.iter().enumerate() {
                if ask.wants(piece) {
                    order.push((start + i, stretch.clone()));
                }
            }
            start = stretch.end;
        }
        let key = |i: usize| pieces.get(i).map(|piece| edge(piece, ask.direction));
        order.sort_by(|(a, _), (b, _)| match ask.direction {
            Direction::Older => key(*b).cmp(&key(*a)),
            Direction::Newer => key(*a).cmp(&key(*b)),
        });
        Self { pieces, order }
    }

    pub(super) fn piece(&self, at: usize) -> Option<&Piece> {
        self.pieces.get(self.order.get(at)?.0)
    }
}

/// The first key of a block that a search in this direction can come to.
pub(super) fn edge(piece: &Piece, direction: Direction) -> Key {
    match direction {
        Direction::Older => piece.last_key(),
        Direction::Newer => piece.first_key(),
    }
}
