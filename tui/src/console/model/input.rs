//! A line of text that is being typed. It knows nothing of what the text is for.

/// The most characters that a line takes; more are dropped.
const CHARS_MAX: usize = 200;

/// The line and the place in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Input {
    text: String,
    /// A byte's index, always between two characters.
    cursor: usize,
    /// Whether the text is a proposal, which the first key that is typed replaces.
    is_proposed: bool,
}

impl Input {
    /// A text that stands there already: typing replaces it, moving in it keeps it.
    pub(crate) fn proposing(text: &str) -> Self {
        Self { text: text.to_owned(), cursor: text.len(), is_proposed: !text.is_empty() }
    }

    pub(crate) const fn is_proposed(&self) -> bool {
        self.is_proposed
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
        if std::mem::take(&mut self.is_proposed) {
            self.clear();
        }
        for c in text.chars().filter(|c| !c.is_control()) {
            if self.text.chars().count() < CHARS_MAX {
                self.text.insert(self.cursor, c);
                self.cursor += c.len_utf8();
            }
        }
    }

    pub(crate) fn backspace(&mut self) {
        if self.is_proposed {
            return self.clear();
        }
        if let Some(c) = self.parts().0.chars().next_back() {
            self.cursor -= c.len_utf8();
            self.text.remove(self.cursor);
        }
    }

    pub(crate) fn delete(&mut self) {
        if self.is_proposed {
            return self.clear();
        }
        if self.cursor < self.text.len() {
            self.text.remove(self.cursor);
        }
    }

    pub(crate) fn left(&mut self) {
        self.is_proposed = false;
        self.cursor -= self.parts().0.chars().next_back().map_or(0, char::len_utf8);
    }

    pub(crate) fn right(&mut self) {
        self.is_proposed = false;
        self.cursor += self.parts().1.chars().next().map_or(0, char::len_utf8);
    }

    pub(crate) fn home(&mut self) {
        self.is_proposed = false;
        self.cursor = 0;
    }

    pub(crate) fn end(&mut self) {
        self.is_proposed = false;
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
        let mut line = Input::proposing("华为");
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
    fn what_is_proposed_is_replaced_by_typing_and_kept_by_moving() {
        let after = |key: fn(&mut Input)| {
            let mut line = Input::proposing("info");
            key(&mut line);
            line.insert("debug");
            line.text().to_owned()
        };
        assert_eq!(after(|_| ()), "debug");
        assert_eq!(after(Input::backspace), "debug");
        assert_eq!(after(Input::delete), "debug");
        assert_eq!(after(Input::end), "infodebug");
        assert_eq!(after(Input::home), "debuginfo");
        assert_eq!(after(Input::left), "infdebugo");
        assert_eq!(after(Input::right), "infodebug");
        assert_eq!(after(|line| line.insert("warn,")), "warn,debug", "only the first key");
    }

    #[test]
    fn it_has_an_end() {
        let mut line = Input::default();
        line.insert(&"字".repeat(1_000));
        assert_eq!(line.text().chars().count(), 200);
    }
}
