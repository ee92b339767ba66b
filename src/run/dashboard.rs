//! The dashboard: engine and screen in one process, or a viewer when another engine has the store.

use std::sync::Arc;

use logcap_tui::config::{ColorDepth, Config, TimestampStyle};
use logcap_tui::engine::EngineHandle;
use logcap_tui::store::{StoreError, StoreReader};
use logcap_tui::tui::{
    self, Exit, KeyMap, LogSource, Palette, PaletteSink, Stamps, Theme, TuiContext, TuiOptions,
};

use super::capture::stop_signal;
use super::source::StoreSource;
use super::{Failure, Outcome, engine, say, viewer};

/// Runs the command.
pub(super) async fn run(config: Config) -> Result<Outcome, Failure> {
    let look = Look::of(&config)?;
    match engine::open_store(&config) {
        Ok(store) => {
            let source = StoreSource::new(store.reader.clone());
            let running = engine::start(&config, store).await?;
            let left =
                until_signal(show(look, running.engine.handle(), source, Extras::default())).await;
            let stopped = running.stop().await;
            leave(left)?;
            stopped.map(|()| Outcome::Done)
        }
        Err(Failure::Store(StoreError::Locked { pid, .. })) => {
            let source = StoreSource::new(StoreReader::open(&config.paths.data_dir)?);
            let (handle, work) = viewer::watch_engine(config.paths.engine_socket.clone());
            let note = format!("viewer: process {pid} captures into this store");
            let extras = Extras { viewer_note: Some(note), palette: None };
            let left = tokio::select! {
                left = until_signal(show(look, handle, source, extras)) => left,
                () = work => return Ok(Outcome::Done),
            };
            leave(left)?;
            Ok(Outcome::Done)
        }
        Err(failure) => Err(failure),
    }
}

/// Ends the screen on SIGTERM, SIGHUP and SIGINT as on `q`: dropping it restores the terminal, and
/// what was captured is committed behind it.
pub(super) async fn until_signal(
    screen: impl Future<Output = Result<Exit, Failure>>,
) -> Result<Exit, Failure> {
    tokio::select! {
        left = screen => left,
        () = stop_signal() => Ok(Exit::Quit { summary: "stopped by a signal".to_owned() }),
    }
}

/// Looks and keys, checked before the screen is taken.
pub(super) struct Look {
    theme: Theme,
    keys: KeyMap,
    options: TuiOptions,
}

impl Look {
    pub(super) fn of(config: &Config) -> Result<Self, Failure> {
        let wrong = |error: &dyn std::fmt::Display| Failure::Argument(error.to_string());
        let ui = &config.ui;
        let theme = match config.themes.get(&ui.theme) {
            Some(own) => {
                let table = toml::to_string(own).map_err(|e| wrong(&e))?;
                Theme::parse(&table).map_err(|e| wrong(&e))?
            }
            None => Theme::named(&ui.theme).map_err(|e| wrong(&e))?,
        };
        let keys = KeyMap::with(&config.keys).map_err(|e| wrong(&e))?;
        let zone = if ui.utc { jiff::tz::TimeZone::UTC } else { jiff::tz::TimeZone::system() };
        let options = TuiOptions {
            mouse: ui.mouse,
            timestamps: match ui.timestamps {
                TimestampStyle::Time if ui.utc => Stamps::Utc,
                TimestampStyle::Time => Stamps::Local,
                TimestampStyle::Relative => Stamps::Relative,
                TimestampStyle::Off => Stamps::Off,
            },
            no_color: ui.colors == ColorDepth::None,
            sixteen_colors: ui.colors == ColorDepth::Sixteen,
            zone,
            ..TuiOptions::default()
        };
        Ok(Self { theme, keys, options })
    }
}

/// What a viewer and the demo add to the screen.
#[derive(Default)]
pub(super) struct Extras {
    pub(super) viewer_note: Option<String>,
    pub(super) palette: Option<(Palette, Arc<dyn PaletteSink>)>,
}

pub(super) async fn show(
    look: Look,
    handle: EngineHandle,
    source: Arc<dyn LogSource>,
    extras: Extras,
) -> Result<Exit, Failure> {
    let Extras { viewer_note, palette } = extras;
    let Look { theme, keys, options } = look;
    let build = concat!("logcap-tui ", env!("CARGO_PKG_VERSION")).to_owned();
    let context = TuiContext { handle, source, theme, keys, options, build, viewer_note, palette };
    // The screen's future is large, and it is moved through several others.
    Box::pin(tui::run(context)).await.map_err(|error| Failure::Screen(error.to_string()))
}

/// What stays in the terminal after the screen is gone.
pub(super) fn leave(left: Result<Exit, Failure>) -> Result<(), Failure> {
    let Exit::Quit { summary } = left?;
    say(&summary);
    Ok(())
}
