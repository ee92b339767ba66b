//! One engine per store: a lock file held by an operating system lock, so that a crash frees it.
//!
//! The file's content (pid and address) is information for people and for other processes of
//! ours; only the lock itself decides. Readers never take it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use super::error::StoreError;

const FILE: &str = "engine.lock";

/// The engine that holds a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockInfo {
    /// Its process id; 0 when the file does not say.
    pub pid: u32,
    /// Where it answers, as it was configured.
    pub engine_addr: String,
}

/// Held as long as the value lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    pub(crate) fn acquire(dir: &Path, engine_addr: &str) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        let failed = |cause| StoreError::not_writable(&path, cause);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(failed)?;
        // `lock_info` holds a shared lock for microseconds; that must not look like an engine.
        let mut attempts = 0;
        while let Err(error) = file.try_lock() {
            match error {
                TryLockError::Error(cause) => return Err(failed(cause)),
                TryLockError::WouldBlock if attempts < 5 => attempts += 1,
                TryLockError::WouldBlock => {
                    let LockInfo { pid, engine_addr } = read_info(&mut file);
                    return Err(StoreError::Locked { pid, engine_addr });
                }
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        file.set_len(0).map_err(failed)?;
        let text = format!("{}\n{engine_addr}\n", std::process::id());
        file.write_all(text.as_bytes()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

fn read_info(file: &mut File) -> LockInfo {
    let mut text = String::new();
    // An unreadable file still means that somebody holds it.
    let _ = file.read_to_string(&mut text);
    let mut lines = text.lines();
    let pid = lines.next().and_then(|pid| pid.parse().ok()).unwrap_or(0);
    LockInfo { pid, engine_addr: lines.next().unwrap_or_default().to_owned() }
}

/// The engine that runs on the store in `dir`, if one does.
pub fn lock_info(dir: &Path) -> Option<LockInfo> {
    let mut file = File::open(dir.join(FILE)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(read_info(&mut file)),
        _ => None,
    }
}
