//! Plays one scenario with an engine and hands the end to the judge.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use logcap_tui::engine::{Targets, Verb};
use logcap_tui::model::{ContainerId, Fd};
use logcap_tui::sim::{Ask, Player, Scenario, Until};

use crate::harness::{Lab, is_live, row};
use crate::judge;

/// The shortest legal deadlines, divided by this.
const FACTOR: u32 = 10;
/// Faults make an engine wait, so waits of a scenario are longer than those of other tests.
const PATIENCE: Duration = Duration::from_secs(90);
/// Within this after the faults ended, a fresh line of every running container is stored.
const FRESH_WITHIN: Duration = Duration::from_secs(20);
const FRESH: &str = "a fresh line after the faults";

/// The scenario's end in one sentence, or everything that is wrong.
pub(crate) async fn perform(scenario: Scenario) -> Result<String, Vec<String>> {
    let begun = std::time::Instant::now();
    let dir = tempfile::tempdir().unwrap();
    let sim = scenario.start(&dir.path().join("docker.sock")).unwrap();
    let mut lab = Lab::around(sim.clone(), dir, FACTOR).patient(PATIENCE);
    let mut player = Player::new(sim.clone(), scenario);
    while let Some(played) = player.next().await.map_err(|error| vec![error.to_string()])? {
        let step = format!("step {}: {}", played.number, played.text);
        if std::env::var_os("SCENARIO").is_some() {
            eprintln!("{:>8.1?} {step}", begun.elapsed());
        }
        if let Some(ask) = played.ask {
            answer(&mut lab, &step, ask).await;
        }
    }
    if !lab.is_running() {
        lab.start().await;
    }
    // Without fresh lines there is no rest either, so nothing more could be judged.
    freshness(&lab, &player).await.map_err(|late| vec![late])?;
    lab.rest().await;
    let mut wrong = judge::judge(&lab, &player);
    if !sim.refused().is_empty() {
        wrong.push(format!("something else than GET was sent: {:?}", sim.refused()));
    }
    if wrong.is_empty() { Ok(judge::summary(&lab, &player)) } else { Err(wrong) }
}

async fn answer(lab: &mut Lab, step: &str, ask: Ask) {
    match ask {
        Ask::StartCapture => lab.start().await,
        Ask::StopCapture => drop(lab.stop().await),
        Ask::Pause(ids) => drop(lab.order(Verb::Pause, Targets::Only(ids)).await),
        Ask::Resume(ids) => drop(lab.order(Verb::Resume, Targets::Only(ids)).await),
        Ask::Reopen(ids) => drop(lab.order(Verb::Reopen, Targets::Only(ids)).await),
        Ask::Rest => drop(lab.rest().await),
        Ask::Until(until) => wait(lab, step, &until).await,
    }
}

async fn wait(lab: &Lab, step: &str, until: &Until) {
    // Of containers that shared a name, the last one is meant.
    let present: Vec<&ContainerId> =
        until.of.iter().filter(|id| lab.sim.exists(id) || until.is.is_some()).collect();
    // Each reaches it at some moment: of a hundred monitors there is always one that reopens.
    let reached = Mutex::new(BTreeSet::new());
    lab.wait_for(step, |snapshot| {
        let mut reached = reached.lock().unwrap();
        let holds = |id: &ContainerId| {
            let row = row(snapshot, id);
            let is = match (until.is.as_deref(), row) {
                (None, _) => true,
                (Some("gone"), row) => row.is_none(),
                (Some("live"), row) => row.is_some_and(|row| is_live(row)),
                (Some(word), row) => row.is_some_and(|row| row.phase.as_str() == word),
            };
            is && until.stored.is_none_or(|n| lab.stored(id) >= n)
        };
        let others: Vec<_> = present.iter().filter(|id| !reached.contains(**id)).collect();
        reached.extend(others.into_iter().filter(|id| holds(id)).map(|id| (*id).clone()));
        reached.len() == present.len()
    })
    .await;
}

/// Every running container whose log can be read writes a line, which must be stored in time.
async fn freshness(lab: &Lab, player: &Player) -> Result<(), String> {
    let running: Vec<ContainerId> = player
        .ids("all")
        .into_iter()
        .filter(|id| lab.sim.is_running(id) && lab.sim.is_readable(id))
        .collect();
    // A container that has just appeared is not on the screen yet.
    lab.wait_for("a row for each", |snapshot| running.iter().all(|id| row(snapshot, id).is_some()))
        .await;
    let begun = tokio::time::Instant::now();
    running.iter().for_each(|id| lab.sim.emit(id, Fd::Stdout, FRESH));
    loop {
        let late: Vec<String> = running
            .iter()
            .filter(|id| !lab.holds(id, FRESH.as_bytes()))
            .filter_map(|id| row(&lab.snapshot(), id).map(|row| row.name.clone()))
            .collect();
        if late.is_empty() {
            return Ok(());
        }
        if begun.elapsed() > FRESH_WITHIN {
            return Err(format!("no fresh line of {} within {FRESH_WITHIN:?}", late.join(", ")));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
