//! A process that gets next to no time of the processor, and what share of it a process uses.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::program::cpu;
use super::scene::let_pass;

/// Of a tenth of a second the processes get so much.
const RATION: Duration = Duration::from_millis(5);
const PERIOD: Duration = Duration::from_millis(100);

/// Processes that may hardly run, until this goes.
#[must_use]
#[derive(Debug)]
pub(crate) enum Starved {
    /// By a quota of the kernel's scheduler: they may use so much time.
    Quota {
        /// The control group made for them.
        group: PathBuf,
        /// The one that they came from.
        home: PathBuf,
    },
    /// By signals: they may run at these times only. What every system has.
    Signals {
        /// Set when it is to end.
        over: Arc<AtomicBool>,
        /// Who sends them.
        starver: Option<JoinHandle<()>>,
    },
}

impl Starved {
    /// A quota, where processes can be given one (version 1 of control groups).
    pub(crate) fn by_quota(pids: &[Pid]) -> Option<Self> {
        let root = Path::new("/sys/fs/cgroup/cpu");
        let group = root.join(format!("lc-starved-{}", std::process::id()));
        let text = std::fs::read_to_string(format!("/proc/{}/cgroup", pids[0].as_raw_pid()));
        let lines = text.unwrap_or_default();
        let home = lines.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let controllers = fields.next()?;
            controllers.split(',').any(|c| c == "cpu").then(|| fields.next())?
        });
        let home = root.join(home?.trim_start_matches('/'));
        std::fs::create_dir(&group).ok()?;
        // From here on there is something to take away again.
        let starved = Self::Quota { group: group.clone(), home };
        let write = |file: &str, value: u128| std::fs::write(group.join(file), value.to_string());
        write("cpu.cfs_period_us", PERIOD.as_micros()).ok()?;
        write("cpu.cfs_quota_us", RATION.as_micros()).ok()?;
        for pid in pids {
            write("cgroup.procs", pid.as_raw_pid().unsigned_abs().into()).ok()?;
        }
        Some(starved)
    }

    /// The same by signals.
    pub(crate) fn by_signals(pids: &[Pid]) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (pids, stop) = (pids.to_vec(), Arc::clone(&over));
        let starver = std::thread::spawn(move || {
            let tell = |signal| {
                for pid in &pids {
                    let _ = kill_process(*pid, signal);
                }
            };
            while !stop.load(Ordering::Relaxed) {
                tell(Signal::STOP);
                std::thread::sleep(PERIOD.saturating_sub(RATION));
                tell(Signal::CONT);
                std::thread::sleep(RATION);
            }
        });
        Self::Signals { over, starver: Some(starver) }
    }
}

impl Drop for Starved {
    fn drop(&mut self) {
        match self {
            Self::Quota { group, home } => {
                let all = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
                for pid in all.lines() {
                    let _ = std::fs::write(home.join("cgroup.procs"), pid);
                }
                let _ = std::fs::remove_dir(group);
            }
            Self::Signals { over, starver } => {
                over.store(true, Ordering::Relaxed);
                let _ = starver.take().map(JoinHandle::join);
            }
        }
    }
}

/// What share of one processor a process uses while this time passes.
pub(crate) fn share(pid: Pid, time: Duration) -> f64 {
    let (before, start) = (cpu(pid), Instant::now());
    let_pass("its share is measured", time);
    cpu(pid).saturating_sub(before).as_secs_f64() / start.elapsed().as_secs_f64()
}
