//! The daemon's wall clock, as scripted: it moves only when something is stamped or when told to.
//!
//! Ties and steps back are ordinary here, because they are ordinary on real hosts: a tick of zero
//! gives every record the same timestamp, and `set` may go anywhere.

use std::time::Duration;

use crate::model::Timestamp;

use super::profile::Profile;

/// A clock that advances by one tick with every stamp it gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    now: i64,
    tick: i64,
}

impl Clock {
    /// 2026-01-01T00:00:00Z: any fixed moment would do.
    const START: i64 = 1_767_225_600_000_000_000;
    /// Odd on purpose: timestamps end in all digits, so their printed length varies as in life.
    const TICK: i64 = 1_037;

    pub(super) fn new() -> Self {
        Self { now: Self::START, tick: Self::TICK }
    }

    /// The current value.
    pub(super) fn now(self) -> Timestamp {
        Timestamp(self.now)
    }

    /// The next timestamp.
    pub(super) fn stamp(&mut self) -> Timestamp {
        self.now = self.now.saturating_add(self.tick);
        self.now()
    }

    pub(super) fn set(&mut self, to: Timestamp) {
        self.now = to.0;
    }

    pub(super) fn advance(&mut self, by: Duration) {
        self.now = self.now.saturating_add(nanos(by));
    }

    /// Steps by this many nanoseconds, back if negative.
    pub(super) fn step(&mut self, nanos: i64) {
        self.now = self.now.saturating_add(nanos);
    }

    pub(super) fn set_tick(&mut self, tick: Duration) {
        self.tick = nanos(tick);
    }
}

/// The timestamps of one burst of output: each line its own, or one for as much as the daemon
/// reads at once.
#[derive(Debug)]
pub(super) struct Stamps {
    buffer: Option<usize>,
    left: usize,
    ts: Timestamp,
}

impl Stamps {
    pub(super) fn new(profile: Profile) -> Self {
        Self { buffer: profile.stamps_per_buffer(), left: 0, ts: Timestamp(0) }
    }

    /// The timestamp of the next so many bytes of output.
    pub(super) fn next(&mut self, bytes: usize, clock: &mut Clock) -> Timestamp {
        if self.buffer.is_none() || bytes > self.left {
            self.ts = clock.stamp();
            self.left = self.buffer.unwrap_or_default();
        }
        self.left = self.left.saturating_sub(bytes);
        self.ts
    }
}

fn nanos(d: Duration) -> i64 {
    i64::try_from(d.as_nanos()).unwrap_or(i64::MAX)
}
