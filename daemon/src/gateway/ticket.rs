//! A ticket: the one place where all requests that wait for an order's publication get its result:
//! the buyer's first request, and the repeats that came while it was under way.

use std::sync::OnceLock;

use protocol::Code;
use tokio::sync::Notify;

/// Awaited by any number of requests, settled once.
#[derive(Debug, Default)]
pub struct Ticket {
    answer: OnceLock<Code>,
    settled: Notify,
}

impl Ticket {
    /// Gives the answer to all requests that wait, now or later. Only the first answer counts.
    pub fn settle(&self, answer: Code) {
        if self.answer.set(answer).is_ok() {
            self.settled.notify_waiters();
        }
    }

    /// The answer, once there is one.
    pub async fn wait(&self) -> Code {
        loop {
            // Made before the look, so that a settlement between the look and the wait wakes it.
            let settled = self.settled.notified();
            if let Some(answer) = self.answer.get() {
                return *answer;
            }
            settled.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use protocol::Code;

    use super::Ticket;

    #[tokio::test]
    async fn all_who_wait_get_the_first_answer() {
        let ticket = Arc::new(Ticket::default());
        let waiting: Vec<_> = (0..8)
            .map(|_| {
                let ticket = Arc::clone(&ticket);
                tokio::spawn(async move { ticket.wait().await })
            })
            .collect();
        tokio::task::yield_now().await;
        ticket.settle(Code::Queued);
        ticket.settle(Code::BizError);
        for task in waiting {
            assert_eq!(task.await.unwrap(), Code::Queued);
        }
        assert_eq!(ticket.wait().await, Code::Queued);
    }
}
