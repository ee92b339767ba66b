//! Records and the arena that carries many of them from the decoder to the store without an
//! allocation per record.

use serde::{Deserialize, Serialize};

use super::ids::Timestamp;

/// Which of the container's outputs a record came from. A TTY container has only stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fd {
    /// File descriptor 1.
    Stdout,
    /// File descriptor 2.
    Stderr,
}

impl Fd {
    /// `stdout` or `stderr`, as the JSON field `stream` shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// One record, borrowed from the arena that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// Where it came from.
    pub fd: Fd,
    /// The daemon's timestamp.
    pub ts: Timestamp,
    /// Whether the record ended its line. False for every chunk of a long line but the last, and
    /// for a last line without a newline.
    pub newline: bool,
    /// The content exactly as received, without Docker's framing, timestamp and newline.
    pub bytes: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Meta {
    ts: Timestamp,
    end: usize,
    fd: Fd,
    newline: bool,
}

/// An append-only run of records: one text arena and one array of positions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    text: Vec<u8>,
    meta: Vec<Meta>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty batch with room for `bytes` of text and `records` positions.
    pub fn with_capacity(bytes: usize, records: usize) -> Self {
        Self { text: Vec::with_capacity(bytes), meta: Vec::with_capacity(records) }
    }

    /// Adds one record, copying its bytes.
    pub fn push(&mut self, record: RecordRef<'_>) {
        self.text.extend_from_slice(record.bytes);
        self.meta.push(Meta {
            ts: record.ts,
            end: self.text.len(),
            fd: record.fd,
            newline: record.newline,
        });
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.meta.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.meta.is_empty()
    }

    /// Bytes of record content held.
    pub fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// The last record, if there is one.
    pub fn last(&self) -> Option<RecordRef<'_>> {
        self.len().checked_sub(1).and_then(|last| self.get(last))
    }

    /// The record at `index`, if there is one.
    pub fn get(&self, index: usize) -> Option<RecordRef<'_>> {
        let meta = self.meta.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => self.meta.get(before)?.end,
            None => 0,
        };
        let bytes = self.text.get(start..meta.end)?;
        Some(RecordRef { fd: meta.fd, ts: meta.ts, newline: meta.newline, bytes })
    }

    /// All records in order.
    pub fn iter(&self) -> impl Iterator<Item = RecordRef<'_>> {
        let mut start = 0;
        self.meta.iter().map(move |meta| {
            let bytes = self.text.get(start..meta.end).unwrap_or_default();
            start = meta.end;
            RecordRef { fd: meta.fd, ts: meta.ts, newline: meta.newline, bytes }
        })
    }

    /// Forgets all records and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.meta.clear();
    }

    /// Forgets the records from `len` on.
    pub fn truncate(&mut self, len: usize) {
        if len < self.meta.len() {
            self.meta.truncate(len);
            self.text.truncate(self.meta.last().map_or(0, |meta| meta.end));
        }
    }

    /// Forgets all but the last `records`.
    pub fn keep_last(&mut self, records: usize) {
        let gone = self.meta.len().saturating_sub(records);
        let Some(before) = gone.checked_sub(1) else { return };
        let start = self.meta.get(before).map_or(0, |meta| meta.end);
        self.text.drain(..start);
        self.meta.drain(..gone);
        self.meta.iter_mut().for_each(|meta| meta.end -= start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_went_in() {
        let mut batch = Batch::new();
        let all: [(&[u8], bool); 3] = [(b"one", true), (b"", true), (b"\xff\x00", false)];
        for (ts, (bytes, newline)) in (0..).map(Timestamp).zip(&all) {
            batch.push(RecordRef { fd: Fd::Stderr, ts, newline: *newline, bytes });
        }
        assert_eq!(batch.len(), 3);
        let got: Vec<_> = batch.iter().map(|r| (r.bytes, r.newline)).collect();
        assert_eq!(got, all);
        assert_eq!(batch.get(2).unwrap().bytes, b"\xff\x00");
        assert!(batch.get(3).is_none());
        batch.truncate(1);
        assert_eq!((batch.len(), batch.text_bytes()), (1, 3));
    }

    #[test]
    fn the_last_records_stay_what_they_were() {
        let mut batch = Batch::new();
        for (ts, bytes) in (0..).map(Timestamp).zip([&b"one"[..], b"", b"three", b"four"]) {
            batch.push(RecordRef { fd: Fd::Stdout, ts, newline: true, bytes });
        }
        let all = batch.clone();
        batch.keep_last(4);
        assert_eq!(batch, all);
        batch.keep_last(2);
        let got: Vec<_> = batch.iter().map(|r| (r.ts.0, r.bytes)).collect();
        assert_eq!(got, [(2, &b"three"[..]), (3, b"four")]);
        assert_eq!(batch.text_bytes(), 9);
        batch.keep_last(0);
        assert_eq!(batch, Batch::new());
    }
}
