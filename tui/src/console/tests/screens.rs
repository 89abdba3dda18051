//! Screens as files, at three sizes; and what no file shows: colours, and texts that would like to
//! be obeyed.

use std::time::Duration;

use insta::assert_snapshot;
use protocol::{
    Bound, ChargesView, DrainView, EpochMs, Notable, NotableKind, PeerView, SaleState, Severity,
    Snapshot, SwitchView, Terms, TermsSet, Unlisted, UnlistedPlace,
};
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

use super::fixtures::{
    connected, counted, dead_letters, drawn, history, lines_of, onlooker, operator,
    orders_of_all_states, pass, press, press_on, sale, trouble,
};
use crate::console::looks::{Characters, Colours};
use crate::console::model::{Access, Model, Screen};
use crate::console::msg::Msg;
use crate::console::update::update;

/// The screen as text, without blanks at the lines' ends.
pub(super) fn text(model: &Model, width: u16, height: u16) -> String {
    lines_of(&drawn(model, width, height))
}

/// A console that has loaded all its lists.
pub(super) fn loaded(snapshot: Snapshot, you: PeerView, screen: Screen) -> Model {
    let mut model = connected(snapshot, you);
    model.orders.rows = Some(orders_of_all_states());
    model.dead_letters.rows = Some(dead_letters());
    (model.dead_letters.total, model.dead_letters.newest) = (2, Some(9));
    model.screen = screen;
    model
}

/// Each screen in each size, in a file of its own.
fn at_all_sizes(name: &str, model: &Model) {
    for (width, height) in [(120, 40), (80, 24), (60, 20)] {
        assert_snapshot!(format!("{name}_{width}x{height}"), text(model, width, height));
    }
}

#[test]
fn what_a_list_of_orders_lacks_stands_above_it() {
    let mut model = loaded(sale(), operator(), Screen::Orders);
    let text_of =
        "1,204 orders wait in RocketMQ and aren't listed: whose they are isn't known here";
    model.orders.unlisted = vec![Unlisted {
        place: UnlistedPlace::Broker,
        count: Some(1_204),
        text: text_of.to_owned(),
    }];
    let shown = text(&model, 120, 40);
    assert!(shown.contains(&format!("▲ {text_of}")) && shown.contains("finished"), "{shown}");
    model.orders.rows = Some(Vec::new());
    for (width, height) in [(120, 40), (60, 20)] {
        let shown = text(&model, width, height).replace('\n', " ");
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains("1,204 orders wait in RocketMQ"), "{shown}");
        assert!(shown.contains("isn't known here"), "whole at {width}: {shown}");
        assert!(shown.contains("no order is found, but the list lacks"), "{shown}");
    }
    model.orders.unlisted.clear();
    assert!(text(&model, 120, 40).contains(" no order\n"));
    model.orders.fault = Some("phone: \"1\" is no phone number".to_owned());
    assert!(text(&model, 120, 40).contains("is no phone number"));
}

#[test]
fn discarding_shows_whose_order_it_is() {
    let mut model = loaded(sale(), operator(), Screen::Queue);
    press(&mut model, "Xpoison<Enter>");
    let letter = &dead_letters()[0];
    let shown = text(&model, 120, 40);
    let order_id = letter.order_id.as_ref().unwrap();
    let wanted = format!("Order {order_id} of buyer {}", letter.user.as_deref().unwrap());
    assert!(shown.contains(&wanted), "{wanted}: {shown}");
}

#[test]
fn overview() {
    at_all_sizes("overview", &loaded(sale(), operator(), Screen::Overview));
}

#[test]
fn overview_in_trouble() {
    at_all_sizes("overview_in_trouble", &loaded(trouble(), operator(), Screen::Overview));
}

#[test]
fn products() {
    at_all_sizes("products", &loaded(sale(), operator(), Screen::Products));
}

#[test]
fn orders() {
    at_all_sizes("orders", &loaded(sale(), operator(), Screen::Orders));
}

#[test]
fn queue() {
    at_all_sizes("queue", &loaded(sale(), operator(), Screen::Queue));
}

#[test]
fn gateway() {
    at_all_sizes("gateway", &loaded(sale(), operator(), Screen::Gateway));
}

#[test]
fn events() {
    at_all_sizes("events", &loaded(sale(), operator(), Screen::Events));
}

#[test]
fn help_tells_why_a_key_does_nothing() {
    let mut model = loaded(sale(), onlooker(), Screen::Overview);
    press(&mut model, "?");
    at_all_sizes("help", &model);
}

#[test]
fn a_confirmation() {
    let mut model = loaded(sale(), operator(), Screen::Overview);
    press(&mut model, "P");
    at_all_sizes("confirmation", &model);
}

#[test]
fn a_confirmation_with_a_name_to_type() {
    let mut model = loaded(sale(), operator(), Screen::Overview);
    press(&mut model, "Dseck");
    at_all_sizes("drain", &model);
}

#[test]
fn a_form() {
    let mut model = loaded(sale(), operator(), Screen::Products);
    press(&mut model, "A+5x<Enter>oops<Enter>");
    at_all_sizes("form", &model);
}

#[test]
fn a_products_details() {
    let mut model = loaded(trouble(), operator(), Screen::Products);
    press(&mut model, "j<Enter>");
    at_all_sizes("product", &model);
    let screen = text(&model, 80, 24);
    for words in ["pid_0002", "华为MATE20", "5999.000", "on the shelf", "lacks 3", "version"] {
        assert!(screen.contains(words), "{words}:\n{screen}");
    }
}

#[test]
fn a_products_details_say_how_long_it_is_until_it_opens_and_who_said_so() {
    let mut state = sale();
    let at = |hours: i64| Bound::at(EpochMs(state.at.0 + hours * 3_600_000));
    let (opens_at, closes_at, ago) = (at(2), at(26), EpochMs(state.at.0 - 60_000));
    let product = &mut state.products[0];
    product.state = Some(SaleState::Scheduled);
    product.terms = Terms { opens_at, closes_at, ..product.terms };
    product.terms_set = Some(TermsSet { at: ago, by: "alice".to_owned() });
    let id = product.prod_id.clone();
    let mut model = loaded(state, operator(), Screen::Products);
    press(&mut model, &format!("/{}<Enter><Enter>", id.as_str()));
    let screen = text(&model, 120, 40);
    for told in ["16:28:20.572Z (in 2h 0m)", "16:28:20.572Z (in 1d 2h)", "alice, 11-23 14:27:20Z"] {
        assert!(screen.contains(told), "{told}\n{screen}");
    }
}

/// Beside the figures stands what becomes of its charges, and why.
#[test]
fn a_products_details_say_what_becomes_of_its_charges() {
    let mut state = sale();
    let outcomes = [
        counted("accepted", 48_210, 0),
        counted("sold_out", 102_377, 150),
        counted("paused", 9, 0),
    ];
    state.products[0].charges = Some(ChargesView(outcomes.into()));
    let mut model = loaded(state, operator(), Screen::Products);
    press(&mut model, "<Enter>");
    at_all_sizes("product_charges", &model);
    for width in [60, 80, 120] {
        press_on(&mut model, (width, 24), "G");
        let screen = text(&model, width, 24);
        let at = |words: &str| screen.lines().position(|line| line.contains(words)).unwrap_or(99);
        assert_eq!(at("accepted                0          0       48,210"), at("asked  ") + 1);
        assert_eq!(at("sold out              150      6,000      102,377"), at("asked  ") + 2);
        assert_eq!(at("paused                  0          0            9"), at("asked  ") + 3);
    }
    let mut model = loaded(sale(), operator(), Screen::Products);
    press(&mut model, "G<Enter>");
    assert!(text(&model, 80, 24).contains("charges     not counted apart"));
}

/// Whatever is left out where it is narrow, price and shelf aren't.
#[test]
fn price_and_shelf_are_on_every_products_screen() {
    let model = loaded(sale(), operator(), Screen::Products);
    for width in [60, 66, 80, 100, 120, 200] {
        let screen = text(&model, width, 24);
        let row = screen.lines().find(|line| line.contains("pid_0003")).unwrap();
        assert!(row.contains("5999.000") && row.contains("OFF"), "{width}: {row}");
    }
}

/// Every time says that it is UTC.
#[test]
fn times_are_marked() {
    let mut model = loaded(sale(), operator(), Screen::Overview);
    assert!(text(&model, 80, 24).contains("14:28:15Z"));
    press(&mut model, "<Space>");
    assert!(text(&model, 120, 40).contains("FROZEN at 14:28:20Z"));
    for (screen, keys) in [(Screen::Queue, "<Enter>"), (Screen::Events, ""), (Screen::Orders, "")] {
        let mut model = loaded(sale(), operator(), screen);
        press(&mut model, keys);
        let screen = text(&model, 120, 40);
        let times = screen.match_indices("11-23 14:2").count();
        assert!(0 < times && screen.matches("11-23 14:2").count() == times);
        let marked = screen
            .match_indices("11-23 14:2")
            .filter(|(at, _)| screen[at + "11-23 14:2".len()..].chars().nth(4) == Some('Z'));
        assert_eq!(marked.count(), times, "{screen}");
    }
}

#[test]
fn an_empty_queue_has_no_slope() {
    let mut state = sale();
    state.queue.lag_messages = Some(0);
    state.queue.lag_slope_per_s = Some(-990);
    for screen in [Screen::Overview, Screen::Queue] {
        let shown = text(&loaded(state.clone(), operator(), screen), 120, 40);
        assert!(!shown.contains("990"), "{shown}");
    }
}

#[test]
fn an_orders_history() {
    let mut model = loaded(sale(), operator(), Screen::Orders);
    press(&mut model, "<Enter>");
    let order = orders_of_all_states().remove(0);
    let order_id = order.order_id.clone();
    update(&mut model, Msg::History { order_id, answer: Ok(Box::new(history(order))) });
    at_all_sizes("order", &model);
}

#[test]
fn a_dead_letter() {
    let mut model = loaded(sale(), operator(), Screen::Queue);
    press(&mut model, "<Enter>");
    at_all_sizes("dead_letter", &model);
}

#[test]
fn a_lost_connection_keeps_the_data() {
    let mut model = loaded(sale(), operator(), Screen::Overview);
    let retry_in = Duration::from_secs(2);
    update(&mut model, Msg::Lost { why: "no daemon listens there".to_owned(), retry_in });
    pass(&mut model, Duration::from_secs(1));
    at_all_sizes("lost", &model);
    let buffer = drawn(&model, 120, 40);
    let body = buffer.content.iter().skip(120 * 4).take(120 * 30);
    assert!(body.into_iter().all(|cell| cell.modifier.contains(Modifier::DIM)));
}

#[test]
fn ascii() {
    let mut state = trouble();
    for product in &mut state.products {
        product.prod_name = "a phone".to_owned();
    }
    let mut model = loaded(state, operator(), Screen::Overview);
    model.dead_letters.rows = None;
    model.looks.characters = Characters::Ascii;
    assert_snapshot!("ascii_80x24", text(&model, 80, 24));
    for screen in Screen::ALL {
        model.screen = screen;
        for cell in drawn(&model, 120, 40).content() {
            assert!(cell.symbol().is_ascii(), "{:?} on {screen:?}", cell.symbol());
        }
    }
}

/// Too small for the console, it still answers whether it is selling, whether the queue drains, the
/// books balance and anyone is wronged, and says what it takes to do more.
#[test]
fn a_small_terminal_has_the_four_lines_and_says_what_it_needs() {
    let model = loaded(trouble(), operator(), Screen::Products);
    for (width, height) in [(59, 20), (60, 19), (40, 10), (200, 6)] {
        let screen = text(&model, width, height);
        for words in ["INTAKE PAUSED", "CONSUMPTION PAUSED", "OUT OF BALANCE", "17 OVERDUE"] {
            assert!(screen.contains(words), "{words} at {width}x{height}:\n{screen}");
        }
        let needs = format!("needs 60x20, has {width}x{height}; q quits");
        assert!(screen.contains(&needs), "{screen}");
    }
    assert_snapshot!("small_40x10", text(&model, 40, 10));
    let lines = text(&model, 30, 4);
    let labels: Vec<&str> =
        lines.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(labels, ["Sale", "Queue", "Books", "Buyers"]);
    for (width, height) in [(1, 1), (24, 1), (7, 3), (200, 1), (1, 50), (200, 60)] {
        text(&model, width, height);
    }
}

#[test]
fn a_small_terminal_shows_a_lost_connection_and_what_is_live() {
    let mut model = loaded(sale(), operator(), Screen::Overview);
    press(&mut model, "<Space>");
    let mut paused = sale();
    paused.controls.intake.as_mut().unwrap().paused = true;
    let line = protocol::Line::Snapshot { snapshot: Box::new(paused), you: operator() };
    update(&mut model, Msg::Line(Box::new(line)));
    assert!(text(&model, 120, 40).contains("✓ open"), "frozen");
    assert!(text(&model, 40, 10).contains("INTAKE PAUSED"), "no key would go on with it");
    let lost = Msg::Lost { why: "gone".to_owned(), retry_in: Duration::from_secs(2) };
    update(&mut model, lost);
    assert!(text(&model, 40, 3).starts_with(" ✗ NO CONNECTION"));
}

#[test]
fn without_colours_no_cell_has_one_and_the_selected_row_is_still_marked() {
    for screen in Screen::ALL {
        for snapshot in [sale(), trouble()] {
            let mut model = loaded(snapshot, operator(), screen);
            model.looks.colours = Colours::None;
            for popup in ["", "?", "P", "D"] {
                press(&mut model, popup);
                let buffer = drawn(&model, 120, 40);
                let is_plain = |colour| colour == Color::Reset;
                let plain =
                    buffer.content().iter().all(|cell| is_plain(cell.fg) && is_plain(cell.bg));
                assert!(plain, "{screen:?} {popup:?}");
                model.popups.clear();
            }
            let marked = marked_rows(&drawn(&model, 120, 40));
            assert_eq!(marked, 1, "{screen:?}");
        }
    }
}

/// Rows that begin with the cursor's sign and are reversed to their end.
fn marked_rows(buffer: &Buffer) -> usize {
    let rows = buffer.content().chunks(usize::from(buffer.area.width));
    let is_marked = |row: &&[ratatui::buffer::Cell]| {
        row[0].symbol() == "▌" && row.iter().all(|cell| cell.modifier.contains(Modifier::REVERSED))
    };
    rows.filter(is_marked).count()
}

#[test]
fn what_is_wrong_is_red_and_has_words() {
    let model = loaded(trouble(), operator(), Screen::Overview);
    let buffer = drawn(&model, 120, 40);
    for words in ["OUT OF BALANCE", "17 OVERDUE", "no broker was reached"] {
        assert_eq!(colour_of(&buffer, words), Some(Color::Red), "{words}");
    }
    assert_eq!(colour_of(&buffer, "INTAKE PAUSED"), Some(Color::Yellow));
    let fine = drawn(&loaded(sale(), operator(), Screen::Overview), 120, 40);
    assert_eq!(colour_of(&fine, "balanced"), Some(Color::Green));
}

fn colour_of(buffer: &Buffer, words: &str) -> Option<Color> {
    let width = usize::from(buffer.area.width);
    buffer.content().chunks(width).find_map(|row| {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        let byte = line.find(words)?;
        Some(row[line[..byte].chars().count()].fg)
    })
}

#[test]
fn view_only_and_read_only_are_told() {
    let looker = loaded(sale(), onlooker(), Screen::Overview);
    assert!(text(&looker, 120, 40).contains("view only"));
    let buffer = drawn(&looker, 120, 40);
    let hints = &buffer.content()[120 * 39..];
    assert!(hints[1].modifier.contains(Modifier::CROSSED_OUT), "P is struck through");
    let mut reader = loaded(sale(), operator(), Screen::Overview);
    reader.access = Access::ReadOnly;
    let screen = text(&reader, 120, 40);
    assert!(screen.contains("read-only") && !screen.contains("P pause intake"));
    press(&mut reader, "?");
    assert!(!text(&reader, 120, 60).contains("pause or resume intake"));
}

/// The first line is on the Overview; what an operator has shut is on every other screen as well.
#[test]
fn every_screen_says_what_is_paused() {
    let paused = SwitchView { paused: true, ..SwitchView::default() };
    let mut state = sale();
    state.controls.intake = Some(paused.clone());
    state.controls.consumption = Some(paused);
    let mut draining = state.clone();
    draining.controls.drain = Some(DrainView { since: state.at, drained: false });
    let mut drained = state.clone();
    drained.controls.drain = Some(DrainView { since: state.at, drained: true });
    for (state, words) in [(state, "INTAKE PAUSED"), (draining, "DRAINING"), (drained, "DRAINED")] {
        for screen in &Screen::ALL[1..] {
            for width in [60, 80, 120] {
                let shown = text(&loaded(state.clone(), operator(), *screen), width, 24);
                let header = shown.lines().next().unwrap();
                assert!(header.contains(words), "{header}");
            }
            let shown = text(&loaded(state.clone(), operator(), *screen), 120, 24);
            assert!(shown.lines().next().unwrap().contains("CONSUMPTION PAUSED"), "{shown}");
            let open = text(&loaded(sale(), operator(), *screen), 120, 24);
            assert!(!open.contains("PAUSED"), "{open}");
        }
    }
}

#[test]
fn what_is_wrong_with_requests_stands_below_their_code() {
    let mut state = sale();
    let gateway = state.gateway.as_mut().unwrap();
    gateway.queries.insert("40005".to_owned(), 2);
    gateway.invalid_queries.insert("body not_a_json_object".to_owned(), 2);
    let mut model = loaded(state, operator(), Screen::Gateway);
    let screen = text(&model, 120, 40);
    let at = |words: &str| {
        let found = screen.lines().position(|line| line.contains(words));
        found.unwrap_or_else(|| panic!("{words} isn't in\n{screen}"))
    };
    let code = at("invalid input or price");
    assert_eq!(at("  chargePrice: not the price"), code + 1);
    assert_eq!(at("  prodId: blank"), code + 2);
    assert_eq!(at("sold out"), code + 3);
    let body = at("query      40005    body: not a json object");
    assert!(code < body && !screen.lines().nth(body).unwrap().contains('%'), "{screen}");
    // The bar moves over each of these rows.
    press(&mut model, "jj");
    let below = text(&model, 120, 40);
    assert!(below.lines().nth(code + 1).unwrap().starts_with('▌'), "{below}");
}

#[test]
fn nothing_from_outside_is_obeyed() {
    let bad = "x\u{1b}[2J\u{202e}\u{7}y";
    let mut state = trouble();
    state.name = bad.to_owned();
    state.env_type = bad.to_owned();
    state.degraded = vec![bad.to_owned()];
    state.queue.unreadable = Some(bad.to_owned());
    let gateway = state.gateway.as_mut().unwrap();
    gateway.outcomes.0.extend([counted(bad, 9_000, 9_000)]);
    gateway.invalid_charges.insert(bad.to_owned(), 9_000);
    for part in &mut state.queue.queues {
        part.owner = Some(bad.to_owned());
        part.name = bad.to_owned();
    }
    for product in &mut state.products {
        product.prod_id = bad.into();
        product.prod_name = bad.to_owned();
    }
    let (at, kind, severity) = (EpochMs(0), NotableKind::Queue, Severity::Error);
    state.notables.push(Notable { id: 9, at, kind, severity, text: bad.to_owned() });
    let mut model = loaded(state, operator(), Screen::Overview);
    model.dead_letters.rows.as_mut().unwrap()[0].content = bad.to_owned();
    for screen in Screen::ALL {
        model.screen = screen;
        for popup in ["", "P", "S", "?"] {
            press(&mut model, popup);
            let buffer = drawn(&model, 200, 60);
            let unfit = |c: char| c.is_control() || c == '\u{202e}';
            assert!(!buffer.content().iter().any(|cell| cell.symbol().contains(unfit)));
            model.popups.clear();
            model.toast = None;
        }
    }
}

#[test]
fn what_is_not_known_is_no_0() {
    let mut state = sale();
    state.gateway = None;
    state.orders = None;
    state.overdue = None;
    state.queue = protocol::QueueView { kind: "rocketmq".to_owned(), ..Default::default() };
    state.controls = protocol::Controls::default();
    let mut model = loaded(state, operator(), Screen::Overview);
    model.dead_letters.rows = None;
    at_all_sizes("overview_of_little", &model);
    model.screen = Screen::Gateway;
    assert!(text(&model, 80, 24).contains("no gateway role"));
}
