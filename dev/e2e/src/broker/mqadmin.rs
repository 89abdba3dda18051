//! RocketMQ's own administration tool on a test's broker: an operator would compare our figures
//! with the tool's.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::{Broker, missing};

impl Broker {
    /// Runs `mqadmin` with these arguments at this broker's name server and returns what it prints.
    ///
    /// # Errors
    /// The tool can't be run, or ends with a fault; what it printed is in the error.
    pub async fn mqadmin(&self, arguments: &[&str]) -> Result<String> {
        let mut java = Command::new("java");
        java.args(["-Xms64m", "-Xmx256m", "-cp"])
            .arg(format!("{}/*", self.lib.display()))
            .arg("org.apache.rocketmq.tools.command.MQAdminStartup")
            .args(arguments)
            .args(["-n", &self.name_server()])
            // It writes its logs into the home folder.
            .env("ROCKETMQ_HOME", &self.options.dir)
            .env("HOME", &self.options.dir)
            .current_dir(&self.options.dir)
            .stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || java.output()).await?;
        let output = output.with_context(|| missing("java", "openjdk-17-jdk-headless"))?;
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let fault = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "mqadmin {arguments:?}: {told}{fault}");
        Ok(told)
    }

    /// What the group hasn't consumed yet, by `mqadmin consumerProgress`.
    ///
    /// # Errors
    /// As [`Broker::mqadmin`], or the tool prints no total.
    pub async fn diff_total(&self, group: &str) -> Result<u64> {
        let told = self.mqadmin(&["consumerProgress", "-g", group]).await?;
        let line = told.lines().find_map(|line| line.strip_prefix("Consume Diff Total:"));
        let line = line.or_else(|| told.lines().find_map(|line| line.strip_prefix("Diff Total:")));
        let number = line.with_context(|| format!("no total in:\n{told}"))?;
        number.trim().parse().with_context(|| format!("{number:?} is no number"))
    }
}
