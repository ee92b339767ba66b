//! Container events: hints that something happened, never the truth.
//!
//! The daemon keeps 256 events of all kinds and drops what a slow subscriber does not take within
//! 100 ms, so discovery lists again and again, and events only wake it. The stream is subscribed when
//! [`Docker::events`](super::Docker::events) returns, so that a list made after it misses nothing.
//! The end of the stream is an error: a daemon never ends it while it lives.

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bollard::errors::Error as BollardError;
use bollard::models::EventMessage;
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use tokio::sync::oneshot;

use super::client;
use super::error::{CallStep, DockerError};
use crate::model::{ContainerId, Timestamp};

/// What happened to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DockerEventKind {
    /// It was created.
    Create,
    /// It was started.
    Start,
    /// Its process ended and the daemon has read its last output.
    Die,
    /// It was removed.
    Destroy,
    /// It has a new name.
    Rename,
    /// It was frozen.
    Pause,
    /// It was thawed.
    Unpause,
    /// Anything else, such as health checks.
    Other,
}

impl DockerEventKind {
    fn from_action(action: &str) -> Self {
        match action {
            "create" => Self::Create,
            "start" => Self::Start,
            // Podman's own word is "died".
            "die" | "died" => Self::Die,
            // Podman's own word is "remove".
            "destroy" | "remove" => Self::Destroy,
            "rename" => Self::Rename,
            "pause" => Self::Pause,
            "unpause" => Self::Unpause,
            _ => Self::Other,
        }
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerEvent {
    /// What happened.
    pub kind: DockerEventKind,
    /// To which container.
    pub id: ContainerId,
    /// Its name at that time, the new one for a rename.
    pub name: String,
    /// When, by the daemon's clock.
    pub at: Option<Timestamp>,
}

type Messages = Pin<Box<dyn Stream<Item = Result<EventMessage, BollardError>> + Send>>;

/// An open subscription.
pub struct EventStream {
    messages: Messages,
    ahead: Option<EventMessage>,
}

impl EventStream {
    /// Polls the stream until the daemon has answered or `patience` is over. Docker 25.0.0 to
    /// 26.1.3 may withhold the header until the first event, so silence is no error here.
    pub(crate) async fn subscribe(
        mut messages: Messages,
        mut answered: oneshot::Receiver<()>,
        patience: Duration,
    ) -> Result<Self, DockerError> {
        let first = std::future::poll_fn(|cx| {
            if let Poll::Ready(item) = messages.poll_next_unpin(cx) {
                return Poll::Ready(Some(item));
            }
            answered.poll_unpin(cx).map(|_| None)
        });
        let ahead = tokio::time::timeout(patience, first).await.unwrap_or(None);
        let ahead = ahead.map(received).transpose()?;
        Ok(Self { messages, ahead })
    }

    /// Waits for the next event of a container. Cancel safe.
    pub async fn next(&mut self) -> Result<DockerEvent, DockerError> {
        loop {
            let message = match self.ahead.take() {
                Some(message) => message,
                None => received(self.messages.next().await)?,
            };
            if let Some(event) = convert(message) {
                return Ok(event);
            }
        }
    }
}

fn received(item: Option<Result<EventMessage, BollardError>>) -> Result<EventMessage, DockerError> {
    let ended = || {
        let text = "the event stream ended".to_owned();
        DockerError::Cut { phase: CallStep::Body, text }
    };
    item.ok_or_else(ended)?.map_err(|error| explain(&error))
}

/// In a stream an I/O error is that of the body, not that of the connection attempt.
fn explain(error: &BollardError) -> DockerError {
    match client::own_error(error) {
        Some(own) => own,
        None => match error {
            BollardError::IOError { err } => {
                DockerError::Cut { phase: CallStep::Body, text: err.to_string() }
            }
            other => client::explain(other, "the event stream"),
        },
    }
}

fn convert(message: EventMessage) -> Option<DockerEvent> {
    let actor = message.actor?;
    let id = ContainerId::new(actor.id?).ok()?;
    let name = actor.attributes.and_then(|mut all| all.remove("name")).unwrap_or_default();
    let seconds = || message.time.and_then(|seconds| seconds.checked_mul(1_000_000_000));
    let at = message.time_nano.or_else(seconds).map(Timestamp);
    let kind = DockerEventKind::from_action(&message.action.unwrap_or_default());
    Some(DockerEvent { kind, id, name, at })
}
