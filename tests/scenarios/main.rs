//! Every scenario file against the real engine and the real store, judged record by record.
//!
//! A file of this folder plays one row of the hazard table on the simulated daemon and says what
//! must hold at the end. Whatever it says, every one of them must also end with nothing lost
//! without a gap, nothing doubled, reordered or altered, no gap without a loss, balanced books, and
//! with a fresh line of every running container visible within a bound after the faults end.
//!
//! `controls.rs` plays scenarios that are wrong and expects each to be told so.

#![allow(
    clippy::unwrap_used,
    clippy::needless_for_each,
    clippy::match_wild_err_arm,
    clippy::type_complexity,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests and their harness may fail loudly"
)]
#![allow(dead_code, reason = "harness and oracle are shared with tests that use other parts")]

mod controls;
#[path = "../support/engine_lab.rs"]
mod harness;
mod judge;
#[path = "../support/oracle.rs"]
mod oracle;
mod stage;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use logcap_tui::sim::{Profile, Scenario};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Scenarios that play side by side: they mostly wait, but on a busy machine too many would be late
/// for their own deadlines.
const AT_ONCE: usize = 8;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        all.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    files
}

/// `SCENARIO=08` plays only the files whose names contain it.
fn chosen() -> Vec<PathBuf> {
    let only = std::env::var("SCENARIO").unwrap_or_default();
    files(&folder()).into_iter().filter(|path| name(path).contains(&only)).collect()
}

/// `DAEMON=podman4` plays them on another version than their own; expectations may differ there.
fn read(path: &Path) -> Scenario {
    let scenario = Scenario::read(path).unwrap_or_else(|error| panic!("{error}"));
    let Ok(word) = std::env::var("DAEMON") else { return scenario };
    let daemon = Profile::ALL.into_iter().find(|profile| profile.name() == word);
    Scenario { daemon: daemon.expect("DAEMON names a profile"), ..scenario }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_holds() {
    let files = chosen();
    assert!(!files.is_empty(), "no scenario file");
    let (turns, mut playing) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    for path in files {
        let turns = Arc::clone(&turns);
        let label = name(&path);
        let task = async move {
            let _turn = turns.acquire().await.unwrap();
            let begun = Instant::now();
            let scenario = read(&path);
            (begun, stage::perform(scenario).await)
        };
        // A panic inside must not hide which scenario it was.
        playing.spawn(async move { (label, tokio::spawn(task).await) });
    }
    let mut failed = Vec::new();
    while let Some(done) = playing.join_next().await {
        let (name, played) = done.unwrap();
        match played {
            Ok((begun, Ok(report))) => {
                eprintln!("{:>8.1?} ok     {name}: {report}", begun.elapsed());
            }
            Ok((begun, Err(wrong))) => {
                eprintln!("{:>8.1?} FAILED {name}", begun.elapsed());
                failed.push(format!("{name}:\n  {}", wrong.join("\n  ")));
            }
            Err(panic) => failed.push(format!("{name}: {panic} (see above)")),
        }
    }
    failed.sort();
    assert!(failed.is_empty(), "{} scenarios failed:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn every_file_is_named_after_its_hazard_and_listed_in_the_documentation() {
    let docs = folder().join("../../docs/RELIABILITY.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let mut hazards = BTreeSet::new();
    for path in files(&folder()) {
        let scenario = Scenario::read(&path).unwrap_or_else(|error| panic!("{error}"));
        let number: u8 = name(&path)[..2].parse().unwrap();
        assert_eq!(scenario.hazard, Some(number), "{}", path.display());
        let listed = path.strip_prefix(folder()).unwrap().to_string_lossy().into_owned();
        assert!(docs.contains(&format!("`{listed}`")), "docs/RELIABILITY.md lacks {listed}");
        hazards.insert(number);
    }
    let listed = docs.lines().filter_map(|line| {
        let cell = line.strip_prefix("| ")?.split(' ').next()?;
        cell.parse::<u8>().ok()
    });
    assert_eq!(listed.collect::<BTreeSet<_>>(), (1..=39).collect(), "each hazard has its row");
    assert!(hazards.len() >= 30, "{hazards:?}");
}

/// The files that the table of hazards names as proof.
#[test]
fn what_the_table_of_hazards_names_exists() {
    let docs = folder().join("../../docs/RELIABILITY.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let is_row = |line: &&str| {
        let number = line.strip_prefix("| ").and_then(|line| line.split(' ').next());
        number.is_some_and(|number| number.parse::<u8>().is_ok())
    };
    let proofs = docs.lines().filter(is_row).filter_map(|line| line.split(" | ").nth(4));
    let names = proofs.flat_map(|proof| proof.split('`').skip(1).step_by(2));
    let (files, others): (Vec<_>, Vec<_>) =
        names.partition(|name| Path::new(name).extension().is_some());
    assert!(files.len() > 80 && others.len() < 15, "{files:?} {others:?}");
    let tests = folder().join("..");
    let missing: Vec<_> = files
        .iter()
        .filter(|file| !folder().join(file).exists() && !tests.join(file).exists())
        .collect();
    assert!(missing.is_empty(), "these do not exist: {missing:?}");
}
