//! What an operator may do to a product: make one, add or withdraw units, put it on the shelf or
//! take it off, give it another price. Stock is never overwritten, only added to or withdrawn from,
//! so that sales meanwhile can't get lost. A store reads the facts and writes what is allowed; the
//! sentence for a refusal is made where the operator is answered.

use std::num::NonZeroI64;

use protocol::{Money, ProdId, ProductTextFault, ProductView, prod_id_fault, prod_name_fault};
use serde_json::{Value, json};

/// The largest stock of a product: a gateway's desk counts it in 32 bits.
pub const STOCK_MAX: u64 = u32::MAX as u64;

/// Whether a product may be charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shelf {
    /// It may.
    On,
    /// It may not.
    Off,
}

impl Shelf {
    /// Where a product is that says of itself whether it is on the shelf.
    #[must_use]
    pub const fn of(on_shelf: bool) -> Self {
        if on_shelf { Self::On } else { Self::Off }
    }
}

/// A product to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProduct {
    /// Its id.
    pub prod_id: ProdId,
    /// Its name.
    pub prod_name: String,
    /// What a unit costs.
    pub price: Money,
    /// Units to sell.
    pub stock: u32,
    /// Where it is from the beginning.
    pub shelf: Shelf,
}

/// A change of a product that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// So many units are added; withdrawn where the number is negative.
    Stock(NonZeroI64),
    /// It is on the shelf, or off it, from now on.
    Shelf(Shelf),
    /// A unit costs so much from now on. Orders that wait at another price fail when they are
    /// decided, as do charges.
    Price(Money),
}

/// Why a product isn't made or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is one of that id.
    Exists {
        /// The id.
        prod_id: ProdId,
    },
    /// There is none of that id.
    Unknown {
        /// The id.
        prod_id: ProdId,
    },
    /// It was changed since the asker saw it.
    Stale {
        /// The product.
        prod_id: ProdId,
        /// The version that it is at.
        current: u64,
        /// The version that the asker saw.
        seen: u64,
    },
    /// Fewer units are unsold than are to be withdrawn.
    NotEnough {
        /// The product.
        prod_id: ProdId,
        /// Units not sold.
        unsold: u64,
    },
    /// It would have more than [`STOCK_MAX`] units.
    TooMany {
        /// The product.
        prod_id: ProdId,
        /// Units not sold.
        unsold: u64,
    },
    /// No units are to be added or withdrawn.
    NoUnits,
    /// The text is no product's id.
    Id {
        /// The text.
        id: ProdId,
        /// What is wrong with it.
        fault: ProductTextFault,
    },
    /// The text is no product's name.
    Name {
        /// The text.
        name: String,
        /// What is wrong with it.
        fault: ProductTextFault,
    },
    /// The price isn't above 0.
    Price(Money),
}

/// How many units an operator adds, or withdraws.
///
/// # Errors
/// `NoUnits` for 0.
pub fn units(delta: i64) -> Result<NonZeroI64, Refusal> {
    NonZeroI64::new(delta).ok_or(Refusal::NoUnits)
}

/// Whether a product may be made. `found` is what the store has of its id.
///
/// # Errors
/// `Id`, `Name` or `Price` where it can't be one; `Exists`.
pub fn create(new: &NewProduct, found: Option<&ProductView>) -> Result<(), Refusal> {
    if let Some(fault) = prod_id_fault(new.prod_id.as_str()) {
        return Err(Refusal::Id { id: new.prod_id.clone(), fault });
    }
    if let Some(fault) = prod_name_fault(&new.prod_name) {
        return Err(Refusal::Name { name: new.prod_name.clone(), fault });
    }
    above_nothing(new.price)?;
    match found {
        Some(_) => Err(Refusal::Exists { prod_id: new.prod_id.clone() }),
        None => Ok(()),
    }
}

/// The product that is to be changed.
///
/// # Errors
/// `Unknown` where the store has found none of this id.
pub fn known(prod_id: &ProdId, found: Option<ProductView>) -> Result<ProductView, Refusal> {
    found.ok_or_else(|| Refusal::Unknown { prod_id: prod_id.clone() })
}

/// What is changed of a product that the asker saw at version `if_version`, where they say so;
/// `None` where it is so already.
///
/// # Errors
/// `Stale`; `NotEnough` and `TooMany` for units; `Price`.
pub fn change(
    product: &ProductView,
    wanted: Change,
    if_version: Option<u64>,
) -> Result<Option<Change>, Refusal> {
    let current = product.version;
    if let Some(seen) = if_version.filter(|seen| *seen != current) {
        return Err(Refusal::Stale { prod_id: product.prod_id.clone(), current, seen });
    }
    let is_other = match wanted {
        Change::Stock(delta) => {
            stock_fits(product, delta)?;
            true
        }
        Change::Shelf(shelf) => Shelf::of(product.on_shelf) != shelf,
        Change::Price(price) => {
            above_nothing(price)?;
            product.price != price
        }
    };
    Ok(is_other.then_some(wanted))
}

fn stock_fits(product: &ProductView, delta: NonZeroI64) -> Result<(), Refusal> {
    let (prod_id, unsold) = (product.prod_id.clone(), product.stock);
    let stock = i128::from(unsold) + i128::from(delta.get());
    if stock < 0 {
        Err(Refusal::NotEnough { prod_id, unsold })
    } else if i128::from(STOCK_MAX) < stock {
        Err(Refusal::TooMany { prod_id, unsold })
    } else {
        Ok(())
    }
}

fn above_nothing(price: Money) -> Result<(), Refusal> {
    if 0 < price.milli() { Ok(()) } else { Err(Refusal::Price(price)) }
}

/// What commands change of a product, as the audit log keeps it: a format of the database.
#[must_use]
pub fn in_short(product: &ProductView) -> Value {
    json!({
        "stock": product.stock,
        "added": product.added,
        "on_shelf": product.on_shelf,
        "price": product.price,
        "version": product.version,
        "terms_version": product.terms_version,
    })
}

#[cfg(test)]
mod tests;
