//! Seam rows and their SQL.
//!
//! A seam has its own place in the order: `key_seq` is a number that no record carries (the one
//! skipped when it was written) and `eff` an order time between its neighbours', both kept in
//! the row, so that its key is as stable as a record's.

use rusqlite::{Connection, Row, params};

use super::fail::Fail;
use crate::model::{Key, LogId, NewSeam, Seam, SeamKind, SeamRow, Seq, Timestamp};

/// A seam with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlacedSeam {
    pub(crate) log: LogId,
    pub(crate) key_seq: i64,
    pub(crate) eff: i64,
    pub(crate) after: i64,
    pub(crate) before: Option<i64>,
    pub(crate) what: NewSeam,
    /// For evicted seams: how many records are gone.
    pub(crate) records: i64,
}

/// The columns that [`from_row`] reads, in its order.
pub(crate) const COLUMNS: &str =
    "log_id, key_seq, eff, after_seq, before_seq, kind, lost, away, t_low, t_high, detail, records";

impl PlacedSeam {
    pub(crate) fn to_row(&self) -> SeamRow {
        let key = Key { eff_ts: Timestamp(self.eff), log: self.log, seq: Seq(self.key_seq) };
        SeamRow { key, seam: self.to_seam() }
    }

    pub(crate) fn to_seam(&self) -> Seam {
        Seam {
            after_seq: Seq(self.after),
            before_seq: self.before.map(Seq),
            what: self.what.clone(),
        }
    }

    pub(crate) fn insert(&self, conn: &Connection) -> Result<(), Fail> {
        let what = &self.what;
        conn.prepare_cached(
            "INSERT OR REPLACE INTO seam (log_id, key_seq, eff, after_seq, before_seq, kind, lost,
               away, t_low, t_high, detail, records)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            self.log.0,
            self.key_seq,
            self.eff,
            self.after,
            self.before,
            what.kind.as_str(),
            what.lost.as_ref().and_then(|lost| serde_json::to_string(lost).ok()),
            what.away.as_ref().and_then(|away| serde_json::to_string(away).ok()),
            what.t_low.map(|t| t.0),
            what.t_high.map(|t| t.0),
            what.detail,
            self.records,
        ])?;
        Ok(())
    }
}

/// A seam that says only its kind and one sentence.
pub(crate) fn plain(kind: SeamKind, detail: &str) -> NewSeam {
    NewSeam { kind, lost: None, away: None, t_low: None, t_high: None, detail: detail.to_owned() }
}

pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<PlacedSeam> {
    let word: String = row.get(5)?;
    let lost: Option<String> = row.get(6)?;
    let away: Option<String> = row.get(7)?;
    let what = NewSeam {
        // A kind of a newer minor version is shown as what it at least is: a jump.
        kind: SeamKind::parse(&word).unwrap_or(SeamKind::Gap),
        lost: lost.and_then(|text| serde_json::from_str(&text).ok()),
        away: away.and_then(|text| serde_json::from_str(&text).ok()),
        t_low: row.get::<_, Option<i64>>(8)?.map(Timestamp),
        t_high: row.get::<_, Option<i64>>(9)?.map(Timestamp),
        detail: row.get(10)?,
    };
    Ok(PlacedSeam {
        log: LogId(row.get(0)?),
        key_seq: row.get(1)?,
        eff: row.get(2)?,
        after: row.get(3)?,
        before: row.get(4)?,
        what,
        records: row.get(11)?,
    })
}

/// The seams of a log with `key_seq` in `low..=high`, ascending.
pub(crate) fn between(
    conn: &Connection,
    log: LogId,
    low: i64,
    high: i64,
) -> rusqlite::Result<Vec<PlacedSeam>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM seam WHERE log_id = ?1 AND key_seq BETWEEN ?2 AND ?3 ORDER BY key_seq"
    );
    conn.prepare_cached(&sql)?.query_map(params![log.0, low, high], from_row)?.collect()
}
