//! `demo`: the dashboard over a simulated daemon in this process, with a store that goes with it.
//!
//! Everything but the daemon is the real thing: the same engine, store and screen, over a unix
//! socket. Only the probe interval is short, so that a visitor sees within seconds what takes
//! half a minute elsewhere. On the stage is the simulator's town with its palette of faults, or a
//! scenario from a file, whose steps `scenario` plays.

mod scenario;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use logcap_tui::cli::{DemoArgs, GlobalOptions};
use logcap_tui::config::{Config, Environment, Filter, History};
use logcap_tui::engine::EngineHandle;
use logcap_tui::model::Timestamp;
use logcap_tui::sim::{Demo, DemoFault, Player, Scenario, Sim, SimError};
use logcap_tui::telemetry::Output;
use logcap_tui::tui::{Palette, PaletteEntry, PaletteSink};

use super::dashboard::{Extras, Look, leave, show, until_signal};
use super::source::StoreSource;
use super::{Failure, Outcome, engine, prepared, runtime};

/// The shortest probe interval that there is.
const PROBE: &str = "5s";

/// Runs the command.
pub(super) fn run(
    environment: &Environment,
    global: &GlobalOptions,
    args: &DemoArgs,
) -> Result<Outcome, Failure> {
    let scenario = args.scenario.as_deref().map(Scenario::read).transpose();
    let scenario = scenario.map_err(|error| Failure::Argument(error.to_string()))?;
    let what = "cannot make a directory for the demo";
    // Private to this user, and gone with everything in it when this function ends.
    let stage = tempfile::Builder::new()
        .prefix("logcap-tui-demo-")
        .tempdir_in(&environment.temp_dir)
        .map_err(|source| Failure::System { what, source })?;
    let config = config(environment, global, stage.path())?;
    let outcome = runtime()?.block_on(async {
        let play = Play::new(&socket(stage.path()), scenario, args.seed);
        perform(config, play.map_err(|error| Failure::Screen(error.to_string()))?).await
    });
    stage.close().map_err(|source| {
        let what = "cannot remove the demo's directory";
        Failure::System { what, source }
    })?;
    outcome
}

/// The user's looks and keys, with everything else as the demo needs it.
fn config(
    environment: &Environment,
    global: &GlobalOptions,
    stage: &Path,
) -> Result<Config, Failure> {
    let socket = socket(stage);
    let options = GlobalOptions {
        docker: Some(format!("unix://{}", socket.display())),
        data_dir: Some(stage.join("store").display().to_string()),
        probe: global.probe.clone().or_else(|| Some(PROBE.to_owned())),
        include: Vec::new(),
        exclude: Vec::new(),
        label: Vec::new(),
        ..global.clone()
    };
    let mut config = prepared(environment, &options, Output::Dashboard)?;
    // What the file says of the real containers does not concern these.
    (config.filter, config.history) = (Filter::default(), History::Auto);
    Ok(config)
}

fn socket(stage: &Path) -> PathBuf {
    stage.join("docker.sock")
}

/// What is on the stage.
enum Play {
    Town { sim: Sim, demo: Demo },
    Scenario { sim: Sim, player: Box<Player>, news: scenario::News },
}

impl Play {
    fn new(socket: &Path, scenario: Option<Scenario>, seed: u64) -> Result<Self, SimError> {
        let now = Timestamp::from_system(SystemTime::now());
        match scenario {
            None => {
                let sim = Sim::start_seeded(socket, Demo::PROFILE, seed)?;
                Ok(Self::Town { sim: sim.clone(), demo: Demo::new(sim, seed, now) })
            }
            Some(scenario) => {
                let sim = Sim::start_seeded(socket, scenario.daemon, scenario.seed)?;
                sim.set_clock(now);
                let player = Box::new(Player::new(sim.clone(), scenario));
                Ok(Self::Scenario { sim, player, news: scenario::News::default() })
            }
        }
    }

    fn sim(&self) -> Sim {
        match self {
            Self::Town { sim, .. } | Self::Scenario { sim, .. } => sim.clone(),
        }
    }

    fn palette(&self) -> (Palette, Arc<dyn PaletteSink>) {
        let label = "DEMO".to_owned();
        let (entries, sink): (_, Arc<dyn PaletteSink>) = match self {
            Self::Town { demo, .. } => {
                let entry = |fault: DemoFault| PaletteEntry {
                    title: fault.title().to_owned(),
                    watch: fault.watch().to_owned(),
                };
                let entries = DemoFault::ALL.into_iter().map(entry).collect();
                (entries, Arc::new(Stage(demo.clone())))
            }
            Self::Scenario { news, .. } => (Vec::new(), Arc::new(news.clone())),
        };
        (Palette { label, entries, cursor: 0 }, sink)
    }

    /// Goes on until something is wrong with the stage itself.
    async fn go_on(self, engine: EngineHandle) -> String {
        match self {
            Self::Town { demo, .. } => demo.live(1).await.to_string(),
            Self::Scenario { player, news, .. } => {
                Box::pin(scenario::direct(*player, engine, news)).await
            }
        }
    }
}

async fn perform(config: Config, play: Play) -> Result<Outcome, Failure> {
    let look = Look::of(&config)?;
    let store = engine::open_store(&config)?;
    let source = StoreSource::new(store.reader.clone());
    let running = engine::start(&config, store).await?;
    let (sim, handle) = (play.sim(), running.engine.handle());
    let extras = Extras { viewer_note: None, palette: Some(play.palette()) };
    let screen = until_signal(show(look, handle.clone(), source, extras));
    let left = tokio::select! {
        left = screen => left,
        words = play.go_on(handle) => Err(Failure::Screen(words)),
    };
    let stopped = running.stop().await;
    sim.stop().await;
    leave(left)?;
    stopped.map(|()| Outcome::Done)
}

/// The simulated daemon behind the screen's palette.
struct Stage(Demo);

impl PaletteSink for Stage {
    fn play(&self, index: usize) -> String {
        match DemoFault::ALL.get(index) {
            Some(fault) => self.0.play(*fault),
            None => "there is no such fault".to_owned(),
        }
    }
}
