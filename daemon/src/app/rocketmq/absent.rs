//! In place of RocketMQ in a build without it.

use std::sync::Arc;

use domain::ports::findings::Finding;
use domain::ports::notebook::Notes;
use domain::ports::{Cause, Queue};

use super::StartError;
use crate::config::Loaded;

/// Refuses. `config` has refused such a configuration before, with the key and its source.
pub(super) fn open(_: &Loaded, _: &Arc<dyn Notes>) -> Result<Arc<dyn Queue>, StartError> {
    let why = "this build lacks the cargo feature `rocketmq`".to_owned();
    Err(StartError::Queue(Cause(why)))
}

/// Finds nothing: there is no such configuration.
#[expect(clippy::unused_async, reason = "as the other build has it")]
pub(super) async fn examine(_: &Loaded, _: Option<u32>) -> Vec<Finding> {
    Vec::new()
}
