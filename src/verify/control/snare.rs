//! A way to the daemon that can hold whoever takes it: how a monitor hangs in earnest.
//!
//! Every wait of the engine has a deadline, so nothing that a daemon does makes a task hang. What
//! is held here does not even come back to its runtime: no deadline of its own ends it and no order
//! reaches it, as with any code that never returns.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::docker::link::BoxFuture;
use crate::docker::{Connect, Endpoint, Wire};

/// Holds the next task that opens a connection, once it is set, until it is released.
#[derive(Debug, Default)]
pub(super) struct Snare {
    is_set: AtomicBool,
    is_released: Mutex<bool>,
    released: Condvar,
}

impl Snare {
    pub(super) fn set(&self) {
        self.is_set.store(true, Ordering::SeqCst);
    }

    /// Lets go of what is held, and holds nothing from here on.
    pub(super) fn release(&self) {
        self.is_set.store(false, Ordering::SeqCst);
        *self.is_released.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.released.notify_all();
    }

    /// Blocks the thread; a runtime of several threads, which this needs, goes on with the other
    /// tasks elsewhere.
    fn hold(&self) {
        tokio::task::block_in_place(|| {
            let guard = self.is_released.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = self.released.wait_while(guard, |released| !*released);
            drop(waited);
        });
    }
}

/// The way to an endpoint, over a snare.
pub(super) struct Snared(pub(super) Endpoint, pub(super) Arc<Snare>);

impl Connect for Snared {
    fn connect(&self) -> BoxFuture<'_, io::Result<Wire>> {
        Box::pin(async move {
            if self.1.is_set.swap(false, Ordering::SeqCst) {
                self.1.hold();
            }
            self.0.connect().await
        })
    }
}
