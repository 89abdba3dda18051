//! What operators change of products: a new one, more or fewer units, on or off the shelf, another
//! price. Stock is never overwritten, only added to or withdrawn from, so that sales meanwhile
//! can't get lost.

use protocol::{
    CreateProduct, Money, ProductView, RefusalCode, TEXT_CHARS_MAX, flaw, flaw_of_name,
};
use rusqlite::OptionalExtension;
use serde_json::{Value, json};

use crate::engine::error::{CommandError, Fault};
use crate::engine::tx::Tx;
use crate::operators::audit::{Carried, Command, Effect, refused, refused_with};
use crate::{Store, unsigned};

/// The largest stock of a product: a gateway's desk counts it in 32 bits.
const STOCK_MAX: i64 = u32::MAX as i64;

/// Whether a product may be charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shelf {
    /// It may.
    On,
    /// It may not.
    Off,
}

impl Store {
    /// Makes a product. The state is its [`ProductView`], without what only the roles know (`held`
    /// and `free`), and with the live orders by the row's own figure, not counted.
    ///
    /// # Errors
    /// `product_exists`, or `bad_request` for values outside the limits of [`CreateProduct`].
    pub async fn create_product(
        &self,
        command: Command,
        product: CreateProduct,
    ) -> Result<Carried, CommandError> {
        self.carry_out(command, move |tx, _| create(tx, &product)).await
    }

    /// Adds `delta` units, or withdraws unsold ones where it is negative. The state is as in
    /// [`Store::create_product`].
    ///
    /// # Errors
    /// `not_found`; `stale_version` with the current `version`; `not_enough_stock` with the number
    /// `unsold`; `bad_request` for a delta of 0, or of more than a stock can hold.
    pub async fn change_stock(
        &self,
        command: Command,
        prod_id: &str,
        delta: i64,
        if_version: Option<u64>,
    ) -> Result<Carried, CommandError> {
        let change = move |tx: &Tx<'_>, product: &ProductView| change_stock(tx, product, delta);
        self.change_product(command, prod_id, if_version, change).await
    }

    /// Puts a product on the shelf or takes it off; one that is there already stays as it is. The
    /// state is as in [`Store::create_product`].
    ///
    /// # Errors
    /// `not_found`; `stale_version` with the current `version`.
    pub async fn set_shelf(
        &self,
        command: Command,
        prod_id: &str,
        shelf: Shelf,
        if_version: Option<u64>,
    ) -> Result<Carried, CommandError> {
        let change = move |tx: &Tx<'_>, product: &ProductView| set_shelf(tx, product, shelf);
        self.change_product(command, prod_id, if_version, change).await
    }

    /// Gives a product another price; the one that it has already changes nothing. Orders that wait
    /// at another price fail when they are decided, as do charges from then on. The state is as in
    /// [`Store::create_product`].
    ///
    /// # Errors
    /// `not_found`; `stale_version` with the current `version`; `bad_request` for a price
    /// that isn't an amount above 0.
    pub async fn set_price(
        &self,
        command: Command,
        prod_id: &str,
        price: Money,
        if_version: Option<u64>,
    ) -> Result<Carried, CommandError> {
        let change = move |tx: &Tx<'_>, product: &ProductView| set_price(tx, product, price);
        self.change_product(command, prod_id, if_version, change).await
    }

    /// Carries out a change of a product that is there and at the version that the asker has seen.
    async fn change_product(
        &self,
        command: Command,
        prod_id: &str,
        if_version: Option<u64>,
        change: impl FnOnce(&Tx<'_>, &ProductView) -> Result<Effect, Fault> + Send + 'static,
    ) -> Result<Carried, CommandError> {
        let prod_id = prod_id.to_owned();
        let work = move |tx: &Tx<'_>, _: &Command| change(tx, &find(tx, &prod_id, if_version)?);
        self.carry_out(command, work).await
    }
}

pub(crate) fn create(tx: &Tx<'_>, product: &CreateProduct) -> Result<Effect, Fault> {
    check(product)?;
    if row(tx, &product.prod_id)?.is_some() {
        let msg = format!("product {} exists", product.prod_id);
        return Err(refused(RefusalCode::ProductExists, msg));
    }
    tx.statement(
        "INSERT INTO t_seckill_product
           (gmt_create, gmt_update, prod_id, prod_name, prod_status, prod_stock, prod_price,
            initial_stock)
         VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?5)",
    )?
    .execute((
        tx.now.0,
        &product.prod_id,
        &product.prod_name,
        !product.on_shelf,
        product.stock,
        product.price.milli(),
    ))?;
    tx.note_change();
    let made = find(tx, &product.prod_id, None)?;
    Effect::new(Value::Null, in_short(&made), &made)
}

fn check(product: &CreateProduct) -> Result<(), Fault> {
    let too_long = |text: &str| TEXT_CHARS_MAX < text.chars().count();
    let (id, name) = (product.prod_id.as_str(), product.prod_name.as_str());
    let wrong = if let Some(flaw) = flaw(id) {
        format!("prod_id is {id:?}, which {flaw}: 1 to {TEXT_CHARS_MAX} characters without blanks")
    } else if id.is_empty() || too_long(id) || id.contains(char::is_whitespace) {
        format!("prod_id: 1 to {TEXT_CHARS_MAX} characters without blanks")
    } else if let Some(flaw) = flaw_of_name(name) {
        format!("prod_name is {name:?}, which {flaw}: 1 to {TEXT_CHARS_MAX} characters of one line")
    } else if name.is_empty() || too_long(name) {
        format!("prod_name: 1 to {TEXT_CHARS_MAX} characters, not all blank")
    } else {
        return check_price(product.price);
    };
    Err(refused(RefusalCode::BadRequest, wrong))
}

fn check_price(price: Money) -> Result<(), Fault> {
    if 0 < price.milli() {
        return Ok(());
    }
    Err(refused(RefusalCode::BadRequest, format!("price: {price} is no amount above 0")))
}

pub(crate) fn change_stock(
    tx: &Tx<'_>,
    product: &ProductView,
    delta: i64,
) -> Result<Effect, Fault> {
    if delta == 0 {
        return Err(refused(RefusalCode::BadRequest, "delta: not 0"));
    }
    let (id, unsold) = (&product.prod_id, product.stock);
    let stock = i64::try_from(unsold).unwrap_or(i64::MAX).saturating_add(delta);
    if stock < 0 {
        let msg = format!("{id} has {unsold} unsold units, fewer than are to be withdrawn");
        let data = json!({ "unsold": unsold });
        return Err(refused_with(RefusalCode::NotEnoughStock, msg, data));
    }
    if STOCK_MAX < stock {
        let msg = format!("delta: {id} has {unsold} units and can have {STOCK_MAX} at most");
        return Err(refused(RefusalCode::BadRequest, msg));
    }
    tx.statement(
        "UPDATE t_seckill_product
            SET prod_stock = prod_stock + ?2, added_stock = added_stock + ?2,
                version = version + 1, gmt_update = ?3
          WHERE prod_id = ?1",
    )?
    .execute((id, delta, tx.now.0))?;
    tx.note_change();
    let after = find(tx, id, None)?;
    Effect::new(in_short(product), in_short(&after), &after)
}

pub(crate) fn set_shelf(tx: &Tx<'_>, product: &ProductView, shelf: Shelf) -> Result<Effect, Fault> {
    let status = match shelf {
        Shelf::On => 0,
        Shelf::Off => 1,
    };
    let sql = "UPDATE t_seckill_product
                  SET prod_status = ?2, version = version + 1, gmt_update = ?3
                WHERE prod_id = ?1 AND prod_status <> ?2";
    set(tx, product, sql, status)
}

pub(crate) fn set_price(tx: &Tx<'_>, product: &ProductView, price: Money) -> Result<Effect, Fault> {
    check_price(price)?;
    let sql = "UPDATE t_seckill_product
                  SET prod_price = ?2, version = version + 1, gmt_update = ?3
                WHERE prod_id = ?1 AND prod_price <> ?2";
    set(tx, product, sql, price.milli())
}

/// Sets one value of a product, by a statement that changes nothing where the product has it.
fn set(tx: &Tx<'_>, product: &ProductView, sql: &str, value: i64) -> Result<Effect, Fault> {
    let changed = tx.statement(sql)?.execute((&product.prod_id, value, tx.now.0))?;
    if 0 < changed {
        tx.note_change();
    }
    let after = find(tx, &product.prod_id, None)?;
    Effect::new(in_short(product), in_short(&after), &after)
}

/// The product, if it is there and at the version that the asker has seen.
pub(crate) fn find(
    tx: &Tx<'_>,
    prod_id: &str,
    if_version: Option<u64>,
) -> Result<ProductView, Fault> {
    let product = row(tx, prod_id)?
        .ok_or_else(|| refused(RefusalCode::NotFound, format!("there is no product {prod_id}")))?;
    let current = product.version;
    match if_version {
        Some(seen) if seen != current => {
            let msg = format!("{prod_id} is at version {current} and not at {seen} any more");
            Err(refused_with(RefusalCode::StaleVersion, msg, json!({ "version": current })))
        }
        _ => Ok(product),
    }
}

fn row(tx: &Tx<'_>, prod_id: &str) -> Result<Option<ProductView>, Fault> {
    let product = tx
        .statement(
            "SELECT prod_id, prod_name, prod_price, prod_status, initial_stock, added_stock,
                    prod_stock, sold, version,
                    initial_stock + added_stock - prod_stock - sold
               FROM t_seckill_product WHERE prod_id = ?1",
        )?
        .query_row([prod_id], |row| {
            let missing = row.get(9)?;
            Ok(ProductView {
                prod_id: row.get(0)?,
                prod_name: row.get(1)?,
                price: Money::from_milli(row.get(2)?),
                on_shelf: row.get::<_, i64>(3)? == 0,
                initial: unsigned(row.get(4)?),
                added: row.get(5)?,
                stock: unsigned(row.get(6)?),
                sold: unsigned(row.get(7)?),
                held: None,
                free: None,
                balanced: missing == 0,
                missing,
                version: unsigned(row.get(8)?),
                charges: None,
            })
        })
        .optional()?;
    Ok(product)
}

/// What commands change of a product, for the audit log.
fn in_short(product: &ProductView) -> Value {
    json!({
        "stock": product.stock,
        "added": product.added,
        "on_shelf": product.on_shelf,
        "price": product.price,
        "version": product.version,
    })
}
