//! What to read of a log: the request, its path on the wire, and its deadlines.

use std::fmt::Write as _;
use std::time::Duration;

use crate::model::{ContainerId, Timestamp};

/// How much of the end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Everything.
    All,
    /// At most this many records.
    Last(u64),
}

/// A place where a terminal's line is known to end without a newline: its program had exited there.
/// The daemon puts what the next program writes right behind it, timestamp and all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineCut {
    /// Timestamp of the line.
    pub ts: Timestamp,
    /// Its length in bytes.
    pub len: usize,
}

/// What to read. Timestamps and both outputs are always asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRequest {
    /// Whose log.
    pub id: ContainerId,
    /// Whether the container has a terminal, from inspect; the wire does not say so reliably.
    pub tty: bool,
    /// Ends of lines without a newline that are known; used for terminals only.
    pub cuts: Vec<LineCut>,
    /// How much of its end.
    pub tail: Tail,
    /// Only from here on. Exact on Docker; see docs/CAPTURE.md on when to use it.
    pub since: Option<Timestamp>,
    /// Stay and send what comes.
    pub follow: bool,
    /// Patience for the first byte of a bounded read; it grows with the amount asked for.
    pub first_byte: Duration,
}

impl LogRequest {
    /// Path and query.
    pub(crate) fn path(&self, since: fn(Timestamp) -> String) -> String {
        let follow = u8::from(self.follow);
        let mut path = format!(
            "/containers/{}/logs?follow={follow}&stdout=1&stderr=1&timestamps=1&tail=",
            self.id.as_str()
        );
        let _ = match self.tail {
            Tail::All => write!(path, "all"),
            Tail::Last(count) => write!(path, "{count}"),
        };
        if let Some(ts) = self.since {
            let _ = write!(path, "&since={}", since(ts));
        }
        path
    }
}

/// Deadlines of one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) header: Option<Duration>,
    pub(crate) first_byte: Option<Duration>,
    pub(crate) body: Option<Duration>,
    pub(crate) refusal: Duration,
}

#[cfg(test)]
mod tests {
    use super::super::stamp::{since_docker, since_podman};
    use super::*;

    #[test]
    fn the_path_says_everything_and_no_version() {
        let mut request = LogRequest {
            id: ContainerId::new("abc").unwrap(),
            tty: false,
            cuts: Vec::new(),
            tail: Tail::All,
            since: None,
            follow: true,
            first_byte: Duration::ZERO,
        };
        let fixed = "/containers/abc/logs?follow=1&stdout=1&stderr=1&timestamps=1&tail=all";
        assert_eq!(request.path(since_docker), fixed);
        (request.follow, request.tail) = (false, Tail::Last(16));
        request.since = Some(Timestamp(1_136_214_245_000_000_007));
        let docker = request.path(since_docker);
        assert!(docker.contains("follow=0&"), "{docker}");
        assert!(docker.ends_with("&tail=16&since=1136214245.000000007"), "{docker}");
        let podman = request.path(since_podman);
        assert!(podman.ends_with("&since=2006-01-02T15:04:05.000000007Z"), "{podman}");
    }
}
