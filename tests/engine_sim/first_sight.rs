//! What is taken of a log that is seen for the first time, and what is fetched later.

use std::time::Duration;

use logcap_tui::config::History;
use logcap_tui::engine::snapshot::Backfill;
use logcap_tui::engine::{Targets, Verb};
use logcap_tui::model::{ContainerId, EventKind, Fd, Lost, SeamKind};
use logcap_tui::sim::{ContainerSpec, Profile};

use crate::harness::{Lab, is_live};

async fn adopted(history: History, spec: ContainerSpec, old: usize) -> (Lab, ContainerId) {
    let mut lab = Lab::new(Profile::Moby20_10, 10).history(history);
    let id = lab.sim.run(spec);
    lab.sim.emit_many(&id, old, |n| format!("old {n}"));
    lab.start().await;
    lab.rest().await;
    lab.sim.emit_many(&id, 50, |n| format!("new {n}"));
    lab.rest().await;
    (lab, id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_policy_takes_what_it_says() {
    let policies = [
        (History::All, 5_000),
        (History::Tail(700), 700),
        (History::Tail(9_000), 5_000),
        (History::Now, 0),
    ];
    // Side by side: each spends its time waiting.
    let cases = policies.map(|(history, taken)| async move {
        for spec in [
            ContainerSpec::named("trusted"),
            ContainerSpec::named("belled").rotating("10m", 3),
            ContainerSpec::named("terminal").tty(),
        ] {
            let (lab, id) = adopted(history, spec, 5_000).await;
            let verdict = lab.verdict(&id);
            let left = 5_000 - taken;
            // To take nothing, one record has to be known; it is taken.
            let left = if taken == 0 { left - 1 } else { left };
            assert_eq!(verdict.excused, left, "{history:?}: {verdict:?}");
            assert!(verdict.is_clean(), "{history:?}: {verdict:?}");
            let seams = lab.seams_of(&id, SeamKind::NotTaken).len();
            assert_eq!(seams, usize::from(left > 0), "{history:?}: {:#?}", lab.seams(&id));
        }
    });
    futures_util::future::join_all(cases).await;
}

/// What is left out of a history is what was written before anybody was there to read it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_began_meanwhile_is_taken_whole_under_every_policy() {
    let policies = [History::Now, History::Tail(5), History::Auto];
    let cases = policies.map(|history| async move {
        let mut lab = Lab::new(Profile::Moby20_10, 10).history(history);
        let specs = |name: &str| {
            [
                ContainerSpec::named(format!("trusted-{name}")),
                ContainerSpec::named(format!("belled-{name}")).rotating("10m", 3),
                ContainerSpec::named(format!("terminal-{name}")).tty(),
            ]
        };
        let empty = specs("empty").map(|spec| lab.sim.run(spec));
        lab.start().await;
        lab.wait_for("empty logs", |s| s.monitors.iter().all(|row| is_live(row))).await;
        let born = specs("born").map(|spec| lab.sim.run(spec));
        for id in empty.iter().chain(&born) {
            lab.sim.emit_many(id, 3_000, |n| format!("new {n}"));
        }
        lab.wait_for("all of it", |s| s.monitors.iter().all(|row| row.stored_total == 3_000)).await;
        for id in empty.iter().chain(&born) {
            lab.assert_complete(id);
            assert_eq!(lab.seams(id), [], "{history:?}");
        }
    });
    futures_util::future::join_all(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_policy_auto_fetches_older_history_and_an_order_the_rest() {
    let (lab, id) = adopted(History::Auto, ContainerSpec::named("old"), 150_000).await;
    let row = lab
        .wait_row("the policy's share", &id, |row| {
            row.backfill == Backfill::Available && row.stored_total > 100_000
        })
        .await;
    assert!(row.flow.is_conserved(), "{:?}", row.flow);
    let verdict = lab.verdict(&id);
    assert!(verdict.is_clean() && verdict.excused > 0, "{verdict:?}");
    assert_eq!(lab.seams_of(&id, SeamKind::Joined).len(), 1, "{:#?}", lab.seams(&id));
    assert_eq!(lab.seams_of(&id, SeamKind::NotTaken).len(), 1, "{:#?}", lab.seams(&id));
    lab.order(Verb::Backfill, Targets::Only(vec![id.clone()])).await;
    let row = lab
        .wait_row("everything", &id, |row| {
            row.backfill == Backfill::None && row.stored_total == 150_050
        })
        .await;
    assert!(row.flow.is_conserved(), "{:?}", row.flow);
    let records = lab.sim.records(&id);
    let bytes: usize = records.iter().map(|record| record.bytes.len()).sum();
    assert_eq!((row.lines, row.bytes), (150_050, bytes as u64), "history is counted as well");
    assert!(lab.seams_of(&id, SeamKind::NotTaken).is_empty(), "{:#?}", lab.seams(&id));
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_of_a_stopped_container_is_fetched_too() {
    let (lab, id) = adopted(History::Tail(100), ContainerSpec::named("done"), 2_000).await;
    lab.sim.die(&id);
    lab.wait_row("its end", &id, |row| !row.running && row.phase.as_str() == "ended").await;
    lab.order(Verb::Backfill, Targets::Only(vec![id.clone()])).await;
    lab.wait_row("everything", &id, |row| {
        row.backfill == Backfill::None && row.stored_total == 2_050
    })
    .await;
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_policy_auto_fetches_older_history_of_a_container_that_has_ended() {
    let mut lab = Lab::new(Profile::Moby20_10, 10).history(History::Auto);
    let id = lab.sim.run(ContainerSpec::named("over"));
    lab.sim.emit_many(&id, 3_000, |n| format!("old {n}"));
    lab.sim.die(&id);
    lab.start().await;
    lab.wait_row("everything", &id, |row| {
        row.backfill == Backfill::None && row.stored_total == 3_000
    })
    .await;
    lab.assert_all_complete().await;
}

/// Old records of about 27 MB, of which the last hundred are taken at first.
async fn long_history(spec: ContainerSpec) -> (Lab, ContainerId) {
    let mut lab = Lab::new(Profile::Moby20_10, 10).history(History::Tail(100));
    let id = lab.sim.run(spec);
    lab.sim.emit_many(&id, 1_800, |n| format!("old {n} {}", "x".repeat(15_000)));
    lab.start().await;
    lab.rest().await;
    (lab, id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_that_broke_off_goes_on_where_it_was() {
    let (mut lab, id) = long_history(ContainerSpec::named("old")).await;
    lab.order(Verb::Backfill, Targets::Only(vec![id.clone()])).await;
    lab.until("its first part", || lab.stored(&id) > 100).await;
    lab.sim.dribble(&id, true);
    lab.stop().await;
    lab.sim.dribble(&id, false);
    lab.start().await;
    assert_eq!(lab.count_events(EventKind::Backfilled), 0, "it was stopped before its end");
    // It goes on by itself, up to the part that it was begun for.
    lab.until("the rest", || lab.count_events(EventKind::Backfilled) == 1).await;
    assert_eq!(lab.stored(&id), 1_800, "{:#?}", lab.events());
    assert_eq!(lab.seams_of(&id, SeamKind::Joined).len(), 1, "{:#?}", lab.seams(&id));
    lab.order(Verb::Backfill, Targets::Only(vec![id.clone()])).await;
    lab.wait_row("no more history", &id, |row| row.backfill == Backfill::None).await;
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_monitor_is_paused_no_history_is_fetched() {
    let (lab, id) = long_history(ContainerSpec::named("old")).await;
    lab.order(Verb::Backfill, Targets::All).await;
    lab.until("its first part", || lab.stored(&id) > 100).await;
    lab.sim.dribble(&id, true);
    lab.order(Verb::Pause, Targets::All).await;
    let paused = lab
        .wait_row("a pause", &id, |row| {
            row.phase.as_str() == "paused" && row.backfill == Backfill::Available
        })
        .await;
    assert!(paused.stream.is_none() && lab.stored(&id) < 1_800, "{:?}", paused.backfill);
    lab.sim.dribble(&id, false);
    let (stored, until) = (lab.stored(&id), lab.now().after(Duration::from_secs(2)));
    lab.wait_for("two seconds to pass", |s| s.at > until).await;
    assert_eq!(lab.stored(&id), stored);
    lab.order(Verb::Resume, Targets::All).await;
    lab.order(Verb::Backfill, Targets::All).await;
    lab.wait_row("the rest", &id, |row| row.stored_total == 1_800).await;
    lab.assert_all_complete().await;
}

/// More than is held in memory while it is not sure that the first stored record will come by.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_history_of_a_rotating_log_is_fetched_too() {
    let spec = ContainerSpec::named("belled").rotating("100m", 3);
    let (lab, id) = long_history(spec).await;
    lab.sim.emit_many(&id, 50, |n| format!("new {n}"));
    lab.rest().await;
    lab.order(Verb::Backfill, Targets::Only(vec![id.clone()])).await;
    lab.wait_row("everything", &id, |row| {
        row.backfill == Backfill::None && row.stored_total == 1_850
    })
    .await;
    lab.assert_all_complete().await;
}

/// What was written after the clock had stepped back is older by its time than the first stored
/// record, and where that was rotated away the log begins with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn younger_records_are_not_taken_for_older_history() {
    let spec = ContainerSpec::named("belled").rotating("50k", 2);
    let (lab, id) = adopted(History::Tail(100), spec, 200).await;
    lab.sim.clock_step(-3_600_000_000_000);
    for part in 0..20 {
        lab.sim.emit_many(&id, 100, |n| format!("new part {part}, line {n}"));
        lab.rest().await;
    }
    let gone = lab.sim.records(&id).iter().take_while(|record| !record.retained).count();
    assert!(gone > 250, "the first stored record is rotated away: {gone}");
    lab.order(Verb::Backfill, Targets::Only(vec![id.clone()])).await;
    lab.until("the backfill", || lab.count_events(EventKind::Backfilled) > 0).await;
    lab.rest().await;
    assert_eq!(lab.stored(&id), 100 + 50 + 2_000, "{:#?}", lab.events());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_that_was_interrupted_can_be_ordered_again() {
    let (lab, id) = adopted(History::Tail(100), ContainerSpec::named("old"), 30_000).await;
    for verb in [Verb::Restart, Verb::Pause] {
        lab.order(Verb::Backfill, Targets::Only(vec![id.clone()])).await;
        lab.order(verb, Targets::All).await;
        if verb == Verb::Pause {
            lab.wait_row("pause", &id, |row| row.phase.as_str() == "paused").await;
            lab.order(Verb::Resume, Targets::All).await;
        }
        lab.wait_row("live, no backfill", &id, |row| {
            is_live(row) && !matches!(row.backfill, Backfill::Running { .. })
        })
        .await;
        let verdict = lab.verdict(&id);
        assert!(verdict.is_clean(), "{verdict:?} {:#?}", lab.seams(&id));
    }
    if lab.wait_row("live", &id, is_live).await.backfill == Backfill::Available {
        lab.order(Verb::Backfill, Targets::Only(vec![id.clone()])).await;
    }
    lab.wait_row("no more history", &id, |row| row.backfill == Backfill::None).await;
    lab.rest().await;
    let verdict = lab.verdict(&id);
    assert!(verdict.is_clean(), "{verdict:?} {:#?}", lab.seams(&id));
}

/// Each look at such a log finds it longer than the last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_history_of_a_log_that_grows_is_fetched_from_its_first_record() {
    let mut lab = Lab::new(Profile::Moby20_10, 10).history(History::Auto);
    let id = lab.sim.run(ContainerSpec::named("lively"));
    lab.sim.emit_many(&id, 20_000, |n| format!("old {n}"));
    let (sim, lively) = (lab.sim.clone(), id.clone());
    let writer = tokio::spawn(async move {
        for n in 0.. {
            sim.emit(&lively, Fd::Stdout, &format!("new {n}"));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    lab.start().await;
    lab.wait_row("everything", &id, |row| {
        row.backfill == Backfill::None && row.stored_total > 20_000
    })
    .await;
    writer.abort();
    lab.rest().await;
    let verdict = lab.verdict(&id);
    assert!(verdict.is_clean() && verdict.excused == 0, "{verdict:?} {:#?}", lab.seams(&id));
    assert!(lab.seams_of(&id, SeamKind::NotTaken).is_empty(), "{:#?}", lab.seams(&id));
}

/// What a record that cannot be decoded hides is not fetched, and the seam before it stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_with_a_damaged_record_is_fetched_up_to_it() {
    let profiles = [Profile::Moby20_10, Profile::Moby24, Profile::Moby27_4, Profile::Moby29];
    let cases = profiles.map(|profile| async move {
        for (damaged, fetched) in [(300, 4_000 - 301), (3_995, 4), (0, 3_999)] {
            let mut lab = Lab::new(profile, 10).history(History::Auto);
            let id = lab.sim.run(ContainerSpec::named("old"));
            lab.sim.corrupt_record(&id, damaged);
            lab.sim.emit_many(&id, 5_000, |n| format!("old {n}"));
            lab.start().await;
            lab.until("the policy's backfill", || lab.count_events(EventKind::Backfilled) > 0)
                .await;
            lab.order(Verb::Backfill, Targets::Only(vec![id.clone()])).await;
            lab.until("the backfill", || lab.count_events(EventKind::Backfilled) > 1).await;
            let verdict = lab.verdict(&id);
            let what = format!("{profile:?}, {damaged}: {verdict:?} {:#?}", lab.events());
            assert!(verdict.is_clean(), "{what}");
            assert_eq!(lab.stored(&id), 1_000 + fetched, "{what}");
            let seams = lab.seams_of(&id, SeamKind::NotTaken);
            assert_eq!(seams.len(), 1, "{what}");
            let is_told = matches!(seams[0].what.lost, Some(Lost::Corrupt(_)));
            // Behind what was stored first nothing could be fetched.
            assert_eq!(is_told, fetched > 0, "{what}");
        }
    });
    futures_util::future::join_all(cases).await;
}

/// The same where a record comes with every look: what can be read is fetched all the same, but for
/// as much as came while it was counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_history_of_a_log_that_grows_is_fetched_up_to_the_damage() {
    let profiles = [Profile::Moby20_10, Profile::Moby24, Profile::Moby27_4, Profile::Moby29];
    let cases = profiles.map(|profile| async move {
        let mut lab = Lab::new(profile, 10).history(History::Auto);
        let id = lab.sim.run(ContainerSpec::named("lively"));
        lab.sim.corrupt_record(&id, 300);
        lab.sim.emit_many(&id, 5_000, |n| format!("old {n}"));
        let load = lab.load(std::slice::from_ref(&id), Duration::from_millis(20), 1);
        lab.start().await;
        lab.until("the policy's backfill", || lab.count_events(EventKind::Backfilled) > 0).await;
        lab.order(Verb::Backfill, Targets::Only(vec![id.clone()])).await;
        lab.until("the backfill", || lab.count_events(EventKind::Backfilled) > 1).await;
        load.stop().await;
        lab.rest().await;
        let verdict = lab.verdict(&id);
        let what = format!("{profile:?}: {verdict:?} {:#?}", lab.seams(&id));
        assert!(verdict.is_clean(), "{what}");
        assert!((300..600).contains(&verdict.excused), "{what}");
        assert_eq!(lab.seams_of(&id, SeamKind::NotTaken).len(), 1, "{what}");
    });
    futures_util::future::join_all(cases).await;
}

/// More text than a look may hold, of fewer records than are looked at twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_of_long_lines_is_taken_whole() {
    let mut lab = Lab::new(Profile::Moby20_10, 10).history(History::All);
    let ids = [
        lab.sim.run(ContainerSpec::named("trusted")),
        lab.sim.run(ContainerSpec::named("belled").rotating("100m", 2)),
    ];
    let text = "x".repeat(2_000);
    ids.iter().for_each(|id| lab.sim.emit_many(id, 10_000, |n| format!("{n} {text}")));
    lab.start().await;
    lab.assert_all_complete().await;
}
