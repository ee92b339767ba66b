//! The store under failures: killed at any moment, without space, damaged, cut, too new.
//!
//! After each of them the store must hold everything that was acknowledged exactly once, its
//! cursors must name exactly what it holds, or it must refuse with a message that says what, where
//! and what to do. Every judgement has a negative control: a tampered store that it must report.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

mod child;
mod controls;
mod damage;
mod disk;
mod feed;
mod judge;
mod kill;
mod workload;

use workload::Workload;

/// With the variables set this is the process that other tests kill; without them it is the check
/// that the workload and the judgement agree when nothing goes wrong.
#[test]
fn the_workload_runs_to_its_target() {
    if let Some(workload) = Workload::from_environment() {
        return match disk::survive() {
            Some(survive) => workload.run(&survive).unwrap(),
            None => workload.run(&|_| false).unwrap(),
        };
    }
    let bench = child::Bench::new();
    let (dir, acks, target) = (bench.dir(), bench.acks_file(), 150);
    Workload { dir, acks, target }.run(&|_| false).unwrap();
    let acks = bench.acks();
    assert_eq!((acks["quiet"], acks["filled"], acks["hot"]), (target, target, target.div_ceil(8)));
    assert_eq!(acks["fill"], feed::FILL_STEPS);
    bench.judge("without a failure");
}
