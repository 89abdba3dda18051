//! What `POST` and `PATCH` do: reads the body, has the operator's desk carry the command out
//! together with its entry in the audit log, puts into effect what isn't in the store, and tells
//! everybody who watches. One file per object: `switches`, `products`, `letters`, and `process` for
//! the daemon itself; `body` is what all of them have in common.

mod body;
mod letters;
mod process;
mod products;
mod switches;

use domain::ports::desk::{Asked, Carried, Command, Firstness, Operation};
use edge::Call;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use protocol::{Done, Refusal, RefusalCode, Role};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::info;
use warp::reply::Response;

use self::body::Body;
#[cfg(test)]
pub(crate) use self::products::new_product;
pub use self::switches::of_roles;
use super::access::Caller;
use super::endpoints::CommandName;
use super::query::Query;
use super::{AdminShared, refusals};
use crate::config;

/// Set on an answer that was given before.
const REPEATED: &str = "seckill-repeated";

/// Carries a command out.
pub(super) async fn carry_out(
    desk: &AdminShared,
    call: &Call,
    caller: Caller,
    (name, role): (CommandName, Option<Role>),
    value: Option<String>,
) -> Result<Response, Refusal> {
    Query::parse(&call.query, &[])?;
    // But for the stop itself, which may be asked for again.
    if name != CommandName::Shutdown && desk.parts.owners.is_stopping() {
        let msg = "the daemon is stopping: nothing is changed any more";
        return Err(Refusal::new(RefusalCode::Stopping, msg));
    }
    let object = value.unwrap_or_default();
    let given = Given { desk, caller, body: &call.body, object };
    let done = match role.map_or(Ok(()), |role| given.needs(role)) {
        Ok(()) => dispatch(&given, name).await,
        Err(refusal) => Err(refusal),
    };
    let (uid, pid) = (given.caller.view.uid, given.caller.pid);
    let object = &given.object;
    match &done {
        Ok(_) => info!(uid, pid, path = call.path, object, "an operator's command was carried out"),
        Err(refusal) => {
            // A reload's refusal goes on with a list, which its owner has logged.
            let (code, why) = (refusal.code.as_str(), refusal.msg.lines().next());
            info!(uid, pid, path = call.path, object, code, why, "a command was refused");
        }
    }
    done
}

async fn dispatch(given: &Given<'_>, name: CommandName) -> Result<Response, Refusal> {
    match name {
        CommandName::Switch(verb) => switches::turn(given, verb).await,
        CommandName::CreateProduct => products::create(given).await,
        CommandName::Terms => products::set_terms(given).await,
        CommandName::Stock => products::add_stock(given).await,
        CommandName::Shelf => products::set_shelf(given).await,
        CommandName::Price => products::set_price(given).await,
        CommandName::ResendAll => letters::resend_all(given).await,
        CommandName::Resend => letters::resend(given).await,
        CommandName::Discard => letters::discard(given).await,
        CommandName::AdoptClock => process::adopt_clock(given).await,
        CommandName::LogLevel => process::set_log_level(given).await,
        CommandName::Reload => process::reload(given).await,
        CommandName::Shutdown => process::shut_down(given).await,
    }
}

/// One command on its way.
struct Given<'a> {
    desk: &'a AdminShared,
    caller: Caller,
    body: &'a [u8],
    /// What stood in the path: a product's id, a dead letter's number.
    object: String,
}

impl Given<'_> {
    /// The body, and what it says with any command.
    fn read<B: Body>(&self) -> Result<(B, Asked), Refusal> {
        body::read(self.body, self.caller.actor())
    }

    fn needs(&self, role: Role) -> Result<(), Refusal> {
        let (role, msg) = match role {
            Role::Gateway => (
                config::Role::Gateway,
                "this process has no gateway role: ask a gateway's admin socket",
            ),
            Role::Order => (
                config::Role::Order,
                "this process has no order role: ask the order node's admin socket",
            ),
        };
        if self.desk.parts.roles.contains(&role) {
            return Ok(());
        }
        Err(Refusal::new(RefusalCode::WrongRole, msg))
    }

    /// Has the operator's desk carry it out.
    async fn carry_out(&self, asked: Asked, operation: Operation) -> Result<Carried, Refusal> {
        let carried = self.desk.parts.operators.carry_out(Command { asked, operation }).await;
        carried.map_err(refusals::of_command)
    }

    /// The answer to a command that was carried out. Watchers get an event when it is carried out,
    /// and none when the answer is repeated.
    async fn answer<S: Serialize>(
        &self,
        body: &impl Body,
        carried: &Carried,
        state: S,
        text: &str,
    ) -> Result<Response, Refusal> {
        if carried.first == Firstness::Now {
            let who = self.caller.actor().name();
            let why = body.reason().map(|reason| format!(": {reason}")).unwrap_or_default();
            self.desk.observatory.tell(format!("{who} {text}{why}")).await;
        }
        Ok(done(body, carried, state))
    }
}

/// The answer to a command that was carried out, now or before.
fn done<S: Serialize>(body: &impl Body, carried: &Carried, state: S) -> Response {
    let request_id = body.request_id().to_owned();
    let done = Done { request_id, audit_id: carried.audit_id, state };
    let mut response = edge::write(StatusCode::OK, &done);
    if carried.first == Firstness::Repeated {
        response.headers_mut().insert(REPEATED, HeaderValue::from_static("true"));
    }
    response
}

/// The state as it was stored with the command.
fn state<S: DeserializeOwned>(carried: &Carried) -> Result<S, Refusal> {
    serde_json::from_str(carried.state.get()).map_err(|error| {
        let msg = format!("carried out as entry {} of the audit log: {error}", carried.audit_id);
        Refusal::new(RefusalCode::Internal, msg)
    })
}

/// The state as it was stored, its keys in the alphabet's order. Answers have always had them so,
/// and the kept text has them in another one.
fn sorted_state(carried: &Carried) -> Result<Value, Refusal> {
    state(carried)
}
