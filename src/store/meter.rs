//! The writer's own figures: commit times, share of time at work, sizes.

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::types::{Totals, WriterStats};
use crate::model::Timestamp;

const KEPT: usize = 256;

/// Collects between two publications.
pub(crate) struct Meter {
    commits: VecDeque<f64>,
    window: Instant,
    work: Duration,
    busy: f64,
    totals: Totals,
    totals_at: Instant,
    totals_cost: Duration,
}

impl Meter {
    pub(crate) fn new() -> Self {
        let commits = VecDeque::with_capacity(KEPT);
        let (now, zero) = (Instant::now(), Duration::ZERO);
        Self {
            commits,
            window: now,
            work: zero,
            busy: 0.0,
            totals: Totals::default(),
            totals_at: now,
            totals_cost: zero,
        }
    }

    pub(crate) fn worked(&mut self, time: Duration) {
        self.work += time;
    }

    pub(crate) fn committed(&mut self, time: Duration) {
        self.work += time;
        if self.commits.len() == KEPT {
            self.commits.pop_front();
        }
        self.commits.push_back(time.as_secs_f64() * 1e3);
    }

    /// The next sums are the last, and are computed whatever the last ones cost.
    pub(crate) fn ends(&mut self) {
        self.totals_cost = Duration::ZERO;
    }

    /// Sums, computed anew as often as two per cent of a core allow: with thousands of logs that
    /// is not after every commit.
    fn totals(&mut self, conn: &Connection, path: &Path) -> Totals {
        if self.totals_at.elapsed() >= self.totals_cost * 50 {
            let begun = Instant::now();
            self.totals = totals(conn, path).unwrap_or(self.totals);
            (self.totals_at, self.totals_cost) = (Instant::now(), begun.elapsed());
            if self.totals_cost < Duration::from_millis(1) {
                self.totals_cost = Duration::ZERO;
            }
        }
        self.totals
    }

    /// The figures now. Sizes that cannot be read are zero.
    pub(crate) fn stats(&mut self, conn: &Connection, path: &Path, commits: u64) -> WriterStats {
        let elapsed = self.window.elapsed();
        if elapsed >= Duration::from_secs(1) {
            self.busy = (self.work.as_secs_f64() / elapsed.as_secs_f64()).min(1.0);
            (self.window, self.work) = (Instant::now(), Duration::ZERO);
        }
        let totals = self.totals(conn, path);
        let mut sorted: Vec<f64> = self.commits.iter().copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |percent: usize| {
            let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
            sorted.get(index).copied().unwrap_or(0.0)
        };
        WriterStats {
            records: totals.records,
            raw_bytes: totals.raw,
            disk_bytes: totals.disk,
            wal_bytes: wal_bytes(path),
            oldest: totals.oldest,
            commit_p50_ms: at(50),
            commit_p99_ms: at(99),
            busy: self.busy,
            commits,
            ..WriterStats::default()
        }
    }
}

fn wal_bytes(path: &Path) -> u64 {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    std::fs::metadata(name).map_or(0, |meta| meta.len())
}

/// Sums over all logs; touches one row per log and one index entry per log.
pub(crate) fn totals(conn: &Connection, path: &Path) -> rusqlite::Result<Totals> {
    let (records, raw, oldest) = conn
        .prepare_cached(
            "SELECT total(records), total(raw), min((SELECT min(eff_first) FROM block
               WHERE log_id = log.id)) FROM log",
        )?
        .query_row([], |row| {
            Ok((row.get::<_, f64>(0)?, row.get::<_, f64>(1)?, row.get::<_, Option<i64>>(2)?))
        })?;
    let pages: i64 = conn
        .prepare_cached("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")?
        .query_row([], |row| row.get(0))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sums of counts")]
    let count = |sum: f64| sum as u64;
    Ok(Totals {
        records: count(records),
        raw: count(raw),
        disk: pages.cast_unsigned() + wal_bytes(path),
        oldest: oldest.map(Timestamp),
    })
}
