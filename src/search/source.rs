//! What search needs of a store, in its own words, so that the executor can be tested on blocks in
//! memory and the store can change its inside.

use std::error::Error;
use std::sync::Arc;

use crate::model::{
    Direction, Fd, From as PageFrom, Key, Level, LogId, Page, SeamRow, Seq, Timestamp,
};

/// Why a part of the store cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The block was merged into another one or evicted since it was listed.
    #[error("the block is not there any more")]
    Gone,
    /// The block is there and cannot be decoded.
    #[error("the block is damaged: {0}")]
    Damaged(String),
    /// Reading failed altogether.
    #[error("cannot read the store: {0}")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

/// The names of one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogInfo {
    /// Its number.
    pub log: LogId,
    /// Full container id.
    pub container_id: Arc<str>,
    /// Container name.
    pub name: Arc<str>,
    /// Compose project.
    pub project: Option<Arc<str>>,
    /// Compose service.
    pub service: Option<Arc<str>>,
    /// First time it was seen.
    pub first_seen: Timestamp,
    /// Whether the container is gone for good.
    pub ended: bool,
}

/// What is known of a block without decoding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// The log.
    pub log: LogId,
    /// First record.
    pub first_seq: Seq,
    /// Last record.
    pub last_seq: Seq,
    /// `eff_ts` of the first record.
    pub eff_first: Timestamp,
    /// `eff_ts` of the last record.
    pub eff_last: Timestamp,
    /// Smallest timestamp inside.
    pub min_ts: Timestamp,
    /// Largest timestamp inside.
    pub max_ts: Timestamp,
    /// Bytes of content.
    pub raw: u64,
}

impl Piece {
    /// Smallest key inside.
    pub fn first_key(&self) -> Key {
        Key { eff_ts: self.eff_first, log: self.log, seq: self.first_seq }
    }

    /// Largest key inside.
    pub fn last_key(&self) -> Key {
        Key { eff_ts: self.eff_last, log: self.log, seq: self.last_seq }
    }
}

/// One record of a decoded block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its position in the log.
    pub seq: Seq,
    /// The daemon's timestamp.
    pub ts: Timestamp,
    /// Which output.
    pub fd: Fd,
    /// Whether it ends its line.
    pub newline: bool,
    /// Whether it belongs to the line that an earlier record of the same fd began.
    pub continues: bool,
    /// Severity, when the text names one.
    pub level: Option<Level>,
    /// The content.
    pub bytes: &'a [u8],
}

/// A decoded block: records in order over one text, joined by newlines.
pub trait BlockText {
    /// The whole text.
    fn text(&self) -> &[u8];
    /// Number of records.
    fn count(&self) -> usize;
    /// Whether any record continues a line or leaves one open.
    fn has_parts(&self) -> bool;
    /// The record whose bytes, or the newline behind them, are at `offset` of the text.
    fn record_at(&self, offset: usize) -> Option<usize>;
    /// The record at `index`.
    fn record(&self, index: usize) -> Option<Record<'_>>;
}

/// A store that can be searched from several threads.
pub trait Source: Send + Sync {
    /// A decoded block.
    type Block: BlockText;

    /// All logs, also of containers long gone.
    fn logs(&self) -> Result<Vec<LogInfo>, SourceError>;
    /// All blocks of these logs (`None`: of all), in any order.
    fn pieces(&self, logs: Option<&[LogId]>) -> Result<Vec<Piece>, SourceError>;
    /// Decodes one block.
    fn decode(&self, piece: &Piece) -> Result<Self::Block, SourceError>;
    /// The gaps of these logs, in any order.
    fn gaps(&self, logs: &[LogId]) -> Result<Vec<SeamRow>, SourceError>;
    /// An unfiltered page.
    fn page(
        &self,
        logs: &[LogId],
        from: PageFrom,
        direction: Direction,
        limit: Limit,
    ) -> Result<Page, SourceError>;
}

/// How much a page may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Rows.
    pub rows: usize,
    /// Bytes of text; the first row is returned whatever its size.
    pub bytes: usize,
    /// Bytes of one line, the rest of it is cut.
    pub line_cap: usize,
}
