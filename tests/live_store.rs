//! The store under faults that need help from the system: killed at every write, errors from every
//! write, a small disk that is full, a disk that is read-only. `strace` injects the first two, the
//! others are a file system of the test's own; nothing of the machine is touched.
//!
//! `LOGCAP_WRITES` says how densely the writes are hit, 12 unless set; 0 is every one of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    dead_code,
    reason = "tests may fail loudly; the workload is shared with store_faults"
)]

#[path = "store_faults/child.rs"]
mod child;
#[path = "store_faults/feed.rs"]
mod feed;
#[path = "store_faults/judge.rs"]
mod judge;
#[path = "store_faults/workload.rs"]
mod workload;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;

use child::{Bench, was_killed};
use logcap_tui::store::StoreError;
use workload::Workload;

/// Steps of a small run: opening, tables, commits, a backfill, merging, and the orderly end.
const STEPS: u64 = 70;
/// With this variable the workload writes refusals to the file it names, removes the file beside
/// its store that keeps the disk full, and goes on.
const SURVIVE: &str = "LOGCAP_STORE_SURVIVE";

/// The process that the other tests start; without variables the check that it ends well.
#[test]
fn the_workload_runs_to_its_target() {
    let Some(workload) = Workload::from_environment() else {
        let bench = Bench::new();
        let (dir, acks, target) = (bench.dir(), bench.acks_file(), STEPS);
        Workload { dir, acks, target }.run(&|_| false).unwrap();
        return bench.judge("without a failure");
    };
    let path = std::env::var_os(SURVIVE).map(PathBuf::from);
    let refused = Cell::new(0);
    let survive = |error: &StoreError| {
        let Some(path) = &path else { return false };
        let before = std::fs::read_to_string(path).unwrap_or_default();
        std::fs::write(path, format!("{before}{error}\n")).unwrap();
        refused.set(refused.get() + 1);
        if refused.get() == 5 {
            let _ = std::fs::remove_file(filler(&workload.dir));
        }
        refused.get() < 100
    };
    if let Err(error) = workload.run(&survive) {
        eprintln!("{error}");
        std::process::exit(3);
    }
}

fn filler(dir: &Path) -> PathBuf {
    dir.with_file_name("filler")
}

/// Which writes are hit: all of the first few, then fewer and fewer of them.
fn writes() -> impl Iterator<Item = u64> {
    let count: u64 = std::env::var("LOGCAP_WRITES").map_or(12, |n| n.parse().unwrap());
    let step = move |n: &u64| Some(if count == 0 { n + 1 } else { n + 1 + n / (count / 6).max(1) });
    std::iter::successors(Some(1), step)
}

/// Runs the workload under `strace` with `what` injected into its `n`th write or sync.
fn injected(bench: &Bench, what: &str, n: u64) -> Command {
    let inject = format!("inject=pwrite64,fdatasync,fsync,ftruncate:{what}:when={n}");
    let trace = "trace=pwrite64,fdatasync,fsync,ftruncate";
    bench.command(&["strace", "-f", "-qq", "-o", "/dev/null", "-e", trace, "-e", &inject], STEPS)
}

#[test]
#[ignore = "needs strace"]
fn a_kill_at_any_write_loses_nothing_acknowledged() {
    let mut killed = 0;
    for n in writes() {
        let bench = Bench::new();
        let status = injected(&bench, "signal=KILL", n).status().unwrap();
        if status.success() {
            bench.judge("behind the last write");
            break;
        }
        assert!(was_killed(status) || status.code() == Some(137), "{status}\n{}", bench.said());
        killed += 1;
        bench.judge(&format!("killed at write {n}"));
        bench.finish(STEPS);
        bench.judge(&format!("finished after a kill at write {n}"));
    }
    assert!(killed > 8, "only {killed} writes were hit");
    eprintln!("killed at {killed} writes");
}

#[test]
#[ignore = "needs strace"]
fn an_error_from_any_write_is_transient_and_loses_nothing() {
    let says = |text: &str| text.contains("cannot write") || text.contains("cannot be written");
    for error in ["ENOSPC", "EIO"] {
        let (mut hit, mut told) = (0, 0);
        for n in writes() {
            let bench = Bench::new();
            let refusals = bench.acks_file().with_extension("refused");
            let mut run = injected(&bench, &format!("error={error}"), n);
            let status = run.env(SURVIVE, &refusals).status().unwrap();
            let refused = std::fs::read_to_string(&refusals).unwrap_or_default();
            // An error while opening ends the workload, as it would end the program's start.
            let opening = status.code() == Some(3) && says(&bench.said());
            let untouched = refused.is_empty() && status.success();
            if untouched && n > 200 {
                break;
            }
            assert!(status.success() || opening, "{error} at {n}: {status}\n{}", bench.said());
            assert!(refused.lines().all(says), "{error} at {n}: {refused}");
            bench.judge(&format!("{error} at write {n}"));
            bench.finish(STEPS);
            bench.judge(&format!("finished after {error} at write {n}"));
            (hit, told) = (hit + 1, told + usize::from(!refused.is_empty() || opening));
        }
        assert!(told > 8, "{error}: {told} of {hit} runs noticed it");
        eprintln!("{error}: {hit} runs, {told} of them refused writes");
    }
}

/// Runs `script` in a mount namespace of its own, with a tmpfs of 64 MiB at `$1`; what it leaves in
/// `$1/store` is copied to `$2`. `$@` from the third word on is the workload.
const SMALL_DISK: &str = r#"
mount -t tmpfs -o size=64m tmpfs "$1" || exit 99
dir=$1; out=$2; shift 2
dd if=/dev/zero of="$dir/filler" bs=64k count=928 status=none
"$@"; status=$?
cp -a "$dir/store" "$out"
exit $status"#;

#[test]
#[ignore = "needs root"]
fn a_full_disk_blocks_and_space_brings_capture_back() {
    let bench = Bench::new();
    let disk = tempfile::tempdir().unwrap();
    let (at, out) = (disk.path().to_str().unwrap(), bench.dir());
    let out = out.to_str().unwrap();
    let refusals = bench.acks_file().with_extension("refused");
    let words = ["unshare", "--mount", "sh", "-c", SMALL_DISK, "sh", at, out];
    let mut run = bench.command(&words, 120);
    run.env(workload::DIR, disk.path().join("store")).env(SURVIVE, &refusals);
    let status = run.status().unwrap();
    assert!(status.success(), "{status}\n{}", bench.said());
    let refused = std::fs::read_to_string(refusals).unwrap();
    assert!(refused.lines().count() >= 5, "the disk was never full: {refused}");
    assert!(refused.lines().all(|line| line.contains("bytes free")), "{refused}");
    bench.judge("after the disk was full");
    assert_eq!(bench.acks()["quiet"], 120);
}

/// Fills a store, makes its file system read-only, and starts the workload again.
const READ_ONLY: &str = r#"
mount -t tmpfs -o size=64m tmpfs "$1" || exit 99
dir=$1; shift
"$@" || exit 98
mount -o remount,ro "$dir" || exit 97
"$@"; status=$?
mount -o remount,rw "$dir" || exit 96
"$@" || exit 95
exit $status"#;

#[test]
#[ignore = "needs root"]
fn a_read_only_disk_is_refused_with_what_where_and_what_to_do() {
    let bench = Bench::new();
    let disk = tempfile::tempdir().unwrap();
    let words = ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", disk.path().to_str().unwrap()];
    let mut run = bench.command(&words, STEPS);
    let status = run.env(workload::DIR, disk.path().join("store")).status().unwrap();
    assert_eq!(status.code(), Some(3), "{}", bench.said());
    for words in ["engine.lock cannot be written", "Read-only file system", "--data-dir"] {
        assert!(bench.said().contains(words), "{}", bench.said());
    }
}
