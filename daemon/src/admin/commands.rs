//! What `POST` does: reads the body, has the store carry the command out together with its entry in
//! the audit log, puts into effect what isn't in the database, and tells everybody who watches.

use edge::Call;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use protocol::{
    AddStock, Controls, CreateProduct, Discard, Done, LogLevelState, Phase, Reasoned, Refusal,
    RefusalCode, ResendAll, ResentState, SetLogLevel, SetPrice, SetShelf, SetSwitch, Shutdown,
    ShutdownState, flaw, flaw_of_sentence,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use store_sqlite::{
    Carried, Command, CommandError, ControlVerb, Firstness, Shelf, Store, WriteError,
};
use tracing::info;
use warp::reply::Response;

use super::Desk;
use super::access::Caller;
use super::endpoints::Name;
use super::notables::counted;
use super::query::{Query, bad};
use crate::config::{LEVELS, LogDirectives, Role};

/// Longest `request_id` and `reason`, in characters.
const REQUEST_ID_CHARS_MAX: usize = 64;
const REASON_CHARS_MAX: usize = 500;

/// Set on an answer that was given before.
const REPEATED: &str = "seckill-repeated";

/// Carries a `POST` out.
pub(super) async fn carry_out(
    desk: &Desk,
    call: &Call,
    caller: Caller,
    name: Name,
    value: Option<String>,
) -> Result<Response, Refusal> {
    Query::parse(&call.query, &[])?;
    // But for the stop itself, which may be asked for again.
    if name != Name::Shutdown && desk.parts.owners.is_stopping() {
        let msg = "the daemon is stopping: nothing is changed any more";
        return Err(Refusal::new(RefusalCode::Stopping, msg));
    }
    let object = value.unwrap_or_default();
    let asked = Asked { desk, caller, body: &call.body, object };
    let done = match name {
        Name::PauseIntake => asked.switch("intake.pause", ControlVerb::PauseIntake).await,
        Name::ResumeIntake => asked.switch("intake.resume", ControlVerb::ResumeIntake).await,
        Name::PauseConsumption => {
            asked.switch("consumption.pause", ControlVerb::PauseConsumption).await
        }
        Name::ResumeConsumption => {
            asked.switch("consumption.resume", ControlVerb::ResumeConsumption).await
        }
        Name::Drain => asked.switch("drain", ControlVerb::Drain).await,
        Name::CreateProduct => asked.create_product().await,
        Name::Stock => asked.add_stock().await,
        Name::Shelf => asked.set_shelf().await,
        Name::Price => asked.set_price().await,
        Name::ResendAll => asked.resend_all().await,
        Name::Resend => asked.resend().await,
        Name::Discard => asked.discard().await,
        Name::LogLevel => asked.set_log_level().await,
        Name::Reload => asked.reload().await,
        Name::Shutdown => asked.shut_down().await,
        // The views, which aren't posted to.
        _ => Err(Refusal::new(RefusalCode::NotFound, "no such command")),
    };
    let (uid, pid) = (asked.caller.view.uid, asked.caller.pid);
    let object = &asked.object;
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

/// One command on its way.
struct Asked<'a> {
    desk: &'a Desk,
    caller: Caller,
    body: &'a [u8],
    object: String,
}

/// The parts of a body that every command has.
trait Body: DeserializeOwned + Serialize {
    fn request_id(&self) -> &str;
    fn reason(&self) -> Option<&str>;
}

macro_rules! bodies {
    ($( $body:ty, |$this:ident| $reason:expr; )+) => {$(
        impl Body for $body {
            fn request_id(&self) -> &str {
                &self.request_id
            }
            fn reason(&self) -> Option<&str> {
                let $this = self;
                $reason
            }
        }
    )+};
}

bodies! {
    Reasoned, |body| body.reason.as_deref();
    SetSwitch, |body| body.reason.as_deref();
    CreateProduct, |body| body.reason.as_deref();
    AddStock, |body| Some(&body.reason);
    SetShelf, |body| body.reason.as_deref();
    SetPrice, |body| Some(&body.reason);
    ResendAll, |body| body.reason.as_deref();
    Discard, |body| Some(&body.reason);
    SetLogLevel, |body| body.reason.as_deref();
    Shutdown, |body| body.reason.as_deref();
}

impl Asked<'_> {
    /// The body, and the command that it makes.
    fn read<B: Body>(&self, verb: &'static str) -> Result<(B, Command), Refusal> {
        let body: B = serde_json::from_slice(self.body)
            .map_err(|error| bad(format!("the body can't be used: {error}")))?;
        let id = body.request_id();
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        if id.is_empty() || REQUEST_ID_CHARS_MAX < id.len() || !id.chars().all(fits) {
            return Err(bad(format!(
                "request_id is {id:?}; it must have 1 to {REQUEST_ID_CHARS_MAX} characters of \
                 A-Z a-z 0-9 . _ -"
            )));
        }
        let reason = body.reason();
        if reason.is_some_and(|text| text.trim().is_empty())
            || reason.is_some_and(|text| REASON_CHARS_MAX < text.chars().count())
        {
            return Err(bad(format!("reason must have 1 to {REASON_CHARS_MAX} characters")));
        }
        if let Some(flaw) = reason.and_then(flaw_of_sentence) {
            return Err(bad(format!("reason {flaw}; it is one line of text")));
        }
        let command = Command {
            request_id: id.to_owned(),
            verb,
            object: self.object.clone(),
            arguments: arguments(&body),
            reason: reason.map(str::to_owned),
            actor: self.caller.actor(),
        };
        Ok((body, command))
    }

    async fn switch(&self, verb: &'static str, which: ControlVerb) -> Result<Response, Refusal> {
        match which {
            ControlVerb::PauseIntake | ControlVerb::ResumeIntake | ControlVerb::Drain => {
                self.needs(Role::Gateway)?;
            }
            ControlVerb::PauseConsumption | ControlVerb::ResumeConsumption => {
                self.needs(Role::Order)?;
            }
        }
        let (body, command) = self.read::<SetSwitch>(verb)?;
        let parts = &self.desk.parts;
        let switching = self.desk.switching.lock().await;
        let carried = stored(parts.store.set_controls(command, which, body.if_generation).await)?;
        let controls = of_roles(state(&carried)?, &parts.roles);
        if carried.first == Firstness::Now {
            parts.owners.apply(&controls).await;
        }
        drop(switching);
        self.answer(&body, &carried, controls, phrase(which)).await
    }

    async fn create_product(&self) -> Result<Response, Refusal> {
        self.needs(Role::Order)?;
        let (body, command) = self.read::<CreateProduct>("product.create")?;
        let command = Command { object: body.prod_id.clone(), ..command };
        let text =
            format!("created product {} with {}", body.prod_id, counted(body.stock.into(), "unit"));
        let carried = stored(self.store().create_product(command, body.clone()).await)?;
        self.answer(&body, &carried, state::<Value>(&carried)?, &text).await
    }

    async fn add_stock(&self) -> Result<Response, Refusal> {
        self.needs(Role::Order)?;
        let (body, command) = self.read::<AddStock>("product.stock")?;
        let id = self.object.as_str();
        let units = counted(body.delta.unsigned_abs(), "unit");
        let text = match body.delta {
            0 => return Err(bad("delta is 0; it must add units, or withdraw some")),
            1.. => format!("added {units} to {id}"),
            _ => format!("withdrew {units} from {id}"),
        };
        let changed = self.store().change_stock(command, id, body.delta, body.if_version).await;
        let carried = stored(changed)?;
        self.answer(&body, &carried, state::<Value>(&carried)?, &text).await
    }

    async fn set_shelf(&self) -> Result<Response, Refusal> {
        self.needs(Role::Order)?;
        let (body, command) = self.read::<SetShelf>("product.shelf")?;
        let id = self.object.as_str();
        let (shelf, text) = match body.on_shelf {
            true => (Shelf::On, format!("put {id} on the shelf")),
            false => (Shelf::Off, format!("took {id} off the shelf")),
        };
        let carried = stored(self.store().set_shelf(command, id, shelf, body.if_version).await)?;
        self.answer(&body, &carried, state::<Value>(&carried)?, &text).await
    }

    async fn set_price(&self) -> Result<Response, Refusal> {
        self.needs(Role::Order)?;
        let (body, command) = self.read::<SetPrice>("product.price")?;
        let id = self.object.as_str();
        let text = format!("set the price of {id} to {}", body.price);
        let set = self.store().set_price(command, id, body.price, body.if_version).await;
        let carried = stored(set)?;
        self.answer(&body, &carried, state::<Value>(&carried)?, &text).await
    }

    async fn resend_all(&self) -> Result<Response, Refusal> {
        self.needs(Role::Order)?;
        let (body, command) = self.read::<ResendAll>("dead_letters.resend")?;
        let most = u32::try_from(self.desk.parts.resend_per_s.get()).unwrap_or(u32::MAX);
        let per_s = body.per_s.unwrap_or(most);
        if per_s == 0 || most < per_s {
            return Err(bad(format!(
                "per_s is {per_s}; it must be from 1 to {most} (admin.resend_per_s)"
            )));
        }
        let carried = stored(self.store().resend_dead_letters(command, per_s, body.up_to).await)?;
        let resent: ResentState = state(&carried)?;
        let letters = counted(resent.resent, "dead letter");
        let text = format!("resent {letters} at {per_s} a second");
        self.answer(&body, &carried, resent, &text).await
    }

    async fn resend(&self) -> Result<Response, Refusal> {
        self.needs(Role::Order)?;
        let (body, command) = self.read::<Reasoned>("dead_letter.resend")?;
        let text = format!("resent dead letter {}", self.object);
        let carried = stored(self.store().resend_dead_letter(command, self.letter()?).await)?;
        self.answer(&body, &carried, state::<Value>(&carried)?, &text).await
    }

    async fn discard(&self) -> Result<Response, Refusal> {
        self.needs(Role::Order)?;
        let (body, command) = self.read::<Discard>("dead_letter.discard")?;
        let text = format!("discarded dead letter {}", self.object);
        let carried = stored(self.store().discard_dead_letter(command, self.letter()?).await)?;
        self.answer(&body, &carried, state::<Value>(&carried)?, &text).await
    }

    async fn set_log_level(&self) -> Result<Response, Refusal> {
        let (body, command) = self.read::<SetLogLevel>("log_level")?;
        let owners = &self.desk.parts.owners;
        if let Some(flaw) = flaw(&body.level) {
            return Err(bad(format!(
                "level is {:?}, which {flaw}; allowed is {LEVELS}",
                body.level
            )));
        }
        if let Err(error) = body.level.parse::<LogDirectives>() {
            return Err(bad(format!("level is {:?}: {error}", body.level)));
        }
        let switching = self.desk.switching.lock().await;
        let before = json!({ "level": owners.log_level() });
        let after = LogLevelState { level: body.level.clone() };
        let noted = self.store().note_command(command, before, json!(after), json!(after)).await;
        let carried = stored(noted)?;
        if carried.first == Firstness::Now {
            let failed = |msg| Refusal::new(RefusalCode::Internal, msg);
            owners.set_log_level(&body.level).map_err(failed)?;
        }
        drop(switching);
        let text = format!("set the log to {}", body.level);
        self.answer(&body, &carried, after, &text).await
    }

    /// Publishes no event of its own: watchers see each reload in the state, whether a command or a
    /// signal asked for it.
    async fn reload(&self) -> Result<Response, Refusal> {
        let (body, command) = self.read::<Reasoned>("reload")?;
        let reloaded = self.desk.parts.owners.reload(command).await;
        // It shows at once, refusals too, and not a quarter of a second later.
        let _ = self.desk.observatory.snapshot().await;
        let carried = stored(reloaded)?;
        Ok(done(&body, &carried, state::<Value>(&carried)?))
    }

    async fn shut_down(&self) -> Result<Response, Refusal> {
        let (body, command) = self.read::<Shutdown>("shutdown")?;
        let after = ShutdownState { phase: Phase::Stopping };
        let before = json!({ "phase": Phase::Serving });
        let noted = self.store().note_command(command, before, json!(after), json!(after)).await;
        let carried = stored(noted)?;
        let answer = self.answer(&body, &carried, after, "shut the daemon down").await;
        if carried.first == Firstness::Now {
            self.desk.parts.owners.shut_down();
        }
        answer
    }

    fn store(&self) -> &Store {
        &self.desk.parts.store
    }

    /// The number of the dead letter in the path.
    fn letter(&self) -> Result<u64, Refusal> {
        let number = self.object.parse().ok();
        number.ok_or_else(|| bad(format!("{:?} is no dead letter's number", self.object)))
    }

    fn needs(&self, role: Role) -> Result<(), Refusal> {
        if self.desk.parts.roles.contains(&role) {
            return Ok(());
        }
        let msg = match role {
            Role::Gateway => "this process has no gateway role: ask a gateway's admin socket",
            Role::Order => "this process has no order role: ask the order node's admin socket",
        };
        Err(Refusal::new(RefusalCode::WrongRole, msg))
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
            let who = self.caller.view.user.clone();
            let who = who.unwrap_or_else(|| format!("uid {}", self.caller.view.uid));
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

const fn phrase(which: ControlVerb) -> &'static str {
    match which {
        ControlVerb::PauseIntake => "paused intake",
        ControlVerb::ResumeIntake => "resumed intake",
        ControlVerb::PauseConsumption => "paused consumption",
        ControlVerb::ResumeConsumption => "resumed consumption",
        ControlVerb::Drain => "began to drain",
    }
}

/// What the store made of a command.
pub(super) fn stored(result: Result<Carried, CommandError>) -> Result<Carried, Refusal> {
    result.map_err(|error| match error {
        CommandError::Refused(refusal) => refusal,
        CommandError::Store(error @ WriteError::Unknown(_)) => {
            let msg = format!("{error}: repeat it with the same request_id to learn how it ended");
            Refusal::new(RefusalCode::StoreFailed, msg)
        }
        CommandError::Store(error) => {
            Refusal::new(RefusalCode::StoreFailed, format!("nothing was changed: {error}"))
        }
    })
}

/// The state as it was stored with the command.
fn state<S: DeserializeOwned>(carried: &Carried) -> Result<S, Refusal> {
    serde_json::from_str(carried.state.get()).map_err(|error| {
        let msg = format!("carried out as entry {} of the audit log: {error}", carried.audit_id);
        Refusal::new(RefusalCode::Internal, msg)
    })
}

/// The switches of the roles that this process has.
#[must_use]
pub fn of_roles(controls: Controls, roles: &[Role]) -> Controls {
    let Controls { intake, consumption, drain, generation } = controls;
    let gateway = roles.contains(&Role::Gateway);
    Controls {
        intake: intake.filter(|_| gateway),
        consumption: consumption.filter(|_| roles.contains(&Role::Order)),
        drain: drain.filter(|_| gateway),
        generation,
    }
}

/// What is written down of a body beside its number and its reason.
fn arguments(body: &impl Serialize) -> Value {
    let mut arguments = serde_json::to_value(body).unwrap_or(Value::Null);
    if let Some(fields) = arguments.as_object_mut() {
        fields.remove("request_id");
        fields.remove("reason");
    }
    arguments
}
