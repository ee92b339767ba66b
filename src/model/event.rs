//! The engine's own timeline: what happened to containers and monitors, as stored and shown.

use serde::{Deserialize, Serialize};

use super::ids::{LogId, Timestamp};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The engine started.
    EngineStarted,
    /// The engine stopped in order.
    EngineStopped,
    /// A container was seen for the first time, or started again.
    ContainerStarted,
    /// A container stopped.
    ContainerStopped,
    /// A container is gone.
    ContainerRemoved,
    /// A container came and went with no record seen.
    Uncaptured,
    /// A follow was opened.
    StreamOpened,
    /// A follow was closed and opened by plan or by order.
    StreamReopened,
    /// A follow ended although it should not have.
    StreamEnded,
    /// A gap was recorded.
    Gap,
    /// A read found records that a silent follow had missed.
    ProbeMismatch,
    /// Evidence grew older than its deadline.
    Timeout,
    /// A monitor failed; its cause is the detail.
    MonitorFailed,
    /// A monitor was restarted.
    MonitorRestarted,
    /// A monitor panicked; it is restarted from the stored cursor.
    MonitorPanicked,
    /// A monitor gave up fast retries.
    MonitorQuarantined,
    /// The user paused a monitor.
    Paused,
    /// The user resumed a monitor.
    Resumed,
    /// The daemon stopped answering.
    DaemonDown,
    /// The daemon answers again.
    DaemonUp,
    /// The daemon answers, but not what discovery asks: containers may come and go unseen.
    DiscoveryFailed,
    /// Every container that exists was seen again.
    DiscoveryRecovered,
    /// The store refuses writes.
    StoreBlocked,
    /// A commit takes longer than it should; its records wait.
    StoreSlow,
    /// The store accepts writes again, or its commits are quick again.
    StoreRecovered,
    /// Older history was fetched.
    Backfilled,
}

impl EventKind {
    /// Every kind, for parsing stored words and for filters.
    pub const ALL: [Self; 26] = [
        Self::EngineStarted,
        Self::EngineStopped,
        Self::ContainerStarted,
        Self::ContainerStopped,
        Self::ContainerRemoved,
        Self::Uncaptured,
        Self::StreamOpened,
        Self::StreamReopened,
        Self::StreamEnded,
        Self::Gap,
        Self::ProbeMismatch,
        Self::Timeout,
        Self::MonitorFailed,
        Self::MonitorRestarted,
        Self::MonitorPanicked,
        Self::MonitorQuarantined,
        Self::Paused,
        Self::Resumed,
        Self::DaemonDown,
        Self::DaemonUp,
        Self::DiscoveryFailed,
        Self::DiscoveryRecovered,
        Self::StoreBlocked,
        Self::StoreSlow,
        Self::StoreRecovered,
        Self::Backfilled,
    ];

    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EngineStarted => "engine_started",
            Self::EngineStopped => "engine_stopped",
            Self::ContainerStarted => "container_started",
            Self::ContainerStopped => "container_stopped",
            Self::ContainerRemoved => "container_removed",
            Self::Uncaptured => "uncaptured",
            Self::StreamOpened => "stream_opened",
            Self::StreamReopened => "stream_reopened",
            Self::StreamEnded => "stream_ended",
            Self::Gap => "gap",
            Self::ProbeMismatch => "probe_mismatch",
            Self::Timeout => "timeout",
            Self::MonitorFailed => "monitor_failed",
            Self::MonitorRestarted => "monitor_restarted",
            Self::MonitorPanicked => "monitor_panicked",
            Self::MonitorQuarantined => "monitor_quarantined",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::DaemonDown => "daemon_down",
            Self::DaemonUp => "daemon_up",
            Self::DiscoveryFailed => "discovery_failed",
            Self::DiscoveryRecovered => "discovery_recovered",
            Self::StoreBlocked => "store_blocked",
            Self::StoreSlow => "store_slow",
            Self::StoreRecovered => "store_recovered",
            Self::Backfilled => "backfilled",
        }
    }

    /// The kind behind a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One row of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEvent {
    /// When, by this host's clock.
    pub ts: Timestamp,
    /// What.
    pub kind: EventKind,
    /// Which log, if it concerns one.
    pub log: Option<LogId>,
    /// The container's name at that time, or empty.
    pub container: String,
    /// The cause in a few words.
    pub cause: String,
}
