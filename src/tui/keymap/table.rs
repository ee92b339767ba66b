//! The table of everything a key can do. Dispatch, footer, help, docs and remapping read it.
//!
//! An action that is not in the table does not exist; a row here without code does not compile
//! past `update::act`, which matches every [`Action`].

use super::Scope;

macro_rules! actions {
    ($($action:ident $name:literal $scope:ident [$($key:literal),*] $hint:literal $help:literal;)+) => {
        /// What a key can do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action {$(
            #[doc = $help]
            $action,
        )+}

        /// Every action with its name, scope, default keys, footer hint and sentence.
        pub(super) const TABLE: &[Entry] = &[$(Entry {
            action: Action::$action,
            name: $name,
            scope: Scope::$scope,
            keys: &[$($key),*],
            hint: $hint,
            help: $help,
        }),+];
    };
}

/// One row of the table.
pub(super) struct Entry {
    pub(super) action: Action,
    pub(super) name: &'static str,
    pub(super) scope: Scope,
    pub(super) keys: &'static [&'static str],
    pub(super) hint: &'static str,
    pub(super) help: &'static str,
}

actions! {
    Pause "pause" Monitors ["p"] "pause" "Pause, or resume: what was missed is then read or reported";
    Restart "restart" Monitors ["r"] "restart" "Restart the monitor from its stored position";
    Reopen "reopen" Monitors ["R"] "rotate" "Rotate now: close the stream and open it again";
    Acknowledge "acknowledge" Monitors ["x"] "" "Mark the failure as seen";
    Backfill "backfill" Monitors ["b"] "" "Fetch older history from the daemon";
    Details "details" Monitors ["i"] "details" "Everything known about this monitor";
    Select "select" Table ["space"] "select" "Select or deselect; commands and logs then use the selection";
    OpenLogs "open-logs" Monitors ["enter"] "logs" "Logs full screen; on a filtered line: that line unfiltered";
    Sort "sort" Table ["s"] "sort" "Next order: state, name, rate, heartbeat, stored, gaps";
    ToggleEnded "toggle-ended" Table ["a"] "" "Show or hide containers that ended";
    Find "find" Logs ["/"] "find" "Find: highlights and counts, hides nothing";
    FindNext "find-next" Logs ["n"] "" "Next match";
    FindPrevious "find-previous" Logs ["N"] "" "Previous match";
    Filter "filter" Logs ["&"] "filter" "Filter: show only lines that match";
    NextError "next-error" Logs ["e"] "" "Next line of level error or worse";
    PreviousError "previous-error" Logs ["E"] "" "Previous line of level error or worse";
    Follow "follow" Logs ["f"] "" "Follow new lines; stops by itself when you scroll up";
    Wrap "wrap" Logs ["w"] "wrap" "Wrap long lines, or scroll them sideways";
    Timestamps "timestamps" Logs ["t"] "" "Timestamps: local, UTC, relative, off";
    GoneLogs "gone-logs" Logs ["o"] "gone" "Choose among the stored logs of containers that are gone";
    Copy "copy" Logs ["y"] "" "Copy the current line (OSC 52)";
    Zoom "zoom" Logs ["z"] "zoom" "Give the focused pane the whole screen, or back";
    Up "up" Move ["up", "k"] "" "Up";
    Down "down" Move ["down", "j"] "" "Down";
    Left "left" Move ["left", "h"] "" "Scroll left";
    Right "right" Move ["right", "l"] "" "Scroll right";
    PageUp "page-up" Move ["pgup"] "" "One page up";
    PageDown "page-down" Move ["pgdn"] "" "One page down";
    HalfPageUp "half-page-up" Move ["ctrl-u"] "" "Half a page up";
    HalfPageDown "half-page-down" Move ["ctrl-d"] "" "Half a page down";
    Top "top" Move ["g", "home"] "" "To the beginning";
    Bottom "bottom" Move ["G", "end"] "" "To the end; logs follow again";
    NextPane "next-pane" Move ["tab"] "" "Focus the next pane";
    PreviousPane "previous-pane" Move ["shift-tab"] "" "Focus the previous pane";
    Faults "faults" Demo ["!"] "faults" "Faults of the simulated daemon: make something go wrong and watch";
    Dashboard "tab-dashboard" Global ["1"] "" "Dashboard";
    Logs "tab-logs" Global ["2"] "" "Logs";
    Later "tab-later" Global ["3", "4"] "" "Search and events: they come in a later version";
    Engine "tab-engine" Global ["5"] "" "Engine";
    Diagnostics "tab-diagnostics" Global ["6"] "" "Diagnostics";
    Mouse "toggle-mouse" Global ["M"] "" "Release the mouse for selecting text, or take it back";
    Repaint "repaint" Global ["ctrl-l"] "" "Draw the screen anew";
    Help "help" Global ["?"] "help" "This help";
    Back "back" Global ["esc"] "" "Back: close, clear the find, the filter, the selection";
    Quit "quit" Global ["q", "ctrl-c"] "quit" "Close what lies on top, or quit with everything committed";
}
