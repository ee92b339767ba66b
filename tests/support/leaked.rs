//! What a picture of an engine at rest has more than an earlier one, also at rest.

use logcap_tui::engine::EngineSnapshot;

/// Descriptors that may differ. Not none, because the connection over which the picture is asked for
/// is one, and a read, list or inspect that is just under way may have another.
pub(crate) const DESCRIPTORS: u64 = 2;
/// Tasks of libraries, which the runtime alone counts, that may be more. Not none for the same
/// reason: such a connection is a task as well.
pub(crate) const LIBRARY_TASKS: usize = 2;
/// Resident memory that hundreds of cycles may add, caches of allocator and store included.
const MEMORY: u64 = 32 << 20;

/// What is more than it was, at rest both times.
pub(crate) fn leaks(before: &EngineSnapshot, after: &EngineSnapshot) -> Vec<String> {
    let mut found = Vec::new();
    let tasks = (after.tasks.expected, after.tasks.actual);
    if tasks.0 != tasks.1 || tasks.1 != before.tasks.actual {
        found.push(format!("tasks {tasks:?}, were {}", before.tasks.actual));
    }
    let (was, is) = (before.tasks.runtime, after.tasks.runtime);
    if is > was + LIBRARY_TASKS {
        found.push(format!("tasks of the runtime {is}, were {was}"));
    }
    // Fewer are no leak, but then the first picture was not at rest, and would hide as many.
    let (was, is) = (before.process.fds.unwrap(), after.process.fds.unwrap());
    if is.abs_diff(was) > DESCRIPTORS {
        found.push(format!("descriptors {is}, were {was}"));
    }
    let (was, is) = (before.process.rss.unwrap(), after.process.rss.unwrap());
    if is > was + MEMORY {
        found.push(format!("memory {is}, was {was}"));
    }
    found
}
