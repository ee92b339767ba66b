//! The writer's loop: waits, drains, commits.
//!
//! It runs on a thread of its own ([`WriterLoop::run`]), or as a future on somebody's runtime
//! ([`WriterLoop::serve`]), where a commit blocks that runtime: so a simulation under paused time
//! knows no moment between a commit's begin and its end.
//!
//! A command that finds the store idle is committed at once; under load commands are collected
//! until a tenth of a second after the last commit or four mebibytes, whichever comes first, so
//! that `synchronous=FULL` costs about ten syncs a second.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use super::core::WriterCore;
use super::error::StoreError;
use super::meter::Meter;
use super::types::Clock;
use super::writer::{Queued, Shared};

/// Shortest time between two commits, unless the group is large.
const SPACING: Duration = Duration::from_millis(100);
/// Record text that makes a group large.
const GROUP_BYTES: usize = 4 << 20;
/// How often retention looks for something to evict.
const RETAIN_EVERY: Duration = Duration::from_secs(10);

/// Everything the loop owns.
pub(crate) struct WriterLoop {
    pub(crate) core: WriterCore,
    pub(crate) commands: mpsc::Receiver<Queued>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) commits: watch::Sender<u64>,
    pub(crate) clock: Clock,
    pub(crate) meter: Meter,
}

impl WriterLoop {
    /// Runs on this thread until told to stop and drained, or until every sender is gone.
    pub(crate) fn run(self) -> Result<(), StoreError> {
        // Only for waiting with a deadline; nothing else ever runs on it.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|cause| StoreError::not_writable(self.core.path(), cause))?;
        runtime.block_on(self.serve())
    }

    /// The same on the runtime that polls it.
    pub(crate) async fn serve(mut self) -> Result<(), StoreError> {
        let mut last_commit = None::<Instant>;
        let mut retain_at = Instant::now();
        loop {
            // Also while commands never stop coming: a full disk would be the end of all of them.
            if Instant::now() >= retain_at {
                retain_at = self.retain();
            }
            match timeout_at(retain_at, self.commands.recv()).await {
                Err(_) => retain_at = self.retain(),
                Ok(None) => {
                    self.commit()?;
                    self.core.pay_events();
                    self.core.fold_log();
                    self.meter.ends();
                    self.publish(None);
                    return Ok(());
                }
                Ok(Some(first)) => {
                    self.collect(first, last_commit).await;
                    // Every sender was told of a failure; the next group tries again.
                    let _ = self.commit();
                    last_commit = Some(Instant::now());
                    if self.core.space().wants_eviction() {
                        retain_at = Instant::now();
                    }
                }
            }
            if self.shared.stop.load(std::sync::atomic::Ordering::SeqCst) {
                self.commands.close();
            }
        }
    }

    /// Puts commands into the group until it is due.
    async fn collect(&mut self, first: Queued, last_commit: Option<Instant>) {
        let at_work = self.shared.at_work();
        self.core.look_at_space();
        drop(at_work);
        let due = last_commit.map_or_else(Instant::now, |last| last + SPACING);
        let mut next = Some(first);
        let mut bytes = 0;
        while let Some(queued) = next {
            bytes += queued.command.bytes();
            self.handle(queued);
            if bytes >= GROUP_BYTES {
                return;
            }
            next = self.commands.try_recv().ok();
            let waits = due > Instant::now();
            let stopping = self.shared.stop.load(std::sync::atomic::Ordering::SeqCst);
            if next.is_none() && waits && !stopping && self.core.is_open() {
                next = timeout_at(due, self.commands.recv()).await.ok().flatten();
            }
        }
    }

    fn handle(&mut self, queued: Queued) {
        let begun = Instant::now();
        let at_work = self.shared.at_work();
        let result = self.core.handle(queued.command);
        drop(at_work);
        self.meter.worked(begun.elapsed());
        if let Err(error) = result {
            self.publish(Some(error));
        }
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        if !self.core.is_open() {
            return Ok(());
        }
        let begun = Instant::now();
        let at_work = self.shared.at_work();
        let result = self.core.commit();
        drop(at_work);
        self.meter.committed(begun.elapsed());
        if result.is_ok() {
            self.commits.send_modify(|commits| *commits += 1);
        }
        self.publish(result.clone().err());
        result
    }

    /// A few steps of eviction; says when to look again.
    fn retain(&mut self) -> Instant {
        let blocked = self.core.space().refusal().is_some();
        let at_work = self.shared.at_work();
        let more = self.core.retain((self.clock)()).unwrap_or(false);
        drop(at_work);
        if more {
            self.commits.send_modify(|commits| *commits += 1);
        }
        if more || blocked != self.core.space().refusal().is_some() {
            self.publish(None);
        }
        Instant::now() + if more { Duration::from_millis(50) } else { RETAIN_EVERY }
    }

    pub(crate) fn publish(&mut self, failed: Option<StoreError>) {
        let commits = *self.commits.borrow();
        let mut stats = self.meter.stats(self.core.connection(), self.core.path(), commits);
        let blocked = failed.or_else(|| self.core.space().refusal());
        stats.blocked = blocked.map(|error| error.to_string());
        stats.events_dropped = self.core.events_dropped();
        *self.shared.stats.lock().unwrap_or_else(PoisonError::into_inner) = stats;
    }
}
