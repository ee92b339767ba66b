//! The demo's palette, as the screen sees it: entries to choose from, and somebody who acts on the
//! choice. What the entries do is not known here; the binary fills them in.

/// What can be chosen, and where the cursor is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Palette {
    /// Label in the header, so that nobody takes the demo for the real thing.
    pub label: String,
    /// The entries in order.
    pub entries: Vec<PaletteEntry>,
    /// The entry under the cursor.
    pub cursor: usize,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaletteEntry {
    /// What will happen.
    pub title: String,
    /// What to look at then.
    pub watch: String,
}

/// The keys of the entries, in order: one hand stays where it is.
const KEYS: &str = "1234567890abcdefghi";

impl Palette {
    /// The key of an entry; none for the entries behind the last key.
    pub fn key(&self, index: usize) -> Option<char> {
        KEYS.chars().nth(index).filter(|_| index < self.entries.len())
    }

    /// The entry that a key chooses.
    pub fn chosen_by(&self, key: char) -> Option<usize> {
        KEYS.chars().position(|k| k == key).filter(|index| *index < self.entries.len())
    }

    /// Moves the cursor, at most to the first and the last entry.
    pub fn step(&mut self, by: isize) {
        let last = self.entries.len().saturating_sub(1);
        self.cursor = self.cursor.saturating_add_signed(by).min(last);
    }
}

/// Acts on a choice.
pub trait PaletteSink: Send + Sync + 'static {
    /// Has the entry happen and says what was done. Called on the thread that draws: it must not
    /// wait.
    fn play(&self, index: usize) -> String;

    /// What happened by itself since the last call, once. Asked a few times a second.
    fn news(&self) -> Option<String> {
        None
    }
}
