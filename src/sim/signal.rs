//! Wakes everybody who waits for a change, in the order in which they began to wait.
//!
//! A `tokio::sync::watch` wakes several receivers in random order, and then a simulation could not
//! be replayed by its seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Something that changes.
#[derive(Debug, Clone, Default)]
pub(super) struct Signal(Arc<State>);

#[derive(Debug, Default)]
struct State {
    version: AtomicU64,
    waiting: Notify,
}

impl Signal {
    /// It changed.
    pub(super) fn raise(&self) {
        self.0.version.fetch_add(1, Ordering::SeqCst);
        self.0.waiting.notify_waiters();
    }

    /// Somebody who waits for the changes from now on.
    pub(super) fn watch(&self) -> Watcher {
        Watcher { signal: self.clone(), seen: self.0.version.load(Ordering::SeqCst) }
    }
}

/// One who waits.
#[derive(Debug)]
pub(super) struct Watcher {
    signal: Signal,
    seen: u64,
}

impl Watcher {
    /// Returns when there was a change since the last return, or since this watcher exists.
    /// Cancel safe.
    pub(super) async fn changed(&mut self) {
        loop {
            let mut waiting = std::pin::pin!(self.signal.0.waiting.notified());
            // Listed before looking, so that a change in between wakes it.
            waiting.as_mut().enable();
            let now = self.signal.0.version.load(Ordering::SeqCst);
            if now != self.seen {
                self.seen = now;
                return;
            }
            waiting.await;
        }
    }
}
