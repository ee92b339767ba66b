//! A Docker daemon as its address, driven by the `docker` command.

use std::path::PathBuf;
use std::process::{Command, Output};

/// Where a daemon listens and keeps its files.
#[derive(Debug, Clone)]
pub(crate) struct Daemon {
    /// For example `unix:///var/run/docker.sock`.
    pub(crate) uri: String,
    /// Its data root: log files lie in `containers/<id>` below it.
    pub(crate) root: PathBuf,
}

impl Daemon {
    /// The machine's own daemon. It is used and left as it was found.
    pub(crate) fn machine() -> Self {
        let uri = std::env::var("DOCKER_HOST");
        let uri = uri.unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
        let mut daemon = Self { uri, root: PathBuf::new() };
        daemon.root = PathBuf::from(daemon.docker(&["info", "-f", "{{.DockerRootDir}}"]));
        daemon
    }

    /// The socket's path.
    pub(crate) fn socket(&self) -> &str {
        self.uri.strip_prefix("unix://").expect("a unix socket")
    }

    /// Runs the `docker` command against this daemon; its trimmed output.
    #[track_caller]
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        let output = self.try_docker(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "docker {arguments:?}: {stderr}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The same where failure is an answer.
    pub(crate) fn try_docker(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().expect("the docker command is installed")
    }

    /// The `docker` command with this daemon's address.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("docker");
        command.arg("-H").arg(&self.uri).env_remove("DOCKER_CONTEXT").env_remove("DOCKER_HOST");
        command
    }

    /// Whether it answers. Never returns while the daemon is paused.
    pub(crate) fn answers(&self) -> bool {
        self.try_docker(&["version", "-f", "{{.Server.Version}}"]).status.success()
    }
}
