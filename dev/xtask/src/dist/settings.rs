//! `/etc/seckill/<envType>.toml` as a package brings it: the profile with every key commented out,
//! so that an operator sees all keys and changes few. A whole profile there would hold the defaults
//! of its day against every later version, and once a key goes, refuse to start.

use anyhow::{Context, Result, ensure};

/// Where a profile's own header begins to say what doesn't hold in `/etc/seckill`.
const COMPILED_IN: &str = "This file is compiled in";

/// The text for an envType, made from its profile. Keys that stand uncommented are the two places
/// that the units fix: `seckilld doctor` by hand is to look where the service does.
///
/// # Errors
/// The profile isn't laid out as it was.
pub(super) fn of_profile(env_type: &str, profile: &str) -> Result<String> {
    let (header, rest) = profile.split_once("\n\n").context("the profile has no header")?;
    let (own, _) = header.split_once(COMPILED_IN).context("the header says something else")?;
    let own = own.trim_end_matches([' ', '\n', '#']);
    let mut lines = vec![
        format!(
            "# Settings of seckilld@{env_type}, over what is compiled in. Every key stands here with its"
        ),
        "# default: to change one, take away the # before it. `seckilld check-config` judges, and"
            .to_owned(),
        "# `seckilld print-config` shows what counts; both want --env-type. Then, which names each key that"
            .to_owned(),
        format!("# takes a restart: systemctl reload seckilld@{env_type}"),
        "#".to_owned(),
        own.to_owned(),
        String::new(),
    ];
    let mut fixed = 0;
    for line in rest.lines() {
        let place = line.strip_suffix(&format!("/var/lib/seckill/{env_type}.db\""));
        lines.push(if let Some(key) = place {
            fixed += 1;
            format!("{key}/var/lib/seckill-{env_type}/{env_type}.db\"")
        } else if line.ends_with("\"/run/seckill/admin.sock\"") {
            fixed += 1;
            line.replace("/run/seckill/", &format!("/run/seckill-{env_type}/"))
        } else if line.is_empty() || line.starts_with('#') || is_table(line) {
            line.to_owned()
        } else {
            format!("#{line}")
        });
    }
    ensure!(fixed == 2, "profile {env_type}: {fixed} of the 2 places are as expected");
    Ok(lines.join("\n") + "\n")
}

fn is_table(line: &str) -> bool {
    line.strip_prefix('[').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::of_profile;

    fn keys(text: &str) -> Vec<&str> {
        text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect()
    }

    #[test]
    fn every_key_is_there_and_only_the_places_count() {
        for env_type in ["embedded", "offline", "aliyun"] {
            let path = crate::step::root().join(format!("profiles/{env_type}.toml"));
            let profile = std::fs::read_to_string(path).unwrap();
            let settings = of_profile(env_type, &profile).unwrap();
            let active = keys(&settings);
            let active: Vec<_> = active.iter().filter(|line| !line.starts_with('[')).collect();
            assert_eq!(
                active,
                [
                    &format!("path = \"/var/lib/seckill-{env_type}/{env_type}.db\""),
                    &format!("socket = \"/run/seckill-{env_type}/admin.sock\""),
                ]
            );
            // Uncommented, the settings are the profile but for these two.
            let bare = settings.lines().map(|line| match line.strip_prefix('#') {
                Some(key) if key.starts_with("  {") || !key.is_empty() && !key.starts_with(' ') => {
                    key
                }
                _ => line,
            });
            let bare: Vec<_> = bare.collect();
            let bare = keys(&bare.join("\n")).len();
            assert_eq!(bare, keys(&profile).len(), "{env_type}");
            assert!(!settings.contains("compiled in; "), "{settings}");
        }
    }

    #[test]
    fn a_profile_of_another_shape_is_refused() {
        assert!(of_profile("embedded", "# A header.\n\n[store]\n").is_err());
        let told = of_profile("embedded", "# This file is compiled in.\n\n[store]\npath = \"x\"\n");
        assert!(told.unwrap_err().to_string().contains("0 of the 2 places"));
    }
}
