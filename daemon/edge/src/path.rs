//! A path as the Java services' framework (Spring MVC 5) reads it, and percent signs in paths.
//!
//! What that framework tolerates is tolerated here: a slash at the end, slashes that come several
//! times, parameters after a semicolon in any part, percent signs, which are undone once. What
//! could lead a path past a proxy's rule for another path is never tolerated: a dot segment, and a
//! slash, a backslash or a percent sign that was escaped.

/// The path without what the framework tolerates; `None` where no path of ours can be meant.
pub(super) fn lenient(path: &str) -> Option<String> {
    let mut plain = String::with_capacity(path.len());
    for part in path.strip_prefix('/')?.split('/') {
        let (name, parameters) = part.split_once(';').unwrap_or((part, ""));
        let name = percent_decoded(name)?;
        // Nobody reads the parameters, but what is hidden in them mustn't pass either.
        if is_evasive(&name) || is_evasive(&percent_decoded(parameters)?) {
            return None;
        }
        if !name.is_empty() {
            plain.push('/');
            plain.push_str(&name);
        }
    }
    Some(plain)
}

/// Whether one reader of a path may take this part for another path than the next reader does.
fn is_evasive(part: &str) -> bool {
    matches!(part, "." | "..") || part.contains(['/', '\\', '%', '\0'])
}

/// A part of a path without its percent signs. `+` means itself there. `None` for a bad escape,
/// and for what isn't UTF-8.
pub fn percent_decoded(part: &str) -> Option<String> {
    let bytes = part.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if *byte == b'%' {
            let digits = bytes.get(at + 1..at + 3)?;
            // The standard parser takes a sign as well.
            if !digits.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            plain.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            at += 3;
        } else {
            plain.push(*byte);
            at += 1;
        }
    }
    String::from_utf8(plain).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::{lenient, percent_decoded};

    /// Spellings of `/api/query.do` that Spring MVC 5 takes.
    pub(crate) const TAKEN: [&str; 20] = [
        "/api/query.do",
        "/api/query.do/",
        "/api/query.do//",
        "//api/query.do",
        "/api//query.do",
        "///api///query.do///",
        "/api/query.do;jsessionid=AB12",
        "/api/query.do;jsessionid=AB12/",
        "/api/query.do/;a=b",
        "/api/query.do;",
        "/api/query.do;a=b;c=d,e",
        "/api;v=1/query.do",
        "/;x/api/query.do",
        "/api/query.do;a=..",
        "/api/query%2Edo",
        "/api/query%2edo",
        "/%61pi/query.do",
        "/%61%70%69/%71%75%65%72%79.do",
        "/api/query.do;a=%20",
        "//api;x//query%2edo;y=1//",
    ];

    /// What stays another path, or none.
    pub(crate) const REFUSED: [&str; 36] = [
        "/",
        "",
        "*",
        "api/query.do",
        "/api",
        "/api/query",
        "/API/query.do",
        "/api/Query.do",
        "/api/query.dox",
        "/api/query.do.json",
        "/api/query.do/x",
        "/x/api/query.do",
        "/api%2Fquery.do",
        "/api%2fquery.do",
        "/api/%2Fquery.do",
        "/api/query.do%2F",
        "/api%5Cquery.do",
        "/api\\query.do",
        "/api/query%252Edo",
        "/api/query.do%25",
        "/api/query.do;a=%2F",
        "/api/query.do;a=%252e",
        "/./api/query.do",
        "/api/./query.do",
        "/api/../api/query.do",
        "/api/%2e%2e/api/query.do",
        "/api/.%2E/api/query.do",
        "/api/%2e/query.do",
        "/internal/..;/api/query.do",
        "/internal/..;x=1/api/query.do",
        "/api/query.do/..",
        "/api/query.do/.",
        "/api/query%3Bdo",
        "/api/query.do%3Bjsessionid=AB12",
        "/api/query.do%00",
        "/api/query.do%20",
    ];

    #[test]
    fn what_spring_takes_is_taken_and_what_evades_a_rule_is_not() {
        for path in TAKEN {
            assert_eq!(lenient(path).as_deref(), Some("/api/query.do"), "{path}");
        }
        for path in REFUSED {
            assert_ne!(lenient(path).as_deref(), Some("/api/query.do"), "{path}");
        }
    }

    #[test]
    fn a_bad_escape_is_no_path() {
        for path in ["/%", "/%2", "/%zz", "/%+1", "/%ff", "/%C0%AE", "/a;%zz", "/%e5%b0"] {
            assert_eq!(lenient(path), None, "{path}");
        }
        assert_eq!(percent_decoded("%E5%b0%8F+").as_deref(), Some("小+"));
    }

    proptest! {
        /// Whatever comes: no dot segment, no empty part, nothing escaped twice is left.
        #[test]
        fn a_lenient_path_is_plain(path in "(/|//|\\.|\\.\\.|;|%2[eEfF5]|%5c|a|%61|=){0,12}") {
            if let Some(plain) = lenient(&path) {
                prop_assert!(plain.is_empty() || plain.starts_with('/'));
                prop_assert!(!plain.contains("//") && !plain.contains(['%', '\\']), "{}", plain);
                let parts = || plain.split('/').skip(1);
                prop_assert!(parts().all(|part| !matches!(part, "" | "." | "..")), "{}", plain);
            }
        }
    }
}
