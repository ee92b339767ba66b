//! What the workload appends: a pure function of the log's name and the step, so that whoever
//! judges a store needs nothing but the steps that its cursors name.
//!
//! Three logs of different nature: *hot* appends full blocks of noise and is evicted, *quiet*
//! appends a few records at a time (ties, both outputs, open lines, gaps) and is merged, *filled*
//! is adopted behind older history that a backfill brings later.

use logcap_tui::model::{Batch, Fd, RecordRef, SeamKind, Timestamp};

/// Where the backfill of *filled* begins.
pub(crate) const FILL_FIRST: i64 = 1 << 20;
/// Steps of that backfill.
pub(crate) const FILL_STEPS: u64 = 40;
/// The newest timestamp of backfilled records lies below every other one.
const FILL_TIME: i64 = 1_000_000;
const LIVE_TIME: i64 = 1_000_000_000_000;
/// Records of a hot step, a thousand bytes each: just enough to be full blocks at once.
const HOT_RECORDS: u64 = 560;

/// The nature of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feed {
    Hot,
    Quiet,
    Filled,
}

/// One stored thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Seam(SeamKind),
    Record { fd: Fd, ts: i64, newline: bool, bytes: Vec<u8> },
}

impl Feed {
    pub(crate) const ALL: [Self; 3] = [Self::Hot, Self::Quiet, Self::Filled];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Quiet => "quiet",
            Self::Filled => "filled",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feed| feed.name() == name)
    }

    /// What live step `step` stores, its seam first.
    pub(crate) fn step(self, step: u64) -> Vec<Item> {
        match self {
            Self::Hot => hot(step),
            Self::Quiet => few("quiet", step, LIVE_TIME),
            Self::Filled if step == 0 => {
                let mut items = vec![Item::Seam(SeamKind::NotTaken)];
                items.extend((0..20).map(|i| record(LIVE_TIME, format!("filled adopted {i}"))));
                items
            }
            Self::Filled => few("filled", step, LIVE_TIME),
        }
    }

    /// How many things step `step` stores.
    pub(crate) fn count(self, step: u64) -> i64 {
        match self {
            Self::Hot => i64::try_from(HOT_RECORDS).unwrap(),
            _ => i64::try_from(self.step(step).len()).unwrap(),
        }
    }
}

/// What backfill step `step` stores; no seams, so that the joined seam is the only one.
pub(crate) fn fill_step(step: u64) -> Vec<Item> {
    let time = FILL_TIME + i64::try_from(step).unwrap();
    (0..3).map(|i| record(time, format!("fill {step}.{i}"))).collect()
}

/// The records of a step as the store takes them, and the kind of the seam before them.
pub(crate) fn batch(items: &[Item]) -> (Option<SeamKind>, Batch) {
    let (mut seam, mut batch) = (None, Batch::new());
    for item in items {
        match item {
            Item::Seam(kind) => seam = Some(*kind),
            Item::Record { fd, ts, newline, bytes } => {
                batch.push(RecordRef { fd: *fd, ts: Timestamp(*ts), newline: *newline, bytes });
            }
        }
    }
    (seam, batch)
}

fn record(ts: i64, text: String) -> Item {
    Item::Record { fd: Fd::Stdout, ts, newline: true, bytes: text.into_bytes() }
}

/// Splitmix64: the same numbers on every machine.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A full block of records that do not compress.
fn hot(step: u64) -> Vec<Item> {
    let time = LIVE_TIME + i64::try_from(step).unwrap() * 1_000;
    let noise = |i: u64| (0..125).flat_map(move |k| mix(step << 32 | i << 8 | k).to_le_bytes());
    let numbered = |i: u64| format!("hot {step}.{i} ").into_bytes().into_iter().chain(noise(i));
    (0..HOT_RECORDS)
        .map(|i| Item::Record {
            fd: Fd::Stdout,
            ts: time + i64::try_from(i).unwrap(),
            newline: true,
            bytes: numbered(i).collect(),
        })
        .collect()
}

/// A few short records; some steps have a gap before them, some only a gap.
fn few(name: &str, step: u64, base: i64) -> Vec<Item> {
    let dice = mix(step);
    let time = base + i64::try_from(step).unwrap() * 1_000;
    let mut items = Vec::new();
    if step % 13 == 5 {
        items.push(Item::Seam(SeamKind::Gap));
    }
    if step % 39 == 18 {
        return items;
    }
    for i in 0..=dice % 5 {
        let odd = mix(dice ^ i);
        items.push(Item::Record {
            fd: if odd & 1 == 0 { Fd::Stdout } else { Fd::Stderr },
            // Ties, and now and then a step back.
            ts: time + i64::try_from(odd >> 1 & 3).unwrap() - 1,
            newline: odd & 0b1_1000 != 0,
            bytes: format!("{name} {step}.{i}").into_bytes(),
        });
    }
    items
}
