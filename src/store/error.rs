//! What can go wrong in the store, and whether waiting helps.
//!
//! Errors are cloned to every command of a failed group commit, hence the `Arc` around causes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ErrorCode;

use super::codec::CodecError;
use crate::model::{LogId, Seq};

/// A failed store operation: what failed, on what, and what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// An append did not begin where the log ends: its sender's picture of the log is old.
    #[error("log {}: append expected to begin at {expected}, but the log continues at {actual}; read the log's row again", log.0)]
    Stale {
        /// The log.
        log: LogId,
        /// What the sender assumed.
        expected: Seq,
        /// Where the log really continues.
        actual: Seq,
    },
    /// The store cannot write at the moment: disk full, I/O error, read-only file system.
    #[error("the store at {} cannot write: {cause} ({}); make room or make it writable, capture resumes by itself", path.display(), room(*free, *inodes))]
    Blocked {
        /// The database file.
        path: PathBuf,
        /// SQLite's reason.
        cause: Arc<rusqlite::Error>,
        /// Bytes free on its file system.
        free: Option<u64>,
        /// Inodes free there.
        inodes: Option<u64>,
    },
    /// The disk has less free space than the store must leave, and nothing old may be evicted.
    #[error("the disk is full: {free} bytes are free at {}, less than store.min_free = {min_free}, and every log is at its floor; free space or lower store.min_free, capture resumes by itself", path.display())]
    LowDisk {
        /// The database file.
        path: PathBuf,
        /// Bytes free on its file system, and inside the file.
        free: u64,
        /// Bytes that must stay free.
        min_free: u64,
    },
    /// Another engine holds the store.
    #[error(
        "another engine (pid {pid}, {engine_addr}) writes this store; stop it or use another --data-dir"
    )]
    Locked {
        /// Its process id; 0 when unknown.
        pid: u32,
        /// Where it answers.
        engine_addr: String,
    },
    /// The store was written by a newer version.
    #[error(
        "the store has schema {found}, this version knows {known}; use a newer logcap-tui or another --data-dir"
    )]
    NewerSchema {
        /// The version found.
        found: String,
        /// The version known.
        known: String,
    },
    /// The database file is damaged as a whole.
    #[error("the store {} is corrupt: {what}; nothing was deleted: move it away to begin anew, or recover it with `sqlite3 {} .recover`", path.display(), path.display())]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A file or directory cannot be created or opened for writing.
    #[error("{} cannot be written: {cause}; free space, correct its permissions or choose another --data-dir", path.display())]
    NotWritable {
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        cause: Arc<std::io::Error>,
    },
    /// There is no store in the directory.
    #[error("there is no store in {} yet; start a capture first or name another --data-dir", path.display())]
    NoStore {
        /// The directory.
        path: PathBuf,
    },
    /// The log's row does not exist.
    #[error("log {} is not in the store", log.0)]
    NoLog {
        /// The log.
        log: LogId,
    },
    /// The block was evicted since it was listed.
    #[error("records {first} to {last} of log {} are no longer stored; list the blocks again", log.0)]
    Gone {
        /// The log.
        log: LogId,
        /// First record of the block.
        first: Seq,
        /// Last record of the block.
        last: Seq,
    },
    /// A block cannot be decoded.
    #[error("records {first} to {last} of log {} are damaged: {what}; the rest of the log is readable", log.0)]
    Damaged {
        /// The log.
        log: LogId,
        /// First record of the block.
        first: Seq,
        /// Last record of the block.
        last: Seq,
        /// What is wrong with it.
        what: String,
    },
    /// A backfill cannot begin or go on here.
    #[error("log {}: backfill refused: {why}", log.0)]
    Backfill {
        /// The log.
        log: LogId,
        /// The reason.
        why: BackfillRefused,
    },
    /// One record is larger than a block may be.
    #[error("log {}: a record of {bytes} bytes is larger than a block may be ({max})", log.0)]
    TooLarge {
        /// The log.
        log: LogId,
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// SQLite refused an operation for another reason.
    #[error("the store at {} failed: {cause}", path.display())]
    Sql {
        /// The database file.
        path: PathBuf,
        /// SQLite's reason.
        cause: Arc<rusqlite::Error>,
    },
    /// The compressor failed, which means that memory ran out.
    #[error("a block could not be compressed")]
    Compress,
    /// The writer has ended.
    #[error("the store is closed")]
    Closed,
}

/// Why a backfill is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BackfillRefused {
    /// Nothing was adopted yet.
    #[error("no record is stored yet")]
    NothingStored,
    /// Older records were stored once and retention removed them.
    #[error("older records were evicted by retention")]
    Evicted,
    /// No backfill is running.
    #[error("none is running")]
    NotRunning,
    /// The records would reach the adopted part.
    #[error("its sequence numbers would reach the part already stored")]
    NoRoom,
}

fn room(free: Option<u64>, inodes: Option<u64>) -> String {
    match (free, inodes) {
        (_, Some(0)) => "no inode is free: too many files".to_owned(),
        (Some(free), _) => format!("{free} bytes free"),
        (None, _) => "free space unknown".to_owned(),
    }
}

impl StoreError {
    /// Whether the same operation can succeed later without anyone changing the request.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Blocked { .. } | Self::LowDisk { .. } | Self::Locked { .. })
    }

    /// Classifies SQLite's error on the database at `path`.
    pub(crate) fn sql(path: &Path, cause: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match cause.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt { path, what: cause.to_string() }
            }
            Some(
                ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed,
            ) => {
                let is_room = matches!(
                    cause.sqlite_error_code(),
                    Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::CannotOpen)
                );
                let inodes = if is_room { free_inodes(&path) } else { None };
                let free = free_bytes(&path);
                Self::Blocked { path, cause: Arc::new(cause), free, inodes }
            }
            _ => Self::Sql { path, cause: Arc::new(cause) },
        }
    }

    pub(crate) fn not_writable(path: &Path, cause: std::io::Error) -> Self {
        Self::NotWritable { path: path.to_owned(), cause: Arc::new(cause) }
    }
}

impl std::convert::From<CodecError> for StoreError {
    fn from(_: CodecError) -> Self {
        Self::Compress
    }
}

/// Bytes free for this user on the file system of `path`.
pub(crate) fn free_bytes(path: &Path) -> Option<u64> {
    let dir = path.parent()?;
    let stat = rustix::fs::statvfs(dir).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Inodes free for this user there; `None` where a file system has no such limit.
fn free_inodes(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path.parent()?).ok()?;
    (stat.f_files > 0).then_some(stat.f_favail)
}
