//! Plain values that every layer shares: no I/O, no clock, no randomness.
//!
//! The glossary, binding for names in code, docs and on screen:
//!
//! - **log**: the stored sequence of one container instance.
//! - **record**: one message of the daemon: a line, or a chunk of at most 16 KiB of a longer line.
//! - **fd**: stdout or stderr of the container.
//! - **read**: one bounded `GET logs` with `follow=0`; the only thing that returns a contiguous slice.
//! - **follow**: one open `GET logs` with `follow=1`.
//! - **bell**: a follow (or a timer) whose content is thrown away; it only says when to read.
//! - **reopen**: we close and open a follow; the screen's "rotation" counter.
//! - **file rotation**: the daemon renames its log files.
//! - **cursor**: what is known of the end of a log, written with the records it describes.
//! - **aligner**: finds the cursor in an answer and so tells stored records from new ones.
//! - **seam**: a jump in sequence numbers, with its kind and cause. A **gap** is a seam that lost records.
//! - **evidence**: proof of progress: a commit acknowledged by the store, or a read that proved that
//!   everything up to a moment is stored.
//! - **monitor**: the task that captures one container; **supervisor**: the owner of all monitors.
//! - **block**: a compressed run of records in the store.

pub mod batch;
pub mod build;
pub mod class;
pub mod container;
pub mod event;
pub mod ids;
pub mod level;
pub mod line;
pub mod seam;
pub mod state;
pub mod timing;

pub use batch::{Batch, Fd, RecordRef};
pub use build::BUILD;
pub use class::{Guarantee, LogConfig};
pub use container::{ContainerInfo, RunState};
pub use event::{EventKind, TimelineEvent};
pub use ids::{ContainerId, LogId, MonitorEpoch, Seq, Timestamp};
pub use line::{Direction, From, Key, Level, Line, Page, Row, SeamRow};
pub use seam::{Away, Lost, NewSeam, Seam, SeamKind};
pub use state::{
    BeatKind, BeatView, EndProof, Freshness, LiveSource, Moment, Phase, State, TaskHealth, Waiting,
};
pub use timing::Timing;
