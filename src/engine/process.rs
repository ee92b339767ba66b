//! What only Linux tells of this process: open file descriptors, resident memory, the limit of
//! descriptors, and which container it runs in. Read here and nowhere else; elsewhere the screen
//! shows `--`.

use std::collections::VecDeque;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::snapshot::ProcessView;
use crate::docker::own_container_id;
use crate::model::{ContainerId, Moment};

/// Time over which slopes are taken.
const SLOPE_OVER: Duration = Duration::from_mins(5);

/// Raises the soft limit of file descriptors to the hard one; returns the soft limit in force.
pub fn raise_fd_limit() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
    getrlimit(Resource::Nofile).current.unwrap_or(1 << 20)
}

/// The container that this process runs in, if it does.
pub fn own_container() -> Option<ContainerId> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let hostname = read("/proc/sys/kernel/hostname");
    own_container_id(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"), hostname.trim())
}

/// This host's name, the label of every log captured here.
pub fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

/// A measured series whose slope is of interest: a flat line is the sign of health.
#[derive(Debug, Default)]
pub struct Slope(VecDeque<(Moment, f64)>);

impl Slope {
    /// Adds a sample and returns the change per minute over the last five minutes.
    pub fn add(&mut self, at: Moment, value: f64) -> f64 {
        self.0.push_back((at, value));
        while self.0.front().is_some_and(|(first, _)| at.since(*first) > SLOPE_OVER) {
            self.0.pop_front();
        }
        let Some((first, before)) = self.0.front() else { return 0.0 };
        let minutes = at.since(*first).as_secs_f64() / 60.0;
        if minutes < 0.25 { 0.0 } else { (value - before) / minutes }
    }
}

/// Samples this process now and then.
#[derive(Debug, Default)]
pub struct ProcessMeter {
    fds: Slope,
    rss: Slope,
}

impl ProcessMeter {
    /// A sample. Costs about 30 microseconds and a file descriptor for a moment.
    pub fn sample(&mut self, now: Moment) -> ProcessView {
        let fds = open_fds();
        let rss = resident_bytes();
        #[expect(clippy::cast_precision_loss, reason = "slopes need no more than 53 bits")]
        let slope = |series: &mut Slope, value: Option<u64>| {
            value.map_or(0.0, |value| series.add(now, value as f64))
        };
        ProcessView {
            fds,
            fd_limit: getrlimit(Resource::Nofile).current,
            rss,
            fd_slope: slope(&mut self.fds, fds),
            rss_slope: slope(&mut self.rss, rss),
        }
    }
}

fn open_fds() -> Option<u64> {
    let entries = std::fs::read_dir("/proc/self/fd").ok()?;
    // One of them is the directory being read.
    Some((entries.count() as u64).saturating_sub(1))
}

fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
