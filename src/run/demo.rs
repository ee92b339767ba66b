//! `demo`: the dashboard over a simulated daemon in this process, with a store that goes with it.
//!
//! Everything but the daemon is the real thing: the same engine, store and screen, over a unix
//! socket. Only the probe interval is short, so that a visitor sees within seconds what takes
//! half a minute elsewhere.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use logcap_tui::cli::{DemoArgs, GlobalOptions};
use logcap_tui::config::{Config, Environment, Filter, History};
use logcap_tui::model::Timestamp;
use logcap_tui::sim::{Demo, DemoFault, Sim};
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
    let what = "cannot make a directory for the demo";
    // Private to this user, and gone with everything in it when this function ends.
    let stage = tempfile::Builder::new()
        .prefix("logcap-tui-demo-")
        .tempdir_in(&environment.temp_dir)
        .map_err(|source| Failure::System { what, source })?;
    let config = config(environment, global, stage.path())?;
    let outcome = runtime()?.block_on(play(config, stage.path(), args.seed));
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

fn socket(stage: &Path) -> std::path::PathBuf {
    stage.join("docker.sock")
}

async fn play(config: Config, stage: &Path, seed: u64) -> Result<Outcome, Failure> {
    let look = Look::of(&config)?;
    let sim = Sim::start_seeded(&socket(stage), Demo::PROFILE, seed)
        .map_err(|error| Failure::Screen(error.to_string()))?;
    let demo = Demo::new(sim.clone(), seed, Timestamp::from_system(SystemTime::now()));
    let store = engine::open_store(&config)?;
    let source = StoreSource::new(store.reader.clone());
    let running = engine::start(&config, store).await?;
    let extras = Extras { viewer_note: None, palette: Some(palette(demo.clone())) };
    let screen = until_signal(show(look, running.engine.handle(), source, extras));
    let left = tokio::select! {
        left = screen => left,
        error = demo.live(1) => Err(Failure::Screen(error.to_string())),
    };
    let stopped = running.stop().await;
    sim.stop().await;
    leave(left)?;
    stopped.map(|()| Outcome::Done)
}

fn palette(demo: Demo) -> (Palette, Arc<dyn PaletteSink>) {
    let entry = |fault: DemoFault| PaletteEntry {
        title: fault.title().to_owned(),
        watch: fault.watch().to_owned(),
    };
    let entries = DemoFault::ALL.into_iter().map(entry).collect();
    let palette = Palette { label: "DEMO".to_owned(), entries, cursor: 0 };
    (palette, Arc::new(Stage(demo)))
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
