//! The demo's town under the engine, with every fault of its palette, before the oracle.

use std::time::Duration;

use logcap_tui::engine::EngineSnapshot;
use logcap_tui::model::{State, Timestamp};
use logcap_tui::sim::{Demo, DemoFault};

use crate::harness::{Lab, is_live};

/// How much faster than in life everything happens.
const PACE: u32 = 10;
const DEADLINE: Duration = Duration::from_mins(2);
/// Those that run for ever, but for what the visitor does to them.
const STEADY: [&str; 7] =
    ["shop-web-1", "shop-db-1", "shop-worker-1", "cdn-edge-1", "auth", "chat", "vault"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_visitor_breaks_is_captured_or_reported() {
    let mut lab = Lab::new(Demo::PROFILE, PACE);
    let now = Timestamp::from_system(std::time::SystemTime::now());
    let demo = Demo::new(lab.sim.clone(), 1, now);
    lab.start().await;
    // Time stands still until all that there was is captured. The edge's older files are gone.
    lab.rest().await;
    let edge = demo.container("cdn-edge-1").unwrap();
    let gone = lab.sim.records(&edge).iter().filter(|record| !record.retained).count();
    let town = demo.clone();
    let living = tokio::spawn(async move { town.live(PACE).await });
    for fault in DemoFault::ALL {
        let mark = lab.now();
        let captured = |s: &EngineSnapshot| {
            let fresh = |name: &&str| {
                let row = s.monitors.iter().find(|row| row.name == **name);
                row.is_some_and(|r| is_live(r) && r.beat.is_some_and(|beat| beat.at > mark))
            };
            s.at > mark && STEADY.iter().all(fresh)
        };
        lab.wait_within("a town that is captured", DEADLINE, captured).await;
        demo.play(fault);
    }
    // The negative control: a record that no answer ever has is lost, and no engine can know.
    let control = demo.container("metrics-collector-1").unwrap();
    let hidden = lab.sim.records(&control).len() + 5;
    lab.sim.skip_record(&control, hidden);
    // The longest fault lasts a minute of the town's time; some life follows.
    let enough = demo.age() + Duration::from_secs(80);
    let written = |lab: &Lab| lab.sim.records(&control).len() > hidden + 5;
    lab.wait_within("the end of all faults", DEADLINE, |_| demo.age() > enough && written(&lab))
        .await;
    living.abort();
    let _ended = living.await;
    let rest = lab.rest().await;
    let mut judged = 0;
    for row in rest.monitors.iter().filter(|row| row.log.is_some()) {
        if matches!(row.state, State::Unreadable { .. }) {
            assert_eq!(row.name, "legacy-fax", "nobody else has a driver that cannot be read");
            continue;
        }
        let mut verdict = lab.verdict_behind(&row.id, if row.id == edge { gone } else { 0 });
        if row.id == control {
            assert_eq!(verdict.lost_unreported, 1, "the oracle sees what is hidden: {verdict:?}");
            verdict.lost_unreported = 0;
        }
        if row.name == "shop-web-1" {
            // Its file was emptied: nothing in it can prove that the next line followed the last.
            assert!(verdict.false_gaps <= 1, "{verdict:?}");
            verdict.false_gaps = 0;
        }
        assert!(verdict.is_clean(), "{}: {verdict:?}\n{:#?}", row.name, lab.seams(&row.id));
        judged += 1;
    }
    assert!(judged >= 12, "only {judged} logs were captured");
    assert!(lab.verdict(&edge).reported > 0, "what was rotated away is reported as missing");
}
