//! Many logs are opened one after the other, so that a daemon is not asked for all of them at once.

use logcap_tui::config::History;
use logcap_tui::model::{ContainerId, State, Waiting};
use logcap_tui::sim::{ContainerSpec, Endpoint, Profile, Target};

use crate::harness::{Lab, is_live};

/// How many may be opened at once.
const TURNS: usize = 16;
/// How many of those that are read whole.
const LONG: usize = 2;

fn run_many(lab: &Lab, count: usize) -> Vec<ContainerId> {
    let run = |n| {
        let id = lab.sim.run(ContainerSpec::named(format!("c{n}")));
        lab.sim.emit_many(&id, 10, |n| format!("line {n}"));
        id
    };
    (0..count).map(run).collect()
}

/// The daemon answers nobody; how many of 24 are in the middle of their first read?
async fn are_read_at_once(history: History, turns: usize) {
    let mut lab = Lab::new(Profile::Moby20_10, 5).history(history);
    run_many(&lab, 24);
    lab.sim.stall_reads(Target::All);
    lab.start().await;
    lab.wait_for("some that read and others that wait", |s| {
        let count = |is: fn(&State) -> bool| s.monitors.iter().filter(|m| is(&m.state)).count();
        let reading = count(|state| matches!(state, State::Reading { .. }));
        let queued = count(|state| matches!(state, State::Waiting { why: Waiting::Queued }));
        (reading, queued) == (turns, 24 - turns)
    })
    .await;
    lab.sim.unstall(Target::All);
    lab.wait_for("all live", |s| s.monitors.iter().all(|row| is_live(row))).await;
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_logs_are_opened_at_once_and_two_long_ones_read() {
    are_read_at_once(History::Tail(100), TURNS).await;
    are_read_at_once(History::All, LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_fails_keeps_no_turn_from_the_others() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let ids = run_many(&lab, TURNS + 4);
    for id in &ids {
        lab.sim.fail_next(id, Endpoint::Logs, 500, 1_000);
    }
    lab.start().await;
    lab.wait_for("nobody that can be read", |s| s.monitors.iter().all(|row| row.errors > 1)).await;
    let late = lab.sim.run(ContainerSpec::named("late"));
    lab.sim.emit_many(&late, 10, |n| format!("line {n}"));
    lab.wait_row("its turn", &late, |row| is_live(row) && row.flow.stored == 10).await;
    lab.sim.heal();
    lab.wait_for("all live", |s| s.monitors.iter().all(|row| is_live(row))).await;
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_at_its_end_keeps_no_turn_from_the_others() {
    let mut lab = Lab::new(Profile::Moby20_10, 10).history(History::Tail(100));
    let ids = run_many(&lab, TURNS + 4);
    ids.iter().for_each(|id| lab.sim.die(id));
    lab.start().await;
    let ended = |state: &State| matches!(state, State::Ended { .. });
    lab.wait_for("all at their end", |s| s.monitors.iter().all(|row| ended(&row.state))).await;
    let late = lab.sim.run(ContainerSpec::named("late"));
    lab.sim.emit_many(&late, 10, |n| format!("line {n}"));
    lab.wait_row("its turn", &late, |row| is_live(row) && row.flow.stored == 10).await;
    lab.assert_all_complete().await;
}
