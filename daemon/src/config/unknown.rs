//! Keys that don't exist: which known key was probably meant, and the few that deserve a sentence
//! of their own. Their values are never shown, because a misspelt key may hold a secret.

use figment::value::Value;

use super::faults::{ConfigFault, Source};
use super::shape::{self, Key};

/// The last parts of keys under which people write secrets, without case, `_` and `-`.
const SECRET_NAMES: [&str; 13] = [
    "accesskey",
    "accesskeyid",
    "accesskeysecret",
    "ak",
    "credentials",
    "orderidkey",
    "password",
    "secret",
    "secretaccesskey",
    "secretkey",
    "securitytoken",
    "sk",
    "token",
];

/// The fault of a key that isn't in the tree. A table with one key only is named by that key, as a
/// variable or `--set` wrote it.
pub(super) fn fault(path: &str, value: &Value, source: &Source) -> ConfigFault {
    let (mut path, mut value) = (path.to_owned(), value);
    while let Value::Dict(_, inner) = value
        && let (Some((name, only)), 1) = (inner.iter().next(), inner.len())
    {
        (path, value) = (shape::join(&path, name), only);
    }
    let problem = problem(&path);
    ConfigFault::hiding(&path, source.clone(), problem)
}

fn problem(path: &str) -> String {
    let last = plain(path.rsplit('.').next().unwrap_or(path));
    if SECRET_NAMES.contains(&last.as_str()) {
        return "secrets come only from files or systemd credentials, never from a configuration's \
                text or the environment: name the file in rocketmq.access_key_file, \
                rocketmq.secret_key_file or gateway.order_id_key_file"
            .to_owned();
    }
    if last == "envtype" {
        return "the envType isn't a key: choose it by --env-type or by the variable ENV_TYPE"
            .to_owned();
    }
    match nearest(path) {
        Some(known) => format!("unknown key; did you mean {known}?"),
        None => format!("unknown key; {}", neighbours(path)),
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_lowercase()
}

/// A misspelt name in a table that exists is more likely than one in another table.
const SAME_TABLE: f64 = 0.5;
/// Below this (2 is equality) nobody meant the one key when writing the other.
const LIKENESS_MIN: f64 = 1.0;

/// The known key that is most like a path: by the whole path, by its last part, and by its table.
fn nearest(path: &str) -> Option<String> {
    let base = without_indices(path);
    let (table, last) = split(&base);
    let likeness = |known: &str| {
        let (known_table, known_last) = split(known);
        let whole = strsim::normalized_damerau_levenshtein(&plain(known), &plain(&base));
        let end = strsim::normalized_damerau_levenshtein(&plain(known_last), &plain(last));
        let same = !table.is_empty() && table == known_table;
        (whole + end, if same { SAME_TABLE } else { 0.0 })
    };
    known_keys()
        .into_iter()
        .map(|known| (likeness(&known), known))
        .filter(|((like, _), _)| LIKENESS_MIN <= *like)
        .max_by(|((one, same), _), ((other, same_too), _)| {
            (one + same).total_cmp(&(other + same_too))
        })
        .map(|(_, known)| known)
}

/// What there is in the table that a path is in.
fn neighbours(path: &str) -> String {
    let base = without_indices(path);
    let (table, _) = split(&base);
    let (place, keys) = match shape::find(table) {
        Some(key) if !key.keys.is_empty() => (format!("{table} has"), key.keys),
        _ => ("at the top are".to_owned(), shape::TOP),
    };
    let names: Vec<_> = keys.iter().map(|key| key.name).collect();
    format!("{place} {}", names.join(", "))
}

/// The table and the name in it.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('.').unwrap_or(("", path))
}

fn known_keys() -> Vec<String> {
    fn walk(prefix: &str, keys: &[Key], known: &mut Vec<String>) {
        for key in keys {
            let path = shape::join(prefix, key.name);
            walk(&path, key.keys, known);
            known.push(path);
        }
    }
    let mut known = Vec::new();
    walk("", shape::TOP, &mut known);
    known
}

/// `products[2].prise` as `products.prise`.
fn without_indices(path: &str) -> String {
    let mut inside = false;
    path.chars()
        .filter(|letter| {
            inside = (inside || *letter == '[') && *letter != ']';
            !inside && *letter != ']'
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{nearest, problem};

    #[test]
    fn the_nearest_key_is_suggested() {
        for (written, meant) in [
            ("gateway.lisen", "gateway.listen"),
            ("order.lisen", "order.listen"),
            ("gatway", "gateway"),
            ("gatway.listen", "gateway.listen"),
            ("role", "roles"),
            ("rocketmq.nameServers", "rocketmq.name_servers"),
            ("rocketmq.namesrv", "rocketmq.name_servers"),
            ("rocketmq.accessKeyFile", "rocketmq.access_key_file"),
            ("name_servers", "rocketmq.name_servers"),
            ("phone_pattern", "gateway.phone_pattern"),
            ("products[2].prise", "products.price"),
            ("log.levl", "log.level"),
        ] {
            assert_eq!(nearest(written).as_deref(), Some(meant), "{written}");
        }
    }

    #[test]
    fn where_none_is_near_the_table_is_told() {
        let told = "unknown key; store has path, readers, writes_waiting_max";
        assert_eq!(problem("store.file"), told);
        assert!(
            problem("port").starts_with("unknown key; at the top are roles, products, gateway")
        );
        assert!(problem("x.y.z").starts_with("unknown key; at the top are roles"));
        assert_eq!(problem("log.x"), "unknown key; log has format, level");
    }

    #[test]
    fn secrets_get_a_sentence_of_their_own() {
        for key in ["rocketmq.access_key", "rocketmq.secretKey", "secret-key", "rocketmq.sk"] {
            assert!(problem(key).starts_with("secrets come only from files"), "{key}");
        }
        assert!(!problem("rocketmq.acess_key_file").starts_with("secrets"));
    }
}
