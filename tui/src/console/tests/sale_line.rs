//! The line on the sale: whether anybody gets one, and why the others get none.

use protocol::{ChargeOutcome, ChargesView, EpochMs, Phase, Snapshot, SwitchView, UnconfirmedView};

use super::fixtures::{counted, operator, sale};
use super::screens::{loaded, text};
use crate::console::model::Screen;

#[test]
fn a_sale_that_refuses_everybody_is_not_called_open() {
    let shown = |change: fn(&mut Snapshot)| {
        let mut state = sale();
        change(&mut state);
        text(&loaded(state, operator(), Screen::Overview), 120, 40)
    };
    assert!(shown(|_| ()).contains("✓ open"));
    let degraded = |state: &mut Snapshot| state.degraded = vec!["no broker".to_owned()];
    assert!(shown(degraded).contains("▲ open, degraded"));
    let refusing = |state: &mut Snapshot| {
        state.degraded = vec!["no broker".to_owned()];
        let gateway = state.gateway.as_mut().unwrap();
        (gateway.charge_rate.last_1s, gateway.accepted_rate.last_1s) = (20, 0);
    };
    assert!(shown(refusing).contains("✗ NOTHING ACCEPTED"));
}

#[test]
fn a_sale_in_which_nobody_can_get_one_is_not_just_called_open() {
    let shown = |change: fn(&mut Snapshot)| {
        let mut state = sale();
        change(&mut state);
        let line = first_line_of(state, 120, &[]);
        line.split(" · ").next().unwrap_or_default().to_owned()
    };
    let stopping = |state: &mut Snapshot| state.phase = Phase::Stopping;
    assert_eq!(shown(stopping), "▲ NOT SERVING, stopping");
    let full = |state: &mut Snapshot| {
        state.unconfirmed = Some(UnconfirmedView { count: 9, limit: 9 });
    };
    assert_eq!(shown(full), "✗ TOO MANY UNCONFIRMED");
    let held = |state: &mut Snapshot| {
        state.products.iter_mut().for_each(|product| {
            (product.stock, product.held, product.free) = (600, Some(600), Some(0));
        });
    };
    assert_eq!(shown(held), "✓ open, nothing free, 1,200 held");
    let unknown = |state: &mut Snapshot| {
        state.products.iter_mut().for_each(|product| {
            (product.stock, product.held, product.free) = (0, None, None);
        });
    };
    assert_eq!(shown(unknown), "✓ open, sold out");
}

/// The first line of a sale with these figures by outcome, at a width.
fn first_line(width: u16, outcomes: &[(&str, u64)]) -> String {
    first_line_of(sale(), width, outcomes)
}

fn first_line_of(mut state: Snapshot, width: u16, outcomes: &[(&str, u64)]) -> String {
    let gateway = state.gateway.as_mut().unwrap();
    let all = outcomes.iter().map(|(name, last_second)| counted(name, 9_000, *last_second));
    gateway.outcomes = ChargesView(all.collect());
    gateway.charge_rate.last_1s = gateway.outcomes.all().last_1s;
    gateway.accepted_rate.last_1s = gateway.outcomes.accepted().last_1s;
    let screen = text(&loaded(state, operator(), Screen::Overview), width, 24);
    let line = screen.lines().find(|line| line.starts_with(" Sale")).unwrap();
    line.trim_start_matches(" Sale").trim_start().to_owned()
}

#[test]
fn the_first_line_says_why_nobody_gets_one() {
    let nobody = [("accepted", 0), ("sold_out", 150), ("wrong_price", 120), ("paused", 1)];
    for (width, line) in [
        (
            120,
            "✓ open · 271 charges/s · 0 accepted/s · 150 sold out/s · 120 wrong price/s · 638 placed/s",
        ),
        (80, "✓ open · 0 of 271 accepted/s · 150 sold out/s · 120 wrong price/s"),
        (90, "✓ open · 271 charges/s · 0 accepted/s · 150 sold out/s · 120 wrong price/s"),
        (60, "✓ open · 0 of 271 accepted/s · 150 sold out/s"),
    ] {
        assert_eq!(first_line(width, &nobody), line, "{width}");
    }
    let other_way_round = [("accepted", 7), ("sold_out", 3), ("wrong_price", 4)];
    let line =
        "✓ open · 14 charges/s · 7 accepted/s · 4 wrong price/s · 3 sold out/s · 638 placed/s";
    assert_eq!(first_line(120, &other_way_round), line);
    let whatever_comes = [("accepted", 0), ("of_a_later_version", 12_345)];
    let line = "✓ open · 12,345 charges/s · 0 accepted/s · 12,345 of a later version/s";
    assert_eq!(first_line(80, &whatever_comes), line);
    let all = [("accepted", 5), ("sold_out", 0)];
    assert_eq!(first_line(120, &all), "✓ open · 5 charges/s · 5 accepted/s · 638 placed/s");
}

/// On the night the line begins with more than "open": two reasons fit at 80 columns all the same.
#[test]
fn two_reasons_fit_beside_whatever_the_sale_is() {
    let nobody = [("accepted", 0), ("sold_out", 12_195), ("wrong_price", 150)];
    let mut sold_out = sale();
    sold_out.products.iter_mut().for_each(|product| product.stock = 0);
    let line = "✓ open, sold out · got 0 of 12,345/s: 12,195 sold out, 150 wrong price";
    assert_eq!(first_line_of(sold_out.clone(), 80, &nobody), line);
    let mut degraded = sale();
    degraded.degraded = vec!["no broker".to_owned()];
    let some = [("accepted", 7), ("queue_away", 120), ("overloaded", 80)];
    let line = "▲ open, degraded · 7 of 207 accepted/s · 120 queue away/s · 80 overloaded/s";
    assert_eq!(first_line_of(degraded.clone(), 90, &some), line);
    let line = "▲ open, degraded · got 7 of 207/s: 120 queue away, 80 overloaded";
    assert_eq!(first_line_of(degraded.clone(), 80, &some), line);
    let none = [("accepted", 0), ("unconfirmed", 12_120), ("server_error", 80)];
    let line = "✗ NOTHING ACCEPTED · got 0 of 12,200/s: 12,120 unconfirmed, 80 server error";
    assert_eq!(first_line_of(degraded.clone(), 90, &none), line);
    let mut paused = sale();
    let by = Some("alice".to_owned());
    let since = Some(EpochMs(paused.at.0 - 6_000));
    paused.controls.intake = Some(SwitchView { paused: true, since, by, reason: None });
    let closed = [("accepted", 0), ("paused", 138), ("wrong_price", 74)];
    let by_width = [
        (80, "▲ INTAKE PAUSED by alice for 6s · 0 of 212 accepted/s · 138 paused/s"),
        (66, "▲ INTAKE PAUSED by alice for 6s · got 0 of 212/s"),
        (60, "▲ INTAKE PAUSED by alice for 6s · got 0 of 212/s"),
    ];
    for (width, line) in by_width {
        assert_eq!(first_line_of(paused.clone(), width, &closed), line, "{width}");
    }
    let names = ChargeOutcome::ALL.map(ChargeOutcome::as_str);
    for state in [sale(), sold_out, degraded] {
        for (first, second) in names.iter().flat_map(|one| names.map(|two| (*one, two))) {
            let wide = "unknown_product".len() <= first.len().max(second.len());
            if [first, second].contains(&"accepted") || first == second || wide {
                continue;
            }
            let line =
                first_line_of(state.clone(), 80, &[("accepted", 5), (first, 900), (second, 80)]);
            let both = [first, second].map(|name| line.contains(&name.replace('_', " ")));
            assert_eq!(both, [true, true], "{line}");
        }
    }
}

#[test]
fn an_earlier_daemon_that_tells_no_reasons_has_the_line_as_it_was() {
    let line = "✓ open · 0 charges/s · 0 accepted/s · 638 placed/s";
    assert_eq!([80, 120].map(|width| first_line(width, &[])), [line, line]);
}
