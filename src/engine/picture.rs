//! Paints the picture: one snapshot from the registry, the tasks, the process and the store.
//!
//! A monitor's row is made anew only when something in it changed; otherwise snapshots share it,
//! so that thousands of quiet containers cost little.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::process::{ProcessMeter, Slope};
use super::registry::{Now, Registry};
use super::shared::Shared;
use super::snapshot::{
    Coverage, DockerView, EngineSnapshot, MonitorRow, ProcessView, StoreView, TaskCounts,
    TimelineView, Totals,
};
use super::tasks::Tasks;
use crate::model::{BUILD, ContainerId, EventKind, Moment, TaskHealth, Timestamp};

/// Uptime from which on the store's growth is extrapolated.
const SETTLED: Duration = Duration::from_mins(5);
/// Time between two samples of the process.
const SAMPLE: Duration = Duration::from_secs(2);

/// Makes snapshots.
#[derive(Debug)]
pub(super) struct Painter {
    started: Timestamp,
    store_path: String,
    /// Bytes that retention allows, to say how long they last.
    store_limit: Option<u64>,
    servers: usize,
    meter: ProcessMeter,
    process: ProcessView,
    sampled: Option<Moment>,
    task_slope: Slope,
    tasks_per_minute: f64,
    raw: Slope,
    rows: BTreeMap<ContainerId, Arc<MonitorRow>>,
}

impl Painter {
    pub(super) fn new(
        started: Timestamp,
        (store_path, store_limit): (String, Option<u64>),
        servers: usize,
    ) -> Self {
        Self {
            started,
            store_path,
            store_limit,
            servers,
            meter: ProcessMeter::default(),
            process: ProcessView::default(),
            sampled: None,
            task_slope: Slope::default(),
            tasks_per_minute: 0.0,
            raw: Slope::default(),
            rows: BTreeMap::new(),
        }
    }

    pub(super) fn paint(
        &mut self,
        shared: &Shared,
        registry: &Registry,
        tasks: &Tasks,
        (docker, told): (DockerView, &BTreeMap<EventKind, u64>),
        now: Now,
    ) -> EngineSnapshot {
        let probe = shared.probe();
        let timeout = registry.timeout(probe);
        self.paint_rows(registry, timeout, now);
        self.sample(now.at);
        let monitors: Vec<Arc<MonitorRow>> = self.rows.values().cloned().collect();
        let timeline =
            TimelineView { told: told.clone(), dropped: shared.writer.stats().events_dropped };
        EngineSnapshot {
            build: BUILD.to_owned(),
            at: now.at,
            wall: now.wall,
            started: self.started,
            probe,
            timeout,
            ready: registry.ready,
            docker,
            coverage: coverage(registry, &monitors),
            tasks: self.tasks(registry, tasks, now.at),
            process: self.process.clone(),
            totals: totals(registry, &monitors),
            failures: registry.newest_failures(),
            store: self.store(shared, now.at),
            timeline,
            monitors,
        }
    }

    fn paint_rows(&mut self, registry: &Registry, timeout: Duration, now: Now) {
        self.rows.retain(|id, _| registry.entries.contains_key(id));
        let wall = |at: Moment| now.wall.before(now.at.since(at));
        for (id, entry) in &registry.entries {
            let row = entry.row(timeout, wall);
            match self.rows.get(id) {
                Some(shown) if same(shown, &row) => {}
                _ => drop(self.rows.insert(id.clone(), Arc::new(row))),
            }
        }
    }

    fn sample(&mut self, now: Moment) {
        if self.sampled.is_none_or(|at| now.since(at) >= SAMPLE) {
            self.sampled = Some(now);
            self.process = self.meter.sample(now);
        }
    }

    /// Expected: the supervisor, discovery, the servers, and one task per monitor.
    fn tasks(&mut self, registry: &Registry, tasks: &Tasks, now: Moment) -> TaskCounts {
        let kinds = vec![
            ("supervisor".to_owned(), 1, 1),
            ("discovery".to_owned(), 1, tasks.count("discovery")),
            ("server".to_owned(), self.servers, tasks.count("server")),
            ("monitor".to_owned(), registry.len(), tasks.count("monitor")),
        ];
        let actual = 1 + tasks.len();
        #[expect(clippy::cast_precision_loss, reason = "a count of tasks")]
        let sample = actual as f64 - registry.len() as f64;
        self.tasks_per_minute = self.task_slope.add(now, sample);
        let runtime = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let expected = kinds.iter().map(|(_, expected, _)| expected).sum();
        TaskCounts { expected, actual, kinds, runtime, slope: self.tasks_per_minute }
    }

    #[expect(clippy::cast_precision_loss, reason = "an estimate in days")]
    fn store(&mut self, shared: &Shared, now: Moment) -> StoreView {
        let stats = shared.writer.stats();
        let blocks = stats.disk_bytes.saturating_sub(stats.wal_bytes);
        let per_minute = self.raw.add(now, blocks as f64);
        let room = self.store_limit.map(|limit| limit.saturating_sub(stats.disk_bytes) as f64);
        // The first minutes say more about the first log files than about the days to come.
        let settled = now.0 >= SETTLED;
        let days_left =
            room.filter(|_| settled && per_minute > 0.0).map(|room| room / per_minute / 1440.0);
        StoreView {
            path: self.store_path.clone(),
            records: stats.records,
            raw_bytes: stats.raw_bytes,
            disk_bytes: stats.disk_bytes,
            wal_bytes: stats.wal_bytes,
            oldest: stats.oldest,
            days_left,
            commit_p50_ms: stats.commit_p50_ms,
            commit_p99_ms: stats.commit_p99_ms,
            queue: stats.queue,
            queue_cap: stats.queue_cap,
            busy: stats.busy,
            commits: stats.commits,
            slow: shared.slow_store(&stats),
            blocked: stats.blocked,
        }
    }
}

/// Whether two rows show the same; the wall time of a beat moves by rounding and is not compared.
fn same(shown: &MonitorRow, row: &MonitorRow) -> bool {
    let beat_wall = shown.beat_wall;
    shown.beat == row.beat && *shown == MonitorRow { beat_wall, ..row.clone() }
}

fn coverage(registry: &Registry, monitors: &[Arc<MonitorRow>]) -> Coverage {
    let running = registry.running.values().filter(|runs| **runs).count();
    // From what the daemon said, not from the monitors: a forgotten container must be missed.
    let runs = |id: &ContainerId| registry.running.get(id) == Some(&true);
    let selected = |id: &ContainerId| runs(id) && !registry.excluded.contains_key(id);
    let matched = registry.running.keys().filter(|id| selected(id)).count();
    let is_fresh = |m: &MonitorRow| selected(&m.id) && m.health == TaskHealth::Running;
    let fresh = monitors.iter().filter(|m| is_fresh(m)).count();
    let excluded = registry.excluded.values().cloned().collect();
    Coverage { running, matched, fresh, excluded, uncaptured: registry.uncaptured }
}

fn totals(registry: &Registry, monitors: &[Arc<MonitorRow>]) -> Totals {
    let mut totals = registry.departed;
    for monitor in monitors {
        totals.lines_per_s += monitor.lines_per_s;
        totals.flow.add(&monitor.flow);
        totals.gaps += monitor.gaps;
        totals.gaps_new += monitor.gaps_new;
        totals.timeouts += monitor.timeouts;
        totals.restarts += monitor.restarts;
        totals.panics += monitor.panics;
    }
    totals.failures_5m = registry.recent_failures();
    totals
}
