//! Every endpoint of the admin socket in one table: `GET /v1/` lists it, requests are matched by
//! it, and a test holds docs/admin-api.md to it.

use edge::percent_decoded;
use hyper::Method;
use protocol::EndpointView;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Name {
    List,
    Status,
    Health,
    Events,
    Metrics,
    Config,
    Products,
    Product,
    Orders,
    Order,
    DeadLetters,
    Audit,
    PauseIntake,
    ResumeIntake,
    PauseConsumption,
    ResumeConsumption,
    Drain,
    CreateProduct,
    Stock,
    Shelf,
    Price,
    ResendAll,
    Resend,
    Discard,
    LogLevel,
    Reload,
    Shutdown,
}

/// One endpoint. A part of its path in braces stands for any value.
pub(super) struct Endpoint {
    pub(super) name: Name,
    pub(super) method: Method,
    pub(super) path: &'static str,
    what: &'static str,
}

const fn get(name: Name, path: &'static str, what: &'static str) -> Endpoint {
    Endpoint { name, method: Method::GET, path, what }
}

const fn post(name: Name, path: &'static str, what: &'static str) -> Endpoint {
    Endpoint { name, method: Method::POST, path, what }
}

/// The table.
pub(super) static ENDPOINTS: [Endpoint; 27] = [
    get(Name::List, "/v1/", "this list, and who you are"),
    get(Name::Status, "/v1/status", "the whole state, with its sequence number"),
    get(Name::Health, "/v1/health", "200 when in full service, else 503"),
    get(Name::Events, "/v1/events", "NDJSON: the whole state, then numbered changes"),
    get(Name::Metrics, "/metrics", "the figures in Prometheus' text format"),
    get(Name::Config, "/v1/config", "the effective configuration, each key with its source"),
    get(Name::Products, "/v1/products", "all products"),
    get(Name::Product, "/v1/products/{prod_id}", "one product"),
    get(
        Name::Orders,
        "/v1/orders",
        "orders, newest first: ?state=&prod=&phone=&id=&limit=&after=; `unlisted`: what it lacks",
    ),
    get(
        Name::Order,
        "/v1/orders/{order_id}",
        "one order's whole history, by its id or the beginning of it; ?reveal=phone shows the number to \
         those who may operate",
    ),
    get(Name::DeadLetters, "/v1/dead-letters", "messages set aside: ?limit=&after="),
    get(Name::Audit, "/v1/audit", "what operators did, newest first: ?limit=&after="),
    post(Name::PauseIntake, "/v1/intake/pause", "no new orders are taken (42003)"),
    post(Name::ResumeIntake, "/v1/intake/resume", "new orders are taken; ends a drain"),
    post(Name::PauseConsumption, "/v1/consumption/pause", "orders stay in the queue"),
    post(Name::ResumeConsumption, "/v1/consumption/resume", "orders are taken from the queue"),
    post(Name::Drain, "/v1/drain", "intake paused, consumption on until nothing waits"),
    post(Name::CreateProduct, "/v1/products", "a new product"),
    post(Name::Stock, "/v1/products/{prod_id}/stock", "adds units, or withdraws unsold ones"),
    post(
        Name::Shelf,
        "/v1/products/{prod_id}/shelf",
        "puts a product on the shelf or takes it off",
    ),
    post(
        Name::Price,
        "/v1/products/{prod_id}/price",
        "another price; what waits at the old one fails",
    ),
    post(Name::ResendAll, "/v1/dead-letters/resend", "all readable ones, back to the consumer"),
    post(Name::Resend, "/v1/dead-letters/{id}/resend", "one, back to the consumer"),
    post(Name::Discard, "/v1/dead-letters/{id}/discard", "its order fails, `discarded`"),
    post(Name::LogLevel, "/v1/log-level", "other directives for the log"),
    post(Name::Reload, "/v1/reload", "reads the configuration anew"),
    post(Name::Shutdown, "/v1/shutdown", "stops the daemon in order"),
];

/// The table as it is listed.
pub(super) fn listed() -> Vec<EndpointView> {
    let view = |endpoint: &Endpoint| EndpointView {
        method: endpoint.method.to_string(),
        path: endpoint.path.to_owned(),
        what: endpoint.what.to_owned(),
    };
    ENDPOINTS.iter().map(view).collect()
}

/// Where a request leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// To this endpoint, with the value that stood in its path (decoded), if it has one.
    Endpoint(Name, Option<String>),
    /// To a path that has only these methods.
    Methods(Vec<Method>),
    /// Nowhere.
    Nothing,
}

/// Finds the endpoint of a method and a path as it came.
pub(super) fn find(method: &Method, path: &str) -> Found {
    let here = ENDPOINTS.iter().filter_map(|at| captured(at.path, path).map(|value| (at, value)));
    let mut methods = Vec::new();
    for (endpoint, value) in here {
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        if endpoint.method == *wanted {
            return Found::Endpoint(endpoint.name, value);
        }
        methods.push(endpoint.method.clone());
    }
    if methods.is_empty() { Found::Nothing } else { Found::Methods(methods) }
}

/// The value in the path, where the path fits the pattern. Values may hold anything but must be
/// valid UTF-8 once decoded.
fn captured(pattern: &str, path: &str) -> Option<Option<String>> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut value = None;
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(value),
            (Some(wanted), Some(given)) if wanted.starts_with('{') => {
                value = Some(percent_decoded(given)?).filter(|value| !value.is_empty());
                value.as_ref()?;
            }
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::Method;

    use super::{ENDPOINTS, Found, Name, find};

    #[test]
    fn every_endpoint_is_found_and_no_two_are_the_same() {
        for endpoint in &ENDPOINTS {
            let path = endpoint.path.replace("{prod_id}", "p").replace("{order_id}", "o");
            let path = path.replace("{id}", "7");
            let Found::Endpoint(name, value) = find(&endpoint.method, &path) else {
                panic!("{path} leads nowhere");
            };
            assert_eq!(name, endpoint.name, "{path}");
            assert_eq!(value.is_some(), endpoint.path.contains('{'), "{path}");
        }
    }

    #[test]
    fn values_are_decoded_and_other_paths_are_other_paths() {
        let product = |value: &str| Found::Endpoint(Name::Product, Some(value.to_owned()));
        assert_eq!(find(&Method::GET, "/v1/products/a%2Fb%20%E5%B0%8F"), product("a/b 小"));
        assert_eq!(find(&Method::HEAD, "/v1/products/a+b"), product("a+b"));
        for path in ["/v1/products/", "/v1/products/%zz", "/v1/products/%ff", "/v1", "/", "/v2/"] {
            assert_eq!(find(&Method::GET, path), Found::Nothing, "{path}");
        }
        assert_eq!(
            find(&Method::DELETE, "/v1/products"),
            Found::Methods(vec![Method::GET, Method::POST])
        );
        assert_eq!(find(&Method::GET, "/v1/products/p/stock"), Found::Methods(vec![Method::POST]));
    }
}
