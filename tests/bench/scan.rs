//! How fast stored text is searched: 256 MiB of ordinary log lines in compressed blocks of 1 MiB,
//! decoded and scanned by the real executor. SQLite is left out; reading blobs costs it some 5 %
//! more (docs/STORE-FORMAT.md). Run with `cargo bench --bench scan`; figures are in docs/QUERY.md.

use std::fmt::Write;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};

use divan::counter::BytesCount;
use logcap_tui::model::{Direction, Fd, From as PageFrom, LogId, Page, SeamRow, Seq, Timestamp};
use logcap_tui::search::source::{BlockText, Limit, LogInfo, Piece, Record, SourceError};
use logcap_tui::search::{Query, Search, SearchRequest, Source};

const BLOCK: usize = 1 << 20;
const BLOCKS: usize = 256;

struct Stored {
    piece: Piece,
    ends: Arc<[u32]>,
    packed: Vec<u8>,
}

/// Compressed blocks in memory.
#[derive(Clone, Copy)]
struct Packed(&'static [Stored]);

struct Plain {
    first: Seq,
    text: Vec<u8>,
    ends: Arc<[u32]>,
}

static STORE: LazyLock<Vec<Stored>> = LazyLock::new(|| {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut seq = 0;
    (0..BLOCKS).map(|_| block(&mut random, &mut seq)).collect()
});

fn block(random: &mut u64, seq: &mut i64) -> Stored {
    let mut next = || {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        *random
    };
    let (mut text, mut ends, first) = (String::with_capacity(BLOCK + 256), Vec::new(), *seq);
    while text.len() < BLOCK {
        let (a, id) = (next(), next());
        let ms = a % 900;
        // Writing to a string cannot fail.
        let _ = match a % 5 {
            0 => write!(
                text,
                "INFO  request method=GET path=/api/v1/orders/{} status=200 dur={ms}ms request_id={id:016x}",
                a % 9999
            ),
            1 => write!(
                text,
                "DEBUG cache lookup key=session:{id:016x} hit={} ttl={ms}s",
                a % 2 == 0
            ),
            2 => write!(
                text,
                r#"{{"level":"info","msg":"job finished","queue":"mail","ms":{ms},"id":"{id:016x}"}}"#
            ),
            3 => write!(
                text,
                "10.0.{}.{} - - \"POST /login HTTP/1.1\" 302 {ms} \"Mozilla/5.0 (X11; Linux x86_64)\" {id:016x}",
                a % 255,
                ms % 255
            ),
            _ => write!(
                text,
                "WARN  slow query took {ms}ms: SELECT * FROM orders WHERE id = {} -- {id:016x}",
                a % 99999
            ),
        };
        if *seq % 50_000 == 7 {
            text.push_str(" Timeout while waiting for upstream");
        }
        ends.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        text.push('\n');
        *seq += 1;
    }
    text.pop();
    let piece = Piece {
        log: LogId(1),
        first_seq: Seq(first),
        last_seq: Seq(*seq - 1),
        eff_first: Timestamp(first),
        eff_last: Timestamp(*seq - 1),
        min_ts: Timestamp(first),
        max_ts: Timestamp(*seq - 1),
        raw: text.len() as u64,
    };
    let packed = zstd::bulk::compress(text.as_bytes(), 1).unwrap_or_default();
    Stored { piece, ends: ends.into(), packed }
}

impl BlockText for Plain {
    fn text(&self) -> &[u8] {
        &self.text
    }
    fn count(&self) -> usize {
        self.ends.len()
    }
    fn has_parts(&self) -> bool {
        false
    }
    fn record_at(&self, offset: usize) -> Option<usize> {
        Some(self.ends.partition_point(|end| (*end as usize) < offset))
    }
    fn record(&self, index: usize) -> Option<Record<'_>> {
        let end = *self.ends.get(index)? as usize;
        let start =
            index.checked_sub(1).and_then(|i| self.ends.get(i)).map_or(0, |e| *e as usize + 1);
        let seq = self.first.offset(i64::try_from(index).ok()?);
        let bytes = self.text.get(start..end)?;
        let (ts, fd) = (Timestamp(seq.0), Fd::Stdout);
        Some(Record { seq, ts, fd, newline: true, continues: false, level: None, bytes })
    }
}

impl Source for Packed {
    type Block = Plain;
    fn logs(&self) -> Result<Vec<LogInfo>, SourceError> {
        Ok(vec![LogInfo {
            log: LogId(1),
            container_id: "c".into(),
            name: "web".into(),
            project: None,
            service: None,
            first_seen: Timestamp(0),
            ended: false,
        }])
    }
    fn pieces(&self, _: Option<&[LogId]>) -> Result<Vec<Piece>, SourceError> {
        Ok(self.0.iter().map(|stored| stored.piece).collect())
    }
    fn decode(&self, piece: &Piece) -> Result<Plain, SourceError> {
        let at = self.0.partition_point(|stored| stored.piece.first_seq < piece.first_seq);
        let stored = self.0.get(at).ok_or(SourceError::Gone)?;
        let text = zstd::bulk::decompress(&stored.packed, BLOCK + 4096)
            .map_err(|e| SourceError::Damaged(e.to_string()))?;
        Ok(Plain { first: piece.first_seq, text, ends: Arc::clone(&stored.ends) })
    }
    fn gaps(&self, _: &[LogId]) -> Result<Vec<SeamRow>, SourceError> {
        Ok(Vec::new())
    }
    fn page(&self, _: &[LogId], _: PageFrom, _: Direction, _: Limit) -> Result<Page, SourceError> {
        Ok(Page::default())
    }
}

fn raw_bytes() -> u64 {
    STORE.iter().map(|stored| stored.piece.raw).sum()
}

const QUERIES: [&str; 6] = [
    "Timeout",                    // rare literal, exact case
    "\"no such needle\"",         // absent, any case
    "4096afd01be37c99",           // absent id
    "timeout -mozilla",           // any case, with an exclusion
    "WARN slow",                  // one line in five
    "/took [89]\\d\\dms: .*= 9/", // regex
];

#[divan::bench(args = QUERIES, consts = [1, 2], sample_count = 5, sample_size = 1)]
fn count<const THREADS: usize>(bencher: divan::Bencher, query: &str) {
    let threads = NonZeroUsize::new(THREADS).unwrap_or(NonZeroUsize::MIN);
    let search = Search::new(Packed(&STORE), threads);
    let Ok(query) = Query::parse(query) else { return };
    let request = SearchRequest {
        query: Arc::new(query),
        containers: Vec::new(),
        since: None,
        until: None,
        limit: 0,
        stop_at_limit: false,
    };
    let off = AtomicBool::new(false);
    bencher.counter(BytesCount::new(raw_bytes())).bench(|| search.count(&request, &off).ok());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn decode_alone(bencher: divan::Bencher) {
    let store = Packed(&STORE);
    bencher
        .counter(BytesCount::new(raw_bytes()))
        .bench(|| STORE.iter().filter_map(|stored| store.decode(&stored.piece).ok()).count());
}

fn main() {
    divan::main();
}
