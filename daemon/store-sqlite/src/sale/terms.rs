//! The columns of a product's terms: which they are, how they are read and written. Every statement
//! about them takes them from here.

use protocol::{Money, ProdId, Terms};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

/// The columns, in the sequence in which [`of_row`] reads them.
macro_rules! columns {
    () => {
        "prod_price, prod_status"
    };
}
pub(crate) use columns;

/// A parameter for each column, numbered after those before it in the statement.
macro_rules! parameters {
    () => {
        "?, ?"
    };
}

/// The terms of a row that has the columns from `first` on.
pub(crate) fn of_row(row: &Row<'_>, first: usize) -> rusqlite::Result<Terms> {
    Ok(Terms {
        price: Money::from_milli(row.get(first)?),
        on_shelf: row.get::<_, i64>(first + 1)? == 0,
    })
}

/// A value for each column. `prod_status` is 0 on the shelf, by the contract.
fn values(terms: &Terms) -> [Value; 2] {
    let Terms { price, on_shelf } = *terms;
    [price.milli().into(), i64::from(!on_shelf).into()]
}

/// A product's new terms. Both its versions rise.
pub(crate) fn set(
    connection: &Connection,
    prod_id: &ProdId,
    terms: &Terms,
    now: i64,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(concat!(
        "UPDATE t_seckill_product
            SET version = version + 1, terms_version = terms_version + 1, gmt_update = ?1, (",
        columns!(),
        ") = (",
        parameters!(),
        ") WHERE prod_id = ?"
    ))?;
    let (first, last) = ([now.into()], [prod_id.as_str().to_owned().into()]);
    let given = first.into_iter().chain(values(terms)).chain(last);
    statement.execute(params_from_iter(given))?;
    Ok(())
}

/// Puts in a product that is absent.
pub(crate) fn insert(
    connection: &Connection,
    prod_id: &ProdId,
    prod_name: &str,
    terms: &Terms,
    stock: u32,
    now: i64,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(concat!(
        "INSERT INTO t_seckill_product
           (gmt_create, gmt_update, prod_id, prod_name, prod_stock, initial_stock, ",
        columns!(),
        ") VALUES (?1, ?1, ?2, ?3, ?4, ?4, ",
        parameters!(),
        ")"
    ))?;
    let first =
        [now.into(), prod_id.as_str().to_owned().into(), prod_name.to_owned().into(), stock.into()];
    statement.execute(params_from_iter(first.into_iter().chain(values(terms))))?;
    Ok(())
}
