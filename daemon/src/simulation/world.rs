//! Everything around the gateways: the queue with its mischief, the order role on the real store's
//! transactions, the disks, the operators and the clock. It serves what the ports ask and carries a
//! history's steps out; nothing in it happens by itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use domain::ports::embedded::{Consumed, QueueTable};
use domain::ports::{Blame, Cause, Consuming, DecidedAfter, Lag, Outgoing, Published, Sale, Seed};
use domain::terms::Window;
use protocol::{
    Bound, Decision, DecisionsPage, EpochMs, Money, ORDER_TOPIC, OrderMessage, PreheatRatio, Seq,
    Terms,
};
use store_sqlite::Store;
use store_sqlite::testing::{InMemoryStore, ready};

use super::gateway::{Answers, Gateway, Wish};
use super::history::{Deed, Shape, Step};
use super::operator::Operator;
use super::ports::{Answer, Ask, Ports, lost};
use super::promises::{Promises, books_balance};
use crate::gateway::charge::IntakePaused;

pub(super) const PRODUCTS: [&str; 2] = ["pid_0001", "pid_0002"];
pub(super) const PRICE: Money = Money::from_milli(1_200_000);
const BUYERS: u64 = 4;
/// The moment at which each history begins.
const START: i64 = 1_000_000;

/// Turns of the scheduler after each step: more than the longest chain of tasks that wake one
/// another.
const BREATHS: usize = 8;

/// A message in the broker.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) origin: u64,
    pub(super) body: Vec<u8>,
    pub(super) asked_at: EpochMs,
    pub(super) redeliveries: u32,
}

pub(super) struct World<'a> {
    pub(super) memory: &'a InMemoryStore,
    pub(super) store: &'a Store,
    pub(super) operator: Operator<'a>,
    pub(super) shape: Shape,
    pub(super) ports: Arc<Ports>,
    pub(super) gateways: Vec<Gateway>,
    pub(super) runs: Vec<u32>,
    answers: Answers,
    pub(super) promises: Promises,
    pub(super) decisions: Vec<Decision>,
    /// In the broker.
    pub(super) queue: Vec<Message>,
    /// Sends whose result was unknown and which may still arrive.
    pub(super) wire: Vec<Outgoing>,
    /// Who ever asked for what.
    pub(super) wishes: Vec<Wish>,
    pub(super) broker_up: bool,
    pub(super) order_up: bool,
    pub(super) consuming: bool,
    /// Something came about that a desk can't know, so that it may promise too much.
    pub(super) surprised: bool,
    /// Transactions that were looked at.
    writes_seen: u64,
    now: i64,
    counter: u64,
}

pub(super) fn at(pick: u64, length: usize) -> Option<usize> {
    (0 < length).then(|| usize::try_from(pick % length as u64).unwrap())
}

fn wish(pick: u64) -> Wish {
    let buyer = pick % BUYERS;
    // Mostly the first, so that buyers meet.
    let product = usize::from((pick / BUYERS).is_multiple_of(4));
    Wish { prod_id: PRODUCTS[product].into(), phone: format!("1520000{:04}", 8881 + buyer).into() }
}

impl<'a> World<'a> {
    pub(super) fn new(memory: &'a InMemoryStore, shape: Shape) -> Self {
        let seeds = PRODUCTS.iter().zip(shape.stock).map(|(prod_id, stock)| Seed {
            prod_id: (*prod_id).into(),
            prod_name: "a phone".to_owned(),
            terms: Terms { on_shelf: true, ..Terms::at(PRICE) },
            stock,
        });
        let mut seeds: Vec<Seed> = seeds.collect();
        seeds[1].terms.opens_at = Bound(shape.opens_in.map(|ms| EpochMs(START + ms)));
        seeds[0].terms.preheat_ratio = PreheatRatio::from_milli(shape.preheat_milli).unwrap();
        let mut promises = Promises::default();
        seeds.iter().for_each(|seed| promises.shows(&seed.prod_id, &seed.terms));
        memory.begin_history(&seeds);
        let store = &memory.store;
        let (ports, answers) = (Arc::<Ports>::default(), Answers::default());
        let gateway = |index| Gateway::new(index, Arc::clone(&ports), Arc::clone(&answers));
        let gateways = (0..shape.gateways).map(gateway).collect();
        Self {
            memory,
            store,
            operator: Operator::of(store),
            shape,
            gateways,
            ports,
            runs: vec![0; shape.gateways],
            answers,
            promises,
            decisions: Vec::new(),
            queue: Vec::new(),
            wire: Vec::new(),
            wishes: Vec::new(),
            broker_up: true,
            order_up: true,
            consuming: true,
            // It promises too much by intention.
            surprised: seeds[0].terms.preheat_ratio.promises_more(),
            writes_seen: 0,
            now: START,
            counter: 0,
        }
    }

    /// The embedded queue's table.
    pub(super) fn table(&self) -> &dyn QueueTable {
        self.store
    }

    /// Another number each time.
    const fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Carries one step out, lets the tasks run, and looks at what came of it.
    pub(super) async fn step(&mut self, step: Step) -> Result<(), String> {
        self.carry_out(step);
        self.settle().await
    }

    /// Lets the tasks run, and looks at what came of it.
    pub(super) async fn settle(&mut self) -> Result<(), String> {
        for _ in 0..BREATHS {
            tokio::task::yield_now().await;
        }
        self.look()
    }

    pub(super) fn pass_ms(&mut self, ms: i64) {
        self.now += ms;
        self.memory.set_now(EpochMs(self.now));
    }

    fn carry_out(&mut self, Step { deed, pick, how }: Step) {
        self.pass_ms(1);
        match deed {
            Deed::Charge => self.charge(wish(pick), how),
            Deed::Query => self.query(wish(pick), how),
            Deed::Serve => {
                let length = self.ports.calls.lock().unwrap().len();
                // Half of the time the newest, so that one request often goes on by itself.
                let newest = how >> 33 & 1 == 0;
                let call = if newest { length.checked_sub(1) } else { at(pick, length) };
                if let Some(call) = call {
                    self.serve(call, how);
                }
            }
            Deed::HangUp | Deed::Follow | Deed::Confirm | Deed::PauseIntake => {
                self.tell_gateway(deed, pick, how);
            }
            Deed::Consume => self.consume(pick, how),
            Deed::ConsumeResent => self.consume_resent(pick, how),
            Deed::Wire => {
                if let Some(index) = at(pick, self.wire.len()) {
                    let order = self.wire.swap_remove(index);
                    if how % 4 != 0 {
                        self.arrive(vec![order]);
                    }
                }
            }
            Deed::Duplicate => {
                if let Some(index) = at(pick, self.queue.len()) {
                    let message = self.queue[index].clone();
                    let origin = if how.is_multiple_of(2) { self.count() } else { message.origin };
                    self.queue.push(Message { origin, ..message });
                }
            }
            Deed::Broker => self.broker(how.is_multiple_of(3)),
            Deed::OrderNode => self.order_up = self.shape.embedded || !self.order_up,
            Deed::CrashGateway => self.crash(pick),
            Deed::StartGateway => {
                if let Some(index) = at(pick, self.gateways.len()) {
                    self.start(index);
                }
            }
            Deed::Foreign if !self.shape.embedded => self.foreign(pick, how),
            Deed::Foreign => {}
            Deed::PauseConsumption => self.consuming = how.is_multiple_of(2),
            Deed::Stock
            | Deed::Shelf
            | Deed::Window
            | Deed::Poison
            | Deed::Resend
            | Deed::Discard => {
                self.operate(deed, pick, how);
            }
        }
    }

    pub(super) fn charge(&mut self, wish: Wish, gateway: u64) {
        if !self.wishes.contains(&wish) {
            self.wishes.push(wish.clone());
        }
        if let Some(index) = at(gateway, self.gateways.len()) {
            let now = EpochMs(self.now);
            self.gateways[index].charge(wish, PRICE, now);
        }
    }

    pub(super) fn query(&mut self, wish: Wish, gateway: u64) {
        let number = self.count();
        if let Some(index) = at(gateway, self.gateways.len()) {
            self.promises.ask(number, (index, self.runs[index]), &wish);
            self.gateways[index].query(number, wish);
        }
    }

    fn tell_gateway(&mut self, deed: Deed, pick: u64, how: u64) {
        let Some(index) = at(pick, self.gateways.len()) else { return };
        let Some(running) = &mut self.gateways[index].running else { return };
        match deed {
            Deed::HangUp => running.hang_up(how),
            Deed::Follow => running.follow(),
            Deed::Confirm => running.confirm(),
            _ if how.is_multiple_of(2) => running.desk.set_intake_paused(IntakePaused::Yes),
            _ => running.desk.set_intake_paused(IntakePaused::No),
        }
    }

    fn operate(&mut self, deed: Deed, pick: u64, how: u64) {
        let letter = || {
            let letters = self.operator.letters();
            at(pick, letters.len()).map(|index| letters[index])
        };
        let product = &PRODUCTS[at(pick, PRODUCTS.len()).unwrap()].into();
        match deed {
            Deed::Stock => {
                let delta = i64::try_from(how % 5).unwrap() - 2;
                self.surprised |= self.operator.change_stock(product, delta) && delta < 0;
            }
            Deed::Shelf => {
                let on_shelf = !how.is_multiple_of(2);
                self.operator.set_shelf(product, on_shelf);
            }
            Deed::Window => {
                let later = |ms: u64| EpochMs(self.now + i64::try_from(ms).unwrap() - 10);
                let opens_at = (!how.is_multiple_of(5)).then(|| later(how >> 8 & 31));
                let closes_at = (!how.is_multiple_of(3)).then(|| later(how >> 16 & 63));
                let window = Window { opens_at: Bound(opens_at), closes_at: Bound(closes_at) };
                self.operator.set_window(product, window);
            }
            Deed::Poison if how.is_multiple_of(3) => self.memory.cure_all(),
            Deed::Poison => self.memory.poison(&wish(pick).phone),
            Deed::Resend => {
                letter().map(|letter| self.operator.resend(letter));
            }
            _ => {
                letter().map(|letter| self.operator.discard(letter));
            }
        }
    }

    fn broker(&mut self, is_up: bool) {
        self.broker_up = is_up || self.shape.embedded;
        self.ports.away.store(!self.broker_up, Ordering::Relaxed);
    }

    /// All that was down is up, and what was paused goes on.
    pub(super) fn heal(&mut self) {
        self.broker(true);
        (self.order_up, self.consuming) = (true, true);
        self.memory.cure_all();
        for product in ready(self.store.products()).unwrap() {
            if !product.terms.on_shelf {
                self.operator.set_shelf(&product.prod_id, true);
            }
            let always = Window { opens_at: Bound::NONE, closes_at: Bound::NONE };
            self.operator.set_window(&product.prod_id, always);
        }
        for index in 0..self.gateways.len() {
            self.start(index);
            if let Some(running) = &self.gateways[index].running {
                running.desk.set_intake_paused(IntakePaused::No);
            }
        }
    }

    pub(super) fn start(&mut self, index: usize) {
        let waiting = if self.shape.embedded { self.undecided() } else { Vec::new() };
        if self.gateways[index].running.is_none() {
            self.runs[index] += 1;
            self.surprised |= !self.shape.embedded && 1 < self.runs[index];
            self.gateways[index].start(waiting);
        }
    }

    /// A send that has left the process may arrive all the same; a write to its disk can't.
    fn crash(&mut self, pick: u64) {
        let Some(index) = at(pick, self.gateways.len()) else { return };
        self.gateways[index].crash();
        let embedded = self.shape.embedded;
        let mut calls = self.ports.calls.lock().unwrap();
        calls.retain(|call| {
            let is_sent = matches!(call.ask, Ask::Publish(_)) && call.answer.is_none();
            call.gateway != index || is_sent && !embedded
        });
        drop(calls);
        if embedded {
            self.wire.clear();
        }
    }

    /// Orders become durable in the queue.
    pub(super) fn arrive(&mut self, orders: Vec<Outgoing>) {
        for order in &orders {
            self.promises.arrives(order);
        }
        if self.shape.embedded {
            // Every other time, or hardly anything would ever be in the queue.
            let past = self.order_up && self.consuming && self.count().is_multiple_of(2);
            let consumed = Consumed::default();
            consumed.set(if past { Consuming::Running } else { Consuming::Paused });
            ready(self.table().accept(Arc::new(orders), consumed)).unwrap();
            return;
        }
        for Outgoing { message, asked_at } in orders {
            let (origin, body) = (self.count(), message.encode(ORDER_TOPIC));
            self.queue.push(Message { origin, body, asked_at, redeliveries: 0 });
        }
    }

    fn foreign(&mut self, pick: u64, how: u64) {
        self.surprised = true;
        let Wish { mut prod_id, phone } = wish(pick);
        let number = self.count();
        let price = if how % 5 == 1 { "1.000" } else { "1200.000" };
        if how % 5 == 2 {
            prod_id = "pid_0009".into();
        }
        let message = OrderMessage {
            order_id: format!("java-{number}").into(),
            phone,
            prod_id,
            charge_money: price.to_owned(),
        };
        if how % 5 == 3 {
            let body = b"{\"header\":1}".to_vec();
            let asked_at = EpochMs(self.now);
            self.queue.push(Message { origin: number, body, asked_at, redeliveries: 0 });
        } else {
            self.arrive(vec![Outgoing { message, asked_at: EpochMs(self.now) }]);
        }
    }

    /// Serves a call, or delivers its answer.
    pub(super) fn serve(&mut self, index: usize, how: u64) {
        let served = self.ports.calls.lock().unwrap()[index].answer.is_some();
        if !served {
            let (gateway, ask) = {
                let calls = self.ports.calls.lock().unwrap();
                (calls[index].gateway, calls[index].ask.clone())
            };
            let answer = self.answer(gateway, ask, how);
            self.ports.calls.lock().unwrap()[index].answer = Some(answer);
        }
        if served || how >> 32 & 1 == 0 {
            let call = self.ports.calls.lock().unwrap().remove(index);
            call.deliver();
        }
    }

    fn answer(&mut self, gateway: usize, ask: Ask, how: u64) -> Answer {
        let order_node = self.order_up && how % 16 != 15;
        let fails = how % 8 == 7;
        match ask {
            Ask::Publish(batch) => Answer::Published(self.publish(batch, how)),
            Ask::Keep(orders) => {
                // A write that failed may be found stored all the same.
                if !fails || how & 8 == 0 {
                    for order in orders {
                        let id = order.message.order_id.clone();
                        self.promises.kept.insert(id.clone());
                        self.gateways[gateway].kept.insert(id, order);
                    }
                }
                Answer::Stored(if fails { Err(lost()) } else { Ok(()) })
            }
            Ask::Forget(ids) => {
                if !fails || how & 8 == 0 {
                    self.gateways[gateway].kept.retain(|id, _| !ids.contains(id));
                }
                Answer::Stored(if fails { Err(lost()) } else { Ok(()) })
            }
            Ask::Load if fails => Answer::Loaded(Err(lost())),
            Ask::Load => {
                Answer::Loaded(Ok(self.gateways[gateway].kept.values().cloned().collect()))
            }
            Ask::Decisions(after) if order_node => {
                let limit = 1 + usize::try_from(how >> 4 & 3).unwrap();
                let DecidedAfter { store_id, head, decisions, products } =
                    ready(self.store.decisions(after, limit)).unwrap();
                let (paused, now) = (false, None);
                let page = DecisionsPage { store_id, head, decisions, products, paused, now };
                Answer::Page(Ok(page))
            }
            Ask::Decisions(_) => Answer::Page(Err(lost())),
            Ask::Look { prod_id, phone } if order_node => {
                Answer::Row(Ok(ready(self.store.find(&prod_id, &phone)).unwrap()))
            }
            Ask::Look { .. } => Answer::Row(Err(lost())),
            Ask::Lag if self.broker_up && !fails => {
                let messages = self.queued() + self.queue.len() as u64;
                Answer::Lag(Ok(Lag { messages, ..Lag::default() }))
            }
            Ask::Lag => Answer::Lag(Err(lost())),
        }
    }

    fn publish(&mut self, batch: Vec<Outgoing>, how: u64) -> Vec<Published> {
        let cause = || Cause("as it happened".to_owned());
        if self.shape.embedded {
            // All or none.
            let length = batch.len();
            let result = match how % 16 {
                0..=9 => Published::Stored,
                10 | 11 => Published::Rejected(Blame::Queue, cause()),
                _ => Published::Unknown(cause()),
            };
            match how % 16 {
                0..=9 | 12 => self.arrive(batch),
                13 => self.wire.extend(batch),
                _ => {}
            }
            return vec![result; length];
        }
        let mut fates = how;
        let mut results = Vec::new();
        for order in batch {
            let fate = if self.broker_up { fates % 16 } else { 10 + fates % 2 * 5 };
            fates = fates.rotate_right(5);
            results.push(match fate {
                0..=9 => Published::Stored,
                10 | 11 => Published::Rejected(Blame::Queue, cause()),
                _ => Published::Unknown(cause()),
            });
            match fate {
                0..=9 | 12 => self.arrive(vec![order]),
                13 | 14 => self.wire.push(order),
                _ => {}
            }
        }
        results
    }

    /// Hears what was answered and looks at what must hold at every moment.
    fn look(&mut self) -> Result<(), String> {
        let told = std::mem::take(&mut *self.answers.lock().unwrap());
        for (index, told) in told {
            self.promises.hear((index, self.runs[index]), told)?;
        }
        if self.writes_seen != self.memory.writes() {
            self.writes_seen = self.memory.writes();
            let seen = self.decisions.last().map_or(Seq(0), |decision| decision.seq);
            self.decisions.extend(ready(self.store.decisions(seen, 1_000)).unwrap().decisions);
            books_balance(self.store)?;
            for product in ready(self.store.products()).unwrap() {
                self.promises.shows(&product.prod_id, &product.terms);
            }
        }
        for (index, gateway) in self.gateways.iter().enumerate() {
            let Some(running) = &gateway.running else { continue };
            if running.is_broken() {
                return Err(format!("gateway {index}: the publisher is gone"));
            }
            self.knows_its_queue(index, running)?;
            for entry in running.book.entries() {
                let (held, holders) = (entry.stock.figures().held as usize, entry.holders());
                if held != holders {
                    let product = entry.prod_id();
                    return Err(format!(
                        "gateway {index} holds {held} of {product}, not {holders}"
                    ));
                }
            }
        }
        self.holds_stand()
    }
}
