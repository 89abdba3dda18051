//! The store as what operators look through.

use std::collections::HashSet;

use domain::ports::lists::{
    ExportFilter, Exported, Letters, ListError, Lists, OrderDetail, OrderFilter, Orders,
};
use domain::ports::{BoxFuture, ReadError};

use protocol::OrderId;

use crate::Store;

impl Lists for Store {
    fn orders<'a>(
        &'a self,
        filter: OrderFilter,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Orders, ListError>> {
        Box::pin(self.list_orders(filter, after, limit))
    }

    fn decided(
        &self,
        filter: ExportFilter,
        limit: usize,
    ) -> BoxFuture<'_, Result<Exported, ReadError>> {
        Box::pin(self.export(filter, limit))
    }

    fn order<'a>(
        &'a self,
        order_id: &'a OrderId,
    ) -> BoxFuture<'a, Result<Option<OrderDetail>, ReadError>> {
        Box::pin(self.order_history(order_id))
    }

    fn standing_among(
        &self,
        order_ids: Vec<OrderId>,
    ) -> BoxFuture<'_, Result<HashSet<OrderId>, ReadError>> {
        Box::pin(self.standing_among(order_ids))
    }

    fn dead_letters<'a>(
        &'a self,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Letters, ListError>> {
        Box::pin(self.dead_letters(after, limit))
    }
}
