//! The shape of the tree of keys: each key's name, documentation and form, as constants that the
//! `keys!` macro makes out of the structs of `tree`. Layers are compared with it, messages quote
//! it, and `print-config` and docs/config.md are printed from it: a key is described in one place
//! only.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::tree::{Config, LogFormat, OptionalAddress, Others, ProductSeed, QueueKind, Role};

/// A key, or a table of keys.
#[derive(Debug)]
pub(super) struct Key {
    /// The name within its table.
    pub(super) name: &'static str,
    /// The lines of its doc comment.
    pub(super) doc: &'static [&'static str],
    pub(super) form: Form,
    /// What may stand there, worded to follow "must be".
    pub(super) allowed: &'static str,
    /// The keys of a table, or of each table in a list; else empty.
    pub(super) keys: &'static [Key],
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Number,
    Flag,
    List,
    Table,
}

/// What the type of a key says about its values.
pub(super) trait Shape {
    const FORM: Form;
    const ALLOWED: &'static str;
    const KEYS: &'static [Key] = &[];
}

/// Declares structs of keys: adds what serde needs, and makes each field's doc comment available to
/// the program.
macro_rules! keys {
    ($(
        $(#[doc = $about:literal])+
        pub struct $table:ident {
            $( $(#[doc = $doc:literal])+ pub $field:ident: $type:ty, )+
        }
    )+) => {$(
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $table {
            $( $(#[doc = $doc])+ pub $field: $type, )+
        }

        impl $crate::config::shape::Shape for $table {
            const FORM: $crate::config::shape::Form = $crate::config::shape::Form::Table;
            const ALLOWED: &'static str = "a table of keys";
            const KEYS: &'static [$crate::config::shape::Key] = &[$(
                $crate::config::shape::Key {
                    name: stringify!($field),
                    doc: &[$($doc),+],
                    form: <$type as $crate::config::shape::Shape>::FORM,
                    allowed: <$type as $crate::config::shape::Shape>::ALLOWED,
                    keys: <$type as $crate::config::shape::Shape>::KEYS,
                },
            )+];
        }
    )+};
}
pub(super) use keys;

macro_rules! shapes {
    ($( $type:ty: $form:ident, $allowed:literal; )+) => {$(
        impl Shape for $type {
            const FORM: Form = Form::$form;
            const ALLOWED: &'static str = $allowed;
        }
    )+};
}

shapes! {
    String: Text, "a text";
    PathBuf: Text, "a path";
    SocketAddr: Text, "an IP address with a port, such as \"127.0.0.1:8070\" or \"[::1]:8070\"";
    OptionalAddress: Text, "an IP address with a port, such as \"127.0.0.1:8072\", or empty";
    bool: Flag, "true or false";
    u32: Number, "a whole number from 0 to 4294967295";
    u64: Number, "a whole number";
    usize: Number, "a whole number";
    Vec<String>: List, "a list of texts, such as [\"a\", \"b\"]";
    Vec<Role>: List, "a list of \"gateway\" and \"order\", such as [\"gateway\", \"order\"]";
    QueueKind: Text, "\"embedded\" or \"rocketmq\"";
    Others: Text, "\"none\" or \"view\"";
    LogFormat: Text, "\"auto\", \"pretty\", \"json\" or \"journald\"";
}

impl Shape for Vec<ProductSeed> {
    const FORM: Form = Form::List;
    const ALLOWED: &'static str =
        "a list of tables, each with `prod_id`, `prod_name`, `price` and `stock`";
    const KEYS: &'static [Key] = ProductSeed::KEYS;
}

/// The tables and keys at the top.
pub(super) const TOP: &[Key] = Config::KEYS;

/// Every key that holds a value, with its dotted path, in the order of the tree.
pub(super) fn leaves() -> Vec<(String, &'static Key)> {
    leaves_and_tables().into_iter().filter(|(_, key)| key.form != Form::Table).collect()
}

/// Every key and every table, each table before its keys.
pub(super) fn leaves_and_tables() -> Vec<(String, &'static Key)> {
    fn walk(prefix: &str, keys: &'static [Key], found: &mut Vec<(String, &'static Key)>) {
        for key in keys {
            let path = join(prefix, key.name);
            found.push((path.clone(), key));
            if key.form == Form::Table {
                walk(&path, key.keys, found);
            }
        }
    }
    let mut found = Vec::new();
    walk("", TOP, &mut found);
    found
}

/// The key or table at a dotted path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    let (mut keys, mut found) = (TOP, None);
    for part in path.split('.') {
        let key = keys.iter().find(|key| key.name == part)?;
        (keys, found) = (if key.form == Form::Table { key.keys } else { &[] }, Some(key));
    }
    found
}

/// A table's path and a name in it, as one dotted path.
pub(super) fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::{Form, find, leaves};

    #[test]
    fn keys_are_found_by_their_paths() {
        assert!(find("gateway").is_some_and(|key| key.form == Form::Table));
        assert!(find("gateway.listen").is_some_and(|key| key.form == Form::Text));
        assert!(find("gateway.listen.port").is_none());
        assert!(find("listen").is_none());
        assert!(find("products.stock").is_none());
        for (path, key) in leaves() {
            assert_eq!(find(&path).map(|found| found.name), Some(key.name), "{path}");
            assert!(!key.doc.is_empty(), "{path}");
        }
    }
}
