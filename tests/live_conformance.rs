//! The facts of `conformance/suite`, asked of real daemons: the machine's Docker 20.10 and a Podman of
//! the test's own. What they answer is the truth that the simulator is held to by `cargo test --test
//! conformance`.
//!
//! Containers are made by the `docker` command and run nothing but `sleep`. What they "write" is
//! written by the test into their first process's own pipe or terminal (`/proc/PID/fd`), so that each
//! write is one `write(2)` of exactly these bytes, at a moment that the test chooses.
//!
//! Run by `cargo test --test live_conformance -- --ignored --test-threads=1` as root.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests may fail loudly like the tests themselves"
)]

#[path = "conformance/suite/mod.rs"]
mod suite;
mod support;

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use logcap_tui::model::{ContainerId, Fd, Timestamp};
use logcap_tui::sim::{ContainerSpec, Profile};
use suite::Host;
use support::{Daemon, Lab, Podman, Spec, truth, wait_until};

const DEADLINE: Duration = Duration::from_secs(20);

/// A real daemon with a lab on it.
struct Real {
    lab: Lab,
    expected: Profile,
}

impl Real {
    fn inspect(&self, id: &ContainerId, format: &str) -> String {
        self.lab.daemon.docker(&["inspect", "-f", format, id.as_str()])
    }

    /// The file that the container's log is written to. Podman names it like Docker.
    fn log_file(&self, id: &ContainerId) -> PathBuf {
        self.inspect(id, "{{.LogPath}}").into()
    }
}

impl Host for Real {
    fn expected(&self) -> Profile {
        self.expected
    }

    fn socket(&self) -> PathBuf {
        self.lab.daemon.socket().into()
    }

    fn image(&self) -> String {
        let registry = if self.expected.is_podman() { "docker.io/library/" } else { "" };
        format!("{registry}{}", self.lab.image())
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.lab.prefix)
    }

    fn create(&self, spec: &ContainerSpec) -> ContainerId {
        let mut real = Spec::new(&spec.name, ["sleep", "100000"]);
        if !self.expected.is_podman() || spec.driver == "none" {
            real = real.driver(&spec.driver);
        }
        for (key, value) in &spec.options {
            real = real.opt(key, value);
        }
        for (key, value) in &spec.labels {
            real = real.label(&format!("{key}={value}"));
        }
        if spec.tty {
            real = real.tty();
        }
        ContainerId::new(self.lab.create(&real).id).unwrap()
    }

    fn start(&self, id: &ContainerId) {
        self.lab.daemon.docker(&["start", id.as_str()]);
    }

    fn write(&self, id: &ContainerId, fd: Fd, bytes: &[u8]) {
        let (pid, fd) = (self.inspect(id, "{{.State.Pid}}"), fd as usize + 1);
        // A terminal must not become the terminal of the test.
        let flags = rustix::fs::OFlags::NOCTTY.bits().cast_signed();
        let mut output = std::fs::OpenOptions::new()
            .write(true)
            .custom_flags(flags)
            .open(format!("/proc/{pid}/fd/{fd}"))
            .unwrap();
        output.write_all(bytes).unwrap();
    }

    fn end(&self, id: &ContainerId) {
        self.lab.daemon.docker(&["kill", id.as_str()]);
        let ended = || self.inspect(id, "{{.State.Running}}") == "false";
        wait_until("the container ends", DEADLINE, ended);
    }

    fn remove(&self, id: &ContainerId) {
        self.lab.daemon.docker(&["rm", "--force", id.as_str()]);
    }

    fn damage(&self, id: &ContainerId) {
        let file = std::fs::OpenOptions::new().append(true).open(self.log_file(id));
        file.unwrap().write_all(b"{\"log\":\"abc\n").unwrap();
    }

    fn overwrite(&self, id: &ContainerId, record: usize) {
        let folder = truth::folder(&self.lab.daemon.root, id.as_str());
        let file = folder.join("local-logs/container.log");
        let mut bytes = std::fs::read(&file).unwrap();
        // Each record stands between two copies of its length.
        let length = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        let start = (0..record).fold(0, |at, _| at + 8 + length(at) as usize) + 4;
        bytes[start..start + 8].fill(0xff);
        std::fs::write(&file, bytes).unwrap();
    }

    fn truncate(&self, id: &ContainerId) {
        let file = std::fs::OpenOptions::new().write(true).open(self.log_file(id));
        file.unwrap().set_len(0).unwrap();
    }

    fn stamps(&self, id: &ContainerId) -> Vec<Timestamp> {
        if self.expected.is_podman() {
            let text = std::fs::read_to_string(self.log_file(id)).unwrap();
            let stamps = text.lines().filter_map(|line| line.split(' ').next());
            return stamps.map(truth::timestamp).collect();
        }
        let records = truth::read(&self.lab.daemon.root, id.as_str());
        records.into_iter().map(|record| record.ts).collect()
    }

    fn compressed(&self, id: &ContainerId) -> usize {
        let folder = truth::folder(&self.lab.daemon.root, id.as_str());
        let files = std::fs::read_dir(folder).unwrap().flatten();
        files.filter(|file| file.path().extension().is_some_and(|end| end == "gz")).count()
    }
}

#[tokio::test]
#[ignore = "needs a Docker daemon of version 20.10"]
async fn docker_20_10_answers_as_its_simulator() {
    let lab = Lab::on(&Daemon::machine(), "conformance");
    let report = suite::run(&Real { lab, expected: Profile::Moby20_10 }).await;
    assert!(report.broken.is_empty() && report.asked > 0, "{report:#?}");
}

#[tokio::test]
#[ignore = "needs Podman 4.3"]
async fn podman_4_3_answers_as_its_simulator() {
    let podman = Podman::start();
    let lab = Lab::on(&podman.daemon, "conformance");
    let report = suite::run(&Real { lab, expected: Profile::Podman4 }).await;
    assert!(report.broken.is_empty() && report.asked > 0, "{report:#?}\n{}", podman.own_log());
}

#[tokio::test]
#[ignore = "needs a Docker daemon of version 20.10"]
async fn control_the_real_daemon_is_no_later_one() {
    let lab = Lab::on(&Daemon::machine(), "conformance");
    let real = Real { lab, expected: Profile::Moby24 };
    let wanted = |name: &str| name.contains("since");
    let claims = suite::run_those(&real, wanted).await.claims();
    let expected = [
        "since drops every older record, or only those in front",
        "an old file hides the younger ones from since",
    ];
    assert_eq!(claims, expected);
}
