//! SIGKILL at random moments: while opening, committing, merging, evicting, backfilling.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::child::Bench;

/// Kills in an ordinary run; `LOGCAP_KILLS=200` is the long one.
const KILLS: u32 = 25;

#[test]
fn what_was_acknowledged_survives_kills_at_random_moments() {
    let kills = std::env::var("LOGCAP_KILLS").map_or(KILLS, |n| n.parse().unwrap());
    let random = RandomState::new();
    let bench = Bench::new();
    for round in 0..kills {
        let dice = random.hash_one(round);
        // A line of acknowledgement has about eight bytes. Every fourth kill is not preceded by
        // any, so that it hits the opening and its recovery.
        let (more, within) = if round % 4 == 3 { (0, 60) } else { (1 + dice % 400, 25) };
        let later = Duration::from_micros(dice >> 20 & 0xfffff).mul_f64(f64::from(within) / 1000.0);
        bench.kill_after(more, later);
        bench.judge(&format!("after kill {round} ({more} bytes and {later:?} later)"));
    }
    let acks = bench.acks();
    assert!(acks["hot"] > 0 && acks["quiet"] > 200, "too little happened: {acks:?}");
    bench.finish(acks["quiet"].max(acks["filled"]).max(acks["hot"] * 8) + 100);
    bench.judge("after the orderly end");
}
