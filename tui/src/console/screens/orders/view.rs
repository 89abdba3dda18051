//! The Orders screen: those that wait, then the newest, page by page.

use protocol::{OrderState, OrderView, Unlisted};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::rows;
use crate::console::model::Model;
use crate::console::theme::{Styles, symbol};
use crate::console::view::fitting::{panel, put_wrapped, title};
use crate::console::view::table::{Column, Focus, Pen, Table, Width, left, right};
use crate::words::narrow::day_and_clock;
use crate::words::{UNKNOWN, grouped, in_words, printable};

const COLUMNS: &[Column<OrderView>] = &[
    left("time", Width::Fixed(15), 0, |order, _| Line::raw(day_and_clock(order.asked_at))),
    left("state", Width::Fixed(13), 0, |order, pen| Line::from(state(order.state, pen.styles))),
    left("reason", Width::Fixed(17), 2, reason),
    left("product", Width::Fixed(12), 0, |order, _| Line::raw(printable(order.prod_id.as_str()))),
    left("buyer", Width::Fixed(12), 0, |order, _| Line::raw(printable(&order.user))),
    right("amount", 12, 3, amount),
    left("order", Width::Rest(18), 4, |order, _| Line::raw(printable(&order.order_id.text()))),
];

fn reason(order: &OrderView, _: &Pen<'_>) -> Line<'static> {
    Line::raw(order.reason.as_deref().map(in_words).unwrap_or_default())
}

fn amount(order: &OrderView, _: &Pen<'_>) -> Line<'static> {
    Line::raw(order.charge_money.map_or_else(|| UNKNOWN.to_owned(), |money| money.to_string()))
}

/// A state with its sign.
pub(crate) fn state(state: OrderState, styles: &Styles) -> Span<'static> {
    use OrderState as S;
    let (sign, style) = match state {
        S::Placed | S::Finished => (symbol::GOOD, styles.good),
        S::Failed | S::Duplicate => (symbol::BAD, styles.text),
        S::Queued | S::Other => ("·", styles.text),
        S::Unconfirmed | S::DeadLetter => (symbol::WARNING, styles.warning),
    };
    Span::styled(format!("{sign} {}", in_words(state.as_str())), style)
}

/// What a list lacks, above its rows; returns what is left of the area.
pub(crate) fn unlisted(
    lacks: &[Unlisted],
    styles: &Styles,
    area: Rect,
    buffer: &mut Buffer,
) -> Rect {
    let mut left = area;
    for lack in lacks {
        let text = format!(" {} {}", symbol::WARNING, printable(&lack.text));
        let taken = put_wrapped(buffer, left, &text, styles.warning);
        left = Rect { y: left.y + taken, height: left.height - taken, ..left };
    }
    left
}

pub(crate) fn draw(model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let orders = &model.orders;
    let shown: Vec<&OrderView> = rows::orders(model).iter().collect();
    let more_left = if orders.next.is_some() { "+" } else { "" };
    let count = format!("{}{more_left}", grouped(u64::try_from(shown.len()).unwrap_or(0)));
    let mut more = vec![count, "waiting first, then newest".to_owned()];
    more.extend(orders.filter.told());
    if let Some(fault) = &orders.fault {
        more.push(format!("not loaded: {}", printable(fault)));
    } else if orders.is_loading && orders.rows.is_none() {
        more.push("loading".to_owned());
    }
    let inner = panel(title("Orders", &more, styles), styles, area, buffer);
    let inner = unlisted(&orders.unlisted, styles, inner, buffer);
    if shown.is_empty() {
        let text = match (&orders.rows, &orders.fault) {
            (_, Some(fault)) => format!(" {}", printable(fault)),
            (None, None) => " not loaded yet".to_owned(),
            (Some(_), None) if orders.unlisted.is_empty() => " no order".to_owned(),
            (Some(_), None) => {
                " no order is found, but the list lacks what stands above".to_owned()
            }
        };
        put_wrapped(buffer, inner, &text, styles.quiet);
        return;
    }
    let at = model.shown().map(|snapshot| snapshot.at).unwrap_or_default();
    let list = &orders.list;
    let table = Table { columns: COLUMNS, list, focus: Focus::Here, at, styles };
    table.draw(&shown, &rows::order_keys(rows::orders(model)), inner, buffer);
}
