//! A simulated daemon, and the program capturing it as a process of its own.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use logcap_tui::engine::EngineSnapshot;
use logcap_tui::model::ContainerId;
use logcap_tui::serve::fetch_unix;
use logcap_tui::sim::{ContainerSpec, Profile, Sim};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, interval, timeout};

/// No wait takes longer.
pub(crate) const DEADLINE: Duration = Duration::from_mins(2);

/// The binary, deaf to the configuration of whoever runs the tests.
pub(crate) fn binary(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logcap-tui"));
    for (name, _) in std::env::vars() {
        if name.starts_with("LOGCAP_") || name.starts_with("DOCKER_") {
            command.env_remove(name);
        }
    }
    command.env("XDG_CONFIG_HOME", "/nonexistent").env("NO_COLOR", "1").stdin(Stdio::null());
    command.arg("--data-dir").arg(data);
    command
}

/// A simulated daemon and the program capturing it.
pub(crate) struct Live {
    pub(crate) sim: Sim,
    engine: Child,
    pub(crate) dir: TempDir,
}

impl Live {
    pub(crate) async fn start(
        containers: impl IntoIterator<Item = ContainerSpec>,
    ) -> (Self, Vec<ContainerId>) {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("docker.sock");
        let sim = Sim::start(&socket, Profile::Moby20_10).unwrap();
        let ids: Vec<_> = containers.into_iter().map(|spec| sim.run(spec)).collect();
        for id in &ids {
            sim.emit_many(id, 50, |n| format!("line {n}"));
        }
        let mut command = binary(&dir.path().join("data"));
        command.args(["--probe", "5s", "--docker"]).arg(&socket).arg("capture");
        let stderr = std::fs::File::create(dir.path().join("stderr")).unwrap();
        let engine = command.stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        let live = Self { sim, engine, dir };
        live.wait_for("all live", |s| {
            s.ready && s.coverage.fresh == ids.len() && s.totals.flow.in_flight == 0
        })
        .await;
        (live, ids)
    }

    pub(crate) async fn wait_for(&self, what: &str, condition: impl Fn(&EngineSnapshot) -> bool) {
        let socket = self.dir.path().join("data/engine.sock");
        let (began, mut ticks) = (Instant::now(), interval(Duration::from_millis(100)));
        loop {
            ticks.tick().await;
            let body = fetch_unix(&socket, "/snapshot").await.unwrap_or_default();
            let snapshot = serde_json::from_slice(&body).ok();
            if snapshot.as_ref().is_some_and(&condition) {
                return;
            }
            assert!(began.elapsed() < DEADLINE, "no {what}: {snapshot:#?}");
        }
    }

    /// Sends SIGTERM and waits for the end: exit code and standard error.
    pub(crate) async fn stop(mut self) -> (Option<i32>, String) {
        let pid = rustix::process::Pid::from_child(&self.engine);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let mut ticks = interval(Duration::from_millis(20));
        let status = timeout(DEADLINE, async {
            loop {
                ticks.tick().await;
                if let Some(status) = self.engine.try_wait().unwrap() {
                    break status;
                }
            }
        });
        let code = status.await.expect("it ends").code();
        (code, std::fs::read_to_string(self.dir.path().join("stderr")).unwrap())
    }

    /// Runs `verify` with more arguments; exit code and JSON report.
    pub(crate) async fn verify(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let mut command = binary(&self.dir.path().join("data"));
        command.args(["verify", "--json"]).args(arguments);
        let output = run(command).await;
        let report = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), report)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.engine.kill();
        let _ = self.engine.wait();
    }
}

pub(crate) async fn run(mut command: Command) -> Output {
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
    timeout(DEADLINE * 4, ended).await.unwrap().unwrap()
}
