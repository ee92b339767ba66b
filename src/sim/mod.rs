//! A simulated Docker daemon: what the tests of capture drive.
//!
//! A [`Sim`] answers `GET` requests on a unix socket, over TCP or in memory the way dockerd does, over logs that it keeps
//! by dockerd's rules: chunks of 16 KiB, file rotation on the size of the json representation,
//! follows that repeat and skip files. Everything it ever emitted stays known ([`Sim::records`]),
//! so a test can compare a store with the whole truth, and every way a daemon, a socket or a log
//! can misbehave is a verb of the handle.
//!
//! Deterministic: ids, timestamps and repeats derive from a seed and a scripted clock. It never
//! changes anything, so any method but `GET` is refused and counted. A [`Scenario`] is a file that says
//! what happens to it, and a [`Player`] makes it happen. It is no model of dockerd's speed.
//!
//! The map, from the pure inside to the socket: `clock`, `record`, `copier`, `log` (files and rotation),
//! `select` (one bounded read), `follow`, `container`, `events`, `world` (all state, one lock),
//! `json` (shapes), `stream` (a log answer being sent), `http` (routes), `answer` (what
//! they have in common), `io` (a connection that
//! can break), `signal` (who waits for whom), `listen` (the places), `server` (tasks), the verbs:
//! `script` and `faults`, `scenario`, which plays them from a file, and `demo`, which plays on those
//! verbs alone.

mod answer;
mod clock;
mod container;
mod copier;
mod demo;
mod events;
mod faults;
mod follow;
mod http;
mod io;
mod json;
mod listen;
mod log;
mod profile;
mod record;
mod route;
mod scenario;
mod script;
mod select;
mod server;
mod signal;
mod stream;
mod world;

pub use container::ContainerSpec;
pub use demo::{Demo, DemoFault};
pub use faults::{Cut, Target};
pub use listen::Place;
pub use profile::Profile;
pub use record::SimRecord;
pub use route::Endpoint;
pub use scenario::{
    Ask, Expectation, LogWord, Played, Player, Scenario, ScenarioError, Step, Until,
};
pub use server::{Sim, SimError};
pub use world::RequestSeen;
