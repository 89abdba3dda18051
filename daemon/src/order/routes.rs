//! The order node's REST interface: `query.do` for operators and gateways, and the decisions for
//! gateways.

use std::sync::Arc;
use std::time::Instant;

use domain::ports::order_side::{OrderLookup, OrderSide};
use edge::{Call, Route, route};
use hyper::{Method, StatusCode};
use instruments::meter::Endpoint;
use instruments::streak::InRun;
use protocol::{Code, QueryData, Reply, Seq};
use tracing::{debug, info, warn};
use warp::reply::Response;

use super::Tally;
use crate::request::fields::has_readable_body;
use crate::request::{QueryRequest, answer_query};

/// All paths of the order node. `tally` counts the answers to `query.do`, and knows whether the
/// tries before failed.
pub fn routes(orders: Arc<dyn OrderSide>, tally: Arc<Tally>) -> Vec<Route> {
    let (queried, noted) = (Arc::clone(&orders), Arc::clone(&tally));
    let query = route(Endpoint::OrderQuery.path(), &[Method::POST], move |call: Call| {
        let (orders, tally) = (Arc::clone(&queried), Arc::clone(&noted));
        async move {
            let since = Instant::now();
            let (code, response) = query(&*orders, &tally, &call).await;
            tally.queries.record(code, since.elapsed());
            response
        }
    });
    let decisions = route("/internal/v1/decisions", &[Method::GET], move |call: Call| {
        let (orders, tally) = (Arc::clone(&orders), Arc::clone(&tally));
        async move { decisions(&*orders, &tally, &call.query).await }
    });
    vec![query.of_the_contract(has_readable_body), decisions]
}

async fn query(orders: &dyn OrderSide, tally: &Tally, call: &Call) -> (Code, Response) {
    let refusal = Reply::refusal(Code::InvalidInput);
    let answer = async |asked: QueryRequest| find(orders, tally, &asked).await;
    answer_query(call, &tally.invalid_queries, &refusal, answer).await
}

async fn find(orders: &dyn OrderSide, tally: &Tally, asked: &QueryRequest) -> Reply<QueryData> {
    let known = match orders.find(&asked.prod_id, &asked.phone).await {
        Ok(known) => known,
        Err(cause) => {
            let (prod_id, user) = (asked.prod_id.as_str(), asked.phone.to_string());
            match tally.failed_queries.failed() {
                InRun::First => warn!(prod_id, user, %cause, "a query could not be answered"),
                InRun::Further => {
                    debug!(prod_id, user, %cause, "another query could not be answered");
                }
            }
            return Reply::refusal(Code::ServerError);
        }
    };
    if tally.failed_queries.succeeded() == InRun::First {
        info!("queries are answered again");
    }
    match known {
        OrderLookup::Found(data) => Reply::with(Code::Found, *data),
        OrderLookup::Never => Reply::refusal(Code::BizError),
        OrderLookup::NotYet => Reply::refusal(Code::NotKnownYet),
    }
}

async fn decisions(orders: &dyn OrderSide, tally: &Tally, query: &str) -> Response {
    let after = form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == "after")
        .map_or(Ok(Seq(0)), |(_, value)| value.parse().map(Seq));
    let Ok(after) = after else { return edge::fault(StatusCode::BAD_REQUEST) };
    match orders.decisions(after).await {
        Ok(page) => {
            if tally.failed_decisions.succeeded() == InRun::First {
                info!("decisions can be read again");
            }
            edge::write(StatusCode::OK, &page)
        }
        Err(cause) => {
            match tally.failed_decisions.failed() {
                InRun::First => warn!(%cause, "decisions could not be read"),
                InRun::Further => debug!(%cause, "decisions could not be read again"),
            }
            edge::fault(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use domain::ports::{BoxFuture, Cause};
    use instruments::captured_log::lines;
    use protocol::{DecisionsPage, Phone, ProdId};
    use tokio::sync::watch;

    use super::*;

    /// An order side whose database can't be read for a while.
    #[derive(Default)]
    struct Database {
        is_away: AtomicBool,
    }

    impl Database {
        fn judge(&self) -> Result<(), Cause> {
            let is_away = self.is_away.load(Ordering::SeqCst);
            if is_away { Err(Cause("the database can't be read".to_owned())) } else { Ok(()) }
        }
    }

    impl OrderSide for Database {
        fn decisions(&self, _: Seq) -> BoxFuture<'_, Result<DecisionsPage, Cause>> {
            let (store_id, decisions, products) = (String::new(), Vec::new(), Vec::new());
            let page = DecisionsPage {
                store_id,
                head: Seq(0),
                decisions,
                products,
                paused: false,
                now: None,
            };
            Box::pin(async { self.judge().map(|()| page) })
        }

        fn find<'a>(
            &'a self,
            _: &'a ProdId,
            _: &'a Phone,
        ) -> BoxFuture<'a, Result<OrderLookup, Cause>> {
            Box::pin(async { self.judge().map(|()| OrderLookup::Never) })
        }

        fn changes(&self) -> Option<watch::Receiver<u64>> {
            None
        }
    }

    /// Everybody's queries fail while the database does: a line each would bury the cause.
    #[test]
    fn of_a_row_of_failures_the_first_is_told_and_the_end() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (database, tally) = (Database::default(), Tally::default());
        let asked = || QueryRequest { prod_id: "pid_0001".into(), phone: "15200001234".into() };
        let told = lines(|| {
            runtime.block_on(async {
                for is_away in [false, true, true, true, false, false, true] {
                    database.is_away.store(is_away, Ordering::SeqCst);
                    let code = if is_away { Code::ServerError } else { Code::BizError };
                    assert_eq!(find(&database, &tally, &asked()).await.code, code);
                    let status = decisions(&database, &tally, "after=7").await.status();
                    assert_eq!(status.is_success(), !is_away);
                }
            });
        });
        let begins = [
            " WARN a query could not be answered",
            " WARN decisions could not be read",
            " INFO queries are answered again",
            " INFO decisions can be read again",
            " WARN a query could not be answered",
            " WARN decisions could not be read",
        ];
        assert_eq!(told.len(), begins.len(), "{told:#?}");
        for (line, begin) in told.iter().zip(begins) {
            assert!(line.starts_with(begin) && !line.contains("15200001234"), "{line}");
        }
    }
}
