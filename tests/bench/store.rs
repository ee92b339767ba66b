//! Figures of the store: ingest with commit, and scanning what was stored. No assertions.
//!
//! The corpus is made here: 140-byte lines of an ordinary service log with one random id each,
//! which is the hard case for compression.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench may fail loudly and prints what it measured"
)]

use std::sync::Arc;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use logcap_tui::model::{
    Batch, ContainerId, Direction, Fd, From, Guarantee, LogId, RecordRef, Seq, Timestamp, level,
};
use logcap_tui::store::{
    Append, Durability, LogIdentity, PageLimit, Part, Retention, Store, StoreOptions,
};

fn main() {
    divan::main();
}

fn corpus(bytes: usize) -> Batch {
    let mut batch = Batch::with_capacity(bytes + 200, bytes / 130);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let levels = ["INFO ", "INFO ", "INFO ", "DEBUG", "WARN ", "INFO ", "ERROR"];
    let mut n = 0;
    while batch.text_bytes() < bytes {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let line = format!(
            "2026-01-02T03:{:02}:{:02}.{:03}Z {} request id={random:016x} method=GET \
             path=/api/v1/items/{} status=200 duration_ms={} user=user{:04} ok",
            n / 60_000 % 60,
            n / 1000 % 60,
            n % 1000,
            levels[n % levels.len()],
            random % 1000,
            random % 77,
            random % 5000,
        );
        let ts = Timestamp(i64::try_from(n).unwrap() * 1_000_123);
        batch.push(RecordRef { fd: Fd::Stdout, ts, newline: true, bytes: line.as_bytes() });
        n += 1;
    }
    batch
}

fn identity() -> LogIdentity {
    LogIdentity {
        container_id: ContainerId::new("bench").unwrap(),
        host: String::new(),
        daemon: String::new(),
        name: "bench".to_owned(),
        project: None,
        service: None,
        replica: None,
        image: String::new(),
        tty: false,
        driver: "json-file".to_owned(),
        class: Guarantee::Exact,
        first_seen: Timestamp(0),
    }
}

struct Opened {
    store: Store,
    log: LogId,
    runtime: tokio::runtime::Runtime,
    _dir: tempfile::TempDir,
}

fn open() -> Opened {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions {
        dir: dir.path().to_owned(),
        durability: Durability::Full,
        retention: Retention::default(),
        host: String::new(),
        engine_addr: String::new(),
    };
    let store = Store::open(options, Arc::new(|| Timestamp(0))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let log = runtime.block_on(store.writer.open_log(identity())).unwrap().id;
    Opened { store, log, runtime, _dir: dir }
}

/// Appends `times` batches, at most two on their way, and waits for the last commit.
fn fill(opened: &Opened, batch: &Batch, times: usize) {
    opened.runtime.block_on(async {
        let mut next = Seq::ADOPTION;
        let mut before = None;
        for _ in 0..times {
            let append = Append {
                log: opened.log,
                part: Part::Live,
                expected: next,
                records: batch.clone(),
                seam: None,
                cursor: Vec::new(),
            };
            next = next.offset(i64::try_from(batch.len()).unwrap());
            let pending = opened.store.writer.submit(append).await.unwrap();
            if let Some(earlier) = before.replace(pending) {
                let _ = divan::black_box(earlier.await.unwrap());
            }
        }
        before.unwrap().await.unwrap();
    });
}

/// 16 batches of 4 MiB through queue, codec and commit with `synchronous=FULL`.
#[divan::bench(sample_count = 7)]
fn ingest(bencher: Bencher) {
    let batch = corpus(4 << 20);
    bencher
        .counter(ItemsCount::new(batch.len() * 16))
        .counter(BytesCount::new(batch.text_bytes() * 16))
        .with_inputs(open)
        .bench_refs(|opened| fill(opened, &batch, 16));
}

/// Every block of 64 MiB read, verified, decompressed and searched for an absent needle.
#[divan::bench(sample_count = 15)]
fn decode_and_scan(bencher: Bencher) {
    let (opened, batch) = (open(), corpus(4 << 20));
    fill(&opened, &batch, 16);
    let totals = opened.store.reader.totals().unwrap();
    let blocks = opened.store.reader.blocks(None, None, None).unwrap();
    let size: u64 = blocks.iter().map(|block| block.size).sum();
    println!(
        "{} blocks, raw {} / stored {size} = {:.1}x",
        blocks.len(),
        totals.raw,
        totals.raw as f64 / size as f64
    );
    let finder = memchr::memmem::Finder::new("0123456789abcdef-absent");
    bencher.counter(BytesCount::new(totals.raw)).bench_local(|| {
        let mut buffer = Vec::new();
        let mut hits = 0;
        for block in &blocks {
            let decoded = opened.store.reader.decode_into(block, buffer).unwrap();
            hits += finder.find_iter(decoded.text()).count();
            buffer = decoded.into_buffer();
        }
        hits
    });
}

/// The newest screenful.
#[divan::bench]
fn newest_page(bencher: Bencher) {
    let (opened, batch) = (open(), corpus(4 << 20));
    fill(&opened, &batch, 4);
    let limit = PageLimit { rows: 60, bytes: 1 << 20, line_cap: 4096 };
    bencher.bench_local(|| {
        opened.store.reader.page(&[opened.log], From::Newest, Direction::Older, limit).unwrap()
    });
}

/// Severity of every line.
#[divan::bench]
fn guess_level(bencher: Bencher) {
    let batch = corpus(1 << 20);
    bencher
        .counter(ItemsCount::new(batch.len()))
        .bench_local(|| batch.iter().filter(|record| level::guess(record.bytes).is_some()).count());
}
