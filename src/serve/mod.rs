//! What the engine tells other processes: `/health`, `/ready`, `/metrics` and `/snapshot` over
//! HTTP, and orders over a unix socket that only its owner can open.
//!
//! Every answer is a pure function of one [`EngineSnapshot`](crate::engine::EngineSnapshot), the
//! same that the screen shows, and of the monotonic time: a snapshot that has stopped moving is a
//! failure by itself, so a stuck supervisor cannot look healthy. This module keeps no state,
//! starts no task and never touches Docker or the store.
//!
//! - [`health`]: the document of `/health` and its verdict.
//! - [`metrics`]: the same figures in the Prometheus text format.
//! - [`router`]: routes to answers.
//! - [`listen`]: sockets, who may open them, and how many at once.
//! - [`client`]: how `status` and the viewer ask a running engine.

pub mod client;
pub mod health;
pub mod listen;
pub mod metrics;
pub mod router;

pub use client::{ClientError, command_unix, fetch_unix};
pub use health::{Health, Status};
pub use listen::{ServeError, bind_tcp, serve_listener, serve_tcp, serve_unix};
pub use router::{Clock, Served};
