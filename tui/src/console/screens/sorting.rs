//! How the rows of a list are filtered and sorted. Which rows there are is each screen's.

use std::cmp::Ordering;

use crate::console::model::List;

/// One way of sorting a list of `T`.
pub(crate) struct Sorting<T> {
    pub(crate) name: &'static str,
    compare: fn(&T, &T) -> Ordering,
}

pub(crate) const fn sorting<T>(name: &'static str, compare: fn(&T, &T) -> Ordering) -> Sorting<T> {
    Sorting { name, compare }
}

pub(crate) fn sort<T>(rows: &mut [&T], orders: &[Sorting<T>], list: &List) {
    if let Some(order) = orders.get(list.sort) {
        rows.sort_by(|a, b| (order.compare)(a, b));
    }
    if list.reversed {
        rows.reverse();
    }
}

/// Whether one of the texts contains the filter, whatever the case.
pub(crate) fn fits(filter: &str, texts: &[&str]) -> bool {
    let filter = filter.to_lowercase();
    texts.iter().any(|text| text.to_lowercase().contains(&filter))
}
