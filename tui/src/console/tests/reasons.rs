//! The reason that a question takes: typed on a line of its own, sent with the command, and never
//! an answer. And the two keys whose commands had none: the price and the reload.

use protocol::{Method, Money};
use serde_json::json;

use super::acting::{change, commands, console, toast};
use super::fixtures::{WIDE, drawn, lines_of, press, press_at_once, rest, sale};
use crate::console::model::Popup;
use crate::console::msg::Msg;
use crate::console::update::update;

fn shown(model: &crate::console::model::Model) -> String {
    lines_of(&drawn(model, WIDE.0, WIDE.1))
}

#[test]
fn a_switch_takes_a_reason_which_the_question_shows() {
    for (keys, path) in [("P", "/v1/intake/pause"), ("C", "/v1/consumption/pause")] {
        let mut model = console(sale());
        press(&mut model, keys);
        assert!(shown(&model).contains("r leads to a reason"));
        press(&mut model, "rwrong price, yes<Enter>");
        assert!(shown(&model).contains("│ Reason: wrong price, yes"), "{}", shown(&model));
        let sent = commands(press(&mut model, "y"));
        assert_eq!(sent.len(), 1, "{keys}");
        assert_eq!(sent[0].path, path);
        assert_eq!(sent[0].body["reason"], "wrong price, yes");
    }
}

#[test]
fn where_a_name_is_typed_tab_leads_to_the_reason() {
    for (keys, path) in [("D", "/v1/drain"), ("Q", "/v1/shutdown")] {
        let mut model = console(sale());
        press(&mut model, keys);
        assert!(shown(&model).contains("Tab leads to a reason"));
        press(&mut model, "secki<Tab>end of the sale<Enter>lld");
        let text = shown(&model);
        assert!(text.contains("Reason: end of the sale"), "{text}");
        assert!(text.contains("or Esc: seckilld"), "{text}");
        let sent = commands(press(&mut model, "<Enter>"));
        assert_eq!(
            (sent[0].path.as_str(), &sent[0].body["reason"]),
            (path, &"end of the sale".into())
        );
    }
}

#[test]
fn no_reason_is_none_and_esc_leaves_the_line_alone() {
    let mut model = console(sale());
    press(&mut model, "Prnever mind<Esc>");
    assert!(model.question().is_some(), "the question stands");
    let sent = commands(press(&mut model, "y"));
    assert_eq!(sent[0].body.get("reason"), None);
    let mut model = console(sale());
    press(&mut model, "Pr   <Enter>");
    assert_eq!(commands(press(&mut model, "y"))[0].body.get("reason"), None, "blanks");
    let mut model = console(sale());
    press(&mut model, "Prwhy<Esc><Esc>");
    assert!(model.question().is_none(), "the second one leaves the question");
}

#[test]
fn what_is_typed_or_pasted_into_it_answers_nothing() {
    let mut model = console(sale());
    press(&mut model, "P");
    rest(&mut model);
    assert_eq!(press_at_once(&mut model, "rwhy<Enter>y"), [], "the y came too soon");
    assert!(model.question().is_some());
    press(&mut model, "r");
    rest(&mut model);
    assert_eq!(update(&mut model, Msg::Paste(" is it\ny\n".to_owned())), []);
    press(&mut model, "<Enter>");
    assert!(shown(&model).contains("Reason: why is ity"), "{}", shown(&model));
}

/// A command that is repeated is the same command, and one whose form asked for a reason has it.
#[test]
fn what_has_a_reason_takes_no_other() {
    let mut model = console(sale());
    press(&mut model, "2A5<Enter>returned<Enter>");
    assert!(model.question().unwrap().reason.is_none());
    press(&mut model, "r");
    assert_eq!(commands(press(&mut model, "y"))[0].body["reason"], "returned");
}

#[test]
fn m_changes_terms_behind_a_form_and_a_question() {
    let mut model = console(sale());
    press(&mut model, "2M");
    assert!(shown(&model).contains("Price   5999.000"), "{}", shown(&model));
    press(&mut model, "0<Enter><Enter>x<Enter>");
    assert!(matches!(model.popups.last(), Some(Popup::Form(form)) if form.fault.is_some()));
    press(&mut model, "<BackTab><C-u>5999<Tab><Enter>");
    assert!(shown(&model).contains("these are its terms already"), "{}", shown(&model));
    press(&mut model, "<BackTab><C-u>1290<Enter>");
    let text = shown(&model);
    assert!(text.contains("Change the price of pid_0001 from 5999.000 to 1290.000?"), "{text}");
    let sent = commands(press(&mut model, "y"));
    assert_eq!((sent[0].method(), &*sent[0].path), (Method::Patch, "/v1/products/pid_0001"));
    let id = sent[0].request_id();
    let body =
        json!({ "request_id": id, "reason": "x", "price": "1290.000", "if_terms_version": 2 });
    assert_eq!(sent[0].body, body, "what differs, at the version that was shown");
    // Two terms at once.
    press(&mut model, "M1290<Tab><C-u>gone<Enter>x<Enter>");
    assert!(shown(&model).contains("on or off"), "{}", shown(&model));
    press(&mut model, "<C-u>off<Enter>");
    let text = shown(&model);
    assert!(text.contains("Change the terms of pid_0001?"), "{text}");
    assert!(text.contains("price from 5999.000 to 1290.000, shelf from on to off"), "{text}");
    let sent = commands(press(&mut model, "y"));
    assert_eq!(
        (&sent[0].body["price"], &sent[0].body["on_shelf"]),
        (&json!("1290.000"), &json!(false))
    );
}

#[test]
fn a_price_that_somebody_else_changed_withdraws_the_question() {
    let mut model = console(sale());
    press(&mut model, "2M1290<Enter>x<Enter>");
    rest(&mut model);
    change(&mut model, |state| state.products[0].terms.price = Money::from_milli(1_000));
    assert!(model.popups.is_empty());
    assert!(toast(&model).contains("the price is 1.000 now"), "{}", toast(&model));
}

#[test]
fn u_reloads_the_configuration_that_was_shown() {
    let mut model = console(sale());
    let sent = commands(press(&mut model, "Unew limits<Esc>"));
    assert_eq!(sent, []);
    let sent = commands(press(&mut model, "Uy"));
    assert_eq!(
        (sent[0].path.as_str(), sent[0].what.as_str()),
        ("/v1/reload", "reload the configuration")
    );
    press(&mut model, "U");
    rest(&mut model);
    change(&mut model, |state| state.config.generation += 1);
    assert!(model.popups.is_empty() && toast(&model).contains("the configuration's generation"));
}
