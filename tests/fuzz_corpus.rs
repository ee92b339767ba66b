//! Everything that fuzzing found or kept, through the same checks: `tests/fuzz` searches for new
//! bytes with coverage, this holds the old ones in every run of `cargo test` and tries some
//! mutations of them, which needs nothing but the toolchain.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may fail loudly")]

/// The paths that the store's files expect.
mod model {
    pub(crate) use logcap_tui::model::*;
}

#[path = "fuzz/checks.rs"]
mod checks;
#[path = "fuzz/store.rs"]
mod store;

use std::path::Path;

/// Mutations of the corpus per target; `LOGCAP_MUTATIONS=1000000` is a search of some minutes.
const MUTATIONS: u64 = 300;
/// What plain chance hardly writes.
const WORDS: [&[u8]; 8] = [
    b"2006-01-02T15:04:05.000000001Z ",
    b"\n",
    b"\r\n",
    &[1, 0, 0, 0, 0, 0, 0, 32],
    &[3, 0, 0, 0, 0, 0, 0, 5],
    b"Error ",
    b"-\"",
    b"/a|b/i ",
];

/// Runs `check` on every file of the target's corpus, and on mutations of them.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut corpus = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let data = std::fs::read(&path).unwrap();
        let checked = std::panic::catch_unwind(|| check(&data));
        assert!(checked.is_ok(), "{} breaks its check", path.display());
        corpus.push(data);
    }
    assert!(corpus.len() > 3, "only {} files in {}", corpus.len(), folder.display());
    let mutations = std::env::var("LOGCAP_MUTATIONS").map_or(MUTATIONS, |n| n.parse().unwrap());
    let random = std::hash::RandomState::new();
    for round in 0..mutations {
        let mut dice = (0..).map(|n: u64| std::hash::BuildHasher::hash_one(&random, (round, n)));
        let data = mutated(&corpus, &mut || dice.next().unwrap_or_default());
        let checked = std::panic::catch_unwind(|| check(&data));
        assert!(checked.is_ok(), "this breaks the check of {target}: \"{}\"", data.escape_ascii());
    }
}

/// A file of the corpus with a few of its bytes changed, removed, doubled or replaced.
fn mutated(corpus: &[Vec<u8>], dice: &mut dyn FnMut() -> u64) -> Vec<u8> {
    let mut below = |n: usize| usize::try_from(dice() % (n as u64).max(1)).unwrap();
    let mut data = corpus[below(corpus.len())].clone();
    for _ in 0..=below(6) {
        let at = below(data.len() + 1);
        let end = (at + below(40)).min(data.len());
        match below(6) {
            0 if at < data.len() => data[at] ^= 1 << below(8),
            1 if at < data.len() => data[at] = u8::try_from(below(256)).unwrap(),
            2 => drop(data.drain(at..end)),
            3 => {
                let piece = data[at..end].to_vec();
                drop(data.splice(at..at, piece));
            }
            4 => drop(data.splice(at..at, WORDS[below(WORDS.len())].iter().copied())),
            _ => {
                let other = &corpus[below(corpus.len())];
                let from = below(other.len() + 1);
                data.truncate(at);
                data.extend_from_slice(&other[from..]);
            }
        }
    }
    data
}

#[test]
fn frames() {
    replay("frames", checks::frames);
}

#[test]
fn terminals() {
    replay("tty", checks::tty);
}

#[test]
fn timestamps() {
    replay("stamp", checks::stamp);
}

#[test]
fn queries() {
    replay("query", checks::query);
}

#[test]
fn blocks() {
    replay("block", store::check);
}
