//! The one place where the engine starts tasks: each has a kind, a name, a span and an owner, and
//! its end has a reason.
//!
//! Expected tasks are a formula (the fixed ones and one per monitor); actual ones are what this
//! place holds. Both stand on screen side by side, so a leak or a loss is seen at once.

use std::collections::HashMap;
use std::future::Future;

use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tracing::Instrument;

use crate::model::ContainerId;
use crate::store::StoreReader;

/// What a task is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TaskKind {
    /// Finds containers and watches the daemon.
    Discovery,
    /// Answers `/health` and its like.
    Server,
    /// Captures one container.
    Monitor(ContainerId),
}

impl TaskKind {
    /// The word on screen.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Server => "server",
            Self::Monitor(_) => "monitor",
        }
    }
}

/// How a task ended.
#[derive(Debug)]
pub struct Ended {
    /// What it was for.
    pub kind: TaskKind,
    /// The panic's message, if it panicked.
    pub panicked: Option<String>,
}

/// All tasks of one engine.
#[derive(Debug, Default)]
pub struct Tasks {
    set: JoinSet<()>,
    kinds: HashMap<Id, TaskKind>,
}

impl Tasks {
    /// Starts a task.
    pub fn spawn(
        &mut self,
        kind: TaskKind,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> AbortHandle {
        let span = match &kind {
            TaskKind::Monitor(id) => tracing::info_span!("monitor", id = %id),
            other => tracing::info_span!("task", kind = other.as_str()),
        };
        let handle = self.set.spawn(work.instrument(span));
        self.kinds.insert(handle.id(), kind);
        handle
    }

    /// Number of tasks held.
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether no task is held.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// Number of tasks of a kind, by its word.
    pub fn count(&self, word: &str) -> usize {
        self.kinds.values().filter(|kind| kind.as_str() == word).count()
    }

    /// The next task that ended; pending while none is held. Cancel safe.
    pub async fn next_ended(&mut self) -> Ended {
        loop {
            let Some(joined) = self.set.join_next_with_id().await else {
                std::future::pending::<()>().await;
                continue;
            };
            let (id, panicked) = match joined {
                Ok((id, ())) => (id, None),
                Err(error) => (error.id(), panic_message(error)),
            };
            if let Some(kind) = self.kinds.remove(&id) {
                return Ended { kind, panicked };
            }
        }
    }

    /// Ends everything that is left.
    pub fn abort_all(&mut self) {
        self.set.abort_all();
    }
}

fn panic_message(error: JoinError) -> Option<String> {
    let payload = error.try_into_panic().ok()?;
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned());
    Some(text.unwrap_or_else(|| "a panic without a message".to_owned()))
}

/// Runs something that reads the store on a thread for blocking work. `None` if it panicked.
pub(super) async fn off_the_runtime<T: Send + 'static>(
    reader: &StoreReader,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    if reader.is_inline() {
        return Some(work());
    }
    tokio::task::spawn_blocking(work).await.ok()
}

/// Starts the supervisor, which owns all other tasks.
pub(super) fn spawn_supervisor(
    work: impl Future<Output = ()> + Send + 'static,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(work.instrument(tracing::info_span!("supervisor")))
}
