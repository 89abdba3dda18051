//! Operators' commands on a store in memory, each under a number of its own.

use std::cell::Cell;

use domain::ports::desk::{Actor, Asked, Command, CommandError, Operation, OperatorDesk};
use domain::ports::lists::{Lists, PAGE_MAX};
use domain::product::{Change, NewProduct, units};
use domain::terms::Window;
use protocol::{ProdId, TermsPatch};
use serde_json::Value;
use store_sqlite::Store;
use store_sqlite::testing::ready;

/// An operator. What is refused changes nothing; anything else that goes wrong is a fault.
pub(crate) struct Operator<'a> {
    store: &'a Store,
    commands: Cell<u64>,
}

impl<'a> Operator<'a> {
    pub(crate) const fn of(store: &'a Store) -> Self {
        Self { store, commands: Cell::new(0) }
    }

    /// Says whether it was carried out, as the commands below do.
    fn carry_out(&self, operation: Operation) -> bool {
        self.commands.set(self.commands.get() + 1);
        let asked = Asked {
            request_id: self.commands.get().to_string(),
            arguments: Value::Null,
            reason: None,
            actor: Actor { uid: 0, user: None, pid: None },
        };
        match ready(self.store.carry_out(Command { asked, operation })) {
            Ok(_) => true,
            Err(CommandError::Refused(_)) => false,
            Err(CommandError::Store(error)) => panic!("a transaction failed: {error}"),
        }
    }

    pub(crate) fn create(&self, product: NewProduct) -> bool {
        self.carry_out(Operation::CreateProduct(product))
    }

    pub(crate) fn change_stock(&self, prod_id: &ProdId, delta: i64) -> bool {
        units(delta).is_ok_and(|delta| self.change(prod_id, Change::Stock(delta)))
    }

    pub(crate) fn set_shelf(&self, prod_id: &ProdId, on_shelf: bool) -> bool {
        self.change(prod_id, Change::shelf(on_shelf))
    }

    pub(crate) fn set_window(&self, prod_id: &ProdId, window: Window) -> bool {
        let (opens_at, closes_at) = (Some(window.opens_at), Some(window.closes_at));
        let patch = TermsPatch { opens_at, closes_at, ..TermsPatch::default() };
        self.change(prod_id, Change::Terms(patch))
    }

    fn change(&self, prod_id: &ProdId, change: Change) -> bool {
        let prod_id = prod_id.clone();
        self.carry_out(Operation::ChangeProduct { prod_id, change, if_seen: None })
    }

    pub(crate) fn resend(&self, letter: u64) -> bool {
        self.carry_out(Operation::ResendLetter(letter))
    }

    pub(crate) fn discard(&self, letter: u64) -> bool {
        self.carry_out(Operation::DiscardLetter(letter))
    }

    /// The numbers of the open dead letters.
    pub(crate) fn letters(&self) -> Vec<u64> {
        let page = ready(self.store.dead_letters(None, PAGE_MAX)).unwrap();
        page.dead_letters.iter().map(|letter| letter.id).collect()
    }
}
