//! `/metrics`: the figures of one snapshot in the Prometheus text format.
//!
//! The registry is built from the snapshot at each scrape. Nothing is counted here, so a number
//! cannot differ from the screen's, and the series of a removed container end with it.
//! Evidence age is computed against the clock and grows while the supervisor is stuck.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::health::{Maker, Status};
use crate::engine::EngineSnapshot;
use crate::engine::snapshot::{Link, MonitorRow};
use crate::model::{Moment, TaskHealth};

/// What the encoder writes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const STATES: [TaskHealth; 6] = [
    TaskHealth::Running,
    TaskHealth::Backoff,
    TaskHealth::Failed,
    TaskHealth::Quarantined,
    TaskHealth::Paused,
    TaskHealth::Stopped,
];

type Labels = Vec<(&'static str, String)>;
type Float = Gauge<f64, AtomicU64>;

/// A registry with the three shapes used here.
struct Figures(Registry);

impl Figures {
    #[expect(
        clippy::cast_precision_loss,
        reason = "figures beyond 2^53 are not expected to be exact"
    )]
    fn whole(&mut self, name: &str, help: &str, value: u64) {
        self.gauge(name, help, value as f64);
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        let gauge = Float::default();
        gauge.set(value);
        self.0.register(name, help, gauge);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        let counter: Counter = Counter::default();
        counter.inc_by(value);
        self.0.register(name, help, counter);
    }

    fn gauges(&mut self, name: &str, help: &str, values: impl Iterator<Item = (Labels, f64)>) {
        let family = Family::<Labels, Float>::default();
        for (labels, value) in values {
            family.get_or_create(&labels).set(value);
        }
        self.0.register(name, help, family);
    }

    fn seconds(&mut self, name: &str, help: &str, values: impl Iterator<Item = (Labels, f64)>) {
        let family = Family::<Labels, Float>::default();
        for (labels, value) in values {
            family.get_or_create(&labels).set(value);
        }
        self.0.register_with_unit(name, help, Unit::Seconds, family);
    }

    fn counters(&mut self, name: &str, help: &str, values: impl Iterator<Item = (Labels, u64)>) {
        let family = Family::<Labels, Counter>::default();
        for (labels, value) in values {
            family.get_or_create(&labels).inc_by(value);
        }
        self.0.register(name, help, family);
    }
}

/// The text of `/metrics` for `snapshot` at `now`.
pub fn render(
    snapshot: &EngineSnapshot,
    now: Moment,
    maker: Maker,
) -> Result<String, std::fmt::Error> {
    let mut figures = Figures(Registry::with_prefix("logcap"));
    engine(&mut figures, snapshot, now, maker);
    monitors(&mut figures, snapshot, now);
    monitor_counters(&mut figures, snapshot);
    store(&mut figures, snapshot);
    let mut text = String::new();
    encode(&mut text, &figures.0)?;
    Ok(text)
}

fn engine(figures: &mut Figures, snapshot: &EngineSnapshot, now: Moment, maker: Maker) {
    let one = |yes: bool| u64::from(yes);
    let build = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    figures.gauges("build_info", "This program", [(build, 1.0)].into_iter());
    let healthy = Status::of(snapshot, now, maker).is_ok();
    figures.whole("healthy", "Whether /health answers 200", one(healthy));
    figures.whole("ready", "Whether the first reconcile is done", one(snapshot.ready));
    let age = now.since(snapshot.at).as_secs_f64();
    figures.gauge("snapshot_age_seconds", "Age of the figures; over 5: the engine is stuck", age);
    let up = matches!(snapshot.docker.link, Link::Up { .. });
    figures.whole("docker_up", "Whether the Docker daemon answers", one(up));
    let coverage = &snapshot.coverage;
    figures.whole("containers_running", "Containers that run", coverage.running as u64);
    figures.whole("containers_matched", "Running and selected", coverage.matched as u64);
    figures.whole("containers_fresh", "Matched, with fresh evidence", coverage.fresh as u64);
    figures.whole("containers_excluded", "Left out", coverage.excluded.len() as u64);
    let help = "Containers that came and went with no record seen";
    figures.counter("containers_uncaptured", help, coverage.uncaptured);
    figures.whole("tasks_expected", "Tasks by the formula", snapshot.tasks.expected as u64);
    figures.whole("tasks_actual", "Tasks that run", snapshot.tasks.actual as u64);
    let process = &snapshot.process;
    for (name, help, value) in [
        ("open_fds", "Open file descriptors", process.fds),
        ("max_fds", "Soft limit of file descriptors", process.fd_limit),
        ("resident_memory_bytes", "Resident memory", process.rss),
    ] {
        if let Some(value) = value {
            figures.whole(name, help, value);
        }
    }
}

fn labels(row: &MonitorRow) -> Labels {
    vec![("container", row.name.clone()), ("id", row.id.short().to_owned())]
}

fn monitors(figures: &mut Figures, snapshot: &EngineSnapshot, now: Moment) {
    let rows = || snapshot.monitors.iter();
    let states = rows().flat_map(|row| {
        STATES.into_iter().map(move |state| {
            let mut labels = labels(row);
            labels.push(("state", state.as_str().to_owned()));
            (labels, if row.health == state { 1.0 } else { 0.0 })
        })
    });
    figures.gauges("monitor_state", "1 for the state that the monitor is in", states);
    let ages = rows().filter_map(|r| Some((labels(r), now.since(r.beat?.at).as_secs_f64())));
    figures.seconds("monitor_evidence_age", "Age of the last proof of progress", ages);
    let lags = rows().filter_map(|row| Some((labels(row), row.lag?.as_secs_f64())));
    figures.seconds("monitor_lag", "Age of the newest record when it was stored", lags);
    let rates = rows().map(|row| (labels(row), row.lines_per_s));
    figures.gauges("monitor_lines_per_second", "Lines stored a second", rates);
}

fn monitor_counters(figures: &mut Figures, snapshot: &EngineSnapshot) {
    type Read = fn(&MonitorRow) -> u64;
    let counters: [(&str, &str, Read); 8] = [
        ("monitor_lines", "Records stored since the engine started", |r| r.flow.stored),
        ("monitor_received", "Records received", |r| r.flow.received),
        ("monitor_overlap", "Records received again and recognised", |r| r.flow.overlap),
        ("monitor_gaps", "Gaps recorded, all time", |r| r.gaps),
        ("monitor_restarts", "Restarts by the supervisor", |r| r.restarts),
        ("monitor_timeouts", "Evidence deadlines missed", |r| r.timeouts),
        ("monitor_errors", "Failures", |r| r.errors),
        ("monitor_reopens", "Reopens of the stream", |r| r.reopens),
    ];
    for (name, help, read) in counters {
        let values = snapshot.monitors.iter().map(|row| (labels(row), read(row)));
        figures.counters(name, help, values);
    }
}

fn store(figures: &mut Figures, snapshot: &EngineSnapshot) {
    let store = &snapshot.store;
    figures.whole("store_up", "Whether the store takes writes", u64::from(store.blocked.is_none()));
    let slow = u64::from(store.slow.is_some());
    figures.whole("store_slow", "Whether a commit takes longer than it should", slow);
    figures.whole("store_records", "Records stored", store.records);
    figures.whole("store_raw_bytes", "Bytes of their content", store.raw_bytes);
    figures.whole("store_disk_bytes", "Bytes on disk", store.disk_bytes);
    figures.whole("store_wal_bytes", "Bytes of the write-ahead log", store.wal_bytes);
    figures.counter("store_commits", "Commits", store.commits);
    figures.whole("store_queue", "Commands waiting for the writer", store.queue as u64);
    figures.gauge("store_busy_ratio", "Share of time that the writer works", store.busy);
    let quantiles = [("0.5", store.commit_p50_ms), ("0.99", store.commit_p99_ms)];
    let values = quantiles.map(|(q, ms)| (vec![("quantile", q.to_owned())], ms / 1000.0));
    figures.seconds("store_commit", "Time of a commit", values.into_iter());
    if let Some(days) = store.days_left {
        figures.gauge("store_days_left", "Days until retention begins to evict", days);
    }
}
