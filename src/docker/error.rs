//! Failures of the daemon and of the way to it, in plain words with what to do about them.
//!
//! One enum for the whole layer, so that the engine can decide by kind: whose fault it is (one log,
//! one container, the daemon), and whether trying again can help. Nothing is retried here.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use super::endpoint::Endpoint;

/// Which part of a call ran out of time or was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallStep {
    /// Making the connection.
    Connect,
    /// Waiting for the header of the answer.
    Header,
    /// Waiting for the first byte of the answer's body.
    FirstByte,
    /// Between two pieces of the answer's body.
    Body,
}

impl fmt::Display for CallStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Header => "waiting for the answer",
            Self::FirstByte => "waiting for the first byte of the answer",
            Self::Body => "in the middle of the answer",
        })
    }
}

/// Whether asking again later can help without anyone changing something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permanence {
    /// It can.
    Transient,
    /// It cannot.
    Permanent,
}

/// A failed call or stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DockerError {
    /// 404: the container does not exist, or no longer.
    #[error("{subject} does not exist (any more): {text}")]
    NotFound {
        /// What was asked for.
        subject: String,
        /// The daemon's words.
        text: String,
    },
    /// 409: the container is dead or being removed.
    #[error("{subject} cannot be used now: {text}")]
    Conflict {
        /// What was asked for.
        subject: String,
        /// The daemon's words.
        text: String,
    },
    /// 501 (Podman: 500): the log driver keeps nothing that can be read.
    #[error("the log of {subject} cannot be read: {text}; choose the json-file or local driver")]
    NotReadable {
        /// Whose log.
        subject: String,
        /// The daemon's words.
        text: String,
    },
    /// No connection to the daemon.
    #[error("no daemon at {endpoint}: {words}; {hint}")]
    Unreachable {
        /// Where.
        endpoint: Endpoint,
        /// What happened.
        words: String,
        /// What to do.
        hint: String,
    },
    /// The socket exists and this user may not use it.
    #[error("permission denied at {endpoint}; {hint}")]
    PermissionDenied {
        /// Where.
        endpoint: Endpoint,
        /// What to do.
        hint: String,
    },
    /// The daemon was silent for too long.
    #[error("the daemon was silent for {} while {phase}", humantime::format_duration(*.after))]
    Timeout {
        /// In which part of the call.
        phase: CallStep,
        /// For how long.
        after: Duration,
    },
    /// The connection ended before the answer did.
    #[error("the connection was cut {phase}: {text}")]
    Cut {
        /// In which part of the call.
        phase: CallStep,
        /// How it ended.
        text: String,
    },
    /// The daemon reported an error inside a log.
    #[error("the daemon reported: {text}")]
    Fault {
        /// Its words.
        text: String,
    },
    /// The daemon reported inside a log that it cannot open one of its files: it was removed, or too
    /// many are open. Nothing of the log can be read.
    #[error("the daemon cannot open the log's file: {text}")]
    NoFile {
        /// Its words.
        text: String,
    },
    /// Bytes that no daemon should send: nothing behind them can be trusted.
    #[error("the daemon's answer is malformed: {what}")]
    Malformed {
        /// What is wrong.
        what: String,
    },
    /// Any other status.
    #[error("the daemon answered {status}: {text}")]
    Server {
        /// HTTP status.
        status: u16,
        /// The daemon's words.
        text: String,
    },
    /// Something answers there, but not a Docker API.
    #[error("{endpoint} does not speak the Docker API: {what}; check the address")]
    NotDocker {
        /// Where.
        endpoint: Endpoint,
        /// What it answered instead.
        what: String,
    },
}

impl DockerError {
    /// Whether trying again can help.
    pub fn permanence(&self) -> Permanence {
        match self {
            Self::NotFound { .. } | Self::NotReadable { .. } | Self::PermissionDenied { .. } => {
                Permanence::Permanent
            }
            Self::Server { status, .. } if *status < 500 && *status != 429 => Permanence::Permanent,
            _ => Permanence::Transient,
        }
    }

    /// Whether the thing asked for is gone.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Whether there is no log to read any more: the container is gone, or 409, it is being removed
    /// (20.10: "can not get logs from container which is dead or marked for removal").
    pub fn means_no_log(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::Conflict { .. })
    }

    /// Whether the failure is the daemon's or of the way to it, not that of one container.
    pub fn means_daemon_down(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::PermissionDenied { .. }
                | Self::NotDocker { .. }
                | Self::Timeout { phase: CallStep::Connect, .. }
        )
    }

    /// A failed connection.
    pub(crate) fn connect(error: &io::Error, endpoint: &Endpoint) -> Self {
        let (words, hint) = diagnose(error, endpoint);
        let endpoint = endpoint.clone();
        if error.kind() == io::ErrorKind::PermissionDenied {
            Self::PermissionDenied { endpoint, hint }
        } else {
            Self::Unreachable { endpoint, words, hint }
        }
    }

    /// A status other than success, with the daemon's words.
    pub(crate) fn status(status: u16, text: String, subject: &str) -> Self {
        let subject = subject.to_owned();
        match status {
            404 => Self::NotFound { subject, text },
            409 => Self::Conflict { subject, text },
            501 => Self::NotReadable { subject, text },
            // Podman 4.3.1 for the driver `none`, in the words of libpod's ErrNoLogs.
            500 if text.contains("this container is not logging output") => {
                Self::NotReadable { subject, text }
            }
            _ => Self::Server { status, text },
        }
    }

    /// A failed exchange on a connection that stood.
    pub(crate) fn exchange(error: &hyper::Error, phase: CallStep, endpoint: &Endpoint) -> Self {
        if error.is_parse() {
            return Self::NotDocker { endpoint: endpoint.clone(), what: error.to_string() };
        }
        let io = io_source(error).map(io::Error::kind);
        if matches!(io, Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)) {
            return Self::Malformed { what: with_source(error) };
        }
        Self::Cut { phase, text: with_source(error) }
    }
}

fn io_source<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a io::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref() {
            return Some(io);
        }
        next = error.source();
    }
    None
}

fn with_source(error: &hyper::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// The message in an API error body, which is `{"message": "..."}`; anything else is shown as it
/// came, cut and without line breaks.
pub(crate) fn message_of(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Body {
        message: String,
    }
    match serde_json::from_slice::<Body>(body) {
        Ok(body) => body.message,
        Err(_) => preview(body),
    }
}

/// Long enough for a sentence with the path of a container's log in it.
const PREVIEW: usize = 400;

/// The first bytes of something unexpected, safe to show.
pub(crate) fn preview(bytes: &[u8]) -> String {
    let head = bytes.get(..PREVIEW).unwrap_or(bytes);
    // Only what a terminal could obey is escaped: quotes and backslashes are the daemon's own words.
    let mut words = String::new();
    for c in String::from_utf8_lossy(head).trim().chars() {
        if c.is_control() { words.extend(c.escape_default()) } else { words.push(c) }
    }
    words
}

/// Why no connection stands, in plain words, and what to do.
pub fn diagnose(error: &io::Error, endpoint: &Endpoint) -> (String, String) {
    let (words, hint) = match (error.kind(), endpoint) {
        (io::ErrorKind::NotFound, Endpoint::Unix(_)) => (
            "there is no such socket",
            "is Docker installed and started? (systemctl start docker), or name another address with --docker",
        ),
        (io::ErrorKind::ConnectionRefused, Endpoint::Unix(_)) => (
            "the socket exists but nothing listens on it",
            "the daemon is not running: systemctl start docker",
        ),
        (io::ErrorKind::ConnectionRefused, Endpoint::Tcp { .. }) => {
            ("nothing listens on that port", "is the daemon or its proxy running there?")
        }
        (io::ErrorKind::PermissionDenied, _) => (
            "this user may not use the socket",
            "add yourself to its group (sudo usermod -aG docker $USER) and log in again",
        ),
        (io::ErrorKind::WouldBlock, Endpoint::Unix(_)) => {
            ("the daemon is too busy to accept connections", "it is asked again soon")
        }
        (io::ErrorKind::TimedOut, _) => {
            ("no answer to the connection attempt", "is the host reachable?")
        }
        _ => return (error.to_string(), "check the address and the daemon's log".to_owned()),
    };
    (words.to_owned(), hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_failures_name_their_cause_and_cure() {
        let unix: Endpoint = "/x.sock".parse().unwrap();
        for (kind, words, cure) in [
            (io::ErrorKind::NotFound, "no such socket", "systemctl start docker"),
            (io::ErrorKind::ConnectionRefused, "nothing listens", "not running"),
            (io::ErrorKind::PermissionDenied, "permission denied", "usermod -aG docker"),
        ] {
            let error = DockerError::connect(&kind.into(), &unix);
            let text = error.to_string();
            assert!(text.contains(words) && text.contains(cure), "{text}");
            assert!(error.means_daemon_down());
        }
    }

    #[test]
    fn statuses_become_kinds() {
        let of = |status| DockerError::status(status, "words".into(), "web");
        assert!(of(404).is_not_found());
        assert!(matches!(of(409), DockerError::Conflict { .. }));
        assert!([404, 409].map(of).iter().all(DockerError::means_no_log));
        assert!(!of(500).means_no_log() && !of(409).is_not_found());
        assert!(matches!(of(501), DockerError::NotReadable { .. }));
        assert_eq!(of(500).permanence(), Permanence::Transient);
        let words = "cannot read logs: this container is not logging output".to_owned();
        let podman = DockerError::status(500, words, "container web");
        assert!(matches!(podman, DockerError::NotReadable { .. }), "{podman}");
        assert_eq!(of(400).permanence(), Permanence::Permanent);
        assert_eq!(of(501).permanence(), Permanence::Permanent);
    }

    #[test]
    fn error_bodies_are_unwrapped_or_shown_safely() {
        assert_eq!(message_of(br#"{"message":"No such container: x"}"#), "No such container: x");
        assert_eq!(message_of(b"<html>\x1b[2J\n"), "<html>\\u{1b}[2J");
    }
}
