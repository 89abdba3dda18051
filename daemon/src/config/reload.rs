//! What a running daemon takes over of a changed configuration, and in which keys two differ. Pure;
//! how a key takes hold is its part's business, and the order of it all is `app::reload`'s.

use protocol::ConfigChange;

use super::{Loaded, Source, shape};

/// The words for a number that is looked at each time it is needed.
const AT_ONCE: &str = "at once";

/// The keys that a reload takes, each with when, worded to follow "a reload takes it". Every other
/// key takes a restart.
static TAKEN: [(&str, &str); 26] = [
    (
        "products",
        "those that the database lacks are put in, on the shelf; those that it has stay as they are",
    ),
    ("gateway.order_timeout_ms", "at once, but for the time to connect where that is longer now"),
    ("gateway.refresh_ms", AT_ONCE),
    ("gateway.publish_waiting_max", AT_ONCE),
    ("gateway.publish_batch_max", AT_ONCE),
    ("gateway.unconfirmed_max", AT_ONCE),
    ("gateway.republish_after_ms", AT_ONCE),
    ("order.batch_max", AT_ONCE),
    ("order.deliveries_max", AT_ONCE),
    ("order.redelivery_after_ms", AT_ONCE),
    ("order.redelivery_after_ms_max", AT_ONCE),
    ("queue.lag_every_ms", AT_ONCE),
    ("rocketmq.access_key_file", "at once, another content of the same file too"),
    ("rocketmq.secret_key_file", "at once, another content of the same file too"),
    ("http.connections_max", "at once; connections that are open stay"),
    ("http.header_timeout_ms", "for connections from then on"),
    ("http.body_timeout_ms", "for bodies at once, for reading answers on connections from then on"),
    ("http.header_bytes_max", "for connections from then on"),
    ("http.body_bytes_max", AT_ONCE),
    ("admin.operator_group", AT_ONCE),
    ("admin.others", AT_ONCE),
    ("admin.overdue_after_ms", AT_ONCE),
    ("admin.resend_per_s", AT_ONCE),
    ("log.level", "at once, over what an operator has set meanwhile"),
    ("shutdown.deadline_ms", AT_ONCE),
    ("doctor.topic", "nothing in a running daemon reads it"),
];

/// How a reload takes a key; `None` where it takes a restart.
#[must_use]
pub fn taken(key: &str) -> Option<&'static str> {
    TAKEN.iter().find(|(name, _)| *name == key).map(|(_, when)| *when)
}

/// The keys in which two configurations differ, in the order of the tree.
#[must_use]
pub fn changes(before: &Loaded, after: &Loaded) -> Vec<ConfigChange> {
    let trees = [before, after].map(|loaded| serde_json::to_value(&loaded.config));
    let [Ok(old), Ok(new)] = trees else { return Vec::new() };
    let differing = shape::leaves().into_iter().filter_map(|(key, _)| {
        let pointer = format!("/{}", key.replace('.', "/"));
        let of = |tree: &serde_json::Value| tree.pointer(&pointer).cloned().unwrap_or_default();
        let (before, after_value) = (of(&old), of(&new));
        let source = after.sources.of(&key).to_string();
        (before != after_value).then_some(ConfigChange {
            key,
            before,
            after: after_value,
            source,
            note: None,
        })
    });
    differing.collect()
}

/// Where the machine chose a place and nobody names one now either, the choice of the start stands:
/// that another folder can be written by now is no change of the configuration.
pub(super) fn keep_chosen(again: &mut Loaded, before: &Loaded) {
    let chosen = |loaded: &Loaded, key| matches!(loaded.sources.of(key), Source::Machine(_));
    let both = |again: &Loaded, key| chosen(again, key) && chosen(before, key);
    if both(again, "store.path") {
        again.config.store.path.clone_from(&before.config.store.path);
        again.sources.set("store.path", before.sources.of("store.path"));
    }
    if both(again, "admin.socket") {
        again.config.admin.socket.clone_from(&before.config.admin.socket);
        again.sources.set("admin.socket", before.sources.of("admin.socket"));
    }
}

/// Every key that a reload takes.
#[cfg(test)]
pub(crate) fn all_taken() -> impl Iterator<Item = &'static str> {
    TAKEN.iter().map(|(key, _)| *key)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::super::tests::{around, jailed, loaded, options};
    use super::super::{Options, shape};
    use super::{all_taken, changes, taken};

    #[test]
    fn every_key_that_is_taken_is_one_of_the_tree() {
        for key in all_taken() {
            assert!(shape::find(key).is_some(), "{key}");
            assert!(!taken(key).unwrap().is_empty(), "{key}");
        }
        for key in ["roles", "store.path", "gateway.listen", "gateway.order_id_key_file"] {
            assert_eq!(taken(key), None, "{key}");
        }
    }

    #[test]
    fn a_second_reading_differs_in_what_the_file_says_by_now() {
        jailed(|_| {
            fs::write("own.toml", "http.body_bytes_max = 2048\nlog.level = 'warn'").unwrap();
            let options =
                Options { file: Some("own.toml".into()), ..options(&["store.readers=2"]) };
            let before = loaded(&options);
            let again = before.read_again_within(&around()).unwrap();
            assert_eq!(changes(&before, &again), []);
            let file =
                "http.body_bytes_max = 4096\nstore.readers = 3\nlog.level = 'warn'\nproducts = []";
            fs::write("own.toml", file).unwrap();
            let again = before.read_again_within(&around()).unwrap();
            let found = changes(&before, &again);
            // `--set` still wins over the file.
            let keys: Vec<&str> = found.iter().map(|change| change.key.as_str()).collect();
            assert_eq!(keys, ["products", "http.body_bytes_max"]);
            assert_eq!((&found[1].before, &found[1].after), (&json!(2048), &json!(4096)));
            assert_eq!(found[1].source, "file own.toml");
            fs::write("own.toml", "http.body_bytes_max = 1").unwrap();
            let faults = before.read_again_within(&around()).unwrap_err().to_string();
            assert!(
                faults.contains("http.body_bytes_max = 1 (file own.toml): must be"),
                "{faults}"
            );
        });
    }

    #[test]
    fn a_place_that_the_machine_chose_at_the_start_stays() {
        jailed(|_| {
            let before = loaded(&Options::default());
            assert!(before.config.store.path.starts_with("./seckill-data"));
            // By now the prepared folders are there.
            fs::create_dir_all("state").unwrap();
            fs::create_dir_all("runtime").unwrap();
            let fresh = loaded(&Options::default());
            assert_eq!(changes(&before, &fresh).len(), 2, "a start would choose others");
            let again = before.read_again_within(&around()).unwrap();
            assert_eq!(changes(&before, &again), []);
            assert_eq!(again.sources.of("store.path"), before.sources.of("store.path"));
        });
    }
}
