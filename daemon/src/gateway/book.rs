//! What a gateway knows of each product and of each buyer who asked for it: all shelves, and which
//! id a buyer's next order has. All of it can be rebuilt from the order side and the queue. A
//! single shelf is in `shelf`; which products' charges are counted apart, in `apart`.

mod apart;
mod shelf;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::{ArcSwap, Guard};
use domain::order_id::{OrderId, OrderIdKey};
use domain::standing::{Found, Undecided};
use protocol::ProductState;

pub use self::apart::{APART_MAX, OTHER};
pub use self::shelf::{Buyer, NotHeld, Shelf, Standing};
use crate::gateway::outcomes::Outcomes;

/// All shelves of a gateway.
pub struct Book {
    shelves: ArcSwap<HashMap<Box<str>, Arc<Shelf>>>,
    products: ArcSwap<Vec<ProductState>>,
    key: OrderIdKey,
    meter_base: Instant,
    elsewhere: Outcomes,
}

/// The shelves of one moment.
pub struct Shelves(Guard<Arc<HashMap<Box<str>, Arc<Shelf>>>>);

impl Shelves {
    /// The shelf of a product.
    #[must_use]
    pub fn get(&self, prod_id: &str) -> Option<&Arc<Shelf>> {
        self.0.get(prod_id)
    }
}

impl Book {
    /// A book with no shelves yet.
    #[must_use]
    pub fn new(key: OrderIdKey) -> Self {
        Self::counting_from(key, Instant::now())
    }

    /// The shelf of a product.
    #[must_use]
    pub fn shelf(&self, prod_id: &str) -> Option<Arc<Shelf>> {
        self.shelves.load().get(prod_id).cloned()
    }

    /// All shelves as they are now, without changing a reference count. For a look, not to be kept.
    #[must_use]
    pub fn look(&self) -> Shelves {
        Shelves(self.shelves.load())
    }

    /// Every shelf.
    #[must_use]
    pub fn shelves(&self) -> Vec<Arc<Shelf>> {
        self.shelves.load().values().cloned().collect()
    }

    /// The products as the order side's last page had them.
    #[must_use]
    pub fn products(&self) -> Arc<Vec<ProductState>> {
        self.products.load_full()
    }

    /// The id of a buyer's next order.
    #[must_use]
    pub fn next_id(&self, prod_id: &str, user_phone: &str, failures: u32) -> OrderId {
        self.key.order_id(prod_id, user_phone, failures)
    }

    /// Takes over an undecided order found at start, and holds its unit. Returns false and holds
    /// nothing where the order is not the buyer's next one (it was decided meanwhile, or made with
    /// another key, or is known already): perhaps no decision would ever end that hold.
    pub fn adopt(&self, prod_id: &str, user_phone: &str, order: &Undecided, found: Found) -> bool {
        let Some(shelf) = self.shelf(prod_id) else { return false };
        let failures = shelf.buyer(user_phone).map_or(0, |buyer| buyer.failures);
        let next = self.next_id(prod_id, user_phone, failures);
        order.id == next && shelf.adopt(user_phone, order, found)
    }

    /// Makes shelves for products that are new, and renews the cards of all. The units are renewed
    /// elsewhere, together with the holds that end (`DeskStock::refresh`).
    pub fn renew_cards(&self, products: &[ProductState]) {
        if **self.products.load() != products {
            self.products.store(Arc::new(products.to_vec()));
        }
        let known = self.shelves.load();
        let is_unknown = |product: &ProductState| !known.contains_key(product.prod_id.as_str());
        let mut shelf_changed = products.iter().any(is_unknown);
        if shelf_changed {
            self.shelves.rcu(|shelves| {
                let mut shelves = HashMap::clone(shelves);
                for product in products {
                    shelves
                        .entry(product.prod_id.as_str().into())
                        .or_insert_with(|| Arc::new(Shelf::new(product, self.meter_base)));
                }
                shelves
            });
        }
        for product in products {
            if let Some(shelf) = known.get(product.prod_id.as_str()) {
                shelf_changed |= shelf.terms().0 != product.on_shelf;
                shelf.renew_card(product);
            }
        }
        if shelf_changed {
            self.choose_apart(products);
        }
    }
}

#[cfg(test)]
mod tests;
