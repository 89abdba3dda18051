//! Layers, faults and profiles, as an operator meets them: files in a jail, variables, options.

mod places;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use figment::Jail;
use protocol::Bound;

use super::surroundings::Surroundings;
use super::*;

/// In a folder of its own, with an environment that holds nothing of ours. The system's folders are
/// below it, so that what is installed on the machine doesn't matter.
#[track_caller]
#[expect(clippy::result_large_err, reason = "the jail wants its own error type")]
pub(super) fn jailed(test: impl FnOnce(&mut Jail)) {
    Jail::expect_with(|jail| {
        jail.clear_env();
        test(jail);
        Ok(())
    });
}

pub(super) fn around() -> Surroundings {
    Surroundings {
        state_folder: "state".into(),
        runtime_folder: "runtime".into(),
        config_folder: "etc".into(),
        ..Surroundings::read()
    }
}

pub(super) fn options(set: &[&str]) -> Options {
    let set = set.iter().filter_map(|text| text.split_once('='));
    let set = set.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    Options { set, ..Options::default() }
}

pub(super) fn loaded(options: &Options) -> Loaded {
    load_within(options, &around()).unwrap_or_else(|faults| panic!("{faults}"))
}

/// The lines of the notes.
pub(super) fn notes_of(loaded: &Loaded) -> Vec<String> {
    loaded.notes.iter().map(ToString::to_string).collect()
}

/// The lines of the faults.
pub(super) fn faults(options: &Options) -> Vec<String> {
    match load_within(options, &around()) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.0.iter().map(ToString::to_string).collect(),
    }
}

/// A file of this text and these `--set`s, judged: either there are faults with words, or a
/// configuration that can be shown.
pub(crate) fn load_text(file: &str, set: Vec<(String, String)>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seckill.toml");
    fs::write(&path, file).unwrap();
    let around = Surroundings {
        variables: Vec::new(),
        env_types: Vec::new(),
        state_folder: folder.path().into(),
        runtime_folder: folder.path().into(),
        config_folder: folder.path().into(),
        ..Surroundings::read()
    };
    let options = Options { file: Some(path), set, ..Options::default() };
    match load_within(&options, &around) {
        Ok(loaded) => assert!(!effective(&loaded).is_empty()),
        Err(faults) => {
            assert!(!faults.0.is_empty());
            assert!(faults.0.iter().all(|fault| !fault.to_string().is_empty()));
        }
    }
}

fn write(path: &str, text: &str) {
    if let Some(folder) = Path::new(path).parent() {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(path, text).unwrap();
}

#[test]
fn each_layer_wins_over_those_below() {
    jailed(|jail| {
        let set = options(&["gateway.refresh_ms=5"]);
        let key = "gateway.refresh_ms";
        let seen = |options: &Options| {
            let loaded = loaded(options);
            (loaded.config.gateway.refresh_ms, loaded.sources.of(key))
        };
        assert_eq!(seen(&Options::default()), (250, Source::Profile(EnvType::Embedded)));
        write("etc/embedded.toml", "gateway.refresh_ms = 11");
        assert_eq!(seen(&Options::default()), (11, Source::File("etc/embedded.toml".into())));
        write("named.toml", "gateway.refresh_ms = 12");
        let named = Options { file: Some("named.toml".into()), ..Options::default() };
        assert_eq!(seen(&named), (12, Source::File("named.toml".into())));
        jail.set_env("SECKILL_GATEWAY__REFRESH_MS", "13");
        let variable = Source::Variable("SECKILL_GATEWAY__REFRESH_MS".to_owned());
        assert_eq!(seen(&named), (13, variable));
        let all = Options {
            set: options(&["gateway.refresh_ms=14", "gateway.refresh_ms=15"]).set,
            ..named
        };
        assert_eq!(seen(&all), (15, Source::CommandLine));
        assert_eq!(
            faults(&set),
            ["gateway.refresh_ms = 5 (--set): must be a whole number from 10 to 1000"]
        );
    });
}

#[test]
fn other_keys_of_a_table_stay_as_lower_layers_have_them() {
    jailed(|jail| {
        write("etc/offline.toml", "[rocketmq]\ntopic = 'FROM_FILE'\n");
        jail.set_env("SECKILL_ROCKETMQ__CONSUMER_GROUP", "FROM_ENV");
        jail.set_env("ENV_TYPE", "offline");
        let set = options(&["rocketmq.consume_threads=2", "queue.kind=embedded"]);
        let rocketmq = loaded(&set).config.rocketmq;
        assert_eq!(rocketmq.name_servers, ["127.0.0.1:9876"]);
        assert_eq!(rocketmq.topic, "FROM_FILE");
        assert_eq!(rocketmq.consumer_group, "FROM_ENV");
        assert_eq!(rocketmq.consume_threads, 2);
    });
}

#[test]
fn the_env_type_comes_from_option_then_variables_then_default() {
    jailed(|jail| {
        // So that it holds without the feature `rocketmq` too.
        let plain = options(&["queue.kind=embedded"]);
        assert_eq!(loaded(&plain).env_type, EnvType::Embedded);
        jail.set_env("envType", "offline");
        assert_eq!(loaded(&plain).env_type, EnvType::Offline);
        jail.set_env("ENV_TYPE", "embedded");
        let both = loaded(&plain);
        assert_eq!(both.env_type, EnvType::Embedded);
        assert_eq!(
            both.notes[0].to_string(),
            "ENV_TYPE and envType differ; ENV_TYPE counts: embedded"
        );
        let option = Options { env_type: Some("offline".to_owned()), ..plain.clone() };
        assert_eq!(loaded(&option).env_type, EnvType::Offline);
        jail.set_env("ENV_TYPE", "");
        assert_eq!(loaded(&plain).env_type, EnvType::Offline);
    });
}

#[test]
fn an_unknown_env_type_names_the_three() {
    jailed(|jail| {
        let must_be = "must be \"embedded\", \"offline\" or \"aliyun\"";
        let option = Options { env_type: Some("prod".to_owned()), ..Options::default() };
        assert_eq!(faults(&option), [format!("--env-type = \"prod\": {must_be}")]);
        jail.set_env("ENV_TYPE", "Offline");
        assert_eq!(faults(&Options::default()), [format!("ENV_TYPE = \"Offline\": {must_be}")]);
    });
}

#[test]
fn lists_are_replaced_as_a_whole() {
    jailed(|jail| {
        let one = r#"[{ prod_id = "p", prod_name = "n", price = "1", stock = 7 }]"#;
        jail.set_env("SECKILL_PRODUCTS", one);
        let products = loaded(&Options::default()).config.products;
        assert_eq!(products.len(), 1);
        assert_eq!((products[0].prod_id.as_str(), products[0].stock), ("p", 7));
        let roles = ["queue.kind=rocketmq", "rocketmq.name_servers=['a:1', 'b:2']"];
        if cfg!(feature = "rocketmq") {
            let servers = loaded(&options(&roles)).config.rocketmq.name_servers;
            assert_eq!(servers, ["a:1", "b:2"]);
        }
    });
}

#[test]
fn a_text_is_taken_as_it_stands_and_all_else_as_toml() {
    jailed(|_| {
        let texts = [("007", "007"), ("true", "true"), ("2026-11-23", "2026-11-23"), ("'q'", "q")];
        for (written, read) in texts {
            let set = options(&[&format!("rocketmq.topic={written}")]);
            assert_eq!(loaded(&set).config.rocketmq.topic, read, "{written}");
        }
        let level = loaded(&options(&["log.level=info,seckilld::queue=debug"])).config.log.level;
        assert_eq!(level, "info,seckilld::queue=debug");
    });
}

#[test]
fn a_named_file_must_exist_and_be_toml() {
    jailed(|_| {
        let named = Options { file: Some("nowhere.toml".into()), ..Options::default() };
        let [fault] = faults(&named).try_into().unwrap();
        assert!(fault.starts_with("--config (file nowhere.toml): can't be read: "), "{fault}");
        write("etc/embedded.toml", "[rocketmq]\nsecret_key = hunter2hunter2\n");
        let [fault] = faults(&Options::default()).try_into().unwrap();
        let told = "(file etc/embedded.toml): isn't TOML: line 2, column 14: ";
        assert!(fault.starts_with(told), "{fault}");
        assert!(!fault.contains("hunter2"), "{fault}");
        // The placeholder of the profile is no fault while nobody knows what the file says of it.
        fs::rename("etc/embedded.toml", "etc/aliyun.toml").unwrap();
        let aliyun =
            Options { env_type: Some("aliyun".to_owned()), ..options(&["store.readers=0"]) };
        let told = faults(&aliyun);
        let [syntax, readers] = told.as_slice() else { panic!("{told:#?}") };
        assert!(syntax.starts_with("(file etc/aliyun.toml)"), "{syntax}");
        assert!(readers.starts_with("store.readers = 0 (--set)"), "{readers}");
        fs::create_dir("etc/embedded.toml").unwrap();
        let [fault] = faults(&Options::default()).try_into().unwrap();
        assert!(fault.starts_with("(file etc/embedded.toml): can't be read: "), "{fault}");
    });
}

#[test]
fn unknown_keys_are_refused_in_every_layer_without_their_values() {
    jailed(|jail| {
        let file = "role = ['gateway']\n[gatway]\nlisten = 'v'\nx = 'v'\n\
                    [[products]]\nprod_id = 'p'\nprod_name = 'n'\nprise = 'v'\nprice = '1'\nstock = 1";
        write("etc/embedded.toml", file);
        jail.set_env("SECKILL_GATEWAY__LISEN", "v");
        jail.set_env("SECKILL_PORT", "v");
        let told: BTreeSet<_> = faults(&options(&["rocketmq.nameServers=v"])).into_iter().collect();
        let expected = [
            "SECKILL_GATEWAY__LISEN): unknown key; did you mean gateway.listen?",
            "SECKILL_PORT): unknown key; at the top are roles, products, gateway, order, queue, \
             rocketmq, store, http, admin, metrics, log, shutdown, doctor",
            "gatway (file etc/embedded.toml): unknown key; did you mean gateway?",
            "products[0].prise (file etc/embedded.toml): unknown key; did you mean products.price?",
            "rocketmq.nameServers (--set): unknown key; did you mean rocketmq.name_servers?",
            "role (file etc/embedded.toml): unknown key; did you mean roles?",
        ];
        for line in expected {
            assert!(told.iter().any(|fault| fault.ends_with(line)), "{line}: {told:#?}");
        }
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        assert!(
            told.iter().any(|fault| fault.starts_with("port (environment variable SECKILL_PORT"))
        );
    });
}

#[test]
fn a_secret_in_a_configuration_is_refused_and_not_shown() {
    jailed(|jail| {
        write("etc/embedded.toml", "[rocketmq]\nsecret_key = 'hunter2'\n");
        jail.set_env("SECKILL_ROCKETMQ__ACCESS_KEY", "hunter2");
        let told = faults(&options(&["rocketmq.secertkey=hunter2"]));
        assert_eq!(told.len(), 3, "{told:#?}");
        let sentence = "secrets come only from files or systemd credentials, never from a \
                        configuration's text or the environment";
        assert_eq!(told.iter().filter(|fault| fault.contains(sentence)).count(), 2, "{told:#?}");
        assert!(told.iter().all(|fault| !fault.contains("hunter2")), "{told:#?}");
        let told = faults(&options(&["rocketmq.secret_key_file.text=hunter2"]));
        let hidden = "rocketmq.secret_key_file (--set): must be a path";
        assert_eq!(told.last().map(String::as_str), Some(hidden));
        let pasted = ["queue.kind=rocketmq", "rocketmq.access_key_file=LTAI5tABCDEFG12345hij"];
        let told = faults(&options(&pasted)).join("\n");
        assert!(!told.contains("LTAI5t"), "{told}");
    });
}

#[test]
fn several_faults_of_several_layers_are_told_at_once() {
    jailed(|jail| {
        write(
            "etc/embedded.toml",
            "roles = []\n[gateway]\nlisten = 8070\nx = 1\n[log]\nlevel = 'x'",
        );
        jail.set_env("SECKILL_STORE__READERS", "many");
        jail.set_env("SECKILL_HTTP", "5");
        let told = faults(&options(&["order.batch_max=0", "queue.kind=kafka", "a..b=1"]));
        let expected = [
            "a..b (--set): is no key: an empty part between the dots",
            "gateway.x (file etc/embedded.toml): unknown key",
            "http = 5 (environment variable SECKILL_HTTP): must be a table with the keys \
             connections_max, header_timeout_ms, body_timeout_ms, header_bytes_max, body_bytes_max",
            "gateway.listen = 8070 (file etc/embedded.toml): must be an IP address with a port, such \
             as \"127.0.0.1:8070\" or \"[::1]:8070\"",
            "queue.kind = \"kafka\" (--set): must be \"embedded\" or \"rocketmq\"",
            "store.readers = \"many\" (environment variable SECKILL_STORE__READERS): must be a whole \
             number from 1 to 64",
            "order.batch_max = 0 (--set): must be a whole number from 1 to 4096",
            "roles = [] (file etc/embedded.toml): must name \"gateway\", \"order\", or both",
            "log.level = \"x\" (file etc/embedded.toml): must be error, warn, info,",
        ];
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        for (fault, start) in told.iter().zip(expected) {
            assert!(fault.starts_with(start), "{start}: {told:#?}");
        }
        let all = load_within(&options(&["order.batch_max=0"]), &around()).unwrap_err();
        assert!(all.to_string().starts_with("the configuration has 7 faults:\n  gateway.x (file"));
    });
}

#[test]
fn faults_within_a_list_of_tables_are_told_one_by_one() {
    jailed(|_| {
        write(
            "etc/embedded.toml",
            "products = [5, { prod_id = 'a', prod_name = 'n', price = 3.5, stock = -1 },\n\
             { prod_id = 'a', prod_name = 'n' }, { prod_id = 'a', prod_name = '', price = '0', \
             stock = 1 }]",
        );
        let from = "(file etc/embedded.toml)";
        let price =
            "must be a plain decimal above 0 with up to three decimals, such as \"5999.000\"";
        let number = "must be a whole number from 0 to 4294967295";
        assert_eq!(
            faults(&Options::default()),
            [
                format!(
                    "products[0] = 5 {from}: must be a table with prod_id, prod_name, price, stock"
                ),
                format!("products[1].price = 3.5 {from}: must be a text"),
                format!("products[1].stock = -1 {from}: {number}"),
                format!("products[2].price {from}: is missing; it must be a text"),
                format!("products[2].stock {from}: is missing; it {number}"),
                format!(
                    "products[2].prod_id = \"a\" {from}: must be different from each other product's"
                ),
                format!(
                    "products[3].prod_id = \"a\" {from}: must be different from each other product's"
                ),
                format!("products[3].prod_name = \"\" {from}: must have 1 to 256 characters"),
                format!("products[3].price = \"0\" {from}: {price}"),
            ]
        );
    });
}

#[test]
fn a_products_window_is_two_times_with_their_zones() {
    jailed(|_| {
        let with = |keys: &str| {
            let product = "prod_id = 'p', prod_name = 'n', price = '1', stock = 1";
            write("etc/embedded.toml", &format!("products = [{{ {product}, {keys} }}]"));
        };
        let evening = Bound::parse("2026-12-11T20:00:00+08:00").unwrap();
        // TOML has a type of its own for times.
        for opens_at in ["'2026-12-11T20:00:00+08:00'", "2026-12-11T20:00:00+08:00"] {
            with(&format!("opens_at = {opens_at}"));
            let products = loaded(&Options::default()).config.products;
            let terms = products[0].terms_at_start().unwrap();
            assert_eq!((terms.opens_at, terms.closes_at), (evening, Bound::NONE));
        }
        let time = "must be a time with its zone, such as \"2026-12-11T20:00:00+08:00\", or empty";
        for (keys, told) in [
            ("opens_at = '20:00'", format!("products[0].opens_at = \"20:00\" FROM: {time}")),
            (
                "closes_at = 2026-12-11T20:00:00",
                format!("products[0].closes_at = \"2026-12-11T20:00:00\" FROM: {time}"),
            ),
            (
                "opens_at = '2026-12-11T20:00:00.0001Z'",
                format!(
                    "products[0].opens_at = \"2026-12-11T20:00:00.0001Z\" FROM: {time}; it is \
                     finer than a millisecond"
                ),
            ),
            ("opens_at = 20", "products[0].opens_at = 20 FROM: must be a text".to_owned()),
            (
                "opens_at = 2026-12-11T12:00:00Z, closes_at = 2026-12-11T20:00:00+08:00",
                "products[0].closes_at = \"2026-12-11T20:00:00+08:00\" FROM: must be after \
                 `opens_at`, which is 2026-12-11T12:00:00Z"
                    .to_owned(),
            ),
        ] {
            with(keys);
            let told = told.replace("FROM", "(file etc/embedded.toml)");
            assert_eq!(faults(&Options::default()), [told]);
        }
        with("preheat_ratio = '1.5'");
        let told = "the preheat_ratio 1.5 of p has no effect while the embedded queue is consumed: \
                    its orders are decided as they are accepted";
        assert!(notes_of(&loaded(&Options::default())).iter().any(|note| note == told));
        with("preheat_ratio = '1'");
        let notes = notes_of(&loaded(&Options::default()));
        assert!(!notes.iter().any(|note| note.contains("preheat")), "{notes:?}");
    });
}

#[test]
fn every_profile_is_complete_explains_each_key_and_passes() {
    jailed(|_| {
        for env_type in EnvType::ALL {
            let text = env_type.profile();
            let keys = layers::profile(env_type);
            for (path, key) in shape::leaves() {
                assert!(keys.contains_key(&path), "{env_type}: {path}");
                for line in key.doc {
                    assert!(text.contains(&format!("#{line}\n")), "{env_type}: {path}: {line}");
                }
            }
            let set = match env_type {
                EnvType::Aliyun => options(&["rocketmq.name_servers=['127.0.0.1:9876']"]),
                EnvType::Embedded | EnvType::Offline => Options::default(),
            };
            let options = Options { env_type: Some(env_type.name().to_owned()), ..set };
            if env_type == EnvType::Embedded || cfg!(feature = "rocketmq") {
                assert_eq!(loaded(&options).env_type, env_type);
            }
        }
    });
}

#[test]
fn the_built_in_defaults_are_those_of_the_profile_embedded() {
    let profile: Config = toml::from_str(EnvType::Embedded.profile()).unwrap();
    assert_eq!(profile, Config::default());
}

#[test]
fn aliyun_as_shipped_asks_for_the_name_server() {
    jailed(|_| {
        let options = Options { env_type: Some("aliyun".to_owned()), ..Options::default() };
        let told = faults(&options);
        let start = "rocketmq.name_servers[0] = \"<your-instance-endpoint>:8080\" (built-in profile \
                     aliyun): is a placeholder: write the TCP endpoint";
        assert!(told.iter().any(|fault| fault.starts_with(start)), "{told:#?}");
    });
}
