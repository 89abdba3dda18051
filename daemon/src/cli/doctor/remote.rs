//! What is elsewhere: RocketMQ, and the order node of a gateway that is alone.

use std::time::Duration;

use domain::ports::findings::Finding;
use domain::ports::order_side::OrderSide;

use super::running::Running;
use crate::config::{Config, Loaded, QueueKind, Role};
use crate::gateway::order_node::OrderNode;

/// Looks at both, as far as this configuration has them.
pub(super) async fn look(loaded: &Loaded, running: &Running) -> Vec<Finding> {
    let config = &loaded.config;
    let mut findings = Vec::new();
    if !config.roles.contains(&Role::Order) {
        findings.push(order_node(config).await);
    }
    match config.queue.kind {
        QueueKind::Embedded => {
            findings.push(Finding::ok("queue", "embedded, in the database: nothing to reach"));
        }
        QueueKind::Rocketmq => findings.extend(Box::pin(rocketmq(loaded, running)).await),
    }
    findings
}

async fn order_node(config: &Config) -> Finding {
    const CHECK: &str = "order node";
    let url = &config.gateway.order_url;
    let timeout = Duration::from_millis(config.gateway.order_timeout_ms);
    // Asked for decisions after the highest number there is, the node answers without any.
    match OrderNode::new(url, timeout).decisions(u64::MAX).await {
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

#[cfg(feature = "rocketmq")]
async fn rocketmq(loaded: &Loaded, running: &Running) -> Vec<Finding> {
    use queue_rocketmq::{Examination, examine};

    let config = &loaded.config;
    let credentials = match loaded.credentials() {
        Ok(credentials) => credentials,
        Err(faults) => {
            let advice = "put the file right";
            return vec![Finding::fail("secrets", faults.to_string(), advice)];
        }
    };
    let wanted = Examination {
        publishes: config.roles.contains(&Role::Gateway),
        consumes: config.roles.contains(&Role::Order),
        doctor_topic: config.doctor.topic.clone(),
        running: running.pid(),
    };
    examine(&(&config.rocketmq).into(), credentials, wanted).await
}

#[cfg(not(feature = "rocketmq"))]
#[expect(clippy::unused_async, reason = "as the other build has it")]
async fn rocketmq(_: &Loaded, _: &Running) -> Vec<Finding> {
    // Such a configuration is refused before.
    Vec::new()
}
