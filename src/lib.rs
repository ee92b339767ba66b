//! logcap-tui captures every log line of every container on a host, proves that it did, shows live
//! whether each capture is really alive, and searches everything captured.
//!
//! The promise: **for every two neighbouring records in the store, either it is proved that they
//! were neighbours in the daemon's log, or a seam stands between them that says what is missing and
//! why.** Nothing is lost in silence, nothing is stored twice.
//!
//! How it is kept, in five sentences. Only a bounded read of the daemon's log returns a contiguous
//! slice of it, so only a read may declare a gap ([`engine::read`]), and a follow commits only
//! where the daemon can never rotate its file. One pure aligner finds the end of what is stored
//! inside any answer ([`engine::align`]). Records and the cursor that describes them are one
//! transaction ([`store`]). A heartbeat is evidence: an acknowledged commit, or a read that proved
//! silence ([`engine::evidence`]); nothing else can make one. Every doubt, end of stream, resume
//! and command leads to the top of one loop ([`engine::capture`]).
//!
//! # Layers
//!
//! An import only points down; `tests/architecture.rs` holds this.
//!
//! | layer | what it is | imports |
//! |---|---|---|
//! | `run` (binary) | the commands | everything |
//! | [`tui`] | the screen: state, update, pure rendering | engine, search, config, model |
//! | [`verify`] | the rules that a live engine is held to, and their controls | engine, serve, sim, store, docker, config, model |
//! | [`serve`] | `/health`, `/metrics`, the engine's socket | engine, model |
//! | [`engine`] | supervised capture | config, docker, store, model |
//! | [`search`] | query language, scan, pages | store, model |
//! | [`store`] | one SQLite file of compressed blocks; synchronous | model |
//! | [`docker`] | the only part that knows Docker; sends nothing but `GET` | model |
//! | [`config`] | file, environment and flags to one validated value | model |
//! | [`sim`] | a simulated daemon for tests | model |
//! | [`model`] | plain values, the glossary | nothing |
//!
//! [`cli`] holds the command line's definitions and [`telemetry`] the program's own log, which
//! never goes to standard output.

pub mod cli;
pub mod config;
pub mod docker;
pub mod engine;
pub mod model;
pub mod search;
pub mod serve;
pub mod sim;
pub mod store;
pub mod telemetry;
pub mod tui;
pub mod verify;
