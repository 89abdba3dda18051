//! The windows that an operator answers: forms, and questions before the daemon is changed. A
//! question notes how much of it there was room for.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::fitting::{put_all, wrapped};
use super::frame::typed;
use super::popups::{WORDS, window};
use crate::console::model::{Button, Dropped, Form, Patience, Question, Seen};
use crate::console::theme::{Styles, symbol};
use crate::words::printable;

pub(super) fn form(form: &Form, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let fields = u16::try_from(form.fields.len()).unwrap_or(u16::MAX);
    let inner = window(&form.title, WORDS, fields * 2 + 2, styles.strong, area, buffer);
    let mut lines = Vec::new();
    for (index, field) in form.fields.iter().enumerate() {
        let label = format!("{:<8}", field.label);
        let line = if index == form.focus {
            typed(&label, &field.input, inner.width, styles)
        } else {
            let text = printable(field.input.text());
            Line::from(vec![Span::styled(label, styles.quiet), Span::raw(text)])
        };
        lines.push(line);
        lines.push(Line::styled(format!("{:8}{}", "", field.hint), styles.quiet));
    }
    lines.push(match &form.fault {
        Some(fault) => Line::styled(format!("{} {}", symbol::BAD, printable(fault)), styles.bad),
        None => Line::default(),
    });
    lines.push(Line::raw("Enter goes on, Esc leaves it; a question follows."));
    put_all(buffer, inner, lines);
}

/// Its sentences, a line about its wait, and where it is answered.
pub(super) fn question(asked: &Question, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let inside = WORDS.min(area.width.saturating_sub(4)).saturating_sub(4);
    let mut lines = Vec::new();
    // What the border would cut is a sentence as well.
    if usize::from(inside) < Span::raw(printable(&asked.title)).width() + 4 {
        lines.extend(wrapped(&printable(&asked.title), inside));
    }
    lines.extend(asked.lines.iter().flat_map(|text| wrapped(text, inside)));
    let (label, last) = answer(asked, inside, styles);
    lines.extend(label.iter().flat_map(|text| wrapped(text, inside)));
    let reason = reason(asked, inside, styles);
    let tall = lines.len() + reason.len();
    let height = u16::try_from(tall).unwrap_or(u16::MAX).saturating_add(2);
    let inner = window(&asked.title, WORDS, height, styles.warning, area, buffer);
    let is_whole = height <= inner.height && inside <= inner.width;
    asked.seen.set(if is_whole { Seen::Whole } else { Seen::Cut });
    let words = Rect { height: inner.height.saturating_sub(2), ..inner };
    put_all(buffer, words, lines.into_iter().map(Line::raw).chain(reason));
    let (wait, last) = match is_whole {
        true => (wait(asked, styles), last),
        false => (
            Line::styled(format!("{} there is no room for all of it", symbol::BAD), styles.bad),
            Line::raw("Make the screen larger, or leave it with Esc."),
        ),
    };
    put_all(buffer, Rect { y: words.bottom(), height: inner.height.min(2), ..inner }, [wait, last]);
}

/// The line for a reason, or the whole of what was typed into it, or the key that leads to it.
fn reason(asked: &Question, width: u16, styles: &Styles) -> Vec<Line<'static>> {
    const LABEL: &str = "Reason: ";
    let Some(line) = &asked.reason else { return Vec::new() };
    if let Some(input) = asked.reason_line() {
        return vec![typed(LABEL, input, width, styles)];
    }
    let given = line.input.text().trim();
    if !given.is_empty() {
        let text = format!("{LABEL}{}", printable(given));
        return wrapped(&text, width).into_iter().map(Line::raw).collect();
    }
    let key = if asked.typed.is_some() { "Tab" } else { "r" };
    vec![Line::styled(format!("{key} leads to a reason, which is optional."), styles.quiet)]
}

fn wait(asked: &Question, styles: &Styles) -> Line<'static> {
    let dropped = asked.dropped.map(|dropped| match dropped {
        Dropped::TooSoon => "a key came too soon: it was dropped",
        Dropped::NotAlone => "the answer didn't come alone: it was dropped",
        Dropped::Pasted => "what is pasted is no answer: it was dropped",
    });
    if let Some(dropped) = dropped {
        let wait = if asked.patience == Patience::Rested { "" } else { "; wait a moment" };
        return Line::styled(format!("{} {dropped}{wait}", symbol::WARNING), styles.warning);
    }
    match asked.patience {
        Patience::Rested => Line::default(),
        // It isn't said after each letter that is typed.
        Patience::Touched if asked.is_typed_into() => Line::default(),
        Patience::New | Patience::Touched => Line::styled("wait a moment", styles.quiet),
    }
}

/// What has to be typed, where that needs a line of its own, and the line that takes the answer.
fn answer(asked: &Question, width: u16, styles: &Styles) -> (Option<String>, Line<'static>) {
    const ROOM: usize = 12;
    let Some((expected, input)) = &asked.typed else {
        return (None, buttons(asked, styles));
    };
    let label = format!("Type {} and Enter, or Esc: ", printable(expected));
    let line = |label: &str| match asked.reason_line() {
        None => typed(label, input, width, styles),
        // The cursor is in the line for a reason.
        Some(_) => {
            let label = Span::styled(label.to_owned(), styles.quiet);
            Line::from(vec![label, Span::raw(printable(input.text()))])
        }
    };
    if Span::raw(&label).width() + ROOM <= usize::from(width) {
        return (None, line(&label));
    }
    let short = line("> ");
    (Some(label), short)
}

fn buttons(asked: &Question, styles: &Styles) -> Line<'static> {
    let rested = asked.patience == Patience::Rested;
    let plain = if rested { styles.text } else { styles.quiet };
    let strong = if rested { styles.strong } else { styles.quiet };
    let button = |button: Button, text: &'static str| {
        let style = if button == asked.focus { strong.patch(styles.selected) } else { plain };
        Span::styled(text, style)
    };
    Line::from(vec![
        button(Button::No, "[ n  No ]"),
        Span::raw("   "),
        button(Button::Yes, "[ y  Yes ]"),
    ])
}
