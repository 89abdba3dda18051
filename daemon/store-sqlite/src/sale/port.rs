//! The port of the sale's data, as this store serves it: one job of the writer's or one read
//! transaction for each question.

use domain::outcomes::Outcomes;
use domain::ports::{
    Balance, BoxFuture, DecidedAfter, Delivery, OrderRow, ReadError, Sale, WriteError,
};
use protocol::{Phone, ProdId, ProductState, Seq};
use tokio::sync::watch;

use crate::Store;
use crate::sale::{dead_letters, decisions, deliveries, orders, outcomes, products};

impl Sale for Store {
    fn decide(&self, deliveries: Vec<Delivery>) -> BoxFuture<'_, Result<Outcomes, WriteError>> {
        Box::pin(deliveries::decided(self, deliveries))
    }

    fn decisions(
        &self,
        after: Seq,
        limit: usize,
    ) -> BoxFuture<'_, Result<DecidedAfter, ReadError>> {
        Box::pin(decisions::after(self, after, limit))
    }

    fn find<'a>(
        &'a self,
        prod_id: &'a ProdId,
        phone: &'a Phone,
    ) -> BoxFuture<'a, Result<Option<OrderRow>, ReadError>> {
        Box::pin(orders::found(self, prod_id, phone))
    }

    fn products(&self) -> BoxFuture<'_, Result<Vec<ProductState>, ReadError>> {
        Box::pin(self.read(products::states))
    }

    fn books(&self) -> BoxFuture<'_, Result<Vec<Balance>, ReadError>> {
        Box::pin(self.inner.reader.read_in_background(products::balances))
    }

    fn outcomes(&self) -> BoxFuture<'_, Result<Outcomes, ReadError>> {
        Box::pin(self.read(outcomes::all))
    }

    fn dead_letter_count(&self) -> BoxFuture<'_, Result<u64, ReadError>> {
        Box::pin(self.read(dead_letters::count))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.inner.signals.changes.subscribe()
    }
}
