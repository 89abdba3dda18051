//! `view`: the model as a screen. It changes nothing but the cells in which the model remembers
//! what is on the screen, reads no clock, and gives the same screen for the same model.

mod bars;
mod events;
mod fitting;
mod frame;
mod gateway;
mod headline;
mod help;
mod orders;
mod overview;
mod popups;
mod products;
mod questions;
mod queue;
mod small;
mod table;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};

use super::looks::Characters;
use super::model::{Connection, Model, Screen};
use super::theme::{self, Styles};

/// Draws everything, and notes in the model what of it can be acted on.
pub(crate) fn view(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    let styles = Styles::new(model.looks.colours);
    let buffer = frame.buffer_mut();
    model.forget_drawing();
    model.drawn.set(Some(area.as_size()));
    if model.is_small() {
        small::draw(model, &styles, area, buffer);
    } else {
        screen(model, &styles, area, buffer);
    }
    if model.looks.characters == Characters::Ascii {
        theme::ascii(buffer);
    }
}

fn screen(model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let is_lost = matches!(model.connection, Connection::Lost { .. });
    let [status, tabs, banner, body, bottom] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(u16::from(is_lost)),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    frame::status(model, styles, status, buffer);
    frame::tabs(model, styles, tabs, buffer);
    frame::banner(model, styles, banner, buffer);
    match model.screen {
        _ if model.shown().is_none() => frame::nothing_yet(model, styles, body, buffer),
        Screen::Overview => overview::draw(model, styles, body, buffer),
        Screen::Products => products::draw(model, styles, body, buffer),
        Screen::Orders => orders::draw(model, styles, body, buffer),
        Screen::Queue => queue::draw(model, styles, body, buffer),
        Screen::Gateway => gateway::draw(model, styles, body, buffer),
        Screen::Events => events::draw(model, styles, body, buffer),
    }
    if is_lost {
        buffer.set_style(body, styles.stale);
    }
    frame::bottom(model, styles, bottom, buffer);
    popups::draw(model, styles, area, buffer);
}
