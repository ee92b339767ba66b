//! The real engine and the real store against the simulated daemon, over a unix socket.
//!
//! Time is accelerated: every deadline is a tenth or a twentieth of the shortest that a user may
//! configure, and everything else is real. No test sleeps; every wait has a condition and a
//! deadline. Every test ends at rest: all evidence is newer than the last record, every received
//! record is accounted for, there are as many tasks as there should be, and the oracle compares
//! what the store holds, record by record, with everything that the simulator ever emitted.

#![allow(
    clippy::unwrap_used,
    clippy::needless_for_each,
    clippy::match_wild_err_arm,
    clippy::type_complexity,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their harness may fail loudly"
)]
#![allow(dead_code, reason = "harness and oracle are shared with tests that use other parts")]

mod acceptance;
mod bells;
mod commands;
mod controls;
mod corrupt;
mod damage;
mod demo;
mod departed;
mod discovery;
mod faults;
mod first_sight;
mod long;
mod podman;
mod quiet;
mod rotation;
mod stop;
mod store;
mod streams;
mod told;
mod turns;

#[path = "../support/engine_lab.rs"]
mod harness;
#[path = "../support/leaked.rs"]
mod leaked;
#[path = "../support/oracle.rs"]
mod oracle;
