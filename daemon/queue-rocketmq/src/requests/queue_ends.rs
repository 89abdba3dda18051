//! Where a queue begins and ends.

use super::{RequestError, Requests, SUCCESS, number, refused};

const QUEUE_END: i32 = 30;
const QUEUE_START: i32 = 31;
const OLDEST_STORED: i32 = 32;

impl Requests {
    /// The offset after the newest message of a queue, whether it may be read or not; 0 for one
    /// that isn't there.
    pub(crate) async fn end_of(
        &self,
        address: &str,
        topic: &str,
        queue: u32,
    ) -> Result<i64, RequestError> {
        self.of_queue(QUEUE_END, "offset", address, topic, queue).await
    }

    /// The offset of the oldest message of a queue, whether it may be read or not.
    pub(crate) async fn start_of(
        &self,
        address: &str,
        topic: &str,
        queue: u32,
    ) -> Result<i64, RequestError> {
        self.of_queue(QUEUE_START, "offset", address, topic, queue).await
    }

    /// When the broker stored the oldest message of a queue, in epoch milliseconds.
    pub(crate) async fn oldest_stored_ms(
        &self,
        address: &str,
        topic: &str,
        queue: u32,
    ) -> Result<i64, RequestError> {
        self.of_queue(OLDEST_STORED, "timestamp", address, topic, queue).await
    }

    async fn of_queue(
        &self,
        code: i32,
        told: &'static str,
        address: &str,
        topic: &str,
        queue: u32,
    ) -> Result<i64, RequestError> {
        let queue = queue.to_string();
        let answer = self.ask(address, code, &[("topic", topic), ("queueId", &queue)]).await?;
        if answer.code() == SUCCESS { number(&answer, told) } else { Err(refused(&answer)) }
    }
}
