//! What is printed loads again, and the files that are made of the tree are up to date.

use std::fs;
use std::path::Path;

use figment::Jail;
use figment::value::Value;

use super::{as_text, comment, docs, effective};
use crate::config::shape::{self, Form};
use crate::config::{Config, EnvType, Options, layers, load};

const PATTERN_VARIABLE: &str = "SECKILL_GATEWAY__PHONE_PATTERN";

#[test]
#[expect(clippy::result_large_err, reason = "the jail wants its own error type")]
fn the_printed_configuration_loads_again_as_it_was() {
    Jail::expect_with(|jail| {
        jail.clear_env();
        for env_type in EnvType::ALL {
            if env_type != EnvType::Embedded && !cfg!(feature = "rocketmq") {
                continue;
            }
            jail.set_env("ENV_TYPE", env_type);
            jail.set_env(PATTERN_VARIABLE, r#"1[3-9]\d{9}|"quoted"\\"#);
            let servers = ("rocketmq.name_servers".to_owned(), "['127.0.0.1:9876']".to_owned());
            let set = vec![servers, ("gateway.refresh_ms".to_owned(), "77".to_owned())];
            let first = load(&Options { set, ..Options::default() }).unwrap();
            let text = effective(&first);
            assert!(text.contains("\n# from: --set\nrefresh_ms = 77\n"), "{text}");
            assert!(text.contains(&format!("# from: environment variable {PATTERN_VARIABLE}\n")));
            jail.clear_env();
            jail.set_env("ENV_TYPE", env_type);
            jail.create_file("printed.toml", &text)?;
            let file = Some("printed.toml".into());
            let again = load(&Options { file, ..Options::default() }).unwrap();
            assert_eq!(again.config, first.config, "{env_type}");
        }
        Ok(())
    });
}

#[test]
fn the_reference_is_what_the_tree_says() {
    held("docs/config.md", &docs());
}

#[test]
fn the_profiles_are_what_the_tree_says_with_their_own_values() {
    for env_type in EnvType::ALL {
        held(&format!("profiles/{env_type}.toml"), &profile(env_type));
    }
}

/// A profile: its own introduction, and every key with its documentation and the profile's value. A
/// key that the profile doesn't have yet gets the default.
fn profile(env_type: EnvType) -> String {
    let introduction = env_type.profile().lines().take_while(|line| line.starts_with('#'));
    let mut text = introduction.fold(String::new(), |text, line| text + line + "\n");
    let values = layers::profile(env_type);
    let defaults = Value::serialize(Config::default()).unwrap();
    for (path, key) in shape::leaves_and_tables() {
        text += &format!("\n{}", comment(key));
        if key.form == Form::Table {
            text += &format!("[{path}]\n");
        } else {
            let value = values.get(&path).or_else(|| defaults.find_ref(&path)).unwrap();
            text += &format!("{} = {}\n", key.name, as_text(key, value));
        }
    }
    text
}

/// Compares a file of the project with what is made of the tree, or writes it: `cargo xtask texts`.
#[expect(clippy::disallowed_methods, reason = "the test's own switch")]
fn held(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    if std::env::var_os("WRITE_TEXTS").is_some() {
        fs::write(file, text).unwrap();
    } else {
        assert!(fs::read_to_string(file).unwrap() == text, "{path}: run `cargo xtask texts`");
    }
}
