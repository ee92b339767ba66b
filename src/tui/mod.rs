//! The screen: a dashboard over the engine's snapshot and a pager over the store.
//!
//! The engine is seen only as a picture ([`EngineSnapshot`](crate::engine::EngineSnapshot)) and a
//! place to send commands; stored lines come through [`source::LogSource`]. Everything that
//! happens becomes one [`message::Message`]; [`update::update`] changes the
//! [`state::UiState`] and returns [`message::Effect`]s; [`run()`] performs them;
//! [`view::render`] paints the state. Only `run` and `terminal` touch the world.
//!
//! **Invariants.** Drawing changes nothing and locks nothing of ours. No log text reaches the
//! terminal but through [`text`], which leaves no control character in it. Keys exist only in
//! [`keymap`]. A page on screen is what `layout` says, for scrolling and for painting alike.

pub mod keymap;
pub mod layout;
pub mod message;
pub mod palette;
pub mod rows;
mod run;
pub mod source;
pub mod state;
mod terminal;
pub mod text;
pub mod theme;
pub mod update;
pub mod view;

pub use keymap::{KeyMap, KeyMapError};
pub use palette::{Palette, PaletteEntry, PaletteSink};
pub use rows::Stamps;
pub use run::{Exit, TuiContext, TuiError, run};
pub use source::{FilterText, Highlighter, LogSource, Matches, StoredLog};
pub use state::TuiOptions;
pub use terminal::{restore, restore_on_panic};
pub use theme::Theme;
