//! An outside judge of a sale: it knows what buyers were answered and what the database file holds,
//! and nothing of the daemon's code. Table and column names are the contract's.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags};

use crate::buyers::{Buyer, BuyerAnswer, Ledger};
use crate::until;

/// The database as it stood at one moment.
#[derive(Debug, Default)]
pub struct Books {
    products: Vec<Product>,
    orders: HashMap<String, Order>,
    /// Ids that were set aside because the buyer had a live order already.
    duplicates: HashSet<String>,
    queued: i64,
    unconfirmed: i64,
    /// Messages set aside with a reason.
    pub dead_letters: i64,
}

#[derive(Debug)]
struct Product {
    prod_id: String,
    initial: i64,
    added: i64,
    stock: i64,
}

#[derive(Debug)]
struct Order {
    prod_id: String,
    phone: String,
    status: i64,
    reason: Option<String>,
    is_live: bool,
}

impl Books {
    /// Reads the file in one transaction, without changing it; the daemon may be running.
    ///
    /// # Errors
    /// The file can't be read, or a table or column of the contract is missing.
    pub fn read(database: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(database, flags)
            .with_context(|| database.display().to_string())?;
        connection.busy_timeout(Duration::from_secs(5))?;
        let moment = connection.transaction()?;
        let count = |table: &str| {
            moment
                .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0))
        };
        Ok(Self {
            products: products(&moment)?,
            orders: orders(&moment)?,
            duplicates: moment
                .prepare("SELECT order_id FROM seckill_duplicate")?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?,
            queued: count("seckill_queue")? + resent(&moment)?,
            unconfirmed: count("seckill_unconfirmed")?,
            dead_letters: count("seckill_dead_letter")?,
        })
    }

    /// Reads the database of a daemon that is dead, as it was left: a copy of file and log, so that
    /// the next daemon finds them untouched. `None` where it has no tables yet.
    ///
    /// # Errors
    /// As [`Books::read`].
    pub fn of_the_dead(database: &Path) -> Result<Option<Self>> {
        let copies = tempfile::tempdir()?;
        let copy = copies.path().join("copy.db");
        let log = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
        for (from, to) in [(database.to_owned(), copy.clone()), (log(database), log(&copy))] {
            if from.exists() {
                std::fs::copy(from, to)?;
            }
        }
        let is_made = copy.exists() && {
            let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 't_seckill_product'";
            0 < Connection::open(&copy)?.query_row(tables, [], |row| row.get::<_, i64>(0))?
        };
        is_made.then(|| Self::read(&copy)).transpose()
    }

    /// Reads the file again and again until nothing is queued or unconfirmed.
    ///
    /// # Errors
    /// As [`Books::read`], or there is still something at the deadline.
    pub async fn drained(database: &Path, within: Duration) -> Result<Self> {
        until("an empty queue", within, || async {
            let books = Self::read(database)?;
            Ok((books.queued == 0 && books.unconfirmed == 0).then_some(books))
        })
        .await
    }

    /// How many live orders a product has.
    #[must_use]
    pub fn sold(&self, prod_id: &str) -> usize {
        self.live(prod_id).count()
    }

    /// A product's stock; `None` for one that isn't there.
    #[must_use]
    pub fn stock(&self, prod_id: &str) -> Option<i64> {
        self.products.iter().find(|product| product.prod_id == prod_id).map(|found| found.stock)
    }

    /// Messages that wait to be decided: in the embedded queue, and as resent dead letters.
    #[must_use]
    pub fn queued(&self) -> i64 {
        self.queued
    }

    /// How many orders a buyer has, of every kind.
    #[must_use]
    pub fn orders_of(&self, phone: &str) -> usize {
        self.orders.values().filter(|order| order.phone == phone).count()
    }

    /// What is wrong with the books alone: conservation, stock below zero, a buyer with two orders.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for product in &self.products {
            let Product { prod_id, initial, added, stock } = product;
            let mut buyers = HashSet::new();
            let twice = self.live(prod_id).filter(|order| !buyers.insert(&order.phone)).count();
            if 0 < twice {
                faults.push(format!("{prod_id}: {twice} second live orders of a buyer"));
            }
            let sold = i64::try_from(self.sold(prod_id)).unwrap_or(i64::MAX);
            if initial + added != stock + sold {
                faults.push(format!("{prod_id}: {initial} + {added} ≠ {stock} left + {sold} sold"));
            }
            if *stock < 0 {
                faults.push(format!("{prod_id}: stock {stock}"));
            }
        }
        faults
    }

    fn live(&self, prod_id: &str) -> impl Iterator<Item = &Order> {
        self.orders.values().filter(move |order| order.is_live && order.prod_id == prod_id)
    }
}

/// Dead letters on their way back; before schema 4 those were rows of the queue.
fn resent(moment: &Connection) -> rusqlite::Result<i64> {
    let columns =
        "SELECT count(*) FROM pragma_table_info('seckill_dead_letter') WHERE name = 'due_at'";
    let is_known = 0 < moment.query_row(columns, [], |row| row.get::<_, i64>(0))?;
    let due = "SELECT count(*) FROM seckill_dead_letter WHERE due_at IS NOT NULL";
    if is_known { moment.query_row(due, [], |row| row.get(0)) } else { Ok(0) }
}

fn products(connection: &Connection) -> rusqlite::Result<Vec<Product>> {
    connection
        .prepare("SELECT prod_id, initial_stock, added_stock, prod_stock FROM t_seckill_product")?
        .query_map([], |row| {
            Ok(Product {
                prod_id: row.get(0)?,
                initial: row.get(1)?,
                added: row.get(2)?,
                stock: row.get(3)?,
            })
        })?
        .collect()
}

fn orders(connection: &Connection) -> rusqlite::Result<HashMap<String, Order>> {
    connection
        .prepare(
            "SELECT order_id, prod_id, user_phoneno, order_status, reason,
                    record_status = 0 AND order_status IN (0, 2)
             FROM t_seckill_order",
        )?
        .query_map([], |row| {
            let order = Order {
                prod_id: row.get(1)?,
                phone: row.get(2)?,
                status: row.get(3)?,
                reason: row.get(4)?,
                is_live: row.get(5)?,
            };
            Ok((row.get(0)?, order))
        })?
        .collect()
}

/// Everything wrong with a finished sale: the books themselves, how many were sold, and every
/// buyer's story against the books. The queue must be drained before.
#[must_use]
pub fn faults(books: &Books, ledger: &Ledger, sold: usize) -> Vec<String> {
    let mut faults = books.faults();
    let prod_id = &ledger.prod_id;
    if books.sold(prod_id) != sold {
        faults.push(format!("{prod_id}: {} sold, {sold} expected", books.sold(prod_id)));
    }
    if 0 < books.queued {
        faults.push(format!("{} messages are still queued", books.queued));
    }
    if 0 < books.unconfirmed {
        faults.push(format!("{} sends are still unconfirmed", books.unconfirmed));
    }
    for buyer in &ledger.buyers {
        let of_buyer = buyer_faults(books, prod_id, buyer);
        faults.extend(of_buyer.into_iter().map(|fault| format!("{}: {fault}", buyer.phone)));
    }
    faults
}

fn buyer_faults(books: &Books, prod_id: &str, buyer: &Buyer) -> Vec<String> {
    let mut faults: Vec<String> = buyer
        .answers
        .iter()
        .filter_map(|answer| wrong_answer(books, prod_id, buyer, answer))
        .collect();
    let mut undecided_or_live: HashSet<&str> = buyer.answers.iter().filter_map(order_id).collect();
    undecided_or_live.retain(|id| books.orders.get(*id).is_none_or(|order| order.status != 3));
    if 1 < undecided_or_live.len() {
        faults.push(format!("several ids: {undecided_or_live:?}"));
    }
    let is_live = books.live(prod_id).any(|order| order.phone == buyer.phone);
    match buyer.answers.last() {
        Some(BuyerAnswer::Refused(code)) if is_live => {
            faults.push(format!("told {code} at the end, and has an order"));
        }
        Some(BuyerAnswer::Placed(_) | BuyerAnswer::Queued(_)) if !is_live => {
            faults.push("told of an order at the end, and has none".to_owned());
        }
        _ => {}
    }
    let after_an_order = buyer.answers.iter().skip_while(|answer| order_id(answer).is_none());
    if after_an_order.filter(|answer| is_never_ordered(answer)).count() != 0 {
        faults.push(format!(
            "told that there is no order after being told of one: {:?}",
            buyer.answers
        ));
    }
    faults
}

/// Why what a buyer was answered doesn't stand.
fn wrong_answer(
    books: &Books,
    prod_id: &str,
    buyer: &Buyer,
    answer: &BuyerAnswer,
) -> Option<String> {
    let id = order_id(answer)?;
    let Some(order) = books.orders.get(id) else {
        // A queued order may end as a duplicate of the buyer's own live order.
        let set_aside = books.duplicates.contains(id);
        let decided = matches!(answer, BuyerAnswer::Placed(_) | BuyerAnswer::Failed { .. });
        return (decided || !set_aside)
            .then(|| format!("{answer:?}, and the order has no outcome"));
    };
    if order.phone != buyer.phone || order.prod_id != prod_id {
        return Some(format!("{answer:?}, and the order is another's: {order:?}"));
    }
    let stands = match answer {
        BuyerAnswer::Placed(_) => order.is_live,
        BuyerAnswer::Failed { reason, .. } => {
            order.status == 3 && order.reason.as_deref() == Some(reason) && !reason.is_empty()
        }
        _ => order.is_live || (order.status == 3 && order.reason.is_some()),
    };
    (!stands).then(|| format!("{answer:?}, and the books have {order:?}"))
}

fn order_id(answer: &BuyerAnswer) -> Option<&str> {
    match answer {
        BuyerAnswer::Queued(id)
        | BuyerAnswer::Unconfirmed(id)
        | BuyerAnswer::Pending(id)
        | BuyerAnswer::Placed(id)
        | BuyerAnswer::Failed { id, .. } => Some(id),
        BuyerAnswer::Refused(_) | BuyerAnswer::NoOrder(_) | BuyerAnswer::Nothing(_) => None,
    }
}

fn is_never_ordered(answer: &BuyerAnswer) -> bool {
    matches!(answer, BuyerAnswer::NoOrder(code) if code == "41004" || code == "40004")
}

#[cfg(test)]
mod tests;
