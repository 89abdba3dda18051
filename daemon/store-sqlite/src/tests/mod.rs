//! The store over real databases.

mod accepting;
mod answers;
mod commands;
mod conserving;
mod contracts;
mod copying;
mod deciding;
mod failing;
mod histories;
mod letters;
mod lists;
mod measuring;
mod migrating;
mod notebook;
mod opening;
mod queueing;

use std::num::NonZeroU32;

use domain::backoff::Backoff;
use domain::controls::ControlVerb;
use domain::ports::TakingLimits;
use domain::ports::desk::{
    Actor, Asked, Carried, Command, CommandError, Note, Noted, Operation, Refusal,
};
use domain::ports::resent::ResentLetters;
use domain::product::{Change, NewProduct, Seen, units};
use protocol::{Money, OrderState};
use serde_json::Value;

use crate::engine::error::JobError;
use crate::engine::tx::Tx;
use crate::sale::waiting::Taken;
pub(crate) use crate::testing::*;
use crate::{Store, WriteError};

impl Fixture {
    /// The same database, closed and opened again.
    pub(crate) async fn reopened(self) -> Self {
        let Self { store, time, folder } = self;
        store.close().await.unwrap();
        drop(store);
        Self::open(folder, time, 0)
    }

    /// One look of the consumers at the queue and at the resent letters.
    pub(crate) async fn take(&self) -> Taken {
        let backoff = Backoff { first_ms: 1_000, max_ms: 3_000 };
        let queue = self.store.decide_from_queue(10, 1, backoff).await.unwrap();
        if self.store.on_their_way().await.unwrap().messages == 0 {
            return queue;
        }
        let limits = TakingLimits { batch_max: 10, deliveries_max: 1, backoff };
        let letters = self.store.decide_resent(limits).await.unwrap();
        Taken {
            taken: queue.taken + letters.taken,
            outcomes: queue.outcomes.plus(&letters.outcomes),
            put_off: queue.put_off + letters.put_off,
            next_due: queue.next_due.into_iter().chain(letters.next_due).min(),
        }
    }

    /// Where the order stands, by its history; `None` when it is unknown.
    pub(crate) async fn state(&self, order_id: &str) -> Option<OrderState> {
        let detail = self.store.order_history(&order_id.into()).await.unwrap();
        detail.map(|detail| detail.order.state)
    }

    pub(crate) async fn write_once<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, JobError> + Send + 'static,
    ) -> Result<T, WriteError> {
        self.store.writer().write_once(1, work).await
    }
}

/// What a user of no name says with a command.
pub(crate) fn asked(request_id: &str, arguments: Value) -> Asked {
    Asked {
        request_id: request_id.to_owned(),
        arguments,
        reason: Some("because".to_owned()),
        actor: Actor { uid: 1_000, user: None, pid: Some(42) },
    }
}

/// The same with nothing to say but its number.
pub(crate) fn bare(request_id: &str) -> Asked {
    asked(request_id, Value::Null)
}

/// Why a command was refused.
pub(crate) fn refusal(answer: Result<Carried, CommandError>) -> Refusal {
    match answer {
        Err(CommandError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

/// Each command with what is asked for in its place.
impl Store {
    pub(crate) async fn operate(
        &self,
        asked: Asked,
        operation: Operation,
    ) -> Result<Carried, CommandError> {
        self.carry_out(Command { asked, operation }).await
    }

    pub(crate) async fn create_product(
        &self,
        asked: Asked,
        product: NewProduct,
    ) -> Result<Carried, CommandError> {
        self.operate(asked, Operation::CreateProduct(product)).await
    }

    async fn change_product(
        &self,
        asked: Asked,
        prod_id: &str,
        change: Change,
        if_version: Option<u64>,
    ) -> Result<Carried, CommandError> {
        let prod_id = prod_id.into();
        let if_seen = if_version.map(Seen::Version);
        self.operate(asked, Operation::ChangeProduct { prod_id, change, if_seen }).await
    }

    pub(crate) async fn change_stock(
        &self,
        asked: Asked,
        prod_id: &str,
        delta: i64,
        if_version: Option<u64>,
    ) -> Result<Carried, CommandError> {
        let delta = units(delta).map_err(|refusal| CommandError::Refused(refusal.into()))?;
        self.change_product(asked, prod_id, Change::Stock(delta), if_version).await
    }

    pub(crate) async fn set_shelf(
        &self,
        asked: Asked,
        prod_id: &str,
        on_shelf: bool,
        if_version: Option<u64>,
    ) -> Result<Carried, CommandError> {
        self.change_product(asked, prod_id, Change::shelf(on_shelf), if_version).await
    }

    pub(crate) async fn set_price(
        &self,
        asked: Asked,
        prod_id: &str,
        price: Money,
        if_version: Option<u64>,
    ) -> Result<Carried, CommandError> {
        self.change_product(asked, prod_id, Change::price(price), if_version).await
    }

    pub(crate) async fn resend_dead_letter(
        &self,
        asked: Asked,
        id: u64,
    ) -> Result<Carried, CommandError> {
        self.operate(asked, Operation::ResendLetter(id)).await
    }

    pub(crate) async fn resend_dead_letters(
        &self,
        asked: Asked,
        per_s: u32,
        up_to: Option<u64>,
    ) -> Result<Carried, CommandError> {
        let per_s = NonZeroU32::new(per_s).unwrap();
        self.operate(asked, Operation::ResendLetters { per_s, up_to }).await
    }

    pub(crate) async fn discard_dead_letter(
        &self,
        asked: Asked,
        id: u64,
    ) -> Result<Carried, CommandError> {
        self.operate(asked, Operation::DiscardLetter(id)).await
    }

    pub(crate) async fn set_controls(
        &self,
        asked: Asked,
        verb: ControlVerb,
        if_generation: Option<u64>,
    ) -> Result<Carried, CommandError> {
        self.operate(asked, Operation::Switch { verb, if_generation }).await
    }

    pub(crate) async fn note_command(
        &self,
        asked: Asked,
        before: Value,
        after: Value,
        state: Value,
    ) -> Result<Carried, CommandError> {
        let (noted, object) = (Noted::LogLevel, String::new());
        let note = Note { noted, object, before, after, state };
        self.operate(asked, Operation::Note(Box::new(note))).await
    }
}
