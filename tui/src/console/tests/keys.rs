//! The table of keys: everything has a key and words, nothing has two meanings, and the page in the
//! documentation says the same.

use std::collections::HashSet;

use super::fixtures::{connected, operator, press, sale};
use crate::console::keys::{Action, Context, TABLE, bindings, docs};
use crate::console::model::{Model, Screen};
use crate::console::operations::Operation;

/// Every combination of contexts that a console can be in.
fn reachable() -> Vec<Vec<Context>> {
    let mut all = Vec::new();
    let mut note = |model: &Model| all.push(model.contexts().to_vec());
    for screen in Screen::ALL {
        let mut model = connected(sale(), operator());
        model.screen = screen;
        note(&model);
        for keys in ["?", "/", "P", "D", "L"] {
            press(&mut model, keys);
            note(&model);
            press(&mut model, "<Esc>");
        }
    }
    let mut model = connected(sale(), operator());
    model.screen = Screen::Orders;
    model.orders.rows = Some(super::fixtures::orders_of_all_states());
    press(&mut model, "<Enter>");
    note(&model);
    all
}

#[test]
fn no_key_means_two_things() {
    for contexts in reachable() {
        let mut seen = HashSet::new();
        for binding in bindings(&contexts) {
            for key in binding.keys {
                assert!(seen.insert(*key), "{key} in {contexts:?}");
            }
        }
    }
}

#[test]
fn every_action_has_a_key_and_words() {
    for binding in TABLE {
        assert!(!binding.keys.is_empty(), "{:?}", binding.action);
        assert!(!binding.what.is_empty(), "{:?}", binding.action);
    }
    let bound: HashSet<Action> = TABLE.iter().map(|binding| binding.action).collect();
    for operation in Operation::ALL {
        assert!(bound.contains(&Action::Operate(operation)), "{operation:?}");
    }
    for screen in Screen::ALL {
        assert!(bound.contains(&Action::Go(screen)), "{screen:?}");
    }
    assert_eq!(Context::ALL.iter().collect::<HashSet<_>>().len(), Context::ALL.len());
    assert!(TABLE.iter().all(|binding| Context::ALL.contains(&binding.context)));
}

#[test]
fn capital_letters_change_the_daemon_and_nothing_else_does() {
    for binding in TABLE {
        for key in binding.keys {
            let name = key.to_string();
            let is_letter = name.chars().count() == 1;
            let is_capital = is_letter && name.chars().all(|c| c.is_ascii_uppercase());
            // G is known from every pager.
            let expected = is_capital && name != "G";
            assert_eq!(binding.action.changes_the_daemon(), expected, "{name}");
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how the page is written anew; see the page itself")]
fn keys_page_is_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/keys.md");
    if std::env::var_os("KEYS_DOCS").is_some_and(|value| value == "write") {
        std::fs::write(path, docs()).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == docs(), "run `KEYS_DOCS=write cargo test -p seckillctl keys_page`");
}
