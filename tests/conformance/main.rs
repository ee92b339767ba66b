//! The simulator is asked what a real daemon is asked: one list of facts, `suite`, for both.
//!
//! Here it answers for the versions that the list was confirmed on; `tests/live_conformance.rs` asks
//! the real ones. The controls ask a simulator of the wrong version, and see the claims break that
//! tell the two apart, and no others.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests may fail loudly like the tests themselves"
)]

mod simulated;
mod suite;

use logcap_tui::sim::Profile;
use simulated::Simulated;

#[tokio::test]
async fn the_simulator_answers_as_docker_20_10() {
    let report = suite::run(&Simulated::new(Profile::Moby20_10)).await;
    assert!(report.broken.is_empty() && report.asked > 0, "{report:#?}");
}

#[tokio::test]
async fn the_simulator_answers_as_podman_4_3() {
    let report = suite::run(&Simulated::new(Profile::Podman4)).await;
    assert!(report.broken.is_empty() && report.asked > 0, "{report:#?}");
}

#[tokio::test]
async fn control_another_version_breaks_the_claims_that_tell_them_apart() {
    let wrong = Simulated::taken_for(Profile::Moby24, Profile::Moby20_10);
    // Without the fact that waits for what only 20.10 follows.
    let wanted = |name: &str| name != "a_truncated_file_holds_what_comes_later";
    let claims = suite::run_those(&wrong, wanted).await.claims();
    let expected = [
        "its version",
        "other versions",
        "the content type of frames",
        "the content type of a terminal",
        "since drops every older record, or only those in front",
        "an old file hides the younger ones from since",
        "its frames say nothing",
    ];
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn control_docker_is_not_podman() {
    let wrong = Simulated::taken_for(Profile::Moby20_10, Profile::Podman4);
    // Without the facts that wait for what Docker never shows.
    let waits = ["unfinished", "merges", "buffer", "bytes", "first_line"];
    let wanted = |name: &str| !waits.iter().any(|part| name.contains(part));
    let claims = suite::run_those(&wrong, wanted).await.claims();
    let expected = [
        "its components tell Docker from Podman",
        "other versions",
        "the log driver and its options",
        "driver none is not read",
        "by chunks or by a length of zero",
        "one frame is one chunk, on Podman up to 2 KiB",
        "the content type of a terminal",
        "the client's times are the file's, or their whole seconds",
        "since one nanosecond later",
    ];
    assert_eq!(claims, expected);
}
