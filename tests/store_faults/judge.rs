//! The judgement of a store: everything acknowledged is there exactly once, unchanged and in order,
//! the cursors name exactly what is stored, and no row is without its place.
//!
//! It reads through read-only connections, so that an unfinished write-ahead log stays what it is
//! and the next process has to recover from it.

use std::collections::BTreeMap;
use std::path::Path;

use logcap_tui::model::{LogId, Seam, SeamKind, Seq};
use logcap_tui::store::{LogRow, StoreReader};
use rusqlite::{Connection, OpenFlags};

use crate::feed::{FILL_FIRST, FILL_STEPS, Feed, Item, fill_step};
use crate::workload::steps;

/// The name of the database file.
pub(crate) const FILE: &str = "logcap.db";

/// Number of acknowledged steps by what was fed: `hot`, `quiet`, `filled`, `fill`, `joined`.
pub(crate) type Acks = BTreeMap<String, u64>;

/// Reads the workload's file. A step may be missing (killed between commit and line), but one that
/// comes twice was stored twice.
pub(crate) fn acks(path: &Path) -> Acks {
    let mut acks = Acks::new();
    for line in std::fs::read_to_string(path).unwrap_or_default().lines() {
        let (what, step) = line.split_once(' ').unwrap();
        let step: u64 = step.parse().unwrap();
        let done = acks.entry(what.to_owned()).or_default();
        assert!(step >= *done, "{what} {step} acknowledged behind {done}");
        *done = step + 1;
    }
    acks
}

/// Everything that is wrong with the store in `dir`.
pub(crate) fn findings(dir: &Path, acks: &Acks) -> Vec<String> {
    let file = dir.join(FILE);
    if acks.is_empty() && !file.exists() {
        return Vec::new();
    }
    let mut found = structure(&file);
    let reader = match StoreReader::open(dir) {
        Ok(reader) => reader,
        Err(error) if acks.is_empty() => {
            // Killed before the tables were made: an empty store is a whole one.
            let expected = error.to_string().contains("there is no store");
            return if expected { found } else { vec![error.to_string()] };
        }
        Err(error) => return vec![format!("acknowledged and cannot be opened: {error}")],
    };
    let rows = reader.logs().unwrap();
    for (what, done) in acks {
        let log = if what == "fill" || what == "joined" { "filled" } else { what };
        if !rows.iter().any(|row| row.identity.name == log) {
            found.push(format!("{done} steps of {what} acknowledged and no log"));
        }
    }
    for row in &rows {
        let name = &row.identity.name;
        let judge = Judge { reader: &reader, row, feed: Feed::named(name).unwrap() };
        found.extend(judge.findings(acks).into_iter().map(|text| format!("{name}: {text}")));
    }
    found
}

/// What the tables say without their meaning.
fn structure(file: &Path) -> Vec<String> {
    // Before the first tables SQLite keeps a rollback journal, which no reader may roll back.
    let journal = file.with_file_name(format!("{FILE}-journal")).exists();
    let read_write = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let flags = if journal { read_write } else { OpenFlags::SQLITE_OPEN_READ_ONLY };
    let conn = Connection::open_with_flags(file, flags).unwrap();
    let whole: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    let mut found = Vec::new();
    if whole != "ok" {
        found.push(format!("integrity_check: {whole}"));
    }
    let tables: i64 =
        conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    if tables == 0 {
        return found;
    }
    for (rule, sql) in [
        ("blocks without a log", "SELECT count(*) FROM block WHERE log_id NOT IN (SELECT id FROM log)"),
        ("seams without a log", "SELECT count(*) FROM seam WHERE log_id NOT IN (SELECT id FROM log)"),
        (
            "logs whose count is not that of their blocks",
            "SELECT count(*) FROM log WHERE records != coalesce((SELECT sum(records) FROM block WHERE log_id = log.id), 0)",
        ),
        (
            "logs whose bytes are not those of their blocks",
            "SELECT count(*) FROM log WHERE raw != coalesce((SELECT sum(raw - records + 1) FROM block WHERE log_id = log.id), 0)",
        ),
        (
            "blocks that overlap the next one",
            "SELECT count(*) FROM (SELECT last_seq, lead(first_seq) OVER (PARTITION BY log_id ORDER BY first_seq) AS next FROM block) WHERE next <= last_seq",
        ),
        (
            "jumps without a seam",
            "SELECT count(*) FROM (SELECT log_id, last_seq, lead(first_seq) OVER (PARTITION BY log_id ORDER BY first_seq) AS next FROM block) AS pair
             WHERE next > last_seq + 1 AND NOT EXISTS (SELECT 1 FROM seam WHERE seam.log_id = pair.log_id AND key_seq > last_seq AND key_seq < next)",
        ),
    ] {
        let count: i64 = conn.query_row(sql, [], |row| row.get(0)).unwrap();
        if count != 0 {
            found.push(format!("{count} {rule}"));
        }
    }
    found
}

struct Judge<'a> {
    reader: &'a StoreReader,
    row: &'a LogRow,
    feed: Feed,
}

impl Judge<'_> {
    fn findings(&self, acks: &Acks) -> Vec<String> {
        let mut found = Vec::new();
        let stored = match self.stored() {
            Ok(stored) => stored,
            Err(error) => return vec![error],
        };
        let seams = self.reader.seams(Some(self.row.id)).unwrap();
        let live = steps(self.row.cursor.as_deref());
        self.live(live, &stored, &seams, &mut found);
        let acknowledged = |what: &str| acks.get(what).copied().unwrap_or(0);
        if live < acknowledged(self.feed.name()) {
            let acks = acknowledged(self.feed.name());
            found.push(format!("{acks} steps acknowledged, the cursor is at {live}"));
        }
        if self.feed == Feed::Filled {
            self.backfill(&stored, &seams, acks, &mut found);
        }
        found
    }

    fn backfill(
        &self,
        stored: &BTreeMap<i64, Item>,
        seams: &[(LogId, Seam)],
        acks: &Acks,
        found: &mut Vec<String>,
    ) {
        let below = stored.range(..Seq::ADOPTION.0).count();
        let done = match &self.row.backfill {
            Some(fill) => steps(Some(&fill.cursor)),
            None if below > 0 => FILL_STEPS,
            None => 0,
        };
        let items: Vec<Item> = (0..done).flat_map(fill_step).collect();
        if below != items.len() {
            found.push(format!("{below} backfilled records, {} expected", items.len()));
        }
        for (seq, item) in (FILL_FIRST..).zip(&items) {
            if stored.get(&seq) != Some(item) {
                found.push(format!("backfilled {seq} is {:?}, not {item:?}", stored.get(&seq)));
            }
        }
        let fill = acks.get("fill").copied().unwrap_or(0);
        let joined = seams.iter().any(|(_, seam)| seam.what.kind == SeamKind::Joined);
        if done < fill || (acks.contains_key("joined") && !joined) {
            found.push(format!("{fill} steps of backfill acknowledged, {done} stored"));
        }
    }

    /// Every stored record by its number. Blocks that cannot be decoded are the error.
    fn stored(&self) -> Result<BTreeMap<i64, Item>, String> {
        let mut stored = BTreeMap::new();
        for meta in self.reader.blocks(Some(&[self.row.id]), None, None).unwrap() {
            let block = self.reader.decode(&meta).map_err(|error| error.to_string())?;
            for record in (0..block.len()).map(|index| block.record(index).unwrap()) {
                let (fd, newline, bytes) = (record.fd, record.newline, record.bytes.to_vec());
                let item = Item::Record { fd, ts: record.ts.0, newline, bytes };
                stored.insert(record.seq.0, item);
            }
        }
        Ok(stored)
    }

    /// The live part holds what its steps say, but for an evicted front.
    fn live(
        &self,
        steps: u64,
        stored: &BTreeMap<i64, Item>,
        seams: &[(LogId, Seam)],
        found: &mut Vec<String>,
    ) {
        let end = Seq::ADOPTION.offset((0..steps).map(|step| self.feed.count(step)).sum());
        if self.row.next_seq != end {
            found.push(format!("continues at {}, expected {end}", self.row.next_seq));
        }
        if stored.range(end.0..).next().is_some() {
            found.push(format!("records behind {end}"));
        }
        let evicted = seams.iter().find(|(_, seam)| seam.what.kind == SeamKind::Evicted);
        let front = evicted.map_or(Seq::ADOPTION, |(_, seam)| seam.before_seq.unwrap_or(end));
        let mut gaps = seams.iter().filter(|(_, seam)| seam.what.kind == SeamKind::Gap).count();
        let (mut gone, mut seq) = (0, Seq::ADOPTION.0);
        for step in 0..steps {
            // Noise is not made again where only its amount matters.
            let count = self.feed.count(step);
            if self.feed == Feed::Hot && seq + count <= front.0 {
                (gone, seq) = (gone + count, seq + count);
                continue;
            }
            for item in self.feed.step(step) {
                match &item {
                    Item::Record { .. } if seq < front.0 => gone += 1,
                    Item::Record { .. } if stored.get(&seq) == Some(&item) => {}
                    Item::Seam(SeamKind::Gap) if seq >= front.0 => gaps = gaps.wrapping_sub(1),
                    Item::Seam(_) => {}
                    Item::Record { .. } => {
                        found.push(format!("{seq} is {:?}, not {item:?}", stored.get(&seq)));
                    }
                }
                seq += 1;
            }
            if found.len() > 5 {
                return;
            }
        }
        if gaps != 0 {
            found.push("gaps that nobody made, or that are missing".to_owned());
        }
        if let Some((_, seam)) = evicted
            && !seam.what.detail.starts_with(&format!("{gone} records evicted"))
        {
            found.push(format!("{gone} records are gone, the seam says: {}", seam.what.detail));
        }
    }
}
