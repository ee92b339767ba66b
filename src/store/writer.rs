//! The async handle to the one writer thread.
//!
//! Commands go through a bounded queue: capture waits when it is full (back-pressure reaches the
//! daemon and is shown as lag), timeline events are dropped and counted. A second bound, in bytes
//! of record text, keeps many full batches from filling the memory.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::core::{Command, Reply};
use super::error::StoreError;
use super::types::{Append, Appended, LogIdentity, LogPatch, LogRow, WriterStats};
use crate::model::{LogId, Seq, TimelineEvent};

/// Commands that may wait. Full: capture waits, events are dropped and counted.
pub(crate) const QUEUE: usize = 256;
/// Record text that may wait, in KiB. Full: capture waits.
const QUEUE_KIB: u32 = 32 << 10;

/// A command and its share of the byte bound, given back when the writer takes it.
pub(crate) struct Queued {
    pub(crate) command: Command,
    pub(crate) _bytes: Option<OwnedSemaphorePermit>,
}

/// What thread and handles share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) stats: Mutex<WriterStats>,
    pub(crate) events_dropped: AtomicU64,
    pub(crate) stop: AtomicBool,
    /// When the writer began what it does now.
    pub(crate) begun: Mutex<Option<Instant>>,
}

impl Shared {
    /// Notes that the writer works, as long as what is returned lives.
    pub(crate) fn at_work(&self) -> AtWork<'_> {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        AtWork(self)
    }
}

/// The writer works.
pub(crate) struct AtWork<'a>(&'a Shared);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        *self.0.begun.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Sends commands to the writer; clones share the queue.
#[derive(Debug, Clone)]
pub struct StoreWriter {
    queue: mpsc::Sender<Queued>,
    bytes: Arc<Semaphore>,
    shared: Arc<Shared>,
    commits: watch::Receiver<u64>,
}

/// An append on its way: resolves when its group is committed or refused.
#[derive(Debug)]
#[must_use = "the append is done only when this resolves"]
pub struct PendingAppend(oneshot::Receiver<Result<Appended, StoreError>>);

impl Future for PendingAppend {
    type Output = Result<Appended, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or(Err(StoreError::Closed)))
    }
}

impl StoreWriter {
    pub(crate) fn new(
        shared: Arc<Shared>,
        commits: watch::Receiver<u64>,
    ) -> (Self, mpsc::Receiver<Queued>) {
        let (queue, commands) = mpsc::channel(QUEUE);
        let bytes = Arc::new(Semaphore::new(QUEUE_KIB as usize));
        (Self { queue, bytes, shared, commits }, commands)
    }

    /// Makes the log's row or brings it up to date; the container id is the key.
    pub async fn open_log(&self, identity: LogIdentity) -> Result<LogRow, StoreError> {
        self.ask(|reply| Command::OpenLog(Box::new(identity), reply)).await
    }

    /// Appends and waits for the commit.
    pub async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        self.submit(append).await?.await
    }

    /// Queues an append; the next batch can be filled while this one commits.
    pub async fn submit(&self, append: Append) -> Result<PendingAppend, StoreError> {
        let kib = u32::try_from(append.records.text_bytes() >> 10).unwrap_or(u32::MAX);
        let kib = kib.clamp(1, QUEUE_KIB);
        let permit = Arc::clone(&self.bytes).acquire_many_owned(kib).await;
        let permit = permit.map_err(|_| StoreError::Closed)?;
        let (reply, answer) = oneshot::channel();
        self.send(Command::Append(Box::new(append), reply), Some(permit)).await?;
        Ok(PendingAppend(answer))
    }

    /// Changes fields of the log's row.
    pub async fn update_log(&self, log: LogId, patch: LogPatch) -> Result<(), StoreError> {
        self.ask(|reply| Command::UpdateLog(log, patch, reply)).await
    }

    /// Opens a backfill whose records begin at `first`, below everything stored.
    pub async fn begin_backfill(
        &self,
        log: LogId,
        first: Seq,
        cursor: Vec<u8>,
    ) -> Result<(), StoreError> {
        self.ask(|reply| Command::BeginBackfill { log, first, cursor, reply }).await
    }

    /// Closes the backfill: `joined` when it met the stored part, `older_exists` when the daemon
    /// holds still older history.
    pub async fn finish_backfill(
        &self,
        log: LogId,
        joined: bool,
        older_exists: bool,
    ) -> Result<(), StoreError> {
        self.ask(|reply| Command::FinishBackfill { log, joined, older_exists, reply }).await
    }

    /// Adds a row to the timeline. Never waits; dropped and counted when the queue is full, or when
    /// too many wait for a disk that cannot be written to.
    pub fn event(&self, event: TimelineEvent) {
        let queued = Queued { command: Command::Event(event), _bytes: None };
        if self.queue.try_send(queued).is_err() {
            self.shared.events_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Moves with every commit.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.commits.clone()
    }

    /// The writer's figures as of its last commit.
    pub fn stats(&self) -> WriterStats {
        let mut stats = self.shared.stats.lock().unwrap_or_else(PoisonError::into_inner).clone();
        stats.queue_cap = self.queue.max_capacity();
        stats.queue = stats.queue_cap - self.queue.capacity().min(stats.queue_cap);
        let begun = *self.shared.begun.lock().unwrap_or_else(PoisonError::into_inner);
        stats.at_work = begun.map(|begun| begun.elapsed());
        stats.events_dropped += self.shared.events_dropped.load(Ordering::Relaxed);
        stats
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(command(reply), None).await?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    async fn send(
        &self,
        command: Command,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<(), StoreError> {
        let queued = Queued { command, _bytes: permit };
        self.queue.send(queued).await.map_err(|_| StoreError::Closed)
    }

    /// Asks the thread to finish; it drains the queue first.
    pub(crate) fn stop(&self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // A full queue needs no wake-up: the thread looks at the flag when it has drained it.
        let _ = self.queue.try_send(Queued { command: Command::Wake, _bytes: None });
    }
}
