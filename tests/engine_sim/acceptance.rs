//! Acceptance: evidence over thirteen simulated minutes, and the faults of daemon and discovery,
//! with every rule of `verify` held against every picture.

use std::sync::Arc;
use std::time::{Duration, Instant};

use logcap_tui::engine::EngineSnapshot;
use logcap_tui::engine::snapshot::Link;
use logcap_tui::model::{ContainerId, EventKind, TaskHealth};
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

/// What can go wrong between discovery and the daemon: its name, what the screen calls it, how it
/// begins and how it ends.
type Fault = (&'static str, Option<&'static str>, fn(&Lab), fn(&Lab));

const LIST: Option<&str> = Some("cannot list containers");
const INSPECT: Option<&str> = Some("cannot inspect containers");
const EVENTS: Option<&str> = Some("cannot follow events");
/// More often than anybody asks.
const FOR_GOOD: u32 = 1_000_000;

/// Events that never come are no fault that could be named: a daemon on which nothing happens is as
/// silent. Lists find what they would have told.
const FAULTS: &[Fault] = &[
    ("list 500", LIST, |lab| fail(lab, Endpoint::List, 3), |_| ()),
    ("inspect 500", INSPECT, |lab| fail(lab, Endpoint::Inspect, 30), |_| ()),
    ("events 500", EVENTS, |lab| fail(lab, Endpoint::Events, 3), |_| ()),
    ("list 500 for good", LIST, |lab| fail(lab, Endpoint::List, FOR_GOOD), |lab| lab.sim.heal()),
    (
        "inspect 500 for good",
        INSPECT,
        |lab| fail(lab, Endpoint::Inspect, FOR_GOOD),
        |lab| lab.sim.heal(),
    ),
    (
        "events 500 for good",
        EVENTS,
        |lab| fail(lab, Endpoint::Events, FOR_GOOD),
        |lab| lab.sim.heal(),
    ),
    ("list in vain", LIST, |lab| hang(lab, Endpoint::List), |lab| go_on(lab, Endpoint::List)),
    (
        "inspect in vain",
        INSPECT,
        |lab| hang(lab, Endpoint::Inspect),
        |lab| go_on(lab, Endpoint::Inspect),
    ),
    ("events in vain", None, |lab| hang(lab, Endpoint::Events), |lab| go_on(lab, Endpoint::Events)),
    ("all connections cut", None, |lab| lab.sim.cut_connections(), |_| ()),
    ("no HTTP at all", None, |lab| lab.sim.garbage_http(true), |lab| lab.sim.garbage_http(false)),
];

fn fail(lab: &Lab, endpoint: Endpoint, times: u32) {
    lab.sim.fail_next(logcap_tui::sim::Target::All, endpoint, 500, times);
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

async fn survives((what, state, break_it, mend_it): &Fault) {
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
    if let Some(state) = state {
        let named = |s: &EngineSnapshot| s.docker.blind.as_ref().is_some_and(|b| b.what == *state);
        lab.wait_for(what, named).await;
    }
    let mut rules = Judge::new(false);
    let but = [Rule::Descriptors, Rule::Evidence];
    let (until, mut ticks) = (lab.now().after(lab.timing.probe.get() * 4), interval(TICK));
    while lab.now() < until {
        ticks.tick().await;
        let mut wrong = judge(&mut rules, &lab.snapshot(), &but);
        // That nobody can see who comes is said after a while, and of no other fault.
        wrong.retain(|f| !(state.is_some() && f.figures.starts_with("containers may run unseen")));
        assert_eq!(wrong, [], "{what}");
    }
    mend_it(&lab);
    lab.wait_for("everybody captured, nobody forgotten", |s| {
        matches!(s.docker.link, Link::Up { .. })
            && s.docker.blind.is_none()
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

/// A daemon that refuses is asked again, ever more slowly; for how long it has refused is said, and
/// what came meanwhile is captured within the longest wait of when it answers.
async fn is_asked_again_with_patience((endpoint, is_it): (Endpoint, fn(&str) -> bool)) {
    let mut lab = Lab::new(Profile::Moby24, 10);
    start(&lab, 2);
    lab.start().await;
    lab.rest().await;
    fail(&lab, endpoint, FOR_GOOD);
    let late = lab.sim.run(ContainerSpec::named("late"));
    lab.wait_for("blind", |s| s.docker.blind.is_some()).await;
    let asked = || lab.sim.requests().iter().filter(|seen| is_it(&seen.path)).count();
    let (before, from, mut rules) = (asked(), lab.now(), Judge::new(false));
    lab.wait_for("unhealthy", |s| !s.is_healthy() && s.at.since(from) >= SEVEN).await;
    // Waits of 1, 2, 4 and 5 seconds; whatever is listed is asked for with one question each.
    let questions = asked() - before;
    assert!((1..=12).contains(&questions), "{endpoint:?} was asked {questions} times");
    let wrong = judge(&mut rules, &lab.snapshot(), &[Rule::Descriptors]);
    let [finding] = &wrong[..] else { panic!("{wrong:?}") };
    assert_eq!(finding.rule, Rule::Coverage, "{finding:?}");
    lab.sim.heal();
    let healed = lab.now();
    lab.wait_row("captured", &late, is_live).await;
    assert!(lab.now().since(healed) < SEVEN, "{:?}", lab.now().since(healed));
    lab.rest().await;
    let told = [EventKind::DiscoveryFailed, EventKind::DiscoveryRecovered];
    assert_eq!(told.map(|kind| lab.count_events(kind)), [1, 1], "{endpoint:?}");
}

/// A little more than the longest wait.
const SEVEN: Duration = Duration::from_secs(7);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_refuses_for_good_is_asked_with_patience() {
    let all: [(Endpoint, fn(&str) -> bool); 3] = [
        (Endpoint::List, |path| path.ends_with("/containers/json")),
        (Endpoint::Events, |path| path.ends_with("/events")),
        (Endpoint::Inspect, |path| path.ends_with("/json") && !path.ends_with("/containers/json")),
    ];
    let each = all.map(is_asked_again_with_patience);
    futures_util::future::join_all(each).await;
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
