//! From a method and a path to the endpoint of the contract's table (`protocol::Endpoint`), which
//! `GET /v1/` lists and docs/admin-api.md is held to.

use domain::controls::ControlVerb;
use edge::percent_decoded;
use hyper::Method;
use protocol::{Endpoint, EndpointView, Role};

/// What an endpoint is to the daemon, so that the code for views answers each view, and the code
/// for commands each command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Something is shown.
    View(ViewName),
    /// The stream, which isn't answered within a time.
    Events,
    /// Something is done, by this role where it takes one.
    Command(CommandName, Option<Role>),
}

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ViewName {
    List,
    Status,
    Health,
    Metrics,
    Config,
    Products,
    Product,
    Orders,
    Order,
    ExportOrders,
    DeadLetters,
    Audit,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum CommandName {
    Switch(ControlVerb),
    CreateProduct,
    Terms,
    Stock,
    Shelf,
    Price,
    ResendAll,
    Resend,
    Discard,
    AdoptClock,
    LogLevel,
    Reload,
    Shutdown,
}

/// What an endpoint is to the daemon.
pub(super) fn kind(endpoint: Endpoint) -> Kind {
    let command = |name| Kind::Command(name, endpoint.role());
    let switch = |verb| command(CommandName::Switch(verb));
    match endpoint {
        Endpoint::List => Kind::View(ViewName::List),
        Endpoint::Status => Kind::View(ViewName::Status),
        Endpoint::Health => Kind::View(ViewName::Health),
        Endpoint::Events => Kind::Events,
        Endpoint::Metrics => Kind::View(ViewName::Metrics),
        Endpoint::Config => Kind::View(ViewName::Config),
        Endpoint::Products => Kind::View(ViewName::Products),
        Endpoint::Product => Kind::View(ViewName::Product),
        Endpoint::Orders => Kind::View(ViewName::Orders),
        Endpoint::Order => Kind::View(ViewName::Order),
        Endpoint::ExportOrders => Kind::View(ViewName::ExportOrders),
        Endpoint::DeadLetters => Kind::View(ViewName::DeadLetters),
        Endpoint::Audit => Kind::View(ViewName::Audit),
        Endpoint::PauseIntake => switch(ControlVerb::PauseIntake),
        Endpoint::ResumeIntake => switch(ControlVerb::ResumeIntake),
        Endpoint::PauseConsumption => switch(ControlVerb::PauseConsumption),
        Endpoint::ResumeConsumption => switch(ControlVerb::ResumeConsumption),
        Endpoint::Drain => switch(ControlVerb::Drain),
        Endpoint::CreateProduct => command(CommandName::CreateProduct),
        Endpoint::Terms => command(CommandName::Terms),
        Endpoint::Stock => command(CommandName::Stock),
        Endpoint::Shelf => command(CommandName::Shelf),
        Endpoint::Price => command(CommandName::Price),
        Endpoint::ResendAll => command(CommandName::ResendAll),
        Endpoint::Resend => command(CommandName::Resend),
        Endpoint::Discard => command(CommandName::Discard),
        Endpoint::AdoptClock => command(CommandName::AdoptClock),
        Endpoint::LogLevel => command(CommandName::LogLevel),
        Endpoint::Reload => command(CommandName::Reload),
        Endpoint::Shutdown => command(CommandName::Shutdown),
    }
}

/// The table as it is listed.
pub(super) fn listed() -> Vec<EndpointView> {
    let view = |endpoint: Endpoint| EndpointView {
        method: endpoint.method().as_str().to_owned(),
        path: endpoint.pattern().to_owned(),
        what: endpoint.what().to_owned(),
    };
    Endpoint::all().map(view).collect()
}

/// The method as HTTP's own type.
const fn method_of(method: protocol::Method) -> Method {
    match method {
        protocol::Method::Get => Method::GET,
        protocol::Method::Post => Method::POST,
        protocol::Method::Patch => Method::PATCH,
    }
}

/// Where a request leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// To this endpoint, with the value that stood in its path (decoded), if it has one.
    Endpoint(Endpoint, Option<String>),
    /// To a path that has only these methods.
    Methods(Vec<Method>),
    /// Nowhere.
    Nothing,
}

/// Finds the endpoint of a method and a path as it came.
pub(super) fn find(method: &Method, path: &str) -> Found {
    let wanted = if method == Method::HEAD { &Method::GET } else { method };
    let mut methods = Vec::new();
    for endpoint in Endpoint::all() {
        let Some(value) = captured(endpoint.pattern(), path) else { continue };
        let takes = method_of(endpoint.method());
        if takes == *wanted {
            return Found::Endpoint(endpoint, value);
        }
        methods.push(takes);
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

    use super::{Endpoint, Found, Kind, find, kind, method_of};

    #[test]
    fn every_endpoint_is_found_and_no_two_are_the_same() {
        for endpoint in Endpoint::all() {
            let path = endpoint.pattern().replace("{prod_id}", "p").replace("{order_id}", "o");
            let path = path.replace("{id}", "7");
            let Found::Endpoint(found, value) = find(&method_of(endpoint.method()), &path) else {
                panic!("{path} leads nowhere");
            };
            assert_eq!(found, endpoint, "{path}");
            assert_eq!(value.is_some(), endpoint.pattern().contains('{'), "{path}");
        }
    }

    #[test]
    fn what_is_gotten_is_shown_and_the_rest_is_a_command() {
        for endpoint in Endpoint::all() {
            let is_command = matches!(kind(endpoint), Kind::Command(..));
            assert_eq!(is_command, endpoint.method() != protocol::Method::Get, "{endpoint:?}");
        }
    }

    /// What the clients' side encodes, this side decodes.
    #[test]
    fn a_value_comes_as_it_was_given() {
        for value in ["pid_0001", "a/../b?c=d&e#f%", "华 x"] {
            let found = find(&Method::POST, Endpoint::Stock.of(value).as_str());
            assert_eq!(found, Found::Endpoint(Endpoint::Stock, Some(value.to_owned())));
        }
    }

    #[test]
    fn values_are_decoded_and_other_paths_are_other_paths() {
        let product = |value: &str| Found::Endpoint(Endpoint::Product, Some(value.to_owned()));
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
