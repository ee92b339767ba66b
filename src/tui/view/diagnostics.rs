//! The program's own log: tui-logger's smart widget, dressed in the theme.
//!
//! The widget reads the logger's global buffer while it paints; that is the one read outside of
//! the state, and it is the crate's design.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{BorderType, Widget};
use tui_logger::{TuiLoggerLevelOutput, TuiLoggerSmartWidget, TuiLoggerWidget};

use super::paint::{panel, title};
use crate::tui::state::UiState;
use crate::tui::theme::Theme;

/// Below this width there is room for messages or for targets, and messages are what one reads.
const TARGETS_FROM: u16 = 60;

/// Paints the tab.
pub(super) fn render(buffer: &mut Buffer, area: Rect, state: &UiState, theme: &Theme) {
    if area.width < TARGETS_FROM {
        return messages(buffer, area, state, theme);
    }
    TuiLoggerSmartWidget::default()
        .style_error(theme.bad)
        .style_warn(theme.warn)
        .style_info(theme.text)
        .style_debug(theme.dim)
        .style_trace(theme.dim)
        .style(theme.text)
        .highlight_style(theme.cursor)
        .border_style(theme.dim)
        .border_type(BorderType::Rounded)
        // Without targets yet the column has room for six letters.
        .title_target("Target")
        .title_log(" Messages ")
        .output_separator(' ')
        .output_timestamp(Some("%H:%M:%S%.3f".to_owned()))
        .output_level(Some(TuiLoggerLevelOutput::Abbreviated))
        .output_target(true)
        .output_file(false)
        .output_line(false)
        .state(&state.diagnostics)
        .render(area, buffer);
}

fn messages(buffer: &mut Buffer, area: Rect, state: &UiState, theme: &Theme) {
    TuiLoggerWidget::default()
        .block(panel(title("Messages", Vec::new(), theme), false, false, theme))
        .style_error(theme.bad)
        .style_warn(theme.warn)
        .style_info(theme.text)
        .style_debug(theme.dim)
        .style_trace(theme.dim)
        .style(theme.text)
        .output_separator(' ')
        .output_timestamp(Some("%H:%M:%S".to_owned()))
        .output_level(Some(TuiLoggerLevelOutput::Abbreviated))
        .output_target(false)
        .output_file(false)
        .output_line(false)
        .state(&state.diagnostics)
        .render(area, buffer);
}
