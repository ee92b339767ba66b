//! A Podman service of the test's own: its own storage, state and socket in a temporary folder, ended
//! by process id.
//!
//! Its compatible API is driven by the `docker` command, so that labs and images are what they are on
//! Docker. The configuration names everything that differs between a machine with systemd and a
//! container without: cgroups, the journal of events, the log driver, and limits that a container may
//! not be allowed to raise. Storage is plain folders (`vfs`), which works on every file system.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::daemon::Daemon;
use super::wait_until;

const START: Duration = Duration::from_secs(30);
const CONFIGURATION: &str = r#"
[containers]
log_driver = "k8s-file"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
events_logger = "file"
cgroup_manager = "cgroupfs"
"#;

/// A running service.
#[derive(Debug)]
pub(crate) struct Podman {
    /// Its address and storage.
    pub(crate) daemon: Daemon,
    path: PathBuf,
    service: Child,
    folder: Option<tempfile::TempDir>,
}

impl Podman {
    /// Starts one.
    pub(crate) fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("lc-podman-").tempdir().unwrap();
        let path = folder.path().to_owned();
        std::fs::write(path.join("containers.conf"), CONFIGURATION).unwrap();
        let log = std::fs::File::create(path.join("service.log")).unwrap();
        let uri = format!("unix://{}/podman.sock", path.display());
        let service = Command::new("podman")
            .env("CONTAINERS_CONF", path.join("containers.conf"))
            .args(["--storage-driver", "vfs"])
            .arg("--root")
            .arg(path.join("root"))
            .arg("--runroot")
            .arg(path.join("run"))
            .arg("--tmpdir")
            .arg(path.join("tmp"))
            .args(["system", "service", "--time", "0", &uri])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("podman is installed");
        let daemon = Daemon { uri, root: path.join("root") };
        let mut podman = Self { daemon, path, service, folder: Some(folder) };
        wait_until("podman answers", START, || {
            assert!(podman.service.try_wait().unwrap().is_none(), "{}", podman.own_log());
            podman.daemon.answers()
        });
        podman
    }

    /// What the service wrote about itself.
    pub(crate) fn own_log(&self) -> String {
        std::fs::read_to_string(self.path.join("service.log")).unwrap_or_default()
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        // Containers outlive the service: each has a conmon of its own.
        let ids = self.daemon.try_docker(&["ps", "--all", "--quiet"]).stdout;
        for id in String::from_utf8_lossy(&ids).split_whitespace() {
            self.daemon.try_docker(&["rm", "--force", id]);
        }
        let _ = rustix::process::kill_process(Pid::from_child(&self.service), Signal::TERM);
        wait_until("podman ends", START, || self.service.try_wait().unwrap().is_some());
        super::second::unmount_below(&self.path);
        drop(self.folder.take());
    }
}
