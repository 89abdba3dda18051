//! `update` as tables: what a message makes of the model, and what it wants done.

use std::time::Duration;

use crossterm::event::{
    KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use protocol::{Change, EpochMs, Line, Permission, Phase, Severity, Snapshot};
use ratatui::layout::Rect;
use serde_json::json;

use super::acting::console;
use super::fixtures::{
    AT, changed, connected, keys, line, onlooker, operator, pass, press, product, sale, unconnected,
};
use crate::console::keys::Action;
use crate::console::model::{Access, Connection, Model, Popup, Screen, Subject};
use crate::console::msg::{Ask, CommandEnd, Effect, Msg};
use crate::console::operations::Operation;
use crate::console::screens::{events, products, row_keys};
use crate::console::update::{blocked, update};

fn live(model: &Model) -> &Snapshot {
    model.live.as_ref().unwrap()
}

/// The command in the topmost question.
fn command(model: &Model) -> (String, serde_json::Value) {
    match model.popups.last() {
        Some(Popup::Question(asked)) => (asked.command.path.clone(), asked.command.body.clone()),
        other => panic!("no confirmation but {other:?}"),
    }
}

#[test]
fn the_state_moves_by_the_shared_reducer_alone() {
    let mut model = connected(sale(), operator());
    assert_eq!(line(&mut model, changed(2, Change::Phase(Phase::Stopping))), []);
    let mut expected = sale();
    expected.apply(2, EpochMs(AT.0 + 1_000), Change::Phase(Phase::Stopping)).unwrap();
    assert_eq!(*live(&model), expected);
    line(&mut model, Line::Heartbeat { seq: 2, at: EpochMs(AT.0 + 9_000) });
    assert_eq!(live(&model).at, EpochMs(AT.0 + 9_000));
}

#[test]
fn a_gap_subscribes_anew_and_the_old_stream_is_ignored() {
    let mut model = connected(sale(), operator());
    let effects = line(&mut model, changed(3, Change::Phase(Phase::Stopping)));
    assert_eq!(effects, [Effect::Resubscribe]);
    assert_eq!(line(&mut model, changed(4, Change::Phase(Phase::Stopped))), []);
    assert_eq!(live(&model).phase, Phase::Serving);
    let state = Snapshot { seq: 9, ..sale() };
    line(&mut model, Line::Snapshot { snapshot: Box::new(state), you: operator() });
    assert!(model.is_connected());
    assert_eq!(live(&model).seq, 9);
}

#[test]
fn a_lost_connection_keeps_the_data_and_tells_once() {
    let mut model = connected(sale(), operator());
    for _ in 0..3 {
        let (why, retry_in) = ("cut off".to_owned(), Duration::from_millis(250));
        assert_eq!(update(&mut model, Msg::Lost { why, retry_in }), []);
    }
    assert!(matches!(model.connection, Connection::Lost { .. }));
    assert_eq!(*live(&model), sale());
    assert_eq!(model.notes.len(), 1);
    let restarted = Snapshot { pid: 4_712, ..sale() };
    line(&mut model, Line::Snapshot { snapshot: Box::new(restarted), you: operator() });
    assert!(model.notes.back().unwrap().text.contains("restarted"));
}

#[test]
fn ctrl_r_asks_for_everything_again() {
    let mut model = connected(sale(), operator());
    press(&mut model, "3");
    assert_eq!(press(&mut model, "<C-r>"), [Effect::Resubscribe]);
    assert!(matches!(model.connection, Connection::Connecting));
    let effects = line(&mut model, Line::Snapshot { snapshot: Box::new(sale()), you: operator() });
    assert!(matches!(&effects[..], [Effect::Ask(Ask::Orders { asked: 2, .. })]));
    let retry_in = Duration::from_secs(5);
    update(&mut model, Msg::Lost { why: "gone".to_owned(), retry_in });
    assert_eq!(press(&mut model, "<C-r>"), [Effect::Resubscribe]);
    assert!(matches!(model.connection, Connection::Lost { .. }), "until the first line");
}

#[test]
fn a_product_that_comes_does_not_get_under_the_hands() {
    let mut model = connected(sale(), operator());
    let mut products = sale().products;
    products.insert(0, product("a", "new", 1, 0));
    line(&mut model, changed(2, Change::Products(products)));
    assert_eq!(products::rows::selected_product(&model).unwrap().prod_id, "pid_0001");
}

#[test]
fn q_closes_then_quits_esc_never_quits_and_ctrl_c_always_does() {
    let mut model = connected(sale(), operator());
    assert_eq!(press(&mut model, "?q"), []);
    assert!(model.popups.is_empty());
    assert_eq!(press(&mut model, "<Esc><Esc>"), []);
    assert_eq!(press(&mut model, "q"), [Effect::Quit]);
    for state in ["", "?", "/abc", "P", "D", "L", "N"] {
        let mut model = connected(sale(), operator());
        press(&mut model, state);
        assert_eq!(press(&mut model, "<C-c>"), [Effect::Quit], "{state:?}");
        assert_eq!(press(&mut model, "<C-z>"), [Effect::Suspend], "{state:?}");
    }
}

#[test]
fn screens_by_digit_and_tab() {
    let mut model = connected(sale(), operator());
    let last = *Screen::ALL.last().unwrap();
    for (digit, screen) in (1..).zip(Screen::ALL) {
        press(&mut model, &format!("{digit}"));
        assert_eq!(model.screen, screen, "{digit}");
    }
    for (keys, screen) in [
        ("6", Screen::Events),
        ("1<BackTab>", last),
        ("<Tab>", Screen::Overview),
        ("<BackTab>", last),
        ("2", Screen::Products),
        ("<Tab>", Screen::Orders),
    ] {
        press(&mut model, keys);
        assert_eq!(model.screen, screen, "{keys}");
    }
}

#[test]
fn each_command_is_what_its_question_says() {
    let id = "console-test-1";
    let plain = json!({ "request_id": id });
    let switch = json!({ "request_id": id, "if_generation": 4 });
    let reason = |text: &str| json!({ "request_id": id, "reason": text });
    let cases = [
        ("P", "/v1/intake/pause", switch.clone()),
        ("C", "/v1/consumption/pause", switch.clone()),
        ("D", "/v1/drain", switch),
        ("Q", "/v1/shutdown", plain.clone()),
        ("S", "/v1/products/pid_0001/shelf", json!({ "request_id": id, "on_shelf": false })),
        (
            "GS",
            "/v1/products/pid_0003/shelf",
            json!({ "request_id": id, "on_shelf": true, "if_version": 0 }),
        ),
        (
            "A-5<Enter>broken<Enter>",
            "/v1/products/pid_0001/stock",
            json!({ "request_id": id, "reason": "broken", "delta": -5 }),
        ),
        (
            "Np1<Enter>一部手机<Enter>1.5<Enter>100<Enter>",
            "/v1/products",
            json!({
                "request_id": id, "prod_id": "p1", "prod_name": "一部手机", "price": "1.500",
                "stock": 100, "on_shelf": false, "opens_at": null, "closes_at": null,
                "preheat_ratio": "1.000",
            }),
        ),
        ("Ldebug<Enter>", "/v1/log-level", json!({ "request_id": id, "level": "debug" })),
        ("4R", "/v1/dead-letters/7/resend", plain),
        ("4E", "/v1/dead-letters/resend", json!({ "request_id": id, "up_to": 9 })),
        ("4jXpoison<Enter>", "/v1/dead-letters/9/discard", reason("poison")),
    ];
    for (keys, path, body) in cases {
        let mut model = console(sale());
        press(&mut model, keys);
        assert_eq!(command(&model), (path.to_owned(), body), "{keys}");
    }
}

#[test]
fn a_question_says_how_many_and_starts_on_no() {
    let mut model = connected(sale(), operator());
    press(&mut model, "P");
    let asked = model.question().expect("a question");
    assert!(asked.title.contains("seckilld"));
    assert!(asked.lines.iter().any(|line| line.contains("2 products on the shelf")));
    assert_eq!(press(&mut model, "<Enter>"), [], "No is selected");
    assert!(model.popups.is_empty());
    for no in ["n", "<Esc>", "q", "<Tab><Tab><Enter>"] {
        assert_eq!(press(&mut model, "P"), []);
        assert_eq!(press(&mut model, no), [], "{no}");
        assert!(model.popups.is_empty());
    }
    for yes in ["y", "<Tab><Enter>"] {
        press(&mut model, "P");
        let effects = press(&mut model, yes);
        assert!(matches!(&effects[..], [Effect::Ask(Ask::Command(_))]), "{yes}");
    }
}

#[test]
fn drain_and_shutdown_want_the_name() {
    for key in ["D", "Q"] {
        let mut model = connected(sale(), operator());
        press(&mut model, key);
        assert_eq!(press(&mut model, "y<Enter>"), []);
        assert_eq!(press(&mut model, "<C-u>seckil<Enter>"), []);
        assert_eq!(model.popups.len(), 1);
        let said = model.toast.as_ref().map(|toast| toast.text.as_str());
        assert_eq!(said, Some("\"seckil\" isn't \"seckilld\": nothing is done"));
        let effects = press(&mut model, "ld<Enter>");
        assert!(matches!(&effects[..], [Effect::Ask(Ask::Command(_))]), "{key}");
    }
}

#[test]
fn a_form_says_what_is_wrong() {
    for (keys, fault) in [
        ("A<Enter>", "Units is missing"),
        ("A0<Enter>x<Enter>", "other than 0"),
        ("Ax<Enter>x<Enter>", "other than 0"),
        ("A-3000<Enter>x<Enter>", "only 2,997 are unsold"),
        ("Na b<Enter>n<Enter>1<Enter>1<Enter>", "without blanks"),
        ("Na<Enter>n<Enter>1e3<Enter>1<Enter>", "not a plain decimal"),
        ("Na<Enter>n<Enter>0<Enter>1<Enter>", "above 0"),
        ("Na<Enter>n<Enter>1<Enter>-1<Enter>", "whole number"),
    ] {
        let mut model = connected(sale(), operator());
        press(&mut model, keys);
        match model.popups.last() {
            Some(Popup::Form(form)) => {
                let told = form.fault.as_deref().unwrap_or_default();
                assert!(told.contains(fault), "{keys}: {told}");
            }
            other => panic!("{keys}: {other:?}"),
        }
    }
}

#[test]
fn what_may_not_be_done_says_why() {
    let gateway_only = Snapshot {
        orders: None,
        controls: protocol::Controls { consumption: None, ..sale().controls },
        ..sale()
    };
    let order_only = Snapshot {
        gateway: None,
        controls: protocol::Controls { intake: None, ..sale().controls },
        ..sale()
    };
    for (state, you, action, why) in [
        (sale(), onlooker(), Action::Operate(Operation::Intake), "group seckill-operators"),
        (
            gateway_only.clone(),
            operator(),
            Action::Operate(Operation::Consumption),
            "no order role",
        ),
        (gateway_only, operator(), Action::Operate(Operation::AddStock), "no order role"),
        (order_only, operator(), Action::Operate(Operation::Drain), "no gateway role"),
        (sale(), operator(), Action::Operate(Operation::Resend), "no dead letter is marked"),
        (
            Snapshot { products: Vec::new(), ..sale() },
            operator(),
            Action::Operate(Operation::Shelf),
            "no product",
        ),
    ] {
        let model = connected(state, you);
        let told = blocked(&model, action).unwrap_or_default();
        assert!(told.contains(why), "{action:?}: {told}");
    }
    let model = connected(sale(), operator());
    assert_eq!(blocked(&model, Action::Operate(Operation::Intake)), None);
    assert_eq!(blocked(&connected(sale(), onlooker()), Action::Sort), None);
}

#[test]
fn a_blocked_key_opens_nothing_and_read_only_means_nothing() {
    let mut model = connected(sale(), onlooker());
    assert_eq!(press(&mut model, "P"), []);
    assert!(model.popups.is_empty());
    assert_eq!(model.toast.as_ref().unwrap().severity, Severity::Warning);
    let mut model = connected(sale(), operator());
    model.access = Access::ReadOnly;
    press(&mut model, "PCDQLASN");
    assert!(model.popups.is_empty() && model.toast.is_none());
}

#[test]
fn permission_is_that_of_the_newest_stream() {
    let mut model = connected(sale(), onlooker());
    assert_eq!(model.you.as_ref().unwrap().permission, Permission::View);
    line(&mut model, Line::Snapshot { snapshot: Box::new(sale()), you: operator() });
    assert_eq!(blocked(&model, Action::Operate(Operation::Intake)), None);
}

#[test]
fn a_lost_answer_is_asked_for_again_under_the_same_number() {
    let mut model = connected(sale(), operator());
    let effects = press(&mut model, "Py");
    let [Effect::Ask(Ask::Command(command))] = &effects[..] else { panic!("{effects:?}") };
    let outcome = CommandEnd::Unanswered("cut off".to_owned());
    update(&mut model, Msg::Commanded { command: command.clone(), outcome });
    assert_eq!(model.question().unwrap().subject, Subject::Repeat);
    assert_eq!(press(&mut model, "y"), [Effect::Ask(Ask::Command(command.clone()))]);
    let other = press(&mut model, "Py");
    assert_ne!(other, [Effect::Ask(Ask::Command(command.clone()))], "a new one has a new number");
}

#[test]
fn nothing_is_sent_without_a_connection() {
    let mut model = connected(sale(), operator());
    press(&mut model, "P");
    let retry_in = Duration::from_secs(5);
    update(&mut model, Msg::Lost { why: "gone".to_owned(), retry_in });
    assert_eq!(press(&mut model, "y"), []);
    assert!(model.toast.as_ref().unwrap().text.contains("not sent"));
    press(&mut model, "P");
    assert!(model.popups.is_empty());
}

/// A key that can't be used is said at once, and is nothing that anybody did.
#[test]
fn a_mistaken_key_is_no_event() {
    let mut model = connected(sale(), onlooker());
    press(&mut model, "P");
    assert!(model.toast.as_ref().unwrap().text.contains("group"));
    press(&mut model, "3/state:sold<Enter>");
    assert!(model.toast.as_ref().unwrap().text.contains("is no state"));
    assert!(model.notes.is_empty(), "{:?}", model.notes);
}

#[test]
fn a_toast_lasts_five_seconds_and_stays_in_the_events() {
    let mut model = connected(sale(), operator());
    let effects = press(&mut model, "Py");
    let [Effect::Ask(Ask::Command(command))] = &effects[..] else { panic!("{effects:?}") };
    let outcome = CommandEnd::Refused("you aren't in the group".to_owned());
    update(&mut model, Msg::Commanded { command: command.clone(), outcome });
    let until = model.toast.as_ref().unwrap().until;
    assert_eq!(until - model.now, Duration::from_secs(5));
    pass(&mut model, Duration::from_secs(5));
    update(&mut model, Msg::Tick);
    assert!(model.toast.is_none());
    // An idle console sleeps until its clock shows the next second.
    let next = model.next_moment().unwrap() - model.now;
    let shown = model.sale_now().unwrap().0.rem_euclid(1_000).unsigned_abs();
    assert_eq!(next, Duration::from_millis(1_000 - shown));
    press(&mut model, "6");
    assert!(
        events::rows::events(&model)
            .iter()
            .any(|event| event.text.contains("refused: pause intake"))
    );
}

#[test]
fn the_display_freezes_and_the_state_goes_on() {
    let mut model = connected(sale(), operator());
    press(&mut model, "<Space>");
    line(&mut model, changed(2, Change::Phase(Phase::Stopping)));
    assert_eq!(model.shown().unwrap().phase, Phase::Serving);
    assert_eq!(live(&model).phase, Phase::Stopping);
    press(&mut model, "<Space>");
    assert_eq!(model.shown().unwrap().phase, Phase::Stopping);
}

#[test]
fn a_command_is_about_the_state_as_it_is_not_as_it_was_frozen() {
    let mut model = connected(sale(), operator());
    press(&mut model, "<Space>");
    let mut sold_on = product("pid_0001", "iphoneX2019新款", 2_000, 48_000);
    sold_on.terms.on_shelf = false;
    line(&mut model, changed(2, Change::Product(sold_on)));
    press(&mut model, "S");
    assert_eq!(command(&model).1["if_version"], 48_000);
}

#[test]
fn lists_are_filtered_and_sorted() {
    let mut model = connected(sale(), operator());
    let ids =
        |model: &Model| products::rows::product_keys(&products::rows::products(model)).join(" ");
    press(&mut model, "2/HUAWEI<C-u>华为");
    assert_eq!(ids(&model), "pid_0002", "while one types");
    press(&mut model, "<Enter>");
    assert_eq!(ids(&model), "pid_0002");
    press(&mut model, "<Esc>");
    assert_eq!(ids(&model), "pid_0001 pid_0002 pid_0003");
    press(&mut model, "r");
    assert_eq!(ids(&model), "pid_0003 pid_0002 pid_0001");
    press(&mut model, "rsss");
    assert_eq!(ids(&model), "pid_0001 pid_0002 pid_0003", "by held");
    press(&mut model, "/x<Esc>");
    assert_eq!(model.products.filter, "");
}

#[test]
fn what_only_a_terminal_does_does_nothing_here() {
    let mut model = connected(sale(), operator());
    let mut released = keys("q")[0];
    released.kind = KeyEventKind::Release;
    assert_eq!(update(&mut model, Msg::Key(released)), []);
    let shifted = KeyEvent { modifiers: KeyModifiers::SHIFT, ..keys("P")[0] };
    update(&mut model, Msg::Key(shifted));
    assert_eq!(model.popups.len(), 1, "terminals report capital letters with shift");
    let mut typing = connected(sale(), operator());
    press(&mut typing, "2/");
    update(&mut typing, Msg::Paste("华\n为".to_owned()));
    assert_eq!(typing.products.filter, "华为");
    assert_eq!(press(&mut unconnected(), "PCS"), []);
}

#[test]
fn the_mouse_selects_and_scrolls_and_changes_nothing() {
    let mut model = connected(sale(), operator());
    model.products.area.set(Rect::new(0, 10, 80, 3));
    let mouse =
        |kind, row| Msg::Mouse(MouseEvent { kind, column: 4, row, modifiers: KeyModifiers::NONE });
    let selected = |model: &Model| model.products.selected(&row_keys(model));
    update(&mut model, mouse(MouseEventKind::Down(MouseButton::Left), 11));
    assert_eq!(selected(&model), Some(1));
    update(&mut model, mouse(MouseEventKind::Down(MouseButton::Left), 30));
    assert_eq!(selected(&model), Some(1));
    update(&mut model, mouse(MouseEventKind::ScrollDown, 11));
    assert_eq!(selected(&model), Some(2));
    press(&mut model, "P");
    let effects = update(&mut model, mouse(MouseEventKind::Down(MouseButton::Left), 11));
    assert_eq!(effects, []);
    assert_eq!(model.popups.len(), 1);
}
