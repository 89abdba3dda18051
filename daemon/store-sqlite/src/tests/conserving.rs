//! Whatever buyers, the consumer and operators do, and however often the database is opened again:
//! no unit and no order is lost or made.

use domain::ports::desk::{Asked, Carried, CommandError};
use domain::ports::{Delivery, Outgoing, Sale as _};
use proptest::prelude::*;
use proptest::sample::Index;
use protocol::{OrderState, Seq};
use tokio::runtime::Runtime;

use super::deciding::POISON;
use super::{Fixture, PROD, bare, delivery, outgoing};

#[derive(Debug, Clone)]
enum Deed {
    /// A new order of one of few buyers; it is one that fails by itself while it is poisonous.
    Enqueue {
        buyer: u32,
        is_odd: bool,
    },
    /// An order that was queued before, once more: into the queue, or delivered again unless it
    /// waits there.
    Repeat {
        which: Index,
        by_broker: bool,
    },
    Place,
    AddStock(i64),
    Shelf(bool),
    Poison(bool),
    Resend(Index),
    ResendAll,
    Discard(Index),
    Wait,
    Reopen,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let index = any::<Index>;
    let deed = prop_oneof![
        6 => (0_u32..8, any::<bool>()).prop_map(|(buyer, is_odd)| Deed::Enqueue { buyer, is_odd }),
        2 => (index(), any::<bool>())
            .prop_map(|(which, by_broker)| Deed::Repeat { which, by_broker }),
        5 => Just(Deed::Place),
        2 => (-3_i64..4).prop_map(Deed::AddStock),
        1 => any::<bool>().prop_map(Deed::Shelf),
        2 => any::<bool>().prop_map(Deed::Poison),
        3 => index().prop_map(Deed::Resend),
        1 => Just(Deed::ResendAll),
        2 => index().prop_map(Deed::Discard),
        1 => Just(Deed::Wait),
        1 => Just(Deed::Reopen),
    ];
    proptest::collection::vec(deed, 1..40)
}

struct Sale {
    fixture: Option<Fixture>,
    orders: Vec<Outgoing>,
    commands: u32,
    letters: u64,
}

impl Sale {
    fn fixture(&self) -> &Fixture {
        self.fixture.as_ref().unwrap()
    }

    fn letter(&self, which: Index) -> u64 {
        // One beyond the last, so that one that is dealt with or unknown comes about as well.
        1 + which.index(usize::try_from(self.letters).unwrap() + 1) as u64
    }

    async fn command<F: Future<Output = Result<Carried, CommandError>>>(
        &mut self,
        give: impl FnOnce(&Self, Asked) -> F,
    ) {
        self.commands += 1;
        let answer = give(self, bare(&self.commands.to_string())).await;
        assert!(matches!(answer, Ok(_) | Err(CommandError::Refused(_))), "{answer:?}");
    }

    async fn run(&mut self, deed: Deed) {
        let store = self.fixture().store.clone();
        match deed {
            Deed::Enqueue { buyer, is_odd } => {
                let prefix = if is_odd { "p" } else { "o" };
                let order = outgoing(&format!("{prefix}{}", self.orders.len()), buyer);
                store.enqueue(vec![order.clone()]).await.unwrap();
                self.orders.push(order);
            }
            Deed::Repeat { which, by_broker } if !self.orders.is_empty() => {
                let order = which.get(&self.orders).clone();
                let pending = store.pending().await.unwrap();
                let waits = pending.iter().any(|row| row.order_id == order.message.order_id);
                if by_broker && !waits {
                    let origin = format!("msgid:{}", self.commands);
                    let delivery = Delivery { origin, ..delivery(&order.message) };
                    self.fixture().decide(vec![delivery]).await;
                } else {
                    store.enqueue(vec![order]).await.unwrap();
                }
            }
            Deed::Repeat { .. } => {}
            Deed::Place => {
                self.fixture().take().await;
            }
            Deed::AddStock(delta) => {
                self.command(|_, command| store.change_stock(command, PROD, delta, None)).await;
            }
            Deed::Shelf(is_on) => {
                self.command(|_, command| store.set_shelf(command, PROD, is_on, None)).await;
            }
            Deed::Poison(is_on) => self.poison(is_on).await,
            Deed::Resend(which) => {
                let id = self.letter(which);
                self.command(|_, command| store.resend_dead_letter(command, id)).await;
            }
            Deed::ResendAll => {
                self.command(|_, command| store.resend_dead_letters(command, 1, None)).await;
            }
            Deed::Discard(which) => {
                let id = self.letter(which);
                self.command(|_, command| store.discard_dead_letter(command, id)).await;
            }
            Deed::Wait => self.fixture().pass_ms(2_000),
            Deed::Reopen => {
                drop(store);
                let fixture = self.fixture.take().unwrap();
                self.fixture = Some(fixture.reopened().await);
            }
        }
    }

    async fn poison(&self, is_on: bool) {
        let odd = POISON.replace("= 'poison'", "LIKE 'p%' AND NEW.order_status = 2");
        let sql = if is_on { odd } else { String::new() };
        self.fixture().sql(&format!("DROP TRIGGER IF EXISTS poison; {sql}")).await;
    }

    /// `initial + added = stock + sold`, and each order is in exactly one place.
    async fn check(&mut self) {
        let fixture = self.fixture();
        let balance = fixture.balance().await;
        assert!(balance.holds(), "{balance:?}");
        let pending = fixture.store.pending().await.unwrap();
        let decisions = fixture.store.decisions(Seq(0), 1_000).await.unwrap().decisions;
        let page = fixture.store.dead_letters(None, 500).await.unwrap();
        for order in &self.orders {
            let id = &order.message.order_id;
            let queued = pending.iter().filter(|row| row.order_id == *id).count();
            let decided = decisions.iter().filter(|decision| decision.order_id == *id).count();
            let aside = page.dead_letters.iter().any(|one| one.order_id.as_ref() == Some(id));
            assert_eq!(queued + decided + usize::from(aside), 1, "{id}");
            let wanted = match (decided, queued) {
                (1, _) => None,
                (_, 1) => Some(OrderState::Queued),
                _ => Some(OrderState::DeadLetter),
            };
            let state = fixture.state(&id.text()).await.unwrap();
            assert!(wanted.is_none_or(|wanted| wanted == state), "{id} is {state:?}");
        }
        assert_eq!(
            fixture.store.undecided().await.unwrap().len() + decisions.len(),
            self.orders.len()
        );
        let newest = page.dead_letters.last().map_or(0, |letter| letter.id);
        self.letters = self.letters.max(newest);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_unit_and_no_order_is_lost_or_made(deeds in deeds(), stock in 0_u32..6) {
        let runtime: Runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let fixture = Some(Fixture::with_stock(stock));
            let mut sale = Sale { fixture, orders: Vec::new(), commands: 0, letters: 0 };
            for deed in deeds {
                sale.run(deed).await;
                sale.check().await;
            }
        });
    }
}
