//! Which keys a reload takes, and what it says of those that it doesn't. The rest has a daemon of
//! its own in the end-to-end tests.

use protocol::ConfigChange;
use serde_json::json;

use super::{Config, RefusalCode, faulty, new_seeds, one_line, restart_needed};
use crate::config::{ConfigFault, Faults, Source, taken_one_by_one};

/// What `take` and `plan` do beside the tunables.
const BESIDE_THE_TUNABLES: [&str; 12] = [
    "products",
    "rocketmq.access_key_file",
    "rocketmq.secret_key_file",
    "http.connections_max",
    "http.header_timeout_ms",
    "http.body_timeout_ms",
    "http.header_bytes_max",
    "http.body_bytes_max",
    "admin.operator_group",
    "admin.others",
    "log.level",
    "doctor.topic",
];

#[test]
fn every_key_that_is_taken_takes_hold_somewhere() {
    // Tunables are set by the code that the tree's macro makes.
    assert_eq!(taken_one_by_one(), BESIDE_THE_TUNABLES);
}

fn change(key: &str, note: Option<&str>) -> ConfigChange {
    ConfigChange {
        key: key.to_owned(),
        before: json!("a"),
        after: json!("b"),
        source: "--set".to_owned(),
        note: note.map(str::to_owned),
    }
}

#[test]
fn a_refusal_names_every_key_with_both_values() {
    let keys = [change("store.path", None), change("gateway.listen", Some("why"))];
    let refusal = restart_needed(&keys, 4);
    assert_eq!(refusal.code, RefusalCode::RestartNeeded);
    assert_eq!(
        one_line(&refusal.msg),
        "nothing was changed: 2 keys take a restart: store.path: \"a\" → \"b\" (--set); \
         gateway.listen: \"a\" → \"b\" (--set, why)"
    );
    assert_eq!(refusal.data["generation"], 4);
    assert_eq!(refusal.data["keys"][1]["key"], "gateway.listen");
    assert_eq!(refusal.data["keys"][0]["after"], "b");
}

#[test]
fn faults_are_told_each() {
    let fault = |key: &str| ConfigFault {
        key: key.to_owned(),
        value: Some("\"x\"".to_owned()),
        source: Some(Source::CommandLine),
        problem: "must be y".to_owned(),
    };
    let refusal = faulty(&Faults(vec![fault("log.level"), fault("roles")]), 1);
    assert_eq!(refusal.code, RefusalCode::ConfigFaulty);
    assert_eq!(
        one_line(&refusal.msg),
        "nothing was changed: the configuration has 2 faults: log.level = \"x\" (--set): must be y; \
         roles = \"x\" (--set): must be y"
    );
    assert_eq!(refusal.data["faults"][0]["source"], "--set");
    assert_eq!(refusal.data["faults"][1]["problem"], "must be y");
}

#[test]
fn only_entries_that_differ_are_put_before_the_database() {
    let (before, mut after, mut notes) = (Config::default(), Config::default(), Vec::new());
    assert_eq!(new_seeds(&before, &after, &mut notes), []);
    after.products[0].stock += 1;
    let gone = after.products.remove(1);
    let mut new = gone.clone();
    new.prod_id = "pid_0009".to_owned();
    after.products.push(new);
    let seeds = new_seeds(&before, &after, &mut notes);
    let ids: Vec<&str> = seeds.iter().map(|listed| listed.seed.prod_id.as_str()).collect();
    assert_eq!(ids, ["pid_0001", "pid_0009"]);
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].starts_with("pid_0002 is no longer listed and stays"), "{notes:?}");
    after.roles.retain(|role| *role != crate::config::Role::Order);
    notes.clear();
    assert_eq!(new_seeds(&before, &after, &mut notes), []);
    assert_eq!(notes, ["products are the order node's: reload that one"]);
}
