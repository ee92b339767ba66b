//! Starts the workload as a process of its own, kills it, and says how it ended.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::judge::{self, Acks};
use crate::workload::{ACKS, DIR, TARGET};

/// No wait takes longer.
pub(crate) const DEADLINE: Duration = Duration::from_mins(2);
/// The test that is the workload when the variables are set.
pub(crate) const TEST: &str = "the_workload_runs_to_its_target";

/// A store, and the file of what was acknowledged into it.
pub(crate) struct Bench {
    temp: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { temp: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.temp.path().join("store")
    }

    pub(crate) fn acks_file(&self) -> PathBuf {
        self.temp.path().join("acks")
    }

    pub(crate) fn acks(&self) -> Acks {
        judge::acks(&self.acks_file())
    }

    /// What is wrong now.
    pub(crate) fn findings(&self) -> Vec<String> {
        judge::findings(&self.dir(), &self.acks())
    }

    /// Fails the test with everything that is wrong.
    #[track_caller]
    pub(crate) fn judge(&self, when: &str) {
        let found = self.findings();
        assert!(found.is_empty(), "{when}: {}\n{}", found.join("\n"), self.said());
    }

    /// The command that runs the workload up to `target` steps, behind the words of `wrapper`.
    pub(crate) fn command(&self, wrapper: &[&str], target: u64) -> Command {
        let own = std::env::current_exe().unwrap();
        let mut words =
            wrapper.iter().map(AsRef::<std::ffi::OsStr>::as_ref).chain([own.as_os_str()]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(["--exact", TEST, "--nocapture", "--test-threads=1"]);
        command.env(DIR, self.dir()).env(ACKS, self.acks_file()).env(TARGET, target.to_string());
        let said = std::fs::File::create(self.temp.path().join("said")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
        command
    }

    /// Runs the workload to its end.
    #[track_caller]
    pub(crate) fn finish(&self, target: u64) {
        let status = self.command(&[], target).status().unwrap();
        assert!(status.success(), "the workload: {status}\n{}", self.said());
    }

    /// Starts it without an end.
    pub(crate) fn start(&self) -> Victim {
        Victim(self.command(&[], u64::MAX).spawn().unwrap())
    }

    /// What the workload wrote on standard error.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.temp.path().join("said")).unwrap_or_default()
    }

    fn acknowledged_bytes(&self) -> u64 {
        std::fs::metadata(self.acks_file()).map_or(0, |meta| meta.len())
    }

    /// Waits until the workload has written `more` further bytes of acknowledgements.
    #[track_caller]
    pub(crate) fn wait_acknowledged(&self, victim: &mut Victim, from: u64, more: u64) {
        let begun = Instant::now();
        while self.acknowledged_bytes() < from + more {
            let ended = victim.0.try_wait().unwrap();
            assert!(ended.is_none(), "ended by itself: {ended:?}\n{}", self.said());
            assert!(begun.elapsed() < DEADLINE, "nothing acknowledged\n{}", self.said());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Starts the workload, lets it acknowledge `more` bytes, then `later` kills it.
    #[track_caller]
    pub(crate) fn kill_after(&self, more: u64, later: Duration) {
        let from = self.acknowledged_bytes();
        let mut victim = self.start();
        self.wait_acknowledged(&mut victim, from, more);
        // The moment is what is varied; no condition could name it.
        std::thread::sleep(later);
        victim.kill(&self.said());
    }
}

/// A running workload; killed when dropped.
pub(crate) struct Victim(Child);

impl Victim {
    /// SIGKILL; fails when it had ended by itself.
    #[track_caller]
    pub(crate) fn kill(mut self, said: &str) {
        self.0.kill().unwrap();
        let status = self.0.wait().unwrap();
        assert!(was_killed(status), "ended by itself: {status}\n{said}");
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(9)
}
