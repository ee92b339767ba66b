//! Supervised capture: one monitor per container, one supervisor that owns them, one picture of
//! both.
//!
//! ```text
//! discovery ──Found──> supervisor ──Effect──> monitors        registry  decides (pure)
//!                        ^      └──snapshot──> screen, serve   picture   paints
//! monitors ──MonitorEvent┘                                     tasks     spawns
//!
//! monitor: capture + loop (monitor), listening (live, follow, bell, last_words), bounded reads
//!          (read, answer, proof, peek, corrupt, front, gap), what is new (intake, align, cursor),
//!          the way to the store (commit), what it tells (meter, report, evidence); beside all that
//!          one fetch of older history (backfill, older), counted before (extent)
//! ```
//!
//! Invariants: only bounded reads declare a gap, but for the last words of a container that is gone
//! (`last_words`), and only [`read`] makes `Verified`; only [`align`] says what is new; only the store makes `StoreAck`; only [`registry`] decides when a monitor tries again; only
//! [`tasks`] starts tasks. Nothing here knows the screen.

pub mod align;
mod answer;
pub mod backfill;
mod bell;
pub mod capture;
pub mod clock;
mod commands;
pub mod commit;
mod corrupt;
mod count;
pub mod cursor;
mod departed;
pub mod discovery;
mod entry;
pub mod evidence;
mod extent;
mod follow;
mod front;
mod gap;
pub mod handle;
pub mod intake;
mod last_words;
mod live;
pub mod meter;
mod monitor;
mod older;
pub mod orders;
mod peek;
mod picture;
mod podman;
pub mod process;
mod proof;
pub mod read;
pub mod registry;
pub mod report;
pub mod shared;
pub mod snapshot;
pub mod start;
mod supervisor;
pub mod tasks;

pub use clock::Clock;
pub use discovery::Way;
pub use evidence::{Beat, Evidence};
pub use handle::{Command, CommandAnswer, CommandError, EngineHandle, Targets, Verb};
pub use read::Verified;
pub use shared::Setup;
pub use snapshot::EngineSnapshot;
pub use start::{Engine, Plan, Server, StartError};
