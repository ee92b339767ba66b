//! What the screen and the server hold of the engine: snapshots to look at, commands to send, a
//! counter that moves with each commit. Nothing else of the engine is visible to them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

use super::snapshot::EngineSnapshot;
use crate::model::ContainerId;

/// What to do with one or many monitors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Stop capturing, hold the cursor.
    Pause,
    /// Go on, and prove or report what happened meanwhile.
    Resume,
    /// End the task and start a new one from the stored cursor.
    Restart,
    /// Close the follow and open it again now.
    Reopen,
    /// Mark the last failure as seen.
    Acknowledge,
    /// Fetch older history.
    Backfill,
}

/// Which monitors a command is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Targets {
    /// All of them.
    All,
    /// These.
    Only(Vec<ContainerId>),
}

/// One order to the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// What to do.
    pub verb: Verb,
    /// To which monitors.
    pub targets: Targets,
}

/// The engine's answer to a command, for the screen to show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandAnswer {
    /// Monitors that took the order.
    pub done: usize,
    /// Monitors that could not, with the reason.
    pub refused: Vec<(String, String)>,
    /// One line for the status bar.
    pub summary: String,
}

/// Why a command got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The engine ended.
    #[error("the engine has stopped")]
    EngineGone,
    /// The engine runs in another process.
    #[error("this is a viewer: the engine runs in another process")]
    Viewer,
    /// Too many commands wait already.
    #[error("the engine is busy with earlier commands; try again")]
    Busy,
}

/// A command on its way, with the place for its answer.
#[derive(Debug)]
pub struct CommandRequest {
    /// The order.
    pub command: Command,
    /// Where the answer goes.
    pub answer: oneshot::Sender<CommandAnswer>,
}

/// A cheap clone of everything the outside may see and ask of the engine.
#[derive(Debug, Clone)]
pub struct EngineHandle {
    snapshots: watch::Receiver<Arc<EngineSnapshot>>,
    commits: watch::Receiver<u64>,
    commands: Option<mpsc::Sender<CommandRequest>>,
}

impl EngineHandle {
    /// A handle on a running engine, or on a picture of one elsewhere when `commands` is `None`.
    pub fn new(
        snapshots: watch::Receiver<Arc<EngineSnapshot>>,
        commits: watch::Receiver<u64>,
        commands: Option<mpsc::Sender<CommandRequest>>,
    ) -> Self {
        Self { snapshots, commits, commands }
    }

    /// The newest picture.
    pub fn snapshot(&self) -> Arc<EngineSnapshot> {
        Arc::clone(&self.snapshots.borrow())
    }

    /// A receiver of pictures of its own.
    pub fn snapshots(&self) -> watch::Receiver<Arc<EngineSnapshot>> {
        self.snapshots.clone()
    }

    /// A receiver that changes with each commit.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.commits.clone()
    }

    /// Whether the engine runs in another process, so that commands cannot be given here.
    pub fn is_viewer(&self) -> bool {
        self.commands.is_none()
    }

    /// Sends an order and waits for the answer. Never waits for a place in the queue.
    pub async fn command(&self, command: Command) -> Result<CommandAnswer, CommandError> {
        let commands = self.commands.as_ref().ok_or(CommandError::Viewer)?;
        let (answer, reply) = oneshot::channel();
        commands.try_send(CommandRequest { command, answer }).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => CommandError::Busy,
            mpsc::error::TrySendError::Closed(_) => CommandError::EngineGone,
        })?;
        reply.await.map_err(|_| CommandError::EngineGone)
    }
}
