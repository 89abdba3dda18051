//! Orders in lists, newest first, wherever they stand: first those that wait, then decided ones.
//!
//! A list is a sequence of stages, one per table, and two for dead letters; a cursor names a stage
//! and the last row seen in it. A stage is walked by the table's own number, which says nothing of
//! how much fits a filter, so a page ends after a bounded number of rows. A buyer's own orders are
//! found by the partial indexes that queries use, product by product, and in the queue by
//! `queue_index`; the beginning of an id by the indexes over ids, and in the queue by walking it.

use std::sync::Arc;

use domain::ports::lists::{ListError, OrderFilter, Orders};
use protocol::{EpochMs, Money, OrderMessage, OrderState, OrderView, Phone, ProdId};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use crate::engine::columns::of_text;
use crate::queue_table::queue::is_queued;
use crate::queue_table::queue_index::{Key, Places, QueueIndex};
use crate::{Store, page_limit, unsigned};

/// Rows that are looked at for one page: a fraction of a second. A page that ends there is short
/// and says where to go on.
const LOOKED_AT_MAX: usize = 100_000;

/// Products in which a buyer's orders are looked for when no product is given. Only senders that
/// make product ids up lead to more; orders for those are found by their product.
const PRODUCTS_MAX: usize = 1_000;

impl Store {
    /// See [`Lists::orders`](domain::ports::lists::Lists::orders).
    pub(crate) async fn list_orders(
        &self,
        filter: OrderFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Orders, ListError> {
        let after = after.map(|text| Cursor::read(text).ok_or(ListError::Cursor)).transpose()?;
        let (index, limit) = (Arc::clone(&self.inner.queue_index), page_limit(limit));
        let list = move |connection: &Connection| {
            Looking::begin(filter, index, LOOKED_AT_MAX, limit).page(connection, after)
        };
        Ok(self.read(list).await?)
    }

    /// As [`Store::list_orders`], looking at fewer rows.
    #[cfg(test)]
    pub(crate) async fn list_orders_within(
        &self,
        filter: OrderFilter,
        after: Option<&str>,
        left: usize,
    ) -> Orders {
        let after = after.and_then(Cursor::read);
        let index = Arc::clone(&self.inner.queue_index);
        let list = move |connection: &Connection| {
            Looking::begin(filter, index, left, 10).page(connection, after)
        };
        self.read(list).await.unwrap()
    }
}

/// Where orders stand, in the sequence of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ListStage {
    /// In the embedded queue.
    Queued,
    /// Among the dead letters, on its way back: queued as well.
    Resent,
    /// Sent with an unknown result.
    Unconfirmed,
    /// Among the dead letters, with the operator.
    SetAside,
    /// Placed, failed or finished.
    Decided,
    /// Set aside for another order of the buyer.
    Duplicates,
}

/// A row that waits to be taken, in its table by its number: see [`ListStage::row`].
macro_rules! waiting_row {
    ($table:literal, $number:literal) => {
        concat!(
            "SELECT order_id, prod_id,
                    (SELECT prod_name FROM t_seckill_product p WHERE p.prod_id = w.prod_id),
                    user_phoneno, NULL, last_error, NULL, charged_at, NULL, 0, body
               FROM ",
            $table,
            " w WHERE ",
            $number,
            " = ?1
                AND NOT EXISTS (SELECT 1 FROM t_seckill_order o WHERE o.order_id = w.order_id)
                AND NOT EXISTS (SELECT 1 FROM seckill_duplicate d
                                 WHERE d.order_id = w.order_id)"
        )
    };
}

impl ListStage {
    pub(crate) const ALL: [Self; 6] = [
        Self::Queued,
        Self::Resent,
        Self::Unconfirmed,
        Self::SetAside,
        Self::Decided,
        Self::Duplicates,
    ];

    const fn letter(self) -> char {
        match self {
            Self::Queued => 'q',
            Self::Resent => 'r',
            Self::Unconfirmed => 'u',
            Self::SetAside => 's',
            Self::Decided => 'd',
            Self::Duplicates => 'x',
        }
    }

    /// All rows below number `?1`, newest first: number, product, buyer, status, order.
    pub(crate) const fn walk(self) -> &'static str {
        match self {
            Self::Queued => {
                "SELECT seq, prod_id, user_phoneno, NULL, order_id FROM seckill_queue
                  WHERE seq < ?1 ORDER BY seq DESC"
            }
            Self::Resent => {
                "SELECT id, prod_id, user_phoneno, NULL, order_id FROM seckill_dead_letter
                  WHERE due_at IS NOT NULL AND id < ?1 ORDER BY id DESC"
            }
            Self::Unconfirmed => {
                "SELECT rowid, prod_id, user_phoneno, NULL, order_id FROM seckill_unconfirmed
                  WHERE rowid < ?1 ORDER BY rowid DESC"
            }
            Self::SetAside => {
                "SELECT id, prod_id, user_phoneno, NULL, order_id FROM seckill_dead_letter
                  WHERE resolved_at IS NULL AND due_at IS NULL AND id < ?1
                    AND order_id IS NOT NULL ORDER BY id DESC"
            }
            Self::Decided => {
                "SELECT id, prod_id, user_phoneno, order_status, order_id FROM t_seckill_order
                  WHERE id < ?1 AND record_status = 0 ORDER BY id DESC"
            }
            Self::Duplicates => {
                "SELECT decision_seq, prod_id, user_phoneno, NULL, order_id FROM seckill_duplicate
                  WHERE decision_seq < ?1 ORDER BY decision_seq DESC"
            }
        }
    }

    /// The same for buyer `?2`, and product `?3` if that isn't null. `None` for the queue, which
    /// has `queue_index`, and for the unconfirmed: there are so few that walking them is as good.
    pub(crate) fn of_buyer(self) -> Option<String> {
        const LIVE: &str = "record_status = 0 AND order_status IN (0, 2)";
        match self {
            Self::Unconfirmed | Self::Queued => None,
            Self::Resent | Self::SetAside => Some(format!(
                "WITH RECURSIVE {products}
                 SELECT id, l.prod_id, user_phoneno, NULL, order_id FROM products
                   CROSS JOIN seckill_dead_letter l USING (prod_id)
                  WHERE user_phoneno = ?2 AND resolved_at IS NULL AND due_at IS {due} AND id < ?1
                    AND order_id IS NOT NULL ORDER BY id DESC",
                products = products("products", "seckill_dead_letter", "resolved_at IS NULL"),
                due = if self == Self::Resent { "NOT NULL" } else { "NULL" }
            )),
            Self::Decided => Some(format!(
                "WITH RECURSIVE {sold}, {failed}
                 SELECT id, o.prod_id, user_phoneno, order_status, order_id FROM sold
                   CROSS JOIN t_seckill_order o USING (prod_id)
                  WHERE user_phoneno = ?2 AND {LIVE} AND id < ?1
                 UNION ALL
                 SELECT id, o.prod_id, user_phoneno, order_status, order_id FROM failed
                   CROSS JOIN t_seckill_order o USING (prod_id)
                  WHERE user_phoneno = ?2 AND order_status = 3 AND record_status = 0 AND id < ?1
                  ORDER BY 1 DESC",
                sold = products("sold", "t_seckill_order", LIVE),
                failed = products("failed", "t_seckill_order", "order_status = 3")
            )),
            Self::Duplicates => Some(format!(
                "WITH RECURSIVE {sold}
                 SELECT d.decision_seq, d.prod_id, d.user_phoneno, NULL, d.order_id FROM sold
                   CROSS JOIN t_seckill_order o USING (prod_id)
                   CROSS JOIN seckill_duplicate d ON d.live_order_id = o.order_id
                  WHERE o.user_phoneno = ?2 AND {LIVE} AND d.decision_seq < ?1
                  ORDER BY d.decision_seq DESC",
                sold = products("sold", "t_seckill_order", LIVE)
            )),
        }
    }

    /// The same for ids that begin with one of so many texts, each as a lower and an upper bound
    /// from `?2` on. `None` for the queue, whose rows have no index by their ids, and for the
    /// unconfirmed.
    pub(crate) fn of_ids(self, spellings: usize) -> Option<String> {
        let (columns, table, number, condition) = match self {
            Self::Unconfirmed | Self::Queued => return None,
            Self::Resent => (
                "id, prod_id, user_phoneno, NULL",
                "seckill_dead_letter",
                "id",
                "due_at IS NOT NULL",
            ),
            Self::SetAside => (
                "id, prod_id, user_phoneno, NULL",
                "seckill_dead_letter",
                "id",
                "resolved_at IS NULL AND due_at IS NULL",
            ),
            Self::Decided => (
                "id, prod_id, user_phoneno, order_status",
                "t_seckill_order",
                "id",
                "record_status = 0",
            ),
            Self::Duplicates => (
                "decision_seq, prod_id, user_phoneno, NULL",
                "seckill_duplicate",
                "decision_seq",
                "TRUE",
            ),
        };
        let of_one = |at: usize| {
            let (lower, upper) = (2 + 2 * at, 3 + 2 * at);
            format!(
                "SELECT {columns}, order_id FROM {table}
                  WHERE ?{lower} <= order_id AND order_id < ?{upper}
                    AND {number} < ?1 AND {condition}"
            )
        };
        let all: Vec<String> = (0..spellings).map(of_one).collect();
        Some(format!("{} ORDER BY 1 DESC", all.join(" UNION ")))
    }

    /// The row of number `?1`: id, product, its name, buyer, status, reason, amount, time asked,
    /// time decided, duplicates, body. No row where the order has moved on to another stage, the
    /// queue excepted.
    pub(crate) const fn row(self) -> &'static str {
        match self {
            Self::Queued => waiting_row!("seckill_queue", "seq"),
            Self::Resent => waiting_row!("seckill_dead_letter", "id"),
            Self::Unconfirmed => {
                "SELECT order_id, prod_id,
                        (SELECT prod_name FROM t_seckill_product p WHERE p.prod_id = u.prod_id),
                        user_phoneno, NULL, cause, NULL, charged_at, NULL, 0, body
                   FROM seckill_unconfirmed u WHERE rowid = ?1
                    AND NOT EXISTS (SELECT 1 FROM t_seckill_order o WHERE o.order_id = u.order_id)
                    AND NOT EXISTS (SELECT 1 FROM seckill_duplicate d WHERE d.order_id = u.order_id)
                    AND NOT EXISTS (SELECT 1 FROM seckill_dead_letter l
                                     WHERE l.order_id = u.order_id AND l.resolved_at IS NULL)"
            }
            Self::SetAside => {
                "SELECT order_id, prod_id,
                        (SELECT prod_name FROM t_seckill_product p WHERE p.prod_id = l.prod_id),
                        user_phoneno, NULL, reason, NULL, charged_at, NULL, 0, body
                   FROM seckill_dead_letter l WHERE id = ?1
                    AND NOT EXISTS (SELECT 1 FROM seckill_dead_letter n
                                     WHERE n.order_id = l.order_id AND n.resolved_at IS NULL
                                       AND (n.due_at IS NOT NULL OR l.id < n.id))"
            }
            Self::Decided => {
                "SELECT order_id, prod_id, prod_name, user_phoneno, order_status, reason,
                        charge_money, charge_time, gmt_create, duplicates, NULL
                   FROM t_seckill_order WHERE id = ?1"
            }
            Self::Duplicates => {
                "SELECT order_id, prod_id,
                        (SELECT prod_name FROM t_seckill_product p WHERE p.prod_id = d.prod_id),
                        user_phoneno, NULL, 'duplicate_order', charge_money,
                        COALESCE(charge_time, decided_at), decided_at, 0, NULL
                   FROM seckill_duplicate d WHERE decision_seq = ?1"
            }
        }
    }

    pub(crate) fn state(self, status: Option<u8>) -> OrderState {
        match (self, status) {
            (Self::Unconfirmed, _) => OrderState::Unconfirmed,
            (Self::SetAside, _) => OrderState::DeadLetter,
            (Self::Duplicates, _) => OrderState::Duplicate,
            (Self::Decided, Some(0)) => OrderState::Finished,
            (Self::Decided, Some(2)) => OrderState::Placed,
            (Self::Decided, Some(3)) => OrderState::Failed,
            (Self::Queued | Self::Resent | Self::Decided, _) => OrderState::Queued,
        }
    }

    /// Whether a list of orders in `state`, of one buyer or of all, has this stage.
    fn is_asked_for(self, filter: &OrderFilter) -> bool {
        let holds = match filter.state {
            None => {
                return self != Self::Duplicates || filter.phone.is_some() || filter.id.is_some();
            }
            Some(OrderState::Queued) => return matches!(self, Self::Queued | Self::Resent),
            Some(OrderState::Unconfirmed) => Self::Unconfirmed,
            Some(OrderState::DeadLetter) => Self::SetAside,
            Some(OrderState::Duplicate) => Self::Duplicates,
            Some(OrderState::Placed | OrderState::Failed | OrderState::Finished) => Self::Decided,
            Some(OrderState::Other) => return false,
        };
        self == holds
    }
}

/// The product ids in the rows of `table` under `condition`, one seek each: product `?3` alone if
/// that isn't null.
fn products(name: &str, table: &str, condition: &str) -> String {
    format!(
        "{name}(prod_id) AS (
           SELECT IFNULL(?3, (SELECT MIN(prod_id) FROM {table} WHERE {condition}))
           UNION ALL
           SELECT (SELECT MIN(t.prod_id) FROM {table} t
                    WHERE {condition} AND {name}.prod_id < t.prod_id)
             FROM {name} WHERE {name}.prod_id IS NOT NULL AND ?3 IS NULL
           LIMIT {PRODUCTS_MAX})"
    )
}

/// Where a page ended: the next begins below this number of this stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    stage: ListStage,
    below: i64,
}

impl Cursor {
    fn read(text: &str) -> Option<Self> {
        let mut chars = text.chars();
        let letter = chars.next()?;
        let stage = ListStage::ALL.into_iter().find(|stage| stage.letter() == letter)?;
        Some(Self { stage, below: chars.as_str().parse().ok()? })
    }

    fn write(self) -> String {
        format!("{}{}", self.stage.letter(), self.below)
    }
}

/// A page in the making.
struct Looking {
    filter: OrderFilter,
    index: Arc<QueueIndex>,
    /// The buyer's places in the queue, oldest first, where one buyer's orders are asked for.
    queued: Option<Places>,
    /// Rows that may still be looked at.
    left: usize,
    limit: usize,
}

impl Looking {
    /// Asks the index, so that the look at the database comes after that.
    fn begin(filter: OrderFilter, index: Arc<QueueIndex>, left: usize, limit: usize) -> Self {
        let queued = filter.phone.as_ref().map(|phone| index.find(Key::Buyer(phone)));
        Self { filter, index, queued, left, limit }
    }

    fn page(mut self, connection: &Connection, after: Option<Cursor>) -> rusqlite::Result<Orders> {
        let mut orders = Vec::new();
        for stage in ListStage::ALL {
            let is_done = after.is_some_and(|cursor| stage < cursor.stage);
            if is_done || !stage.is_asked_for(&self.filter) {
                continue;
            }
            let begun = after.filter(|cursor| cursor.stage == stage);
            let below = begun.map_or(i64::MAX, |cursor| cursor.below);
            if let Some(below) = self.fill(connection, stage, below, &mut orders)? {
                let next = Some(Cursor { stage, below }.write());
                return Ok(Orders { orders, next });
            }
        }
        Ok(Orders { orders, next: None })
    }

    /// Looks through a stage; where the page ended in it, the number to go on below.
    fn fill(
        &mut self,
        connection: &Connection,
        stage: ListStage,
        mut below: i64,
        orders: &mut Vec<OrderView>,
    ) -> rusqlite::Result<Option<i64>> {
        if let (ListStage::Queued, Some(places)) = (stage, self.queued.take()) {
            return self.fill_queued(connection, &places, below, orders);
        }
        let OrderFilter { prod_id, phone, id, .. } = self.filter.clone();
        let of_buyer = phone.as_ref().and_then(|_| stage.of_buyer());
        let spellings = id.filter(|_| phone.is_none()).map(|id| id.spellings()).unwrap_or_default();
        let of_ids = stage.of_ids(spellings.len()).filter(|_| !spellings.is_empty());
        let sql = of_buyer.as_deref().or(of_ids.as_deref()).unwrap_or_else(|| stage.walk());
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = if of_buyer.is_some() {
            let phone = phone.as_ref().map(Phone::whole);
            statement.query((below, phone, prod_id.as_ref().map(ProdId::as_str)))?
        } else if of_ids.is_some() {
            let bounds = spellings.into_iter().flat_map(|begin| {
                let end = format!("{begin}{}", char::MAX);
                [begin, end]
            });
            let values = std::iter::once(Value::from(below)).chain(bounds.map(Value::from));
            statement.query(params_from_iter(values))?
        } else {
            statement.query([below])?
        };
        while let Some(row) = rows.next()? {
            if orders.len() == self.limit || self.left == 0 {
                return Ok(Some(below));
            }
            self.left -= 1;
            below = row.get(0)?;
            if self.fits(stage, row)?
                && let Some((order, _)) = order(connection, &self.index, stage, below)?
            {
                orders.push(order);
            }
        }
        Ok(None)
    }

    /// Looks through one buyer's places in the queue, newest first.
    fn fill_queued(
        &mut self,
        connection: &Connection,
        places: &Places,
        mut below: i64,
        orders: &mut Vec<OrderView>,
    ) -> rusqlite::Result<Option<i64>> {
        let mut row = connection.prepare_cached(
            "SELECT seq, prod_id, user_phoneno, NULL, order_id FROM seckill_queue WHERE seq = ?1",
        )?;
        let first = below;
        for seq in places.iter().rev().filter(|seq| *seq < first) {
            if orders.len() == self.limit || self.left == 0 {
                return Ok(Some(below));
            }
            self.left -= 1;
            below = seq;
            let fits = row.query_row([seq], |row| self.fits(ListStage::Queued, row)).optional()?;
            if fits == Some(true)
                && let Some((order, _)) = order(connection, &self.index, ListStage::Queued, below)?
            {
                orders.push(order);
            }
        }
        Ok(None)
    }

    fn fits(&self, stage: ListStage, row: &Row<'_>) -> rusqlite::Result<bool> {
        let is = |at: usize, wanted: Option<&str>| -> rusqlite::Result<bool> {
            let Some(wanted) = wanted else { return Ok(true) };
            Ok(row.get_ref(at)?.as_str()? == wanted)
        };
        let state = stage.state(row.get(3)?);
        let OrderFilter { state: wanted, prod_id, phone, id } = &self.filter;
        let is_of_id = match id {
            None => true,
            Some(id) => id.fits(row.get_ref(4)?.as_str()?),
        };
        let prod_id = prod_id.as_ref().map(ProdId::as_str);
        let phone = phone.as_ref().map(Phone::whole);
        let is_of_state = wanted.is_none_or(|wanted| wanted == state);
        Ok(is_of_state && is_of_id && is(1, prod_id)? && is(2, phone)?)
    }
}

/// One order of a stage, and its buyer's whole phone number. `None` where it has moved on.
pub(crate) fn order(
    connection: &Connection,
    index: &QueueIndex,
    stage: ListStage,
    number: i64,
) -> rusqlite::Result<Option<(OrderView, Phone)>> {
    let view = |row: &Row<'_>| {
        let phone: Phone = of_text(row, 3)?;
        let body: Option<Vec<u8>> = row.get(10)?;
        let charge_money = match body.and_then(|body| OrderMessage::decode(&body).ok()) {
            Some(message) => Money::parse(&message.charge_money).ok(),
            None => row.get::<_, Option<i64>>(6)?.map(Money::from_milli),
        };
        let order = OrderView {
            order_id: of_text(row, 0)?,
            prod_id: of_text(row, 1)?,
            prod_name: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
            user: phone.to_string(),
            state: stage.state(row.get(4)?),
            reason: row.get(5)?,
            charge_money,
            asked_at: EpochMs(row.get(7)?),
            decided_at: row.get::<_, Option<i64>>(8)?.map(EpochMs),
            duplicates: unsigned(row.get(9)?),
        };
        Ok((order, phone))
    };
    let found = connection.prepare_cached(stage.row())?.query_row([number], view).optional()?;
    let Some((order, phone)) = found else { return Ok(None) };
    if matches!(stage, ListStage::Resent | ListStage::Unconfirmed | ListStage::SetAside) {
        let places = index.find(Key::Order(&order.order_id));
        if is_queued(connection, &order.order_id, &places)? {
            return Ok(None);
        }
    }
    Ok(Some((order, phone)))
}
