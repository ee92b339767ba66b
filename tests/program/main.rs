//! The program as a process of its own, capturing a simulated daemon: what can be seen only from
//! outside. Needs no Docker.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

mod harness;
mod leaks;
mod stop;
mod verify;

#[path = "../support/leaked.rs"]
mod leaked;
