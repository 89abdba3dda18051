//! The products as they are shown, on the Overview as well: filtered, sorted, with the key by which
//! the cursor stays on one.

use protocol::ProductView;

use crate::console::model::Model;
use crate::console::screens::sorting::{Sorting, fits, sort, sorting};

/// The ways of sorting products. Figures begin with the largest: it is what one looks for.
pub(crate) const PRODUCT_ORDERS: &[Sorting<ProductView>] = &[
    sorting("id", |a, b| a.prod_id.cmp(&b.prod_id)),
    sorting("name", |a, b| a.prod_name.cmp(&b.prod_name)),
    sorting("sold", |a, b| b.sold.cmp(&a.sold)),
    sorting("held", |a, b| b.held.cmp(&a.held)),
    sorting("free", |a, b| b.free.cmp(&a.free)),
    sorting("stock", |a, b| b.stock.cmp(&a.stock)),
];

pub(crate) fn products(model: &Model) -> Vec<&ProductView> {
    let all = model.shown().map_or(&[][..], |snapshot| &snapshot.products);
    let list = &model.products;
    let fitting = |product: &&ProductView| {
        fits(&list.filter, &[product.prod_id.as_str(), &product.prod_name])
    };
    let mut rows: Vec<&ProductView> = all.iter().filter(fitting).collect();
    sort(&mut rows, PRODUCT_ORDERS, list);
    rows
}

pub(crate) fn product_keys(rows: &[&ProductView]) -> Vec<String> {
    rows.iter().map(|product| product.prod_id.to_string()).collect()
}

pub(crate) fn selected_product(model: &Model) -> Option<&ProductView> {
    let rows = products(model);
    let index = model.products.selected(&product_keys(&rows))?;
    rows.get(index).copied()
}

/// The product whose row is marked on the screen.
pub(crate) fn marked_product(model: &Model) -> Option<&ProductView> {
    let rows = products(model);
    let index = model.products.marked(&product_keys(&rows))?;
    rows.get(index).copied()
}
