//! What one process keeps for itself over a restart, apart from the data of the sale, which several
//! processes may share one day: its unconfirmed sends, notes of its other parts, who it is, and the
//! file that all of it is in.

use std::time::Duration;

use protocol::OrderId;
use tokio::sync::watch;

use super::{BoxFuture, Cause, Outgoing, ReadError, WriteError};
use crate::secret::Secret;

/// Sends whose result is unknown, until the queue confirms them. When to publish them again is the
/// gateway's business.
pub trait UnconfirmedSends: Send + Sync + 'static {
    /// Keeps them durably, each with the cause of its doubt. It waits where too many writes wait,
    /// as these can't be refused. Those of ids that are kept already take the new cause.
    ///
    /// # Errors
    /// They may not be kept.
    fn keep(&self, orders: Vec<(Outgoing, Cause)>) -> BoxFuture<'_, Result<(), WriteError>>;

    /// Forgets the orders of these ids; one that isn't kept is no fault.
    ///
    /// # Errors
    /// They may still be kept, and will be published once more after a restart: harmless.
    fn forget(&self, order_ids: Vec<OrderId>) -> BoxFuture<'_, Result<(), WriteError>>;

    /// Why keeping takes so long, as far as that is known.
    fn delay(&self) -> Cause {
        Cause("no answer".to_owned())
    }

    /// All that are kept, those that have been in doubt for longest first.
    ///
    /// # Errors
    /// They can't be read.
    fn load(&self) -> BoxFuture<'_, Result<Vec<Outgoing>, ReadError>>;
}

/// Lines of text under names, kept by parts of the process for the next start.
pub trait Notes: Send + Sync + 'static {
    /// The lines that were kept last under a name; none at first.
    ///
    /// # Errors
    /// They can't be read.
    fn read<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<String>, Cause>>;

    /// Keeps these lines in place of those before. No line has a line break.
    ///
    /// # Errors
    /// The lines before stay, or (`Unknown`) may.
    fn write<'a>(
        &'a self,
        name: &'a str,
        lines: Vec<String>,
    ) -> BoxFuture<'a, Result<(), WriteError>>;
}

/// Who this process is, for as long as it has the same notebook.
pub trait Identity: Send + Sync + 'static {
    /// Names the notebook: a UUID made with it.
    fn store_id(&self) -> &str;

    /// The key of the order ids, made with the notebook. With it the buyer can be found from an
    /// order id.
    fn order_id_key(&self) -> Secret<Vec<u8>>;
}

/// The file that the notebook is in: whether it is where the next start looks for it, and whether
/// it can be written.
pub trait DataFile: Send + Sync + 'static {
    /// Why the file that is open isn't the one at its path any more; `None` while it is. Nothing
    /// may be sent then that would have to be kept.
    fn displaced(&self) -> Option<Cause>;

    /// Sees each change of [`DataFile::displaced`].
    fn watch_place(&self) -> watch::Receiver<Option<Cause>>;

    /// Why the write under way takes so long, once it has been at one thing for `after`; `None`
    /// while none does. It may block, as it reads files.
    fn stall(&self, after: Duration) -> Option<Cause>;

    /// Why nothing can be stored at the moment, as far as that is known without trying.
    fn trouble(&self) -> Option<Cause>;

    /// Writes about as much as a commit of orders does, to see how writing goes now.
    ///
    /// # Errors
    /// It doesn't go.
    fn probe(&self) -> BoxFuture<'_, Result<(), WriteError>>;

    /// Within which time a probe is answered if it only waits for another program. One that takes
    /// longer is a stall.
    fn probed_within(&self) -> Duration;

    /// Why the next start on this file would be refused; `None` while it wouldn't.
    fn closed_to_a_start(&self) -> Option<Cause>;
}
