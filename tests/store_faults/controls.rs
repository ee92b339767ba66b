//! The judgement itself: each way to spoil a store must be reported.

use rusqlite::Connection;

use crate::child::Bench;
use crate::judge::FILE;
use crate::workload::Workload;

/// A way to spoil a store, and the words of the finding that must follow.
const SPOILED: [(&str, &str); 9] = [
    ("DELETE FROM block WHERE id = (SELECT max(id) FROM block)", "not those of their blocks"),
    ("UPDATE log SET next_seq = next_seq + 1 WHERE name = 'quiet'", "continues at"),
    (
        "UPDATE log SET cursor = (SELECT cursor FROM log WHERE name = 'hot') WHERE name = 'quiet'",
        "the cursor is at",
    ),
    ("DELETE FROM seam WHERE kind = 'gap'", "jumps without a seam"),
    ("UPDATE block SET log_id = 99 WHERE id = (SELECT max(id) FROM block)", "without a log"),
    (
        "UPDATE block SET first_seq = first_seq + 1 WHERE id = (SELECT max(id) FROM block)",
        "jumps without a seam",
    ),
    ("UPDATE block SET data = zeroblob(length(data)) WHERE log_id = 1", "damaged"),
    (
        "UPDATE block SET data = (SELECT data FROM block ORDER BY id DESC LIMIT 1),
           checksum = (SELECT checksum FROM block ORDER BY id DESC LIMIT 1),
           records = (SELECT records FROM block ORDER BY id DESC LIMIT 1)
         WHERE id = (SELECT min(id) FROM block WHERE log_id = 2)",
        " is ",
    ),
    ("DELETE FROM log WHERE name = 'quiet'", "acknowledged and no log"),
];

#[test]
fn every_spoiled_store_is_reported() {
    let whole = Bench::new();
    Workload { dir: whole.dir(), acks: whole.acks_file(), target: 60 }.run(&|_| false).unwrap();
    whole.judge("before it is spoiled");
    for (sql, words) in SPOILED {
        let bench = Bench::new();
        std::fs::create_dir(bench.dir()).unwrap();
        std::fs::copy(whole.dir().join(FILE), bench.dir().join(FILE)).unwrap();
        std::fs::copy(whole.acks_file(), bench.acks_file()).unwrap();
        let conn = Connection::open(bench.dir().join(FILE)).unwrap();
        conn.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        assert!(conn.execute(sql, []).unwrap() > 0, "{sql} changed nothing");
        drop(conn);
        let found = bench.findings();
        assert!(found.iter().any(|text| text.contains(words)), "{sql}: {found:?}");
    }
}

#[test]
fn an_acknowledgement_without_its_records_is_reported() {
    let bench = Bench::new();
    Workload { dir: bench.dir(), acks: bench.acks_file(), target: 10 }.run(&|_| false).unwrap();
    let mut acks = bench.acks();
    *acks.get_mut("quiet").unwrap() += 1;
    let found = crate::judge::findings(&bench.dir(), &acks);
    assert!(found.iter().any(|text| text.contains("11 steps acknowledged")), "{found:?}");
}
