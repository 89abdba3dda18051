//! The operator's desk: commands are carried out, logged and answered in one transaction, so there
//! is no change without its entry in the audit log and no entry without its change. The same
//! `request_id` again gives the same answer and changes nothing.
//!
//! What a command may do is judged by `product`, `letters` and `controls`. The sentence for a
//! refusal is made where the operator is answered. What every desk owes is held by
//! `contract::desk`.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::time::Duration;

use protocol::{AuditPage, Controls, EpochMs, ProdId, ReloadState, Term};
use serde_json::Value;
use serde_json::value::RawValue;

use super::lists::ListError;
use super::{BoxFuture, ReadError, Seed, WriteError};
use crate::controls::{ControlVerb, StaleGeneration};
use crate::product::{Change, NewProduct, Seen};
use crate::{letters, product};

/// A command is answered within this time where only another program's lock is in its way. Who
/// gives up earlier has to call unknown what is definitely not stored.
pub const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// The user who gives a command, as the kernel names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The user's number.
    pub uid: u32,
    /// The user's name, where there is one.
    pub user: Option<String>,
    /// The asking process: a hint only, as numbers are used again.
    pub pid: Option<i32>,
}

impl Actor {
    /// The user's name, or `uid 1000`.
    #[must_use]
    pub fn name(&self) -> String {
        self.user.clone().unwrap_or_else(|| format!("uid {}", self.uid))
    }
}

/// What the asker says with a command, whatever it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The asker's own number for it.
    pub request_id: String,
    /// How, as it was asked.
    pub arguments: Value,
    /// Why, in that person's words.
    pub reason: Option<String>,
    /// Who.
    pub actor: Actor,
}

/// A command.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// What the asker says with it.
    pub asked: Asked,
    /// What is done.
    pub operation: Operation,
}

/// What a command does.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Makes a product. The state is its [`ProductView`](protocol::ProductView), without what only
    /// the roles know (`held` and `free`), and with the live orders by the row's own figure, not
    /// counted.
    CreateProduct(NewProduct),
    /// Changes a product. The state is as for a new one.
    ChangeProduct {
        /// The product.
        prod_id: ProdId,
        /// What of it.
        change: Change,
        /// Only if it is still at this version.
        if_seen: Option<Seen>,
    },
    /// Puts all dead letters that hold a readable order on their way back
    /// ([`resent`](super::resent)), oldest first, up to [`letters::RESENT_MAX`], due one after the
    /// other, after those that are on their way already. Nothing to put back is no error. The state
    /// is a [`ResentState`](protocol::ResentState).
    ResendLetters {
        /// So many a second.
        per_s: NonZeroU32,
        /// Only letters up to this number.
        up_to: Option<u64>,
    },
    /// Puts the dead letter of this number on its way back, due at once, with its order's other
    /// open letters dealt with as well. One whose order was decided meanwhile is only marked as
    /// dealt with. Should it fail again, it becomes another dead letter. The state is a
    /// [`ResentState`](protocol::ResentState).
    ResendLetter(u64),
    /// Gives the dead letter of this number up. If its order is known and isn't decided, the order
    /// fails as `discarded`: its decision ends the gateway's hold and becomes the buyer's answer.
    /// Its other open letters are dealt with as well. The state is the letter as it was, a
    /// [`DeadLetterView`](protocol::DeadLetterView).
    DiscardLetter(u64),
    /// Turns switches. The state is [`Controls`] as in [`OperatorDesk::controls`]. Commands are
    /// carried out one after the other, but their answers may cross: a caller that acts on the
    /// switches should read them again and not take an answer for the newest state.
    Switch {
        /// What is done with them.
        verb: ControlVerb,
        /// Only if they are still of this generation.
        if_generation: Option<u64>,
    },
    /// Puts in the products of a reloaded configuration that the store lacks, and logs the reload.
    Reload(Box<Reload>),
    /// Logs what isn't in the store, such as another log level: do it once this was carried out.
    /// Logged also where the store's files aren't in their place: the stop above all has to be
    /// possible then.
    Note(Box<Note>),
}

/// A reload of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Reload {
    /// Products of the configuration. One that the store has keeps what it is there.
    pub seeds: Vec<ListedSeed>,
    /// What was in force before, for the log.
    pub before: Value,
    /// What is in force after, for the log.
    pub after: Value,
    /// The state that is answered, once what became of the seeds is added.
    pub state: ReloadState,
}

/// A product of the reloaded configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSeed {
    /// The product.
    pub seed: Seed,
    /// What the operator should know where the store has it already.
    pub note_if_kept: String,
}

/// A command whose effect isn't in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// What it is.
    pub noted: Noted,
    /// To what; empty for the daemon itself.
    pub object: String,
    /// What was there before, for the log.
    pub before: Value,
    /// What is there after, for the log.
    pub after: Value,
    /// The state that is answered.
    pub state: Value,
}

/// What is done elsewhere than in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Noted {
    /// Other directives for the log.
    LogLevel,
    /// A buyer's whole phone number is shown.
    PhoneShown,
    /// Whole phone numbers of an export are shown.
    PhonesExported,
    /// The sale's clock takes the wall's time over.
    ClockAdopted,
    /// The ordered stop.
    Shutdown,
}

/// What a command is called and to what it is done: by this and its arguments a repeated command is
/// known from another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<'a> {
    /// What it is called in the audit log: `product.stock` and so on.
    pub verb: &'static str,
    /// To what it is done: a product's id, a dead letter's number; empty for the daemon itself.
    pub object: Cow<'a, str>,
}

impl Named<'_> {
    /// A reload of the configuration, whatever it would change.
    pub const RELOAD: Named<'static> = Named { verb: "reload", object: Cow::Borrowed("") };
}

impl Operation {
    /// What it is called, and to what it is done.
    #[must_use]
    pub fn named(&self) -> Named<'_> {
        let (verb, object) = match self {
            Self::CreateProduct(product) => ("product.create", product.prod_id.as_str().into()),
            Self::ChangeProduct { prod_id, change, .. } => {
                let verb = match change {
                    Change::Stock(_) => "product.stock",
                    Change::Terms(patch) => match patch.terms()[..] {
                        [Term::OnShelf] => "product.shelf",
                        [Term::Price] => "product.price",
                        _ => "product.terms",
                    },
                };
                (verb, prod_id.as_str().into())
            }
            Self::ResendLetters { .. } => ("dead_letters.resend", "".into()),
            Self::ResendLetter(id) => ("dead_letter.resend", id.to_string().into()),
            Self::DiscardLetter(id) => ("dead_letter.discard", id.to_string().into()),
            Self::Switch { verb, .. } => {
                let verb = match verb {
                    ControlVerb::PauseIntake => "intake.pause",
                    ControlVerb::ResumeIntake => "intake.resume",
                    ControlVerb::PauseConsumption => "consumption.pause",
                    ControlVerb::ResumeConsumption => "consumption.resume",
                    ControlVerb::Drain => "drain",
                };
                (verb, "".into())
            }
            Self::Reload(_) => return Named::RELOAD,
            Self::Note(note) => {
                let verb = match note.noted {
                    Noted::LogLevel => "log_level",
                    Noted::PhoneShown => "order.reveal",
                    Noted::PhonesExported => "orders.reveal",
                    Noted::ClockAdopted => "clock.adopt",
                    Noted::Shutdown => "shutdown",
                };
                (verb, note.object.as_str().into())
            }
        };
        Named { verb, object }
    }
}

/// Whether a command was carried out by this call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firstness {
    /// It was.
    Now,
    /// It had been before; nothing was changed now, and the answer is the one of that time.
    Repeated,
}

/// A command that was carried out.
#[derive(Debug, Clone)]
pub struct Carried {
    /// Its number in the audit log.
    pub audit_id: u64,
    /// When it was carried out.
    pub at: EpochMs,
    /// JSON: the new state of what it changed, byte for byte as it is kept.
    pub state: Box<RawValue>,
    /// Whether that was now.
    pub first: Firstness,
}

/// Why a command can't be carried out as it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// By the rules of `product`.
    Product(product::Refusal),
    /// By the rules of `letters`.
    Letter(letters::Refusal),
    /// By the rules of `controls`.
    Switches(StaleGeneration),
    /// Another command had its `request_id`.
    RequestIdReused {
        /// The id.
        request_id: String,
        /// What the other command was called.
        verb: String,
        /// The other command's number in the audit log.
        audit_id: u64,
    },
}

impl From<product::Refusal> for Refusal {
    fn from(refusal: product::Refusal) -> Self {
        Self::Product(refusal)
    }
}

impl From<letters::Refusal> for Refusal {
    fn from(refusal: letters::Refusal) -> Self {
        Self::Letter(refusal)
    }
}

impl From<StaleGeneration> for Refusal {
    fn from(refusal: StaleGeneration) -> Self {
        Self::Switches(refusal)
    }
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandError {
    /// It can't be carried out as it was asked; nothing was changed, and the audit log has nothing.
    Refused(Refusal),
    /// The store failed; with [`WriteError::Unknown`] only the same `request_id` again shows
    /// whether it was carried out.
    Store(WriteError),
}

impl From<Refusal> for CommandError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<WriteError> for CommandError {
    fn from(error: WriteError) -> Self {
        Self::Store(error)
    }
}

/// Where operators' commands are carried out.
pub trait OperatorDesk: Send + Sync + 'static {
    /// Carries a command out, unless it was before: then the answer is the one of that time.
    ///
    /// # Errors
    /// See [`CommandError`].
    fn carry_out(&self, command: Command) -> BoxFuture<'_, Result<Carried, CommandError>>;

    /// What this very command came to, where it was carried out before.
    ///
    /// # Errors
    /// `RequestIdReused` where another command had its `request_id`; see [`CommandError`].
    fn repeated<'a>(
        &'a self,
        asked: &'a Asked,
        named: Named<'a>,
    ) -> BoxFuture<'a, Result<Option<Carried>, CommandError>>;

    /// What operators did, newest first: up to `limit` (1 to [`PAGE_MAX`](super::lists::PAGE_MAX))
    /// entries after the cursor `after`.
    ///
    /// # Errors
    /// See [`ListError`].
    fn audit<'a>(
        &'a self,
        after: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<AuditPage, ListError>>;

    /// The switches as they were left, those of both roles, whichever this process has. Of a drain
    /// it isn't known here whether it came to its end: `drained` is always false.
    ///
    /// # Errors
    /// The store can't be read.
    fn controls(&self) -> BoxFuture<'_, Result<Controls, ReadError>>;
}
