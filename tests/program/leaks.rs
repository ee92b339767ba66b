//! Nothing leaks: after hundreds of reopens, starts and stops there are as many tasks and file
//! descriptors as before. Seen from outside, because descriptors belong to a process.

use std::time::Duration;

use logcap_tui::engine::snapshot::MonitorRow;
use logcap_tui::engine::{Command, EngineSnapshot, Targets, Verb};
use logcap_tui::model::{State, TaskHealth};
use logcap_tui::serve::{command_unix, fetch_unix};
use logcap_tui::sim::ContainerSpec;
use tokio::net::UnixStream;
use tokio::time::{Instant, interval};

use crate::harness::{DEADLINE, Live};
use crate::leaked::{DESCRIPTORS, LIBRARY_TASKS, leaks};

/// The engine samples its process every two seconds, so its figures lag behind its picture.
const FIGURES_LAG: Duration = Duration::from_secs(5);

fn is_live(row: &MonitorRow) -> bool {
    matches!(row.state, State::Live { .. }) && row.health == TaskHealth::Running
}

impl Live {
    fn socket(&self) -> std::path::PathBuf {
        self.dir.path().join("data/engine.sock")
    }

    async fn snapshot(&self) -> EngineSnapshot {
        let body = fetch_unix(&self.socket(), "/snapshot").await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    async fn all_live(&self) {
        self.wait_for("all live", |s| s.monitors.iter().all(|row| row.running && is_live(row)))
            .await;
    }

    /// A picture whose figures were taken after this call.
    async fn settled(&self) -> EngineSnapshot {
        let asked = self.snapshot().await.at;
        self.wait_for("newer figures", |s| s.at.since(asked) > FIGURES_LAG).await;
        self.snapshot().await
    }

    /// The picture with the fewest descriptors of some: what is just under way has one as well, and
    /// would hide a leaked one.
    async fn least(&self) -> EngineSnapshot {
        let mut least = self.settled().await;
        for _ in 0..2 {
            let again = self.settled().await;
            least = if again.process.fds < least.process.fds { again } else { least };
        }
        least
    }

    /// Waits until nothing is more than it was.
    async fn wait_for_no_leaks(&self, before: &EngineSnapshot) {
        let began = Instant::now();
        loop {
            let after = self.settled().await;
            let found = leaks(before, &after);
            if found.is_empty() {
                return;
            }
            assert!(began.elapsed() < DEADLINE, "{found:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_reopens_and_two_hundred_starts_and_stops_leak_nothing() {
    let plain = (0..5).map(|n| ContainerSpec::named(format!("plain-{n}")));
    let rotating = (0..5).map(|n| ContainerSpec::named(format!("rot-{n}")).rotating("1m", 3));
    let (live, ids) = Live::start(plain.chain(rotating)).await;
    live.all_live().await;
    // Once before the baseline, so that what is opened on first use is open.
    let reopen = Command { verb: Verb::Reopen, targets: Targets::All };
    command_unix(&live.socket(), &reopen).await.unwrap();
    let reopened = |n: u64| {
        move |s: &EngineSnapshot| s.monitors.iter().all(|row| row.reopens >= n && is_live(row))
    };
    live.wait_for("the first reopen", reopened(1)).await;
    // A monitor keeps the connection of its last read; after a probe each of them has one.
    live.wait_for("a probe of each", |s| {
        let probed = |row: &MonitorRow| row.reads_by.iter().any(|(cause, _)| cause == "probe");
        s.monitors.iter().all(|row| is_live(row) && probed(row))
    })
    .await;
    let before = live.settled().await;
    let follows = before.monitors.iter().filter(|row| row.stream.is_some()).count() as u64;
    assert!(follows == 10 && before.process.fds > Some(follows), "{:?}", before.process);

    for round in 2..=51 {
        let answer = command_unix(&live.socket(), &reopen).await.unwrap();
        assert_eq!(answer.done, 10, "{answer:?}");
        live.wait_for("reopened and live", reopened(round)).await;
    }
    for round in 0..20 {
        for id in &ids {
            live.sim.emit_many(id, 5, |n| format!("round {round} line {n}"));
            live.sim.die(id);
        }
        live.wait_for("all at their end", |s| {
            s.monitors.iter().all(|row| !row.running && matches!(row.state, State::Ended { .. }))
        })
        .await;
        for id in &ids {
            live.sim.start_container(id);
        }
        live.all_live().await;
    }
    live.wait_for_no_leaks(&before).await;
    let after = live.snapshot().await;
    assert_eq!((after.totals.gaps, after.totals.panics, after.totals.timeouts), (0, 0, 0));
    assert!(after.monitors.iter().all(|row| row.flow.stored == 150), "every line once");

    // The control: connections that are held open are descriptors of the engine, and so few of them
    // are seen. The server drops an idle one after five seconds, so each is replaced before.
    let (rest, most) = (live.least().await, usize::try_from(DESCRIPTORS + 1).unwrap());
    let (mut held, mut ticks) = (Vec::new(), interval(Duration::from_secs(1)));
    let began = Instant::now();
    loop {
        ticks.tick().await;
        held.push(UnixStream::connect(live.socket()).await.unwrap());
        held.drain(..held.len().saturating_sub(most));
        let found = leaks(&rest, &live.snapshot().await).join(", ");
        if found.contains("descriptors") {
            break;
        }
        assert!(began.elapsed() < DEADLINE, "a leak was not seen: {found}");
    }
    drop(held);
    live.wait_for_no_leaks(&before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_more_than_it_was_is_seen() {
    let (live, _) = Live::start([ContainerSpec::named("one")]).await;
    live.all_live().await;
    let before = live.settled().await;
    live.wait_for_no_leaks(&before).await;
    let leaky = |change: fn(&mut EngineSnapshot)| {
        let mut after = before.clone();
        change(&mut after);
        leaks(&before, &after)
    };
    assert_eq!(leaky(|_| ()), [""; 0]);
    assert_eq!(leaky(|s| s.tasks.actual += 1).len(), 1);
    let both = |s: &mut EngineSnapshot| {
        s.tasks.actual += 1;
        s.tasks.expected += 1;
    };
    assert_eq!(leaky(both).len(), 1, "a monitor of a container that is gone");
    assert_eq!(leaky(|s| s.tasks.runtime += LIBRARY_TASKS), [""; 0]);
    assert_eq!(leaky(|s| s.tasks.runtime += LIBRARY_TASKS + 1).len(), 1);
    assert_eq!(leaky(|s| s.process.fds = s.process.fds.map(|n| n + DESCRIPTORS)), [""; 0]);
    assert_eq!(leaky(|s| s.process.fds = s.process.fds.map(|n| n + DESCRIPTORS + 1)).len(), 1);
    assert_eq!(leaky(|s| s.process.fds = s.process.fds.map(|n| n - DESCRIPTORS - 1)).len(), 1);
    assert_eq!(leaky(|s| s.process.rss = s.process.rss.map(|rss| rss * 4)).len(), 1);
}
