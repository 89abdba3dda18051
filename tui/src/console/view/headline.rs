//! The four lines that answer an operator in one second: is it selling, is the queue draining, do
//! the books balance, is anyone being wronged.

use protocol::{Doubt, Hindrance, ProductView, Selling, Snapshot, SwitchView, Trend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::fitting::{figure, fit, put};
use super::frame::worry;
use crate::console::theme::{Styles, symbol};
use crate::words::narrow::{between, day_and_clock, span};
use crate::words::{UNKNOWN, duration, grouped, in_words, known_count, printable, signed};

type Parts = Vec<Vec<Span<'static>>>;

/// Columns of the labels.
const LABEL: u16 = 8;

/// Reasons for refusals that the first line has.
const REASONS_MAX: usize = 2;

/// How many lines there are.
pub(crate) const LINES: u16 = 4;

pub(crate) fn draw(snapshot: &Snapshot, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let room = area.width.saturating_sub(LABEL + 1);
    let lines = [
        ("Sale", sale(snapshot, room, styles)),
        ("Queue", queue(snapshot, styles)),
        ("Books", books(snapshot, styles)),
        ("Buyers", buyers(snapshot, styles)),
    ];
    for ((label, parts), y) in lines.into_iter().zip(area.top()..area.bottom()) {
        let row = Rect { y, height: 1, ..area };
        put(buffer, row, &Line::styled(format!(" {label}"), styles.strong));
        let rest = Rect { x: row.x + LABEL, width: row.width.saturating_sub(LABEL + 1), ..row };
        put(buffer, rest, &fit(parts, rest.width, styles));
    }
}

fn sign(sign: &str, text: &str, style: Style) -> Vec<Span<'static>> {
    vec![Span::styled(format!("{sign} {text}"), style)]
}

/// Who switched, how long ago, and why, as far as it is known.
fn paused(what: &str, switch: &SwitchView, snapshot: &Snapshot, styles: &Styles) -> Parts {
    let by = switch.by.as_ref().map(|by| format!(" by {}", printable(by))).unwrap_or_default();
    let since = switch.since.map(|since| since_words(since, snapshot)).unwrap_or_default();
    let mut parts = vec![sign(symbol::WARNING, &format!("{what}{by}{since}"), styles.warning)];
    parts.extend(switch.reason.as_ref().map(|reason| vec![Span::raw(printable(reason))]));
    parts
}

fn since_words(since: protocol::EpochMs, snapshot: &Snapshot) -> String {
    format!(" for {}", crate::words::narrow::age(between(since, snapshot.sale_at())))
}

fn sale(snapshot: &Snapshot, room: u16, styles: &Styles) -> Parts {
    let mut parts = match snapshot.selling() {
        Selling::Elsewhere => vec![sign(UNKNOWN, "no gateway role here", styles.quiet)],
        Selling::No(hindrance) => hindered(hindrance, snapshot, styles),
        Selling::InDoubt(Doubt::Degraded(_)) => {
            vec![sign(symbol::WARNING, "open, degraded", styles.warning)]
        }
        Selling::InDoubt(Doubt::Recovering(_)) => {
            vec![sign(symbol::WARNING, "open, recovering", styles.warning)]
        }
        Selling::Yes => vec![sign(symbol::GOOD, "open", styles.good)],
    };
    let room = usize::from(room).saturating_sub(width(&parts) + symbol::DOT.width());
    parts.extend(rates(snapshot, room, styles));
    parts
}

/// What keeps every buyer from buying: what an operator shut, a fault, or that all is gone.
fn hindered(hindrance: Hindrance<'_>, snapshot: &Snapshot, styles: &Styles) -> Parts {
    let warning = |text: &str| vec![sign(symbol::WARNING, text, styles.warning)];
    let fault = |text: &str| vec![sign(symbol::BAD, text, styles.bad)];
    let gone = |text: &str| vec![sign(symbol::GOOD, text, styles.good)];
    match hindrance {
        Hindrance::NotServing(phase) => warning(&format!("NOT SERVING, {}", phase.as_str())),
        Hindrance::Draining(drain) => {
            let word = if drain.drained { "DRAINED" } else { "DRAINING" };
            warning(&format!("{word}, intake paused{}", since_words(drain.since, snapshot)))
        }
        Hindrance::Paused(switch) => paused("INTAKE PAUSED", switch, snapshot, styles),
        Hindrance::NothingAccepted(_) => fault("NOTHING ACCEPTED"),
        Hindrance::TooManyUnconfirmed(_) => fault("TOO MANY UNCONFIRMED"),
        Hindrance::NothingOnShelf => gone("open, nothing on the shelf"),
        Hindrance::Closed => gone("closed, the sale is over"),
        Hindrance::NotOpen { opens_at } => {
            let left = duration(between(snapshot.sale_at(), opens_at).as_secs());
            let when = day_and_clock(opens_at);
            vec![sign(symbol::GOOD, &format!("opens {when}, in {left}"), styles.good)]
        }
        Hindrance::SoldOut => gone("open, sold out"),
        Hindrance::AllHeld { held } => gone(&format!("open, nothing free, {} held", grouped(held))),
    }
}

/// How wide the parts are in a line.
fn width(parts: &Parts) -> usize {
    let spans: usize = parts.iter().flatten().map(Span::width).sum();
    spans + symbol::DOT.width() * parts.len().saturating_sub(1)
}

/// Who asks, who gets one, and why the others get none, the most frequent reasons first. Where
/// there is little room, orders placed go first; then `0 of 270 accepted/s` says two things in one;
/// then all is said in one breath, with as many reasons as fit: that nobody gets one and why is
/// what the line is for.
fn rates(snapshot: &Snapshot, room: usize, styles: &Styles) -> Parts {
    let per_second = |count, unit: &str| figure(grouped(count), unit, styles.strong, styles);
    let gateway = snapshot.gateway.as_ref();
    let asked = gateway.map(|view| per_second(view.charge_rate.last_1s, "charges/s"));
    let accepted = gateway.map(|view| per_second(view.accepted_rate.last_1s, "accepted/s"));
    let reasons: Parts = refused(snapshot)
        .into_iter()
        .map(|(why, count)| per_second(count, &format!("{}/s", in_words(why))))
        .collect();
    let orders = snapshot.orders.as_ref();
    let placed = orders.map(|orders| per_second(orders.placed_rate.last_1s, "placed/s"));
    let separate: Parts = asked.into_iter().chain(accepted).chain(reasons.clone()).collect();
    let whole: Parts = separate.iter().cloned().chain(placed).collect();
    let Some(first) = reasons.first().filter(|_| room < width(&whole)) else { return whole };
    let of_all = gateway.map(|view| {
        let unit = format!("of {} accepted/s", grouped(view.charge_rate.last_1s));
        per_second(view.accepted_rate.last_1s, &unit)
    });
    let shorter: Parts = of_all.iter().chain(&reasons).cloned().collect();
    let one_reason: Parts = of_all.iter().chain([first]).cloned().collect();
    let terse = |reasons| vec![in_one_breath(snapshot, reasons, styles)];
    let ways = [separate, shorter, terse(REASONS_MAX), one_reason, terse(1), terse(0)];
    ways.into_iter().find(|parts| width(parts) <= room).unwrap_or_default()
}

/// The most frequent reasons for refusals in the last second.
fn refused(snapshot: &Snapshot) -> Vec<(&str, u64)> {
    let gateway = snapshot.gateway.as_ref();
    let mut refused = gateway.map(|view| view.outcomes.refusals(|counted| counted.last_1s));
    if let Some(refused) = &mut refused {
        refused.truncate(REASONS_MAX);
    }
    refused.unwrap_or_default()
}

/// `got 0 of 270/s: 150 sold out, 120 wrong price`, with so many reasons at most.
fn in_one_breath(snapshot: &Snapshot, reasons: usize, styles: &Styles) -> Vec<Span<'static>> {
    let rate = |rate: Option<u64>| Span::styled(known_count(rate), styles.strong);
    let quiet = |text: String| Span::styled(text, styles.quiet);
    let gateway = snapshot.gateway.as_ref();
    let mut spans = vec![
        quiet("got ".to_owned()),
        rate(gateway.map(|view| view.accepted_rate.last_1s)),
        quiet(" of ".to_owned()),
        rate(gateway.map(|view| view.charge_rate.last_1s)),
        quiet("/s".to_owned()),
    ];
    for (number, (why, count)) in refused(snapshot).into_iter().take(reasons).enumerate() {
        let sign = if number == 0 { ": " } else { ", " };
        spans.extend([
            quiet(sign.to_owned()),
            rate(Some(count)),
            quiet(format!(" {}", in_words(why))),
        ]);
    }
    spans
}

fn queue(snapshot: &Snapshot, styles: &Styles) -> Parts {
    let mut parts = match &snapshot.controls.consumption {
        Some(switch) if switch.paused => paused("CONSUMPTION PAUSED", switch, snapshot, styles),
        _ if snapshot.queue.lag_messages.is_none() => Vec::new(),
        _ if snapshot.queue.trend == Some(Trend::Growing) => {
            vec![sign(symbol::WARNING, "growing", styles.warning)]
        }
        _ => vec![sign(symbol::GOOD, flow(snapshot), styles.good)],
    };
    parts.push(lag(snapshot, styles));
    parts.extend(slope(snapshot, styles));
    if let Some(why) = &snapshot.queue.unreadable {
        parts.push(vec![Span::styled(printable(why), styles.warning)]);
    }
    parts
}

fn flow(snapshot: &Snapshot) -> &'static str {
    match (snapshot.queue.trend, snapshot.queue.lag_messages) {
        (_, Some(0)) => "empty",
        (Some(Trend::Draining), _) => "draining",
        _ => "steady",
    }
}

/// `1,204 waiting, oldest 3.2s`.
pub(crate) fn lag(snapshot: &Snapshot, styles: &Styles) -> Vec<Span<'static>> {
    let queue = &snapshot.queue;
    let mut spans = figure(known_count(queue.lag_messages), "waiting", styles.strong, styles);
    if queue.lag_messages != Some(0) {
        let age = queue.lag_age_ms.map_or_else(|| UNKNOWN.to_owned(), span);
        spans.push(Span::styled(", oldest ", styles.quiet));
        spans.push(Span::styled(age, styles.strong));
    }
    spans
}

/// `↘ −80/s`; nothing of an empty queue: what drained it is over.
pub(crate) fn slope(snapshot: &Snapshot, styles: &Styles) -> Option<Vec<Span<'static>>> {
    let (arrow, style) = match snapshot.queue.trend? {
        Trend::Draining => (symbol::DRAINING, styles.good),
        Trend::Growing => (symbol::GROWING, styles.warning),
        Trend::Steady => (symbol::STEADY, styles.text),
    };
    let slope = snapshot.queue.lag_slope_per_s?;
    let is_empty = snapshot.queue.lag_messages == Some(0);
    (!is_empty).then(|| vec![Span::styled(format!("{arrow} {}/s", signed(slope)), style)])
}

/// The conservation of stock: the sum of all products, or where it is broken and by how much.
pub(crate) fn books(snapshot: &Snapshot, styles: &Styles) -> Parts {
    let wrong: Vec<&ProductView> =
        snapshot.products.iter().filter(|product| !product.balanced).collect();
    if wrong.is_empty() {
        return vec![sign(symbol::GOOD, "balanced", styles.good), sums(snapshot, styles)];
    }
    let mut parts = vec![sign(symbol::BAD, "OUT OF BALANCE", styles.bad)];
    parts.extend(wrong.iter().map(|product| {
        vec![Span::styled(
            format!("{} {}", printable(product.prod_id.as_str()), off_by(product)),
            styles.bad,
        )]
    }));
    parts
}

/// By how much a product's books are wrong.
pub(crate) fn off_by(product: &ProductView) -> String {
    match product.missing {
        0 => "doesn't balance".to_owned(),
        missing @ 1.. => format!("lacks {}", grouped(missing.unsigned_abs())),
        missing => format!("has {} too many", grouped(missing.unsigned_abs())),
    }
}

/// `initial 1,000 + added 50 = stock 400 + sold 650`.
fn sums(snapshot: &Snapshot, styles: &Styles) -> Vec<Span<'static>> {
    let all = &snapshot.products;
    let of = |figure: fn(&ProductView) -> u64| grouped(all.iter().map(figure).sum());
    let added: i64 = all.iter().map(|product| product.added).sum();
    let words = [
        ("initial ", of(|product| product.initial)),
        (if added < 0 { " − withdrawn " } else { " + added " }, grouped(added.unsigned_abs())),
        (" = stock ", of(|product| product.stock)),
        (" + sold ", of(|product| product.sold)),
    ];
    let pair = |(word, figure)| [Span::styled(word, styles.quiet), Span::raw::<String>(figure)];
    words.into_iter().flat_map(pair).collect()
}

fn buyers(snapshot: &Snapshot, styles: &Styles) -> Parts {
    let overdue = snapshot.overdue.as_ref();
    let first = match overdue {
        None => vec![Span::raw(format!("{UNKNOWN} overdue"))],
        Some(view) if view.count == 0 => {
            let text = format!("none waits over {}", short_bound(view.bound_ms));
            sign(symbol::GOOD, &text, styles.good)
        }
        Some(view) => {
            let oldest = view.oldest_at.map_or_else(String::new, |at| {
                let waits = between(at, snapshot.sale_at()).as_millis();
                format!(", longest {}", span(u64::try_from(waits).unwrap_or(u64::MAX)))
            });
            let text = format!("{} OVERDUE{oldest}", grouped(view.count));
            sign(symbol::BAD, &text, styles.bad)
        }
    };
    let mut parts = vec![first];
    let letters = worry(snapshot.queue.dead_letters, styles);
    parts.push(vec![letters, Span::styled(" dead letters", styles.quiet)]);
    parts.extend(snapshot.unconfirmed.map(|sends| {
        let unit = format!(" of {} unconfirmed", grouped(sends.limit));
        vec![worry(Some(sends.count), styles), Span::styled(unit, styles.quiet)]
    }));
    parts
}

fn short_bound(milliseconds: u64) -> String {
    if milliseconds.is_multiple_of(1_000) && milliseconds < 60_000 {
        return format!("{}s", milliseconds / 1_000);
    }
    span(milliseconds)
}

/// What keeps it from full service, what recovers, then what one should know, a line each.
pub(crate) fn sentences(snapshot: &Snapshot, styles: &Styles) -> Vec<Line<'static>> {
    let line = |sign: &str, text: &String, style| {
        Line::styled(format!(" {sign} {}", printable(text)), style)
    };
    let unreadable = snapshot.orders.iter().filter_map(|orders| orders.unreadable.as_ref());
    let mut degraded: Vec<&String> = Vec::new();
    for text in snapshot.degraded.iter().chain(&snapshot.store.trouble).chain(unreadable) {
        // A condition tells its cause; that isn't a second one.
        if !degraded.iter().any(|told| told.contains(text.as_str())) {
            degraded.push(text);
        }
    }
    let warnings = snapshot.warnings.iter().map(|text| line(symbol::WARNING, text, styles.warning));
    let recovering = snapshot.recovering().map(|trouble| {
        let text = format!("recovering, the next order tells: {}", trouble.text);
        line(symbol::WARNING, &text, styles.warning)
    });
    let degraded = degraded.into_iter().map(|text| line(symbol::BAD, text, styles.bad));
    degraded.chain(recovering).chain(warnings).collect()
}

/// What was decided of orders: placed, then each reason for none, then what was set aside.
pub(crate) fn outcomes(snapshot: &Snapshot) -> Vec<(String, u64)> {
    let Some(orders) = &snapshot.orders else { return Vec::new() };
    let mut rows = vec![("placed".to_owned(), orders.placed)];
    let mut failed: Vec<(String, u64)> =
        orders.failed.iter().map(|(reason, count)| (in_words(reason), *count)).collect();
    failed.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    rows.extend(failed);
    rows.push(("duplicate".to_owned(), orders.duplicate_orders));
    rows.push(("dead letter".to_owned(), orders.dead_lettered));
    rows
}
