//! What is known of a buyer's order for a product, wherever it stands: the truthful answer of
//! `query.do`.

use std::sync::Arc;

use domain::ports::OrderRow;
use protocol::{EpochMs, Money, OrderMessage, OrderStatus, Phone, ProdId, Reason};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::engine::columns::of_text;
use crate::engine::error::ReadError;
use crate::queue_table::queue_index::{Key, Places};
use crate::{Store, unsigned};

/// See [`domain::ports::Sale::find`].
pub(crate) async fn found(
    store: &Store,
    prod_id: &ProdId,
    phone: &Phone,
) -> Result<Option<OrderRow>, ReadError> {
    let (prod_id, phone) = (prod_id.clone(), phone.clone());
    let index = Arc::clone(&store.inner.queue_index);
    store
        .read(move |connection| {
            let queued = index.find(Key::Buyer(&phone));
            find(connection, &queued, &prod_id, &phone)
        })
        .await
}

pub(crate) const LIVE: &str = "
    SELECT order_id, prod_id, prod_name, user_phoneno, order_status, reason, charge_money,
           charge_time, finish_time, placed_at, duplicates
      FROM t_seckill_order
     WHERE prod_id = ?1 AND user_phoneno = ?2 AND record_status = 0 AND order_status IN (0, 2)";

pub(crate) const FAILED: &str = "
    SELECT order_id, prod_id, prod_name, user_phoneno, order_status, reason, charge_money,
           charge_time, finish_time, placed_at, duplicates
      FROM t_seckill_order
     WHERE prod_id = ?1 AND user_phoneno = ?2 AND record_status = 0 AND order_status = 3
     ORDER BY id DESC LIMIT 1";

pub(crate) const QUEUED: &str = "
    SELECT order_id, body, charged_at FROM seckill_queue
     WHERE seq = ?3 AND prod_id = ?1 AND user_phoneno = ?2";

pub(crate) const SET_ASIDE: &str = "
    SELECT order_id, body, charged_at FROM seckill_dead_letter
     WHERE prod_id = ?1 AND user_phoneno = ?2 AND resolved_at IS NULL ORDER BY id LIMIT 1";

/// `queued` are the places that the queue's index has for the buyer; it was asked before the look
/// at the database began.
pub(crate) fn find(
    connection: &Connection,
    queued: &Places,
    prod_id: &ProdId,
    phone: &Phone,
) -> rusqlite::Result<Option<OrderRow>> {
    let buyer = (prod_id.as_str(), phone.whole());
    let decided =
        |sql: &str| connection.prepare_cached(sql)?.query_row(buyer, decided_row).optional();
    let as_row = |row: &Row<'_>| undecided_row(row, prod_id, phone);
    let in_queue = || -> rusqlite::Result<Option<OrderRow>> {
        let mut look = connection.prepare_cached(QUEUED)?;
        for seq in queued.iter() {
            let row = look.query_row((buyer.0, buyer.1, seq), as_row).optional()?;
            if row.is_some() {
                return Ok(row);
            }
        }
        Ok(None)
    };
    let set_aside = || connection.prepare_cached(SET_ASIDE)?.query_row(buyer, as_row).optional();
    if let Some(order) = decided(LIVE)? {
        return Ok(Some(order));
    }
    let waiting = match in_queue()? {
        None => set_aside()?,
        queued => queued,
    };
    let Some(mut order) = waiting else { return decided(FAILED) };
    order.prod_name = connection
        .prepare_cached("SELECT prod_name FROM t_seckill_product WHERE prod_id = ?1")?
        .query_row([prod_id.as_str()], |row| row.get(0))
        .optional()?
        .unwrap_or_default();
    Ok(Some(order))
}

fn decided_row(row: &Row<'_>) -> rusqlite::Result<OrderRow> {
    let status: u8 = row.get(4)?;
    let reason: Option<String> = row.get(5)?;
    let time = |at| row.get::<_, Option<i64>>(at).map(|ms| ms.map(EpochMs));
    Ok(OrderRow {
        order_id: of_text(row, 0)?,
        prod_id: of_text(row, 1)?,
        prod_name: row.get(2)?,
        phone: of_text(row, 3)?,
        status: OrderStatus::from_number(status)
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(4, i64::from(status)))?,
        reason: reason.as_deref().map(Reason::from_text),
        charge_money: row.get::<_, Option<i64>>(6)?.map(Money::from_milli),
        asked_at: EpochMs(row.get(7)?),
        finish_time: time(8)?,
        placed_at: time(9)?,
        duplicates: unsigned(row.get(10)?),
    })
}

fn undecided_row(row: &Row<'_>, prod_id: &ProdId, phone: &Phone) -> rusqlite::Result<OrderRow> {
    let body: Vec<u8> = row.get(1)?;
    let message = OrderMessage::decode(&body).ok();
    Ok(OrderRow {
        order_id: of_text(row, 0)?,
        prod_id: prod_id.clone(),
        prod_name: String::new(),
        phone: phone.clone(),
        status: OrderStatus::Queued,
        reason: None,
        charge_money: message.and_then(|message| Money::parse(&message.charge_money).ok()),
        asked_at: EpochMs(row.get(2)?),
        finish_time: None,
        placed_at: None,
        duplicates: 0,
    })
}
