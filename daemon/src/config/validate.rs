//! Judges the typed tree: what a value may be beyond its type, and which keys belong together.
//! Ranges of numbers are in the tree itself; files with secrets are looked at by `secrets`.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;

use figment::value::Value;
use protocol::{PROD_ID_CHARS_MAX, PROD_NAME_CHARS_MAX, prod_id_fault, prod_name_fault};

use super::extract::Sources;
use super::faults::ConfigFault;
use super::shape::{self, Form};
use super::{Config, Emptiness, EnvType, LogDirectives, QueueKind, Role};
use crate::os::groups;
use crate::request::PhonePattern;

mod rocketmq;

/// A Unix socket's path has 108 bytes in the kernel, the last of them 0.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Adds every fault to those that are known. Keys that are at fault already aren't judged again.
pub(super) fn judge(
    config: &Config,
    sources: &Sources,
    env_type: EnvType,
    faults: &mut Vec<ConfigFault>,
) {
    let tree = Value::serialize(config).unwrap_or_else(|_| Value::from(false));
    let mut judge = Judge { config, sources, tree, faults };
    judge.numbers();
    judge.roles();
    judge.products();
    judge.gateway();
    judge.order();
    judge.listeners();
    judge.metrics();
    judge.places();
    judge.log();
    judge.queue();
    if config.queue.kind == QueueKind::Rocketmq {
        judge.rocketmq(env_type);
    }
}

struct Judge<'a> {
    config: &'a Config,
    sources: &'a Sources,
    /// The tree as values, to show them.
    tree: Value,
    faults: &'a mut Vec<ConfigFault>,
}

impl Judge<'_> {
    fn refuse(&mut self, key: &str, problem: impl Into<String>) {
        if !self.is_faulty(key) {
            let value = find(&self.tree, key).cloned();
            let source = self.sources.of(key);
            self.faults.push(match value {
                Some(value) => ConfigFault::of(key, &value, source, problem),
                None => ConfigFault::hiding(key, source, problem),
            });
        }
    }

    fn refuse_hiding(&mut self, key: &str, problem: &str) {
        if !self.is_faulty(key) {
            self.faults.push(ConfigFault::hiding(key, self.sources.of(key), problem));
        }
    }

    /// Whether a key, or a table or list that it is in, was refused before.
    fn is_faulty(&self, key: &str) -> bool {
        self.faults.iter().filter(|fault| !fault.key.is_empty()).any(|fault| {
            key.strip_prefix(&fault.key)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// Whether both roles are here, one, or (because `roles` is at fault) nobody knows.
    fn has_roles(&self, wanted: &[Role]) -> bool {
        let roles = &self.config.roles;
        !self.is_faulty("roles")
            && roles.len() == wanted.len()
            && wanted.iter().all(|role| roles.contains(role))
    }

    fn numbers(&mut self) {
        for (path, key) in shape::leaves() {
            let number = self.tree.find_ref(&path).and_then(Value::to_u128);
            if key.form == Form::Number && !number.is_some_and(|number| key.allows(number)) {
                self.refuse(&path, format!("must be {}", key.allowed()));
            }
        }
    }

    fn roles(&mut self) {
        let roles = &self.config.roles;
        let different: HashSet<_> = roles.iter().collect();
        if roles.is_empty() {
            self.refuse("roles", "must name \"gateway\", \"order\", or both");
        } else if different.len() < roles.len() {
            self.refuse("roles", "must name each role once");
        }
    }

    fn products(&mut self) {
        let mut seen = HashSet::new();
        for (index, product) in self.config.products.iter().enumerate() {
            let key = |name| format!("products[{index}].{name}");
            if prod_id_fault(&product.prod_id).is_some() {
                let problem = format!(
                    "must have 1 to {PROD_ID_CHARS_MAX} characters, none of them a blank or a control \
                     character"
                );
                self.refuse(&key("prod_id"), problem);
            } else if !seen.insert(&product.prod_id) {
                self.refuse(&key("prod_id"), "must be different from each other product's");
            }
            if prod_name_fault(&product.prod_name).is_some() {
                let problem = format!("must have 1 to {PROD_NAME_CHARS_MAX} characters");
                self.refuse(&key("prod_name"), problem);
            }
            if let Err((term, problem)) = product.terms_at_start() {
                self.refuse(&key(term.name()), problem);
            }
        }
    }

    fn gateway(&mut self) {
        if let Err(problem) = PhonePattern::new(&self.config.gateway.phone_pattern) {
            self.refuse("gateway.phone_pattern", problem.to_string());
        }
        let url = &self.config.gateway.order_url;
        let alone = self.has_roles(&[Role::Gateway]);
        if url.is_empty() && alone {
            let problem = "must be the order node's base URL, such as http://10.0.0.5:8071, \
                           because the role order isn't in this process";
            self.refuse("gateway.order_url", problem);
        } else if url.contains('@') {
            let problem = "must not hold credentials; the order node asks for none";
            self.refuse_hiding("gateway.order_url", problem);
        } else if !url.is_empty() && !is_base_url(url) {
            let problem = "must be http://HOST:PORT without path or query; TLS isn't spoken here";
            self.refuse("gateway.order_url", problem);
        } else if !url.is_empty() && self.has_roles(&[Role::Gateway, Role::Order]) {
            let problem = "must be empty, because the role order is in this process";
            self.refuse("gateway.order_url", problem);
        }
    }

    fn order(&mut self) {
        let order = &self.config.order;
        if order.redelivery_after_ms_max < order.redelivery_after_ms
            && !self.is_faulty("order.redelivery_after_ms")
        {
            let problem = format!(
                "must not be below order.redelivery_after_ms, which is {}",
                order.redelivery_after_ms
            );
            self.refuse("order.redelivery_after_ms_max", problem);
        }
    }

    fn listeners(&mut self) {
        let (gateway, order) = (self.config.gateway.listen, self.config.order.listen);
        if self.has_roles(&[Role::Gateway, Role::Order])
            && !self.is_faulty("gateway.listen")
            && meet(gateway, order)
        {
            let problem = format!("must differ from gateway.listen, which is \"{gateway}\"");
            self.refuse("order.listen", problem);
        }
    }

    /// The figures of a sale are no business of the network's: a port for them has no access rule
    /// but the machine's own.
    fn metrics(&mut self) {
        let config = self.config;
        let Some(listen) = config.metrics.listen.0 else { return };
        if !listen.ip().is_loopback() {
            let problem = "must be a loopback address, such as \"127.0.0.1:8072\" or \
                           \"[::1]:8072\", or empty: whoever reaches it reads the figures";
            self.refuse("metrics.listen", problem);
            return;
        }
        for (role, key, other) in [
            (Role::Gateway, "gateway.listen", config.gateway.listen),
            (Role::Order, "order.listen", config.order.listen),
        ] {
            if config.roles.contains(&role) && !self.is_faulty(key) && meet(listen, other) {
                let problem = format!("must differ from {key}, which is \"{other}\"");
                self.refuse("metrics.listen", problem);
            }
        }
    }

    fn places(&mut self) {
        for (key, path) in
            [("store.path", &self.config.store.path), ("admin.socket", &self.config.admin.socket)]
        {
            // Only one that was chosen for this machine wasn't judged before.
            if let Some(flaw) = path.to_str().and_then(protocol::flaw) {
                self.refuse(key, flaw.to_string());
            }
        }
        let path = &self.config.store.path;
        if path.is_empty() || path.file_name().is_none() || path.is_dir() {
            self.refuse("store.path", "must be the path of a file");
        }
        let socket = &self.config.admin.socket;
        if SOCKET_PATH_BYTES_MAX < bytes(socket) {
            let problem = format!("must have {SOCKET_PATH_BYTES_MAX} bytes or fewer");
            self.refuse("admin.socket", problem);
        } else if !socket.is_empty() && (socket.file_name().is_none() || socket.is_dir()) {
            self.refuse("admin.socket", "must be the path of a socket, or empty");
        } else if socket == path {
            self.refuse("admin.socket", "must differ from store.path");
        }
        for (key, name) in [
            ("admin.socket_group", &self.config.admin.socket_group),
            ("admin.operator_group", &self.config.admin.operator_group),
        ] {
            if !name.is_empty() && groups::number_of(name).is_none() {
                self.refuse(key, "must be a group of this system, or empty");
            }
        }
    }

    fn log(&mut self) {
        if let Err(error) = self.config.log.level.parse::<LogDirectives>() {
            self.refuse("log.level", error.to_string());
        }
    }

    fn queue(&mut self) {
        let both = self.has_roles(&[Role::Gateway, Role::Order]);
        if self.config.queue.kind == QueueKind::Embedded && !both && !self.is_faulty("roles") {
            let problem = "must be \"rocketmq\" while roles has one role only: the embedded queue \
                           is inside of the process and needs both, roles = [\"gateway\", \"order\"]";
            self.refuse("queue.kind", problem);
        }
    }
}

/// Whether two listeners would take each other's address. Port 0 is a free one each time.
fn meet(one: SocketAddr, other: SocketAddr) -> bool {
    let ips = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.port() != 0 && ips
}

/// A value by its dotted path; parts may have an index (`products[0].price`).
fn find<'a>(tree: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(tree, |value, part| {
        let (name, index) = part.split_once('[').map_or((part, None), |(name, index)| {
            (name, Some(index.trim_end_matches(']').parse::<usize>()))
        });
        let found = value.as_dict()?.get(name)?;
        match index {
            None => Some(found),
            Some(index) => found.as_array()?.get(index.ok()?),
        }
    })
}

fn is_base_url(text: &str) -> bool {
    text.parse::<hyper::Uri>().is_ok_and(|url| {
        url.scheme_str() == Some("http")
            && url.host().is_some_and(|host| !host.is_empty())
            && url.port_u16() != Some(0)
            && url.path() == "/"
            && url.query().is_none()
            && !text.contains('#')
    })
}

fn bytes(path: &Path) -> usize {
    path.as_os_str().len()
}

#[cfg(test)]
mod tests;
