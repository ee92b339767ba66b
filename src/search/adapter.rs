//! The store as a source for searches: a mapping of names, nothing else.

use std::sync::Arc;

use super::source::{BlockText, Limit, LogInfo, Piece, Record, Source, SourceError};
use crate::model::{Direction, From as PageFrom, LogId, Page, SeamRow};
use crate::store::{BlockMeta, DecodedBlock, PageLimit, StoreError, StoreReader};

impl From<StoreError> for SourceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Gone { .. } => Self::Gone,
            damaged @ StoreError::Damaged { .. } => Self::Damaged(damaged.to_string()),
            other => Self::Failed(Box::new(other)),
        }
    }
}

impl BlockText for DecodedBlock {
    fn text(&self) -> &[u8] {
        self.text()
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn has_parts(&self) -> bool {
        self.has_long_lines()
    }

    fn record_at(&self, offset: usize) -> Option<usize> {
        self.record_at(offset)
    }

    fn record(&self, index: usize) -> Option<Record<'_>> {
        let record = self.record(index)?;
        Some(Record {
            seq: record.seq,
            ts: record.ts,
            fd: record.fd,
            newline: record.newline,
            continues: record.continuation,
            level: record.level,
            bytes: record.bytes,
        })
    }
}

impl Source for StoreReader {
    type Block = DecodedBlock;

    fn logs(&self) -> Result<Vec<LogInfo>, SourceError> {
        let rows = self.logs()?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let identity = row.identity;
                LogInfo {
                    log: row.id,
                    container_id: identity.container_id.as_str().into(),
                    name: identity.name.into(),
                    project: identity.project.map(Arc::from),
                    service: identity.service.map(Arc::from),
                    first_seen: identity.first_seen,
                    ended: row.ended.is_some(),
                }
            })
            .collect())
    }

    fn pieces(&self, logs: Option<&[LogId]>) -> Result<Vec<Piece>, SourceError> {
        let blocks = self.blocks(logs, None, None)?;
        Ok(blocks
            .iter()
            .map(|block| Piece {
                log: block.log,
                first_seq: block.first_seq,
                last_seq: block.last_seq,
                eff_first: block.eff_first,
                eff_last: block.eff_last,
                min_ts: block.min_ts,
                max_ts: block.max_ts,
                raw: block.raw,
            })
            .collect())
    }

    fn decode(&self, piece: &Piece) -> Result<DecodedBlock, SourceError> {
        let meta = BlockMeta {
            log: piece.log,
            first_seq: piece.first_seq,
            last_seq: piece.last_seq,
            eff_first: piece.eff_first,
            eff_last: piece.eff_last,
            min_ts: piece.min_ts,
            max_ts: piece.max_ts,
            // Inside a block every number is a record.
            records: (piece.last_seq.0 - piece.first_seq.0 + 1).unsigned_abs(),
            lines: 0,
            raw: piece.raw,
            size: 0,
            level_counts: [0; 7],
        };
        Ok(self.decode(&meta)?)
    }

    fn gaps(&self, logs: &[LogId]) -> Result<Vec<SeamRow>, SourceError> {
        let mut rows = self.seam_rows()?;
        rows.retain(|row| logs.contains(&row.key.log) && row.seam.what.kind.is_gap());
        Ok(rows)
    }

    fn page(
        &self,
        logs: &[LogId],
        from: PageFrom,
        direction: Direction,
        limit: Limit,
    ) -> Result<Page, SourceError> {
        let Limit { rows, bytes, line_cap } = limit;
        Ok(self.page(logs, from, direction, PageLimit { rows, bytes, line_cap })?)
    }
}
