//! Any product, and any counts of charges.

use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::subsequence;

use super::{count, maybe_count, moment, text};
use crate::{ChargesView, Counted, Money, ProductView, Terms, TermsSet};

pub(super) fn charges() -> BoxedStrategy<ChargesView> {
    let counted = [count(), count(), count()].prop_map(|[total, last_1s, last_60s]| Counted {
        total,
        last_1s,
        last_60s,
    });
    btree_map(text(), counted, 0..3).prop_map(ChargesView).boxed()
}

fn product(prod_id: String) -> BoxedStrategy<ProductView> {
    let counts = [count(), count(), count(), count(), count()];
    let flags = [any::<bool>(), any::<bool>()];
    let known = [maybe_count(), maybe_count()];
    let set = (moment(), text()).prop_map(|(at, by)| TermsSet { at, by });
    let more = (option::of(set), option::of(charges()));
    (text(), 0..=i64::MAX, flags, counts, any::<[i64; 2]>(), known, more)
        .prop_map(move |(prod_name, price, flags, counts, signed, known, more)| {
            let (terms_set, charges) = more;
            let [initial, stock, sold, version, terms_version] = counts;
            ProductView {
                state: None,
                prod_id: prod_id.as_str().into(),
                prod_name,
                terms: Terms { on_shelf: flags[0], ..Terms::at(Money::from_milli(price)) },
                balanced: flags[1],
                initial,
                stock,
                sold,
                version,
                terms_version,
                terms_set,
                added: signed[0],
                missing: signed[1],
                held: known[0],
                free: known[1],
                charges,
            }
        })
        .boxed()
}

/// By id, and few ids, so that two states often have the same products.
pub(super) fn products() -> BoxedStrategy<Vec<ProductView>> {
    let ids = ["p1", "p2", "p3"].map(str::to_owned).to_vec();
    prop_oneof![Just(ids.clone()), subsequence(ids, 0..=3)]
        .prop_flat_map(|ids| ids.into_iter().map(product).collect::<Vec<_>>())
        .boxed()
}
