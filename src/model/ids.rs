//! Newtypes for identifiers and for everything with a unit, so that mixing them up does not compile.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A container's full id as the daemon gives it (64 lower-case hex digits on Docker and Podman).
///
/// Names move between containers; the full id never does, so it is the only key.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContainerId(Arc<str>);

/// A container id that is not 1 to 128 characters of `[A-Za-z0-9_.-]`.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a container id: expected 1 to 128 letters, digits, '_', '.' or '-'")]
pub struct InvalidContainerId(String);

impl ContainerId {
    /// Validates an id from outside. Only characters that are safe in a URL path are accepted.
    pub fn new(id: impl Into<String>) -> Result<Self, InvalidContainerId> {
        let id = id.into();
        let safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        let shape = (1..=128).contains(&id.len()) && id.bytes().all(safe);
        if shape && id != "." && id != ".." {
            Ok(Self(id.into()))
        } else {
            Err(InvalidContainerId(id))
        }
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve characters, as `docker ps` shows them.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl TryFrom<String> for ContainerId {
    type Error = InvalidContainerId;
    fn try_from(id: String) -> Result<Self, Self::Error> {
        Self::new(id)
    }
}

impl From<ContainerId> for String {
    fn from(id: ContainerId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Debug for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

/// The store's number of a log: one per container instance.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct LogId(pub i64);

/// A record's position in its log: an order, not a count. Neighbours differ by one exactly when
/// their adjacency is proved; every larger step has a seam.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Seq(pub i64);

impl Seq {
    /// Where a log begins at first sight, so that backfilled history can go below.
    pub const ADOPTION: Self = Self(1 << 40);

    /// This position moved by `n` records, saturating at the ends of the range.
    #[must_use]
    pub fn offset(self, n: i64) -> Self {
        Self(self.0.saturating_add(n))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Nanoseconds since the Unix epoch, UTC, as a daemon or this host stamped them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Time since `earlier`, zero when the clock went back.
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = self.0.saturating_sub(earlier.0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
    }

    /// This moment moved into the past, saturating.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// The wall clock's value as a timestamp; the caller passes the clock's reading.
    pub fn from_system(time: std::time::SystemTime) -> Self {
        let nanos = time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
        Self(i64::try_from(nanos).unwrap_or(i64::MAX))
    }

    /// RFC 3339 in UTC with nanoseconds, as `/health` and `--json` show it.
    pub fn to_rfc3339(self) -> String {
        jiff::Timestamp::from_nanosecond(i128::from(self.0))
            .map_or_else(|_| format!("{}ns", self.0), |t| format!("{t:.9}"))
    }
}

/// One incarnation of a monitor. The supervisor drops what an older incarnation still sends.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct MonitorEpoch(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_leave_its_url_segment_is_refused() {
        for bad in ["", ".", "..", "a/b", "a?b", "a b", "a\n", &"x".repeat(129)] {
            assert!(ContainerId::new(bad).is_err(), "{bad:?}");
        }
        let id = ContainerId::new("0123456789abcdef").unwrap();
        assert_eq!(id.short(), "0123456789ab");
        assert_eq!(id.as_str(), "0123456789abcdef");
    }

    #[test]
    fn time_going_back_is_no_time_at_all() {
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
        assert_eq!(Timestamp(9).since(Timestamp(5)), Duration::from_nanos(4));
    }
}
