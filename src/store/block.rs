//! A block's row: what is known of a run of records without decoding it, and its SQL.
//!
//! `eff` of record i is `min(max(eff_first, running maximum of the timestamps), eff_last)`, so the
//! two numbers in the row are all that a reader needs, and merging blocks changes no key.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::codec::{Body, Content, Encoder};
use super::fail::Fail;
use super::flags::Carry;
use crate::model::{Batch, Key, LogId, Seq, Timestamp};

/// A block without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockMeta {
    /// The log.
    pub log: LogId,
    /// First record.
    pub first_seq: Seq,
    /// Last record; every number in between is a record.
    pub last_seq: Seq,
    /// Order time of the first record.
    pub eff_first: Timestamp,
    /// Order time of the last record.
    pub eff_last: Timestamp,
    /// Smallest timestamp.
    pub min_ts: Timestamp,
    /// Largest timestamp.
    pub max_ts: Timestamp,
    /// Number of records.
    pub records: u64,
    /// Number of lines that begin here. Equal to `records` when no record continues a line.
    pub lines: u64,
    /// Bytes of text, joined by newlines.
    pub raw: u64,
    /// Bytes stored.
    pub size: u64,
    /// Lines without a level, then lines of each level of `Level::ALL`.
    pub level_counts: [u32; 7],
}

impl BlockMeta {
    /// Position of the last record.
    pub fn last_key(&self) -> Key {
        Key { eff_ts: self.eff_last, log: self.log, seq: self.last_seq }
    }

    pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let number = |index| row.get::<_, i64>(index);
        let count = |index| number(index).map(i64::cast_unsigned);
        Ok(Self {
            log: LogId(number(0)?),
            first_seq: Seq(number(1)?),
            last_seq: Seq(number(2)?),
            eff_first: Timestamp(number(3)?),
            eff_last: Timestamp(number(4)?),
            min_ts: Timestamp(number(5)?),
            max_ts: Timestamp(number(6)?),
            records: count(7)?,
            lines: count(8)?,
            raw: count(9)?,
            size: count(10)?,
            level_counts: levels_from_bytes(row.get_ref(11)?.as_blob()?),
        })
    }
}

/// The columns that [`BlockMeta::from_row`] reads, in its order.
pub(crate) const META_COLUMNS: &str = "log_id, first_seq, last_seq, eff_first, eff_last, min_ts, \
     max_ts, records, lines, raw, size, level_counts";

fn levels_from_bytes(bytes: &[u8]) -> [u32; 7] {
    let mut counts = [0; 7];
    for (count, bytes) in counts.iter_mut().zip(bytes.chunks_exact(4)) {
        *count = bytes.try_into().map_or(0, u32::from_le_bytes);
    }
    counts
}

/// A block ready to be written.
pub(crate) struct NewBlock {
    pub(crate) meta: BlockMeta,
    pub(crate) body: Body,
}

/// Describes and compresses `content`, whose first record is `first` and whose order times begin
/// at `eff` (the carry before it) and never exceed `cap`.
pub(crate) fn seal(
    encoder: &mut Encoder,
    log: LogId,
    first: i64,
    (eff, cap): (i64, i64),
    content: &Content,
) -> Result<NewBlock, Fail> {
    let body = encoder.encode(content)?;
    let mut level_counts = [0_u32; 7];
    let mut lines = 0;
    for flags in content.flags.iter().filter(|flags| !flags.continues()) {
        lines += 1;
        let index = flags.level().map_or(0, |level| level as usize + 1);
        if let Some(count) = level_counts.get_mut(index) {
            *count += 1;
        }
    }
    let min_ts = content.times.iter().copied().min().unwrap_or_default();
    let max_ts = content.times.iter().copied().max().unwrap_or_default();
    let first_ts = content.times.first().copied().unwrap_or_default();
    let records = content.len() as u64;
    let meta = BlockMeta {
        log,
        first_seq: Seq(first),
        last_seq: Seq(first + records.cast_signed() - 1),
        eff_first: Timestamp(eff.max(first_ts).min(cap)),
        eff_last: Timestamp(eff.max(max_ts).min(cap)),
        min_ts: Timestamp(min_ts),
        max_ts: Timestamp(max_ts),
        records,
        lines,
        raw: content.text.len() as u64,
        size: body.bytes.len() as u64,
        level_counts,
    };
    Ok(NewBlock { meta, body })
}

/// Takes records from `batch` into blocks of at most about `target` bytes.
pub(crate) fn split(
    batch: &Batch,
    first: i64,
    carry: &mut Carry,
    target: usize,
) -> Vec<(i64, i64, Content)> {
    let mut blocks = Vec::new();
    let mut content = Content::with_capacity(target.min(batch.text_bytes()) + batch.len(), 0);
    let (mut begin, mut eff) = (first, carry.eff);
    for (seq, record) in (first..).zip(batch.iter()) {
        let room = target.saturating_sub(content.text.len());
        if content.len() > 0 && record.bytes.len() > room {
            let full = std::mem::replace(&mut content, Content::with_capacity(target, 0));
            blocks.push((begin, eff, full));
            (begin, eff) = (seq, carry.eff);
        }
        let flags = carry.next(seq, record);
        content.push(record.bytes, record.ts.0, flags);
    }
    if content.len() > 0 {
        blocks.push((begin, eff, content));
    }
    blocks
}

pub(crate) fn insert(conn: &Connection, block: &NewBlock, tier: u8) -> Result<(), Fail> {
    let meta = &block.meta;
    let levels: Vec<u8> = meta.level_counts.iter().flat_map(|n| n.to_le_bytes()).collect();
    conn.prepare_cached(
        "INSERT INTO block (log_id, first_seq, last_seq, eff_first, eff_last, min_ts, max_ts,
           records, lines, raw, size, level_counts, tier, checksum, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?
    .execute(params![
        meta.log.0,
        meta.first_seq.0,
        meta.last_seq.0,
        meta.eff_first.0,
        meta.eff_last.0,
        meta.min_ts.0,
        meta.max_ts.0,
        meta.records.cast_signed(),
        meta.lines.cast_signed(),
        meta.raw.cast_signed(),
        meta.size.cast_signed(),
        levels,
        tier,
        block.body.checksum,
        block.body.bytes,
    ])?;
    Ok(())
}

/// Runs `read` on the body and checksum of the block that begins at `first`, without copying it.
pub(crate) fn with_body<T>(
    conn: &Connection,
    log: LogId,
    first: i64,
    read: impl FnOnce(&[u8], u32) -> T,
) -> rusqlite::Result<Option<T>> {
    conn.prepare_cached("SELECT data, checksum FROM block WHERE log_id = ?1 AND first_seq = ?2")?
        .query_row(params![log.0, first], |row| Ok(read(row.get_ref(0)?.as_blob()?, row.get(1)?)))
        .optional()
}
