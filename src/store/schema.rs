//! The database file: how it is made, opened, and which versions are accepted.
//!
//! Readers accept any minor version of the major version they know; writers refuse everything
//! they do not know. `page_size` and `auto_vacuum` take effect only before the first table.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::error::StoreError;
use super::types::Durability;

/// Name of the database file in the data directory.
pub(crate) const FILE: &str = "logcap.db";
const MAJOR: u32 = 1;
const MINOR: u32 = 0;
/// Bytes a write-ahead log is cut back to after a checkpoint.
const JOURNAL_SIZE_LIMIT: i64 = 64 << 20;

const TABLES: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE log (
  id INTEGER PRIMARY KEY,
  container_id TEXT NOT NULL UNIQUE,
  host TEXT NOT NULL, name TEXT NOT NULL, project TEXT, service TEXT, replica TEXT,
  image TEXT NOT NULL, tty INTEGER NOT NULL, driver TEXT NOT NULL, class TEXT NOT NULL,
  first_seen INTEGER NOT NULL, ended INTEGER,
  next_seq INTEGER NOT NULL, cursor BLOB, carry BLOB NOT NULL,
  records INTEGER NOT NULL DEFAULT 0, raw INTEGER NOT NULL DEFAULT 0,
  gaps INTEGER NOT NULL DEFAULT 0, last_ts INTEGER, older_exists INTEGER NOT NULL DEFAULT 0,
  fill_first INTEGER, fill_next INTEGER, fill_limit INTEGER, fill_cap INTEGER,
  fill_cursor BLOB, fill_carry BLOB
);
CREATE TABLE block (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  log_id INTEGER NOT NULL REFERENCES log(id),
  first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
  eff_first INTEGER NOT NULL, eff_last INTEGER NOT NULL,
  min_ts INTEGER NOT NULL, max_ts INTEGER NOT NULL,
  records INTEGER NOT NULL, lines INTEGER NOT NULL, raw INTEGER NOT NULL, size INTEGER NOT NULL,
  tier INTEGER NOT NULL, level_counts BLOB NOT NULL, checksum INTEGER NOT NULL,
  data BLOB NOT NULL
);
CREATE UNIQUE INDEX block_by_seq ON block (log_id, first_seq);
CREATE INDEX block_by_eff ON block (log_id, eff_first, first_seq);
CREATE TABLE seam (
  log_id INTEGER NOT NULL REFERENCES log(id),
  key_seq INTEGER NOT NULL, eff INTEGER NOT NULL,
  after_seq INTEGER NOT NULL, before_seq INTEGER,
  kind TEXT NOT NULL, lost TEXT, away TEXT, t_low INTEGER, t_high INTEGER, detail TEXT NOT NULL,
  records INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (log_id, key_seq)
) WITHOUT ROWID;
CREATE TABLE event (
  id INTEGER PRIMARY KEY, ts INTEGER NOT NULL, kind TEXT NOT NULL, log_id INTEGER,
  container TEXT NOT NULL, cause TEXT NOT NULL
);
";

/// Opens the database for the writer, making directory, file and tables when missing.
pub(crate) fn open_writer(
    dir: &Path,
    durability: Durability,
    host: &str,
) -> Result<(Connection, PathBuf), StoreError> {
    let path = dir.join(FILE);
    // SQLite gives its side files the mode of the database file, so one mode covers all three.
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|cause| StoreError::not_writable(&path, cause))?;
    refuse_cut(&path)?;
    let sql = |cause| StoreError::sql(&path, cause);
    let mut conn = Connection::open(&path).map_err(sql)?;
    conn.busy_timeout(Duration::from_secs(5)).map_err(sql)?;
    conn.set_prepared_statement_cache_capacity(64);
    conn.execute_batch("PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL;")
        .map_err(sql)?;
    let version = read_version(&conn).map_err(sql)?;
    conn.execute_batch("PRAGMA journal_mode = WAL;").map_err(sql)?;
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Normal => "NORMAL",
    };
    conn.pragma_update(None, "synchronous", synchronous).map_err(sql)?;
    conn.pragma_update_and_check(None, "journal_size_limit", JOURNAL_SIZE_LIMIT, |_| Ok(()))
        .map_err(sql)?;
    match version {
        None => create(&mut conn, host).map_err(sql)?,
        Some((MAJOR, MINOR)) => {}
        Some(found) => return Err(newer(found)),
    }
    Ok((conn, path))
}

/// Opens one read-only connection.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let sql = |cause| StoreError::sql(path, cause);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(sql)?;
    conn.busy_timeout(Duration::from_secs(5)).map_err(sql)?;
    match read_version(&conn).map_err(sql)? {
        Some((MAJOR, _)) => Ok(conn),
        Some(found) => Err(newer(found)),
        None => Err(StoreError::NoStore { path: path.parent().unwrap_or(path).to_owned() }),
    }
}

/// A file that ends before the pages that its head counts. SQLite notices only where it reads, and
/// would go on writing until then. With a write-ahead log the file may be short for good reasons.
fn refuse_cut(path: &Path) -> Result<(), StoreError> {
    let unreadable = |cause| StoreError::not_writable(path, cause);
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length == 0 || std::fs::metadata(wal).is_ok_and(|wal| wal.len() > 0) {
        return Ok(());
    }
    let mut head = [0_u8; 32];
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let expected = match file.read_exact(&mut head) {
        Ok(()) => pages(&head),
        Err(cause) if cause.kind() == ErrorKind::UnexpectedEof => Some(head.len() as u64),
        Err(cause) => return Err(unreadable(cause)),
    };
    match expected.filter(|expected| length < *expected) {
        Some(expected) => Err(StoreError::Corrupt {
            path: path.to_owned(),
            what: format!("it has {length} of {expected} bytes, its end is cut off"),
        }),
        None => Ok(()),
    }
}

/// Bytes of a database with this head, by <https://www.sqlite.org/fileformat.html> 1.3; `None` for
/// what is no database, which SQLite itself refuses.
fn pages(head: &[u8; 32]) -> Option<u64> {
    let rest = head.strip_prefix(b"SQLite format 3\0")?;
    let size = u16::from_be_bytes(*rest.first_chunk::<2>()?);
    let count = u32::from_be_bytes(*head.last_chunk::<4>()?);
    // One page of 64 KiB is written as 1.
    Some(u64::from(count) * if size == 1 { 65_536 } else { u64::from(size) })
}

/// Makes the data directory for this user alone.
pub(crate) fn make_dir(dir: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|cause| StoreError::not_writable(dir, cause))
}

fn newer((major, minor): (u32, u32)) -> StoreError {
    StoreError::NewerSchema { found: format!("{major}.{minor}"), known: format!("{MAJOR}.{MINOR}") }
}

/// The schema version; `None` for an empty database.
fn read_version(conn: &Connection) -> rusqlite::Result<Option<(u32, u32)>> {
    let tables: i64 =
        conn.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'meta'", [], |r| r.get(0))?;
    if tables == 0 {
        return Ok(None);
    }
    let text: Option<String> = conn
        .query_row("SELECT value FROM meta WHERE key = 'schema'", [], |r| r.get(0))
        .optional()?;
    let parse = |text: String| {
        let (major, minor) = text.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    // A version that cannot be read is one that we do not know.
    Ok(Some(text.and_then(parse).unwrap_or((u32::MAX, 0))))
}

fn create(conn: &mut Connection, host: &str) -> rusqlite::Result<()> {
    let transaction = conn.transaction()?;
    transaction.execute_batch(TABLES)?;
    let version = format!("{MAJOR}.{MINOR}");
    let rows = [("schema", version.as_str()), ("fingerprint", "xxh3-64"), ("host", host)];
    for (key, value) in rows {
        transaction.execute("INSERT INTO meta (key, value) VALUES (?1, ?2)", [key, value])?;
    }
    transaction.commit()
}
