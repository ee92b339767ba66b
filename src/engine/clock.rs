//! The engine's clock, an argument like every other input: moments are monotonic and follow the
//! runtime's time (which tests pause), the wall clock is only shown and stored.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use crate::model::{Moment, Timestamp};

/// Reads both clocks.
#[derive(Clone)]
pub struct Clock {
    start: Instant,
    wall: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Clock {
    /// A clock whose moments count from now.
    pub fn new(wall: Arc<dyn Fn() -> Timestamp + Send + Sync>) -> Self {
        Self { start: Instant::now(), wall }
    }

    /// The machine's clock.
    pub fn system() -> Self {
        Self::new(Arc::new(|| Timestamp::from_system(std::time::SystemTime::now())))
    }

    /// The monotonic moment.
    pub fn now(&self) -> Moment {
        Moment(self.start.elapsed())
    }

    /// The runtime's instant of a moment, to sleep until.
    pub fn instant(&self, moment: Moment) -> Instant {
        self.start + moment.0
    }

    /// The wall clock.
    pub fn wall(&self) -> Timestamp {
        (self.wall)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({:?})", self.now())
    }
}
