//! The store as the operator's desk.

use domain::ports::desk::{
    ANSWERED_WITHIN, Asked, Carried, Command, CommandError, Named, OperatorDesk,
};
use domain::ports::lists::ListError;
use domain::ports::{BoxFuture, ReadError};
use protocol::{AuditPage, Controls};

use crate::Store;

const _: () = assert!(crate::ANSWERED_WITHIN.as_millis() <= ANSWERED_WITHIN.as_millis());

impl OperatorDesk for Store {
    fn carry_out(&self, command: Command) -> BoxFuture<'_, Result<Carried, CommandError>> {
        Box::pin(self.carry_out(command))
    }

    fn repeated<'a>(
        &'a self,
        asked: &'a Asked,
        named: Named<'a>,
    ) -> BoxFuture<'a, Result<Option<Carried>, CommandError>> {
        Box::pin(self.repeated(asked, named))
    }

    fn audit<'a>(
        &'a self,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<AuditPage, ListError>> {
        Box::pin(self.audit(after, limit))
    }

    fn controls(&self) -> BoxFuture<'_, Result<Controls, ReadError>> {
        Box::pin(self.controls())
    }
}
