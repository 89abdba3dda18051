//! The Queue screen: the lag of each queue, the way to the brokers, and the dead letters. It has
//! two lists, of which one has the cursor.

pub(crate) mod asking;
pub(crate) mod rows;
pub(crate) mod view;

use protocol::OrderId;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Scene;
use crate::console::keys::Context;
use crate::console::model::{Details, List, Model, Pane, Popup};
use crate::console::msg::Effect;
use crate::console::theme::Styles;

/// The screen.
pub(crate) struct Queue;

impl Scene for Queue {
    fn contexts(&self) -> &'static [Context] {
        use Context as C;
        &[
            C::Queue,
            C::Switches,
            C::Rows,
            C::Filtered,
            C::Sorted,
            C::Screens,
            C::Moving,
            C::Anywhere,
        ]
    }

    fn list<'m>(&self, model: &'m Model) -> &'m List {
        match model.pane {
            Pane::DeadLetters => &model.dead_letters.list,
            Pane::Queues => &model.queues,
        }
    }

    fn list_mut<'m>(&self, model: &'m mut Model) -> &'m mut List {
        match model.pane {
            Pane::DeadLetters => &mut model.dead_letters.list,
            Pane::Queues => &mut model.queues,
        }
    }

    fn lists<'m>(&self, model: &'m Model) -> Vec<&'m List> {
        vec![&model.dead_letters.list, &model.queues]
    }

    fn go_to_other_list(&self, model: &mut Model) {
        model.pane = match model.pane {
            Pane::DeadLetters => Pane::Queues,
            Pane::Queues => Pane::DeadLetters,
        };
    }

    fn row_keys(&self, model: &Model) -> Vec<String> {
        match model.pane {
            Pane::DeadLetters => rows::dead_letter_keys(&rows::dead_letters(model)),
            Pane::Queues => rows::queue_keys(&rows::queues(model)),
        }
    }

    fn ways_of_sorting(&self, model: &Model) -> usize {
        match model.pane {
            Pane::DeadLetters => rows::DEAD_LETTER_ORDERS.len(),
            Pane::Queues => rows::QUEUE_ORDERS.len(),
        }
    }

    fn open(&self, model: &mut Model) -> Vec<Effect> {
        let selected = match model.pane {
            Pane::DeadLetters => rows::selected_dead_letter(model).cloned(),
            Pane::Queues => None,
        };
        if let Some(letter) = selected {
            let details = Details::DeadLetter { letter: Box::new(letter), scroll: 0.into() };
            model.popups.push(Popup::Details(details));
        }
        Vec::new()
    }

    fn id(&self, model: &Model) -> Option<String> {
        match model.pane {
            Pane::DeadLetters => {
                let letter = rows::selected_dead_letter(model)?;
                let order_id = letter.order_id.as_ref().map(OrderId::to_string);
                order_id.or_else(|| Some(letter.id.to_string()))
            }
            Pane::Queues => {
                let keys = rows::queue_keys(&rows::queues(model));
                model.queues.selected(&keys).and_then(|index| keys.get(index).cloned())
            }
        }
    }

    fn wants(&self, model: &mut Model) -> Option<Effect> {
        asking::are_due(model).then(|| asking::ask(model))
    }

    fn forget(&self, model: &mut Model) {
        model.dead_letters.asked_for = None;
    }

    fn draw(&self, model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
        view::draw(model, styles, area, buffer);
    }
}
