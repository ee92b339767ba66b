//! What the daemon says of a container, reduced to what capture needs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::class::{Guarantee, LogConfig};
use super::ids::{ContainerId, Timestamp};

/// Whether a container runs, from its inspect answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Created, never started.
    Created,
    /// Running, also while paused. Between two runs of a crash loop a container does not run, whatever
    /// the daemon says (it sets `Running` beside `Restarting`): its log is at its end.
    Running,
    /// Stopped; may be started again.
    Exited,
}

/// One container as inspected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerInfo {
    /// Full id.
    pub id: ContainerId,
    /// Name without the leading slash.
    pub name: String,
    /// Image reference as configured.
    pub image: String,
    /// Labels; compose's project and service are read from here.
    pub labels: BTreeMap<String, String>,
    /// Whether the container has a terminal: raw bytes instead of frames.
    pub tty: bool,
    /// `--rm`: the daemon removes it right after it dies.
    pub auto_remove: bool,
    /// Driver and options.
    pub log_config: LogConfig,
    /// Whether it runs.
    pub run: RunState,
    /// When it was created; nothing of its log is older.
    pub created: Option<Timestamp>,
    /// Start of the current or last run.
    pub started_at: Option<Timestamp>,
    /// How often the daemon restarted it.
    pub restart_count: u64,
    /// Between two runs: its restart policy will start it again.
    pub restarting: bool,
}

impl ContainerInfo {
    fn label(&self, docker: &str, podman: &str) -> Option<&str> {
        self.labels.get(docker).or_else(|| self.labels.get(podman)).map(String::as_str)
    }

    /// The compose project, if it belongs to one.
    pub fn project(&self) -> Option<&str> {
        self.label("com.docker.compose.project", "io.podman.compose.project")
    }

    /// The compose service, if it belongs to one.
    pub fn service(&self) -> Option<&str> {
        self.label("com.docker.compose.service", "io.podman.compose.service")
    }

    /// The replica number inside the service.
    pub fn replica(&self) -> Option<&str> {
        self.label("com.docker.compose.container-number", "io.podman.compose.container-number")
    }

    /// What may be promised of its log.
    pub fn guarantee(&self) -> Guarantee {
        self.log_config.guarantee(self.auto_remove)
    }
}
