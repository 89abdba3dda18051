//! A real Prometheus on loopback, from Debian's package: it scrapes a daemon and judges the
//! project's rules.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::http::{Client, urlencoded};
use crate::ports::quiet_port;
use crate::process::{Running, read_from};
use crate::until;

/// How long its start may take.
const START_MAX: Duration = Duration::from_secs(30);

/// The job that contrib/alerts.yml takes for granted.
const JOB: &str = "seckill";

/// A running Prometheus. Dropped, it is killed by its id.
pub struct Prometheus {
    _running: Running,
    _folder: TempDir,
    url: String,
    client: Client,
}

/// One of the package's programs: installed, or unpacked into the build folder by `.ci/run tools`.
///
/// # Errors
/// It is in neither place.
pub fn program(name: &str) -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let target = this.ancestors().nth(3).context("the tests are in no target folder")?;
    let unpacked = target.join("tools/prometheus/usr/bin").join(name);
    let runs = |program: &Path| {
        let told = Command::new(program).arg("--version").output();
        told.is_ok_and(|told| told.status.success())
    };
    [PathBuf::from(name), unpacked].into_iter().find(|program| runs(program)).with_context(|| {
        format!("{name} can't be run: `.ci/run tools` unpacks Debian's package prometheus")
    })
}

/// The alert rules of the project.
#[must_use]
pub fn rules() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).join("contrib/alerts.yml")
}

/// What each rule fires at, and what it doesn't fire at, for `promtool test rules`.
#[must_use]
pub fn cases() -> PathBuf {
    rules().with_file_name("alerts.test.yml")
}

impl Prometheus {
    /// Starts a Prometheus that scrapes `target` each second and judges the project's rules as
    /// often.
    ///
    /// # Errors
    /// It isn't there, or isn't ready in time; what it wrote is in the error.
    pub async fn start(target: SocketAddr) -> Result<Self> {
        let folder = TempDir::new()?;
        let config = folder.path().join("prometheus.yml");
        fs::write(&config, config_of(target))?;
        let address = SocketAddr::from(([127, 0, 0, 1], quiet_port(&[])?));
        let log = folder.path().join("log");
        let file = File::create(&log)?;
        let child = Command::new(program("prometheus")?)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()?;
        let (running, url, client) =
            (Running(child), format!("http://{address}"), Client::default());
        let ready = until("Prometheus ready", START_MAX, || async {
            let answer = client.get(&format!("{url}/-/ready")).await;
            Ok(answer.is_ok_and(|answer| answer.status == 200).then_some(()))
        });
        let ready = ready.await;
        ready.with_context(|| read_from(&log, 0).unwrap_or_default())?;
        Ok(Self { _running: running, _folder: folder, url, client })
    }

    /// The `data` of an answer of its interface, such as `query` or `rules`.
    ///
    /// # Errors
    /// It refuses, or doesn't answer.
    pub async fn ask(&self, what: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        let url = format!("{}/api/v1/{what}?{}", self.url, urlencoded(parameters));
        let mut answer = self.client.get(&url).await?.json()?;
        ensure!(answer["status"] == "success", "{what}: {answer}");
        Ok(answer["data"].take())
    }

    /// The value of an expression that gives one series; `None` while it gives none.
    ///
    /// # Errors
    /// It gives several, or as [`Prometheus::ask`].
    pub async fn value(&self, expression: &str) -> Result<Option<f64>> {
        let data = self.ask("query", &[("query", expression)]).await?;
        let result = data["result"].as_array().context("no vector")?;
        ensure!(result.len() <= 1, "{expression} gives several: {data}");
        let Some(series) = result.first() else { return Ok(None) };
        Ok(Some(series["value"][1].as_str().context("no value")?.parse()?))
    }

    /// The state of an alert: `pending` or `firing`; `None` while it is neither.
    ///
    /// # Errors
    /// As [`Prometheus::ask`].
    pub async fn alert(&self, name: &str) -> Result<Option<String>> {
        let data = self.ask("alerts", &[]).await?;
        let alerts = data["alerts"].as_array().context("no alerts")?;
        let found = alerts.iter().find(|alert| alert["labels"]["alertname"] == name);
        Ok(found.and_then(|alert| alert["state"].as_str().map(str::to_owned)))
    }
}

fn config_of(target: SocketAddr) -> String {
    format!(
        "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
         rule_files: [ {:?} ]\n\
         scrape_configs:\n- job_name: {JOB}\n  static_configs:\n  - targets: [ \"{target}\" ]\n",
        rules().display().to_string()
    )
}
