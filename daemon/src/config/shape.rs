//! The shape of the tree of keys: what the `keys!` macro makes of the table in `tree`. Layers are
//! compared with it, messages quote it, a reload looks into it, and `print-config`, docs/config.md
//! and the texts of the profiles are printed from it: a key is described in one place only.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
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
    /// What its type allows, worded to follow "must be".
    type_allows: &'static str,
    /// The range of a number.
    range: Option<Range>,
    pub(super) reload: Reload,
    /// The keys of a table, or of each table in a list; else empty.
    pub(super) keys: &'static [Key],
    /// Whether a table of a list may lack it.
    pub(super) may_be_absent: bool,
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

/// What a running daemon does with another value of a key. The words follow "a reload takes it".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reload {
    /// A change takes a restart.
    Restart,
    /// The part that the key is for takes it over.
    Taken(&'static str),
    /// The number is a `Tunable`, which every reload sets.
    Tunable(&'static str),
}

/// The least and the greatest number that may stand at a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    least: u64,
    most: u64,
}

/// What the type of a key says about its values.
pub(super) trait Shape {
    const FORM: Form;
    const ALLOWED: &'static str;
    const KEYS: &'static [Key] = &[];
}

impl Key {
    /// A key that holds a value, of a type. The lists are what its line says: each has one item
    /// or none.
    pub(super) const fn value<T: Shape>(
        name: &'static str,
        doc: &'static [&'static str],
        range: &[RangeInclusive<u64>],
        tunable: &[&'static str],
        reload: &[&'static str],
    ) -> Self {
        let range = match range {
            [range, ..] => Some(Range { least: *range.start(), most: *range.end() }),
            [] => None,
        };
        let reload = match (tunable, reload) {
            ([when, ..], _) => Reload::Tunable(when),
            ([], [when, ..]) => Reload::Taken(when),
            ([], []) => Reload::Restart,
        };
        let (form, type_allows, keys) = (T::FORM, T::ALLOWED, T::KEYS);
        let may_be_absent = false;
        Self { name, doc, form, type_allows, range, reload, keys, may_be_absent }
    }

    /// The same, and whether it may be absent: where its line says when it is.
    pub(super) const fn absent(self, unless: &[&'static str]) -> Self {
        Self { may_be_absent: !unless.is_empty(), ..self }
    }

    /// A table within the tree.
    pub(super) const fn table<T: Shape>(name: &'static str, doc: &'static [&'static str]) -> Self {
        Self::value::<T>(name, doc, &[], &[], &[])
    }

    /// What may stand there, worded to follow "must be".
    pub(super) fn allowed(&self) -> String {
        match self.range {
            Some(Range { least, most }) => format!("a whole number from {least} to {most}"),
            None => self.type_allows.to_owned(),
        }
    }

    /// Whether a number is within the range.
    pub(super) fn allows(&self, number: u128) -> bool {
        self.range.is_none_or(|Range { least, most }| {
            (u128::from(least)..=u128::from(most)).contains(&number)
        })
    }
}

/// Declares the tables of keys: their structs with what serde needs, their defaults, their shape,
/// and the numbers that a reload changes. A key's line is
///
/// ```text
/// /// What the key is, for the operator: docs/config.md and the profiles have these very lines.
/// pub NAME: TYPE = DEFAULT, in LEAST..=MOST, tunable "WHEN";
/// ```
///
/// - `in` holds for numbers, each of which has it.
/// - `tunable` has a reload take the number, with these words in docs/config.md: the parts get it
///   as a `Tunable`, at `tunables.TABLE.NAME`.
/// - `reload` in its place has a reload take a key that is no `Tunable`: `app::reload` hands the
///   value over, by code of its own for the key.
/// - Without either a change takes a restart.
macro_rules! keys {
    ($(
        $(#[doc = $about:literal])+
        pub struct $table:ident {
            $(
                $(#[doc = $doc:literal])+
                pub $key:ident: $type:ty = $default:expr
                    $(, in $range:expr)?
                    $(, tunable $tunable:literal)?
                    $(, reload $reload:literal)?;
            )*
            $( tables {
                $( $(#[doc = $inner_doc:literal])+ pub $inner:ident: $inner_type:ident; )+
            } )?
        }
    )+) => {
        $(
            $(#[doc = $about])+
            #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $table {
                $( $(#[doc = $doc])+ pub $key: $type, )*
                $($( $(#[doc = $inner_doc])+ pub $inner: $inner_type, )+)?
            }

            impl Default for $table {
                fn default() -> Self {
                    Self {
                        $( $key: $default, )*
                        $($( $inner: $inner_type::default(), )+)?
                    }
                }
            }

            impl $crate::config::shape::Shape for $table {
                const FORM: $crate::config::shape::Form = $crate::config::shape::Form::Table;
                const ALLOWED: &'static str = "a table of keys";
                const KEYS: &'static [$crate::config::shape::Key] = &[
                    $( $crate::config::shape::Key::value::<$type>(
                        stringify!($key),
                        &[$($doc),+],
                        &[$($range)?],
                        &[$($tunable)?],
                        &[$($reload)?],
                    ), )*
                    $($( $crate::config::shape::Key::table::<$inner_type>(
                        stringify!($inner),
                        &[$($inner_doc),+],
                    ), )+)?
                ];
            }
        )+

        /// The numbers that a reload changes while they are in use, at their keys' places.
        pub(crate) mod tunables {
            $(
                $(#[doc = $about])+
                #[derive(Debug, Clone)]
                pub(crate) struct $table {
                    $($( #[doc = $tunable] pub(crate) $key: $crate::tunable::Tunable, )?)*
                    $($( $(#[doc = $inner_doc])+ pub(crate) $inner: $inner_type, )+)?
                }

                impl $table {
                    /// Numbers of their own, as a configuration has them.
                    pub(crate) fn new(config: &super::$table) -> Self {
                        let _ = config;
                        Self {
                            $($( $key: $crate::config::shape::where_tunable!(
                                $tunable => $crate::tunable::Tunable::from(config.$key)
                            ), )?)*
                            $($( $inner: $inner_type::new(&config.$inner), )+)?
                        }
                    }

                    /// Sets each to what a configuration says.
                    pub(crate) fn set(&self, config: &super::$table) {
                        let _ = config;
                        $($( $crate::config::shape::where_tunable!(
                            $tunable => self.$key.set(
                                $crate::tunable::Tunable::from(config.$key).get()
                            )
                        ); )?)*
                        $($( self.$inner.set(&config.$inner); )+)?
                    }
                }
            )+
        }
    };
}
pub(super) use keys;

/// The code for a key that is tunable: `keys!` names the words only to choose those keys.
macro_rules! where_tunable {
    ($when:literal => $code:expr) => {
        $code
    };
}
pub(super) use where_tunable;

/// Declares the struct of a list's tables. A key's line is that of `keys!` without what belongs to
/// the whole list: default and reload. `unless` names when a key is absent: it isn't written then,
/// and where it is absent it is its type's default.
macro_rules! entries {
    (
        $(#[doc = $about:literal])+
        pub struct $entry:ident {
            $(
                $(#[doc = $doc:literal])+
                pub $key:ident: $type:ty $(, in $range:expr)? $(, unless $absent:literal)?;
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $entry {
            $(
                $(#[doc = $doc])+
                $(#[serde(default, skip_serializing_if = $absent)])?
                pub $key: $type,
            )+
        }

        impl $crate::config::shape::Shape for $entry {
            const FORM: $crate::config::shape::Form = $crate::config::shape::Form::Table;
            const ALLOWED: &'static str = "a table of keys";
            const KEYS: &'static [$crate::config::shape::Key] = &[$(
                $crate::config::shape::Key::value::<$type>(
                    stringify!($key), &[$($doc),+], &[$($range)?], &[], &[],
                ).absent(&[$($absent)?]),
            )+];
        }
    };
}
pub(super) use entries;

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
    const ALLOWED: &'static str = "a list of tables, each with `prod_id`, `prod_name`, `price` and `stock`, and perhaps \
         `opens_at`, `closes_at` and `preheat_ratio`";
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
    use super::{Form, Shape, find, leaves};

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

    #[test]
    fn every_number_has_a_range_and_nothing_else_has() {
        let items = super::ProductSeed::KEYS.iter().map(|key| (key.name.to_owned(), key));
        for (path, key) in leaves().into_iter().chain(items) {
            assert_eq!(key.form == Form::Number, key.range.is_some(), "{path}");
            assert!(key.range.is_none_or(|range| range.least < range.most), "{path}");
        }
    }
}
