//! Acceptance: evidence over thirteen simulated minutes, and the faults of daemon and discovery,
//! with every rule of `verify` held against every picture.

use std::sync::Arc;
use std::time::{Duration, Instant};

use logcap_tui::engine::EngineSnapshot;
use logcap_tui::engine::snapshot::Link;
use logcap_tui::model::{ContainerId, TaskHealth};
use logcap_tui::sim::{ContainerSpec, Endpoint, Profile};
use logcap_tui::verify::{Finding, Judge, Rule, Sample};
use tokio::time::interval;

use crate::harness::{Lab, is_live};

/// Probe intervals in thirteen minutes at the default of thirty seconds.
const THIRTEEN_MINUTES: u32 = 26;
/// A picture is up to one tick old, which is long on this clock.
const TICK: Duration = Duration::from_millis(250);

fn start(lab: &Lab, n: usize) -> Vec<ContainerId> {
    let spec = |n: usize| {
        let spec = ContainerSpec::named(format!("c{n}"));
        if n.is_multiple_of(2) { spec } else { spec.rotating("10m", 3) }
    };
    (0..n).map(|n| lab.sim.run(spec(n))).collect()
}

/// Judges a picture by all rules but those named.
fn judge(judge: &mut Judge, picture: &Arc<EngineSnapshot>, but: &[Rule]) -> Vec<Finding> {
    let mut findings = judge.judge(picture.at.0, &Sample::Picture(Arc::clone(picture)));
    findings.retain(|finding| !but.contains(&finding.rule));
    findings
}

async fn thirteen_minutes(containers: usize) {
    let mut lab = Lab::new(Profile::Moby20_10, 4);
    let ids = start(&lab, containers);
    lab.start().await;
    lab.wait_for("all live", |s| s.monitors.iter().all(|row| is_live(row))).await;
    // One in four is busy, of either kind; the others are quiet.
    let busy = ids.iter().enumerate().filter(|(n, _)| n % 8 < 2).map(|(_, id)| id.clone());
    let busy: Vec<_> = busy.collect();
    let load = lab.load(&busy, Duration::from_millis(200), 2);

    let probe = lab.timing.probe.get();
    let until = lab.now().after(probe * THIRTEEN_MINUTES);
    let (mut pictures, mut rules) = (lab.handle().snapshots(), Judge::new(false));
    let (mut samples, mut late, mut looked) = (0, Duration::ZERO, Instant::now());
    while lab.now() < until {
        pictures.changed().await.unwrap();
        // What this machine keeps from us, it keeps from the engine as well.
        late = late.max(looked.elapsed().saturating_sub(TICK));
        looked = Instant::now();
        let picture = Arc::clone(&pictures.borrow_and_update());
        // Descriptors belong to the process of all tests, evidence is judged below.
        let wrong = judge(&mut rules, &picture, &[Rule::Descriptors, Rule::Evidence]);
        assert_eq!(wrong, [], "{containers} containers");
        assert_eq!(picture.monitors.len(), containers);
        for row in &picture.monitors {
            assert_eq!(row.health, TaskHealth::Running, "{}: {:?}", row.name, row.state);
            let age = picture.at.since(row.beat.unwrap().at);
            let allowed = probe * 2 + TICK + late * 4;
            assert!(age <= allowed, "{}: {age:?} old, {allowed:?} allowed", row.name);
        }
        samples += 1;
    }
    assert!(samples > 10, "{samples}");
    load.stop().await;
    let end = lab.snapshot();
    assert_eq!((end.totals.timeouts, end.totals.failures_5m, end.totals.restarts), (0, 0, 0));
    assert_eq!(end.coverage.matched, containers);
    lab.assert_all_complete().await;
}

/// The negative control stands in `controls.rs`: without answers the state leaves `running`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_thirteen_minutes_evidence_is_never_older_than_two_probe_intervals() {
    futures_util::future::join_all([1, 10, 100].map(thirteen_minutes)).await;
}

/// What can go wrong between discovery and the daemon.
type Fault = (&'static str, fn(&Lab), fn(&Lab));

const FAULTS: &[Fault] = &[
    ("list 500", |lab| fail(lab, Endpoint::List), |_| ()),
    ("inspect 500", |lab| fail(lab, Endpoint::Inspect), |_| ()),
    ("events 500", |lab| fail(lab, Endpoint::Events), |_| ()),
    ("list in vain", |lab| hang(lab, Endpoint::List), |lab| go_on(lab, Endpoint::List)),
    ("inspect in vain", |lab| hang(lab, Endpoint::Inspect), |lab| go_on(lab, Endpoint::Inspect)),
    ("events in vain", |lab| hang(lab, Endpoint::Events), |lab| go_on(lab, Endpoint::Events)),
    ("all connections cut", |lab| lab.sim.cut_connections(), |_| ()),
    ("no HTTP at all", |lab| lab.sim.garbage_http(true), |lab| lab.sim.garbage_http(false)),
];

fn fail(lab: &Lab, endpoint: Endpoint) {
    lab.sim.fail_next(logcap_tui::sim::Target::All, endpoint, 500, 3);
    // So that events have to be asked for again, and containers listed.
    lab.sim.cut_connections();
}

fn hang(lab: &Lab, endpoint: Endpoint) {
    lab.sim.delay_headers(endpoint, Duration::from_hours(1));
    lab.sim.cut_connections();
}

fn go_on(lab: &Lab, endpoint: Endpoint) {
    lab.sim.delay_headers(endpoint, Duration::ZERO);
    lab.sim.cut_connections();
}

async fn survives((what, break_it, mend_it): &Fault) {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let ids = start(&lab, 4);
    lab.start().await;
    lab.rest().await;
    break_it(&lab);
    // Somebody comes, somebody goes, everybody writes, while nothing can be asked.
    let late = lab.sim.run(ContainerSpec::named("late"));
    lab.sim.die(&ids[0]);
    for id in ids.iter().chain([&late]) {
        lab.sim.emit_many(id, 30, |n| format!("{what} {n}"));
    }
    let mut rules = Judge::new(false);
    let but = [Rule::Descriptors, Rule::Evidence];
    let (until, mut ticks) = (lab.now().after(lab.timing.probe.get() * 4), interval(TICK));
    while lab.now() < until {
        ticks.tick().await;
        assert_eq!(judge(&mut rules, &lab.snapshot(), &but), [], "{what}");
    }
    mend_it(&lab);
    lab.wait_for("everybody captured, nobody forgotten", |s| {
        matches!(s.docker.link, Link::Up { .. })
            && s.monitors.len() == 5
            && s.coverage.matched == 4
            && s.coverage.fresh == 4
            && s.is_healthy()
    })
    .await;
    lab.assert_all_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_discovery_forget_no_container_and_hide_nothing() {
    // Side by side: each spends its time waiting.
    futures_util::future::join_all(FAULTS.iter().map(survives)).await;
}

/// One wedged monitor among fifty is the case in `stop.rs`, where all are; here the others have
/// work to finish meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_wedged_monitor_does_not_keep_the_others_from_ending() {
    let mut lab = Lab::new(Profile::Moby20_10, 10);
    let ids = start(&lab, 50);
    lab.start().await;
    lab.wait_for("all live", |s| s.monitors.iter().all(|row| is_live(row))).await;
    lab.sim.stall_reads(&ids[7]);
    lab.sim.stall_streams(&ids[7]);
    ids.iter().for_each(|id| lab.sim.emit_many(id, 100, |n| format!("line {n}")));
    lab.wait_for("the others stored", |s| {
        s.monitors.iter().filter(|row| row.flow.stored == 100).count() == 49
    })
    .await;
    let took = lab.stop().await;
    assert!(took <= Duration::from_secs(5), "one deadline for all: {took:?}");
    lab.sim.unstall(&ids[7]);
    lab.start().await;
    lab.assert_all_complete().await;
}
