//! A piece of work that writes, on its way to a transaction: what it does, what it needs, and who
//! waits for its answer.

use tokio::sync::oneshot;

use crate::engine::error::{JobError, WriteError};
use crate::engine::limits;
use crate::engine::tx::Tx;

/// Where a job's answer comes.
pub(crate) type Reply<T> = oneshot::Receiver<Result<T, WriteError>>;

/// A unit of work whose result waits for the commit.
pub(crate) trait Job: Send {
    /// How much of a commit's bound it takes.
    fn orders(&self) -> usize;
    /// Whether it can be run again in another transaction, when the first is undone.
    fn is_repeatable(&self) -> bool;
    /// Whether it is done even while the files aren't in their place.
    fn needs(&self) -> Needs;
    /// Does the work and keeps its result.
    fn run(&mut self, tx: &Tx<'_>);
    /// Answers, now that the commit's outcome is known.
    fn settle(self: Box<Self>, commit: Result<(), WriteError>);
}

/// What a job needs to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// The open files in their place: its result is relied on after a restart.
    Place,
    /// Nothing: what it writes is in the copy that an ordered stop makes.
    Nothing,
}

struct Task<T, F> {
    orders: usize,
    is_repeatable: bool,
    needs: Needs,
    work: F,
    done: Option<Result<T, JobError>>,
    reply: oneshot::Sender<Result<T, WriteError>>,
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: FnMut(&Tx<'_>) -> Result<T, JobError> + Send,
{
    fn orders(&self) -> usize {
        self.orders
    }

    fn is_repeatable(&self) -> bool {
        self.is_repeatable
    }

    fn needs(&self) -> Needs {
        self.needs
    }

    fn run(&mut self, tx: &Tx<'_>) {
        self.done = Some(tx.undoable(&mut self.work));
        if let Some(Err(fault)) = &self.done
            && !fault.is_of_the_work()
        {
            tx.trouble.set(Some(limits::cause_of(tx.connection, fault)));
        }
    }

    fn settle(self: Box<Self>, commit: Result<(), WriteError>) {
        let Self { work, done, reply, .. } = *self;
        // Drop the work before the reply, so that the caller is again the only owner of what the
        // work captured. The publisher reuses its vector of orders.
        drop(work);
        let answer = match (done, commit) {
            (Some(Err(fault)), _) => Err(WriteError::Rejected(fault.cause())),
            (_, Err(error)) => Err(error),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(WriteError::Closed),
        };
        // The caller may have stopped waiting; what is stored stays stored.
        let _ = reply.send(answer);
    }
}

/// A job of `work`, and where its answer comes.
pub(crate) fn task<T, F>(
    orders: usize,
    is_repeatable: bool,
    needs: Needs,
    work: F,
) -> (Box<dyn Job>, Reply<T>)
where
    T: Send + 'static,
    F: FnMut(&Tx<'_>) -> Result<T, JobError> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let orders = orders.max(1);
    let task = Task { orders, is_repeatable, needs, work, done: None, reply };
    (Box::new(task), answer)
}
