//! Everything that fuzzing found or kept, through the same checks: `tests/fuzz` searches for new
//! bytes, this holds the old ones in every run of `cargo test`.
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

/// Runs `check` on every file of the target's corpus.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let data = std::fs::read(&path).unwrap();
        let checked = std::panic::catch_unwind(|| check(&data));
        assert!(checked.is_ok(), "{} breaks its check", path.display());
        files += 1;
    }
    assert!(files > 3, "only {files} files in {}", folder.display());
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
