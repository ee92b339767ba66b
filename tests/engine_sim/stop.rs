//! An engine stops within one deadline, whatever its daemon does.

use std::time::Duration;

use logcap_tui::sim::{ContainerSpec, Profile, Target};

use crate::harness::{Lab, is_live};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_monitors_stop_while_the_daemon_is_wedged() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let ids: Vec<_> = (0..50)
        .map(|n| {
            let spec = ContainerSpec::named(format!("c{n}"));
            lab.sim.run(if n % 2 == 0 { spec } else { spec.rotating("10m", 3) })
        })
        .collect();
    lab.start().await;
    lab.wait_for("50 live", |s| s.monitors.iter().filter(|row| is_live(row)).count() == 50).await;
    ids.iter().for_each(|id| lab.sim.emit_many(id, 100, |n| format!("line {n}")));
    lab.rest().await;
    lab.sim.stall_reads(Target::All);
    lab.sim.stall_streams(Target::All);
    ids.iter().for_each(|id| lab.sim.emit_many(id, 10, |n| format!("unread {n}")));
    let took = lab.stop().await;
    assert!(took <= Duration::from_secs(5), "{took:?}");
    lab.sim.unstall(Target::All);
    lab.start().await;
    lab.assert_all_complete().await;
}
