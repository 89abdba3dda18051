//! What operators change of products, in the database. What they may change is the domain's rule.

use domain::ports::desk::Asked;
use domain::product::{self, Change, NewProduct, Seen, Write, in_short};
use protocol::{ProdId, ProductView};
use serde_json::Value;

use crate::engine::error::JobError;
use crate::engine::tx::Tx;
use crate::operators::allowed;
use crate::operators::audit::Effect;
use crate::sale::{products, terms};

pub(crate) fn create(tx: &Tx<'_>, new: &NewProduct) -> Result<Effect, JobError> {
    allowed(product::create(new, find(tx, &new.prod_id)?.as_ref()))?;
    terms::insert(tx.connection, &new.prod_id, &new.prod_name, &new.terms, new.stock, tx.now.0)?;
    tx.note_change();
    let made = known(tx, &new.prod_id)?;
    Effect::new(Value::Null, in_short(&made), &made)
}

pub(crate) fn change(
    tx: &Tx<'_>,
    asked: &Asked,
    prod_id: &ProdId,
    wanted: Change,
    if_seen: Option<Seen>,
) -> Result<Effect, JobError> {
    let before = known(tx, prod_id)?;
    match allowed(product::change(&before, wanted, if_seen))? {
        None => return Effect::new(in_short(&before), in_short(&before), &before),
        Some(Write::Stock(delta)) => {
            tx.statement(
                "UPDATE t_seckill_product
                    SET prod_stock = prod_stock + ?2, added_stock = added_stock + ?2,
                        version = version + 1, gmt_update = ?3
                  WHERE prod_id = ?1",
            )?
            .execute((prod_id.as_str(), delta.get(), tx.now.0))?;
        }
        Some(Write::Terms(new)) => {
            let by = asked.actor.name();
            terms::set(tx.connection, prod_id, &new, (tx.now.0, &by))?;
        }
    }
    tx.note_change();
    let after = known(tx, prod_id)?;
    Effect::new(in_short(&before), in_short(&after), &after)
}

fn known(tx: &Tx<'_>, prod_id: &ProdId) -> Result<ProductView, JobError> {
    allowed(product::known(prod_id, find(tx, prod_id)?))
}

fn find(tx: &Tx<'_>, prod_id: &ProdId) -> Result<Option<ProductView>, JobError> {
    Ok(products::find(tx.connection, prod_id)?.map(ProductView::from))
}
