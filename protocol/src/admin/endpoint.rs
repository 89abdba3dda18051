//! Every endpoint of the admin socket in one table: its method, its path, who may ask and which
//! role answers. The daemon matches requests by it and lists it (`GET /v1/`), its clients take
//! their paths from it, and a test holds docs/admin-api.md to it.

use std::fmt;

use super::listing::Permission;

/// What is asked for, or commanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// All endpoints, and who asks.
    List,
    /// The whole state.
    Status,
    /// Whether it is in full service.
    Health,
    /// The state and its changes.
    Events,
    /// The figures for Prometheus.
    Metrics,
    /// The configuration in force.
    Config,
    /// All products.
    Products,
    /// One product.
    Product,
    /// Orders, page by page.
    Orders,
    /// One order's history.
    Order,
    /// Decided orders in the sequence of their decisions.
    ExportOrders,
    /// Messages set aside.
    DeadLetters,
    /// What operators did.
    Audit,
    /// Takes no new orders.
    PauseIntake,
    /// Takes orders again.
    ResumeIntake,
    /// Leaves orders in the queue.
    PauseConsumption,
    /// Takes orders from the queue again.
    ResumeConsumption,
    /// Pauses intake and lets the queue run empty.
    Drain,
    /// Makes a product.
    CreateProduct,
    /// Changes a product's terms.
    Terms,
    /// Adds or withdraws units.
    Stock,
    /// Puts a product on the shelf or takes it off.
    Shelf,
    /// Changes a price.
    Price,
    /// Puts all dead letters back.
    ResendAll,
    /// Puts one back.
    Resend,
    /// Gives one up.
    Discard,
    /// Sets the sale's clock to the wall's time.
    AdoptClock,
    /// Changes what is logged.
    LogLevel,
    /// Reads the configuration again.
    Reload,
    /// Stops the daemon.
    Shutdown,
}

/// How an endpoint is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// A look, which changes nothing.
    Get,
    /// A command.
    Post,
    /// A command that changes the parts that it names.
    Patch,
}

/// The part of the sale that a command is about. A process without that role refuses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Takes charges.
    Gateway,
    /// Decides orders, and keeps products and dead letters.
    Order,
}

struct Row {
    endpoint: Endpoint,
    method: Method,
    path: &'static str,
    what: &'static str,
    role: Option<Role>,
}

const fn get(endpoint: Endpoint, path: &'static str, what: &'static str) -> Row {
    Row { endpoint, method: Method::Get, path, what, role: None }
}

const fn post(
    endpoint: Endpoint,
    role: Option<Role>,
    path: &'static str,
    what: &'static str,
) -> Row {
    Row { endpoint, method: Method::Post, path, what, role }
}

const fn patch(
    endpoint: Endpoint,
    role: Option<Role>,
    path: &'static str,
    what: &'static str,
) -> Row {
    Row { endpoint, method: Method::Patch, path, what, role }
}

/// The table, in the sequence of the enum. A part of a path in braces stands for any value.
static TABLE: [Row; 30] = {
    use Endpoint as E;
    const GATEWAY: Option<Role> = Some(Role::Gateway);
    const ORDER: Option<Role> = Some(Role::Order);
    [
        get(E::List, "/v1/", "this list, and who you are"),
        get(E::Status, "/v1/status", "the whole state, with its sequence number"),
        get(E::Health, "/v1/health", "200 when in full service, else 503"),
        get(E::Events, "/v1/events", "NDJSON: the whole state, then numbered changes"),
        get(E::Metrics, "/metrics", "the figures in Prometheus' text format"),
        get(E::Config, "/v1/config", "the effective configuration, each key with its source"),
        get(E::Products, "/v1/products", "all products"),
        get(E::Product, "/v1/products/{prod_id}", "one product"),
        get(
            E::Orders,
            "/v1/orders",
            "orders, newest first: ?state=&prod=&phone=&id=&limit=&after=; `unlisted`: what it \
             lacks",
        ),
        get(
            E::Order,
            "/v1/orders/{order_id}",
            "one order's whole history, by its id or the beginning of it; ?reveal=phone shows the \
             number to those who may operate",
        ),
        get(
            E::ExportOrders,
            "/v1/export/orders",
            "decided orders by their numbers: ?after=&state=&prod=&since=&until=&limit=; \
             ?reveal=phone shows the numbers to those who may operate",
        ),
        get(E::DeadLetters, "/v1/dead-letters", "messages set aside: ?limit=&after="),
        get(E::Audit, "/v1/audit", "what operators did, newest first: ?limit=&after="),
        post(E::PauseIntake, GATEWAY, "/v1/intake/pause", "no new orders are taken (42003)"),
        post(E::ResumeIntake, GATEWAY, "/v1/intake/resume", "new orders are taken; ends a drain"),
        post(E::PauseConsumption, ORDER, "/v1/consumption/pause", "orders stay in the queue"),
        post(
            E::ResumeConsumption,
            ORDER,
            "/v1/consumption/resume",
            "orders are taken from the queue",
        ),
        post(E::Drain, GATEWAY, "/v1/drain", "intake paused, consumption on until nothing waits"),
        post(E::CreateProduct, ORDER, "/v1/products", "a new product"),
        patch(
            E::Terms,
            ORDER,
            "/v1/products/{prod_id}",
            "other terms, all that are given or none: price, on_shelf, opens_at, closes_at, \
             preheat_ratio",
        ),
        post(
            E::Stock,
            ORDER,
            "/v1/products/{prod_id}/stock",
            "adds units, or withdraws unsold ones",
        ),
        post(
            E::Shelf,
            ORDER,
            "/v1/products/{prod_id}/shelf",
            "puts a product on the shelf or takes it off",
        ),
        post(
            E::Price,
            ORDER,
            "/v1/products/{prod_id}/price",
            "another price; what waits at the old one fails",
        ),
        post(
            E::ResendAll,
            ORDER,
            "/v1/dead-letters/resend",
            "all readable ones, back to the consumer",
        ),
        post(E::Resend, ORDER, "/v1/dead-letters/{id}/resend", "one, back to the consumer"),
        post(E::Discard, ORDER, "/v1/dead-letters/{id}/discard", "its order fails, `discarded`"),
        post(E::AdoptClock, None, "/v1/clock/adopt", "sets the sale's clock to the wall's time"),
        post(E::LogLevel, None, "/v1/log-level", "other directives for the log"),
        post(E::Reload, None, "/v1/reload", "reads the configuration anew"),
        post(E::Shutdown, None, "/v1/shutdown", "stops the daemon in order"),
    ]
};

impl Endpoint {
    /// All of them, in the sequence in which they are listed.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        TABLE.iter().map(|row| row.endpoint)
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// How it is asked.
    #[must_use]
    pub fn method(self) -> Method {
        self.row().method
    }

    /// Its path as it is listed; a part in braces stands for a value, so that this is no path to
    /// ask where there is one: see [`Endpoint::of`].
    #[must_use]
    pub fn pattern(self) -> &'static str {
        self.row().path
    }

    /// What it gives or does, in a few words.
    #[must_use]
    pub fn what(self) -> &'static str {
        self.row().what
    }

    /// The least that the asker must be permitted: looking for what changes nothing, operating for
    /// every command.
    #[must_use]
    pub fn permission(self) -> Permission {
        match self.method() {
            Method::Get => Permission::View,
            Method::Post | Method::Patch => Permission::Operate,
        }
    }

    /// The role that a process needs to carry it out; `None` where each process does.
    #[must_use]
    pub fn role(self) -> Option<Role> {
        self.row().role
    }

    /// Where to ask an endpoint whose path holds no value.
    #[must_use]
    pub fn address(self) -> Address {
        Address { text: self.pattern().to_owned(), has_query: false }
    }

    /// Where to ask an endpoint about this value, which stands in its path. Whatever the value
    /// holds, it stays in its place.
    #[must_use]
    pub fn of(self, value: impl fmt::Display) -> Address {
        let encoded = encoded(&value.to_string());
        let part = |part: &'static str| match part.starts_with('{') {
            true => encoded.clone(),
            false => part.to_owned(),
        };
        let parts: Vec<String> = self.pattern().split('/').map(part).collect();
        Address { text: parts.join("/"), has_query: false }
    }
}

impl Method {
    /// The method as HTTP has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
        }
    }
}

/// Path and query of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    text: String,
    has_query: bool,
}

impl Address {
    /// With this parameter as well.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.text.push_str(name);
        self.text.push('=');
        self.text.push_str(&encoded(&value.to_string()));
        self.has_query = true;
        self
    }

    /// With this parameter where there is a value.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// As it stands in the request's first line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A text as one part of a path, or as one value of a query.
fn encoded(text: &str) -> String {
    use fmt::Write;

    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, Method, Permission, Role, TABLE};

    #[test]
    fn the_table_has_each_endpoint_at_its_place() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!(row.endpoint as usize, place, "{}", row.path);
            assert_eq!(row.endpoint.pattern(), row.path);
            let others =
                TABLE.iter().filter(|other| (other.method, other.path) == (row.method, row.path));
            assert_eq!(others.count(), 1, "{}", row.path);
        }
        assert_eq!(Endpoint::all().last(), Some(Endpoint::Shutdown));
    }

    #[test]
    fn a_value_cannot_leave_its_place() {
        let stock = |id: &str| Endpoint::Stock.of(id).to_string();
        assert_eq!(stock("pid_0001"), "/v1/products/pid_0001/stock");
        assert_eq!(stock("a/../b?c=d&e#f%"), "/v1/products/a%2F..%2Fb%3Fc%3Dd%26e%23f%25/stock");
        assert_eq!(Endpoint::Resend.of(7).as_str(), "/v1/dead-letters/7/resend");
        assert_eq!(Endpoint::Order.of("华 x").as_str(), "/v1/orders/%E5%8D%8E%20x");
        let page = Endpoint::Orders.address().with("limit", 50).with_some("prod", Some("a&b"));
        assert_eq!(page.with_some("after", None::<u64>).as_str(), "/v1/orders?limit=50&prod=a%26b");
    }

    #[test]
    fn commands_take_more_than_looks() {
        for endpoint in Endpoint::all() {
            let is_look = endpoint.method() == Method::Get;
            assert_eq!(endpoint.permission() == Permission::View, is_look, "{endpoint:?}");
            assert!(!is_look || endpoint.role().is_none(), "{endpoint:?}");
        }
        assert_eq!(Endpoint::Drain.role(), Some(Role::Gateway));
    }
}
