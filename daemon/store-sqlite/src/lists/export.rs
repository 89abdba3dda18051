//! Decided orders by their decisions' numbers, a page at a time. Each page is a read of its own
//! over two indexes, so that an export of a million orders keeps no log from being checkpointed,
//! and nobody waits for it.

use domain::ports::ReadError;
use domain::ports::lists::{ExportFilter, Exported, Phones};
use protocol::{EpochMs, ExportedOrder, Money, OrderState, Phone, ProdId, Seq};
use rusqlite::{Connection, Row};

use super::order_lists::ListStage;
use crate::engine::columns::of_text;
use crate::sale::decisions;
use crate::{Store, page_limit, unsigned};

/// Rows that are looked at for one page: some 20 ms. A page that ends there is short.
const LOOKED_AT_MAX: usize = 10_000;

impl Store {
    /// See [`Lists::decided`](domain::ports::lists::Lists::decided).
    pub(crate) async fn export(
        &self,
        filter: ExportFilter,
        limit: usize,
    ) -> Result<Exported, ReadError> {
        self.export_within(filter, limit, LOOKED_AT_MAX).await
    }

    /// As [`Store::export`], looking at so many rows.
    pub(crate) async fn export_within(
        &self,
        filter: ExportFilter,
        limit: usize,
        looked_at_max: usize,
    ) -> Result<Exported, ReadError> {
        let limit = page_limit(limit);
        self.read(move |connection| page(connection, &filter, limit, looked_at_max)).await
    }
}

/// Decisions above number `?1` up to `?2`: number, order, product, its name, buyer, status, reason,
/// amount, times asked, decided and finished, duplicates. A duplicate has no status.
pub(crate) const EXPORT: &str = "
    SELECT decision_seq, order_id, prod_id, prod_name, user_phoneno, order_status, reason,
           charge_money, charge_time, gmt_create, finish_time, duplicates
      FROM t_seckill_order
     WHERE ?1 < decision_seq AND decision_seq <= ?2 AND record_status = 0
    UNION ALL
    SELECT decision_seq, order_id, prod_id,
           (SELECT prod_name FROM t_seckill_product p WHERE p.prod_id = d.prod_id),
           user_phoneno, NULL, 'duplicate_order',
           charge_money, COALESCE(charge_time, decided_at), decided_at, NULL, 0
      FROM seckill_duplicate d
     WHERE ?1 < decision_seq AND decision_seq <= ?2
    ORDER BY 1";

fn page(
    connection: &Connection,
    filter: &ExportFilter,
    limit: usize,
    looked_at_max: usize,
) -> rusqlite::Result<Exported> {
    let head = decisions::head(connection)?;
    let end = filter.up_to.map_or(head, |up_to| up_to.min(head));
    let (mut orders, mut up_to) = (Vec::new(), filter.after);
    let bound = |seq: Seq| i64::try_from(seq.0).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(EXPORT)?;
    let mut rows = statement.query((bound(filter.after), bound(end)))?;
    let mut looked_at = 0;
    while let Some(row) = rows.next()? {
        if orders.len() == limit || looked_at == looked_at_max {
            return Ok(Exported { orders, up_to, head });
        }
        looked_at += 1;
        up_to = Seq(unsigned(row.get(0)?));
        if fits(filter, row)? {
            orders.push(order(filter.phones, row)?);
        }
    }
    Ok(Exported { orders, up_to: end.max(filter.after), head })
}

fn state(row: &Row<'_>) -> rusqlite::Result<OrderState> {
    let status: Option<u8> = row.get(5)?;
    let stage = if status.is_some() { ListStage::Decided } else { ListStage::Duplicates };
    Ok(stage.state(status))
}

fn fits(filter: &ExportFilter, row: &Row<'_>) -> rusqlite::Result<bool> {
    let decided_at = EpochMs(row.get(9)?);
    let prod_id = row.get_ref(2)?.as_str()?;
    let is_of_state = match filter.state {
        None => true,
        Some(wanted) => state(row)? == wanted,
    };
    Ok(is_of_state
        && filter.prod_id.as_ref().map(ProdId::as_str).is_none_or(|wanted| wanted == prod_id)
        && filter.since.is_none_or(|since| since <= decided_at)
        && filter.until.is_none_or(|until| decided_at < until))
}

fn order(phones: Phones, row: &Row<'_>) -> rusqlite::Result<ExportedOrder> {
    let phone: Phone = of_text(row, 4)?;
    Ok(ExportedOrder {
        seq: Seq(unsigned(row.get(0)?)),
        order_id: of_text(row, 1)?,
        prod_id: of_text(row, 2)?,
        prod_name: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
        user: phone.to_string(),
        phone: (phones == Phones::Whole).then_some(phone),
        state: state(row)?,
        reason: row.get(6)?,
        charge_money: row.get::<_, Option<i64>>(7)?.map(Money::from_milli),
        asked_at: EpochMs(row.get(8)?),
        decided_at: EpochMs(row.get(9)?),
        finish_time: row.get::<_, Option<i64>>(10)?.map(EpochMs),
        duplicates: unsigned(row.get(11)?),
    })
}
