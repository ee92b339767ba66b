//! The watch over free disk space: the store stops growing before the disk is full.
//!
//! Pages that SQLite holds free count as free space, because the next records go there. While less
//! than the minimum is free, retention evicts the oldest blocks down to every log's floor; when
//! nothing may go any more, records are refused until there is space again.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::error::{StoreError, free_bytes};

/// Asks for the bytes free on the file system of a path; passed in so that tests control it.
pub(crate) type Probe = Box<dyn Fn(&Path) -> Option<u64> + Send>;

/// What is known of the space below the store.
pub(crate) struct Space {
    path: PathBuf,
    min_free: u64,
    probe: Probe,
    free: u64,
    short: u64,
    exhausted: bool,
}

impl Space {
    pub(crate) fn new(path: PathBuf, min_free: u64) -> Self {
        let (probe, free) = (Box::new(free_bytes), u64::MAX);
        Self { path, min_free, probe, free, short: 0, exhausted: false }
    }

    #[cfg(test)]
    pub(crate) fn replace_probe(&mut self, probe: Probe) {
        self.probe = probe;
    }

    /// Looks again; costs two small system calls. Space that cannot be measured is not missing.
    pub(crate) fn look(&mut self, conn: &Connection) {
        if self.min_free == 0 {
            return;
        }
        let unused =
            "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size";
        let unused =
            conn.prepare_cached(unused).and_then(|mut sql| sql.query_row([], |r| r.get(0)));
        let unused = unused.map_or(0, i64::cast_unsigned);
        self.free = (self.probe)(&self.path).unwrap_or(u64::MAX).saturating_add(unused);
        self.short = self.min_free.saturating_sub(self.free);
        self.exhausted &= self.short > 0;
    }

    /// Bytes that have to go.
    pub(crate) fn short(&self) -> u64 {
        self.short
    }

    /// Whether eviction has something to do at once.
    pub(crate) fn wants_eviction(&self) -> bool {
        self.short > 0 && !self.exhausted
    }

    /// Eviction found something to evict, or did not.
    pub(crate) fn evicted(&mut self, some: bool) {
        self.exhausted = self.short > 0 && !some;
    }

    /// Why records are refused, if they are.
    pub(crate) fn refusal(&self) -> Option<StoreError> {
        self.exhausted.then(|| StoreError::LowDisk {
            path: self.path.clone(),
            free: self.free,
            min_free: self.min_free,
        })
    }
}
