//! Everything that can be made to go wrong, as verbs of the [`Sim`].
//!
//! Each verb takes effect at once for what is open and stays until it is undone, except those named
//! *next*, which are used up by one answer. A fault aimed at a removed or unknown container does
//! nothing.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::model::ContainerId;

use super::container::Container;
use super::events::container_event;
use super::io::Breaker;
use super::profile::Profile;
use super::route::Endpoint;
use super::server::Sim;

/// What a fault is aimed at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Every container, and requests that name none.
    All,
    /// One container.
    One(ContainerId),
}

impl Target {
    pub(super) fn hits(&self, id: &ContainerId) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => one == id,
        }
    }
}

impl From<&ContainerId> for Target {
    fn from(id: &ContainerId) -> Self {
        Self::One(id.clone())
    }
}

/// How a log answer ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cut {
    /// With the final chunk: an EOF that looks intended.
    Clean,
    /// The connection closes between two frames, without the final chunk.
    Reset,
    /// The connection closes after half a frame (of a whole chunk).
    MidFrame,
    /// The connection closes inside a chunk.
    MidChunk,
}

/// What waits although it could go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stall {
    /// Follows deliver nothing.
    Follows,
    /// Bounded reads are not answered at all.
    Reads,
    /// Bounded reads get headers and then nothing.
    ReadBodies,
}

/// The faults of one container's log answers.
#[derive(Debug, Default)]
pub(super) struct LogFaults {
    stalls: BTreeSet<Stall>,
    /// Bytes trickle.
    pub(super) dribble: bool,
    /// What the next answer begins with.
    pub(super) spoil: VecDeque<Spoil>,
    /// Records that do not come, and how many answers of the whole log will begin until they do.
    left_out: Option<(Range<usize>, u32)>,
    /// Bounded reads until the container is removed.
    removed_in: Option<u32>,
    /// The next bounded read finds no file, because its container is being removed.
    pub(super) loses_file: bool,
    /// Bounded reads that find nothing.
    empty_reads: u32,
}

impl LogFaults {
    /// What the answer that begins now leaves out.
    pub(super) fn leave_out(&mut self, is_whole: bool) -> Range<usize> {
        if let Some((_, until)) = &mut self.left_out {
            *until -= u32::from(is_whole);
        }
        self.left_out.take_if(|(_, until)| *until == 0);
        self.left_out.as_ref().map_or(0..0, |(range, _)| range.clone())
    }

    /// Whether the bounded read that came now comes too late for its container.
    pub(super) fn comes_too_late(&mut self) -> bool {
        self.removed_in = self.removed_in.map(|reads| reads.saturating_sub(1));
        self.removed_in == Some(0)
    }

    /// Whether the bounded read that came now finds nothing.
    pub(super) fn finds_nothing(&mut self) -> bool {
        let finds_nothing = self.empty_reads > 0;
        self.empty_reads = self.empty_reads.saturating_sub(1);
        finds_nothing
    }

    pub(super) fn stalls(&self, stall: Stall) -> bool {
        self.stalls.contains(&stall)
    }
}

/// Something wrong at the beginning of an answer.
#[derive(Debug, Clone)]
pub(super) enum Spoil {
    Garbage,
    GiantLength,
    ZeroLength,
    FrameType(u8),
    ErrorFrame(String),
}

/// An order to an answer that is being sent.
#[derive(Debug, Clone)]
pub(super) enum Order {
    Cut(Cut),
    ErrorFrame(String),
    /// It never says anything again and does not end either.
    Freeze,
    /// Its follow misses the file rotations up to now.
    SkipRotations,
}

/// A log answer that is being sent.
#[derive(Debug)]
pub(super) struct StreamState {
    pub(super) container: ContainerId,
    pub(super) follow: bool,
    /// The switch of its connection.
    pub(super) breaker: Arc<Breaker>,
    pub(super) orders: VecDeque<Order>,
}

/// An error that the next requests of a kind get.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) target: Target,
    pub(super) endpoint: Endpoint,
    pub(super) status: u16,
    pub(super) left: u32,
}

impl Sim {
    /// Ends every log answer that is being sent, follows and reads alike.
    pub fn cut_streams(&self, target: impl Into<Target>, cut: Cut) {
        self.order(&target.into(), |_| true, &Order::Cut(cut));
    }

    /// Ends every follow with an in-band error (frame type 3; raw text on a terminal). Without an
    /// open follow the next log answer begins and ends with it.
    pub fn error_frame(&self, target: impl Into<Target>, text: &str) {
        let target = target.into();
        let order = Order::ErrorFrame(text.to_owned());
        if self.order(&target, |stream| stream.follow, &order) == 0 {
            self.spoil(&target, &Spoil::ErrorFrame(text.to_owned()));
        }
    }

    /// Makes follows deliver nothing although records come; reads stay right.
    pub fn stall_streams(&self, target: impl Into<Target>) {
        self.stall(&target.into(), Stall::Follows);
    }

    /// Leaves bounded reads without an answer, headers included.
    pub fn stall_reads(&self, target: impl Into<Target>) {
        self.stall(&target.into(), Stall::Reads);
    }

    /// Answers bounded reads with headers and then nothing.
    pub fn stall_read_bodies(&self, target: impl Into<Target>) {
        self.stall(&target.into(), Stall::ReadBodies);
    }

    /// Silences every log answer that is being sent, for good: neither a byte nor an end comes any
    /// more, as over a connection whose other side has vanished. New answers are not affected.
    pub fn stall_forever(&self, target: impl Into<Target>) {
        self.order(&target.into(), |_| true, &Order::Freeze);
    }

    /// Makes open follows miss the file rotations up to now: they go on at the end of the file being
    /// written, without a sign of what they left out. One that is in that file already misses nothing.
    pub fn skip_rotations(&self, target: impl Into<Target>) {
        self.order(&target.into(), |stream| stream.follow, &Order::SkipRotations);
    }

    /// Damages one record in the daemon's file, by its position in [`Sim::records`]; it need not be
    /// written yet. What reads and follows do there depends on the version.
    pub fn corrupt_record(&self, id: &ContainerId, index: usize) {
        if let Some(container) = self.core().lock().container_mut(id) {
            container.log.corrupt(index);
        }
    }

    /// Leaves these records, by their positions in [`Sim::records`], out of every answer up to the
    /// `nth` bounded one of the whole log, as a daemon does behind a record that it cannot decode: a
    /// tail counts them and they do not come.
    pub fn leave_out(&self, id: &ContainerId, records: Range<usize>, nth: u32) {
        let left_out = Some((records, nth));
        self.core().lock().each(&id.into(), |c| c.faults.left_out.clone_from(&left_out));
    }

    /// Removes the container, by force if it runs, when the `nth` bounded read from now on arrives and
    /// before that is answered.
    pub fn remove_at(&self, id: &ContainerId, nth: u32) {
        self.core().lock().each(&id.into(), |c| c.faults.removed_in = Some(nth));
    }

    /// Removes the container when the next bounded read arrives, which still finds it and no file of its
    /// log any more.
    pub fn remove_under(&self, id: &ContainerId) {
        self.core().lock().each(&id.into(), |c| c.faults.loses_file = true);
    }

    /// Answers the next `n` bounded reads with nothing and a clean end, as Docker 20.10 does in one of
    /// seven that fail before their first record (measured on a log file that was removed).
    pub fn empty_reads(&self, id: &ContainerId, n: u32) {
        self.core().lock().each(&id.into(), |c| c.faults.empty_reads = n);
    }

    /// Ends every stall; what waited goes on where it was.
    pub fn unstall(&self, target: impl Into<Target>) {
        self.core().lock().each(&target.into(), |c| c.faults.stalls.clear());
    }

    /// Makes new log answers arrive seven bytes per millisecond, or no longer. What is sent later on
    /// the same connection dribbles too, until its next log answer.
    pub fn dribble(&self, target: impl Into<Target>, on: bool) {
        self.core().lock().each(&target.into(), |c| c.faults.dribble = on);
    }

    /// Begins the next log answer with bytes that are no frame, or no timestamped line on a tty.
    pub fn garbage_frames(&self, target: impl Into<Target>) {
        self.spoil(&target.into(), &Spoil::Garbage);
    }

    /// Begins the next log answer with a frame header that claims almost 4 GiB.
    pub fn giant_length(&self, target: impl Into<Target>) {
        self.spoil(&target.into(), &Spoil::GiantLength);
    }

    /// Begins the next log answer with an empty frame of stdout.
    pub fn zero_length_frame(&self, target: impl Into<Target>) {
        self.spoil(&target.into(), &Spoil::ZeroLength);
    }

    /// Begins the next log answer with a frame of this type: 0 is stdin, above 3 there is none.
    pub fn frame_type(&self, target: impl Into<Target>, kind: u8) {
        self.spoil(&target.into(), &Spoil::FrameType(kind));
    }

    /// Answers the next `n` requests of a kind with this status. `List`, `Events`, `Ping`,
    /// `Version` and `Info` name no container: aim at [`Target::All`].
    pub fn fail_next(&self, target: impl Into<Target>, endpoint: Endpoint, status: u16, n: u32) {
        let failure = Failure { target: target.into(), endpoint, status, left: n };
        self.core().lock().failures.push(failure);
    }

    /// Holds back the headers of every answer of a kind for this long; zero undoes it.
    pub fn delay_headers(&self, endpoint: Endpoint, by: Duration) {
        self.core().lock().delays.insert(endpoint, by);
    }

    /// Stops telling events, or tells them again; those in between are lost.
    pub fn drop_events(&self, on: bool) {
        self.core().lock().events.dropping = on;
    }

    /// Tells every event twice, or no longer.
    pub fn dup_events(&self, on: bool) {
        self.core().lock().events.doubling = on;
    }

    /// Pushes every event so far out of the daemon's ring, also for subscribers that have not been
    /// sent them yet, by more events of one container than the ring holds.
    pub fn ring_overflow(&self) {
        let mut world = self.core().lock();
        let now = world.clock.stamp();
        let Some(noisy) = world.containers.iter().find(|c| !c.removed) else { return };
        let line = container_event(noisy, "exec_start: true", &[], now);
        world.events.overflow(now, &line);
    }

    /// Breaks the next `n` lists in the middle.
    pub fn list_partial(&self, n: u32) {
        self.core().lock().partial_lists = n;
    }

    /// Makes log answers claim that a terminal's stream is framed and the other way round, on every
    /// version, or no longer.
    pub fn lie_content_type(&self, on: bool) {
        self.core().lock().lying = on;
    }

    /// Ends every lasting fault of this file and forgets those that no answer has used up yet. What
    /// is damaged or hidden stays so, and silenced answers stay silent.
    pub fn heal(&self) {
        let mut world = self.core().lock();
        world.failures.clear();
        world.delays.clear();
        (world.garbage_http, world.lying, world.partial_lists) = (false, false, 0);
        (world.events.dropping, world.events.doubling) = (false, false);
        world.each(&Target::All, |container| container.faults = LogFaults::default());
        world.streams.values().for_each(|stream| stream.breaker.dribble(false));
    }

    /// Answers every connection with something that is not HTTP, or no longer. Open ones are cut.
    pub fn garbage_http(&self, on: bool) {
        let mut world = self.core().lock();
        world.garbage_http = on;
        world.cut_connections();
    }

    /// Hides one record, by its position in [`Sim::records`], from every answer to come: the
    /// negative control of a completeness test. The record need not be written yet.
    pub fn skip_record(&self, id: &ContainerId, index: usize) {
        if let Some(container) = self.core().lock().container_mut(id) {
            container.log.withhold(index);
        }
    }

    /// The daemon restarts between two requests: every connection is cut and the event ring lost.
    /// Containers go on running (live-restore) or stop without an event.
    pub fn restart_daemon(&self, containers_keep_running: bool) {
        let profile = self.profile();
        self.restart_as(profile, containers_keep_running);
    }

    /// The same, and it comes back as another version.
    pub fn restart_as(&self, profile: Profile, containers_keep_running: bool) {
        let mut world = self.core().lock();
        world.events.forget();
        world.events.upgrade(profile);
        world.profile = profile;
        world.cut_connections();
        if !containers_keep_running {
            let now = world.clock.stamp();
            let running = world.containers.iter_mut().filter(|c| c.is_running());
            running.for_each(|container| container.end_run(now, 0));
        }
    }

    /// Cuts every open connection; new ones are served.
    pub fn cut_connections(&self) {
        self.core().lock().cut_connections();
    }

    /// How many log answers are being sent: of these containers, follows only or reads only.
    pub fn open_streams(&self, target: impl Into<Target>, follow: bool) -> usize {
        let target = target.into();
        let world = self.core().lock();
        let open = world.streams.values();
        open.filter(|s| s.follow == follow && target.hits(&s.container)).count()
    }

    fn stall(&self, target: &Target, stall: Stall) {
        self.core().lock().each(target, |c| {
            c.faults.stalls.insert(stall);
        });
    }

    fn spoil(&self, target: &Target, spoil: &Spoil) {
        self.core().lock().each(target, |c| c.faults.spoil.push_back(spoil.clone()));
    }

    fn order(&self, target: &Target, fits: impl Fn(&StreamState) -> bool, order: &Order) -> usize {
        let mut world = self.core().lock();
        let aimed = world.streams.values_mut().filter(|s| target.hits(&s.container) && fits(s));
        let ordered = aimed.map(|stream| stream.orders.push_back(order.clone())).count();
        world.containers.iter().filter(|c| target.hits(&c.id)).for_each(Container::touch);
        ordered
    }
}
