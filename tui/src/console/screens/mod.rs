//! The screens, each in a folder of its own: what it shows, its rows, which keys it has, what Enter
//! does, and what it asks the daemon for. `TABLE` is the one place that lists them; nobody else
//! tells one screen from another.

pub(crate) mod events;
pub(crate) mod gateway;
pub(crate) mod orders;
pub(crate) mod overview;
pub(crate) mod products;
pub(crate) mod queue;
pub(crate) mod sorting;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::keys::{Action, Context};
use super::model::{Input, List, Model};
use super::msg::Effect;
use super::theme::Styles;

/// One of the screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Screen {
    Overview,
    Products,
    Orders,
    Queue,
    Gateway,
    Events,
}

/// A screen's line in the table.
struct Entry {
    screen: Screen,
    title: &'static str,
    /// What its digit leads to, for the help.
    help: &'static str,
    scene: &'static dyn Scene,
}

const fn entry(
    screen: Screen,
    title: &'static str,
    help: &'static str,
    scene: &'static dyn Scene,
) -> Entry {
    Entry { screen, title, help, scene }
}

/// All, in the sequence of the enum and of their digits.
const TABLE: [Entry; 6] = [
    entry(Screen::Overview, "Overview", "Overview", &overview::Overview),
    entry(Screen::Products, "Products", "Products", &products::Products),
    entry(Screen::Orders, "Orders", "Orders", &orders::Orders),
    entry(Screen::Queue, "Queue", "Queue and dead letters", &queue::Queue),
    entry(Screen::Gateway, "Gateway", "Gateway", &gateway::Gateway),
    entry(Screen::Events, "Events", "Events", &events::Events),
];

impl Screen {
    /// All, in the order of their digits.
    pub(crate) const ALL: [Self; TABLE.len()] = {
        let mut all = [Self::Overview; TABLE.len()];
        let mut index = 0;
        while index < all.len() {
            all[index] = TABLE[index].screen;
            index += 1;
        }
        all
    };

    pub(crate) const fn title(self) -> &'static str {
        TABLE[self as usize].title
    }

    /// What its digit leads to.
    pub(crate) const fn help(self) -> &'static str {
        TABLE[self as usize].help
    }

    /// What it shows and does.
    pub(crate) const fn scene(self) -> &'static dyn Scene {
        TABLE[self as usize].scene
    }

    /// The screen so many further on, around the end.
    pub(crate) fn step(self, by: isize) -> Self {
        let here = Self::ALL.iter().position(|screen| *screen == self).unwrap_or(0);
        let there = here.checked_add_signed(by).unwrap_or(Self::ALL.len() - 1);
        Self::ALL[there % Self::ALL.len()]
    }
}

/// Whether a list keeps to the row that it was first drawn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstRow {
    /// What comes doesn't get under the hands of an operator who never moved the cursor.
    Held,
    /// Until the cursor is moved it is on whatever comes first, or last.
    Floating,
}

/// What a screen shows and does. What is left out is as most screens have it.
pub(crate) trait Scene: Sync {
    /// The keys in force, in the order of the hints at the bottom.
    fn contexts(&self) -> &'static [Context];

    /// The list that the cursor keys move in.
    fn list<'m>(&self, model: &'m Model) -> &'m List;

    fn list_mut<'m>(&self, model: &'m mut Model) -> &'m mut List;

    /// Every list that it draws.
    fn lists<'m>(&self, model: &'m Model) -> Vec<&'m List> {
        vec![self.list(model)]
    }

    /// Takes the cursor to the other list, where there are two.
    fn go_to_other_list(&self, _: &mut Model) {}

    /// The keys of the rows of the list with the cursor.
    fn row_keys(&self, model: &Model) -> Vec<String>;

    /// In how many ways that list can be sorted.
    fn ways_of_sorting(&self, _: &Model) -> usize {
        1
    }

    fn first_row(&self) -> FirstRow {
        FirstRow::Held
    }

    /// Enter on a row.
    fn open(&self, _: &mut Model) -> Vec<Effect> {
        Vec::new()
    }

    /// The id of the row with the cursor, for the clipboard.
    fn id(&self, _: &Model) -> Option<String> {
        None
    }

    /// After the cursor was moved by this action in a list of so many rows.
    fn moved(&self, model: &mut Model, _: Action, _rows: usize) -> Vec<Effect> {
        self.list_mut(model).at_end = false;
        Vec::new()
    }

    /// What stands before a filter that is typed.
    fn filter_label(&self) -> &'static str {
        "filter: "
    }

    /// A filter is being typed: rows that this console has are filtered at once.
    fn filter_typed(&self, model: &mut Model, text: &str) {
        text.clone_into(&mut self.list_mut(model).filter);
    }

    /// A filter was typed and taken.
    fn filter_taken(&self, _: &mut Model, _: Input) {}

    fn clear_filter(&self, model: &mut Model) {
        self.list_mut(model).filter.clear();
    }

    /// What it wants to be asked for, beside the state that comes by itself.
    fn wants(&self, _: &mut Model) -> Option<Effect> {
        None
    }

    /// What was asked for may be out of date.
    fn forget(&self, _: &mut Model) {}

    /// Whether it says by itself what an operator has shut.
    fn says_what_is_shut(&self) -> bool {
        false
    }

    /// Draws it, of a model that has a state.
    fn draw(&self, model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer);
}

/// The keys of the rows of the list with the cursor.
pub(crate) fn row_keys(model: &Model) -> Vec<String> {
    model.screen.scene().row_keys(model)
}

#[cfg(test)]
mod tests {
    use super::{Screen, TABLE};

    #[test]
    fn the_table_has_each_screen_at_its_place() {
        for (place, entry) in TABLE.iter().enumerate() {
            assert_eq!(entry.screen as usize, place, "{}", entry.title);
        }
        assert_eq!(Screen::Overview.step(-1), *Screen::ALL.last().unwrap());
    }
}
