//! Layers, faults and places, as an operator meets them: files in a jail, variables, options.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use figment::Jail;

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
fn places_follow_the_machine_unless_they_are_named() {
    jailed(|jail| {
        let places = |options: &Options| {
            let loaded = loaded(options);
            let text = |path: &Path| path.to_str().unwrap().to_owned();
            let places = (text(&loaded.config.store.path), text(&loaded.config.admin.socket));
            (places, notes_of(&loaded))
        };
        let pair = |store: &str, socket: &str| (store.to_owned(), socket.to_owned());
        let (bare, notes) = places(&Options::default());
        assert_eq!(bare, pair("./seckill-data/embedded.db", "./seckill-data/admin.sock"));
        assert!(
            notes[0].starts_with(
                "nothing names store.path, state-embedded isn't there, and state is no folder"
            ),
            "{notes:?}"
        );
        assert!(!Path::new("seckill-data").exists() && !Path::new("state").exists());

        fs::create_dir("user").unwrap();
        jail.set_env("XDG_RUNTIME_DIR", "user");
        assert_eq!(places(&Options::default()).0.1, "user/seckill/admin.sock");
        fs::create_dir("state").unwrap();
        fs::create_dir("runtime").unwrap();
        let prepared = (pair("state/embedded.db", "runtime/admin.sock"), Vec::new());
        assert_eq!(places(&Options::default()), prepared);
        jail.set_env("STATE_DIRECTORY", "/s/one:/s/two");
        jail.set_env("RUNTIME_DIRECTORY", "/r");
        let service = (pair("/s/one/embedded.db", "/r/admin.sock"), Vec::new());
        assert_eq!(places(&Options::default()), service);
        let named = options(&["store.path=mine.db", "admin.socket="]);
        assert_eq!(places(&named), (pair("mine.db", ""), Vec::new()));
    });
}

/// By hand, on a machine where systemd runs the service.
#[test]
fn the_places_of_the_service_come_before_those_of_the_machine() {
    jailed(|jail| {
        let places = || {
            let loaded = loaded(&Options::default());
            let notes = notes_of(&loaded);
            (loaded.config.store.path, loaded.config.admin.socket, notes)
        };
        for folder in ["state", "runtime", "state-embedded", "state-offline", "runtime-offline"] {
            fs::create_dir(folder).unwrap();
        }
        let note = "nothing names store.path: the database is that of the service \
                    seckilld@embedded, state-embedded/embedded.db";
        // Since the machine was started the service wasn't.
        let (store, socket, notes) = places();
        assert_eq!(store, Path::new("state-embedded/embedded.db"));
        assert_eq!(socket, Path::new("runtime/admin.sock"));
        assert_eq!(notes, [note]);
        fs::create_dir("runtime-embedded").unwrap();
        assert_eq!(places().1, Path::new("runtime-embedded/admin.sock"));

        // It is taken where it is there, writable or not: here it is no folder at all, as
        // permissions don't bind root.
        fs::remove_dir("state-embedded").unwrap();
        fs::write("state-embedded", "").unwrap();
        let (store, _, notes) = places();
        assert_eq!(store, Path::new("state-embedded/embedded.db"));
        assert_eq!(notes, [format!("{note}; this user may not write there")]);

        jail.set_env("STATE_DIRECTORY", "/s");
        jail.set_env("RUNTIME_DIRECTORY", "/r");
        let of_systemd = ("/s/embedded.db".into(), "/r/admin.sock".into(), Vec::new());
        assert_eq!(places(), of_systemd);
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

#[test]
#[cfg(feature = "rocketmq")]
fn credentials_are_read_from_systemds_folder() {
    jailed(|jail| {
        let mut options = options(&["rocketmq.name_servers=['127.0.0.1:9876']"]);
        options.env_type = Some("aliyun".to_owned());
        let put_off = loaded(&options);
        assert_eq!(
            notes_of(&put_off).iter().filter(|note| note.contains("wasn't looked at")).count(),
            2
        );
        let told = put_off.credentials().unwrap_err().to_string();
        assert!(told.contains("the configuration has 2 faults"), "{told}");
        assert!(told.contains("access_key doesn't exist (a bare name is a systemd"), "{told}");

        jail.set_env("CREDENTIALS_DIRECTORY", "run/credentials");
        fs::create_dir_all("run/credentials").unwrap();
        let told = faults(&options);
        assert_eq!(told.len(), 2, "{told:#?}");
        let start = "rocketmq.access_key_file = \"access_key\" (built-in profile aliyun): \
                     run/credentials/access_key doesn't exist (a bare name is a credential";
        assert!(told[0].starts_with(start), "{told:#?}");

        write("run/credentials/access_key", "an-access-key\n");
        write("run/credentials/secret_key", "a-secret-key\n");
        for name in ["access_key", "secret_key"] {
            let path = Path::new("run/credentials").join(name);
            fs::set_permissions(path, fs::Permissions::from_mode(0o400)).unwrap();
        }
        let loaded = loaded(&options);
        assert!(notes_of(&loaded).iter().all(|note| !note.contains("_key")), "{:?}", loaded.notes);
        let credentials = loaded.credentials().unwrap().unwrap();
        assert_eq!(credentials.access_key.expose(), "an-access-key");
        assert_eq!(credentials.secret_key.expose(), "a-secret-key");
        let shown = format!("{credentials:?} {loaded:?} {}", effective(&loaded));
        assert!(!shown.contains("an-access") && !shown.contains("a-secret"), "{shown}");
    });
}

#[test]
fn the_order_id_key_is_judged_with_the_rest() {
    jailed(|_| {
        let set = options(&["gateway.order_id_key_file=./ids.key"]);
        write("ids.key", "too short");
        let told = faults(&set);
        assert_eq!(told.len(), 1, "{told:#?}");
        assert!(told[0].contains("./ids.key must hold 32 bytes or more"), "{told:#?}");
        write("ids.key", "0123456789abcdef0123456789abcdef\n");
        fs::set_permissions("ids.key", fs::Permissions::from_mode(0o644)).unwrap();
        let loaded = loaded(&set);
        let key = loaded.order_id_key().unwrap().unwrap();
        assert_eq!(key.expose(), b"0123456789abcdef0123456789abcdef");
        let warning = "./ids.key can be read by everyone (mode 0644): chmod 600 ./ids.key";
        let note = Note::SecretExposed(warning.to_owned());
        assert!(loaded.notes.contains(&note), "{:?}", loaded.notes);
    });
}
