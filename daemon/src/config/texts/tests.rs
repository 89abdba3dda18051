//! Texts that can't be what was meant, in every key and from every source.

use std::fs;

use crate::config::shape::{self, Form};
use crate::config::tests::{around, faults, jailed, loaded, notes_of, options};
use crate::config::{Options, load_within};

/// What follows each flaw.
const ALLOWED: &str =
    "a text has no control characters, none that can't be seen, and no blanks at its ends";

/// The flaw that a line's end of another system leaves.
const RETURN: &str = "ends with a carriage return (U+000D)";

/// The only fault of these.
#[track_caller]
fn only_fault(options: &Options) -> String {
    let told = faults(options);
    let [one] = told.as_slice() else { panic!("{:?}: {told:?}", options.set) };
    one.clone()
}

#[test]
fn every_text_key_refuses_a_carriage_return_by_name() {
    jailed(|_| {
        let texts = shape::leaves().into_iter().filter(|(_, key)| key.form == Form::Text);
        let mut judged = 0;
        for (path, _) in texts {
            let told = faults(&options(&[&format!("{path}=x\r")]));
            let about = told.iter().find(|fault| fault.starts_with(&path));
            let about = about.unwrap_or_else(|| panic!("{path}: {told:?}"));
            assert!(about.ends_with(&format!("(--set): {RETURN}; {ALLOWED}")), "{about}");
            assert_eq!(about.contains("x\\r"), !path.ends_with("_key_file"), "{about}");
            judged += 1;
        }
        assert!(15 < judged, "{judged}");
    });
}

#[test]
fn it_is_refused_from_every_source() {
    jailed(|jail| {
        let variable = "environment variable SECKILL_STORE__PATH";
        let told = format!("store.path = \"/srv/s.db\\r\" ({variable}): {RETURN}; {ALLOWED}");
        jail.set_env("SECKILL_STORE__PATH", "/srv/s.db\r");
        assert_eq!(only_fault(&Options::default()), told);
        // The value itself is sound, but the line it is from isn't.
        jail.set_env("SECKILL_STORE__PATH", "\"/srv/s.db\"\r");
        let told = only_fault(&Options::default());
        assert!(told.starts_with("store.path = ") && told.contains(RETURN), "{told}");
        jail.clear_env();
        fs::create_dir("etc").unwrap();
        fs::write("etc/embedded.toml", "store.path = \"/srv/s.db\\r\"\r\n").unwrap();
        let told = only_fault(&Options::default());
        assert!(told.contains("(file etc/embedded.toml)") && told.contains(RETURN), "{told}");
        let told = faults(&options(&["store.path=/srv/s.db"]));
        assert_eq!(told, <[String; 0]>::default(), "a layer above counts");
    });
}

/// A product whose id or name is given as it stands in TOML.
fn product(prod_id: &str, prod_name: &str) -> String {
    format!(
        "products=[{{prod_id = \"{prod_id}\", prod_name = \"{prod_name}\", price = \"1\", \
         stock = 1}}]"
    )
}

#[test]
fn what_stands_where_is_told() {
    let (invisible, broken) = (product("p\\u200b1", "P"), product("p", "P\\n"));
    let servers = "rocketmq.name_servers=[\"a:9876\", \"b:9876\\r\"]";
    let space = "gateway.phone_pattern=^1\\d{10}$\u{3000}";
    jailed(|_| {
        for (set, shown, flaw) in [
            ("store.path=\" s.db\"", "store.path = \" s.db\"", "begins with a blank (U+0020)"),
            ("store.path=s\t.db", "store.path = \"s\\t.db\"", "holds a tab (U+0009)"),
            ("store.path=\"s\\u0000.db\"", "store.path = \"s\\0.db\"", "holds a NUL (U+0000)"),
            ("admin.socket=/a.s\u{a0}", "= \"/a.s\\u{a0}\"", "ends with a no-break space (U+00A0)"),
            ("gateway.listen=[::1]:80\r", "gateway.listen = \"[::1]:80\\r\"", RETURN),
            ("log.format=\u{feff}json", "log.format", "begins with a byte order mark (U+FEFF)"),
            ("log.level=info ", "log.level = \"info \"", "ends with a blank (U+0020)"),
            (servers, "rocketmq.name_servers[1] = \"b:9876\\r\"", RETURN),
            (space, "gateway.phone_pattern", "ends with an ideographic space (U+3000)"),
            (&invisible, "products[0].prod_id", "holds a zero-width space (U+200B)"),
            (&broken, "products[0].prod_name", "ends with a line feed (U+000A)"),
        ] {
            let told = only_fault(&options(&[set]));
            let key = set.split(['=', '[']).next().unwrap();
            assert!(told.starts_with(key) && told.contains(shown), "{set:?}: {told}");
            assert!(told.contains(flaw), "{set:?}: {told}");
        }
    });
}

#[test]
fn a_name_for_people_may_join_its_letters() {
    jailed(|_| {
        let family = product("p", "\u{1f468}\u{200d}\u{1f469} x");
        assert_eq!(loaded(&options(&[&family])).config.products.len(), 1);
        assert!(
            loaded(&options(&["store.path=/srv/my data/s.db"])).config.store.path.is_absolute()
        );
    });
}

#[test]
fn the_env_type_and_the_files_name_are_judged_too() {
    jailed(|jail| {
        let named = Options { file: Some("seckill.toml\r".into()), ..Options::default() };
        let told = format!("--config = \"seckill.toml\\r\": {RETURN}; {ALLOWED}");
        assert_eq!(only_fault(&named), told);
        jail.set_env("ENV_TYPE", "embedded\r");
        let must_be = "must be \"embedded\", \"offline\" or \"aliyun\"";
        let told = format!("ENV_TYPE = \"embedded\\r\": {RETURN}; {must_be}");
        assert_eq!(only_fault(&Options::default()), told);
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
        assert!(notes_of(&loaded).iter().any(told), "{:?}", loaded.notes);
    });
}

#[test]
fn what_cannot_be_seen_in_a_keys_name_is_shown() {
    jailed(|_| {
        let told = faults(&options(&["store.path\u{200b}=x"]));
        assert!(told[0].starts_with("store.path\\u{200b} (--set): unknown key"), "{told:?}");
    });
}
