//! The store of the sale behind its ports: which engine it has is said here and nowhere else. What
//! is the process's own (the embedded queue, unconfirmed sends, identity, files) stays with the
//! store on this machine, whatever keeps the sale.

use std::sync::Arc;

use domain::ports::Sale;
use domain::ports::desk::OperatorDesk;
use domain::ports::lists::Lists;
use domain::ports::resent::ResentLetters;
use instruments::meter::DecidedMeters;
use store_sqlite::Store;

/// What the roles and the operators ask of the sale's store.
#[derive(Clone)]
pub(super) struct SaleStore {
    /// Products, orders and decisions.
    pub(super) sale: Arc<dyn Sale>,
    /// Dead letters on their way back.
    pub(super) resent: Arc<dyn ResentLetters>,
    /// Operators' commands and the log of them.
    pub(super) operators: Arc<dyn OperatorDesk>,
    /// Orders and letters, looked through.
    pub(super) lists: Arc<dyn Lists>,
    /// What became of orders.
    pub(super) decided: Arc<DecidedMeters>,
}

impl SaleStore {
    /// The sale where it is kept: in this machine's own database. Another store is an arm here.
    pub(super) fn open(store: &Store) -> Self {
        Self::of(store.clone(), &store.meters().decided)
    }

    /// A store that has all four ports.
    fn of(
        store: impl Sale + ResentLetters + OperatorDesk + Lists,
        decided: &Arc<DecidedMeters>,
    ) -> Self {
        let shared = Arc::new(store);
        Self {
            sale: Arc::clone(&shared) as _,
            resent: Arc::clone(&shared) as _,
            operators: Arc::clone(&shared) as _,
            lists: shared,
            decided: Arc::clone(decided),
        }
    }
}
