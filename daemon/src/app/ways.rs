//! The ways to what isn't on this machine, for `doctor`, which asks as the daemon itself would.

use std::time::Duration;

use domain::ports::order_side::OrderSide;

use super::rocketmq;
use crate::cli::doctor::{Elsewhere, Looking};
use crate::config::Loaded;
use crate::gateway::order_node::OrderNode;

/// The daemon's own ways.
#[derive(Debug, Clone, Copy)]
pub struct Ways;

impl Elsewhere for Ways {
    fn order_node(&self, url: &str, timeout: Duration) -> Box<dyn OrderSide> {
        Box::new(OrderNode::new(url, timeout))
    }

    fn queue<'a>(&'a self, loaded: &'a Loaded, running: Option<u32>) -> Looking<'a> {
        Box::pin(rocketmq::examine(loaded, running))
    }
}
