//! Finding lines: the query language, the parallel scan of stored blocks, and pages for the screen.
//!
//! Everything here is synchronous and reads only. A search belongs to its caller: it runs on
//! threads of its own while the call lasts, reports on the caller's thread and ends within
//! milliseconds of its cancel flag. Order is exact (newest first, merged by
//! [`Key`](crate::model::Key)), counts are exact, and what could not be read is named.
//!
//! - [`query`]: from text to a compiled condition on lines; [`ansi`]: lines as they are seen.
//! - [`find`]: the search of the command line and the search screen; [`pager`]: the log pane's.
//! - [`execute`], `gather`: all blocks in parallel; their lines in order. `job`, `scan`, `lines`: one
//!   block; its text; long lines.
//! - [`source`]: what is needed of a store.
//! - [`hit`], [`time`]: what the command line prints and reads.
//!
//! Nothing here writes, nothing knows Docker, and no clock is read: times are arguments.

mod adapter;
pub mod ansi;
pub mod execute;
pub mod find;
mod gather;
pub mod hit;
mod job;
mod lines;
pub mod pager;
pub mod query;
mod scan;
pub mod source;
pub mod time;

pub use execute::SearchError;
pub use find::{Glob, Report, Search, SearchRequest};
pub use gather::{Outcome, Progress};
pub use hit::SearchHit;
pub use pager::{Matches, PageRequest, Pager};
pub use query::{Pattern, Query, QueryError};
pub use source::Source;
pub use time::{TimeError, parse_time};
