//! A line of text that is being typed. It knows nothing of what the text is for.

/// The most characters that a line takes; more are dropped.
const CHARS_MAX: usize = 200;

/// The line and the place in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Input {
    text: String,
    /// A byte's index, always between two characters.
    cursor: usize,
}

impl Input {
    pub(crate) fn with(text: &str) -> Self {
        Self { text: text.to_owned(), cursor: text.len() }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What stands before the cursor, and the rest.
    pub(crate) fn parts(&self) -> (&str, &str) {
        self.text.split_at(self.cursor)
    }

    /// Takes in what was typed or pasted; a paste's line ends and other controls are dropped.
    pub(crate) fn insert(&mut self, text: &str) {
        for c in text.chars().filter(|c| !c.is_control()) {
            if self.text.chars().count() < CHARS_MAX {
                self.text.insert(self.cursor, c);
                self.cursor += c.len_utf8();
            }
        }
    }

    pub(crate) fn backspace(&mut self) {
        if let Some(c) = self.parts().0.chars().next_back() {
            self.cursor -= c.len_utf8();
            self.text.remove(self.cursor);
        }
    }

    pub(crate) fn delete(&mut self) {
        if self.cursor < self.text.len() {
            self.text.remove(self.cursor);
        }
    }

    pub(crate) fn left(&mut self) {
        self.cursor -= self.parts().0.chars().next_back().map_or(0, char::len_utf8);
    }

    pub(crate) fn right(&mut self) {
        self.cursor += self.parts().1.chars().next().map_or(0, char::len_utf8);
    }

    pub(crate) fn home(&mut self) {
        self.cursor = 0;
    }

    pub(crate) fn end(&mut self) {
        self.cursor = self.text.len();
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::Input;

    #[test]
    fn it_edits_between_characters_of_any_width() {
        let mut line = Input::with("华为");
        line.left();
        line.insert("M\n8");
        assert_eq!(line.parts(), ("华M8", "为"));
        line.backspace();
        line.delete();
        line.right();
        assert_eq!(line.parts(), ("华M", ""));
        line.home();
        line.backspace();
        line.delete();
        assert_eq!(line.text(), "M");
        line.end();
        line.left();
        line.left();
        assert_eq!(line.parts(), ("", "M"));
    }

    #[test]
    fn it_has_an_end() {
        let mut line = Input::default();
        line.insert(&"字".repeat(1_000));
        assert_eq!(line.text().chars().count(), 200);
    }
}
