//! No space: the system refuses to let the store's files grow, and later lets them.

use std::cell::Cell;

use logcap_tui::store::StoreError;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::child::Bench;

/// With this variable the workload writes refusals to the file it names, and gets space again
/// after [`REFUSALS`] of them.
pub(crate) const LIFT: &str = "LOGCAP_STORE_LIFT";
/// Enough that every log was refused more than once.
const REFUSALS: u32 = 10;
/// Files may grow to 3 MiB; `ulimit` counts blocks of 512 bytes. The signal is ignored, so that
/// the system answers with an error as a full disk does.
const LIMITED: &str = "trap '' XFSZ; ulimit -S -f 6144; exec \"$0\" \"$@\"";

/// Writes down each refusal and lifts the limit at last.
pub(crate) fn survive() -> Option<impl Fn(&StoreError) -> bool> {
    let path = std::env::var_os(LIFT)?;
    let refused = Cell::new(0);
    Some(move |error: &StoreError| {
        refused.set(refused.get() + 1);
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(&path, format!("{before}{error}\n")).unwrap();
        if refused.get() == REFUSALS {
            let limit = Rlimit { current: None, ..getrlimit(Resource::Fsize) };
            setrlimit(Resource::Fsize, limit).unwrap();
        }
        refused.get() <= 10 * REFUSALS
    })
}

#[test]
fn files_that_may_not_grow_block_the_store_and_lose_nothing() {
    let bench = Bench::new();
    let refusals = bench.acks_file().with_extension("refused");
    let mut limited = bench.command(&["sh", "-c", LIMITED], 200);
    let status = limited.env(LIFT, &refusals).status().unwrap();
    assert!(status.success(), "the workload: {status}\n{}", bench.said());
    let refusals = std::fs::read_to_string(refusals).unwrap();
    assert!(refusals.lines().count() >= REFUSALS as usize, "{refusals}");
    for refusal in refusals.lines() {
        for words in ["logcap.db cannot write", "bytes free", "capture resumes by itself"] {
            assert!(refusal.contains(words), "{refusal}");
        }
    }
    bench.judge("after the disk was full");
    assert!(bench.acks()["hot"] >= 25);
}

#[test]
fn a_kill_while_nothing_can_be_written_loses_nothing() {
    let bench = Bench::new();
    let status = bench.command(&["sh", "-c", LIMITED], 200).status().unwrap();
    assert!(!status.success(), "without more space the workload cannot have ended well");
    bench.judge("after it gave up");
    assert!(bench.acks()["quiet"] > 0, "something was stored before");
    bench.finish(200);
    bench.judge("with space again");
}
