//! One gateway: its real parts, put together as `app` does it, over the ports of the simulation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::order_id::OrderIdKey;
use domain::ports::Outgoing;
use domain::ports::Pending;
use protocol::{ChargeDetails, EpochMs, Money, OrderId, Phone, ProdId, QueryData, Reply};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::ports::{Port, Ports};
use crate::gateway::book::Book;
use crate::gateway::charge::ChargeDesk;
use crate::gateway::confirmer::UnconfirmedOrders;
use crate::gateway::query::QueryDesk;
use crate::gateway::refresh::Refresh;
use crate::gateway::{opening, publisher};
use crate::request::ChargeRequest;

/// Small, so that histories reach them.
const PUBLISH_WAITING_MAX: usize = 4;
const PUBLISH_BATCH_MAX: usize = 3;
const UNCONFIRMED_MAX: usize = 4;

/// A buyer and what is bought.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Wish {
    pub(super) prod_id: ProdId,
    pub(super) phone: Phone,
}

/// What a buyer was told.
pub(super) enum Told {
    Charged(Wish, Reply<ChargeDetails>),
    /// With the number of the query, to know what had been told before it was asked.
    Queried(u64, Wish, Reply<QueryData>),
}

pub(super) type Answers = Arc<Mutex<Vec<(usize, Told)>>>;

/// A gateway, running or not, and what is on its disk.
pub(super) struct Gateway {
    index: usize,
    ports: Arc<Ports>,
    answers: Answers,
    pub(super) kept: BTreeMap<OrderId, Outgoing>,
    pub(super) running: Option<Running>,
}

/// A running gateway.
pub(super) struct Running {
    pub(super) book: Arc<Book>,
    pub(super) desk: Arc<ChargeDesk>,
    query: Arc<QueryDesk>,
    pub(super) unconfirmed: Arc<UnconfirmedOrders>,
    port: Arc<Port>,
    follower: Arc<tokio::sync::Mutex<Follower>>,
    following: JoinHandle<()>,
    confirming: JoinHandle<()>,
    publisher: JoinHandle<()>,
    charges: Vec<JoinHandle<()>>,
    queries: Vec<JoinHandle<()>>,
}

struct Follower {
    refresh: Refresh,
    waiting: Vec<Pending>,
    is_open: bool,
}

impl Follower {
    async fn follow(&mut self, book: &Book, unconfirmed: &UnconfirmedOrders) {
        let result = if self.is_open {
            self.refresh.catch_up().await
        } else {
            opening::open(&mut self.refresh, book, unconfirmed, &mut self.waiting).await
        };
        self.is_open |= result.is_ok();
        self.refresh.tell(result);
    }
}

impl Gateway {
    pub(super) fn new(index: usize, ports: Arc<Ports>, answers: Answers) -> Self {
        Self { index, ports, answers, kept: BTreeMap::new(), running: None }
    }

    /// Starts it, unless it runs. `waiting` are the undecided orders of its own queue.
    pub(super) fn start(&mut self, waiting: Vec<Pending>) {
        if self.running.is_some() {
            return;
        }
        let port = Arc::new(Port { gateway: self.index, ports: Arc::clone(&self.ports) });
        let book = Arc::new(Book::new(OrderIdKey::new(vec![7; 32])));
        let refresh =
            Refresh::new(Arc::clone(&book), Arc::clone(&port) as _, Duration::from_secs(1));
        let unconfirmed =
            Arc::new(UnconfirmedOrders::new(Arc::clone(&book), Arc::clone(&port) as _));
        let (claims, waiting_claims) = mpsc::channel(PUBLISH_WAITING_MAX);
        let desk = Arc::new(ChargeDesk::new(
            Arc::clone(&book),
            claims,
            Arc::clone(&port) as _,
            Arc::clone(&unconfirmed),
            UNCONFIRMED_MAX,
            refresh.state(),
        ));
        let publisher = tokio::spawn(publisher::run(
            waiting_claims,
            Arc::clone(&port) as _,
            Arc::clone(&unconfirmed),
            PUBLISH_BATCH_MAX,
            Arc::default(),
        ));
        let query = Arc::new(QueryDesk::new(Arc::clone(&book), Arc::clone(&port) as _));
        let follower = Follower { refresh, waiting, is_open: false };
        let mut running = Running {
            book,
            desk,
            query,
            unconfirmed,
            port,
            follower: Arc::new(tokio::sync::Mutex::new(follower)),
            following: tokio::spawn(async {}),
            confirming: tokio::spawn(async {}),
            publisher,
            charges: Vec::new(),
            queries: Vec::new(),
        };
        running.follow_anew();
        self.running = Some(running);
    }

    /// Kills it. What it had asked of the world may still take effect; no answer reaches anybody.
    pub(super) fn crash(&mut self) {
        let Some(running) = self.running.take() else { return };
        let Running { following, confirming, publisher, charges, queries, .. } = running;
        let helpers = [following, confirming, publisher].into_iter();
        helpers.chain(charges).chain(queries).for_each(|task| task.abort());
    }

    pub(super) fn charge(&mut self, wish: Wish, price: Money, now: EpochMs) {
        let Some(running) = &mut self.running else { return };
        let (desk, answers, index) =
            (Arc::clone(&running.desk), Arc::clone(&self.answers), self.index);
        running.charges.push(tokio::spawn(async move {
            let request = ChargeRequest {
                phone: wish.phone.clone(),
                charge_price: price,
                prod_id: wish.prod_id.clone(),
            };
            let (_, reply) = desk.charge(&request, now).await;
            answers.lock().unwrap().push((index, Told::Charged(wish, reply)));
        }));
    }

    pub(super) fn query(&mut self, number: u64, wish: Wish) {
        let Some(running) = &mut self.running else { return };
        let (query, answers, index) =
            (Arc::clone(&running.query), Arc::clone(&self.answers), self.index);
        running.queries.push(tokio::spawn(async move {
            let reply = query.query(&wish.prod_id, &wish.phone).await;
            answers.lock().unwrap().push((index, Told::Queried(number, wish, reply)));
        }));
    }
}

impl Running {
    /// Reads on, unless it is at it.
    pub(super) fn follow(&mut self) {
        if self.following.is_finished() {
            self.follow_anew();
        }
    }

    fn follow_anew(&mut self) {
        let (follower, book) = (Arc::clone(&self.follower), Arc::clone(&self.book));
        let unconfirmed = Arc::clone(&self.unconfirmed);
        self.following =
            tokio::spawn(async move { follower.lock().await.follow(&book, &unconfirmed).await });
    }

    /// Publishes the unconfirmed orders again, unless it is at it.
    pub(super) fn confirm(&mut self) {
        if self.confirming.is_finished() {
            let (unconfirmed, port) = (Arc::clone(&self.unconfirmed), Arc::clone(&self.port));
            self.confirming =
                tokio::spawn(async move { unconfirmed.round(&*port, PUBLISH_BATCH_MAX).await });
        }
    }

    pub(super) fn hang_up(&mut self, pick: u64) {
        if !self.charges.is_empty() {
            let at = usize::try_from(pick).unwrap_or(usize::MAX) % self.charges.len();
            self.charges.swap_remove(at).abort();
        }
    }

    /// Whether it admits anybody.
    pub(super) fn is_open(&self) -> bool {
        self.follower.try_lock().is_ok_and(|follower| follower.is_open)
    }

    /// Whether something of it is still under way.
    pub(super) fn is_busy(&self) -> bool {
        let tasks = self.charges.iter().chain(&self.queries);
        tasks.chain([&self.following, &self.confirming]).any(|task| !task.is_finished())
    }

    /// Whether a part that runs as long as the gateway has ended, which only a panic can do.
    pub(super) fn is_broken(&self) -> bool {
        self.publisher.is_finished()
    }
}
