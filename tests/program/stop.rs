//! What the program leaves behind when it is told to stop.

use logcap_tui::sim::ContainerSpec;

use crate::harness::Live;

/// The server of its socket ends with the engine, sooner or later than the supervisor hears of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_in_order_is_no_failure_of_a_task() {
    for round in 0..8 {
        let (live, _) = Live::start([ContainerSpec::named("web")]).await;
        let (code, stderr) = live.stop().await;
        assert_eq!(code, Some(0), "round {round}: {stderr}");
        assert!(stderr.contains("1 containers"), "round {round}: {stderr}");
        assert!(!stderr.contains("ERROR"), "round {round}: {stderr}");
    }
}
