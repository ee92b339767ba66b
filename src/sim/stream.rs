//! One log answer while it is being sent: the backlog, then for a follow what comes after, framed
//! as dockerd frames it, one HTTP chunk per message.
//!
//! `step` decides under the lock what comes next and never waits; `next` performs it. The answer
//! is registered in the world while it exists, so that faults can find it; dropping it (the client
//! went away) takes it out again.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::Stream;
use hyper::body::Frame;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::model::{ContainerId, Fd};

use super::container::Container;
use super::faults::{Cut, Order, Spoil, Stall, StreamState};
use super::follow::{Follower, Step};
use super::io::Breaker;
use super::profile::{AtCorrupt, Profile};
use super::record::Record;
use super::select::{Backlog, Filter, LogQuery, Verdict};
use super::signal::Watcher;
use super::world::Core;

/// The daemon's words for a line of its file that it cannot decode.
const CORRUPT: &str = "invalid character '\\x00' looking for beginning of value";

/// Ends a body without its final chunk, which makes the server close the connection.
#[derive(Debug, thiserror::Error)]
#[error("the simulated daemon cuts this answer")]
pub(super) struct Broken;

#[derive(Debug)]
enum Next {
    Send(Bytes),
    Wait,
    End,
    Break,
}

/// A log answer.
#[derive(Debug)]
pub(super) struct LogStream {
    core: Core,
    number: u64,
    id: ContainerId,
    tty: bool,
    query: LogQuery,
    filter: Filter,
    backlog: Backlog,
    /// Lines of the backlog that are no records of the log.
    merged: VecDeque<Record>,
    follower: Option<Follower>,
    /// The follow begins where its backlog ended, as late as that is.
    follows_later: bool,
    profile: Profile,
    seed: u64,
    /// Where the backlog began.
    start: usize,
    /// Records that do not come.
    left_out: Range<usize>,
    frozen: bool,
    /// Which run of the container is followed.
    run: usize,
    changed: Watcher,
    breaker: Arc<Breaker>,
    spoil: Option<Spoil>,
    /// How it ends after what was just sent, if an order said so.
    ending: Option<Cut>,
    prefetched: VecDeque<Bytes>,
}

impl LogStream {
    /// Opens the answer to a query at this moment, or nothing if the container is unknown.
    pub(super) fn open(
        core: &Core,
        id: &ContainerId,
        query: LogQuery,
        breaker: &Arc<Breaker>,
    ) -> Option<Self> {
        let mut world = core.lock();
        let (profile, seed, number) = (world.profile, world.seed, world.next_stream);
        let container = world.container_mut(id)?;
        breaker.dribble(container.faults.dribble);
        let live = query.follow && container.is_running();
        let later = live && profile.follow_opens_late() && query.has_tail();
        let mut backlog = Backlog::open(&container.log, &query, &container.config(), profile);
        if container.config().is_compressed() {
            container.unpacked += backlog.unpacked(&container.log, &query, profile);
        }
        let by_lines = query.has_tail() && profile.merges_in_tails();
        let start = backlog.start().unwrap_or_default();
        let merged = by_lines.then(|| backlog.merged_tail(&container.log, &query));
        let stream = Self {
            core: core.clone(),
            number,
            id: id.clone(),
            tty: container.spec.tty,
            query,
            filter: Filter::new(query, profile),
            start,
            left_out: container.faults.leave_out(!query.follow && !query.has_tail()),
            backlog,
            merged: merged.unwrap_or_default(),
            follower: (live && !later)
                .then(|| Follower::at_end(&container.log, profile, seed ^ number)),
            follows_later: later,
            profile,
            seed: seed ^ number,
            frozen: false,
            run: container.run_ends.len(),
            changed: container.watch(),
            breaker: breaker.clone(),
            spoil: container.faults.spoil.pop_front(),
            ending: None,
            prefetched: VecDeque::new(),
        };
        let (container, orders) = (id.clone(), VecDeque::new());
        let state =
            StreamState { container, follow: query.follow, breaker: breaker.clone(), orders };
        world.next_stream += 1;
        world.streams.insert(number, state);
        Some(stream)
    }

    /// Waits for the first message, for daemons that withhold the headers until then. False if there
    /// is none: the answer is over.
    pub(super) async fn prefetch(&mut self) -> bool {
        match self.next().await {
            Some(Ok(first)) => self.prefetched.push_front(first),
            Some(Err(_)) => {}
            None => return false,
        }
        true
    }

    /// The answer as frames of a body.
    pub(super) fn into_frames(self) -> impl Stream<Item = Result<Frame<Bytes>, Broken>> {
        futures_util::stream::unfold(self, async |mut stream| {
            let message = stream.next().await?;
            Some((message.map(Frame::data), stream))
        })
    }

    async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        if let Some(first) = self.prefetched.pop_front() {
            return Some(Ok(first));
        }
        loop {
            match self.step() {
                Next::Send(mut bytes) => {
                    let longest = self.profile.longest_chunk().unwrap_or(bytes.len());
                    let rest = bytes.split_off(longest.min(bytes.len()));
                    self.prefetched.extend((!rest.is_empty()).then_some(rest));
                    return Some(Ok(bytes));
                }
                Next::End => return None,
                Next::Break => {
                    // The server flushes what it has only when the body has nothing ready.
                    tokio::task::yield_now().await;
                    return Some(Err(Broken));
                }
                Next::Wait => self.changed.changed().await,
            }
        }
    }

    fn step(&mut self) -> Next {
        match self.ending {
            Some(Cut::Clean) => return Next::End,
            Some(_) => return Next::Break,
            None => {}
        }
        let core = self.core.clone();
        let mut world = core.lock();
        let order = world.streams.get_mut(&self.number).and_then(|s| s.orders.pop_front());
        match order {
            Some(Order::Freeze) => self.frozen = true,
            Some(Order::SkipRotations) => {
                if let (Some(follower), Some(container)) =
                    (&mut self.follower, world.container(&self.id))
                {
                    follower.skip_rotations(&container.log);
                }
            }
            Some(Order::Cut(cut)) => return self.end_by(cut),
            Some(Order::ErrorFrame(text)) => return self.end_with_error(&text),
            None => {}
        }
        if self.frozen {
            return Next::Wait;
        }
        match world.container(&self.id) {
            Some(container) => self.advance(container),
            None => Next::End,
        }
    }

    fn advance(&mut self, container: &Container) -> Next {
        let stall = if self.query.follow { Stall::Follows } else { Stall::ReadBodies };
        if container.faults.stalls(stall) {
            return Next::Wait;
        }
        if let Some(spoil) = self.spoil.take() {
            return self.spoiled(spoil);
        }
        while let Some(line) = self.merged.pop_front() {
            match self.filter.judge(&line) {
                Verdict::Skip => {}
                Verdict::Stop => return Next::End,
                Verdict::Send => return Next::Send(self.message(&line)),
            }
        }
        let misses = self.profile.follows_may_miss_the_rest() && self.seed % 2 == 1;
        let ends = if misses { &container.last_whole } else { &container.run_ends };
        let end = ends.get(self.run).copied();
        loop {
            let from_backlog = self.backlog.next_index();
            let index = match from_backlog.map_or_else(|| self.follow(container, end), Step::Record)
            {
                Step::Record(index) => index,
                Step::Wait => return Next::Wait,
                Step::End => return Next::End,
            };
            if container.log.is_corrupt(index) {
                let (backlog, driver) = (from_backlog.is_some(), &container.spec.driver);
                match self.profile.at_corrupt_record(backlog, driver) {
                    AtCorrupt::Fail => return self.end_with_error(CORRUPT),
                    AtCorrupt::SkipFile => self.backlog.skip_file(),
                    AtCorrupt::DropReadAhead => self.drop_read_ahead(container, index),
                }
                continue;
            }
            let visible = container.log.visible(index);
            let Some(record) = visible.filter(|_| !self.left_out.contains(&index)) else {
                continue;
            };
            match self.filter.judge(record) {
                Verdict::Skip => {}
                Verdict::Stop => return Next::End,
                Verdict::Send => return Next::Send(self.message(record)),
            }
        }
    }

    /// What comes behind the backlog.
    fn follow(&mut self, container: &Container, end: Option<usize>) -> Step {
        if std::mem::take(&mut self.follows_later) {
            self.follower = Some(Follower::at_end(&container.log, self.profile, self.seed));
        }
        match &mut self.follower {
            Some(follower) => follower.next(&container.log, end),
            None => Step::End,
        }
    }

    /// How much a decoder had read ahead depends on where it began: here on a hash of that.
    fn drop_read_ahead(&mut self, container: &Container, index: usize) {
        let hash = xxh3_64_with_seed(&index.to_le_bytes(), self.start as u64);
        let records = 40 + usize::try_from(hash % 400).unwrap_or_default();
        match &mut self.follower {
            Some(follower) if self.backlog.start().is_none() => {
                follower.skip_ahead(&container.log, records);
            }
            _ => self.backlog.skip_ahead(records),
        }
    }

    fn message(&self, record: &Record) -> Bytes {
        let kind = if record.fd == Fd::Stdout { 1 } else { 2 };
        self.framed(kind, &record.payload(self.query.timestamps, self.profile.is_podman()))
    }

    fn framed(&self, kind: u8, payload: &[u8]) -> Bytes {
        if self.tty { Bytes::copy_from_slice(payload) } else { frame(kind, payload) }
    }

    /// A message that is never delivered whole, so no truth is lost with it.
    fn victim(&self) -> Bytes {
        self.framed(1, b"2026-01-01T00:00:00.000000000Z this message is cut in two halves\n")
    }

    fn end_with_error(&mut self, text: &str) -> Next {
        self.ending = Some(Cut::Clean);
        Next::Send(self.error(text))
    }

    fn end_by(&mut self, cut: Cut) -> Next {
        let last = match cut {
            Cut::Clean | Cut::Reset => None,
            Cut::MidFrame => {
                let whole = self.victim();
                Some(whole.slice(..whole.len() / 2))
            }
            Cut::MidChunk => {
                self.breaker.break_after(24);
                Some(self.victim())
            }
        };
        self.ending = Some(cut);
        match last {
            Some(bytes) => Next::Send(bytes),
            None if cut == Cut::Clean => Next::End,
            None => Next::Break,
        }
    }

    fn spoiled(&mut self, spoil: Spoil) -> Next {
        Next::Send(match spoil {
            Spoil::Garbage => Bytes::from_static(b"\x09\xfe\x00\x7f garbage, not a frame \xff\n"),
            Spoil::GiantLength => Bytes::from_static(b"\x01\0\0\0\xff\xff\xff\xf0what follows"),
            Spoil::ZeroLength => frame(1, b""),
            Spoil::FrameType(kind) => frame(kind, b"2026-01-01T00:00:00.000000000Z no output\n"),
            Spoil::ErrorFrame(text) => return self.end_with_error(&text),
        })
    }

    fn error(&self, text: &str) -> Bytes {
        self.framed(3, format!("Error grabbing logs: {text}\n").as_bytes())
    }
}

impl Drop for LogStream {
    fn drop(&mut self) {
        self.core.lock().streams.remove(&self.number);
    }
}

/// A stdcopy frame.
pub(super) fn frame(kind: u8, payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(payload.len() + 8);
    out.put_slice(&[kind, 0, 0, 0]);
    out.put_u32(u32::try_from(payload.len()).unwrap_or(u32::MAX));
    out.put_slice(payload);
    out.freeze()
}
