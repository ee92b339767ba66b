//! Which build this is, so that a report names what it was made with.

/// Version, commit and whether the sources differed from it, for example
/// `0.1.0 (commit 4f2c9d1b7a30, dirty)`. Set by `assets/build.rs`; debug builds name no commit.
pub const BUILD: &str = env!("LOGCAP_BUILD");
