//! Products: those a fresh database starts with, their state, and the proof that no unit was lost.

use domain::ports::{Balance, Seed};
use protocol::{Money, ProdId, ProductState};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::engine::columns::of_text;
use crate::unsigned;

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
            connection.execute(
                "INSERT INTO t_seckill_product
                   (gmt_create, gmt_update, prod_id, prod_name, prod_stock, prod_price,
                    initial_stock)
                 VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?4)",
                (now, seed.prod_id.as_str(), &seed.prod_name, seed.stock, seed.price.milli()),
            )?;
            added.push(seed.prod_id.clone());
        }
    }
    Ok(added)
}

/// What [`state`] reads of a product's row.
const STATE: &str =
    "SELECT prod_id, prod_name, prod_price, prod_status, initial_stock, added_stock, prod_stock,
            sold, version, terms_version
       FROM t_seckill_product";

fn state(row: &Row<'_>) -> rusqlite::Result<ProductState> {
    Ok(ProductState {
        prod_id: of_text(row, 0)?,
        prod_name: row.get(1)?,
        price: Money::from_milli(row.get(2)?),
        on_shelf: row.get::<_, i64>(3)? == 0,
        initial: unsigned(row.get(4)?),
        added: row.get(5)?,
        stock: unsigned(row.get(6)?),
        sold: unsigned(row.get(7)?),
        version: unsigned(row.get(8)?),
        terms_version: unsigned(row.get(9)?),
    })
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
