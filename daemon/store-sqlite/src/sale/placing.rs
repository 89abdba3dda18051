//! Deciding orders inside a transaction: gathers the facts, asks `domain::ordering`, stores the
//! verdict. Where the orders come from, and what becomes of a message that can't be decided, is the
//! callers' business.
//!
//! A batch is decided as a whole. Only when something in it fails unexpectedly is it done over,
//! each order by itself, to find the order at fault and spare the others.

use std::borrow::Cow;
use std::collections::HashMap;

use domain::ordering::{Facts, Offer, Verdict, decide};
use domain::ports::Delivery;
use protocol::{EpochMs, Money, OrderMessage, OrderStatus, Reason};
use rusqlite::{CachedStatement, OptionalExtension};

use crate::engine::error::{Fault, WriteError};
use crate::engine::mishaps::Mishaps;
use crate::engine::tx::Tx;
use crate::sale::dead_letters::{self, DeadLetter, Resolution};
use crate::sale::outcomes::Outcomes;
use crate::{Store, unsigned};

/// A readable order that may have been decided before.
#[derive(Debug)]
pub(crate) struct Candidate<'m> {
    /// What was ordered.
    pub(crate) message: Cow<'m, OrderMessage>,
    /// When the buyer asked.
    pub(crate) charged_at: EpochMs,
    /// When the queue had it, where that is known.
    pub(crate) queued_at: Option<EpochMs>,
}

impl Candidate<'_> {
    /// The same, its message borrowed.
    fn lent(&self) -> Candidate<'_> {
        let Self { message, charged_at, queued_at } = self;
        let message = Cow::Borrowed(&**message);
        Candidate { message, charged_at: *charged_at, queued_at: *queued_at }
    }
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    /// How its orders ended.
    pub(crate) outcomes: Outcomes,
    /// Positions of the orders that failed unexpectedly, by themselves, with the cause.
    pub(crate) at_fault: Vec<(usize, Fault)>,
}

impl Store {
    /// Decides every delivery and returns after the commit. Malformed deliveries, and those that
    /// fail by themselves for an unexpected reason, become dead letters in the same transaction.
    ///
    /// Blocks, and panics on a thread that drives async tasks: call it by way of `spawn_blocking`,
    /// or from a thread of your own.
    ///
    /// # Errors
    /// The store failed; unless it is [`WriteError::Unknown`], nothing was decided. Either way the
    /// same deliveries can be given again.
    pub fn place_blocking(&self, deliveries: Vec<Delivery>) -> Result<Outcomes, WriteError> {
        // Decoded here, on the caller's thread: the writer's time is everybody's.
        let read: Vec<_> = deliveries.into_iter().map(read).collect();
        self.writer().write_blocking(read.len(), move |tx| place(tx, &read))
    }
}

/// A delivery, and its message or why there is none.
pub(crate) type Read = (Delivery, Result<Candidate<'static>, String>);

pub(crate) fn read(delivery: Delivery) -> Read {
    let Delivery { charged_at, queued_at, .. } = delivery;
    let message = OrderMessage::decode(&delivery.body);
    let read =
        message.map(|message| Candidate { message: Cow::Owned(message), charged_at, queued_at });
    (delivery, read.map_err(|malformed| malformed.to_string()))
}

pub(crate) fn place(tx: &Tx<'_>, deliveries: &[Read]) -> Result<Outcomes, Fault> {
    let (mut outcomes, mut mishaps) = (Outcomes::default(), Mishaps::default());
    let mut candidates = Vec::with_capacity(deliveries.len());
    let mut sources = Vec::with_capacity(deliveries.len());
    for (delivery, read) in deliveries {
        tx.note_delivery(delivery.redeliveries);
        match read {
            Ok(candidate) => {
                candidates.push(candidate.lent());
                sources.push(delivery);
            }
            Err(reason) => {
                bury(tx, delivery, None, reason, (&mut outcomes, &mut mishaps))?;
            }
        }
    }
    let decided = decide_all(tx, &candidates)?;
    for (at, fault) in &decided.at_fault {
        if let (Some(source), Some(candidate)) = (sources.get(*at), candidates.get(*at)) {
            let reason = fault.to_string();
            let message = Some(&*candidate.message);
            bury(tx, source, message, &reason, (&mut outcomes, &mut mishaps))?;
        }
    }
    let outcomes = outcomes.plus(&decided.outcomes);
    outcomes.store(tx)?;
    Ok(outcomes)
}

fn bury(
    tx: &Tx<'_>,
    delivery: &Delivery,
    message: Option<&OrderMessage>,
    reason: &str,
    (outcomes, mishaps): (&mut Outcomes, &mut Mishaps),
) -> Result<(), Fault> {
    let letter = DeadLetter {
        origin: &delivery.origin,
        message,
        body: &delivery.body,
        reason,
        redeliveries: delivery.redeliveries,
        charged_at: delivery.charged_at,
        queued_at: delivery.queued_at,
    };
    if dead_letters::bury(tx, &letter)? {
        outcomes.dead_lettered += 1;
        let order_id = dead_letters::id_for_the_log(message, &delivery.body);
        mishaps.set_aside(order_id.as_deref(), &delivery.origin, reason);
    }
    Ok(())
}

/// Decides the orders in their sequence. The outcomes are returned, not yet counted in the
/// database.
pub(crate) fn decide_all(tx: &Tx<'_>, candidates: &[Candidate<'_>]) -> Result<Decided, Fault> {
    match tx.undoable(|tx| decide_group(tx, candidates)) {
        Ok(outcomes) => Ok(Decided { outcomes, at_fault: Vec::new() }),
        Err(fault) if gives_up(tx, &fault) => Err(fault),
        Err(_) => decide_each(tx, candidates),
    }
}

fn decide_each(tx: &Tx<'_>, candidates: &[Candidate<'_>]) -> Result<Decided, Fault> {
    let mut decided = Decided::default();
    for (at, candidate) in candidates.iter().enumerate() {
        match tx.undoable(|tx| decide_group(tx, std::slice::from_ref(candidate))) {
            Ok(outcomes) => decided.outcomes = decided.outcomes.plus(&outcomes),
            Err(fault) if gives_up(tx, &fault) => return Err(fault),
            Err(fault) => decided.at_fault.push((at, fault)),
        }
    }
    Ok(decided)
}

/// Whether the whole transaction is lost, so that looking for the order at fault is pointless.
fn gives_up(tx: &Tx<'_>, fault: &Fault) -> bool {
    !fault.is_of_the_work() || tx.is_spoiled() || tx.connection.is_autocommit()
}

fn decide_group(tx: &Tx<'_>, candidates: &[Candidate<'_>]) -> Result<Outcomes, Fault> {
    let mut desk = Desk::open(tx)?;
    for candidate in candidates {
        desk.decide(candidate)?;
    }
    desk.close()
}

/// Fails an order for a reason that the placing rules don't know, unless it is decided.
pub(crate) fn fail(
    tx: &Tx<'_>,
    candidate: &Candidate<'_>,
    reason: Reason,
) -> Result<Outcomes, Fault> {
    let order = &candidate.message;
    let mut desk = Desk::open(tx)?;
    let (decided, _) = desk.known(order)?;
    if !decided {
        desk.look_up(&order.prod_id)?;
        desk.fail(candidate, reason)?;
    }
    desk.close()
}

/// Whether an order of this id is decided.
pub(crate) fn is_decided(tx: &Tx<'_>, order_id: &str) -> Result<bool, Fault> {
    let decided = tx.statement(DECIDED)?.query_row([order_id], |row| row.get(0))?;
    Ok(decided)
}

/// A product as the group sees it; its stock goes down in memory and is written once, at the end.
struct Product {
    name: String,
    price: Money,
    stock: u64,
    sold_now: u64,
}

/// The state of deciding one group of orders.
struct Desk<'a> {
    tx: &'a Tx<'a>,
    /// The statements that every order may need, looked up once.
    facts: CachedStatement<'a>,
    insert: CachedStatement<'a>,
    insert_new: CachedStatement<'a>,
    products: HashMap<String, Option<Product>>,
    /// The newest decision's number.
    head: i64,
    /// Whether a decided order may still lie among the dead letters.
    dead_letters: bool,
    /// Whether there are orders that were decided without a row among the orders.
    duplicates: bool,
    outcomes: Outcomes,
    /// Of each order placed, milliseconds since its buyer asked.
    waits_ms: Vec<i64>,
}

/// Whether an order's id is decided.
const DECIDED: &str = "
    SELECT EXISTS (SELECT 1 FROM t_seckill_order WHERE order_id = ?1)
        OR EXISTS (SELECT 1 FROM seckill_duplicate WHERE order_id = ?1)";

/// Whether an order's id is decided, and the buyer's live order for the product.
pub(crate) const FACTS: &str = "
    SELECT EXISTS (SELECT 1 FROM t_seckill_order WHERE order_id = ?1)
        OR EXISTS (SELECT 1 FROM seckill_duplicate WHERE order_id = ?1),
           (SELECT order_id FROM t_seckill_order
             WHERE prod_id = ?2 AND user_phoneno = ?3
               AND record_status = 0 AND order_status IN (0, 2))";

/// A decided order's row, and what follows the values.
macro_rules! insert {
    ($end:literal) => {
        concat!(
            "INSERT INTO t_seckill_order
               (gmt_create, gmt_update, order_id, order_status, user_phoneno, prod_id, prod_name,
                charge_money, charge_time, finish_time, reason, placed_at, decision_seq, queued_at)
             VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            $end
        )
    };
}

/// A decided order's row.
const INSERT: &str = insert!("");

/// The same, but nothing where the id is decided or the buyer has a live order: the table's own
/// constraints look for both while they find the row's place, so that a look beforehand would be
/// the same work twice.
const INSERT_NEW: &str = insert!(" ON CONFLICT DO NOTHING");

/// How a decided order's row differs from others'.
struct Row<'a> {
    status: OrderStatus,
    reason: Option<Reason>,
    prod_name: &'a str,
}

impl<'a> Desk<'a> {
    fn open(tx: &'a Tx<'a>) -> Result<Self, Fault> {
        let (head, dead_letters, duplicates) = tx
            .statement(
                "SELECT MAX(COALESCE((SELECT MAX(decision_seq) FROM t_seckill_order), 0),
                            COALESCE((SELECT MAX(decision_seq) FROM seckill_duplicate), 0)),
                        EXISTS (SELECT 1 FROM seckill_dead_letter WHERE resolved_at IS NULL),
                        EXISTS (SELECT 1 FROM seckill_duplicate)",
            )?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(Self {
            tx,
            facts: tx.statement(FACTS)?,
            insert: tx.statement(INSERT)?,
            insert_new: tx.statement(INSERT_NEW)?,
            products: HashMap::new(),
            head,
            dead_letters,
            duplicates,
            outcomes: Outcomes::default(),
            waits_ms: Vec::new(),
        })
    }

    fn decide(&mut self, candidate: &Candidate<'_>) -> Result<(), Fault> {
        let order = &candidate.message;
        self.look_up(&order.prod_id)?;
        if !self.duplicates && matches!(decide(&self.facts_of(order, false, None)), Verdict::Place)
        {
            match self.place_new(candidate) {
                Ok(true) => return self.resolve_dead_letter(order),
                Err(fault) if gives_up(self.tx, &fault) => return Err(fault),
                // A repeated order, or one at fault: the look below tells which it is.
                Ok(false) | Err(_) => {}
            }
        }
        let (decided, live) = self.known(order)?;
        match decide(&self.facts_of(order, decided, live.as_deref())) {
            Verdict::AlreadyDecided => {
                self.outcomes.duplicate_deliveries += 1;
                return Ok(());
            }
            Verdict::DuplicateOrder { live_order_id } => {
                self.set_aside(candidate, live_order_id)?;
            }
            Verdict::Fail(reason) => self.fail(candidate, reason)?,
            Verdict::Place => self.place(candidate)?,
        }
        self.resolve_dead_letter(order)
    }

    fn facts_of<'o>(
        &self,
        order: &'o OrderMessage,
        decided: bool,
        live_order_id: Option<&'o str>,
    ) -> Facts<'o> {
        let product = self.products.get(&order.prod_id).and_then(Option::as_ref);
        let product = product.map(|product| Offer { price: product.price, stock: product.stock });
        Facts { decided, live_order_id, product, charge_money: &order.charge_money }
    }

    /// Whether its id is decided, and its buyer's live order.
    fn known(&mut self, order: &OrderMessage) -> Result<(bool, Option<String>), Fault> {
        let key = (&order.order_id, &order.prod_id, &order.user_phone);
        Ok(self.facts.query_row(key, |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    fn look_up(&mut self, prod_id: &str) -> Result<(), Fault> {
        if self.products.contains_key(prod_id) {
            return Ok(());
        }
        let product = self
            .tx
            .statement(
                "SELECT prod_name, prod_price, prod_stock FROM t_seckill_product WHERE prod_id = ?1",
            )?
            .query_row([prod_id], |row| {
                Ok(Product {
                    name: row.get(0)?,
                    price: Money::from_milli(row.get(1)?),
                    stock: unsigned(row.get(2)?),
                    sold_now: 0,
                })
            })
            .optional()?;
        self.products.insert(prod_id.to_owned(), product);
        Ok(())
    }

    /// Places an order unless its id is decided or its buyer has a live one: true when it did.
    fn place_new(&mut self, candidate: &Candidate<'_>) -> Result<bool, Fault> {
        let row = placed_row(&self.products, candidate);
        let moment = (self.tx.now, self.head + 1);
        let inserted = insert(&mut self.insert_new, moment, candidate, &row)?;
        if inserted {
            self.count_placed(candidate);
        }
        Ok(inserted)
    }

    fn place(&mut self, candidate: &Candidate<'_>) -> Result<(), Fault> {
        let row = placed_row(&self.products, candidate);
        insert(&mut self.insert, (self.tx.now, self.head + 1), candidate, &row)?;
        self.count_placed(candidate);
        Ok(())
    }

    fn count_placed(&mut self, candidate: &Candidate<'_>) {
        self.head += 1;
        let product = self.products.get_mut(&candidate.message.prod_id).and_then(Option::as_mut);
        if let Some(product) = product {
            product.stock = product.stock.saturating_sub(1);
            product.sold_now += 1;
        }
        self.outcomes.placed += 1;
        self.waits_ms.push(self.tx.now.0.saturating_sub(candidate.charged_at.0));
    }

    fn fail(&mut self, candidate: &Candidate<'_>, reason: Reason) -> Result<(), Fault> {
        self.head += 1;
        let row = Row {
            status: OrderStatus::Failed,
            reason: Some(reason),
            prod_name: name_of(&self.products, candidate),
        };
        insert(&mut self.insert, (self.tx.now, self.head), candidate, &row)?;
        self.outcomes.fail(reason);
        Ok(())
    }

    fn set_aside(&mut self, candidate: &Candidate<'_>, live_order_id: &str) -> Result<(), Fault> {
        self.head += 1;
        let (order, now) = (&candidate.message, self.tx.now.0);
        self.tx
            .statement(
                "INSERT INTO seckill_duplicate
                   (order_id, prod_id, user_phoneno, live_order_id, decision_seq, decided_at,
                    charge_money, charge_time, queued_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute((
                &order.order_id,
                &order.prod_id,
                &order.user_phone,
                live_order_id,
                self.head,
                now,
                milli(order),
                candidate.charged_at.0,
                candidate.queued_at.map(|at| at.0),
            ))?;
        self.tx
            .statement(
                "UPDATE t_seckill_order SET duplicates = duplicates + 1, gmt_update = ?2
                  WHERE order_id = ?1",
            )?
            .execute((live_order_id, now))?;
        self.outcomes.duplicate_orders += 1;
        self.duplicates = true;
        Ok(())
    }

    /// An order that was set aside, came again and is decided now is no dead letter any more.
    fn resolve_dead_letter(&self, order: &OrderMessage) -> Result<(), Fault> {
        if self.dead_letters {
            dead_letters::resolve(self.tx, order, Resolution::Decided)?;
        }
        Ok(())
    }

    /// Writes what the group changed as a whole.
    fn close(self) -> Result<Outcomes, Fault> {
        let sold = self.products.iter().filter_map(|(prod_id, product)| {
            let sold_now = product.as_ref()?.sold_now;
            (0 < sold_now).then_some((prod_id, sold_now))
        });
        for (prod_id, count) in sold {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.tx
                .statement(
                    "UPDATE t_seckill_product
                        SET prod_stock = prod_stock - ?2, sold = sold + ?2,
                            version = version + ?2, gmt_update = ?3
                      WHERE prod_id = ?1",
                )?
                .execute((prod_id, count, self.tx.now.0))?;
        }
        if 0 < self.outcomes.decided() {
            self.tx.note_decided(self.outcomes.decided(), &self.waits_ms);
        }
        Ok(self.outcomes)
    }
}

/// The row of an order that gets a unit.
fn placed_row<'p>(
    products: &'p HashMap<String, Option<Product>>,
    candidate: &Candidate<'_>,
) -> Row<'p> {
    let prod_name = name_of(products, candidate);
    Row { status: OrderStatus::Placed, reason: None, prod_name }
}

/// The name of the order's product, empty where there is none.
fn name_of<'p>(
    products: &'p HashMap<String, Option<Product>>,
    candidate: &Candidate<'_>,
) -> &'p str {
    let product = products.get(&candidate.message.prod_id).and_then(Option::as_ref);
    product.map_or("", |product| product.name.as_str())
}

fn insert(
    statement: &mut CachedStatement<'_>,
    (EpochMs(now), seq): (EpochMs, i64),
    candidate: &Candidate<'_>,
    row: &Row<'_>,
) -> Result<bool, Fault> {
    let order = &candidate.message;
    let placed = matches!(row.status, OrderStatus::Placed);
    let rows = statement.execute((
        now,
        &order.order_id,
        row.status.number(),
        &order.user_phone,
        &order.prod_id,
        row.prod_name,
        milli(order),
        candidate.charged_at.0,
        (!placed).then_some(now),
        row.reason.map(Reason::as_str),
        placed.then_some(now),
        seq,
        candidate.queued_at.map(|at| at.0),
    ))?;
    Ok(0 < rows)
}

/// The amount, if what the sender wrote is one.
fn milli(order: &OrderMessage) -> Option<i64> {
    Money::parse(&order.charge_money).ok().map(Money::milli)
}
