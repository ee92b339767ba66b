//! All that the screen remembers. Plain data: `update` changes it, `render` reads it.
//!
//! What the engine knows is not copied here: it stays in the one snapshot, and rows are looked up
//! in it when they are drawn.

pub mod find;
pub mod gone;
pub mod input;
pub mod pane;
pub mod table;
pub mod trends;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tui_logger::TuiWidgetState;

use super::keymap::{KeyMap, Scope};
use super::layout::{Areas, Shape, areas};
use super::message::Now;
use super::palette::Palette;
use super::rows::RowFormat;
use super::source::StoredLog;
use crate::engine::EngineSnapshot;
use crate::engine::snapshot::{Link, MonitorRow};
use crate::model::{LogId, Moment};
use find::Find;
use gone::Gone;
use input::Input;
use pane::LogPane;
use table::Table;
use trends::Trends;

/// The screens, under the numbers of their keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tab {
    /// Monitors and logs.
    #[default]
    Dashboard,
    /// Logs on the whole screen.
    Logs,
    /// The engine's own figures.
    Engine,
    /// The program's own log.
    Diagnostics,
}

impl Tab {
    /// All that exist, with number, title and short title.
    pub const ALL: [(Self, char, &'static str, &'static str); 4] = [
        (Self::Dashboard, '1', "Dashboard", "Dash"),
        (Self::Logs, '2', "Logs", "Logs"),
        (Self::Engine, '5', "Engine", "Engine"),
        (Self::Diagnostics, '6', "Diagnostics", "Diag"),
    ];
}

/// The pane that movement keys go to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Focus {
    /// The monitors table.
    #[default]
    Table,
    /// The log pane.
    Pane,
}

/// What lies over the tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlay {
    /// The keys.
    Help,
    /// All about the monitor under the cursor.
    Details,
    /// What can be made to go wrong in the demo.
    Faults,
    /// Stored logs of containers that are gone.
    Gone,
}

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Done.
    Good,
    /// Not done, or not all.
    Bad,
}

/// A message at the bottom that goes away by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    /// The words.
    pub text: String,
    /// How much it matters.
    pub tone: Tone,
    /// Until when it is shown.
    pub until: Duration,
    /// Whether it says that a find failed: the next one that succeeds takes it away.
    pub of_find: bool,
}

/// Choices made outside: flags, config, environment.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent choices, as typed")]
pub struct TuiOptions {
    /// Take the mouse from the start.
    pub mouse: bool,
    /// What stands before a line at first.
    pub timestamps: super::rows::Stamps,
    /// Wrap long lines at first.
    pub wrap: bool,
    /// No colours at all (`NO_COLOR`).
    pub no_color: bool,
    /// Only the sixteen basic colours.
    pub sixteen_colors: bool,
    /// The zone of local time.
    pub zone: TimeZone,
}

impl Default for TuiOptions {
    fn default() -> Self {
        Self {
            mouse: true,
            timestamps: super::rows::Stamps::default(),
            wrap: false,
            no_color: false,
            sixteen_colors: false,
            zone: TimeZone::UTC,
        }
    }
}

/// The whole state of the screen.
pub struct UiState {
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// The newest reading of the clocks.
    pub now: Now,
    /// The newest picture of the engine.
    pub snapshot: Arc<EngineSnapshot>,
    /// When it came; the same picture again is no news.
    pub snapshot_at: Duration,
    /// The tab in front.
    pub tab: Tab,
    /// The pane that has the focus on the dashboard.
    pub focus: Focus,
    /// Whether that pane has the whole body.
    pub zoom: bool,
    /// What lies over the tab.
    pub overlay: Option<Overlay>,
    /// Lines scrolled in overlay or engine tab.
    pub scroll: usize,
    /// The monitors table.
    pub table: Table,
    /// The log pane.
    pub pane: LogPane,
    /// All stored logs, newest first, once they were needed and listed.
    pub stored: Option<Vec<StoredLog>>,
    /// Whether they are to be listed (again) when they are needed.
    pub stored_due: bool,
    /// The list of logs without a monitor, while it is open, and those of them on the log tab.
    pub gone: Gone,
    /// The find.
    pub find: Find,
    /// Text being typed.
    pub input: Option<Input>,
    /// A message at the bottom.
    pub toast: Option<Toast>,
    /// Histories for sparklines.
    pub trends: Trends,
    /// Whether the mouse is ours.
    pub mouse: bool,
    /// Choices from outside.
    pub options: TuiOptions,
    /// The keys in force.
    pub keys: KeyMap,
    /// Name and version for the title.
    pub build: String,
    /// Said while the engine runs in another process.
    pub viewer_note: Option<String>,
    /// The demo's palette; none outside of the demo.
    pub palette: Option<Palette>,
    /// State of the diagnostics widget.
    pub diagnostics: TuiWidgetState,
}

impl UiState {
    /// The state before anything is known.
    pub fn new(build: String, keys: KeyMap, options: TuiOptions) -> Self {
        let mut pane = LogPane::default();
        (pane.stamps, pane.wrap) = (options.timestamps, options.wrap);
        Self {
            size: (80, 24),
            now: Now::default(),
            snapshot: Arc::default(),
            snapshot_at: Duration::ZERO,
            tab: Tab::default(),
            focus: Focus::default(),
            zoom: false,
            overlay: None,
            scroll: 0,
            table: Table::default(),
            pane,
            stored: None,
            stored_due: true,
            gone: Gone::default(),
            find: Find::default(),
            input: None,
            toast: None,
            trends: Trends::default(),
            mouse: options.mouse,
            options,
            keys,
            build,
            viewer_note: None,
            palette: None,
            diagnostics: TuiWidgetState::new(),
        }
    }

    /// The engine's clock at this moment. It goes on when pictures stop coming, so that ages grow
    /// even if the supervisor hangs.
    pub fn engine_now(&self) -> Moment {
        self.snapshot.at.after(self.now.mono.saturating_sub(self.snapshot_at))
    }

    /// Whether the screen about the unreachable daemon is due.
    pub fn is_unreachable(&self) -> bool {
        matches!(self.snapshot.docker.link, Link::Down { .. })
    }

    /// Whether the engine runs in another process, which takes no orders from here.
    pub fn is_viewer(&self) -> bool {
        self.viewer_note.is_some()
    }

    /// How long a viewer has had no news of the engine, once that is too long to be chance. Before
    /// the first picture nothing is known of the engine, and nothing is said.
    pub fn engine_gone(&self) -> Option<Duration> {
        const PATIENCE: Duration = Duration::from_secs(3);
        let silent = self.now.mono.saturating_sub(self.snapshot_at);
        let heard = self.snapshot.at > Moment::default();
        (self.is_viewer() && heard && silent > PATIENCE).then_some(silent)
    }

    /// Whether the log pane receives movement.
    pub fn pane_has_focus(&self) -> bool {
        self.tab == Tab::Logs || (self.tab == Tab::Dashboard && self.focus == Focus::Pane)
    }

    /// The scopes whose keys count now.
    pub fn scopes(&self) -> Vec<Scope> {
        const DASHBOARD: &[Scope] =
            &[Scope::Table, Scope::Monitors, Scope::Logs, Scope::Move, Scope::Global];
        const LOGS: &[Scope] = &[Scope::Monitors, Scope::Logs, Scope::Move, Scope::Global];
        // No order goes to a monitor whose log is not the one on screen.
        const GONE: &[Scope] = &[Scope::Logs, Scope::Move, Scope::Global];
        const PLAIN: &[Scope] = &[Scope::Move, Scope::Global];
        let demo = self.has_faults().then_some(Scope::Demo);
        let scopes = match self.tab {
            _ if self.overlay.is_some() => PLAIN,
            Tab::Dashboard if self.is_unreachable() => PLAIN,
            Tab::Dashboard => DASHBOARD,
            Tab::Logs if !self.gone.opened.is_empty() => GONE,
            Tab::Logs => LOGS,
            Tab::Engine | Tab::Diagnostics => PLAIN,
        };
        scopes.iter().copied().chain(demo).collect()
    }

    /// Whether there is anything to choose in a demo's palette.
    pub fn has_faults(&self) -> bool {
        self.palette.as_ref().is_some_and(|palette| !palette.entries.is_empty())
    }

    /// The areas of the next frame.
    pub fn areas(&self) -> Areas {
        areas(&Shape {
            size: self.size,
            tab: self.tab,
            zoomed: self.zoom.then_some(self.focus),
            table_lines: self.table.lines(&self.snapshot).max(2),
            footer: self.footer_lines(),
            unreachable: self.is_unreachable(),
        })
    }

    fn footer_lines(&self) -> u16 {
        let error = self.input_error().map_or(0, |error| error.lines().count().min(4));
        u16::try_from(1 + error).unwrap_or(1)
    }

    /// What is wrong with the text being typed.
    pub fn input_error(&self) -> Option<&str> {
        let input = self.input.as_ref()?;
        let error = match input.purpose {
            input::Purpose::Find => self.find.error.as_deref(),
            input::Purpose::Filter => None,
        };
        error.map(str::trim_end).filter(|error| !error.is_empty())
    }

    /// The monitors whose logs are shown: the selected ones, or the one under the cursor.
    pub fn shown(&self) -> Vec<&MonitorRow> {
        self.table.targets(&self.snapshot)
    }

    /// Whether the log tab shows all that is stored, because there is no monitor to choose.
    pub fn shows_stored(&self) -> bool {
        self.tab == Tab::Logs && self.snapshot.monitors.is_empty()
    }

    /// Whether the log tab shows logs of containers that are gone.
    pub fn shows_gone(&self) -> bool {
        self.tab == Tab::Logs && !self.gone.opened.is_empty()
    }

    /// The logs that the pane is to show.
    pub fn logs_to_show(&self) -> Vec<LogId> {
        if self.shows_gone() {
            self.gone.opened.iter().map(|stored| stored.log).collect()
        } else if self.shows_stored() {
            self.stored.iter().flatten().map(|stored| stored.log).collect()
        } else {
            self.shown().iter().filter_map(|row| row.log).collect()
        }
    }

    /// How rows of the log pane become lines.
    pub fn row_format(&self) -> RowFormat {
        const LONGEST_NAME: usize = 18;
        let shown = if self.shows_gone() { Vec::new() } else { self.shown() };
        let all = self.stored.iter().flatten().filter(|_| self.shows_stored());
        let stored = all.chain(self.gone.opened.iter().filter(|_| self.shows_gone()));
        let names: BTreeMap<_, _> = shown
            .iter()
            .filter_map(|row| Some((row.log?, super::text::safe(table::short_name(row)))))
            .chain(stored.map(|stored| (stored.log, super::text::safe(&stored.name))))
            .collect();
        let longest = names.values().map(|name| super::text::width(name)).max().unwrap_or(0);
        RowFormat {
            width: usize::from(self.areas().pane_rows().width),
            wrap: self.pane.wrap,
            skip: self.pane.skip,
            stamps: self.pane.stamps,
            zone: self.options.zone.clone(),
            now: self.now.wall,
            name_columns: if names.len() > 1 { longest.min(LONGEST_NAME) } else { 0 },
            names,
        }
    }

    /// Lines of the log pane.
    pub fn pane_lines(&self) -> usize {
        usize::from(self.areas().pane_rows().height).max(1)
    }

    /// Shows a message for a few seconds.
    pub fn say(&mut self, tone: Tone, text: impl Into<String>) {
        let seconds = if tone == Tone::Good { 4 } else { 8 };
        let until = self.now.mono + Duration::from_secs(seconds);
        let text = super::text::safe(&text.into());
        self.toast = Some(Toast { text, tone, until, of_find: false });
    }

    /// Says that something was not found.
    pub fn say_of_find(&mut self, text: impl Into<String>) {
        self.say(Tone::Bad, text);
        if let Some(toast) = &mut self.toast {
            toast.of_find = true;
        }
    }

    /// Something was found: an older message that says otherwise is out of date.
    pub fn find_succeeded(&mut self) {
        self.toast.take_if(|toast| toast.of_find);
    }

    /// One line to leave behind: uptime, lines, gaps, restarts, and what is not remembered.
    pub fn summary(&self) -> String {
        use super::text::{clock, grouped};
        if self.is_viewer() {
            return format!("viewed for {}", clock(self.now.mono));
        }
        let (snapshot, totals) = (&self.snapshot, &self.snapshot.totals);
        let paused =
            snapshot.monitors.iter().filter(|m| m.phase == crate::model::Phase::Paused).count();
        let mut text = format!(
            "{} records captured in {}, {} gaps, {} restarts",
            grouped(totals.flow.stored),
            clock(self.engine_now().0),
            grouped(totals.gaps),
            grouped(totals.restarts)
        );
        if paused > 0 {
            let _ = write!(text, "; {paused} paused monitors will resume at the next start");
        }
        text
    }
}
