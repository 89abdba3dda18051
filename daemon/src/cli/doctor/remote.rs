//! What is elsewhere: RocketMQ, and the order node of a gateway that is alone.

use std::pin::Pin;
use std::time::Duration;

use domain::ports::findings::Finding;
use domain::ports::order_side::OrderSide;

use super::running::Running;
use crate::config::{Config, Loaded, QueueKind, Role};

/// A look under way. It stays on its thread: doctor does one thing at a time.
pub type Looking<'a> = Pin<Box<dyn Future<Output = Vec<Finding>> + 'a>>;

/// The ways to what is elsewhere, as the daemon itself goes them.
pub trait Elsewhere {
    /// The order node at `url`, whose answers may take so long.
    fn order_node(&self, url: &str, timeout: Duration) -> Box<dyn OrderSide>;

    /// What the queue's own part finds of its brokers. `running` is the process id of the daemon of
    /// this configuration, where one runs. Bounded.
    fn queue<'a>(&'a self, loaded: &'a Loaded, running: Option<u32>) -> Looking<'a>;
}

/// Looks at both, as far as this configuration has them.
pub(super) async fn look(
    loaded: &Loaded,
    running: &Running,
    elsewhere: &dyn Elsewhere,
) -> Vec<Finding> {
    let config = &loaded.config;
    let mut findings = Vec::new();
    if !config.roles.contains(&Role::Order) {
        findings.push(order_node(config, elsewhere).await);
    }
    match config.queue.kind {
        QueueKind::Embedded => {
            findings.push(Finding::ok("queue", "embedded, in the database: nothing to reach"));
        }
        QueueKind::Rocketmq => findings.extend(elsewhere.queue(loaded, running.pid()).await),
    }
    findings
}

async fn order_node(config: &Config, elsewhere: &dyn Elsewhere) -> Finding {
    const CHECK: &str = "order node";
    let url = &config.gateway.order_url;
    let timeout = Duration::from_millis(config.gateway.order_timeout_ms);
    // Asked for decisions after the highest number there is, the node answers without any.
    match elsewhere.order_node(url, timeout).decisions(protocol::Seq(u64::MAX)).await {
        Ok(page) => Finding::ok(
            CHECK,
            format!(
                "{url} answers: decisions up to {}, {} products",
                page.head,
                page.products.len()
            ),
        ),
        Err(cause) => Finding::fail(
            CHECK,
            cause.to_string(),
            "start the order node, or correct gateway.order_url; its order.listen must be \
             reachable from here",
        ),
    }
}
