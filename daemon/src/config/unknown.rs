//! Keys that don't exist: which known key was probably meant, and the few that deserve a sentence of
//! their own. Their values are never shown, because a misspelt key may hold a secret.

use figment::value::Value;

use super::faults::{Fault, Source};
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

/// The fault of a key that isn't in the tree. A table with one key only is told by that key, as a
/// variable or `--set` wrote it.
pub(super) fn fault(path: &str, value: &Value, source: &Source) -> Fault {
    let (mut path, mut value) = (path.to_owned(), value);
    while let Value::Dict(_, inner) = value
        && let (Some((name, only)), 1) = (inner.iter().next(), inner.len())
    {
        (path, value) = (shape::join(&path, name), only);
    }
    let problem = problem(&path);
    Fault::hiding(&path, source.clone(), problem)
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
    format!("unknown key; did you mean {}?", nearest(path))
}

fn plain(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_lowercase()
}

/// The known key that is most like a path, by the whole path or by its last part.
fn nearest(path: &str) -> String {
    let base = without_indices(path);
    let likeness = |known: &str| {
        let last = |path: &str| plain(path.rsplit('.').next().unwrap_or(path));
        let whole = strsim::normalized_damerau_levenshtein(&plain(known), &plain(&base));
        let end = strsim::normalized_damerau_levenshtein(&last(known), &last(&base));
        // Where both fit equally well the path decides: `order.lisen` is `order.listen`.
        whole + end
    };
    known_keys()
        .into_iter()
        .map(|known| (likeness(&known), known))
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map_or_else(String::new, |(_, known)| known)
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
            ("store.file", "store.path"),
            ("log.levl", "log.level"),
        ] {
            assert_eq!(nearest(written), meant, "{written}");
        }
    }

    #[test]
    fn secrets_get_a_sentence_of_their_own() {
        for key in ["rocketmq.access_key", "rocketmq.secretKey", "secret-key", "rocketmq.sk"] {
            assert!(problem(key).starts_with("secrets come only from files"), "{key}");
        }
        assert!(!problem("rocketmq.acess_key_file").starts_with("secrets"));
    }
}
