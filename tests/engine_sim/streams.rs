//! Trusted follows: what they deliver is stored, and whatever becomes of them, nothing is lost and
//! nothing is stored twice.

use std::time::Duration;

use logcap_tui::engine::{Targets, Verb};
use logcap_tui::model::{ContainerId, EventKind, Fd, LiveSource, State, Timestamp};
use logcap_tui::sim::{ContainerSpec, Cut, Profile, Target};

use crate::harness::{Lab, is_live};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_steady_trusted_follow_is_stored_record_by_record() {
    let mut lab = Lab::new(Profile::Moby24, 10);
    let id = lab.sim.run(ContainerSpec::named("steady"));
    lab.sim.emit_many(&id, 500, |n| format!("before {n}"));
    lab.start().await;
    lab.wait_row("live by follow", &id, |row| {
        row.state == State::Live { source: LiveSource::Follow }
    })
    .await;
    let load = lab.load(std::slice::from_ref(&id), Duration::from_millis(2), 5);
    lab.wait_row("2,000 records", &id, |row| row.flow.stored > 2_000).await;
    load.stop().await;
    lab.assert_all_complete().await;
    assert!(lab.seams(&id).is_empty());
}

/// Lines around the chunk size, long ones, both outputs, bytes that are not UTF-8, no final
/// newline.
fn write_oddly(lab: &Lab, id: &ContainerId, round: usize) {
    let long = "x".repeat(100_000);
    for (n, length) in [16_383, 16_384, 16_385, 100_000, 0, 1].into_iter().enumerate() {
        let fd = if (n + round).is_multiple_of(2) { Fd::Stdout } else { Fd::Stderr };
        lab.sim.emit(id, fd, &long[..length]);
        lab.sim.emit(id, Fd::Stderr, &format!("round {round} error {n}"));
        lab.sim.emit_raw(id, Fd::Stdout, b"\xff\xfe not text \x00", true, None);
    }
    lab.sim.emit_many(id, 20, |n| format!("round {round} line {n}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_mixed_containers_are_stored_record_by_record() {
    let mut lab = Lab::new(Profile::Moby24, 10);
    let spec = |n: usize| {
        let spec = ContainerSpec::named(format!("mixed-{n:02}"));
        match n % 4 {
            0 => spec.tty(),
            1 => spec.rotating("10m", 3),
            _ => spec,
        }
    };
    let ids: Vec<ContainerId> = (0..30).map(|n| lab.sim.run(spec(n))).collect();
    ids.iter().take(15).for_each(|id| write_oddly(&lab, id, 0));
    lab.start().await;
    lab.wait_for("30 live monitors", |s| {
        s.monitors.len() == 30 && s.monitors.iter().all(|row| is_live(row))
    })
    .await;
    for round in 1..4 {
        ids.iter().for_each(|id| write_oddly(&lab, id, round));
        lab.rest().await;
    }
    // On a terminal only the end of the log shows that an unterminated line is one.
    let framed = ids.iter().enumerate().filter(|(n, _)| n % 4 != 0);
    framed.for_each(|(_, id)| lab.sim.emit_raw(id, Fd::Stdout, b"no newline", false, None));
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_timestamps_and_a_clock_that_steps_back_lose_nothing() {
    let mut lab = Lab::new(Profile::Moby24, 10);
    let ids = [
        lab.sim.run(ContainerSpec::named("trusted")),
        lab.sim.run(ContainerSpec::named("belled").rotating("10m", 3)),
    ];
    lab.start().await;
    lab.rest().await;
    for round in 0..4 {
        lab.sim.set_tick(Duration::ZERO);
        for id in &ids {
            lab.sim.emit_many(id, 300, |n| format!("tie {round} {n}"));
            lab.sim.emit(id, Fd::Stderr, "the other output");
        }
        lab.rest().await;
        lab.sim.set_tick(Duration::from_nanos(1_037));
        ids.iter().for_each(|id| lab.sim.emit_many(id, 10, |n| format!("after {round} {n}")));
        let back = Timestamp(lab.sim.now().0 - 3_600_000_000_000);
        lab.sim.set_clock(back);
        ids.iter().for_each(|id| lab.sim.emit_many(id, 200, |n| format!("back {round} {n}")));
        lab.rest().await;
        lab.order(Verb::Reopen, Targets::All).await;
    }
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cuts_of_every_kind_under_load_lose_nothing() {
    let mut lab = Lab::new(Profile::Moby24, 10);
    let ids = [
        lab.sim.run(ContainerSpec::named("trusted")),
        lab.sim.run(ContainerSpec::named("belled").rotating("50m", 3)),
        lab.sim.run(ContainerSpec::named("terminal").tty()),
    ];
    lab.start().await;
    let load = lab.load(&ids, Duration::from_millis(2), 3);
    for cut in [Cut::Clean, Cut::Reset, Cut::MidFrame, Cut::MidChunk] {
        for id in &ids {
            lab.wait_row("live", id, is_live).await;
            let before = lab.snapshot();
            let stored = crate::harness::row(&before, id).unwrap().flow.stored;
            lab.wait_row("progress", id, |row| row.flow.stored > stored).await;
            lab.sim.cut_streams(id, cut);
            lab.wait_row("progress after the cut", id, |row| {
                row.flow.stored > stored + 30 && is_live(row)
            })
            .await;
        }
    }
    load.stop().await;
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_follow_is_found_by_the_probe() {
    let mut lab = Lab::new(Profile::Moby24, 10);
    let id = lab.sim.run(ContainerSpec::named("stuck"));
    lab.start().await;
    lab.rest().await;
    lab.sim.stall_streams(&id);
    lab.sim.emit_many(&id, 100, |n| format!("unheard {n}"));
    lab.wait_row("the records by a read", &id, |row| row.flow.stored == 100).await;
    lab.until("a mismatch on the timeline", || lab.count_events(EventKind::ProbeMismatch) > 0)
        .await;
    lab.sim.emit_many(&id, 100, |n| format!("unheard again {n}"));
    lab.wait_row("more records by reads", &id, |row| row.flow.stored == 200).await;
    lab.sim.unstall(Target::All);
    lab.sim.emit_many(&id, 100, |n| format!("heard {n}"));
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn withheld_headers_of_a_quiet_follow_are_no_failure() {
    let mut lab = Lab::new(Profile::Moby25, 20);
    let ids = [
        lab.sim.run(ContainerSpec::named("trusted")),
        lab.sim.run(ContainerSpec::named("belled").rotating("10m", 3)),
    ];
    lab.start().await;
    for _ in 0..20 {
        lab.rest().await;
    }
    for row in &lab.snapshot().monitors {
        assert_eq!((row.errors, row.timeouts, row.restarts), (0, 0, 0), "{}", row.name);
    }
    ids.iter().for_each(|id| lab.sim.emit_many(id, 50, |n| format!("at last {n}")));
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_refuses_old_clients_is_captured() {
    let mut lab = Lab::new(Profile::Moby29, 20);
    let id = lab.sim.run(ContainerSpec::named("new"));
    lab.sim.emit_many(&id, 50, |n| format!("old {n}"));
    lab.start().await;
    lab.sim.emit_many(&id, 50, |n| format!("new {n}"));
    lab.assert_all_complete().await;
}

/// On the wire nothing but a timestamp stands between a line that a program left open on its
/// terminal and the first line of the next program.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_left_open_on_a_terminal_is_still_a_line_after_the_next_start() {
    let mut lab = Lab::new(Profile::Moby24, 10);
    let ids = [
        lab.sim.run(ContainerSpec::named("trusted").tty()),
        lab.sim.run(ContainerSpec::named("belled").tty().rotating("10m", 3)),
    ];
    lab.start().await;
    for round in 0..4 {
        for id in &ids {
            lab.wait_row("live", id, is_live).await;
            lab.sim.emit_many(id, round * 7, |n| format!("round {round} line {n}"));
            lab.sim.emit_raw(id, Fd::Stdout, format!("{round} prompt$ ").as_bytes(), false, None);
            lab.sim.die(id);
            lab.wait_row("its end", id, |row| matches!(row.state, State::Ended { .. })).await;
            lab.sim.start_container(id);
        }
    }
    // A follow cannot tell the end of an open line before something stands behind it.
    ids.iter().for_each(|id| lab.sim.emit(id, Fd::Stdout, "the last program speaks"));
    lab.assert_all_complete().await;
    assert!(ids.iter().all(|id| lab.seams(id).is_empty()));
}

/// moby#43860: a follow of 20.10 may end before a line that has no end. The read behind it has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unfinished_last_line_is_stored_whatever_the_follow_brought() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let ids: Vec<ContainerId> =
        (0..6).map(|n| lab.sim.run(ContainerSpec::named(format!("last-{n}")))).collect();
    lab.start().await;
    lab.wait_for("6 live monitors", |s| s.monitors.iter().filter(|row| is_live(row)).count() == 6)
        .await;
    for id in &ids {
        lab.sim.output(id, Fd::Stdout, b"whole\nopen");
        lab.sim.die(id);
    }
    lab.wait_for("12 records", |s| s.monitors.iter().map(|row| row.flow.stored).sum::<u64>() == 12)
        .await;
    ids.iter().for_each(|id| lab.assert_complete(id));
}
