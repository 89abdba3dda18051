//! What a running daemon takes over of a changed configuration, and in which keys two differ. Pure;
//! how a key takes hold is its part's business, and the order of it all is `app::reload`'s.

use protocol::ConfigChange;

use super::shape::{self, Reload};
use super::{Loaded, Source};

/// How a reload takes a key; `None` where it takes a restart.
#[must_use]
pub fn taken(key: &str) -> Option<&'static str> {
    match shape::find(key)?.reload {
        Reload::Taken(when) | Reload::Tunable(when) => Some(when),
        Reload::Restart => None,
    }
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

/// The keys that a reload takes by code of `app::reload`'s, not as tunables.
#[cfg(test)]
pub(crate) fn taken_one_by_one() -> Vec<String> {
    let leaves = shape::leaves().into_iter();
    let taken = leaves.filter(|(_, key)| matches!(key.reload, Reload::Taken(_)));
    taken.map(|(path, _)| path).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::super::tests::{around, jailed, loaded, options};
    use super::super::{Options, Tunables, shape};
    use super::{changes, taken};

    #[test]
    fn a_reload_takes_the_keys_that_have_it_in_the_tree() {
        let words: Vec<_> = shape::leaves().iter().filter_map(|(key, _)| taken(key)).collect();
        assert!(20 < words.len() && words.iter().all(|when| !when.is_empty()), "{words:?}");
        for (key, when) in [
            ("gateway.refresh_ms", "at once"),
            ("http.header_timeout_ms", "for connections from then on"),
        ] {
            assert_eq!(taken(key), Some(when), "{key}");
        }
        for key in ["roles", "store.path", "gateway.listen", "gateway.order_id_key_file"] {
            assert_eq!(taken(key), None, "{key}");
        }
    }

    #[test]
    fn every_tunable_is_set_for_the_parts_that_have_it() {
        jailed(|_| {
            let before = loaded(&Options::default());
            let tunables = Tunables::new(&before.config);
            let [refresh, stop] =
                [&tunables.gateway.refresh_ms, &tunables.shutdown.deadline_ms].map(Clone::clone);
            assert_eq!((refresh.get(), stop.get()), (250, 10_000));
            let set = ["gateway.refresh_ms=300", "shutdown.deadline_ms=200"];
            tunables.set(&loaded(&options(&set)).config);
            assert_eq!((refresh.get(), stop.get()), (300, 200));
            assert_eq!(tunables.gateway.unconfirmed_max.get(), 10_000);
        });
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
