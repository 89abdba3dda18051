//! Texts that can't be what was meant, in every key and from every source.

use std::fs;

use crate::config::shape::{self, Form};
use crate::config::tests::{around, faults, jailed, loaded, options};
use crate::config::{Options, load_within};

/// What follows each flaw.
const ALLOWED: &str =
    "a text has no control characters, none that can't be seen, and no blanks at its ends";

#[test]
fn every_text_key_refuses_a_carriage_return_by_name() {
    jailed(|_| {
        let texts = shape::leaves().into_iter().filter(|(_, key)| key.form == Form::Text);
        let mut judged = 0;
        for (path, _) in texts {
            let told = faults(&options(&[&format!("{path}=x\r")]));
            let about = told.iter().find(|fault| fault.starts_with(&path));
            let about = about.unwrap_or_else(|| panic!("{path}: {told:?}"));
            let wanted = format!("(--set): ends with a carriage return (U+000D); {ALLOWED}");
            assert!(about.ends_with(&wanted), "{about}");
            assert_eq!(about.contains("x\\r"), !path.ends_with("_key_file"), "{about}");
            judged += 1;
        }
        assert!(15 < judged, "{judged}");
    });
}

#[test]
fn it_is_refused_from_every_source() {
    jailed(|jail| {
        let flaw = format!("ends with a carriage return (U+000D); {ALLOWED}");
        jail.set_env("SECKILL_STORE__PATH", "/srv/s.db\r");
        let variable = "environment variable SECKILL_STORE__PATH";
        let told = faults(&Options::default());
        assert_eq!(told, [format!("store.path = \"/srv/s.db\\r\" ({variable}): {flaw}")]);
        // The value itself is sound, but the line it is from isn't.
        jail.set_env("SECKILL_STORE__PATH", "\"/srv/s.db\"\r");
        let told = faults(&Options::default());
        assert!(told[0].starts_with("store.path = ") && told[0].ends_with(&flaw), "{told:?}");
        jail.set_env("SECKILL_STORE__PATH", "");
        fs::create_dir("etc").unwrap();
        fs::write("etc/embedded.toml", "store.path = \"/srv/s.db\\r\"\r\n").unwrap();
        let told = faults(&options(&["store.path=/srv/s.db"]));
        assert_eq!(told, <[String; 0]>::default(), "a layer above counts");
        fs::remove_file("etc/embedded.toml").unwrap();
    });
}

#[test]
fn what_stands_where_is_told() {
    jailed(|_| {
        for (set, begin, flaw) in [
            ("store.path=\" s.db\"", "store.path = \" s.db\"", "begins with a blank (U+0020)"),
            ("store.path=s\t.db", "store.path = \"s\\t.db\"", "holds a tab (U+0009)"),
            ("store.path=\"s\\u0000.db\"", "store.path = \"s\\0.db\"", "holds a NUL (U+0000)"),
            (
                "admin.socket=/run/a.sock\u{a0}",
                "admin.socket = \"/run/a.sock\\u{a0}\"",
                "ends with a no-break space (U+00A0)",
            ),
            (
                "gateway.listen=127.0.0.1:8070\r",
                "gateway.listen = \"127.0.0.1:8070\\r\"",
                "ends with a carriage return (U+000D)",
            ),
            ("log.format=\u{feff}json", "log.format", "begins with a byte order mark (U+FEFF)"),
            ("log.level=info ", "log.level = \"info \"", "ends with a blank (U+0020)"),
            (
                "rocketmq.name_servers=[\"a:9876\", \"b:9876\\r\"]",
                "rocketmq.name_servers[1] = \"b:9876\\r\"",
                "ends with a carriage return (U+000D)",
            ),
            (
                "gateway.phone_pattern=^1\\d{10}$\u{3000}",
                "gateway.phone_pattern",
                "ends with an ideographic space (U+3000)",
            ),
            (
                "products=[{prod_id = \"p\\u200b1\", prod_name = \"P\", price = \"1\", stock = 1}]",
                "products[0].prod_id",
                "holds a zero-width space (U+200B)",
            ),
            (
                "products=[{prod_id = \"p\", prod_name = \"P\\n\", price = \"1\", stock = 1}]",
                "products[0].prod_name",
                "ends with a line feed (U+000A)",
            ),
        ] {
            let told = faults(&options(&[set]));
            let [one] = told.as_slice() else { panic!("{set:?}: {told:?}") };
            assert!(one.starts_with(begin) && one.contains(flaw), "{set:?}: {one}");
        }
    });
}

#[test]
fn a_name_for_people_may_join_its_letters() {
    jailed(|_| {
        let product = "products=[{prod_id = \"p\", prod_name = \"\u{1f468}\u{200d}\u{1f469} x\", \
                       price = \"1\", stock = 1}]";
        assert_eq!(loaded(&options(&[product])).config.products.len(), 1);
        assert!(
            loaded(&options(&["store.path=/srv/my data/s.db"])).config.store.path.is_absolute()
        );
    });
}

#[test]
fn the_env_type_and_the_files_name_are_judged_too() {
    jailed(|jail| {
        let flaw = "ends with a carriage return (U+000D)";
        let named = Options { file: Some("seckill.toml\r".into()), ..Options::default() };
        let told = faults(&named);
        assert_eq!(told, [format!("--config = \"seckill.toml\\r\": {flaw}; {ALLOWED}")]);
        jail.set_env("ENV_TYPE", "embedded\r");
        let must_be = "must be \"embedded\", \"offline\" or \"aliyun\"";
        let told = faults(&Options::default());
        assert_eq!(told, [format!("ENV_TYPE = \"embedded\\r\": {flaw}; {must_be}")]);
    });
}

#[test]
fn a_folder_that_the_surroundings_name_is_judged_where_it_is_used() {
    jailed(|_| {
        let mut around = around();
        around.service_state_folder = Some("state\r".into());
        let told = load_within(&Options::default(), &around).unwrap_err().to_string();
        assert!(told.contains("store.path") && told.contains("U+000D"), "{told}");
    });
}

#[test]
fn a_byte_order_mark_before_a_file_is_told_and_passed_over() {
    jailed(|_| {
        fs::create_dir("etc").unwrap();
        fs::write("etc/embedded.toml", "\u{feff}gateway.refresh_ms = 11\r\n").unwrap();
        let loaded = loaded(&Options::default());
        assert_eq!(loaded.config.gateway.refresh_ms, 11);
        let told = |note: &String| note.contains("byte order mark (U+FEFF)");
        assert!(loaded.notes.iter().any(told), "{:?}", loaded.notes);
    });
}

#[test]
fn what_cannot_be_seen_in_a_keys_name_is_shown() {
    jailed(|_| {
        let told = faults(&options(&["store.path\u{200b}=x"]));
        assert!(told[0].starts_with("store.path\\u{200b} (--set): unknown key"), "{told:?}");
    });
}
