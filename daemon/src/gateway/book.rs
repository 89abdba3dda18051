//! What a gateway knows of each product and of each buyer who asked for it: all entries, and which
//! id a buyer's next order has. All of it can be rebuilt from the order side and the queue. A
//! single entry is in `entry`; which products' charges are counted apart, in `apart`.

mod apart;
mod entry;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::{ArcSwap, Guard};
use domain::order_id::OrderIdKey;
use domain::standing::{Found, Undecided};
use protocol::{OrderId, Phone, ProdId, ProductState};

pub use self::apart::{APART_MAX, OTHER};
pub use self::entry::{BookEntry, Buyer, NotHeld, Standing};
use crate::gateway::outcomes::ChargeOutcomes;

/// All entries of a gateway.
pub struct Book {
    entries: ArcSwap<HashMap<ProdId, Arc<BookEntry>>>,
    products: ArcSwap<Vec<ProductState>>,
    key: OrderIdKey,
    meter_base: Instant,
    elsewhere: ChargeOutcomes,
}

/// The entries of one moment.
pub struct BookEntries(Guard<Arc<HashMap<ProdId, Arc<BookEntry>>>>);

impl BookEntries {
    /// The entry of a product.
    #[must_use]
    pub fn get(&self, prod_id: &ProdId) -> Option<&Arc<BookEntry>> {
        self.0.get(prod_id)
    }
}

impl Book {
    /// A book with no entries yet.
    #[must_use]
    pub fn new(key: OrderIdKey) -> Self {
        Self::counting_from(key, Instant::now())
    }

    /// The entry of a product.
    #[must_use]
    pub fn entry(&self, prod_id: &ProdId) -> Option<Arc<BookEntry>> {
        self.entries.load().get(prod_id).cloned()
    }

    /// All entries as they are now, without changing a reference count. For a look, not to be kept.
    #[must_use]
    pub fn look(&self) -> BookEntries {
        BookEntries(self.entries.load())
    }

    /// Every entry.
    #[must_use]
    pub fn entries(&self) -> Vec<Arc<BookEntry>> {
        self.entries.load().values().cloned().collect()
    }

    /// The products as the order side's last page had them.
    #[must_use]
    pub fn products(&self) -> Arc<Vec<ProductState>> {
        self.products.load_full()
    }

    /// The id of a buyer's next order.
    #[must_use]
    pub fn next_id(&self, prod_id: &ProdId, phone: &Phone, failures: u32) -> OrderId {
        self.key.order_id(prod_id, phone, failures)
    }

    /// Takes over an undecided order found at start, and holds its unit. Returns false and holds
    /// nothing where the order is not the buyer's next one (it was decided meanwhile, or made with
    /// another key, or is known already): perhaps no decision would ever end that hold.
    pub fn adopt(&self, prod_id: &ProdId, phone: &Phone, order: &Undecided, found: Found) -> bool {
        let Some(entry) = self.entry(prod_id) else { return false };
        let failures = entry.buyer(phone).map_or(0, |buyer| buyer.failures);
        let next = self.next_id(prod_id, phone, failures);
        order.id == next && entry.adopt(phone, order, found)
    }

    /// Makes entries for products that are new, and renews the cards of all. The units are renewed
    /// elsewhere, together with the holds that end (`GatewayStock::refresh`).
    pub fn renew_cards(&self, products: &[ProductState]) {
        if **self.products.load() != products {
            self.products.store(Arc::new(products.to_vec()));
        }
        let known = self.entries.load();
        let is_unknown = |product: &ProductState| !known.contains_key(&product.prod_id);
        let mut shelf_changed = products.iter().any(is_unknown);
        if shelf_changed {
            self.entries.rcu(|entries| {
                let mut entries = HashMap::clone(entries);
                for product in products {
                    entries
                        .entry(product.prod_id.clone())
                        .or_insert_with(|| Arc::new(BookEntry::new(product, self.meter_base)));
                }
                entries
            });
        }
        for product in products {
            if let Some(entry) = known.get(&product.prod_id) {
                shelf_changed |= entry.terms().on_shelf != product.terms.on_shelf;
                entry.renew_card(product);
            }
        }
        if shelf_changed {
            self.choose_apart(products);
        }
    }
}

#[cfg(test)]
mod tests;
