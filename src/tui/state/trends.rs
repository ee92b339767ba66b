//! Short histories of the engine's figures for the sparklines, and the screen's own frame times.

use std::collections::VecDeque;
use std::time::Duration;

use crate::engine::EngineSnapshot;

const KEPT: usize = 60;
const FRAMES: usize = 256;

/// The last values of one figure, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Trend(VecDeque<f64>);

impl Trend {
    fn push(&mut self, value: f64) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(value);
    }

    /// The values.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = f64> {
        self.0.iter().copied()
    }
}

/// Histories, one value a picture and second.
#[derive(Debug, Clone, Default)]
pub struct Trends {
    /// Tasks.
    pub tasks: Trend,
    /// Open descriptors.
    pub fds: Trend,
    /// Resident memory.
    pub rss: Trend,
    /// 99th percentile of commits.
    pub commit: Trend,
    /// Lines a second.
    pub lines: Trend,
    /// Commands waiting for the writer.
    pub queue: Trend,
    frames: VecDeque<Duration>,
    last: Option<Duration>,
}

impl Trends {
    /// Takes the figures of a picture, at most once a second.
    pub fn take(&mut self, snapshot: &EngineSnapshot, now: Duration) {
        if self.last.is_some_and(|last| now.saturating_sub(last) < Duration::from_secs(1)) {
            return;
        }
        self.last = Some(now);
        #[expect(clippy::cast_precision_loss, reason = "for a bar of eight steps")]
        let whole = |n: u64| n as f64;
        self.tasks.push(whole(snapshot.tasks.actual as u64));
        self.fds.push(whole(snapshot.process.fds.unwrap_or(0)));
        self.rss.push(whole(snapshot.process.rss.unwrap_or(0)));
        self.commit.push(snapshot.store.commit_p99_ms);
        self.lines.push(snapshot.totals.lines_per_s);
        self.queue.push(whole(snapshot.store.queue as u64));
    }

    /// Takes the time that a frame took.
    pub fn frame(&mut self, took: Duration) {
        if self.frames.len() == FRAMES {
            self.frames.pop_front();
        }
        self.frames.push_back(took);
    }

    /// Median and 99th percentile of the last frames.
    pub fn frame_times(&self) -> Option<(Duration, Duration)> {
        let mut sorted: Vec<_> = self.frames.iter().copied().collect();
        sorted.sort_unstable();
        let at =
            |percent: usize| sorted.get((sorted.len().checked_sub(1)?) * percent / 100).copied();
        Some((at(50)?, at(99)?))
    }
}
