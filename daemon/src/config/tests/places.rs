//! Where things lie: the places of the machine and of the service, and the files with secrets.

use std::os::unix::fs::PermissionsExt;

use super::*;

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
