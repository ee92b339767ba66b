//! The daemon's wall clock, as scripted: it moves only when something is stamped or when told to.
//!
//! Ties and steps back are ordinary here, because they are ordinary on real hosts: a tick of zero
//! gives every record the same timestamp, and `set` may go anywhere.

use std::time::Duration;

use crate::model::Timestamp;

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

    pub(super) fn set_tick(&mut self, tick: Duration) {
        self.tick = nanos(tick);
    }
}

fn nanos(d: Duration) -> i64 {
    i64::try_from(d.as_nanos()).unwrap_or(i64::MAX)
}
