//! The first line of every screen: how the daemon is, and what time it is.

use std::time::Duration;

use jiff::tz::{Offset, TimeZone};
use protocol::SwitchView;

use super::fixtures::{operator, pass, press, sale};
use super::screens::{loaded, text};
use crate::console::model::{Connection, Model, Screen};

/// How the daemon is stays in the first line, whatever else has no room there.
#[test]
fn a_narrow_header_keeps_how_the_daemon_is() {
    let mut state = sale();
    state.degraded = vec!["no broker".to_owned()];
    state.controls.intake = Some(SwitchView { paused: true, ..SwitchView::default() });
    let mut model = loaded(state, operator(), Screen::Overview);
    pass(&mut model, Duration::from_secs(600));
    let first = |model: &Model, width| text(model, width, 24).lines().next().unwrap().to_owned();
    assert_eq!(first(&model, 60), " seckilld · serving, degraded     14:38:20Z · connected 10m");
    let whole = " seckilld 0.1.0 · serving, degraded  14:38:20Z · connected 10m · operator";
    assert_eq!(first(&model, 74), whole);
    model.screen = Screen::Orders;
    assert_eq!(first(&model, 60), " seckilld · serving, degraded · INTAKE PAUSED     14:38:20Z");
    let wide = first(&model, 100);
    assert!(wide.starts_with(" seckilld 0.1.0 · serving, degraded · INTAKE PAUSED · embedded"));
    assert!(wide.ends_with("14:38:20Z · connected 10m · operator"), "{wide}");
}

/// The time by which a sale goes, where the operator lives; nothing where it isn't heard.
#[test]
fn the_first_line_has_a_clock() {
    let mut model = loaded(sale(), operator(), Screen::Overview);
    model.zone = TimeZone::fixed(Offset::constant(8));
    let first = |model: &Model| text(model, 120, 24).lines().next().unwrap().to_owned();
    assert!(first(&model).contains("22:28:20+08 · connected"), "{}", first(&model));
    pass(&mut model, Duration::from_secs(2));
    assert!(first(&model).contains("22:28:22+08 · connected"), "it goes on by itself");
    press(&mut model, "z");
    assert!(first(&model).contains("14:28:22Z · connected"), "{}", first(&model));
    press(&mut model, "z");
    model.live.as_mut().unwrap().sale_clock.wall_ahead_s = 60;
    assert!(first(&model).contains("22:27:22+08"), "the sale's clock, and not the wall's");
    model.connection = Connection::Connecting;
    assert!(!first(&model).contains("+08"), "{}", first(&model));
}
