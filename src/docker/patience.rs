//! A deadline that counts only while somebody waits.
//!
//! A consumer that is slow, or that drops its waiting future in a `select!` and comes back later,
//! must not make the daemon look slow; and one that comes back again and again must not keep the
//! deadline from ever passing.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Waiting time that adds up over cancelled calls and is forgotten at each progress.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    spent: Duration,
    since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// Ready once `limit` was spent waiting since the last progress.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, limit: Duration) -> Poll<()> {
        if self.since.is_none() {
            let now = Instant::now();
            let until = now + limit.saturating_sub(self.spent);
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(until),
                None => self.timer = Some(Box::pin(sleep_until(until))),
            }
            self.since = Some(now);
        }
        match &mut self.timer {
            Some(timer) => timer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    /// Progress: all waiting is forgiven.
    pub(crate) fn calm(&mut self) {
        self.spent = Duration::ZERO;
        self.since = None;
    }

    /// Nobody waits any more; what was spent stays spent.
    pub(crate) fn pause(&mut self) {
        if let Some(since) = self.since.take() {
            self.spent += since.elapsed();
        }
    }
}
