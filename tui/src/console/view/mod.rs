//! `view`: the model as a screen. It changes nothing but the cells in which the model remembers
//! what is on the screen, reads no clock, and gives the same screen for the same model.

pub(crate) mod bars;
pub(crate) mod fitting;
pub(crate) mod frame;
pub(crate) mod headline;
mod help;
pub(crate) mod popups;
mod questions;
mod small;
pub(crate) mod table;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};

use super::looks::Characters;
use super::model::{Connection, Model};
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
    match model.shown() {
        None => frame::nothing_yet(model, styles, body, buffer),
        Some(_) => model.screen.scene().draw(model, styles, body, buffer),
    }
    if is_lost {
        buffer.set_style(body, styles.stale);
    }
    frame::bottom(model, styles, bottom, buffer);
    popups::draw(model, styles, area, buffer);
}
