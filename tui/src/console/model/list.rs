//! A place in a list whose rows come and go. The cursor stays on its row by the row's key; where
//! the row is gone it stays at its height. The rows themselves are `rows`'.

use std::cell::{Cell, RefCell};

use ratatui::layout::Rect;

/// The place, and how the list is filtered and sorted.
#[derive(Debug, Default)]
pub(crate) struct List {
    /// The selected row's key; `None` is the first row, or the last with `at_end`.
    pub(crate) key: Option<String>,
    /// Where the selected row was when it was selected.
    pub(crate) index: usize,
    /// Whether the cursor stays at the end when rows are added there.
    pub(crate) at_end: bool,
    pub(crate) filter: String,
    /// Which of the list's orders is in force.
    pub(crate) sort: usize,
    pub(crate) reversed: bool,
    /// The first row on the screen, as it was drawn last.
    pub(crate) offset: Cell<usize>,
    /// Where its rows were drawn last; the height is a page.
    pub(crate) area: Cell<Rect>,
    /// The key of the row whose mark is on the screen, as it was drawn last: an action is about
    /// that one.
    pub(crate) marked: RefCell<Option<String>>,
}

impl List {
    /// The selected row among these keys; `None` when there are none.
    pub(crate) fn selected(&self, keys: &[String]) -> Option<usize> {
        let last = keys.len().checked_sub(1)?;
        if self.at_end {
            return Some(last);
        }
        let found = self.key.as_ref().and_then(|key| keys.iter().position(|other| other == key));
        Some(found.unwrap_or(self.index).min(last))
    }

    /// Selects a row.
    pub(crate) fn select(&mut self, keys: &[String], index: usize) {
        let index = index.min(keys.len().saturating_sub(1));
        self.index = index;
        self.key = keys.get(index).cloned();
        self.at_end = false;
    }

    /// Moves the cursor by rows, and stops at the ends.
    pub(crate) fn step(&mut self, keys: &[String], by: isize) {
        let here = self.selected(keys).unwrap_or(0);
        self.select(keys, here.saturating_add_signed(by));
    }

    /// The row that is marked on the screen, while it is still the selected one.
    pub(crate) fn marked(&self, keys: &[String]) -> Option<usize> {
        let marked = self.marked.borrow();
        self.selected(keys).filter(|index| keys.get(*index) == marked.as_ref())
    }

    /// Rows on a page.
    pub(crate) fn page(&self) -> isize {
        isize::try_from(self.area.get().height).unwrap_or(1).max(1)
    }

    /// The first row to draw so that the selected one is seen, moved as little as can be.
    pub(crate) fn scroll_to(&self, selected: usize, rows: usize, area: Rect) -> usize {
        let height = usize::from(area.height).max(1);
        let highest = selected.saturating_sub(height - 1);
        let offset = self.offset.get().clamp(highest, selected.max(highest));
        let offset = offset.min(rows.saturating_sub(height));
        self.offset.set(offset);
        self.area.set(area);
        offset
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;

    use super::List;

    fn keys(text: &str) -> Vec<String> {
        text.chars().map(String::from).collect()
    }

    #[test]
    fn the_cursor_stays_on_its_row() {
        let mut list = List::default();
        assert_eq!(list.selected(&[]), None);
        assert_eq!(list.selected(&keys("abc")), Some(0));
        list.step(&keys("abc"), 1);
        assert_eq!(list.selected(&keys("xyabc")), Some(3));
        assert_eq!(list.selected(&keys("ac")), Some(1));
        assert_eq!(list.selected(&keys("a")), Some(0));
        list.step(&keys("abc"), 9);
        list.step(&keys("abc"), -9);
        assert_eq!(list.selected(&keys("abc")), Some(0));
    }

    #[test]
    fn at_the_end_it_follows() {
        let mut list = List { at_end: true, ..List::default() };
        assert_eq!(list.selected(&keys("ab")), Some(1));
        assert_eq!(list.selected(&keys("abc")), Some(2));
        list.step(&keys("abc"), -1);
        assert_eq!(list.selected(&keys("abcd")), Some(1));
    }

    #[test]
    fn the_page_moves_only_when_it_has_to() {
        let list = List::default();
        let area = Rect::new(0, 0, 10, 3);
        let offsets = [0, 2, 3, 4, 3, 2, 1, 9].map(|row| list.scroll_to(row, 10, area));
        assert_eq!(offsets, [0, 0, 1, 2, 2, 2, 1, 7]);
    }
}
