//! What the tests against a real Docker daemon share. The pieces:
//!
//! - [`daemon`]: a daemon as its address, driven by the `docker` command; the machine's own one,
//!   which is never stopped or configured, or a [`SecondDaemon`] of the test's own, which may be
//!   killed, paused and restarted.
//! - [`disk`]: a small disk of the test's own, to be filled.
//! - [`image`]: the only image, made from busybox and our generator (`gen.rs`): no registry needed.
//! - [`lab`]: containers with a label of their own, all removed when the lab goes.
//! - [`podman`]: a Podman service of the test's own, which the `docker` command drives as well.
//! - [`program`]: the program under test, as a process that is asked, stopped and killed.
//! - [`proxy`]: stands between the program and a daemon and breaks answers where a test wants it.
//! - [`scene`]: daemon, containers, program and judgement of a disturbance, put together.
//! - [`starved`]: processes that get next to no time of the processor.
//! - [`stored`]: what its store holds, and the check of the generator's numbers over it.
//! - [`truth`]: what the daemon has on its disk, which is what the store is judged by.
//! - [`oracle`]: the judgement: lost, doubled, reordered, altered, and gaps that are none.
//!
//! Nothing here waits for a time: every wait has a condition and a deadline.
#![allow(dead_code, unused_imports, reason = "each test binary uses a part of the harness")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a harness may fail loudly"
)]

pub(crate) mod daemon;
pub(crate) mod disk;
pub(crate) mod image;
pub(crate) mod lab;
pub(crate) mod oracle;
pub(crate) mod podman;
pub(crate) mod program;
pub(crate) mod proxy;
pub(crate) mod scene;
pub(crate) mod second;
pub(crate) mod starved;
pub(crate) mod stored;
pub(crate) mod truth;

use std::time::{Duration, Instant};

pub(crate) use daemon::Daemon;
pub(crate) use image::Image;
pub(crate) use lab::{Container, Lab, Spec};
pub(crate) use oracle::{Item, OracleLine, SequenceReport, Verdict};
pub(crate) use podman::Podman;
pub(crate) use program::Program;
pub(crate) use proxy::Proxy;
pub(crate) use scene::Scene;
pub(crate) use second::SecondDaemon;
pub(crate) use truth::TruthRecord;

/// Waits until `condition` holds. The pause between two looks is not a wait for a time: a faster
/// machine ends sooner, and a slower one only fails at the deadline.
///
/// # Panics
/// At the deadline, naming what did not happen.
#[track_caller]
pub(crate) fn wait_until(what: &str, deadline: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < deadline, "{what}: not within {deadline:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
