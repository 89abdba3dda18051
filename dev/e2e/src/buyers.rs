//! A crowd of buyers at one product: each clicks several times at once and then keeps at it until
//! the answer is final. The answers are recorded as they came; the checker judges them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::http::{Answer, Client, urlencoded};

/// The phone number of the first buyer; the others follow.
const FIRST_PHONE: u64 = 15_200_000_000;
/// Between two questions of one buyer.
const PAUSE: Duration = Duration::from_millis(100);

/// A crowd and what it wants to buy.
#[derive(Debug, Clone)]
pub struct Crowd {
    /// Base URLs of the gateways; buyers' clicks go to them in turn.
    pub gateways: Vec<String>,
    /// The product.
    pub prod_id: String,
    /// The price they offer.
    pub price: String,
    /// Number of the first buyer: crowds that must not share buyers start at different ones.
    pub first: u32,
    /// How many buyers.
    pub buyers: u32,
    /// Over how long they come, one after the other; zero for all at once.
    pub arrive_over: Duration,
    /// How often each clicks at once before looking at the answers.
    pub clicks: u32,
    /// Requests under way at once, and so connections.
    pub connections: usize,
    /// Orders that can be placed: when that many are, a refusal is final.
    pub placeable: usize,
    /// Until when everyone must have a final answer.
    pub within: Duration,
}

/// One answer to a buyer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuyerAnswer {
    /// Charge: the order is queued under this id.
    Queued(String),
    /// Charge: the order has this id, and whether it is queued is not known.
    Unconfirmed(String),
    /// Charge: refused with this code.
    Refused(String),
    /// Query: not decided yet.
    Pending(String),
    /// Query: placed.
    Placed(String),
    /// Query: decided against.
    Failed {
        /// The order's id.
        id: String,
        /// Why.
        reason: String,
    },
    /// Query: no order, with this code.
    NoOrder(String),
    /// No answer, or none that the contract knows.
    Nothing(String),
}

/// One buyer's story.
#[derive(Debug, Clone)]
pub struct Buyer {
    /// The buyer's phone number.
    pub phone: String,
    /// The answers to the buyer, in order; the same answer again at once is recorded once.
    pub answers: Vec<BuyerAnswer>,
}

/// What a crowd was answered.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// The product that they wanted.
    pub prod_id: String,
    /// Each buyer, in the order of their numbers.
    pub buyers: Vec<Buyer>,
    /// From the first click to the last final answer.
    pub took: Duration,
}

/// How far a sale has come, for tests that break something in its midst.
#[derive(Debug, Default)]
pub struct Progress {
    queued: AtomicUsize,
    placed: AtomicUsize,
}

impl Progress {
    /// Buyers answered "queueing" so far.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Buyers answered "placed" so far.
    #[must_use]
    pub fn placed(&self) -> usize {
        self.placed.load(Ordering::Relaxed)
    }
}

/// The phone number of a buyer.
#[must_use]
pub fn phone(number: u32) -> String {
    (FIRST_PHONE + u64::from(number)).to_string()
}

/// What an answer to a charge says.
#[must_use]
pub fn answer_to_charge(answer: Result<Answer>) -> BuyerAnswer {
    let json = match answer.and_then(|answer| answer.json()) {
        Ok(json) => json,
        Err(error) => return BuyerAnswer::Nothing(format!("{error:#}")),
    };
    let id = || json["data"]["orderId"].as_str().unwrap_or_default().to_owned();
    match json["code"].as_str() {
        Some("10000") => BuyerAnswer::Queued(id()),
        Some("42001") => BuyerAnswer::Unconfirmed(id()),
        Some(code) => BuyerAnswer::Refused(code.to_owned()),
        None => BuyerAnswer::Nothing(json.to_string()),
    }
}

/// What an answer to a query says.
#[must_use]
pub fn answer_to_query(answer: Result<Answer>) -> BuyerAnswer {
    let json = match answer.and_then(|answer| answer.json()) {
        Ok(json) => json,
        Err(error) => return BuyerAnswer::Nothing(format!("{error:#}")),
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let data = &json["data"];
    let id = text(&data["orderId"]);
    match (json["code"].as_str(), data["orderStatus"].as_u64()) {
        (Some("10000"), Some(1)) => BuyerAnswer::Pending(id),
        (Some("10000"), Some(0 | 2)) => BuyerAnswer::Placed(id),
        (Some("10000"), Some(3)) => BuyerAnswer::Failed { id, reason: text(&data["reason"]) },
        (Some(code), _) if code != "10000" => BuyerAnswer::NoOrder(code.to_owned()),
        _ => BuyerAnswer::Nothing(json.to_string()),
    }
}

impl Crowd {
    /// 400 buyers for the 300 units of `pid_0002`, four clicks each, over 64 connections.
    #[must_use]
    pub fn of_the_sale(gateways: Vec<String>) -> Self {
        Self {
            gateways,
            prod_id: "pid_0002".to_owned(),
            price: "1200.000".to_owned(),
            first: 0,
            buyers: 400,
            arrive_over: Duration::ZERO,
            clicks: 4,
            connections: 64,
            placeable: 300,
            within: Duration::from_secs(120),
        }
    }

    /// As many buyers for the 100 units of `pid_0001`, otherwise as in [`Crowd::of_the_sale`].
    #[must_use]
    pub fn for_a_hundred_units(gateways: Vec<String>, buyers: u32) -> Self {
        Self {
            prod_id: "pid_0001".to_owned(),
            price: "5999.000".to_owned(),
            buyers,
            placeable: 100,
            ..Self::of_the_sale(gateways)
        }
    }

    /// Runs the crowd until everyone has a final answer: placed, or refused once all was sold.
    ///
    /// # Errors
    /// Someone has none in time; the last answer to that buyer is in the message.
    pub async fn run(self, progress: Arc<Progress>) -> Result<Ledger> {
        let start = Instant::now();
        let shop = Arc::new(Shop::new(self, progress));
        let mut tasks = JoinSet::new();
        for number in 0..shop.crowd.buyers {
            let shop = Arc::clone(&shop);
            tasks.spawn(async move { shop.buy(number, start).await });
        }
        shop.collect(tasks, start).await
    }

    /// Has every buyer charge and query once more, each until there is an answer: repeats after the
    /// end must be answered what the end was.
    ///
    /// # Errors
    /// Someone gets no answer at all.
    pub async fn ask_again(self) -> Result<Ledger> {
        let start = Instant::now();
        let shop = Arc::new(Shop::new(self, Arc::default()));
        let mut tasks = JoinSet::new();
        for number in 0..shop.crowd.buyers {
            let shop = Arc::clone(&shop);
            tasks.spawn(async move {
                let phone = phone(shop.crowd.first + number);
                let answers = vec![
                    shop.charge(&phone, number as usize).await,
                    shop.query_until_known(&phone, number as usize, start).await,
                ];
                Ok(Buyer { phone, answers })
            });
        }
        shop.collect(tasks, start).await
    }
}

/// The crowd with what its buyers share.
struct Shop {
    crowd: Crowd,
    client: Client,
    under_way: Semaphore,
    progress: Arc<Progress>,
}

impl Shop {
    fn new(crowd: Crowd, progress: Arc<Progress>) -> Self {
        let under_way = Semaphore::new(crowd.connections);
        Self { crowd, client: Client::default(), under_way, progress }
    }

    async fn collect(&self, mut tasks: JoinSet<Result<Buyer>>, start: Instant) -> Result<Ledger> {
        let mut buyers = Vec::new();
        while let Some(buyer) = tasks.join_next().await {
            buyers.push(buyer.context("a buyer's task")??);
        }
        buyers.sort_by(|one, other| one.phone.cmp(&other.phone));
        Ok(Ledger { prod_id: self.crowd.prod_id.clone(), buyers, took: start.elapsed() })
    }

    async fn buy(self: Arc<Self>, number: u32, start: Instant) -> Result<Buyer> {
        let phone = phone(self.crowd.first + number);
        tokio::time::sleep(self.crowd.arrive_over * number / self.crowd.buyers).await;
        let mut answers = self.click(&phone, number as usize).await;
        if has_order(&answers) {
            self.progress.queued.fetch_add(1, Ordering::Relaxed);
        }
        for turn in number as usize.. {
            if self.crowd.within < start.elapsed() {
                bail!("buyer {number} has no final answer: {:?}", answers.last());
            }
            let sold_out = self.crowd.placeable <= self.progress.placed();
            let answer = if has_order(&answers) {
                self.query(&phone, turn).await
            } else {
                self.charge(&phone, turn).await
            };
            if has_order(&answers) && answer == BuyerAnswer::NoOrder("41004".to_owned()) {
                bail!("buyer {number} was told {:?}, then that there is no order", answers.last());
            }
            let is_final = match &answer {
                BuyerAnswer::Placed(_) => {
                    self.progress.placed.fetch_add(1, Ordering::Relaxed);
                    true
                }
                BuyerAnswer::Refused(code) => code == "40006" && sold_out,
                BuyerAnswer::Queued(_) | BuyerAnswer::Unconfirmed(_) => {
                    self.progress.queued.fetch_add(1, Ordering::Relaxed);
                    false
                }
                _ => false,
            };
            if answers.last() != Some(&answer) {
                answers.push(answer);
            }
            if is_final {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(Buyer { phone, answers })
    }

    /// All clicks of one buyer at once.
    async fn click(self: &Arc<Self>, phone: &str, number: usize) -> Vec<BuyerAnswer> {
        let mut clicks = JoinSet::new();
        for click in 0..self.crowd.clicks as usize {
            let (shop, phone) = (Arc::clone(self), phone.to_owned());
            clicks.spawn(async move { shop.charge(&phone, number + click).await });
        }
        clicks.join_all().await
    }

    async fn charge(&self, phone: &str, turn: usize) -> BuyerAnswer {
        let fields = [
            ("userPhoneNum", phone),
            ("chargePrice", &self.crowd.price),
            ("prodId", &self.crowd.prod_id),
        ];
        let url = format!("{}/api/charge.do", self.gateway(turn));
        let _permit = self.under_way.acquire().await;
        answer_to_charge(self.client.post_form(&url, &fields).await)
    }

    async fn query(&self, phone: &str, turn: usize) -> BuyerAnswer {
        let fields = urlencoded(&[("userPhoneNum", phone), ("prodId", &self.crowd.prod_id)]);
        let url = format!("{}/api/query.do?{fields}", self.gateway(turn));
        let _permit = self.under_way.acquire().await;
        answer_to_query(self.client.get(&url).await)
    }

    /// Asks again while the answer is "not known yet", as a buyer would. That answer is true on a
    /// machine too busy to read the lag in time.
    async fn query_until_known(&self, phone: &str, turn: usize, start: Instant) -> BuyerAnswer {
        loop {
            let answer = self.query(phone, turn).await;
            let not_yet = answer == BuyerAnswer::NoOrder("42004".to_owned());
            if !not_yet || self.crowd.within < start.elapsed() {
                return answer;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn gateway(&self, turn: usize) -> &str {
        &self.crowd.gateways[turn % self.crowd.gateways.len()]
    }
}

/// Whether the buyer has an order that isn't known to have failed.
fn has_order(answers: &[BuyerAnswer]) -> bool {
    answers.iter().rev().find_map(|answer| match answer {
        BuyerAnswer::Queued(_)
        | BuyerAnswer::Unconfirmed(_)
        | BuyerAnswer::Pending(_)
        | BuyerAnswer::Placed(_) => Some(true),
        BuyerAnswer::Failed { .. } => Some(false),
        BuyerAnswer::Refused(_) | BuyerAnswer::NoOrder(_) | BuyerAnswer::Nothing(_) => None,
    }) == Some(true)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{BuyerAnswer, answer_to_charge, answer_to_query, has_order, phone};
    use crate::http::Answer;

    fn answer(body: &'static str) -> anyhow::Result<Answer> {
        let body = Bytes::from_static(body.as_bytes());
        Ok(Answer { status: 200, headers: hyper::HeaderMap::new(), body })
    }

    #[test]
    fn answers_are_read_as_the_contract_has_them() {
        let charge = |body| answer_to_charge(answer(body));
        assert_eq!(
            charge(r#"{"code":"10000","data":{"orderId":"a"}}"#),
            BuyerAnswer::Queued("a".to_owned())
        );
        assert_eq!(
            charge(r#"{"code":"40006","data":null}"#),
            BuyerAnswer::Refused("40006".to_owned())
        );
        assert!(matches!(charge("no"), BuyerAnswer::Nothing(_)));
        let query = |body| answer_to_query(answer(body));
        let failed =
            r#"{"code":"10000","data":{"orderId":"a","orderStatus":3,"reason":"sold_out"}}"#;
        let wanted = BuyerAnswer::Failed { id: "a".to_owned(), reason: "sold_out".to_owned() };
        assert_eq!(query(failed), wanted);
        assert_eq!(query(r#"{"code":"41004"}"#), BuyerAnswer::NoOrder("41004".to_owned()));
        assert!(matches!(query(r#"{"code":"10000","data":null}"#), BuyerAnswer::Nothing(_)));
    }

    #[test]
    fn a_failed_order_is_none_and_a_lost_answer_changes_nothing() {
        let queued = BuyerAnswer::Queued("a".to_owned());
        let failed = BuyerAnswer::Failed { id: "a".to_owned(), reason: String::new() };
        let nothing = BuyerAnswer::Nothing(String::new());
        assert!(!has_order(&[]));
        assert!(has_order(&[queued.clone(), nothing.clone()]));
        assert!(!has_order(&[queued, failed, nothing]));
    }

    #[test]
    fn phones_pass_the_shipped_pattern() {
        assert_eq!(phone(399), "15200000399");
    }
}
