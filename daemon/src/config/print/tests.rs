//! What is printed loads again, and the reference is up to date.

use figment::Jail;

use super::{docs, effective};
use crate::config::{EnvType, Options, load};

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
fn the_reference_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/config.md");
    let found = std::fs::read_to_string(path).unwrap();
    assert!(found == docs(), "run `seckilld print-config --docs > docs/config.md`");
}
