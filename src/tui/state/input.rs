//! The one-line editor for find and filter. Characters, not bytes; the cursor stands between them.

/// What the typed text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `/`
    Find,
    /// `&`
    Filter,
}

impl Purpose {
    /// The character before the input.
    pub fn sign(self) -> char {
        match self {
            Self::Find => '/',
            Self::Filter => '&',
        }
    }
}

/// Text being typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// What it is for.
    pub purpose: Purpose,
    /// The text.
    pub text: String,
    /// Characters before the cursor.
    pub cursor: usize,
    /// What it was before, for Esc.
    pub before: String,
}

impl Input {
    /// Edits `text`, cursor at its end.
    pub fn new(purpose: Purpose, text: &str) -> Self {
        let cursor = text.chars().count();
        Self { purpose, text: text.to_owned(), cursor, before: text.to_owned() }
    }

    fn byte(&self, chars: usize) -> usize {
        self.text.char_indices().nth(chars).map_or(self.text.len(), |(at, _)| at)
    }

    /// Inserts text at the cursor, without its control characters.
    pub fn insert(&mut self, text: &str) {
        let clean: String = text.chars().filter(|c| !c.is_control()).collect();
        self.text.insert_str(self.byte(self.cursor), &clean);
        self.cursor += clean.chars().count();
    }

    /// Removes the `n` characters before the cursor.
    pub fn backspace(&mut self, n: usize) {
        let from = self.cursor.saturating_sub(n);
        let (start, end) = (self.byte(from), self.byte(self.cursor));
        self.text.replace_range(start..end, "");
        self.cursor = from;
    }

    /// Removes the character behind the cursor.
    pub fn delete(&mut self) {
        let (start, end) = (self.byte(self.cursor), self.byte(self.cursor + 1));
        self.text.replace_range(start..end, "");
    }

    /// Removes the word before the cursor.
    pub fn backspace_word(&mut self) {
        let head: Vec<char> = self.text.chars().take(self.cursor).collect();
        let blanks = head.iter().rev().take_while(|c| c.is_whitespace()).count();
        let word = head.iter().rev().skip(blanks).take_while(|c| !c.is_whitespace()).count();
        self.backspace(blanks + word);
    }

    /// Moves the cursor, staying inside.
    pub fn step(&mut self, by: isize) {
        let last = self.text.chars().count();
        self.cursor = self.cursor.saturating_add_signed(by).min(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_by_character() {
        let mut input = Input::new(Purpose::Find, "größe x");
        input.backspace_word();
        assert_eq!(input.text, "größe ");
        input.backspace(2);
        input.step(-2);
        input.insert("\x1b漢");
        assert_eq!((input.text.as_str(), input.cursor), ("gr漢öß", 3));
        input.delete();
        assert_eq!(input.text, "gr漢ß");
        input.backspace(99);
        assert_eq!((input.text.as_str(), input.cursor), ("ß", 0));
    }
}
