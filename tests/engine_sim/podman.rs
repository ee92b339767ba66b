//! Podman: whole seconds, tails that merge the pieces of lines, and no id of its own.

use logcap_tui::config::History;
use logcap_tui::engine::snapshot::Backfill;
use logcap_tui::engine::{Targets, Verb};
use logcap_tui::model::{Away, ContainerId, Fd, Lost, SeamKind};
use logcap_tui::sim::{ContainerSpec, Profile};

use crate::harness::{Lab, is_live};

const SECOND: i64 = 1_000_000_000;

/// Lines of which every third is longer than what conmon reads at once, so many in each of ten seconds.
fn write(lab: &Lab, id: &ContainerId, each: usize) {
    for second in 0..10 {
        for n in 0..each {
            let length = if n % 3 == 0 { 20_000 } else { 20 };
            lab.sim.emit(id, Fd::Stdout, &format!("{second} {n:0length$}"));
        }
        lab.sim.clock_step(SECOND);
    }
}

/// What a tail would bring is taken record by record, and the rest later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_lines_are_taken_piece_by_piece_under_every_policy() {
    let policies = [History::Now, History::Tail(12), History::Auto, History::Tail(500)];
    let cases = policies.map(|history| async move {
        let mut lab = Lab::new(Profile::Podman4, 10).history(history);
        let id = lab.sim.run(ContainerSpec::named("long").driver("k8s-file"));
        write(&lab, &id, 9);
        let all = lab.sim.records(&id).len() as u64;
        lab.start().await;
        lab.wait_row("live", &id, is_live).await;
        let (taken, older) = (lab.stored(&id), lab.seams_of(&id, SeamKind::NotTaken).len());
        let is_part = matches!(history, History::Now | History::Tail(12));
        assert_eq!((taken < all, older), (is_part, usize::from(is_part)), "{history:?}: {taken}");
        lab.sim.emit(&id, Fd::Stdout, &"new ".repeat(5_000));
        lab.rest().await;
        let verdict = lab.verdict(&id);
        assert!(verdict.is_clean(), "{history:?}: {verdict:?} {:#?}", lab.seams(&id));
        if is_part {
            lab.order(Verb::Backfill, Targets::All).await;
        }
        lab.wait_row("everything", &id, |row| row.backfill == Backfill::None).await;
        lab.rest().await;
        lab.assert_complete(&id);
    });
    futures_util::future::join_all(cases).await;
}

/// It makes up another id for each question, and is known by its host.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_was_removed_while_no_engine_ran_is_missed() {
    let mut lab = Lab::new(Profile::Podman4, 10);
    let id = lab.sim.run(ContainerSpec::named("gone").driver("k8s-file"));
    write(&lab, &id, 3);
    lab.start().await;
    lab.rest().await;
    lab.stop().await;
    lab.sim.emit(&id, Fd::Stdout, "nobody reads this");
    lab.sim.remove(&id);
    lab.start().await;
    lab.until("the gap", || !lab.seams_of(&id, SeamKind::Gap).is_empty()).await;
    let gaps = lab.seams_of(&id, SeamKind::Gap);
    let what = gaps.iter().map(|gap| (gap.what.lost.clone(), gap.what.away));
    assert_eq!(what.collect::<Vec<_>>(), [(Some(Lost::Unknown), Some(Away::NotRunning))]);
    let verdict = lab.verdict(&id);
    assert!(verdict.is_clean() && verdict.reported == 1, "{verdict:?}");
}
