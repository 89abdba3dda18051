//! The help window, made from the table of keys.

use ratatui::text::{Line, Span};

use super::frame::is_there;
use crate::console::keys::{self, Binding, Context};
use crate::console::model::Model;
use crate::console::theme::Styles;
use crate::console::update::{blocked, not_permitted};
use crate::words::printable;

/// Columns of the keys.
const KEYS: usize = 13;

/// Windows narrower than this have one column.
const TWO_COLUMNS: u16 = 100;

/// Each column's lines; a context's keys stay together.
pub(super) fn columns(model: &Model, styles: &Styles, width: u16) -> Vec<Vec<Line<'static>>> {
    let mut groups: Vec<Vec<Line<'static>>> =
        Context::ALL.iter().map(|context| group(model, *context, styles)).collect();
    if let Some(why) = not_permitted(model) {
        let text = format!("Struck through: {}", printable(&why));
        groups.insert(0, vec![Line::styled(text, styles.warning), Line::default()]);
    }
    let program = concat!("seckillctl ", env!("CARGO_PKG_VERSION"), " at ");
    let last = Line::raw(format!("{program}{}", printable(&model.socket)));
    if width < TWO_COLUMNS {
        let mut lines = groups.concat();
        lines.push(last);
        return vec![lines];
    }
    let all: usize = groups.iter().map(Vec::len).sum();
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for group in groups {
        let column = if left.len() + group.len() / 2 < all / 2 { &mut left } else { &mut right };
        column.extend(group);
    }
    right.push(last);
    vec![left, right]
}

fn group(model: &Model, context: Context, styles: &Styles) -> Vec<Line<'static>> {
    let mut lines = vec![Line::styled(context.title(), styles.strong)];
    let only = [context];
    let bindings = keys::bindings(&only).filter(|binding| is_there(model, binding));
    lines.extend(bindings.map(|binding| line(model, binding, styles)));
    lines.push(Line::default());
    lines
}

fn line(model: &Model, binding: &Binding, styles: &Styles) -> Line<'static> {
    let keys = format!("  {:<KEYS$} ", binding.key_names());
    match blocked(model, binding.action) {
        None => Line::from(vec![Span::styled(keys, styles.key), Span::raw(binding.what)]),
        Some(_) if not_permitted(model).is_some() => Line::from(vec![
            Span::styled(keys, styles.quiet),
            Span::styled(binding.what, styles.blocked),
        ]),
        Some(why) => {
            let why = format!(" ({})", printable(&why));
            Line::from(vec![
                Span::styled(keys, styles.quiet),
                Span::styled(binding.what, styles.blocked),
                Span::styled(why, styles.warning),
            ])
        }
    }
}
