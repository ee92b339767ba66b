//! Bells: logs whose follow says only when to read, those that never stop ringing, and those whose
//! container takes its log along.

use std::time::Duration;

use logcap_tui::engine::snapshot::MonitorRow;
use logcap_tui::model::{LiveSource, Lost, SeamKind, State};
use logcap_tui::sim::{ContainerSpec, Profile};

use crate::harness::{Lab, is_live, row};

fn is_by(row: &MonitorRow, source: LiveSource) -> bool {
    row.state == State::Live { source } && row.stream.is_some() == (source == LiveSource::Bell)
}

/// It costs the daemon a second look at everything and says nothing that a timer does not know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bell_that_always_rings_gives_way_to_a_timer_until_it_is_quiet() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let rotating = |name: &str| ContainerSpec::named(name).rotating("100m", 3);
    let ids = [
        lab.sim.run(rotating("busy")),
        lab.sim.run(rotating("removes-itself").auto_remove()),
        lab.sim.run(rotating("quiet")),
    ];
    lab.start().await;
    for id in &ids {
        lab.wait_row("a bell", id, |row| is_by(row, LiveSource::Bell)).await;
    }
    let load = lab.load(&ids[..2], Duration::from_millis(5), 2);
    let timed = lab.wait_row("a timer", &ids[0], |row| is_by(row, LiveSource::Timer)).await;
    let stored = timed.flow.stored;
    lab.wait_row("reads by the timer", &ids[0], |row| row.flow.stored > stored + 500).await;
    let meanwhile = lab.snapshot();
    for id in &ids[1..] {
        let row = row(&meanwhile, id).unwrap();
        assert!(row.stream.is_some(), "{}: {:?}", row.name, row.state);
    }
    load.stop().await;
    let after = lab.wait_row("a bell again", &ids[0], |row| is_by(row, LiveSource::Bell)).await;
    assert_eq!((after.errors, after.restarts, after.gaps), (0, 0, 0));
    lab.assert_all_complete().await;
}

/// A megabyte of what it let by is kept of a bell. What was in front of that is a gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_last_words_than_a_bell_keeps_are_a_gap() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    lab.start().await;
    let (mut gaps, filler) = (0, "x".repeat(100));
    for round in 0..5 {
        let spec = ContainerSpec::named(format!("c{round}")).auto_remove().rotating("100m", 3);
        let id = lab.sim.run(spec);
        lab.sim.emit_many(&id, 20, |n| format!("line {n}"));
        lab.wait_row("live", &id, |row| is_live(row) && row.flow.stored == 20).await;
        lab.sim.emit_many(&id, 25_000, |n| format!("last word {n} {filler}"));
        lab.sim.die(&id);
        lab.wait_for("its monitor gone", |s| s.monitors.is_empty()).await;
        let verdict = lab.verdict(&id);
        assert_eq!((verdict.lost_unreported, verdict.duplicated), (0, 0), "{round}: {verdict:?}");
        let told = lab.seams_of(&id, SeamKind::Gap);
        assert!(told.iter().all(|seam| seam.what.lost == Some(Lost::Removed)), "{told:?}");
        gaps += told.len();
    }
    assert!(gaps > 0, "every round was read to its end");
}
