//! One container's log: the truth F, and the files that still hold parts of it. Pure.
//!
//! F is append-only and never forgets, because it is what a test compares with. The files are
//! ranges of F under dockerd's rules: before a write, a file that has reached `max-size` is renamed
//! and a new one begun; of the older ones `max-file - 1` are kept. A truncated file loses its
//! range, and from 23.0 on whoever follows it hangs until the next rotation (moby#45728).

use std::collections::BTreeSet;
use std::ops::Range;

use crate::model::LogConfig;

use super::record::{Record, SimRecord};

/// `max-size` and `max-file`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    size: u64,
    files: usize,
}

impl Limits {
    /// The limits that a container's configuration sets, if its files rotate at all.
    pub(super) fn of(config: &LogConfig) -> Option<Self> {
        let (size, files) = match config.driver.as_str() {
            "local" => ("20m", 5),
            // Podman's conmon replaces the one file at its size.
            "json-file" | "k8s-file" => ("", 1),
            _ => return None,
        };
        let option = |key| config.options.get(key).map(String::as_str);
        let size = human_size(option("max-size").unwrap_or(size))?;
        let files = option("max-file").and_then(|n| n.parse().ok()).unwrap_or(files);
        Some(Self { size, files: files.max(1) })
    }
}

/// A positive size as both drivers read it: `units.FromHumanSize`, so `1k` is 1,000 bytes.
fn human_size(text: &str) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    let text = text.trim_end_matches('b');
    let number = text.trim_end_matches(['k', 'm', 'g']);
    let unit = match text.get(number.len()..)? {
        "" => 1,
        "k" => 1_000,
        "m" => 1_000_000,
        "g" => 1_000_000_000,
        _ => return None,
    };
    number.trim().parse::<u64>().ok()?.checked_mul(unit).filter(|size| *size > 0)
}

/// One log file, as the range of F that was written into it.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogFile {
    /// First record written into it.
    pub(super) first: usize,
    /// Behind its last record.
    pub(super) end: usize,
    /// Records below this one were truncated away from outside.
    lost_to: usize,
    /// The writer's position, which a truncation does not move.
    bytes: u64,
    /// Whether it was ever truncated.
    pub(super) truncated: bool,
}

impl LogFile {
    fn at(first: usize) -> Self {
        Self { first, end: first, lost_to: first, bytes: 0, truncated: false }
    }

    /// What the file still holds.
    pub(super) fn held(self) -> Range<usize> {
        self.lost_to..self.end
    }
}

/// The truth and its files.
#[derive(Debug)]
pub(super) struct Log {
    truth: Vec<Record>,
    withheld: BTreeSet<usize>,
    /// Positions whose line in the file cannot be decoded.
    corrupt: BTreeSet<usize>,
    /// Every file ever, by number; the last one is being written.
    files: Vec<LogFile>,
    oldest: usize,
    limits: Option<Limits>,
}

impl Log {
    pub(super) fn new(limits: Option<Limits>) -> Self {
        let files = vec![LogFile::at(0)];
        let (withheld, corrupt) = (BTreeSet::new(), BTreeSet::new());
        Self { truth: Vec::new(), withheld, corrupt, files, oldest: 0, limits }
    }

    /// Appends one record and rotates first if the file has reached its size.
    pub(super) fn append(&mut self, record: Record) {
        let full = |limits: Limits| self.current_file().bytes >= limits.size;
        if self.limits.is_some_and(full) {
            self.rotate();
        }
        let bytes = record.json_len();
        self.truth.push(record);
        let end = self.truth.len();
        if let Some(file) = self.files.last_mut() {
            file.end = end;
            file.bytes = file.bytes.saturating_add(bytes);
        }
    }

    /// Renames the current file and begins a new one. Without limits one file is kept.
    pub(super) fn rotate(&mut self) {
        self.files.push(LogFile::at(self.truth.len()));
        let keep = self.limits.map_or(1, |limits| limits.files);
        self.oldest = self.oldest.max(self.files.len().saturating_sub(keep));
    }

    /// Empties the current file from outside. The first file is open for appending; one that a
    /// rotation began is not, so the next record stands behind a hole of zeros and cannot be decoded
    /// (seen on 20.10.24).
    pub(super) fn truncate(&mut self) {
        let leaves_a_hole = self.current() > 0 && self.current_file().bytes > 0;
        if leaves_a_hole {
            self.corrupt.insert(self.truth.len());
        }
        if let Some(file) = self.files.last_mut() {
            file.lost_to = file.end;
            file.truncated = true;
        }
    }

    /// Hides a record from every answer.
    pub(super) fn withhold(&mut self, index: usize) {
        self.withheld.insert(index);
    }

    /// Damages a record's line in the file.
    pub(super) fn corrupt(&mut self, index: usize) {
        self.corrupt.insert(index);
    }

    /// Whether a record's line cannot be decoded.
    pub(super) fn is_corrupt(&self, index: usize) -> bool {
        self.corrupt.contains(&index)
    }

    /// The number of records ever written.
    pub(super) fn len(&self) -> usize {
        self.truth.len()
    }

    /// The record at a position of F, unless it is withheld.
    pub(super) fn visible(&self, index: usize) -> Option<&Record> {
        self.truth.get(index).filter(|_| !self.withheld.contains(&index))
    }

    /// How many records of a range are withheld.
    pub(super) fn withheld_in(&self, range: Range<usize>) -> usize {
        if range.is_empty() { 0 } else { self.withheld.range(range).count() }
    }

    /// The number of the file being written.
    pub(super) fn current(&self) -> usize {
        self.files.len().saturating_sub(1)
    }

    fn current_file(&self) -> LogFile {
        self.file(self.current())
    }

    /// A file by number, also when it is deleted: an open descriptor still reads it.
    pub(super) fn file(&self, number: usize) -> LogFile {
        self.files.get(number).copied().unwrap_or_else(|| LogFile::at(self.truth.len()))
    }

    /// The files on disk, oldest first, the last one being written.
    pub(super) fn on_disk(&self) -> impl Iterator<Item = LogFile> {
        self.files.iter().skip(self.oldest).copied()
    }

    /// Everything ever written, with what is still there.
    pub(super) fn records(&self) -> Vec<SimRecord> {
        let mut kept = vec![false; self.truth.len()];
        for file in self.on_disk() {
            kept.get_mut(file.held()).into_iter().flatten().for_each(|kept| *kept = true);
        }
        let all = self.truth.iter().zip(kept).enumerate();
        all.map(|(index, (record, retained))| SimRecord {
            fd: record.fd,
            ts: record.ts,
            newline: record.newline,
            bytes: record.bytes.clone(),
            retained,
            withheld: self.withheld.contains(&index),
            corrupt: self.corrupt.contains(&index),
        })
        .collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::{Fd, Timestamp};
    use bytes::Bytes;

    pub(in crate::sim) fn record(n: usize) -> Record {
        let bytes = Bytes::from(format!("line {n:04}"));
        let ts = Timestamp(i64::try_from(n).unwrap());
        Record { fd: Fd::Stdout, ts, newline: true, bytes }
    }

    pub(in crate::sim) fn limits(max_size: &str, max_file: &str) -> Option<Limits> {
        let options = [("max-size", max_size), ("max-file", max_file)];
        let options = options.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        Limits::of(&LogConfig { driver: "json-file".to_owned(), options })
    }

    fn retained(log: &Log) -> Vec<bool> {
        log.records().iter().map(|r| r.retained).collect()
    }

    #[test]
    fn a_file_rotates_before_the_write_that_finds_it_full() {
        let line = record(1).json_len();
        let mut log = Log::new(limits(&format!("{}b", 2 * line), "2"));
        (1..=4).for_each(|n| log.append(record(n)));
        assert_eq!((log.current(), log.file(0).held()), (1, 0..2), "exactly full is full");
        log.append(record(5));
        assert_eq!(retained(&log), [false, false, true, true, true]);
        (6..=7).for_each(|n| log.append(record(n)));
        assert_eq!(log.current(), 3);
        assert_eq!(retained(&log).iter().filter(|kept| **kept).count(), 3);
    }

    #[test]
    fn sizes_are_decimal_and_local_rotates_by_default() {
        assert_eq!(limits("16k", "2"), Some(Limits { size: 16_000, files: 2 }));
        assert_eq!(limits("1MB", "x").map(|l| (l.size, l.files)), Some((1_000_000, 1)));
        assert_eq!([limits("", "2"), limits("-1", "2"), limits("1kk", "2")], [None; 3]);
        let local = LogConfig { driver: "local".to_owned(), ..LogConfig::default() };
        assert_eq!(Limits::of(&local), Some(Limits { size: 20_000_000, files: 5 }));
    }

    #[test]
    fn without_a_size_limit_nothing_ever_rotates() {
        let mut log = Log::new(limits("-1", "3"));
        (0..1000).for_each(|n| log.append(record(n)));
        assert_eq!(log.current(), 0);
    }

    #[test]
    fn truncation_takes_the_current_file_only() {
        let mut log = Log::new(limits("1m", "3"));
        log.append(record(0));
        log.rotate();
        log.append(record(1));
        log.truncate();
        log.append(record(2));
        assert_eq!(retained(&log), [true, false, true]);
        assert!(log.is_corrupt(2), "zeros stand before it");
    }

    #[test]
    fn the_first_file_is_appended_to() {
        let mut log = Log::new(limits("1m", "3"));
        log.append(record(0));
        log.truncate();
        log.append(record(1));
        assert_eq!((retained(&log), log.is_corrupt(1)), (vec![false, true], false));
    }
}
