//! What the supervisor wants of a monitor, and what a monitor tells besides its report.
//!
//! Orders are a level, not a queue: the newest wish stands in a watch channel, so that giving one
//! never waits and none is lost when the monitor is busy. Things to be done once are counters.

use std::sync::Arc;

use tokio::sync::watch;

use crate::model::{
    ContainerId, ContainerInfo, EndProof, EventKind, MonitorEpoch, RunState, Timestamp, Waiting,
};

/// Whether to capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// Capture.
    Open,
    /// Hold the cursor and wait.
    Hold(Waiting),
    /// The container is gone: take what is still on its way, then end the task.
    Finish,
    /// Commit what is at hand and end the task.
    Stop,
}

impl Gate {
    /// Whether answers that are open may be read on.
    pub(super) fn lets_read(&self) -> bool {
        matches!(self, Self::Open | Self::Finish)
    }

    /// Whether the task is to end, now or when what is on its way is taken.
    pub(super) fn is_last(&self) -> bool {
        matches!(self, Self::Finish | Self::Stop)
    }
}

/// The newest wish.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// Whether to capture.
    pub gate: Gate,
    /// Moves when the gate is to be looked at again although it is the same (a new attempt).
    pub attempt: u64,
    /// Moves when the follow is to be reopened.
    pub reopen: u64,
    /// Moves when older history is to be fetched.
    pub backfill: u64,
    /// Moves when the container stopped.
    pub died: u64,
    /// The container as inspected last.
    pub info: Arc<ContainerInfo>,
}

/// The supervisor's newest wish and what of it was done.
#[derive(Debug)]
pub struct Orders {
    wish: watch::Receiver<Desired>,
    done: Desired,
    /// Backfills begun. Counted apart, because other wishes are done on the way to it.
    backfilled: u64,
}

impl Orders {
    /// Orders of which nothing was done yet but what stands now.
    pub fn new(wish: watch::Receiver<Desired>) -> Self {
        let done = wish.borrow().clone();
        Self { wish, backfilled: done.backfill, done }
    }

    /// The newest wish.
    pub fn wish(&self) -> Desired {
        self.wish.borrow().clone()
    }

    /// Marks the newest wish as done and returns it with the one done before.
    pub fn take(&mut self) -> (Desired, Desired) {
        let newest = self.wish.borrow_and_update().clone();
        let before = std::mem::replace(&mut self.done, newest.clone());
        (newest, before)
    }

    /// Returns when anything but the container's description differs from what was done. A
    /// supervisor that is gone counts as a wish to stop. Cancel safe.
    pub async fn any(&mut self) {
        let done = self.done.clone();
        let differs =
            |wish: &Desired| Desired { info: Arc::clone(&done.info), ..wish.clone() } != done;
        let _ = self.wish.wait_for(differs).await;
    }

    /// The same, and also when a later run than the one that began at `started` is known of.
    pub async fn any_or_run_after(&mut self, started: Option<Timestamp>) {
        let done = self.done.clone();
        let differs =
            |wish: &Desired| Desired { info: Arc::clone(&done.info), ..wish.clone() } != done;
        let runs_again = |info: &ContainerInfo| {
            info.run == RunState::Running && info.started_at.is_some() && info.started_at > started
        };
        let _ = self.wish.wait_for(|wish| differs(wish) || runs_again(&wish.info)).await;
    }

    /// Whether a backfill was ordered since the last that was begun.
    pub fn take_backfill(&mut self) -> bool {
        let ordered = self.wish.borrow().backfill;
        std::mem::replace(&mut self.backfilled, ordered) != ordered
    }

    /// Returns when capture is to stop for any reason. Cancel safe.
    pub async fn changed(&mut self) {
        let _ = self.wish.wait_for(|wish| !wish.gate.lets_read()).await;
    }

    /// Returns when the container is gone, or the supervisor.
    pub(super) fn gone(&self) -> impl Future<Output = ()> + use<> {
        let mut wish = self.wish.clone();
        async move {
            let _ = wish.wait_for(|wish| wish.gate == Gate::Finish).await;
        }
    }

    /// Whether the supervisor is gone.
    pub fn is_orphaned(&self) -> bool {
        self.wish.has_changed().is_err()
    }
}

/// What a monitor tells besides its report: things to decide on or to note.
#[derive(Debug)]
pub struct MonitorEvent {
    /// Which container.
    pub id: ContainerId,
    /// Which incarnation tells.
    pub epoch: MonitorEpoch,
    /// What.
    pub what: Told,
}

/// What happened to a monitor.
#[derive(Debug)]
pub enum Told {
    /// It cannot go on and waits for a new attempt.
    Failed {
        /// Why, in plain words.
        cause: String,
        /// Whose fault.
        fault: Fault,
    },
    /// The log has ended.
    Ended(EndProof),
    /// The container is gone, 404.
    Gone,
    /// The daemon cannot read this log.
    Unreadable,
    /// Something for the timeline.
    Note(EventKind, String),
}

/// Whose fault a failure is; decides who waits for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This log's or its stream's.
    Log,
    /// The daemon's: everybody waits.
    Daemon,
    /// No answer in time, or a cut connection: this log's alone, or the daemon's, which is asked at
    /// once.
    Unclear,
    /// The store's.
    Store,
}
