//! The store seen from its border: sequence numbers, seams, pages, damage, locks, full disks.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use rusqlite::Connection;

use super::*;
use crate::model::{
    Batch, ContainerId, Direction, EventKind, Fd, From, Guarantee, Key, LogId, NewSeam, Page,
    RecordRef, Row, SeamKind, Seq, TimelineEvent, Timestamp,
};

pub(super) const LIMIT: PageLimit = PageLimit { rows: 10_000, bytes: 64 << 20, line_cap: 64 << 20 };

pub(super) fn options(dir: &Path) -> StoreOptions {
    StoreOptions {
        dir: dir.to_owned(),
        durability: Durability::Normal,
        retention: Retention::default(),
        host: "host".to_owned(),
        engine_addr: "127.0.0.1:1".to_owned(),
    }
}

pub(super) fn clock() -> Clock {
    Arc::new(|| Timestamp(1_000))
}

pub(super) fn identity(id: &str) -> LogIdentity {
    LogIdentity {
        container_id: ContainerId::new(id).unwrap(),
        host: "host".to_owned(),
        daemon: String::new(),
        name: id.to_owned(),
        project: None,
        service: None,
        replica: None,
        image: "image".to_owned(),
        tty: false,
        driver: "json-file".to_owned(),
        class: Guarantee::Exact,
        first_seen: Timestamp(0),
    }
}

pub(super) fn seam(kind: SeamKind) -> NewSeam {
    seams::plain(kind, "test")
}

pub(super) fn batch(records: &[(i64, &str)]) -> Batch {
    let mut batch = Batch::new();
    for (ts, text) in records {
        let ts = Timestamp(*ts);
        batch.push(RecordRef { fd: Fd::Stdout, ts, newline: true, bytes: text.as_bytes() });
    }
    batch
}

pub(super) fn request(log: LogId, expected: Seq, records: Batch, seam: Option<NewSeam>) -> Append {
    Append { log, part: Part::Live, expected, records, seam, cursor: vec![1] }
}

/// The synchronous core with its own reader: no thread, no waiting.
pub(super) struct Bench {
    pub(super) core: WriterCore,
    pub(super) reader: StoreReader,
    pub(super) dir: tempfile::TempDir,
}

impl Bench {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (conn, path) = schema::open_writer(dir.path(), Durability::Normal, "host").unwrap();
        let core = WriterCore::new(conn, path, Retention::default()).unwrap();
        Self { core, reader: StoreReader::open(dir.path()).unwrap(), dir }
    }

    pub(super) fn ask<T: Send + 'static>(
        &mut self,
        command: impl FnOnce(core::Reply<T>) -> core::Command,
    ) -> Result<T, StoreError> {
        let (reply, mut answer) = tokio::sync::oneshot::channel();
        let _ = self.core.handle(command(reply));
        let _ = self.core.commit();
        answer.try_recv().unwrap()
    }

    pub(super) fn log(&mut self, id: &str) -> LogRow {
        self.ask(|reply| core::Command::OpenLog(Box::new(identity(id)), reply)).unwrap()
    }

    pub(super) fn append(&mut self, append: Append) -> Result<Appended, StoreError> {
        self.ask(|reply| core::Command::Append(Box::new(append), reply))
    }

    pub(super) fn page(&self, logs: &[LogId]) -> Page {
        self.reader.page(logs, From::Oldest, Direction::Newer, LIMIT).unwrap()
    }
}

pub(super) fn shown(page: &Page) -> Vec<String> {
    let show = |row: &Row| match row {
        Row::Line(line) => String::from_utf8_lossy(&line.text).into_owned(),
        Row::Seam(row) => format!("--{}--", row.seam.what.kind.as_str()),
    };
    page.rows.iter().map(show).collect()
}

#[test]
fn an_append_that_does_not_begin_at_the_end_is_refused() {
    let mut bench = Bench::new();
    let log = bench.log("a").id;
    let done = bench.append(request(log, Seq::ADOPTION, batch(&[(1, "x"), (2, "y")]), None));
    let done = done.unwrap();
    let ack = done.ack.unwrap();
    assert_eq!(
        (ack.first(), ack.last(), ack.records()),
        (Seq::ADOPTION, Seq::ADOPTION.offset(1), 2)
    );
    assert_eq!(done.next_seq, Seq::ADOPTION.offset(2));
    let stale = bench.append(request(log, Seq::ADOPTION, batch(&[(1, "x")]), None));
    assert!(matches!(stale, Err(StoreError::Stale { actual, .. }) if actual == done.next_seq));
    assert_eq!(shown(&bench.page(&[log])), ["x", "y"]);
    let cursor_only = bench.append(request(log, done.next_seq, Batch::new(), None)).unwrap();
    assert_eq!(cursor_only, Appended { ack: None, next_seq: done.next_seq });
}

#[test]
fn a_seam_without_records_waits_for_the_next_record() {
    let mut bench = Bench::new();
    let log = bench.log("a").id;
    let next =
        bench.append(request(log, Seq::ADOPTION, batch(&[(1, "x")]), None)).unwrap().next_seq;
    let open = bench.append(request(log, next, Batch::new(), Some(seam(SeamKind::Gap)))).unwrap();
    assert_eq!(open.next_seq, next.offset(1));
    assert_eq!(bench.reader.seams(Some(log)).unwrap()[0].1.before_seq, None);
    let page = bench.page(&[log]);
    assert_eq!(shown(&page), ["x", "--gap--"]);
    bench.append(request(log, open.next_seq, batch(&[(5, "y")]), None)).unwrap();
    let after = bench.page(&[log]);
    assert_eq!(shown(&after), ["x", "--gap--", "y"]);
    assert_eq!(after.rows[1].key(), page.rows[1].key(), "the key is stable");
    let (_, seam) = bench.reader.seams(None).unwrap().remove(0);
    assert_eq!((seam.after_seq, seam.before_seq), (next.offset(-1), Some(next.offset(1))));
    assert_eq!(bench.reader.logs().unwrap()[0].gaps, 1);
}

#[test]
fn backfill_goes_below_and_joins() {
    let mut bench = Bench::new();
    let log = bench.log("a").id;
    let adopted = request(log, Seq::ADOPTION, batch(&[(10, "c")]), Some(seam(SeamKind::NotTaken)));
    bench.append(adopted).unwrap();
    assert!(bench.reader.logs().unwrap()[0].older_exists);
    let first = Seq(1000);
    bench.ask(|reply| core::Command::BeginBackfill { log, first, cursor: vec![7], reply }).unwrap();
    let row = bench.reader.logs().unwrap().remove(0);
    let expected = BackfillRow { next: first, limit: Seq::ADOPTION.offset(1), cursor: vec![7] };
    assert_eq!(row.backfill, Some(expected));
    let fill = |expected, records: &[(i64, &str)]| Append {
        part: Part::Backfill,
        ..request(log, expected, batch(records), None)
    };
    // A timestamp above the adopted part's must not break the order.
    let done = bench.append(fill(first, &[(3, "a"), (99, "b")])).unwrap();
    assert!(matches!(bench.append(fill(first, &[])), Err(StoreError::Stale { .. })));
    assert_eq!(shown(&bench.page(&[log])), ["a", "b", "--not_taken--", "c"]);
    let (_, middle) = bench.reader.seams(None).unwrap().remove(0);
    assert_eq!(middle.after_seq, done.next_seq.offset(-1));
    let end =
        |reply| core::Command::FinishBackfill { log, joined: true, older_exists: true, reply };
    bench.ask(end).unwrap();
    assert_eq!(shown(&bench.page(&[log])), ["--not_taken--", "a", "b", "--joined--", "c"]);
    let keys: Vec<Key> = bench.page(&[log]).rows.iter().map(Row::key).collect();
    assert!(keys.is_sorted());
    assert!(bench.append(fill(done.next_seq, &[(1, "z")])).is_err());
}

#[test]
fn merging_keeps_every_record_and_key() {
    let mut bench = Bench::new();
    let log = bench.log("a").id;
    let mut next = Seq::ADOPTION;
    let mut before = Vec::new();
    for i in 0..200_i64 {
        next = bench
            .append(request(log, next, batch(&[(1000 - i, &format!("line {i}"))]), None))
            .unwrap()
            .next_seq;
        if i == 62 {
            before = bench.page(&[log]).rows.iter().map(Row::key).collect();
        }
    }
    let blocks = bench.reader.blocks(None, None, None).unwrap();
    assert!(blocks.len() < 70, "{} blocks", blocks.len());
    let page = bench.page(&[log]);
    let expected: Vec<String> = (0..200).map(|i| format!("line {i}")).collect();
    assert_eq!(shown(&page), expected);
    assert_eq!(before, page.rows[..63].iter().map(Row::key).collect::<Vec<_>>());
}

#[test]
fn a_block_listed_before_a_merge_is_still_decoded() {
    let mut bench = Bench::new();
    let log = bench.log("a").id;
    let mut next = Seq::ADOPTION;
    let mut listed = Vec::new();
    for i in 0..64_i64 {
        let append = request(log, next, batch(&[(i, &format!("line {i}"))]), None);
        next = bench.append(append).unwrap().next_seq;
        if i == 10 {
            listed = bench.reader.blocks(Some(&[log]), None, None).unwrap();
        }
    }
    assert_eq!(bench.reader.blocks(None, None, None).unwrap().len(), 1);
    let decoded = bench.reader.decode(&listed[3]).unwrap();
    assert_eq!(decoded.text(), b"line 7");
    assert_eq!(decoded.record(0).unwrap().seq, listed[3].first_seq);
}

#[test]
fn a_hot_batch_becomes_full_blocks() {
    let mut bench = Bench::new();
    let log = bench.log("a").id;
    let line = "x".repeat(1000);
    let records: Vec<(i64, &str)> = (0..3000).map(|i| (i, line.as_str())).collect();
    bench.append(request(log, Seq::ADOPTION, batch(&records), None)).unwrap();
    let blocks = bench.reader.blocks(None, None, None).unwrap();
    assert_eq!(blocks.len(), 3);
    assert_eq!(blocks.iter().map(|block| block.records).sum::<u64>(), 3000);
    let decoded = bench.reader.decode(&blocks[0]).unwrap();
    let second = decoded.range(1).unwrap();
    assert_eq!(decoded.record_at(second.start), Some(1));
    assert_eq!(decoded.record_at(second.end), Some(1));
}

fn chunk(batch: &mut Batch, fd: Fd, ts: i64, newline: bool, bytes: &[u8]) {
    batch.push(RecordRef { fd, ts: Timestamp(ts), newline, bytes });
}

#[test]
fn chunks_of_a_long_line_are_joined_across_blocks_and_the_other_fd() {
    let mut bench = Bench::new();
    let log = bench.log("a").id;
    let mut first = Batch::new();
    chunk(&mut first, Fd::Stdout, 5, false, b"aa");
    chunk(&mut first, Fd::Stderr, 6, true, b"other");
    let mut second = Batch::new();
    chunk(&mut second, Fd::Stdout, 5, false, b"bb");
    chunk(&mut second, Fd::Stdout, 5, true, b"cc");
    chunk(&mut second, Fd::Stdout, 5, true, b"tie");
    chunk(&mut second, Fd::Stdout, 7, false, b"partial");
    chunk(&mut second, Fd::Stdout, 8, true, b"next run");
    let next = bench.append(request(log, Seq::ADOPTION, first, None)).unwrap().next_seq;
    bench.append(request(log, next, second, None)).unwrap();
    let expected = ["aabbcc", "other", "tie", "partial", "next run"];
    assert_eq!(shown(&bench.page(&[log])), expected);
    let back = bench.reader.page(&[log], From::Newest, Direction::Older, LIMIT).unwrap();
    assert_eq!(back, bench.page(&[log]));
    let line = bench.reader.line(log, Seq::ADOPTION.offset(2), 3).unwrap().unwrap();
    assert_eq!((&*line.text, line.full_len), (b"aab".as_slice(), 6));
    assert_eq!(line.last_seq, Seq::ADOPTION.offset(3));
    let other = bench.reader.line(log, Seq::ADOPTION.offset(1), 9).unwrap().unwrap();
    assert_eq!(&*other.text, b"other");
}

#[test]
fn a_damaged_block_is_a_seam_and_the_rest_is_readable() {
    let mut bench = Bench::new();
    let log = bench.log("a").id;
    let mut next = Seq::ADOPTION;
    for (i, text) in (0..).zip(["a", "b", "c"]) {
        let append = request(log, next, batch(&[(i, text)]), None);
        next = bench.append(append).unwrap().next_seq;
    }
    let flip = "UPDATE block SET data = zeroblob(length(data)) WHERE first_seq = ?1";
    bench.core.connection().execute(flip, [Seq::ADOPTION.0 + 1]).unwrap();
    let page = bench.page(&[log]);
    assert_eq!(shown(&page), ["a", "--damaged--", "c"]);
    let Row::Seam(row) = &page.rows[1] else { unreachable!() };
    assert_eq!(row.seam.after_seq, Seq::ADOPTION);
    assert_eq!(row.seam.before_seq, Some(Seq::ADOPTION.offset(2)));
    let back = bench.reader.page(&[log], From::Newest, Direction::Older, LIMIT).unwrap();
    assert_eq!(back, page);
    let blocks = bench.reader.blocks(None, None, None).unwrap();
    assert!(matches!(bench.reader.decode(&blocks[1]), Err(StoreError::Damaged { .. })));
}

#[test]
fn a_full_disk_blocks_and_the_same_append_works_later() {
    let mut bench = Bench::new();
    let log = bench.log("a").id;
    let noise: String = (0..200_000_u32)
        .map(|i| (b'0' + (i.wrapping_mul(2_654_435_761) >> 24) as u8 % 79) as char)
        .collect();
    let append = || request(log, Seq::ADOPTION, batch(&[(1, &noise), (2, &noise)]), None);
    bench.core.connection().execute_batch("PRAGMA max_page_count = 1").unwrap();
    let error = bench.append(append()).unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(error.to_string().contains("bytes free"), "{error}");
    assert!(bench.page(&[log]).rows.is_empty(), "reading goes on");
    bench.core.connection().execute_batch("PRAGMA max_page_count = 100000").unwrap();
    assert!(bench.append(append()).unwrap().ack.is_some());
}

#[test]
fn a_read_only_store_blocks() {
    let mut bench = Bench::new();
    let log = bench.log("a").id;
    bench.core.connection().execute_batch("PRAGMA query_only = ON").unwrap();
    let error = bench.append(request(log, Seq::ADOPTION, batch(&[(1, "x")]), None)).unwrap_err();
    assert!(matches!(error, StoreError::Blocked { .. }), "{error}");
    bench.core.connection().execute_batch("PRAGMA query_only = OFF").unwrap();
    bench.append(request(log, Seq::ADOPTION, batch(&[(1, "x")]), None)).unwrap();
}

#[test]
fn what_cannot_be_opened_says_why() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(StoreReader::open(dir.path()), Err(StoreError::NoStore { .. })));
    let store = Store::open(options(dir.path()), clock()).unwrap();
    let locked = Store::open(options(dir.path()), clock()).unwrap_err();
    assert!(
        matches!(&locked, StoreError::Locked { pid, engine_addr }
        if *pid == std::process::id() && engine_addr == "127.0.0.1:1"),
        "{locked}"
    );
    assert_eq!(lock_info(dir.path()).unwrap().pid, std::process::id());
    store.shutdown().unwrap();
    assert_eq!(lock_info(dir.path()), None);

    let file = dir.path().join(schema::FILE);
    let conn = Connection::open(&file).unwrap();
    conn.execute("UPDATE meta SET value = '1.9' WHERE key = 'schema'", []).unwrap();
    let newer = Store::open(options(dir.path()), clock()).unwrap_err();
    assert!(matches!(newer, StoreError::NewerSchema { .. }), "{newer}");
    assert!(StoreReader::open(dir.path()).is_ok(), "readers accept newer minors");
    conn.execute("UPDATE meta SET value = '2.0' WHERE key = 'schema'", []).unwrap();
    assert!(matches!(StoreReader::open(dir.path()), Err(StoreError::NewerSchema { .. })));
    drop(conn);

    let blocked = options(&file.join("below-a-file"));
    assert!(matches!(Store::open(blocked, clock()), Err(StoreError::NotWritable { .. })));
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join(schema::FILE), vec![0x55; 40_000]).unwrap();
    let corrupt = Store::open(options(other.path()), clock()).unwrap_err();
    assert!(matches!(corrupt, StoreError::Corrupt { .. }), "{corrupt}");
    assert!(other.path().join(schema::FILE).is_file(), "nothing is deleted");
}

#[test]
fn retention_leaves_one_seam_and_keeps_the_rest() {
    let mut bench = Bench::new();
    let log = bench.log("a").id;
    let line = "y".repeat(600_000);
    let mut next = Seq::ADOPTION;
    for ts in 0..6_i64 {
        let gap = (ts == 1).then(|| seam(SeamKind::Gap));
        let append = request(log, next, batch(&[(ts, &line)]), gap);
        next = bench.append(append).unwrap().next_seq;
    }
    let policy = |age| Retention {
        max_age: Some(std::time::Duration::from_nanos(age)),
        ..Retention::default()
    };
    for age in [98, 96] {
        retention::step(bench.core.connection(), &policy(age), 0, Timestamp(100)).unwrap();
    }
    let page = bench.page(&[log]);
    assert_eq!(page.rows.len(), 3);
    let Row::Seam(front) = &page.rows[0] else { panic!("no seam") };
    assert_eq!(front.seam.what.kind, SeamKind::Evicted);
    assert_eq!(front.seam.after_seq, Seq::ADOPTION.offset(-1));
    assert!(front.seam.what.detail.contains("4 records"), "{}", front.seam.what.detail);
    assert_eq!(bench.reader.logs().unwrap()[0].records, 2);
    retention::step(bench.core.connection(), &policy(1), 0, Timestamp(100)).unwrap();
    assert_eq!(shown(&bench.page(&[log])), ["--evicted--"]);
}

#[tokio::test]
async fn the_thread_commits_in_groups_and_shutdown_flushes() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(options(dir.path()), clock()).unwrap();
    let writer = store.writer.clone();
    let log = writer.open_log(identity("a")).await.unwrap().id;
    let mut commits = writer.commits();
    let first = request(log, Seq::ADOPTION, batch(&[(1, "x")]), None);
    let second = request(log, Seq::ADOPTION.offset(1), batch(&[(2, "y")]), None);
    let pending = [writer.submit(first).await.unwrap(), writer.submit(second).await.unwrap()];
    writer.event(TimelineEvent {
        ts: Timestamp(1),
        kind: EventKind::Gap,
        log: Some(log),
        container: "a".to_owned(),
        cause: "test".to_owned(),
    });
    for answer in pending {
        assert!(answer.await.unwrap().ack.is_some());
    }
    commits.changed().await.unwrap();
    let reader = store.reader.clone();
    store.shutdown().unwrap();
    let stats = writer.stats();
    assert_eq!((stats.records, stats.blocked), (2, None));
    assert!(stats.disk_bytes > 0);
    assert_eq!(reader.totals().unwrap().records, 2);
    assert_eq!(reader.events(10).unwrap().len(), 1);
    let late = writer.append(request(log, Seq::ADOPTION.offset(2), Batch::new(), None)).await;
    assert!(matches!(late, Err(StoreError::Closed)));
}

/// One generated append: which log, whether a seam precedes it, (timestamp, length) of records.
type Step = (bool, bool, Vec<(i64, usize)>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let records = proptest::collection::vec((0..50_i64, 0..9_usize), 0..6);
    proptest::collection::vec((any::<bool>(), proptest::bool::weighted(0.2), records), 1..90)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn pages_of_any_size_give_exactly_what_went_in(steps in steps(), size in 1..40_usize) {
        let mut bench = Bench::new();
        let logs = [bench.log("a").id, bench.log("b").id];
        let mut next = [Seq::ADOPTION; 2];
        let mut expected: [Vec<String>; 2] = Default::default();
        for (at, (other, with_seam, records)) in steps.into_iter().enumerate() {
            let which = usize::from(other);
            let mut batch = Batch::new();
            if with_seam {
                expected[which].push("--gap--".to_owned());
            }
            for (index, (ts, len)) in records.into_iter().enumerate() {
                let text = format!("{at}.{index}{}", "x".repeat(len));
                chunk(&mut batch, Fd::Stdout, ts, true, text.as_bytes());
                expected[which].push(text);
            }
            let seam = with_seam.then(|| seam(SeamKind::Gap));
            next[which] = bench.append(request(logs[which], next[which], batch, seam)).unwrap().next_seq;
        }
        for (log, expected) in logs.iter().zip(&expected) {
            prop_assert_eq!(&shown(&bench.page(&[*log])), expected);
        }
        let whole = bench.page(&logs);
        prop_assert!(whole.end);
        prop_assert_eq!(whole.rows.len(), expected[0].len() + expected[1].len());
        prop_assert!(whole.rows.windows(2).all(|pair| pair[0].key() < pair[1].key()));
        let limit = PageLimit { rows: size, ..LIMIT };
        for direction in [Direction::Newer, Direction::Older] {
            let newer = direction == Direction::Newer;
            let mut from = if newer { From::Oldest } else { From::Newest };
            let mut rows = Vec::new();
            loop {
                let page = bench.reader.page(&logs, from, direction, limit).unwrap();
                prop_assert!(page.rows.len() <= size);
                let edge = if newer { page.rows.last() } else { page.rows.first() };
                if let Some(row) = edge {
                    let at = bench.reader.page(&logs, From::At(row.key()), direction, PageLimit { rows: 1, ..LIMIT }).unwrap();
                    prop_assert_eq!(&at.rows[0], row);
                    from = From::Beyond(row.key());
                }
                let end = page.end;
                if newer { rows.extend(page.rows) } else { rows.splice(0..0, page.rows); }
                if end { break }
            }
            prop_assert_eq!(&rows, &whole.rows);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn long_lines_lose_no_byte_and_read_the_same_both_ways(
        records in proptest::collection::vec((any::<bool>(), any::<bool>(), 0..3_i64, 1..4_usize), 1..60),
        cuts in proptest::collection::vec(1..8_usize, 60),
        size in 1..10_usize,
    ) {
        let mut bench = Bench::new();
        let log = bench.log("a").id;
        let mut next = Seq::ADOPTION;
        let mut rest = records.as_slice();
        for cut in cuts {
            let (now, later) = rest.split_at(cut.min(rest.len()));
            rest = later;
            let mut batch = Batch::new();
            for (err, newline, ts, len) in now {
                let fd = if *err { Fd::Stderr } else { Fd::Stdout };
                chunk(&mut batch, fd, *ts, *newline, &b"abcd"[..*len]);
            }
            next = bench.append(request(log, next, batch, None)).unwrap().next_seq;
        }
        let whole = bench.page(&[log]);
        let bytes: usize = shown(&whole).iter().map(String::len).sum();
        prop_assert_eq!(bytes, records.iter().map(|record| record.3).sum::<usize>());
        let mut from = From::Newest;
        let mut rows = Vec::new();
        loop {
            let limit = PageLimit { rows: size, ..LIMIT };
            let page = bench.reader.page(&[log], from, Direction::Older, limit).unwrap();
            if let Some(row) = page.rows.first() {
                from = From::Beyond(row.key());
            }
            let end = page.end;
            rows.splice(0..0, page.rows);
            if end { break }
        }
        prop_assert_eq!(&rows, &whole.rows);
        for (index, record) in (0..).zip(&records) {
            let seq = Seq::ADOPTION.offset(index);
            let line = bench.reader.line(log, seq, 99).unwrap().unwrap();
            prop_assert!(line.key.seq <= seq && seq <= line.last_seq);
            prop_assert_eq!(line.fd == Fd::Stderr, record.0);
            prop_assert!(rows.contains(&Row::Line(line)));
        }
    }
}
