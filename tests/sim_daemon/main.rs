//! The simulated daemon seen from outside: through a raw socket, through hyper and through bollard.
//!
//! What the simulator says must be what a daemon says, so the shapes are checked by a client that
//! was written for the real one; framing and breakage are checked on the bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail loudly like the tests themselves"
)]

mod client;
mod faults;
mod life;
mod logs;
mod places;
mod profiles;
mod shapes;
#[path = "../support/wire.rs"]
mod wire;
