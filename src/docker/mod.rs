//! Everything this program knows of Docker and Podman, and the only place that knows it.
//!
//! Two planes over one [`Connect`]: the *control plane* (hello, list, inspect, events) is bollard's,
//! the *log plane* (reads and follows) is our own client on hyper, because bollard's log decoder
//! guesses the framing from the first byte, buffers without a bound and hides faults among lines
//! (docs/CAPTURE.md, Appendix B). Both send nothing but `GET`, always without a version in the path,
//! so that daemons from API 1.24 to those that demand 1.44 answer alike.
//!
//! The layer hands out plain values of `model` and streams of records. It reads no environment,
//! keeps no state but the flavor that [`Docker::hello`] found, never retries a failed call (the
//! callers own patience), and decides nothing about gaps or duplicates.
//!
//! - [`client`]: the handle and the control plane; [`events`]: the event stream.
//! - [`request`] and [`logs`]: [`LogRequest`], [`LogStream`]; [`link`]: the HTTP connection below it;
//!   [`paced`]: the socket below that, which saves wake-ups while a stream is hot.
//! - [`frame`], [`tty`], [`stamp`]: pure decoders.
//! - [`endpoint`], [`error`], [`own`]: addresses, failures in plain words, who we are ourselves.

pub mod client;
pub mod endpoint;
pub mod error;
pub mod events;
pub mod frame;
pub mod link;
pub mod logs;
pub mod own;
pub mod paced;
mod patience;
pub mod request;
pub mod stamp;
pub mod tty;

pub use client::{DaemonInfo, Docker, Flavor, Listed};
pub use endpoint::{Candidate, Endpoint, EndpointError, candidates};
pub use error::{CallStep, DockerError, Permanence, diagnose};
pub use events::{DockerEvent, DockerEventKind, EventStream};
pub use frame::DecodeFault;
pub use link::{Connect, KeptConnection};
pub use logs::{LogStream, Step};
pub use own::own_container_id;
pub use paced::{Duplex, Wire};
pub use request::{LineCut, LogRequest, Tail};
