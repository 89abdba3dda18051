//! `query.do` as both roles read it: what is wrong with a request is counted and answered 40005,
//! and a sound one gets its role's answer.

use edge::Call;
use protocol::{Code, Reply};
use serde::Serialize;
use warp::reply::Response;

use super::fields::read_call;
use super::{InvalidRequests, QueryRequest, invalid, query_request};

/// Reads a query and has it answered by `answer`. One that can't be read is noted with `noted` and
/// answered with `refusal`, which has the role's own shape.
pub async fn answer_query<D: Serialize>(
    call: &Call,
    noted: &InvalidRequests,
    refusal: &Reply<()>,
    answer: impl AsyncFnOnce(QueryRequest) -> Reply<D>,
) -> (Code, Response) {
    let fields = read_call(call).await;
    let asked = fields.as_ref().map_err(|fault| *fault).and_then(|fields| query_request(fields));
    match asked {
        Ok(asked) => {
            let reply = answer(asked).await;
            (reply.code, edge::json(&reply))
        }
        Err(fault) => {
            noted.note(fault, fields.as_ref().ok());
            (refusal.code, invalid(fault, refusal))
        }
    }
}
