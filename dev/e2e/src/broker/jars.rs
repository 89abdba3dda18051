//! Brings a version's jars from the Maven repository into the project's build folder, once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::missing;

/// Where the jars are kept, a folder per version.
#[must_use]
pub fn lib_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().nth(2).unwrap_or(here);
    root.join("target/rocketmq/lib")
}

/// The folder with the version's jars; they are fetched when they aren't there.
///
/// # Errors
/// Java or Maven is missing, or Maven doesn't find the version.
pub fn jars(version: &str) -> Result<PathBuf> {
    if !version.chars().all(|c| c.is_ascii_digit() || c == '.') || version.is_empty() {
        bail!("{version:?} is no version: 5.4.0, 5.1.4, 4.9.7 are some that resolve");
    }
    needs("java", "openjdk-17-jdk-headless")?;
    let lib = lib_root().join(version);
    if lib.is_dir() {
        return Ok(lib);
    }
    needs("mvn", "maven")?;
    fs::create_dir_all(lib_root())?;
    // Fetched beside and moved into place at the end: half a folder would look like a whole one.
    let fetching = tempfile::Builder::new().prefix(".fetching-").tempdir_in(lib_root())?;
    let pom = fetching.path().join("pom.xml");
    fs::write(&pom, pom_of(version))?;
    let jars = fetching.path().join("jars");
    let mvn = Command::new("mvn")
        .args(["-q", "-B", "-f"])
        .arg(&pom)
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", jars.display()))
        .output()
        .with_context(|| missing("mvn", "maven"))?;
    if !mvn.status.success() {
        let told = String::from_utf8_lossy(&mvn.stdout).into_owned();
        let errors: Vec<&str> =
            told.lines().filter(|line| line.contains("ERROR")).take(4).collect();
        bail!("Maven doesn't give RocketMQ {version}:\n{}", errors.join("\n"));
    }
    match fs::rename(&jars, &lib) {
        // Someone else was quicker, with the same jars.
        Err(_) if lib.is_dir() => Ok(lib),
        renamed => renamed.map(|()| lib).context("keeping the jars"),
    }
}

fn needs(program: &str, package: &str) -> Result<()> {
    let told = Command::new(program).arg("-version").output();
    if !told.is_ok_and(|told| told.status.success()) {
        bail!(missing(program, package));
    }
    Ok(())
}

fn pom_of(version: &str) -> String {
    let dependency = |artifact: &str| {
        format!(
            "<dependency><groupId>org.apache.rocketmq</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>"
        )
    };
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>seckill</groupId><artifactId>test-broker</artifactId><version>1</version>\
         <packaging>pom</packaging><dependencies>{}{}</dependencies></project>",
        dependency("rocketmq-namesrv"),
        dependency("rocketmq-broker")
    )
}

#[cfg(test)]
mod tests {
    use super::jars;

    #[test]
    fn a_version_is_never_taken_for_a_path() {
        for version in ["", "../5.4.0", "5.4.0/x", "latest"] {
            assert!(jars(version).is_err(), "{version}");
        }
    }
}
