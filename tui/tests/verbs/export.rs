//! Exports: the form of each line, and where they end, however they end.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use protocol::{EpochMs, ExportPage, ExportedOrder, Money, OrderState, RefusalCode, Seq};
use rustix::process::{Pid, Signal, kill_process};

use crate::daemon::{Daemon, Reply, ok};
use crate::fixtures::{NOW, refused};
use crate::program::{Ran, Text, at, run};

fn order(seq: u64, state: OrderState) -> ExportedOrder {
    ExportedOrder {
        seq: Seq(seq),
        order_id: format!("order-{seq}").into(),
        prod_id: "pid_0001".into(),
        prod_name: "iphoneX2019新款".to_owned(),
        user: "152****8881".to_owned(),
        phone: None,
        state,
        reason: None,
        charge_money: Some(Money::from_milli(5_999_000)),
        asked_at: NOW,
        decided_at: EpochMs(NOW.0 + 1_000),
        finish_time: None,
        duplicates: 0,
    }
}

fn page(orders: Vec<ExportedOrder>, up_to: u64, head: u64) -> ExportPage {
    ExportPage { orders, up_to: Seq(up_to), head: Seq(head), reveal: None }
}

/// One of each state, with what a file or a spreadsheet could stumble over.
fn all_kinds() -> ExportPage {
    let failed = ExportedOrder {
        reason: Some("sold_out".to_owned()),
        prod_name: "=HYPERLINK(\"http://x\",\"y\")".to_owned(),
        charge_money: None,
        ..order(2, OrderState::Failed)
    };
    let duplicate = ExportedOrder {
        reason: Some("duplicate_order".to_owned()),
        prod_name: String::new(),
        ..order(3, OrderState::Duplicate)
    };
    let finished = ExportedOrder {
        finish_time: Some(EpochMs(NOW.0 + 86_400_000)),
        phone: Some("15200008881".into()),
        prod_name: "一, 二\u{202e}".to_owned(),
        duplicates: 1,
        ..order(4, OrderState::Finished)
    };
    page(vec![order(1, OrderState::Placed), failed, duplicate, finished], 4, 4)
}

const CSV: &str = include_str!("golden/export.csv");
const JSONL: &str = include_str!("golden/export.jsonl");

const ENDED: &str = "seckillctl: up to decision 4: continue with --after 4\n";

/// Names, sequence and form are a contract: docs/export.md. New columns come last.
#[test]
fn each_line_has_its_form() {
    let daemon = Daemon::always(all_kinds());
    for (form, text) in [("--csv", CSV), ("--jsonl", JSONL)] {
        let words = ["export", "orders", form, "--tz", "+08:00"];
        let ran = run(&daemon.socket(), &words);
        assert_eq!((ran.code, ran.out.as_str(), ran.told.as_str()), (0, text, ENDED));
    }
    let plain = run(&daemon.socket(), &["export", "orders", "--tz", "+08:00"]);
    assert_eq!(plain.out, CSV, "CSV is the default");
}

#[test]
fn times_are_in_the_zone_of_the_environment() {
    let daemon = Daemon::always(all_kinds());
    let mut command = at(&daemon.socket(), &["export", "orders"]);
    let ran = Ran::of(&command.env("TZ", "CST-8").output().unwrap());
    assert_eq!((ran.out.as_str(), ran.told.as_str()), (CSV, ENDED));

    let mut command = at(&daemon.socket(), &["export", "orders"]);
    let ran = Ran::of(&command.env("TZ", "Mars/Olympus").output().unwrap());
    assert!(ran.out.contains("2026-11-23T14:28:20.572+00:00"), "{}", ran.out);
    assert!(ran.told.contains("TZ") && ran.told.ends_with(ENDED), "{}", ran.told);
}

#[test]
fn pages_are_asked_for_one_after_the_other_up_to_the_newest_of_the_first() {
    let daemon = Daemon::in_turn([
        ok(page(vec![order(11, OrderState::Placed)], 500, 1_001)),
        ok(page(vec![], 900, 1_100)),
        ok(page(
            vec![order(1_000, OrderState::Placed), order(1_050, OrderState::Placed)],
            1_100,
            1_100,
        )),
    ]);
    let words =
        ["export", "orders", "--jsonl", "--after", "10", "--state", "placed", "--prod", "a&b"];
    let ran = run(&daemon.socket(), &words);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 2), "1,050 was decided meanwhile");
    assert_eq!(ran.told, "seckillctl: up to decision 1001: continue with --after 1001\n");
    let asked =
        |after| format!("GET /v1/export/orders?limit=500&state=placed&prod=a%26b&after={after}");
    assert_eq!(daemon.lines(), [10, 500, 900].map(asked));
}

#[test]
fn times_and_whole_numbers_are_asked_for() {
    let shown = |orders, up_to| ExportPage { reveal: Some(7), ..page(orders, up_to, 2) };
    let daemon = Daemon::in_turn([
        ok(shown(vec![order(1, OrderState::Placed)], 1)),
        ok(shown(vec![order(2, OrderState::Placed)], 2)),
    ]);
    let words = [
        "export",
        "orders",
        "--reveal-phone",
        "--tz",
        "+08:00",
        "--since",
        "2026-11-11T20:00",
        "--until",
        "2026-11-12T00:00:00Z",
    ];
    assert_eq!(run(&daemon.socket(), &words).code, 0);
    let times = "since=2026-11-11T12%3A00%3A00.000%2B0000&until=2026-11-12T00%3A00%3A00.000%2B0000";
    assert_eq!(
        daemon.lines(),
        [
            format!("GET /v1/export/orders?limit=500&{times}&after=0&reveal=phone"),
            format!("GET /v1/export/orders?limit=500&{times}&after=1&reveal=7"),
        ]
    );
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_written() {
    let daemon = Daemon::always(page(vec![], 9, 5));
    let told = run(&daemon.socket(), &["export", "orders", "--after", "9"]).failed(65);
    assert!(told.contains("--after is 9, and the newest decision is 5"), "{told}");
    for words in [
        ["--since", "yesterday"],
        ["--tz", "Mars/Olympus"],
        ["--state", "queued"],
        ["--prod", ""],
        ["--csv", "--jsonl"],
    ] {
        run(&daemon.socket(), &[&["export", "orders"][..], &words[..]].concat()).failed(64);
    }
    let daemon = Daemon::answering(|_| refused(RefusalCode::WrongRole, "ask the order node"));
    let told = run(&daemon.socket(), &["export", "orders"]).failed(65);
    assert_eq!(told, "seckillctl: refused: ask the order node (wrong_role)\n");
}

#[test]
fn an_export_that_is_cut_off_says_where_to_go_on() {
    let first = || ok(page(vec![order(1, OrderState::Placed)], 1, 3));
    let daemon = Daemon::in_turn([first(), refused(RefusalCode::Stopping, "the daemon stops")]);
    let ran = run(&daemon.socket(), &["export", "orders", "--jsonl"]);
    assert_eq!((ran.code, ran.out.lines().count()), (75, 1));
    let last = ran.told.lines().last().unwrap();
    assert_eq!(last, "seckillctl: up to decision 1: continue with --after 1", "{}", ran.told);

    let daemon = Daemon::always(page(vec![order(1, OrderState::Placed)], 1, 3));
    let ran = run(&daemon.socket(), &["export", "orders", "--jsonl"]);
    assert!(ran.code == 69 && ran.told.contains("round in circles"), "{}", ran.told);
}

#[test]
fn a_signal_ends_it_between_two_orders() {
    let first = || ok(page(vec![order(1, OrderState::Placed)], 1, 3));
    for signal in [Signal::INT, Signal::TERM] {
        let daemon = Daemon::in_turn([first(), Reply::Silence]);
        let mut command = at(&daemon.socket(), &["export", "orders", "--jsonl"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Text::of(child.stdout.take().unwrap()).up_to("\n");
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ended = child.wait_with_output().unwrap();
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(130), "{told}");
        let last = told.lines().last().unwrap();
        assert_eq!(last, "seckillctl: up to decision 1: continue with --after 1", "{told}");
    }
}

/// What the reader took of what was written isn't known: its own last number is.
#[test]
fn a_reader_that_has_seen_enough_ends_it() {
    let many = (1..=500).map(|seq| order(seq, OrderState::Placed)).collect::<Vec<_>>();
    let daemon = Daemon::answering(move |request| {
        let after: u64 = request.line.rsplit_once("after=").unwrap().1.parse().unwrap();
        let orders = many
            .iter()
            .map(|order| ExportedOrder { seq: Seq(after + order.seq.0), ..order.clone() });
        ok(page(orders.collect(), after + 500, 1_000_000))
    });
    let mut command = at(&daemon.socket(), &["export", "orders"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    drop(reader);
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{told}");
    assert!(told.contains("the reader may have taken less"), "{told}");
}
