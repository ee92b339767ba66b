//! Plays a scenario's steps before a running dashboard, slowly enough to watch, and says each of
//! them on the screen. Steps that stop and start capture have no meaning here, where capture is
//! what one looks at: they are said and passed over. Nothing is judged; the tests do that.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use logcap_tui::engine::snapshot::MonitorRow;
use logcap_tui::engine::{Command, EngineHandle, EngineSnapshot, Targets, Verb};
use logcap_tui::model::{BeatKind, State};
use logcap_tui::sim::{Ask, Player, Sim, Until};
use logcap_tui::tui::PaletteSink;
use tokio::time::{interval, sleep, timeout};

/// Between two steps, so that each can be seen.
const BETWEEN: Duration = Duration::from_millis(1_500);
/// A step that waits for longer than this is passed over.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often the daemon's clock moves.
const CLOCK: Duration = Duration::from_millis(100);
/// Sentences that wait for the screen; older ones are dropped, because the newest is what happens.
const SENTENCES: usize = 4;

/// What the screen is told.
#[derive(Debug, Clone, Default)]
pub(super) struct News(Arc<Mutex<VecDeque<String>>>);

impl News {
    fn say(&self, words: String) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back(words);
        while waiting.len() > SENTENCES {
            waiting.pop_front();
        }
    }
}

impl PaletteSink for News {
    fn play(&self, _index: usize) -> String {
        "a scenario plays by itself".to_owned()
    }

    fn news(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// Plays all steps, and then lets the time go on. Ends only when a step cannot be played.
pub(super) async fn direct(player: Player, engine: EngineHandle, news: News) -> String {
    let sim = player.sim().clone();
    tokio::select! {
        words = play(player, engine, news) => words,
        never = keep_time(sim) => match never {},
    }
}

async fn play(mut player: Player, engine: EngineHandle, news: News) -> String {
    let title = player.scenario().title.clone();
    let all = player.scenario().steps.len();
    news.say(title.clone());
    loop {
        sleep(BETWEEN).await;
        match player.next().await {
            Ok(Some(step)) => {
                news.say(format!("step {} of {all}: {}", step.number, step.text));
                if let Some(ask) = step.ask {
                    meet(ask, &engine).await;
                }
            }
            Ok(None) => break,
            Err(error) => return error.to_string(),
        }
    }
    news.say(format!("over: {title}"));
    std::future::pending().await
}

/// The daemon's clock goes on, from wherever a step has put it.
async fn keep_time(sim: Sim) -> std::convert::Infallible {
    let mut ticks = interval(CLOCK);
    loop {
        ticks.tick().await;
        sim.advance_clock(CLOCK);
    }
}

async fn meet(ask: Ask, engine: &EngineHandle) {
    let order = async |verb, ids| {
        // A refusal is shown by the monitor's own state.
        let _answer = engine.command(Command { verb, targets: Targets::Only(ids) }).await;
    };
    match ask {
        Ask::StartCapture | Ask::StopCapture => {}
        Ask::Pause(ids) => order(Verb::Pause, ids).await,
        Ask::Resume(ids) => order(Verb::Resume, ids).await,
        Ask::Reopen(ids) => order(Verb::Reopen, ids).await,
        Ask::Until(until) => wait(engine, |picture| shows(picture, &until)).await,
        Ask::Rest => {
            let mark = engine.snapshot().at;
            let rests = |row: &MonitorRow| match row.state {
                State::Live { .. } => {
                    row.beat.is_some_and(|beat| beat.kind == BeatKind::Verified && beat.at > mark)
                }
                State::Reading { .. } => false,
                _ => true,
            };
            wait(engine, |picture| picture.at > mark && picture.monitors.iter().all(|r| rests(r)))
                .await;
        }
    }
}

async fn wait(engine: &EngineHandle, condition: impl Fn(&EngineSnapshot) -> bool) {
    let mut pictures = engine.snapshots();
    // What does not come is left to the visitor's eyes.
    let _came = timeout(PATIENCE, pictures.wait_for(|picture| condition(picture))).await;
}

fn shows(picture: &EngineSnapshot, until: &Until) -> bool {
    until.of.iter().all(|id| {
        let row = picture.monitors.iter().find(|row| row.id == *id);
        let Some(row) = row else { return until.is.as_deref() == Some("gone") };
        let stored = until.stored.is_none_or(|least| row.stored_total >= least);
        let word = match until.is.as_deref() {
            None => true,
            Some("live") => matches!(row.state, State::Live { .. }),
            Some(word) => row.phase.as_str() == word,
        };
        stored && word
    })
}
