//! Damaged blocks and full disks, seen from the store's border.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::tests::{Bench, LIMIT, batch, clock, options, request, shown};
use super::*;
use crate::model::{Batch, Direction, EventKind, From, LogId, Seq, TimelineEvent, Timestamp};

const FLIP: &str = "UPDATE block SET data = zeroblob(length(data)) WHERE first_seq = ?1";
const NOW: Timestamp = Timestamp(1_000);

/// A log of three blocks whose middle one is damaged.
fn damaged() -> (Bench, LogId, Seq) {
    let mut bench = Bench::new();
    let log = bench.log("a").id;
    let mut next = Seq::ADOPTION;
    for (i, text) in (0..).zip(["a", "b", "c"]) {
        let append = request(log, next, batch(&[(i, text)]), None);
        next = bench.append(append).unwrap().next_seq;
    }
    let middle = Seq::ADOPTION.offset(1);
    bench.core.connection().execute(FLIP, [middle.0]).unwrap();
    (bench, log, middle)
}

fn marks(bench: &Bench) -> String {
    std::fs::read_to_string(bench.dir.path().join(damage::FILE)).unwrap_or_default()
}

#[test]
fn damage_that_a_reader_met_is_recorded_by_the_next_start_under_the_same_key() {
    let (bench, log, middle) = damaged();
    assert_eq!(marks(&bench), "", "nobody has looked yet");
    let seen = bench.page(&[log]);
    bench.page(&[log]);
    assert_eq!(marks(&bench), format!("{} {} {}\n", log.0, middle.0, middle.0));
    assert_eq!(bench.reader.seams(None).unwrap(), []);

    let dir = bench.dir;
    drop(bench.core);
    let store = Store::open(options(dir.path()), clock()).unwrap();
    let (_, seam) = store.reader.seams(Some(log)).unwrap().remove(0);
    assert_eq!((seam.after_seq, seam.before_seq), (middle.offset(-1), Some(middle.offset(1))));
    assert!(seam.what.kind.is_gap());
    assert_eq!(store.reader.logs().unwrap()[0].gaps, 1);
    let events = store.reader.events(9).unwrap();
    assert_eq!(
        (events[0].kind, events[0].log, &*events[0].container),
        (EventKind::Gap, Some(log), "a")
    );
    assert!(events[0].cause.contains("1 stored records cannot be decoded"), "{}", events[0].cause);
    assert!(!dir.path().join(damage::FILE).exists());

    for direction in [Direction::Newer, Direction::Older] {
        let from = if direction == Direction::Newer { From::Oldest } else { From::Newest };
        let page = store.reader.page(&[log], from, direction, LIMIT).unwrap();
        assert_eq!(page, seen, "recorded or not, readers show the same");
    }
    assert!(!dir.path().join(damage::FILE).exists(), "what is recorded is not marked again");
    store.shutdown().unwrap();
}

#[test]
fn a_search_that_meets_damage_marks_it_once() {
    let (bench, log, middle) = damaged();
    let blocks = bench.reader.blocks(None, None, None).unwrap();
    for _ in 0..2 {
        let results: Vec<_> = blocks.iter().map(|block| bench.reader.decode(block)).collect();
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 2);
    }
    assert_eq!(marks(&bench), format!("{} {} {}\n", log.0, middle.0, middle.0));
}

#[test]
fn marks_of_blocks_that_are_whole_or_gone_and_cut_lines_record_nothing() {
    let (mut bench, log, middle) = damaged();
    let file = bench.dir.path().join(damage::FILE);
    let text = format!("{0} {1} {1}\n{0} 5 5\n77 1 1\n{0} {2}", log.0, Seq::ADOPTION.0, middle.0);
    std::fs::write(&file, text + "\nx y z\n\u{fffd}").unwrap();
    bench.core.record_damage(NOW);
    assert_eq!(bench.reader.seams(None).unwrap(), []);
    assert_eq!(bench.reader.events(9).unwrap(), []);
    assert!(!file.exists());
}

#[test]
fn a_block_that_is_readable_again_shows_its_records() {
    let (mut bench, log, middle) = damaged();
    bench.page(&[log]);
    bench.core.record_damage(NOW);
    assert_eq!(bench.reader.seams(None).unwrap().len(), 1);
    // The neighbour's body has the same shape; only its text differs.
    let restore = "UPDATE block SET (data, checksum) = (SELECT data, checksum FROM block
        WHERE first_seq = ?1 - 1) WHERE first_seq = ?1";
    bench.core.connection().execute(restore, [middle.0]).unwrap();
    assert_eq!(shown(&bench.page(&[log])), ["a", "a", "c"]);
}

#[test]
fn merging_records_the_damage_that_it_meets() {
    let (mut bench, log, _) = damaged();
    let mut next = Seq::ADOPTION.offset(3);
    for i in 0..61 {
        next = bench.append(request(log, next, batch(&[(i, "x")]), None)).unwrap().next_seq;
    }
    assert_eq!(bench.reader.seams(Some(log)).unwrap().len(), 1);
    assert_eq!(bench.reader.logs().unwrap()[0].gaps, 1);
    let page = bench.page(&[log]);
    assert_eq!(shown(&page)[..3], ["a", "--damaged--", "c"]);
    assert_eq!(page.rows.len(), 64);
}

/// A core on a disk whose free space the test decides.
fn on_disk(bench: &mut Bench, free: u64) -> Arc<AtomicU64> {
    let retention = Retention { min_free: 1_000_000, ..Retention::default() };
    let (conn, path) = schema::open_writer(bench.dir.path(), Durability::Normal, "host").unwrap();
    bench.core = WriterCore::new(conn, path, retention).unwrap();
    let disk = Arc::new(AtomicU64::new(free));
    let probe = Arc::clone(&disk);
    bench.core.space_mut().replace_probe(Box::new(move |_| Some(probe.load(Ordering::SeqCst))));
    disk
}

fn noise(seed: u32) -> String {
    (0..300_000_u32)
        .filter_map(|i| char::from_u32(48 + ((i ^ seed).wrapping_mul(2_654_435_761) >> 22) % 79))
        .collect()
}

#[test]
fn a_disk_that_fills_up_costs_the_oldest_blocks_and_no_more_than_needed() {
    let mut bench = Bench::new();
    let disk = on_disk(&mut bench, u64::MAX);
    let log = bench.log("a").id;
    let mut next = Seq::ADOPTION;
    for i in 0..4 {
        let (one, two) = (noise(i), noise(i + 100));
        let append = request(log, next, batch(&[(1, &one), (2, &two)]), None);
        next = bench.append(append).unwrap().next_seq;
    }
    assert!(!bench.core.retain(NOW).unwrap(), "there is space");
    let before = bench.reader.blocks(None, None, None).unwrap();
    disk.store(999_999, Ordering::SeqCst);
    assert!(bench.core.retain(NOW).unwrap());
    let after = bench.reader.blocks(None, None, None).unwrap();
    assert_eq!(after, before[..before.len() - 1], "one byte is missing, one block goes");
    assert_eq!(bench.core.space().refusal().map(|e| e.to_string()), None);
    assert!(!bench.core.retain(NOW).unwrap(), "the unused pages count as free");
    bench.append(request(log, next, batch(&[(9, "goes on")]), None)).unwrap();
}

#[test]
fn a_disk_without_space_and_nothing_to_evict_refuses_records_until_there_is_space() {
    let mut bench = Bench::new();
    let disk = on_disk(&mut bench, 500_000);
    let log = bench.log("a").id;
    bench.core.look_at_space();
    assert!(bench.core.space().wants_eviction());
    assert!(!bench.core.retain(NOW).unwrap());
    assert!(!bench.core.space().wants_eviction(), "or the thread would turn in circles");
    let append = || request(log, Seq::ADOPTION, batch(&[(1, "x")]), None);
    let error = bench.append(append()).unwrap_err();
    assert!(error.is_transient(), "{error}");
    let text = error.to_string();
    for word in ["disk is full", "bytes are free at", "min_free", "1000000", "capture resumes"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let empty = request(log, Seq::ADOPTION, Batch::new(), None);
    bench.append(empty).unwrap();
    assert!(bench.page(&[log]).rows.is_empty(), "reading goes on");
    disk.store(2_000_000, Ordering::SeqCst);
    bench.core.look_at_space();
    assert!(bench.append(append()).unwrap().ack.is_some());
}

#[tokio::test]
async fn the_thread_shows_the_full_disk_and_that_it_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let open = |min_free| {
        let retention = Retention { min_free, ..Retention::default() };
        Store::open(StoreOptions { retention, ..options(dir.path()) }, clock()).unwrap()
    };
    let store = open(u64::MAX);
    let log = store.writer.open_log(super::tests::identity("a")).await.unwrap().id;
    let append = || request(log, Seq::ADOPTION, batch(&[(1, "x")]), None);
    // Retention has looked before the first command.
    let error = store.writer.append(append()).await.unwrap_err();
    assert!(matches!(error, StoreError::LowDisk { .. }), "{error}");
    let blocked = store.writer.stats().blocked.unwrap();
    assert!(blocked.contains("min_free"), "{blocked}");
    store.shutdown().unwrap();
    let store = open(0);
    assert!(store.writer.append(append()).await.unwrap().ack.is_some());
    assert_eq!(store.writer.stats().blocked, None);
    store.shutdown().unwrap();
}

fn event(ts: i64) -> core::Command {
    core::Command::Event(TimelineEvent {
        ts: Timestamp(ts),
        kind: EventKind::StoreBlocked,
        log: None,
        container: String::new(),
        cause: format!("event {ts}"),
    })
}

/// What no codec makes smaller than half.
fn hashes() -> String {
    let hash = |n: u32| format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&n.to_le_bytes()));
    (0..20_000).map(hash).collect()
}

/// Lets the database grow no more, as a full disk does.
fn fill(bench: &Bench, is_full: bool) {
    let pages = if is_full { 1 } else { 1_000_000 };
    // Lower than what there is means: no more than there is.
    bench.core.connection().pragma_update(None, "max_page_count", pages).unwrap();
}

#[test]
fn events_of_a_group_that_fails_are_put_down_by_the_next_that_does_not() {
    let mut bench = Bench::new();
    let log = bench.log("a").id;
    let told = |bench: &Bench| -> Vec<i64> {
        bench.reader.events(9).unwrap().iter().map(|event| event.ts.0).collect()
    };
    fill(&bench, true);
    let text = hashes();
    let append = || request(log, Seq::ADOPTION, batch(&[(1, &text)]), None);
    for ts in 1..=2 {
        bench.core.handle(event(ts)).unwrap();
        let error = bench.append(append()).unwrap_err();
        assert!(error.to_string().contains("full"), "{error}");
    }
    assert!(bench.page(&[log]).rows.is_empty(), "the group failed");
    fill(&bench, false);
    bench.append(append()).unwrap();
    assert_eq!(told(&bench), [1, 2]);
    bench.core.handle(event(3)).unwrap();
    bench.core.commit().unwrap();
    assert_eq!((told(&bench), bench.core.events_dropped()), (vec![1, 2, 3], 0), "each once");
}

#[test]
fn events_that_find_no_room_while_nothing_can_be_written_are_counted() {
    let mut bench = Bench::new();
    let log = bench.log("a").id;
    fill(&bench, true);
    for ts in 0..1_005 {
        // Some fail with a group of their own.
        let _ = bench.core.handle(event(ts));
    }
    bench.append(request(log, Seq::ADOPTION, batch(&[(1, &hashes())]), None)).unwrap_err();
    assert_eq!(bench.core.events_dropped(), 5);
    fill(&bench, false);
    bench.log("b");
    let told = bench.reader.events(2_000).unwrap();
    let ts: Vec<i64> = told.iter().map(|event| event.ts.0).collect();
    assert_eq!(ts, (5..1_005).collect::<Vec<_>>(), "the oldest went");
}
