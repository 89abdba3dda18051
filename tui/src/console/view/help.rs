//! The help window, made from the table of keys.

use ratatui::text::{Line, Span};

use super::edges::is_there;
use crate::console::keys::{self, Binding, Context};
use crate::console::model::Model;
use crate::console::text::printable;
use crate::console::theme::Styles;
use crate::console::update::blocked;

/// Columns of the keys.
const KEYS: usize = 18;

/// All lines, a group for each context.
pub(super) fn lines(model: &Model, styles: &Styles) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for context in &Context::ALL {
        lines.push(Line::styled(context.title(), styles.strong));
        let bindings = keys::bindings(std::slice::from_ref(context))
            .filter(|binding| is_there(model, binding));
        lines.extend(bindings.map(|binding| line(model, binding, styles)));
        lines.push(Line::default());
    }
    lines.push(Line::raw("Capital letters change the daemon, each behind a confirmation."));
    let program = concat!("seckillctl ", env!("CARGO_PKG_VERSION"), " at ");
    lines.push(Line::raw(format!("{program}{}", printable(&model.socket.to_string_lossy()))));
    lines
}

fn line(model: &Model, binding: &Binding, styles: &Styles) -> Line<'static> {
    let keys = format!("  {:<KEYS$}", binding.key_names());
    match blocked(model, binding.action) {
        None => Line::from(vec![Span::styled(keys, styles.key), Span::raw(binding.what)]),
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
