//! What an operator may do to a product: make one, add or withdraw units, change its terms. Stock
//! is never overwritten, only added to or withdrawn from, so that sales meanwhile can't get lost. A
//! store reads the facts and writes what is allowed; the sentence for a refusal is made where the
//! operator is answered.

use std::num::NonZeroI64;

use protocol::{
    Money, ProdId, ProductTextFault, ProductView, Terms, TermsFault, TermsPatch, prod_id_fault,
    prod_name_fault,
};
use serde_json::{Value, json};

use crate::terms;

/// The largest stock of a product: a gateway's desk counts it in 32 bits.
pub const STOCK_MAX: u64 = u32::MAX as u64;

/// A product to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProduct {
    /// Its id.
    pub prod_id: ProdId,
    /// Its name.
    pub prod_name: String,
    /// What it is sold at and whether, from the beginning.
    pub terms: Terms,
    /// Units to sell.
    pub stock: u32,
}

/// A change of a product that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// So many units are added; withdrawn where the number is negative.
    Stock(NonZeroI64),
    /// It is sold at these terms from now on, those that aren't named staying as they are. Orders
    /// that wait at another price fail when they are decided, as do charges.
    Terms(TermsPatch),
}

impl Change {
    /// It is on the shelf, or off it, from now on.
    #[must_use]
    pub fn shelf(on_shelf: bool) -> Self {
        Self::Terms(TermsPatch { on_shelf: Some(on_shelf), ..TermsPatch::default() })
    }

    /// A unit costs so much from now on.
    #[must_use]
    pub fn price(price: Money) -> Self {
        Self::Terms(TermsPatch { price: Some(price), ..TermsPatch::default() })
    }
}

/// A change that is allowed, as it is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// So many units more, or fewer. The version rises.
    Stock(NonZeroI64),
    /// These are its terms. The version rises, and that of the terms.
    Terms(Terms),
}

/// What the asker saw of a product, which it must still be at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The version of its row, which each sale raises.
    Version(u64),
    /// The version of its terms, which only commands raise.
    TermsVersion(u64),
}

impl Seen {
    /// The name of that version in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Version(_) => "version",
            Self::TermsVersion(_) => "terms_version",
        }
    }

    /// The version that was seen, and that of the product now.
    const fn beside(self, product: &ProductView) -> (u64, u64) {
        match self {
            Self::Version(seen) => (seen, product.version),
            Self::TermsVersion(seen) => (seen, product.terms_version),
        }
    }
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
        /// The version that it is at, of the kind that the asker saw.
        current: u64,
        /// What the asker saw.
        seen: Seen,
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
    /// No term is to be changed.
    NoTerms,
    /// It can't be sold at such terms.
    Terms(TermsFault),
}

/// How many units an operator adds, or withdraws.
///
/// # Errors
/// `NoUnits` for 0.
pub fn units(delta: i64) -> Result<NonZeroI64, Refusal> {
    NonZeroI64::new(delta).ok_or(Refusal::NoUnits)
}

/// The terms that an operator changes.
///
/// # Errors
/// `NoTerms` where none is named.
pub fn named_terms(patch: TermsPatch) -> Result<Change, Refusal> {
    if patch.is_empty() { Err(Refusal::NoTerms) } else { Ok(Change::Terms(patch)) }
}

/// Whether a product may be made. `found` is what the store has of its id.
///
/// # Errors
/// `Id`, `Name` or `Terms` where it can't be one; `Exists`.
pub fn create(new: &NewProduct, found: Option<&ProductView>) -> Result<(), Refusal> {
    if let Some(fault) = prod_id_fault(new.prod_id.as_str()) {
        return Err(Refusal::Id { id: new.prod_id.clone(), fault });
    }
    if let Some(fault) = prod_name_fault(&new.prod_name) {
        return Err(Refusal::Name { name: new.prod_name.clone(), fault });
    }
    if let Some(fault) = new.terms.fault() {
        return Err(Refusal::Terms(fault));
    }
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

/// What is changed of a product that the asker saw as `if_seen` says, where they say so; `None`
/// where it is so already.
///
/// # Errors
/// `Stale`; `NotEnough` and `TooMany` for units; `Terms`.
pub fn change(
    product: &ProductView,
    wanted: Change,
    if_seen: Option<Seen>,
) -> Result<Option<Write>, Refusal> {
    if let Some(seen) = if_seen
        && let (version, current) = seen.beside(product)
        && version != current
    {
        return Err(Refusal::Stale { prod_id: product.prod_id.clone(), current, seen });
    }
    match wanted {
        Change::Stock(delta) => {
            stock_fits(product, delta)?;
            Ok(Some(Write::Stock(delta)))
        }
        Change::Terms(patch) => match terms::change(&product.terms, &patch) {
            Ok(terms) => Ok(terms.map(Write::Terms)),
            Err(fault) => Err(Refusal::Terms(fault)),
        },
    }
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

/// What commands change of a product, as the audit log keeps it: a format of the database.
#[must_use]
pub fn in_short(product: &ProductView) -> Value {
    let ProductView { stock, added, version, terms_version, .. } = product;
    let mut short = json!({
        "stock": stock,
        "added": added,
        "version": version,
        "terms_version": terms_version,
    });
    if let (Some(short), Ok(Value::Object(terms))) =
        (short.as_object_mut(), serde_json::to_value(product.terms))
    {
        short.extend(terms);
    }
    short
}

#[cfg(test)]
mod tests;
