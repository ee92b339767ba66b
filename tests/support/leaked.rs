//! What a picture of an engine at rest has more than an earlier one, also at rest.

use logcap_tui::engine::EngineSnapshot;

/// Descriptors that may differ: a scrape that is just being answered, a read that is under way.
const SLACK: u64 = 2;
/// Resident memory that hundreds of cycles may add, caches of allocator and store included.
const MEMORY: u64 = 32 << 20;

/// What is more than it was, at rest both times.
pub(crate) fn leaks(before: &EngineSnapshot, after: &EngineSnapshot) -> Vec<String> {
    let mut found = Vec::new();
    let tasks = (after.tasks.expected, after.tasks.actual);
    if tasks.0 != tasks.1 || tasks.1 != before.tasks.actual {
        found.push(format!("tasks {tasks:?}, were {}", before.tasks.actual));
    }
    // Tasks of libraries are counted by the runtime alone; whoever asks has one or two.
    let (was, is) = (before.tasks.runtime, after.tasks.runtime);
    if is > was + 2 {
        found.push(format!("tasks of the runtime {is}, were {was}"));
    }
    let (was, is) = (before.process.fds.unwrap(), after.process.fds.unwrap());
    if is > was + SLACK {
        found.push(format!("descriptors {is}, were {was}"));
    }
    let (was, is) = (before.process.rss.unwrap(), after.process.rss.unwrap());
    if is > was + MEMORY {
        found.push(format!("memory {is}, was {was}"));
    }
    found
}
