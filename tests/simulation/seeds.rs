//! Which seeds are played, and what a run over many of them must have reached.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::counters::Counters;
use crate::must::{MUST, MUST_OF_DAMAGED, MUST_OF_PODMAN, MUST_OF_RARE, MUST_OF_THOUSANDS};
use crate::play::{AROUND_MORE, AROUND_ONE, Outcome, play};
use crate::script::Script;

/// Seeds of a run that nobody asked to be longer.
const SEEDS: u64 = 200;
/// A seed that takes longer in real time does not end at all.
const HANGS: Duration = Duration::from_mins(3);

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect(name))
}

/// What is made of a seed, and the test that plays one of them.
#[derive(Clone, Copy)]
struct Story {
    script: fn(u64) -> Script,
    one: &'static str,
}

const ANY: Story = Story { script: Script::new, one: "one" };
const DAMAGED: Story = Story { script: Script::damaged, one: "one_damaged" };
const RARE: Story = Story { script: Script::rare, one: "one_rare" };
const PODMAN: Story = Story { script: Script::podman, one: "one_podman" };
const HISTORY: Story = Story { script: Script::damaged_history, one: "one_damaged_history" };

/// Plays a seed; what is wrong with it, with everything that is needed to see it again.
fn try_seed(story: Story, seed: u64) -> Result<Outcome, String> {
    let script = (story.script)(seed);
    catch_unwind(AssertUnwindSafe(|| play(&script))).map_err(|panic| {
        let words = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let words = words.unwrap_or_else(|| "a panic without words".to_owned());
        format!(
            "{script}\nseed {seed}: {words}\n\
             replay: LOGCAP_SEED={seed} cargo test --test simulation {} -- --exact seeds::{} --nocapture\n",
            story.one, story.one
        )
    })
}

/// What a run over many seeds came to.
struct Run {
    counters: BTreeMap<String, u64>,
    failed: Vec<String>,
    slowest_recovery: (Duration, u64),
    simulated: Duration,
}

/// Plays many seeds on all processors.
fn run(story: Story, first: u64, count: u64) -> Run {
    let next = AtomicU64::new(first);
    let counters = Counters::default();
    let result = Mutex::new(Run {
        counters: BTreeMap::new(),
        failed: Vec::new(),
        slowest_recovery: (Duration::ZERO, 0),
        simulated: Duration::ZERO,
    });
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let playing: Vec<Mutex<Option<(u64, Instant)>>> =
        (0..workers).map(|_| Mutex::default()).collect();
    // Dropped by each worker at its end, so that the watch ends with the last of them.
    let (working, worked) = mpsc::sync_channel::<()>(0);
    thread::scope(|scope| {
        for slot in &playing {
            let (next, counters, result, working) = (&next, &counters, &result, working.clone());
            scope.spawn(move || {
                let _working = working;
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        break;
                    }
                    *slot.lock().unwrap() = Some((seed, Instant::now()));
                    let outcome = try_seed(story, seed);
                    let mut run = result.lock().unwrap();
                    match outcome {
                        Ok(outcome) => {
                            counters.add(&outcome.counters);
                            run.simulated += outcome.lasted;
                            run.slowest_recovery =
                                run.slowest_recovery.max((outcome.recovered, seed));
                        }
                        Err(words) => run.failed.push(words),
                    }
                }
                *slot.lock().unwrap() = None;
            });
        }
        drop(working);
        while worked.recv_timeout(Duration::from_secs(1)) == Err(mpsc::RecvTimeoutError::Timeout) {
            for slot in &playing {
                if let Some((seed, since)) = *slot.lock().unwrap()
                    && since.elapsed() > HANGS
                {
                    // The thread cannot be ended from here; the process can.
                    eprintln!("{}\nseed {seed} hangs", (story.script)(seed));
                    std::process::abort();
                }
            }
        }
    });
    Run { counters: counters.all(), ..result.into_inner().unwrap() }
}

/// Plays as many seeds as are asked for, and fails if one of them does. What was reached, if that
/// says anything: a smaller run reaches less.
fn many(story: Story) -> Option<BTreeMap<String, u64>> {
    let (first, count) = (number("LOGCAP_FIRST").unwrap_or(1), number("LOGCAP_SEEDS"));
    let count = count.unwrap_or(SEEDS);
    let begun = Instant::now();
    let run = run(story, first, count);
    println!(
        "{count} seeds in {:.1} s, {:.1} ms each; {:.1} h simulated; slowest recovery {:?} of seed {}",
        begun.elapsed().as_secs_f64(),
        begun.elapsed().div_f64(f64::from(u32::try_from(count).unwrap_or(u32::MAX))).as_secs_f64()
            * 1e3,
        run.simulated.as_secs_f64() / 3600.0,
        run.slowest_recovery.0,
        run.slowest_recovery.1,
    );
    for (word, n) in &run.counters {
        println!("{n:>8} {word}");
    }
    for words in run.failed.iter().filter_map(|words| {
        words.lines().find(|line| line.starts_with("seed ") && !line.contains("history"))
    }) {
        println!("FAILED {words}");
    }
    let shown = run.failed.iter().take(3).cloned().collect::<Vec<_>>().join("\n");
    let failed = run.failed.len();
    assert!(failed == 0, "{failed} of {count} seeds failed, of which:\n{shown}");
    (first == 1 && count >= SEEDS).then_some(run.counters)
}

#[test]
fn many_seeds_lose_nothing_in_silence_and_nothing_twice() {
    if let Some(counters) = many(ANY) {
        let missing: Vec<_> = MUST.iter().filter(|word| !counters.contains_key(**word)).collect();
        assert!(missing.is_empty(), "never reached: {missing:?}");
        for word in MUST_OF_THOUSANDS.iter().filter(|_| number("LOGCAP_SEEDS") > Some(1_999)) {
            assert!(counters.contains_key(*word), "never reached: {word}");
        }
    }
}

#[test]
fn many_rare_faults_lose_nothing_in_silence_and_nothing_twice() {
    if let Some(counters) = many(RARE) {
        for word in MUST_OF_RARE {
            assert!(counters.contains_key(*word), "never reached: {word}");
        }
    }
}

#[test]
fn many_seeds_on_podman_lose_nothing_in_silence_and_nothing_twice() {
    if let Some(counters) = many(PODMAN) {
        for word in MUST_OF_PODMAN {
            assert!(counters.contains_key(*word), "never reached: {word}");
        }
    }
}

/// Where the daemon passes over damaged records in silence.
#[test]
fn many_damaged_logs_are_read_around() {
    if let Some(counters) = many(DAMAGED) {
        for word in MUST_OF_DAMAGED {
            assert!(counters.contains_key(*word), "never reached: {word}");
        }
        // Only what is read around while the log grows all the time may be in a gap with it.
        let of = |word| counters.get(word).copied().unwrap_or(0);
        let (gaps, more) = (of(AROUND_ONE), of(AROUND_MORE));
        assert!(gaps >= 100 && more * 100 <= gaps, "{more} of {gaps} gaps hide readable records");
    }
}

/// Where what they hide would be fetched later.
#[test]
fn many_damaged_histories_are_fetched_without_a_hole() {
    if let Some(counters) = many(HISTORY) {
        for word in ["event backfilled", "seam joined", "seam not_taken"] {
            assert!(counters.contains_key(word), "never reached: {word}");
        }
    }
}

/// Seeds that found a defect once, beyond those that every run plays.
#[test]
fn what_was_found_before_stays_mended() {
    let found = [
        // A log that exists was answered with 404.
        2390, 2875,
        // A damaged record far behind the begin of a log of which nothing was stored.
        2622, 5413, 7143, // An error of a moment taken for a damaged record.
        7008, // A tie of which the begin was rotated away.
        709, 4966, 5238, 6601, 9828,
        // An answer that ended early, without the stored end.
        5088, // A stream that passed over files, kept as the end of a removed log.
        8972, // An end that nobody claims: it ran again, and went, while the daemon was out of reach.
        4331, 9822, // A tie that went on behind a lost end, taken for what is stored.
        1794, 4567, 5498, // A record that was broken while another was read around.
        9615,
    ];
    let damaged = [
        // A follow was opened over a damaged record at the end, or before the stored end.
        4, 24, 81, 84, // What a live follow held was given back twice.
        21, // Two damaged records were taken for one, or for an emptied file.
        1, 44, 160, 236, 383, 453, // What was left out stood before all that came.
        115,
        1057, // The daemon refused the second look by mistake, or the container was gone.
        429, 605,  // The file was emptied while it was read around.
        6333, // The second look began too late to see the hole, or ties hid it.
        511, 2284, 2438, 4201, 7396, // A long answer was not looked at again.
        2168,
    ];
    let histories = [
        // The log grew by more than was fetched while it was counted.
        151,  // The daemon went while history was fetched.
        1192, // The file was emptied, and what came then was taken for older history.
        2560, 2701, 3205,
    ];
    let played = found.into_iter().map(|seed| (ANY, seed));
    let played = played.chain(damaged.into_iter().map(|seed| (DAMAGED, seed)));
    let played = played.chain(histories.into_iter().map(|seed| (HISTORY, seed)));
    let failed: Vec<String> =
        played.filter_map(|(story, seed)| try_seed(story, seed).err()).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Plays the one seed that `LOGCAP_SEED` names.
#[test]
fn one() {
    play_one(ANY);
}

fn play_one(story: Story) {
    let seed = number("LOGCAP_SEED").unwrap_or(1);
    match try_seed(story, seed) {
        Ok(outcome) => {
            println!("{}\n{outcome:#?}", (story.script)(seed));
            assert!(outcome.lasted > Duration::ZERO);
        }
        Err(words) => panic!("{words}"),
    }
}

/// Plays the one seed of damaged records that `LOGCAP_SEED` names.
#[test]
fn one_damaged() {
    play_one(DAMAGED);
}

/// Plays the one seed of rare faults that `LOGCAP_SEED` names.
#[test]
fn one_rare() {
    play_one(RARE);
}

/// Plays the one seed on Podman that `LOGCAP_SEED` names.
#[test]
fn one_podman() {
    play_one(PODMAN);
}

/// Plays the one seed of damaged history that `LOGCAP_SEED` names.
#[test]
fn one_damaged_history() {
    play_one(HISTORY);
}

#[test]
fn the_same_seed_plays_the_same_again() {
    let trace = |seed| try_seed(ANY, seed).map(|outcome| (outcome.trace, outcome.counters));
    let mut traces = BTreeSet::new();
    for seed in 1..=8 {
        let (one, two) = (trace(seed), trace(seed));
        assert_eq!(one, two, "seed {seed}");
        traces.insert(one.map(|(trace, _)| trace));
    }
    assert_eq!(traces.len(), 8, "another seed is another story");
}
