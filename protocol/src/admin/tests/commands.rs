//! Commands, their answers and refusals.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::states::product;
use super::{assert_golden, assert_line, text};
use crate::{
    AddStock, Bound, ChangeTerms, ConfigChange, Controls, CreateProduct, Discard, Done, EpochMs,
    LogLevelState, Money, Phase, Reasoned, Refusal, RefusalCode, ReloadState, ResendAll,
    ResentState, SetLogLevel, SetPrice, SetShelf, SetSwitch, Shutdown, ShutdownState, Terms,
    TermsPatch,
};

const ID: &str = "ctl-1";

/// Asserts the command's JSON, and that a field more is refused.
fn assert_command<T>(command: &T, golden: &str)
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    assert_line(command, golden);
    let mut document: Value = serde_json::from_str(golden).unwrap();
    document["if_verison"] = 4.into();
    let refused = serde_json::from_value::<T>(document).unwrap_err().to_string();
    assert!(refused.contains("unknown field `if_verison`"), "{refused}");
    let refused = serde_json::from_str::<T>("{}").unwrap_err().to_string();
    assert!(refused.contains("missing field `request_id`"), "{refused}");
}

#[test]
fn a_reasoned_command() {
    let command = Reasoned { request_id: text(ID), reason: Some(text("补货")) };
    assert_command(&command, r#"{"request_id":"ctl-1","reason":"补货"}"#);
    let command = Reasoned { request_id: text(ID), reason: None };
    assert_command(&command, r#"{"request_id":"ctl-1"}"#);
}

#[test]
fn a_switch() {
    let command = SetSwitch { request_id: text(ID), reason: None, if_generation: Some(7) };
    assert_command(&command, r#"{"request_id":"ctl-1","if_generation":7}"#);
    let command = SetSwitch { reason: Some(text("补货")), if_generation: None, ..command };
    assert_command(&command, r#"{"request_id":"ctl-1","reason":"补货"}"#);
}

#[test]
fn a_reload_tells_what_it_changed() {
    let change = ConfigChange {
        key: text("http.body_bytes_max"),
        before: json!(16_384),
        after: json!(32_768),
        source: text("file /etc/seckill/embedded.toml"),
        note: None,
    };
    let state = ReloadState {
        generation: 2,
        changed: vec![change],
        products_added: vec!["pid_0004".into()],
        notes: Vec::new(),
    };
    assert_line(
        &state,
        r#"{"generation":2,"changed":[{"key":"http.body_bytes_max","before":16384,"after":32768,"source":"file /etc/seckill/embedded.toml"}],"products_added":["pid_0004"],"notes":[]}"#,
    );
}

#[test]
fn creating_a_product() {
    let mut command = CreateProduct {
        request_id: text(ID),
        reason: None,
        prod_id: "pid_0001".into(),
        prod_name: text("华为MATE20"),
        terms: Terms { on_shelf: true, ..Terms::at(Money::from_milli(5_999_000)) },
        stock: 100,
    };
    assert_command(
        &command,
        r#"{"request_id":"ctl-1","prod_id":"pid_0001","prod_name":"华为MATE20","price":"5999.000","on_shelf":true,"opens_at":null,"closes_at":null,"preheat_ratio":"1.000","stock":100}"#,
    );
    let shelf_untold = r#"{"request_id":"ctl-1","prod_id":"pid_0001","prod_name":"华为MATE20","price":"5999","stock":100}"#;
    command.terms.on_shelf = false;
    assert_eq!(serde_json::from_str::<CreateProduct>(shelf_untold).unwrap(), command);
    for price in ["5999.000", "5999"] {
        let number = shelf_untold.replace("\"5999\"", price);
        assert!(serde_json::from_str::<CreateProduct>(&number).is_err(), "a price is a text");
    }
    let free = shelf_untold.replace(r#""price":"5999","#, "");
    let told = serde_json::from_str::<CreateProduct>(&free).unwrap_err().to_string();
    assert!(told.starts_with("missing field `price`"), "{told}");
    for stock in ["-1", "4294967296", "1.5"] {
        let odd = shelf_untold.replace("100", stock);
        assert!(serde_json::from_str::<CreateProduct>(&odd).is_err(), "{stock}");
    }
}

#[test]
fn adding_stock() {
    let command =
        AddStock { request_id: text(ID), reason: text("recount"), delta: -50, if_version: Some(4) };
    assert_command(
        &command,
        r#"{"request_id":"ctl-1","reason":"recount","delta":-50,"if_version":4}"#,
    );
    let command = AddStock { if_version: None, ..command };
    assert_command(&command, r#"{"request_id":"ctl-1","reason":"recount","delta":-50}"#);
    let no_reason = r#"{"request_id":"ctl-1","delta":50}"#;
    assert!(serde_json::from_str::<AddStock>(no_reason).is_err(), "stock wants a reason");
}

#[test]
fn changing_terms() {
    let price = Some(Money::from_milli(1_290_000));
    let mut command = ChangeTerms {
        request_id: text(ID),
        reason: Some(text("a typo")),
        terms: TermsPatch { price, on_shelf: Some(false), ..TermsPatch::default() },
        if_terms_version: Some(4),
    };
    assert_command(
        &command,
        r#"{"request_id":"ctl-1","reason":"a typo","price":"1290.000","on_shelf":false,"if_terms_version":4}"#,
    );
    command = ChangeTerms { reason: None, if_terms_version: None, ..command };
    command.terms.price = None;
    assert_command(&command, r#"{"request_id":"ctl-1","on_shelf":false}"#);
    let terms = TermsPatch {
        opens_at: Some(Bound::at(EpochMs(1_796_990_400_000))),
        closes_at: Some(Bound::NONE),
        ..TermsPatch::default()
    };
    assert_command(
        &ChangeTerms { terms, ..command },
        r#"{"request_id":"ctl-1","opens_at":"2026-12-11T12:00:00Z","closes_at":null}"#,
    );
    for (odd, told) in [
        (r#"{"request_id":"ctl-1","prise":"1"}"#, "unknown field `prise`"),
        (
            r#"{"request_id":"ctl-1","price":"1","if_version":4}"#,
            "unknown field `if_version`, expected one of `request_id`, `reason`, \
             `if_terms_version`, `price`, `on_shelf`, `opens_at`, `closes_at`, \
             `preheat_ratio` at line 1 column 46",
        ),
        (r#"{"request_id":"ctl-1","price":null}"#, "invalid type: null"),
        (
            r#"{"request_id":"ctl-1","opens_at":"2026-12-11T20:00:00"}"#,
            "not a time with its zone, such as 2026-12-11T20:00:00+08:00: \"2026-12-11T20:00:00\"",
        ),
        (r#"{"price":1200,"request_id":"ctl-1"}"#, "expected a string at line 1 column 13"),
        (r#"{"request_id":"ctl-1","price":"1","price":"2"}"#, "duplicate field `price`"),
    ] {
        let fault = serde_json::from_str::<ChangeTerms>(odd).unwrap_err().to_string();
        assert!(fault.contains(told), "{odd}: {fault}");
    }
}

#[test]
fn the_other_commands() {
    assert_command(
        &SetShelf { request_id: text(ID), reason: None, on_shelf: false, if_version: Some(4) },
        r#"{"request_id":"ctl-1","on_shelf":false,"if_version":4}"#,
    );
    let price = Money::from_milli(1_290_000);
    let command =
        SetPrice { request_id: text(ID), reason: text("a typo"), price, if_version: Some(4) };
    let body = r#"{"request_id":"ctl-1","reason":"a typo","price":"1290.000","if_version":4}"#;
    assert_command(&command, body);
    let no_reason = r#"{"request_id":"ctl-1","price":"1290.000"}"#;
    assert!(serde_json::from_str::<SetPrice>(no_reason).is_err(), "a price wants a reason");
    assert_command(
        &ResendAll { request_id: text(ID), reason: None, per_s: Some(20), up_to: Some(7) },
        r#"{"request_id":"ctl-1","per_s":20,"up_to":7}"#,
    );
    assert_command(
        &Discard { request_id: text(ID), reason: text("a test order") },
        r#"{"request_id":"ctl-1","reason":"a test order"}"#,
    );
    assert_command(
        &SetLogLevel { request_id: text(ID), reason: None, level: text("debug") },
        r#"{"request_id":"ctl-1","level":"debug"}"#,
    );
    assert_command(
        &Shutdown { request_id: text(ID), reason: Some(text("move")) },
        r#"{"request_id":"ctl-1","reason":"move"}"#,
    );
}

fn done<T>(state: T) -> Done<T> {
    Done { request_id: text(ID), audit_id: 12, state }
}

#[test]
fn what_was_done() {
    assert_golden(&done(product()), include_str!("golden/done_product.json"));
    assert_line(
        &done(Controls::default()),
        r#"{"request_id":"ctl-1","audit_id":12,"state":{"intake":null,"consumption":null,"drain":null,"generation":null}}"#,
    );
    assert_line(
        &done(ResentState { resent: 3, left: 1, over_ms: 1_500 }),
        r#"{"request_id":"ctl-1","audit_id":12,"state":{"resent":3,"left":1,"over_ms":1500}}"#,
    );
    assert_line(
        &done(LogLevelState { level: text("debug") }),
        r#"{"request_id":"ctl-1","audit_id":12,"state":{"level":"debug"}}"#,
    );
    assert_line(
        &done(ShutdownState { phase: Phase::Stopping }),
        r#"{"request_id":"ctl-1","audit_id":12,"state":{"phase":"stopping"}}"#,
    );
    let later = r#"{"request_id":"ctl-1","audit_id":12,"state":{"level":"off","more":1},"more":1}"#;
    let read: Done<LogLevelState> = serde_json::from_str(later).unwrap();
    assert_eq!(read, done(LogLevelState { level: text("off") }), "readers ignore what is new");
}

#[test]
fn a_refusal() {
    let mut refusal = Refusal::new(RefusalCode::StaleVersion, "the version is 41");
    assert_line(&refusal, r#"{"code":"stale_version","msg":"the version is 41","data":null}"#);
    assert_eq!(refusal.to_string(), "the version is 41");
    refusal.data = json!({ "version": 41 });
    assert_line(
        &refusal,
        r#"{"code":"stale_version","msg":"the version is 41","data":{"version":41}}"#,
    );
    let without_data = r#"{"code":"internal","msg":"no"}"#;
    let read: Refusal = serde_json::from_str(without_data).unwrap();
    assert_eq!(read, Refusal::new(RefusalCode::Internal, "no"));
}
