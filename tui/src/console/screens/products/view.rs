//! Products: the stock of each as a bar on the Overview, all figures on its own screen.

use protocol::{
    Bound, ChargesView, Counted, EpochMs, ProdId, ProductView, SaleState, Snapshot, Term, TermsSet,
};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::rows::{self, PRODUCT_ORDERS};
use crate::console::model::{List, Model};
use crate::console::screens::sorting::Sorting;
use crate::console::theme::{Styles, symbol};
use crate::console::view::bars::{self, BarPiece};
use crate::console::view::fitting::{panel, put, title};
use crate::console::view::headline::off_by;
use crate::console::view::popups::pair;
use crate::console::view::table::{Column, Focus, Pen, Table, Width, left, right};
use crate::words::narrow::{between, day_and_clock};
use crate::words::{duration, grouped, in_words, known_count, printable, signed};

const STOCK: &[Column<ProductView>] = &[
    left("product", Width::Fixed(12), 0, id),
    left("name", Width::Fixed(18), 4, name),
    left("shelf", Width::Fixed(5), 3, shelf),
    left("sold / held / free", Width::Rest(18), 0, bar),
    right("sold", 9, 0, |product, _| Line::raw(grouped(product.sold))),
    right("held", 7, 1, |product, _| Line::raw(known_count(product.held))),
    right("free", 9, 0, |product, _| Line::raw(known_count(product.free))),
    left("", Width::Fixed(1), 0, sign),
];

/// Price and shelf are what an operator vouches for: they stay where others have to go.
const ALL: &[Column<ProductView>] = &[
    left("product", Width::Fixed(12), 0, id),
    left("name", Width::Rest(12), 1, name),
    right("price", 12, 0, |product, _| Line::raw(Term::Price.text(&product.terms))),
    left("shelf", Width::Fixed(5), 0, shelf),
    right("initial", 9, 6, |product, _| Line::raw(grouped(product.initial))),
    right("added", 7, 7, |product, _| Line::raw(signed(product.added))),
    right("stock", 9, 0, |product, _| Line::raw(grouped(product.stock))),
    right("held", 7, 4, |product, _| Line::raw(known_count(product.held))),
    right("free", 9, 2, |product, _| Line::raw(known_count(product.free))),
    right("sold", 9, 0, |product, _| Line::raw(grouped(product.sold))),
    right("asked/s", 9, 10, |product, _| {
        Line::raw(known_count(last_second(product, ChargesView::all)))
    }),
    right("got/s", 7, 9, |product, _| {
        Line::raw(known_count(last_second(product, ChargesView::accepted)))
    }),
    right("version", 9, 8, |product, _| Line::raw(grouped(product.version))),
    left("books", Width::Fixed(16), 5, books),
    left("", Width::Fixed(1), 0, sign),
];

/// Charges for a product in the last second; not known of one that isn't counted apart.
fn last_second(product: &ProductView, which: fn(&ChargesView) -> Counted) -> Option<u64> {
    product.charges.as_ref().map(|charges| which(charges).last_1s)
}

/// All of a product, as it is now.
pub(crate) fn details(model: &Model, prod_id: &ProdId, styles: &Styles) -> Vec<Line<'static>> {
    let products = model.shown().map_or(&[][..], |snapshot| &snapshot.products);
    let Some(product) = products.iter().find(|product| product.prod_id == *prod_id) else {
        let text = format!("{} isn't there any more", printable(prod_id.as_str()));
        return vec![Line::styled(text, styles.warning)];
    };
    let text = |text: String| Span::styled(text, styles.text);
    let books = match product.balanced {
        true => Span::styled(format!("{} balanced", symbol::GOOD), styles.good),
        false => Span::styled(format!("{} {}", symbol::BAD, off_by(product)), styles.bad),
    };
    let [version, of_terms] = [product.version, product.terms_version].map(grouped);
    let versions = format!("{version}, of its terms {of_terms}");
    let mut lines = vec![
        pair("product", Span::styled(printable(product.prod_id.as_str()), styles.strong), styles),
        pair("name", text(printable(&product.prod_name)), styles),
    ];
    let now = model.shown().map(Snapshot::sale_at).unwrap_or_default();
    let told = |term: Term| pair(term.label(), in_full(term, product, now, styles), styles);
    lines.extend(Term::ALL.map(told));
    lines.extend([
        Line::default(),
        pair("initial", text(grouped(product.initial)), styles),
        pair("added", text(signed(product.added)), styles),
        pair("stock", text(grouped(product.stock)), styles),
        pair("held", text(known_count(product.held)), styles),
        pair("free", text(known_count(product.free)), styles),
        pair("sold", text(grouped(product.sold)), styles),
        pair("books", books, styles),
        pair("version", text(versions), styles),
        pair("terms by", text(who_set(product)), styles),
        Line::default(),
    ]);
    let has_gateway = model.shown().is_some_and(|snapshot| snapshot.gateway.is_some());
    lines.extend(match &product.charges {
        Some(view) => charges(view, styles),
        None => {
            let why = match has_gateway {
                true => "not counted apart: products on the shelf are, 100 at most",
                false => "counted by the gateways, not here",
            };
            vec![pair("charges", Span::styled(why, styles.quiet), styles)]
        }
    });
    lines
}

/// A term with what it means, where that has a style of its own.
fn in_full(term: Term, product: &ProductView, now: EpochMs, styles: &Styles) -> Span<'static> {
    match (term, product.terms.on_shelf) {
        (Term::OnShelf, true) => {
            let state = match product.state {
                Some(SaleState::Scheduled) => "on the shelf, and opens later",
                Some(SaleState::Closed) => "on the shelf, and its sale is over",
                _ => "on the shelf: it can be charged",
            };
            Span::styled(state, styles.good)
        }
        (Term::OnShelf, false) => {
            Span::styled("OFF the shelf: charges are refused (code 40007)", styles.warning)
        }
        (Term::OpensAt, true) => Span::styled(until(product.terms.opens_at, now), styles.strong),
        (Term::ClosesAt, true) => Span::styled(until(product.terms.closes_at, now), styles.strong),
        _ => Span::styled(term.text(&product.terms), styles.strong),
    }
}

/// Who set the terms last, and when.
fn who_set(product: &ProductView) -> String {
    let Some(TermsSet { at, by }) = &product.terms_set else {
        return "nobody: they are as it was made".to_owned();
    };
    format!("{}, {}", printable(by), day_and_clock(*at))
}

/// A bound, and how long it is until then.
fn until(bound: Bound, now: EpochMs) -> String {
    match bound.0 {
        Some(at) if now < at => format!("{bound} (in {})", duration(between(now, at).as_secs())),
        _ => bound.to_string(),
    }
}

/// What became of charges for it: asked, got one, then why not, the most frequent reason first.
fn charges(charges: &ChargesView, styles: &Styles) -> Vec<Line<'static>> {
    let row = |name: String, cells: [String; 3], style| {
        let [second, minute, all] = cells;
        Line::from(vec![
            Span::styled(format!("{name:<14}"), styles.quiet),
            Span::styled(format!("{second:>11}{minute:>11}{all:>13}"), style),
        ])
    };
    let counted = |name: &str, counted: Counted| {
        let cells = [counted.last_1s, counted.last_60s, counted.total].map(grouped);
        row(in_words(name), cells, styles.text)
    };
    let titles = ["last second", "minute", "in all"].map(str::to_owned);
    let mut lines = vec![
        row("charges".to_owned(), titles, styles.quiet),
        counted("asked", charges.all()),
        counted("accepted", charges.accepted()),
    ];
    let reasons = charges.refusals(|counted| counted.total).into_iter();
    let of = |name: &str| charges.0.get(name).copied().unwrap_or_default();
    lines.extend(reasons.map(|(name, _)| counted(name, of(name))));
    lines
}

fn id(product: &ProductView, _: &Pen<'_>) -> Line<'static> {
    Line::raw(printable(product.prod_id.as_str()))
}

fn name(product: &ProductView, _: &Pen<'_>) -> Line<'static> {
    Line::raw(printable(&product.prod_name))
}

fn shelf(product: &ProductView, pen: &Pen<'_>) -> Line<'static> {
    match product.state {
        Some(SaleState::Scheduled) => Line::styled("sched", pen.styles.quiet),
        Some(SaleState::Closed) => Line::styled("over", pen.styles.quiet),
        _ if product.terms.on_shelf => Line::raw("on"),
        _ => Line::styled("OFF", pen.styles.warning),
    }
}

/// Held and free are one part where it isn't known how much of the stock is held.
fn bar(product: &ProductView, pen: &Pen<'_>) -> Line<'static> {
    let styles = pen.styles;
    let held = product.held.unwrap_or(0).min(product.stock);
    let parts = [
        BarPiece { amount: product.sold, symbol: symbol::SOLD, style: styles.sold },
        BarPiece { amount: held, symbol: symbol::HELD, style: styles.held },
        BarPiece { amount: product.stock - held, symbol: symbol::FREE, style: styles.free },
    ];
    Line::from(bars::stacked(&parts, product.sold.saturating_add(product.stock), pen.width))
}

fn sign(product: &ProductView, pen: &Pen<'_>) -> Line<'static> {
    let styles = pen.styles;
    if product.balanced {
        Line::styled(symbol::GOOD, styles.good)
    } else {
        Line::styled(symbol::BAD, styles.bad)
    }
}

fn books(product: &ProductView, pen: &Pen<'_>) -> Line<'static> {
    let styles = pen.styles;
    if product.balanced {
        Line::styled("balanced", styles.good)
    } else {
        Line::styled(off_by(product), styles.bad)
    }
}

/// How many of how many, by what sorted and filtered.
pub(crate) fn about<T>(
    shown: usize,
    all: usize,
    orders: &[Sorting<T>],
    list: &List,
) -> Vec<String> {
    let count = if shown == all { all.to_string() } else { format!("{shown} of {all}") };
    let reversed = if list.reversed { ", reversed" } else { "" };
    let mut more = vec![count];
    more.extend(orders.get(list.sort).map(|order| format!("by {}{reversed}", order.name)));
    if !list.filter.is_empty() {
        more.push(format!("filter {:?}", list.filter));
    }
    more
}

/// The stock of each product as a bar.
pub(crate) fn stock(model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    table("Stock", STOCK, legend(styles), model, styles, area, buffer);
}

/// The Products screen.
pub(crate) fn draw(model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    table("Products", ALL, Vec::new(), model, styles, area, buffer);
}

fn table(
    name: &str,
    columns: &'static [Column<ProductView>],
    legend: Vec<Span<'static>>,
    model: &Model,
    styles: &Styles,
    area: Rect,
    buffer: &mut Buffer,
) {
    let Some(snapshot) = model.shown() else { return };
    let products = rows::products(model);
    let more = about(products.len(), snapshot.products.len(), PRODUCT_ORDERS, &model.products);
    let mut heading = title(name, &more, styles);
    heading.spans.extend(legend);
    let inner = panel(heading, styles, area, buffer);
    if products.is_empty() {
        put(buffer, inner, &Line::styled(" no product", styles.quiet));
        return;
    }
    let keys = rows::product_keys(&products);
    let (list, at) = (&model.products, snapshot.at);
    let table = Table { columns, list, focus: Focus::Here, at, styles };
    table.draw(&products, &keys, inner, buffer);
}

/// What the bars' parts are.
fn legend(styles: &Styles) -> Vec<Span<'static>> {
    let part = |symbol: &'static str, name: &'static str, style| {
        [Span::raw("  "), Span::styled(symbol, style), Span::styled(name, styles.quiet)]
    };
    let parts = [
        part(symbol::SOLD, " sold", styles.sold),
        part(symbol::HELD, " held", styles.held),
        part(symbol::FREE, " free", styles.free),
    ];
    parts.into_iter().flatten().collect()
}
