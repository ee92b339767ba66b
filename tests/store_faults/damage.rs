//! Damaged files: a write-ahead log that is cut or gone, a database that is cut.
//!
//! A cut of the write-ahead log takes commits away, acknowledged ones as well, but cursors and
//! records go together: what is left is a store of some earlier moment, from which capture goes on
//! and reads the rest from the daemon again.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::time::Duration;

use logcap_tui::store::{Store, StoreError, StoreReader};

use crate::child::Bench;
use crate::judge::{Acks, FILE, findings};
use crate::workload::{Workload, clock, options};

/// A store whose process was killed before its first checkpoint.
fn killed() -> Bench {
    let bench = Bench::new();
    bench.kill_after(400, Duration::ZERO);
    bench
}

/// The same store with everything but the acknowledgements, in a directory of its own.
fn copy(of: &Bench) -> Bench {
    let copy = Bench::new();
    std::fs::create_dir(copy.dir()).unwrap();
    for suffix in ["", "-wal"] {
        let name = format!("{FILE}{suffix}");
        std::fs::copy(of.dir().join(&name), copy.dir().join(&name)).unwrap();
    }
    copy
}

fn write_ahead_log(bench: &Bench) -> PathBuf {
    bench.dir().join(format!("{FILE}-wal"))
}

fn cut(file: PathBuf, length: u64) {
    OpenOptions::new().write(true).open(file).unwrap().set_len(length).unwrap();
}

fn quiet_steps(bench: &Bench) -> u64 {
    let reader = StoreReader::open(&bench.dir()).ok();
    let rows = reader.map(|reader| reader.logs().unwrap()).unwrap_or_default();
    let quiet = rows.iter().find(|row| row.identity.name == "quiet");
    quiet.map_or(0, |row| crate::workload::steps(row.cursor.as_deref()))
}

#[test]
fn a_write_ahead_log_cut_anywhere_leaves_an_earlier_store_that_goes_on() {
    let bench = killed();
    bench.judge("before it is cut");
    let whole = std::fs::metadata(write_ahead_log(&bench)).unwrap().len();
    let (mut steps, parts) = (Vec::new(), 12);
    for part in 0..=parts {
        let torn = copy(&bench);
        // Odd numbers of bytes, so that frames and their heads are cut as well.
        cut(write_ahead_log(&torn), whole * part / parts / 2 * 2 + u64::from(part % 2 == 1));
        let found = findings(&torn.dir(), &Acks::new());
        assert!(found.is_empty(), "cut to {part}/{parts}: {found:?}");
        steps.push(quiet_steps(&torn));
        if part % 4 == 1 {
            torn.finish(100);
            torn.judge("after it went on");
        }
    }
    assert!(steps.is_sorted(), "a longer log knows more: {steps:?}");
    assert_eq!(steps[0], 0);
    let acknowledged = bench.acks()["quiet"];
    assert!(steps[12] >= acknowledged && acknowledged > 0, "{steps:?}");
}

#[test]
fn a_write_ahead_log_that_is_gone_is_an_earlier_store() {
    let bench = killed();
    let acks = bench.acks();
    let bare = copy(&bench);
    std::fs::remove_file(write_ahead_log(&bare)).unwrap();
    let lost = findings(&bare.dir(), &acks);
    assert!(!lost.is_empty(), "the judge must miss what was acknowledged");
    assert_eq!(findings(&bare.dir(), &Acks::new()), Vec::<String>::new());
    bare.finish(100);
    bare.judge("read again from the source");
}

#[test]
fn a_database_that_is_cut_is_refused_with_what_where_and_what_to_do() {
    let bench = Bench::new();
    Workload { dir: bench.dir(), acks: bench.acks_file(), target: 100 }.run(&|_| false).unwrap();
    let file = bench.dir().join(FILE);
    let whole = std::fs::metadata(&file).unwrap().len();
    let backup = std::fs::read(&file).unwrap();
    for length in [whole - 1, whole - 16_384, whole / 2, 20_000, 1_000] {
        cut(file.clone(), length);
        let error = Store::open(options(&bench.dir()), clock()).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{length}: {error}");
        let text = error.to_string();
        for words in ["logcap.db is corrupt", "nothing was deleted", "move it away", ".recover"] {
            assert!(text.contains(words), "{length}: {text}");
        }
        assert_eq!(std::fs::metadata(&file).unwrap().len(), length, "nobody touched it");
        std::fs::write(&file, &backup).unwrap();
    }
    bench.judge("restored");
    std::fs::rename(&file, bench.dir().join("moved-away")).unwrap();
    std::fs::remove_file(bench.acks_file()).unwrap();
    bench.finish(100);
    bench.judge("begun anew");
}
