//! Deterministic simulation: the real engine, the real store and the simulated daemon on one
//! thread, one paused clock and one seed.
//!
//! The seed writes a script: containers, what they write, a random subset of everything that can
//! go wrong. Then all faults end, a fresh line must arrive soon, everything must come to rest, and
//! the oracle compares what is stored with everything that was ever written. A seed that fails
//! prints its script and the command that plays it again; it plays the same every time.
//!
//! `LOGCAP_SEEDS=10000 cargo test --release --test simulation` is the long run,
//! `LOGCAP_SEED=7 cargo test --test simulation one -- --nocapture` plays seed 7.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::match_wild_err_arm,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests and their harness may fail loudly and say what they did"
)]
#![allow(dead_code, reason = "the oracle is shared with tests that use other parts of it")]

mod controls;
mod counters;
mod must;
mod play;
mod rng;
mod script;
mod seeds;
mod verdict;
mod wire;
mod world;
mod wrong;

#[path = "../support/oracle.rs"]
mod oracle;
