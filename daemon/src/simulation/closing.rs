//! How each history ends: everything is healed, every buyer who ever asked goes on asking,
//! operators deal with the dead letters, until all is at rest. Then the promises are judged.

use domain::ports::Sale;
use protocol::Outcome;
use store_sqlite::testing::ready;

use super::gateway::{Running, Wish};
use super::promises::{books_balance, nobody_is_sold_out};
use super::world::World;

/// Rounds in which a healed world must come to rest.
const ROUNDS_MAX: u64 = 12;

/// Fates of a call that goes well, with its answer delivered at once.
const WELL: u64 = 2;

impl World<'_> {
    /// Brings the history to its end.
    pub(super) async fn close(&mut self) -> Result<(), String> {
        for round in 0..ROUNDS_MAX {
            self.heal();
            self.serve_all().await?;
            for order in std::mem::take(&mut self.wire) {
                if round.is_multiple_of(2) {
                    self.arrive(vec![order]);
                }
            }
            self.deal_with_letters(round);
            self.consume_all();
            self.each_running(|running| {
                running.follow();
                running.confirm();
            });
            self.serve_all().await?;
            // What was published again may have been decided at once.
            self.each_running(Running::follow);
            self.serve_all().await?;
            let asking = self.unsatisfied();
            if asking.is_empty() && self.is_quiet() {
                return self.judge().await;
            }
            for (number, wish) in (round..).zip(asking) {
                self.charge(wish, number);
                self.serve_all().await?;
            }
        }
        Err(format!("it does not come to rest: {}", self.unrest()))
    }

    fn each_running(&mut self, task: impl Fn(&mut Running)) {
        self.gateways.iter_mut().filter_map(|gateway| gateway.running.as_mut()).for_each(task);
    }

    async fn serve_all(&mut self) -> Result<(), String> {
        self.settle().await?;
        while !self.ports.calls.lock().unwrap().is_empty() {
            self.serve(0, WELL);
            self.settle().await?;
        }
        Ok(())
    }

    fn deal_with_letters(&self, round: u64) {
        for letter in self.operator.letters() {
            if round.is_multiple_of(2) {
                self.operator.resend(letter);
            } else {
                self.operator.discard(letter);
            }
        }
    }

    fn consume_all(&mut self) {
        while !self.queue.is_empty() {
            self.consume(3, WELL);
        }
        while 0 < self.queued() {
            // What was put off is due.
            self.pass_ms(2);
            self.consume_table(3, WELL);
        }
        while 0 < self.resent() {
            self.pass_ms(2);
            self.consume_resent(3, WELL);
        }
    }

    fn is_live(&self, wish: &Wish) -> bool {
        self.decisions.iter().any(|one| {
            one.outcome == Outcome::Placed && one.prod_id == wish.prod_id && one.phone == wish.phone
        })
    }

    /// Those who asked and got nothing although there is something left.
    fn unsatisfied(&self) -> Vec<Wish> {
        let balances = ready(self.store.books()).unwrap();
        let is_left =
            |wish: &Wish| balances.iter().any(|one| one.prod_id == wish.prod_id && 0 < one.stock);
        let asking = self.wishes.iter().filter(|wish| is_left(wish) && !self.is_live(wish));
        asking.cloned().collect()
    }

    fn is_quiet(&self) -> bool {
        let rests = self.gateways.iter().all(|gateway| {
            let running = gateway.running.as_ref();
            running.is_some_and(|running| running.unconfirmed.count() == 0 && !running.is_busy())
        });
        rests && self.queue.is_empty() && self.wire.is_empty() && self.undecided().is_empty()
    }

    fn unrest(&self) -> String {
        let gateways = self.gateways.iter().map(|gateway| {
            gateway.running.as_ref().map(|running| {
                let figures: Vec<_> =
                    running.book.entries().iter().map(|entry| entry.stock.figures()).collect();
                (running.unconfirmed.count(), running.is_busy(), figures)
            })
        });
        format!(
            "asking {:?}, gateways {:?}, queue {}, wire {}, undecided {:?}",
            self.unsatisfied(),
            gateways.collect::<Vec<_>>(),
            self.queue.len(),
            self.wire.len(),
            self.undecided(),
        )
    }

    async fn judge(&mut self) -> Result<(), String> {
        books_balance(self.store)?;
        self.promises.judge(&self.decisions)?;
        if !self.surprised && self.gateways.len() == 1 {
            nobody_is_sold_out(&self.decisions)?;
        }
        for wish in self.wishes.clone() {
            for gateway in 0..self.gateways.len() as u64 {
                let found = self.promises.codes.get("10000").copied();
                self.query(wish.clone(), gateway);
                self.serve_all().await?;
                if self.promises.has(&wish) && self.promises.codes.get("10000").copied() == found {
                    return Err(format!("{wish:?} is not told how the order ended"));
                }
            }
        }
        self.promises.judge(&self.decisions)?;
        for entry in self.gateways.iter().filter_map(|gateway| gateway.running.as_ref()) {
            let held: u32 =
                entry.book.entries().iter().map(|entry| entry.stock.figures().held).sum();
            if held != 0 {
                return Err(format!("{held} units are held for nobody"));
            }
        }
        Ok(())
    }
}
