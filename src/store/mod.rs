//! The capture store: every record, its order, its seams and its cursor in one SQLite file.
//!
//! SQLite gives durability, atomic "records + cursor" commits, and readers beside a writer. One
//! row holds one compressed block, never one line. docs/STORE-FORMAT.md describes the file.
//!
//! | file | what |
//! |---|---|
//! | `types`, `error` | the values and errors that cross the border |
//! | `writer`, `thread`, `core` | async handle, the one loop on its thread, and its synchronous heart |
//! | `append`, `backfill`, `retention` | what commands do inside a transaction |
//! | `damage`, `space` | blocks that cannot be decoded; the watch over free disk |
//! | `state`, `tail`, `flags` | what the writer carries from record to record |
//! | `codec`, `varint`, `block` | records to bytes and back; a block's row |
//! | `seams`, `rows`, `schema`, `lock` | the other tables, the file, one engine per file |
//! | `reader`, `decoded`, `cursor`, `page` | reading: blocks for search, pages for people |
//!
//! **Invariant**: order by key is order by sequence number inside a log, and every jump in
//! sequence numbers has a seam row. **Invariant**: only a commit makes a [`StoreAck`].
//! The store does not interpret cursors, does not compare records, and declares no gap itself.

mod append;
mod backfill;
mod block;
mod codec;
mod core;
mod cursor;
mod damage;
mod decoded;
mod error;
mod events;
mod fail;
mod flags;
mod lock;
mod meter;
mod page;
mod reader;
mod retention;
mod rows;
mod schema;
mod seams;
mod space;
mod state;
mod tail;
#[cfg(test)]
mod tests;
mod thread;
#[cfg(test)]
mod trouble_tests;
mod types;
mod varint;
mod writer;

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::watch;

pub use block::BlockMeta;
pub use decoded::{BlockRecord, DecodedBlock};
pub use error::{BackfillRefused, StoreError};
pub use flags::JOIN_WINDOW;
pub use lock::{LockInfo, lock_info};
pub use page::PageLimit;
pub use reader::StoreReader;
pub use types::{
    Append, Appended, BackfillRow, Clock, Durability, LogIdentity, LogPatch, LogRow, Part,
    Retention, StoreAck, StoreOptions, Totals, WriterStats,
};
pub use writer::{PendingAppend, StoreWriter};

use self::core::WriterCore;
use meter::Meter;
use thread::WriterLoop;
use writer::Shared;

/// An open store: the writer's handle, a reader, and the lock that keeps other engines out.
///
/// Dropping it without [`Store::shutdown`] flushes as well, but hides an error.
#[derive(Debug)]
pub struct Store {
    /// Writes.
    pub writer: StoreWriter,
    /// Reads.
    pub reader: StoreReader,
    running: Running,
}

/// The writer's work where it has no thread.
pub struct StoreWork(WriterLoop);

impl StoreWork {
    /// Writes until the store is shut down and everything queued is committed.
    pub async fn run(self) -> Result<(), StoreError> {
        self.0.serve().await
    }
}

/// The thread, if there is one, and the lock, in the order in which they end.
#[derive(Debug)]
struct Running {
    writer: StoreWriter,
    thread: Option<JoinHandle<Result<(), StoreError>>>,
    _lock: lock::Lock,
}

impl Store {
    /// Opens or makes the store in `options.dir` and starts its writer thread.
    pub fn open(options: StoreOptions, clock: Clock) -> Result<Self, StoreError> {
        let dir = options.dir.clone();
        let (mut store, work) = Self::make(options, clock)?;
        let spawned = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || work.run())
            .map_err(|cause| StoreError::not_writable(&dir, cause))?;
        store.running.thread = Some(spawned);
        Ok(store)
    }

    /// The same without a thread: what the writer does is done by whoever polls the work, and
    /// every read where its caller stands. For simulations, whose time stands still meanwhile.
    ///
    /// To end orderly, call [`Store::shutdown`] and await the work. Dropping the work first is a
    /// crash: what was not committed is lost, and its senders are told that the store is closed.
    pub fn open_inline(
        options: StoreOptions,
        clock: Clock,
    ) -> Result<(Self, StoreWork), StoreError> {
        let (mut store, work) = Self::make(options, clock)?;
        store.reader = store.reader.inline();
        Ok((store, StoreWork(work)))
    }

    #[expect(clippy::needless_pass_by_value, reason = "an open store owns its options")]
    fn make(options: StoreOptions, clock: Clock) -> Result<(Self, WriterLoop), StoreError> {
        schema::make_dir(&options.dir)?;
        let lock = lock::Lock::acquire(&options.dir, &options.engine_addr)?;
        let (conn, path) = schema::open_writer(&options.dir, options.durability, &options.host)?;
        let mut core = WriterCore::new(conn, path, options.retention)?;
        core.record_damage(clock());
        let reader = StoreReader::open(&options.dir)?;
        let shared = Arc::new(Shared::default());
        let (commits, moved) = watch::channel(0);
        let (writer, commands) = StoreWriter::new(Arc::clone(&shared), moved);
        let mut work = WriterLoop { core, commands, shared, commits, clock, meter: Meter::new() };
        work.publish(None);
        let running = Running { writer: writer.clone(), thread: None, _lock: lock };
        Ok((Self { writer, reader, running }, work))
    }

    /// Commits everything queued and joins the thread; blocks for about one commit.
    pub fn shutdown(mut self) -> Result<(), StoreError> {
        self.running.end()
    }
}

impl Running {
    fn end(&mut self) -> Result<(), StoreError> {
        self.writer.stop();
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(StoreError::Closed),
            None => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nobody is left to tell; senders whose append failed were told by their answers.
        let _ = self.end();
    }
}
