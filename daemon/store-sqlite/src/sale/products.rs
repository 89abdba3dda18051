//! Products: those a fresh database starts with, their state, and the proof that no unit was lost.

use crate::engine::columns::of_text;
use crate::sale::terms;
use crate::unsigned;
use domain::ports::{Balance, Seed};
use protocol::{EpochMs, ProdId, ProductState, TermsSet};
use rusqlite::{Connection, OptionalExtension, Row};

/// Puts in the products that are absent, and returns their ids. One that exists keeps what the
/// database has.
pub(crate) fn seed(
    connection: &Connection,
    seeds: &[Seed],
    now: i64,
) -> rusqlite::Result<Vec<ProdId>> {
    let mut added = Vec::new();
    for seed in seeds {
        let absent = connection.query_row(
            "SELECT NOT EXISTS (SELECT 1 FROM t_seckill_product WHERE prod_id = ?1)",
            [seed.prod_id.as_str()],
            |row| row.get::<_, bool>(0),
        )?;
        if absent {
            terms::insert(
                connection,
                &seed.prod_id,
                &seed.prod_name,
                &seed.terms,
                seed.stock,
                now,
            )?;
            added.push(seed.prod_id.clone());
        }
    }
    Ok(added)
}

/// What [`state`] reads of a product's row.
const STATE: &str = concat!(
    "SELECT prod_id, prod_name, initial_stock, added_stock, prod_stock, sold, version,
            terms_version, terms_at, terms_by, ",
    terms::columns!(),
    " FROM t_seckill_product"
);

fn state(row: &Row<'_>) -> rusqlite::Result<ProductState> {
    Ok(ProductState {
        prod_id: of_text(row, 0)?,
        prod_name: row.get(1)?,
        initial: unsigned(row.get(2)?),
        added: row.get(3)?,
        stock: unsigned(row.get(4)?),
        sold: unsigned(row.get(5)?),
        version: unsigned(row.get(6)?),
        terms_version: unsigned(row.get(7)?),
        terms_set: terms_set(row.get(8)?, row.get(9)?),
        terms: terms::of_row(row, 10)?,
    })
}

fn terms_set(at: Option<i64>, by: Option<String>) -> Option<TermsSet> {
    Some(TermsSet { at: EpochMs(at?), by: by? })
}

/// Every product, by id. `sold` is the row's own figure: see [`balances`] for the count.
pub(crate) fn states(connection: &Connection) -> rusqlite::Result<Vec<ProductState>> {
    let sql = format!("{STATE} ORDER BY prod_id");
    connection.prepare_cached(&sql)?.query_map([], state)?.collect()
}

/// One product, likewise; `None` where the database has none of this id.
pub(crate) fn find(
    connection: &Connection,
    prod_id: &ProdId,
) -> rusqlite::Result<Option<ProductState>> {
    let sql = format!("{STATE} WHERE prod_id = ?1");
    connection.prepare_cached(&sql)?.query_row([prod_id.as_str()], state).optional()
}

pub(crate) const BALANCES: &str = "
    SELECT prod_id, initial_stock, added_stock, prod_stock, sold,
           (SELECT COUNT(*) FROM t_seckill_order o
             WHERE o.prod_id = p.prod_id AND record_status = 0 AND order_status IN (0, 2))
      FROM t_seckill_product p ORDER BY prod_id";

/// Every product's books, by id.
pub(crate) fn balances(connection: &Connection) -> rusqlite::Result<Vec<Balance>> {
    connection
        .prepare_cached(BALANCES)?
        .query_map([], |row| {
            Ok(Balance {
                prod_id: of_text(row, 0)?,
                initial: row.get(1)?,
                added: row.get(2)?,
                stock: row.get(3)?,
                sold: row.get(4)?,
                live_orders: row.get(5)?,
            })
        })?
        .collect()
}
