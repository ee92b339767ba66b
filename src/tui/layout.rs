//! Where everything stands: a pure function of the terminal's size and of what is shown.
//!
//! `update` uses it for page sizes and mouse clicks, `render` for painting; because both ask the
//! same function, a page is always exactly what is seen.

use ratatui::layout::{Constraint, Layout, Rect};

use super::state::{Focus, Tab};

/// Below this height panes lose their frames and the header loses a line.
const COMPACT_BELOW: u16 = 16;
/// From this width on the engine column stands at the right.
const ENGINE_COLUMN_FROM: u16 = 140;
const ENGINE_COLUMN: u16 = 30;

/// What the layout depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// The tab in front.
    pub tab: Tab,
    /// The pane that has the whole body, if one has.
    pub zoomed: Option<Focus>,
    /// Lines that the monitors table would like to have.
    pub table_lines: usize,
    /// Lines at the bottom: key hints, or an input with its error.
    pub footer: u16,
    /// Whether the dashboard is replaced by the screen about an unreachable daemon.
    pub unreachable: bool,
}

/// The areas of one frame; what is not shown is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Areas {
    /// Title and figures.
    pub header: Rect,
    /// Between header and footer.
    pub body: Rect,
    /// The monitors table with its frame.
    pub table: Option<Rect>,
    /// The log pane with its frame.
    pub pane: Option<Rect>,
    /// The column of engine figures.
    pub engine: Option<Rect>,
    /// Key hints, messages, inputs.
    pub footer: Rect,
    /// Whether frames are reduced to their top line.
    pub compact: bool,
}

impl Areas {
    /// The inside of a framed pane.
    pub fn inside(&self, pane: Rect) -> Rect {
        let (left, bottom) = if self.compact { (0, 0) } else { (1, 1) };
        Rect {
            x: pane.x + left,
            y: pane.y.saturating_add(1),
            width: pane.width.saturating_sub(2 * left),
            height: pane.height.saturating_sub(1 + bottom),
        }
    }

    /// The lines of the table below its heading.
    pub fn table_rows(&self) -> Rect {
        let inside = self.table.map(|area| self.inside(area)).unwrap_or_default();
        Rect { y: inside.y.saturating_add(1), height: inside.height.saturating_sub(1), ..inside }
    }

    /// The lines of the log pane.
    pub fn pane_rows(&self) -> Rect {
        self.pane.map(|area| self.inside(area)).unwrap_or_default()
    }
}

/// Lays out one frame.
pub fn areas(shape: &Shape) -> Areas {
    let (width, height) = shape.size;
    let compact = height < COMPACT_BELOW;
    let header = match height {
        0..8 => 1,
        8..COMPACT_BELOW => 2,
        _ => 3,
    };
    let screen = Rect { x: 0, y: 0, width, height };
    let [header, body, footer] = screen.layout(&Layout::vertical([
        Constraint::Length(header),
        Constraint::Fill(1),
        Constraint::Length(shape.footer),
    ]));
    let mut areas = Areas { header, body, footer, compact, ..Areas::default() };
    match shape.tab {
        Tab::Dashboard if shape.unreachable => {}
        Tab::Dashboard => dashboard(shape, &mut areas),
        Tab::Logs => areas.pane = Some(body),
        Tab::Engine | Tab::Diagnostics => {}
    }
    areas
}

fn dashboard(shape: &Shape, areas: &mut Areas) {
    let mut body = areas.body;
    match shape.zoomed {
        Some(Focus::Table) => {
            areas.table = Some(body);
            return;
        }
        Some(Focus::Pane) => {
            areas.pane = Some(body);
            return;
        }
        None => {}
    }
    if shape.size.0 >= ENGINE_COLUMN_FROM {
        let columns = [Constraint::Fill(1), Constraint::Length(ENGINE_COLUMN)];
        let [left, right] = body.layout(&Layout::horizontal(columns));
        (body, areas.engine) = (left, Some(right));
    }
    let frame = if areas.compact { 2 } else { 3 };
    let wanted = u16::try_from(shape.table_lines).unwrap_or(u16::MAX).saturating_add(frame);
    // The log pane keeps at least a third on small screens and two fifths on others.
    let most = if shape.size.1 < 24 { body.height * 2 / 3 } else { body.height * 3 / 5 };
    let table = wanted.clamp(frame + 1, most.max(frame + 1)).min(body.height);
    let [table, pane] =
        body.layout(&Layout::vertical([Constraint::Length(table), Constraint::Fill(1)]));
    (areas.table, areas.pane) = (Some(table), (pane.height > 1).then_some(pane));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape(width: u16, height: u16, table_lines: usize) -> Shape {
        let (tab, footer) = (Tab::Dashboard, 1);
        let size = (width, height);
        Shape { size, tab, zoomed: None, table_lines, footer, unreachable: false }
    }

    #[test]
    fn small_screens_keep_a_third_for_logs() {
        for height in 10..24 {
            let areas = areas(&shape(80, height, 500));
            let pane = areas.pane.unwrap();
            assert!(pane.height * 3 >= areas.body.height, "{height}: {areas:?}");
        }
        assert!(areas(&shape(139, 40, 5)).engine.is_none());
        assert!(areas(&shape(140, 40, 5)).engine.is_some());
    }

    proptest! {
        #[test]
        fn nothing_leaves_the_screen(width in 0u16..300, height in 0u16..100, lines in 0usize..9_000) {
            let areas = areas(&shape(width, height, lines));
            let screen = Rect { x: 0, y: 0, width, height };
            for area in [areas.table, areas.pane, areas.engine].into_iter().flatten() {
                prop_assert_eq!(area.intersection(screen), area);
            }
        }
    }
}
