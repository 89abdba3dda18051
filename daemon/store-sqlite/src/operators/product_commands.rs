//! What operators change of products, in the database. What they may change is the domain's rule.

use domain::product::{self, Change, NewProduct, Shelf, in_short};
use protocol::{ProdId, ProductView};
use serde_json::Value;

use crate::engine::error::JobError;
use crate::engine::tx::Tx;
use crate::operators::allowed;
use crate::operators::audit::Effect;
use crate::sale::products;

pub(crate) fn create(tx: &Tx<'_>, new: &NewProduct) -> Result<Effect, JobError> {
    allowed(product::create(new, find(tx, &new.prod_id)?.as_ref()))?;
    tx.statement(
        "INSERT INTO t_seckill_product
           (gmt_create, gmt_update, prod_id, prod_name, prod_status, prod_stock, prod_price,
            initial_stock)
         VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?5)",
    )?
    .execute((
        tx.now.0,
        new.prod_id.as_str(),
        &new.prod_name,
        status(new.shelf),
        new.stock,
        new.price.milli(),
    ))?;
    tx.note_change();
    let made = known(tx, &new.prod_id)?;
    Effect::new(Value::Null, in_short(&made), &made)
}

pub(crate) fn change(
    tx: &Tx<'_>,
    prod_id: &ProdId,
    wanted: Change,
    if_version: Option<u64>,
) -> Result<Effect, JobError> {
    let before = known(tx, prod_id)?;
    let Some(change) = allowed(product::change(&before, wanted, if_version))? else {
        return Effect::new(in_short(&before), in_short(&before), &before);
    };
    let (sql, value) = match change {
        Change::Stock(delta) => (
            "UPDATE t_seckill_product
                SET prod_stock = prod_stock + ?2, added_stock = added_stock + ?2,
                    version = version + 1, gmt_update = ?3
              WHERE prod_id = ?1",
            delta.get(),
        ),
        Change::Shelf(shelf) => (
            "UPDATE t_seckill_product
                SET prod_status = ?2, version = version + 1,
                    terms_version = terms_version + 1, gmt_update = ?3
              WHERE prod_id = ?1",
            status(shelf),
        ),
        Change::Price(price) => (
            "UPDATE t_seckill_product
                SET prod_price = ?2, version = version + 1,
                    terms_version = terms_version + 1, gmt_update = ?3
              WHERE prod_id = ?1",
            price.milli(),
        ),
    };
    tx.statement(sql)?.execute((prod_id.as_str(), value, tx.now.0))?;
    tx.note_change();
    let after = known(tx, prod_id)?;
    Effect::new(in_short(&before), in_short(&after), &after)
}

/// `prod_status` of the contract.
const fn status(shelf: Shelf) -> i64 {
    match shelf {
        Shelf::On => 0,
        Shelf::Off => 1,
    }
}

fn known(tx: &Tx<'_>, prod_id: &ProdId) -> Result<ProductView, JobError> {
    allowed(product::known(prod_id, find(tx, prod_id)?))
}

fn find(tx: &Tx<'_>, prod_id: &ProdId) -> Result<Option<ProductView>, JobError> {
    Ok(products::find(tx.connection, prod_id)?.map(ProductView::from))
}
