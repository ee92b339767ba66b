//! A store that was damaged or put back to an earlier day: the cursor still joins, and what the
//! daemon still holds is not lost.

use logcap_tui::model::{ContainerId, SeamKind};
use logcap_tui::sim::{ContainerSpec, Profile};
use rusqlite::Connection;

use crate::harness::Lab;

fn containers(lab: &Lab) -> [ContainerId; 2] {
    [
        lab.sim.run(ContainerSpec::named("trusted")),
        lab.sim.run(ContainerSpec::named("belled").rotating("1m", 5)),
    ]
}

fn emit(lab: &Lab, ids: &[ContainerId], what: &str) {
    ids.iter().for_each(|id| lab.sim.emit_many(id, 300, |n| format!("{what} {n}")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_put_back_to_an_earlier_copy_reads_the_rest_again() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let ids = containers(&lab);
    emit(&lab, &ids, "copied");
    lab.start().await;
    lab.rest().await;
    lab.stop().await;
    let database = lab.store_dir().join("logcap.db");
    let copy = std::fs::read(&database).unwrap();
    emit(&lab, &ids, "behind the copy");
    lab.start().await;
    lab.assert_all_complete().await;
    lab.stop().await;
    std::fs::write(&database, copy).unwrap();
    emit(&lab, &ids, "behind the restore");
    lab.start().await;
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_block_is_reported_and_the_cursor_joins_behind_it() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let ids = containers(&lab);
    emit(&lab, &ids, "before");
    lab.start().await;
    lab.rest().await;
    lab.stop().await;
    let conn = Connection::open(lab.store_dir().join("logcap.db")).unwrap();
    // The newest block of each log: the cursor has to join without what it describes.
    let newest = "SELECT max(id) FROM block GROUP BY log_id";
    let sql = format!("UPDATE block SET data = zeroblob(length(data)) WHERE id IN ({newest})");
    assert_eq!(conn.execute(&sql, []).unwrap(), ids.len());
    drop(conn);

    emit(&lab, &ids, "after");
    lab.start().await;
    lab.rest().await;
    for id in &ids {
        assert_eq!(lab.seams_of(id, SeamKind::Gap), [], "the cursor joined");
        let verdict = lab.verdict(id);
        assert!(!verdict.is_clean(), "nobody has reported the damage yet: {verdict:?}");
    }
    // Reading for the verdict has met the damage; the next start records it.
    lab.stop().await;
    lab.start().await;
    lab.rest().await;
    for id in &ids {
        assert_eq!(lab.seams_of(id, SeamKind::Damaged).len(), 1);
        let verdict = lab.verdict(id);
        assert!(verdict.is_clean(), "{verdict:?}\n{:#?}", lab.seams(id));
    }
}
