//! Judges what only counts when the queue is RocketMQ. The limits on names are those of the brokers
//! and of the Java clients, which the topic and groups are shared with.

use super::super::{EnvType, Role};
use super::{Emptiness, Judge};

/// The broker refuses a longer topic, the instance namespace included.
const TOPIC_CHARS_MAX: usize = 127;
/// The client refuses a longer group.
const GROUP_CHARS_MAX: usize = 255;
/// Names that clients keep for themselves.
const RESERVED_GROUPS: [&str; 3] =
    ["DEFAULT_PRODUCER", "DEFAULT_CONSUMER", "CLIENT_INNER_PRODUCER"];
/// Whether the client was compiled in.
const IS_BUILT_IN: bool = cfg!(feature = "rocketmq");

impl Judge<'_> {
    pub(super) fn rocketmq(&mut self, env_type: EnvType) {
        if !IS_BUILT_IN {
            let problem = "this seckilld was built without the cargo feature `rocketmq`; use \
                           \"embedded\", or a build with `--features rocketmq`";
            self.refuse("queue.kind", problem);
        }
        self.name_servers();
        self.names();
        self.brokers_gone();
        self.doctor_topic();
        self.tls();
        self.credentials(env_type);
    }

    fn name_servers(&mut self) {
        let servers = &self.config.rocketmq.name_servers;
        if servers.is_empty() {
            let problem = "must name one name server or more, such as [\"127.0.0.1:9876\"]";
            self.refuse("rocketmq.name_servers", problem);
        }
        for (index, server) in servers.iter().enumerate() {
            let key = format!("rocketmq.name_servers[{index}]");
            if is_placeholder(server) {
                let problem = "is a placeholder: write the TCP endpoint of your instance, HOST:PORT, \
                               as its console shows it";
                self.refuse(&key, problem);
            } else if !is_host_and_port(server) {
                self.refuse(
                    &key,
                    "must be HOST:PORT, without http://, each server an item of its own",
                );
            }
        }
    }

    fn names(&mut self) {
        let rocketmq = &self.config.rocketmq;
        let whole_topic = match rocketmq.namespace.chars().count() {
            0 => rocketmq.topic.chars().count(),
            namespace => namespace + 1 + rocketmq.topic.chars().count(),
        };
        if !is_name(&rocketmq.topic) || TOPIC_CHARS_MAX < whole_topic {
            let problem = format!(
                "must have 1 to {TOPIC_CHARS_MAX} letters, digits, and %, |, - or _, the namespace \
                 and a % included where there is one"
            );
            self.refuse("rocketmq.topic", problem);
        }
        let mut groups = Vec::new();
        if self.config.roles.contains(&Role::Gateway) {
            groups.push(("rocketmq.producer_group", &rocketmq.producer_group));
        }
        if self.config.roles.contains(&Role::Order) {
            groups.push(("rocketmq.consumer_group", &rocketmq.consumer_group));
        }
        for (key, group) in groups {
            if RESERVED_GROUPS.contains(&group.as_str()) {
                self.refuse(key, "must not be a name that the clients keep for themselves");
            } else if !is_name(group) || GROUP_CHARS_MAX < group.chars().count() {
                let problem =
                    format!("must have 1 to {GROUP_CHARS_MAX} letters, digits, and %, |, - or _");
                self.refuse(key, problem);
            }
        }
        let namespace = &rocketmq.namespace;
        if is_placeholder(namespace) || !(namespace.is_empty() || is_name(namespace)) {
            let problem = "must be the instance's id, such as MQ_INST_1234_abcd, or empty";
            self.refuse("rocketmq.namespace", problem);
        }
    }

    fn brokers_gone(&mut self) {
        for (index, name) in self.config.rocketmq.brokers_gone.iter().enumerate() {
            if name.is_empty() || name.contains([':', ',', ';']) {
                let problem = "must be the name of a broker, such as broker-b, each an item of its \
                               own: `mqadmin clusterList` and `seckillctl queue` show the names";
                self.refuse(&format!("rocketmq.brokers_gone[{index}]"), problem);
            }
        }
    }

    fn doctor_topic(&mut self) {
        let topic = &self.config.doctor.topic;
        if topic.is_empty() {
            return;
        }
        if *topic == self.config.rocketmq.topic {
            let problem = "must not be the topic of orders: whoever consumes them would take the \
                           message for one";
            self.refuse("doctor.topic", problem);
        } else if !is_name(topic) || TOPIC_CHARS_MAX < topic.chars().count() {
            let problem = format!(
                "must have up to {TOPIC_CHARS_MAX} letters, digits, and %, |, - or _, or be empty"
            );
            self.refuse("doctor.topic", problem);
        }
    }

    fn tls(&mut self) {
        let rocketmq = &self.config.rocketmq;
        let file = &rocketmq.tls_ca_file;
        if file.is_empty() {
            return;
        }
        if !rocketmq.tls {
            let problem = "must be empty while rocketmq.tls is false: nothing would be encrypted";
            self.refuse("rocketmq.tls_ca_file", problem);
        } else if let Err(error) = std::fs::File::open(file) {
            self.refuse(
                "rocketmq.tls_ca_file",
                format!("must be a file to read: {}", error.kind()),
            );
        }
    }

    fn credentials(&mut self, env_type: EnvType) {
        const FILES: [&str; 2] = ["rocketmq.access_key_file", "rocketmq.secret_key_file"];
        let rocketmq = &self.config.rocketmq;
        let named = [!rocketmq.access_key_file.is_empty(), !rocketmq.secret_key_file.is_empty()];
        if FILES.iter().any(|key| self.is_faulty(key)) {
            return;
        }
        for (index, key) in FILES.into_iter().enumerate().filter(|(index, _)| !named[*index]) {
            if env_type == EnvType::Aliyun {
                let problem = "must name a file or a systemd credential: aliyun takes no client \
                               without credentials";
                self.refuse(key, problem);
            } else if named[1 - index] {
                let problem = format!("must be named where {} is", FILES[1 - index]);
                self.refuse(key, problem);
            }
        }
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "%|-_".contains(letter);
    !text.is_empty() && text.chars().all(allowed)
}

fn is_placeholder(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains(['<', '>']) || text.contains("your_") || text.contains("your-")
}

fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_name = |host: &str| {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
        !host.is_empty() && host.chars().all(allowed)
    };
    let is_ipv6 = |host: &str| {
        host.strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok())
    };
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse::<u16>().is_ok_and(|port| port != 0);
    (is_name(host) || is_ipv6(host)) && digits && port
}
