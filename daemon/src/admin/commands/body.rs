//! What the bodies of all commands have in common: the asker's own number and perhaps a reason,
//! each judged before anything is done, and the rest, which is written down as it was asked.

use domain::ports::desk::{Actor, Asked};
use protocol::{
    AddStock, ChangeTerms, CreateProduct, Discard, REQUEST_ID_CHARS_MAX, Reasoned, Refusal,
    ResendAll, SetLogLevel, SetPrice, SetShelf, SetSwitch, Shutdown, flaw_of_sentence,
    is_request_id,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::admin::query::bad;

/// Longest `reason`, in characters.
const REASON_CHARS_MAX: usize = 500;

/// The parts of a body that every command has.
pub(super) trait Body: DeserializeOwned + Serialize {
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
    ChangeTerms, |body| body.reason.as_deref();
    AddStock, |body| Some(&body.reason);
    SetShelf, |body| body.reason.as_deref();
    SetPrice, |body| Some(&body.reason);
    ResendAll, |body| body.reason.as_deref();
    Discard, |body| Some(&body.reason);
    SetLogLevel, |body| body.reason.as_deref();
    Shutdown, |body| body.reason.as_deref();
}

/// Reads a body, and what it says with any command.
pub(super) fn read<B: Body>(bytes: &[u8], actor: Actor) -> Result<(B, Asked), Refusal> {
    let body: B = serde_json::from_slice(bytes)
        .map_err(|error| bad(format!("the body can't be used: {error}")))?;
    let id = body.request_id();
    if !is_request_id(id) {
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
    let asked = Asked {
        request_id: id.to_owned(),
        arguments: arguments(&body),
        reason: reason.map(str::to_owned),
        actor,
    };
    Ok((body, asked))
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
