//! The HTTP edge: our accept loop around a warp service, with the limits that warp leaves out, and
//! the JSON in which every answer is written. Which paths there are, and what they do, is the
//! roles'.
//!
//! What is promised to a handler: it sees a request only when its whole body (bounded) is here, or
//! when its head shows that the body is of no use; it runs to its end even when the client hangs
//! up, and its panic costs one answer, not the connection.
//!
//! What is promised to a client: every answer is JSON, those of HTTP itself included. Input that
//! HTTP refuses (4xx) carries the business code 40005, our own faults (5xx) carry 20000, each with
//! a message of its own (`protocol::HttpFault`):
//!
//! | status | when | connection |
//! | --- | --- | --- |
//! | 400 | no HTTP/1.x, or a body with broken framing | closed |
//! | 404 | no such path | kept, unless a body is on its way |
//! | 405 | not a method of this path; `Allow` lists them (`OPTIONS`: 204 and `Allow`) | likewise |
//! | 408 | a head or a body begun and not complete in time (silence just ends) | closed |
//! | 413 | a body over the limit, answered before more of it is read | closed |
//! | 415 | a body of a type that nobody here reads, and no query string either | likewise |
//! | 415 | a coded body (content or transfer); `Accept-Encoding` says `identity` | likewise |
//! | 431 | a head over the limit (its target included), or over 100 headers | closed |
//! | 500 | a panic in a handler, counted | kept |
//!
//! 404, 405, 413 by `Content-Length` and 415 follow from the head alone, and are answered before
//! `100 Continue`. What a client sends behind such an answer is read and thrown away for a while
//! (`linger`): a close would take the answer away from a client that sends first and reads later.

mod bind;
mod connection;
mod counters;
mod edge;
mod linger;
mod listener;
mod path;
mod reject;
mod reply;
mod route;
mod stream;
#[cfg(test)]
mod tests;

pub use bind::{BindError, bind_tcp};
pub use counters::{EdgeCounters, EdgeReadings, Refused};
pub use edge::{Gate, Limits, LiveLimits, UnixPeer};
pub use listener::{Listener, UnixPlace, serve};
pub use path::percent_decoded;
pub use reject::recover;
pub use reply::{REASON, fault, json, write};
pub use route::{Call, Route, anywhere, gate, route, table};
pub use route::{allow_header, unhandled};
