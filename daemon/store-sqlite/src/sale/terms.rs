//! The columns of a product's terms: which they are, how they are read and written. Every statement
//! about them takes them from here. The windows that a product has had on the shelf are kept beside
//! it.

use domain::terms::{Window, window_to_keep};
use protocol::{Bound, EpochMs, Money, PreheatRatio, ProdId, Terms};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

/// The columns, in the sequence in which [`of_row`] reads them.
macro_rules! columns {
    () => {
        "prod_price, prod_status, opens_at, closes_at, preheat_ratio"
    };
}
pub(crate) use columns;

/// A parameter for each column, numbered after those before it in the statement.
macro_rules! parameters {
    () => {
        "?, ?, ?, ?, ?"
    };
}

/// The terms of a row that has the columns from `first` on.
pub(crate) fn of_row(row: &Row<'_>, first: usize) -> rusqlite::Result<Terms> {
    Ok(Terms {
        price: Money::from_milli(row.get(first)?),
        on_shelf: row.get::<_, i64>(first + 1)? == 0,
        opens_at: bound(row.get(first + 2)?),
        closes_at: bound(row.get(first + 3)?),
        // The column's own constraint holds it within.
        preheat_ratio: PreheatRatio::from_milli(row.get(first + 4)?).unwrap_or_default(),
    })
}

fn bound(moment: Option<i64>) -> Bound {
    Bound(moment.map(EpochMs))
}

/// A value for each column. `prod_status` is 0 on the shelf, by the contract.
fn values(terms: &Terms) -> [Value; 5] {
    let Terms { price, on_shelf, opens_at, closes_at, preheat_ratio } = *terms;
    let [opens_at, closes_at] = [opens_at, closes_at].map(|bound| bound.0.map(|at| at.0).into());
    let ratio = i64::from(preheat_ratio.milli()).into();
    [price.milli().into(), i64::from(!on_shelf).into(), opens_at, closes_at, ratio]
}

/// No bound among the windows: each has a number, so that no window is there twice.
const NO_OPENING: i64 = i64::MIN;
/// See [`NO_OPENING`].
const NO_CLOSE: i64 = i64::MAX;

/// Keeps the window of terms that orders may be told "queueing" by.
fn keep_window(connection: &Connection, prod_id: &ProdId, terms: &Terms) -> rusqlite::Result<()> {
    let Some(Window { opens_at, closes_at }) = window_to_keep(terms) else { return Ok(()) };
    let opens_at = opens_at.0.map_or(NO_OPENING, |at| at.0);
    let closes_at = closes_at.0.map_or(NO_CLOSE, |at| at.0);
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO seckill_window (prod_id, opens_at, closes_at)
             VALUES (?1, ?2, ?3)",
        )?
        .execute((prod_id.as_str(), opens_at, closes_at))?;
    Ok(())
}

/// The windows that a product has had on the shelf. A product without a bound isn't looked up: its
/// orders come at no wrong time.
pub(crate) fn windows(
    connection: &Connection,
    prod_id: &ProdId,
    terms: &Terms,
) -> rusqlite::Result<Vec<Window>> {
    if Window::of(terms).is_unbounded() {
        return Ok(Vec::new());
    }
    let window = |row: &Row<'_>| {
        let (opens_at, closes_at): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok(Window {
            opens_at: bound((opens_at != NO_OPENING).then_some(opens_at)),
            closes_at: bound((closes_at != NO_CLOSE).then_some(closes_at)),
        })
    };
    connection
        .prepare_cached("SELECT opens_at, closes_at FROM seckill_window WHERE prod_id = ?1")?
        .query_map([prod_id.as_str()], window)?
        .collect()
}

/// A product's new terms, and who has set them. Both its versions rise.
pub(crate) fn set(
    connection: &Connection,
    prod_id: &ProdId,
    terms: &Terms,
    (now, by): (i64, &str),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(concat!(
        "UPDATE t_seckill_product
            SET version = version + 1, terms_version = terms_version + 1, gmt_update = ?1,
                terms_at = ?1, terms_by = ?2, (",
        columns!(),
        ") = (",
        parameters!(),
        ") WHERE prod_id = ?"
    ))?;
    let first = [now.into(), by.to_owned().into()];
    let last = [prod_id.as_str().to_owned().into()];
    let given = first.into_iter().chain(values(terms)).chain(last);
    statement.execute(params_from_iter(given))?;
    keep_window(connection, prod_id, terms)
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
    keep_window(connection, prod_id, terms)
}
