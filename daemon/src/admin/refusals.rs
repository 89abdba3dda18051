//! Why a command is refused, as the operator reads it: each rule's refusal with its code, its
//! sentence and its data. Only here are the domain's refusals put into words.

use std::fmt;

use domain::controls::StaleGeneration;
use domain::ports::WriteError;
use domain::ports::desk::{self, CommandError};
use domain::product::{STOCK_MAX, Seen};
use domain::{letters, product};
use protocol::{
    PROD_ID_CHARS_MAX, PROD_NAME_CHARS_MAX, ProdId, ProductTextFault, Refusal, RefusalCode, Term,
};
use serde_json::{Value, json};

use super::{ReloadError, SaleIsOpen};

/// Why a command was not carried out.
pub(super) fn of_command(error: CommandError) -> Refusal {
    match error {
        CommandError::Refused(refusal) => of_rule(refusal),
        CommandError::Store(error @ WriteError::Unknown(_)) => {
            let msg = format!("{error}: repeat it with the same request_id to learn how it ended");
            Refusal::new(RefusalCode::StoreFailed, msg)
        }
        CommandError::Store(error) => {
            Refusal::new(RefusalCode::StoreFailed, format!("nothing was changed: {error}"))
        }
    }
}

/// Why the sale's clock was not set.
pub(super) fn of_clock(_: SaleIsOpen) -> Refusal {
    let msg = "the sale's clock isn't set while a product is open by it, or opens within a second: \
               close it first, or set the wall clock right";
    Refusal::new(RefusalCode::SaleIsOpen, msg)
}

/// Why the configuration was not reloaded.
pub(super) fn of_reload(error: ReloadError) -> Refusal {
    match error {
        ReloadError::Refused(refusal) => refusal,
        ReloadError::AdminShared(error) => of_command(error),
    }
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::AdminShared(CommandError::Refused(refusal)) => of_rule(refusal.clone()).fmt(f),
            Self::AdminShared(CommandError::Store(error)) => error.fmt(f),
        }
    }
}

/// A refusal by a rule of the domain.
pub(super) fn of_rule(refusal: impl Into<desk::Refusal>) -> Refusal {
    let (code, msg, data) = match refusal.into() {
        desk::Refusal::Product(refusal) => of_product(refusal),
        desk::Refusal::Letter(refusal) => of_letter(refusal),
        desk::Refusal::Switches(StaleGeneration { current, seen }) => (
            RefusalCode::StaleVersion,
            format!(
                "the switches were set by somebody meanwhile (generation {current}, not {seen}): \
                 look at them again"
            ),
            json!({ "generation": current }),
        ),
        desk::Refusal::RequestIdReused { request_id, verb, audit_id } => (
            RefusalCode::RequestIdReused,
            format!(
                "request_id {request_id} was used for another command, `{verb}` with number \
                 {audit_id} in the audit log: each command needs a request_id of its own"
            ),
            Value::Null,
        ),
    };
    Refusal { code, msg, data }
}

/// A code, a sentence, and data where there is some.
type Words = (RefusalCode, String, Value);

fn of_product(refusal: product::Refusal) -> Words {
    let bad = |msg| (RefusalCode::BadRequest, msg, Value::Null);
    match refusal {
        product::Refusal::Exists { prod_id } => {
            (RefusalCode::ProductExists, format!("product {prod_id} exists"), Value::Null)
        }
        product::Refusal::Unknown { prod_id } => {
            (RefusalCode::NotFound, format!("there is no product {prod_id}"), Value::Null)
        }
        product::Refusal::Stale { prod_id, current, seen } => (
            RefusalCode::StaleVersion,
            stale(&prod_id, current, seen),
            json!({ seen.name(): current }),
        ),
        product::Refusal::NotEnough { prod_id, unsold } => (
            RefusalCode::NotEnoughStock,
            format!("{prod_id} has {unsold} unsold units, fewer than are to be withdrawn"),
            json!({ "unsold": unsold }),
        ),
        product::Refusal::TooMany { prod_id, unsold } => {
            bad(format!("delta: {prod_id} has {unsold} units and can have {STOCK_MAX} at most"))
        }
        product::Refusal::NoUnits => {
            bad("delta is 0; it must add units, or withdraw some".to_owned())
        }
        product::Refusal::Id { id, fault } => bad(match fault {
            ProductTextFault::Flaw(flaw) => format!(
                "prod_id is {id:?}, which {flaw}: 1 to {PROD_ID_CHARS_MAX} characters without \
                 blanks"
            ),
            ProductTextFault::Form => {
                format!("prod_id: 1 to {PROD_ID_CHARS_MAX} characters without blanks")
            }
        }),
        product::Refusal::Name { name, fault } => bad(match fault {
            ProductTextFault::Flaw(flaw) => format!(
                "prod_name is {name:?}, which {flaw}: 1 to {PROD_NAME_CHARS_MAX} characters of \
                 one line"
            ),
            ProductTextFault::Form => {
                format!("prod_name: 1 to {PROD_NAME_CHARS_MAX} characters, not all blank")
            }
        }),
        product::Refusal::NoTerms => {
            let names = Term::ALL.map(Term::name).join(", ");
            bad(format!("no term is given; name one at least of {names}"))
        }
        product::Refusal::Terms(fault) => bad(format!("{}: {fault}", fault.term())),
    }
}

fn stale(prod_id: &ProdId, current: u64, seen: Seen) -> String {
    let (Seen::Version(number) | Seen::TermsVersion(number)) = seen;
    format!("{prod_id} is at {} {current} and not at {number} any more", seen.name())
}

fn of_letter(refusal: letters::Refusal) -> Words {
    let (code, msg) = match refusal {
        letters::Refusal::Unknown { id } => {
            (RefusalCode::NotFound, format!("there is no dead letter {id}, or it was dealt with"))
        }
        letters::Refusal::NotResendable { id } => (
            RefusalCode::NotResendable,
            format!("dead letter {id} holds no readable order; it can only be discarded"),
        ),
        letters::Refusal::Rate { asked, most } => (
            RefusalCode::BadRequest,
            format!("per_s is {asked}; it must be from 1 to {most} (admin.resend_per_s)"),
        ),
    };
    (code, msg, Value::Null)
}

#[cfg(test)]
mod tests {
    use domain::controls::StaleGeneration;
    use domain::ports::desk::Refusal;
    use domain::ports::{Cause, WriteError};
    use domain::product::Seen;
    use domain::{letters, product};
    use protocol::{Money, ProdId, RefusalCode, TermsFault, prod_id_fault, prod_name_fault};
    use serde_json::{Value, json};

    use super::{of_command, of_rule};

    fn told(refusal: impl Into<Refusal>) -> (RefusalCode, String, Value) {
        let told = of_rule(refusal);
        (told.code, told.msg, told.data)
    }

    /// Word for word: operators' scripts and runbooks have them.
    #[test]
    fn what_stands_in_a_products_way_has_its_code_and_sentence() {
        let prod_id = || ProdId::from("p");
        let stale = |seen| product::Refusal::Stale { prod_id: prod_id(), current: 7, seen };
        for (refusal, code, msg, data) in [
            (
                product::Refusal::Exists { prod_id: prod_id() },
                RefusalCode::ProductExists,
                "product p exists",
                Value::Null,
            ),
            (
                product::Refusal::Unknown { prod_id: prod_id() },
                RefusalCode::NotFound,
                "there is no product p",
                Value::Null,
            ),
            (
                stale(Seen::Version(6)),
                RefusalCode::StaleVersion,
                "p is at version 7 and not at 6 any more",
                json!({ "version": 7 }),
            ),
            (
                stale(Seen::TermsVersion(6)),
                RefusalCode::StaleVersion,
                "p is at terms_version 7 and not at 6 any more",
                json!({ "terms_version": 7 }),
            ),
            (
                product::Refusal::NotEnough { prod_id: prod_id(), unsold: 2 },
                RefusalCode::NotEnoughStock,
                "p has 2 unsold units, fewer than are to be withdrawn",
                json!({ "unsold": 2 }),
            ),
        ] {
            assert_eq!(told(refusal), (code, msg.to_owned(), data));
        }
    }

    #[test]
    fn what_no_product_can_be_is_a_bad_request_with_its_sentence() {
        let id =
            |id: &str| product::Refusal::Id { id: id.into(), fault: prod_id_fault(id).unwrap() };
        let name = |name: &str| product::Refusal::Name {
            name: name.to_owned(),
            fault: prod_name_fault(name).unwrap(),
        };
        let free = product::Refusal::Terms(TermsFault::Price(Money::from_milli(0)));
        let too_many = product::Refusal::TooMany { prod_id: "p".into(), unsold: 2 };
        for (refusal, msg) in [
            (too_many, "delta: p has 2 units and can have 4294967295 at most"),
            (product::Refusal::NoUnits, "delta is 0; it must add units, or withdraw some"),
            (
                id("p "),
                "prod_id is \"p \", which ends with a blank (U+0020): 1 to 64 characters without \
                 blanks",
            ),
            (id(""), "prod_id: 1 to 64 characters without blanks"),
            (
                name("P\n"),
                "prod_name is \"P\\n\", which ends with a line feed (U+000A): 1 to 256 characters \
                 of one line",
            ),
            (name(""), "prod_name: 1 to 256 characters, not all blank"),
            (free, "price: 0.000 is no amount above 0"),
            (
                product::Refusal::NoTerms,
                "no term is given; name one at least of price, on_shelf, opens_at, closes_at, \
                 preheat_ratio",
            ),
        ] {
            assert_eq!(told(refusal), (RefusalCode::BadRequest, msg.to_owned(), Value::Null));
        }
    }

    #[test]
    fn each_other_refusal_has_its_code_and_sentence() {
        for (refusal, code, msg) in [
            (
                letters::Refusal::Unknown { id: 7 },
                RefusalCode::NotFound,
                "there is no dead letter 7, or it was dealt with",
            ),
            (
                letters::Refusal::NotResendable { id: 7 },
                RefusalCode::NotResendable,
                "dead letter 7 holds no readable order; it can only be discarded",
            ),
            (
                letters::Refusal::Rate { asked: 101, most: 100 },
                RefusalCode::BadRequest,
                "per_s is 101; it must be from 1 to 100 (admin.resend_per_s)",
            ),
        ] {
            assert_eq!(told(refusal), (code, msg.to_owned(), Value::Null));
        }
        let stale = "the switches were set by somebody meanwhile (generation 3, not 2): look at \
                     them again";
        assert_eq!(
            told(StaleGeneration { current: 3, seen: 2 }),
            (RefusalCode::StaleVersion, stale.to_owned(), json!({ "generation": 3 }))
        );
        let reused = "request_id r was used for another command, `drain` with number 5 in the \
                      audit log: each command needs a request_id of its own";
        let (request_id, verb) = ("r".to_owned(), "drain".to_owned());
        assert_eq!(
            told(Refusal::RequestIdReused { request_id, verb, audit_id: 5 }),
            (RefusalCode::RequestIdReused, reused.to_owned(), Value::Null)
        );
    }

    #[test]
    fn a_store_that_fails_says_whether_anything_may_have_been_changed() {
        let cause = || Cause("the disk is full".to_owned());
        let not_done = of_command(WriteError::Rejected(cause()).into());
        assert_eq!(not_done.msg, "nothing was changed: not stored: the disk is full");
        let unknown = of_command(WriteError::Unknown(cause()).into());
        let msg = "it is not known whether this was stored: the disk is full: repeat it with the \
                   same request_id to learn how it ended";
        assert_eq!((unknown.code, unknown.msg.as_str()), (RefusalCode::StoreFailed, msg));
    }
}
