//! Each rule: what is set, and the sentence that refuses it.

use super::super::extract::Sources;
use super::super::{Config, EnvType, Source};
use super::judge;

const BOTH: &str = "roles = ['gateway', 'order']";

/// The faults of the defaults with some TOML over them.
fn told(toml: &str, env_type: EnvType) -> Vec<String> {
    let config =
        figment::Figment::from(figment::providers::Serialized::defaults(Config::default()))
            .merge(<figment::providers::Toml as figment::providers::Format>::string(toml))
            .extract()
            .unwrap();
    let mut sources = Sources::default();
    for (path, _) in super::super::shape::leaves() {
        sources.set(&path, Source::CommandLine);
    }
    let mut faults = Vec::new();
    judge(&config, &sources, env_type, &mut faults);
    faults.iter().map(|fault| fault.to_string().replace(" (--set)", "")).collect()
}

#[track_caller]
fn refused(cases: &[(&str, &str)]) {
    for (toml, sentence) in cases {
        assert_eq!(told(toml, EnvType::Embedded), [*sentence], "{toml}");
    }
}

#[track_caller]
fn accepted(cases: &[&str]) {
    for toml in cases {
        assert_eq!(told(toml, EnvType::Embedded), [""; 0], "{toml}");
    }
}

/// TOML of a RocketMQ set-up in which one line is another's.
#[cfg(feature = "rocketmq")]
fn rocketmq(line: &str) -> String {
    let servers = if line.contains("name_servers") { "" } else { "name_servers = ['h:1']" };
    format!("queue.kind = 'rocketmq'\n[rocketmq]\n{servers}\n{line}")
}

#[test]
fn roles() {
    accepted(&["", BOTH, "roles = ['order', 'gateway']"]);
    refused(&[
        ("roles = []", "roles = []: must name \"gateway\", \"order\", or both"),
        (
            "roles = ['order', 'gateway', 'order']",
            "roles = [\"order\", \"gateway\", \"order\"]: must name each role once",
        ),
    ]);
}

#[test]
fn the_embedded_queue_needs_both_roles_and_a_lone_gateway_the_order_node() {
    let kind = "queue.kind = \"embedded\": must be \"rocketmq\" while roles has one role only: the embedded \
                queue is inside of the process and needs both, roles = [\"gateway\", \"order\"]";
    refused(&[("roles = ['order']", kind)]);
    let url = "gateway.order_url = \"\": must be the order node's base URL, such as \
               http://10.0.0.5:8071, because the role order isn't in this process";
    assert_eq!(told("roles = ['gateway']", EnvType::Embedded), [url, kind]);
}

#[test]
fn the_order_node_url() {
    let form = "must be http://HOST:PORT without path or query; TLS isn't spoken here";
    for url in [
        "https://h:1",
        "h:1",
        "http://",
        "http://:80",
        "http://h/x",
        "http://h?q",
        "ftp://h",
        "nonsense",
        "http://h:0",
        "http://h#f",
    ] {
        let toml = format!("gateway.order_url = '{url}'");
        let fault = format!("gateway.order_url = \"{url}\": {form}");
        assert_eq!(told(&toml, EnvType::Embedded), [fault], "{url}");
    }
    refused(&[
        (
            "gateway.order_url = 'http://u:hunter2@h'",
            "gateway.order_url: must not hold credentials; the order node asks for none",
        ),
        (
            "gateway.order_url = 'http://h:8071'",
            "gateway.order_url = \"http://h:8071\": must be empty, because the role order is in this \
             process",
        ),
    ]);
}

#[test]
fn numbers_have_ranges() {
    refused(&[
        (
            "rocketmq.consume_batch_max = 1025",
            "rocketmq.consume_batch_max = 1025: must be a whole number from 1 to 1024",
        ),
        ("store.readers = 0", "store.readers = 0: must be a whole number from 1 to 64"),
        (
            "http.header_bytes_max = 8191",
            "http.header_bytes_max = 8191: must be a whole number from 8192 to 1048576",
        ),
        (
            "order.redelivery_after_ms_max = 999",
            "order.redelivery_after_ms_max = 999: must not be below order.redelivery_after_ms, which \
             is 1000",
        ),
    ]);
    accepted(&["rocketmq.consume_batch_max = 1024", "order.redelivery_after_ms_max = 1000"]);
}

#[test]
fn products() {
    let product = |id: &str, name: &str, price: &str| {
        format!(
            "[[products]]\nprod_id = '{id}'\nprod_name = '{name}'\nprice = '{price}'\nstock = 1\n"
        )
    };
    accepted(&["products = []", &product(&"品".repeat(64), "n", "0.001")]);
    let id = "must have 1 to 64 characters, none of them a blank or a control character";
    for bad in ["", "a b", &"x".repeat(65)] {
        let fault = format!("products[0].prod_id = \"{bad}\": {id}");
        assert_eq!(told(&product(bad, "n", "1"), EnvType::Embedded), [fault]);
    }
    let price = "must be a plain decimal above 0 with up to three decimals, such as \"5999.000\"";
    for (bad, why) in [
        ("0", ""),
        ("0.000", ""),
        ("-1", "; it is not a plain decimal"),
        ("1e3", "; it is not a plain decimal"),
        ("1.0000", "; it is more than three decimals"),
        ("99999999999999999999", "; it is too large"),
    ] {
        let fault = format!("products[0].price = \"{bad}\": {price}{why}");
        assert_eq!(told(&product("p", "n", bad), EnvType::Embedded), [fault]);
    }
    let twice = product("p", "n", "1") + &product("p", " ", "1");
    assert_eq!(
        told(&twice, EnvType::Embedded),
        [
            "products[1].prod_id = \"p\": must be different from each other product's",
            "products[1].prod_name = \" \": must have 1 to 256 characters",
        ]
    );
}

#[test]
fn the_phone_pattern() {
    refused(&[(
        "gateway.phone_pattern = '.*'",
        "gateway.phone_pattern = \".*\": must not fit the empty text",
    )]);
    let [fault] = told("gateway.phone_pattern = '('", EnvType::Embedded).try_into().unwrap();
    let start = "gateway.phone_pattern = \"(\": must be a regular expression: ";
    assert!(fault.starts_with(start), "{fault}");
}

#[test]
fn listeners_must_not_meet() {
    let meet = |gateway: &str, order: &str| {
        format!("gateway.listen = '{gateway}'\norder.listen = '{order}'")
    };
    accepted(&[
        &meet("127.0.0.1:0", "127.0.0.1:0"),
        &meet("127.0.0.1:8070", "127.0.0.2:8070"),
        &meet("0.0.0.0:8070", "0.0.0.0:8071"),
    ]);
    for (gateway, order) in [
        ("127.0.0.1:8070", "127.0.0.1:8070"),
        ("0.0.0.0:8070", "127.0.0.1:8070"),
        ("127.0.0.1:8070", "[::]:8070"),
    ] {
        let fault = format!(
            "order.listen = \"{order}\": must differ from gateway.listen, which is \"{gateway}\""
        );
        assert_eq!(told(&meet(gateway, order), EnvType::Embedded), [fault]);
    }
}

#[test]
fn paths() {
    accepted(&["admin.socket = ''"]);
    let long = format!("/{}", "s".repeat(107));
    let fault = format!("admin.socket = \"{long}\": must have 107 bytes or fewer");
    refused(&[
        ("store.path = ''", "store.path = \"\": must be the path of a file"),
        ("store.path = '/'", "store.path = \"/\": must be the path of a file"),
        ("store.path = '..'", "store.path = \"..\": must be the path of a file"),
        ("admin.socket = '/'", "admin.socket = \"/\": must be the path of a socket, or empty"),
        (
            "admin.socket = '/a'\nstore.path = '/a'",
            "admin.socket = \"/a\": must differ from store.path",
        ),
        (&format!("admin.socket = '{long}'"), &fault),
    ]);
    accepted(&[&format!("admin.socket = '{}'", &long[..107])]);
}

#[test]
fn the_level() {
    refused(&[(
        "log.level = 'info,loud'",
        "log.level = \"info,loud\": must be error, warn, info, debug, trace or off, or a list such as \
         info,seckilld::queue=debug; \"loud\" is neither a level nor TARGET=LEVEL",
    )]);
}

#[test]
#[cfg(not(feature = "rocketmq"))]
fn without_the_feature_rocketmq_is_refused_by_name() {
    let [fault] =
        told("queue.kind = 'rocketmq'\nrocketmq.name_servers = ['h:1']", EnvType::Offline)
            .try_into()
            .unwrap();
    assert_eq!(
        fault,
        "queue.kind = \"rocketmq\": this seckilld was built without the cargo feature `rocketmq`; use \
         \"embedded\", or a build with `--features rocketmq`"
    );
}

#[test]
#[cfg(feature = "rocketmq")]
fn name_servers() {
    let placeholder = "is a placeholder: write the TCP endpoint of your instance, HOST:PORT, as its \
                       console shows it";
    let form = "must be HOST:PORT, without http://, each server an item of its own";
    accepted(&[
        &rocketmq("name_servers = ['mq.example.com:8080', '10.0.0.1:9876', '[::1]:1']"),
        &rocketmq("name_servers = ['MQ_INST_1_a.mq.aliyuncs.com:80']"),
    ]);
    for (bad, problem) in [
        ("<endpoint>:80", placeholder),
        ("YOUR_ENDPOINT:80", placeholder),
        ("h", form),
        ("h:", form),
        (":1", form),
        ("h:0", form),
        ("h:+1", form),
        ("h:65536", form),
        ("http://h:1", form),
        ("a:1;b:2", form),
        ("::1:9876", form),
    ] {
        let toml = rocketmq(&format!("name_servers = ['{bad}']"));
        let fault = format!("rocketmq.name_servers[0] = \"{bad}\": {problem}");
        assert_eq!(told(&toml, EnvType::Embedded), [fault]);
    }
    refused(&[(
        &rocketmq("name_servers = []"),
        "rocketmq.name_servers = []: must name one name server or more, such as [\"127.0.0.1:9876\"]",
    )]);
}

#[test]
#[cfg(feature = "rocketmq")]
fn names() {
    let topic = "must have 1 to 127 letters, digits, and %, |, - or _, the namespace and a % included \
                 where there is one";
    let group = "must have 1 to 255 letters, digits, and %, |, - or _";
    for (key, bad, problem) in [
        ("topic", "", topic),
        ("topic", "a b", topic),
        ("topic", "订单", topic),
        ("topic", &"t".repeat(128), topic),
        ("producer_group", "a.b", group),
        ("consumer_group", &"g".repeat(256), group),
        (
            "consumer_group",
            "DEFAULT_CONSUMER",
            "must not be a name that the clients keep for themselves",
        ),
        (
            "namespace",
            "<instance>",
            "must be the instance's id, such as MQ_INST_1234_abcd, or empty",
        ),
    ] {
        let [fault] =
            told(&rocketmq(&format!("{key} = '{bad}'")), EnvType::Embedded).try_into().unwrap();
        assert!(fault.starts_with(&format!("rocketmq.{key} = \"")), "{fault}");
        assert!(fault.ends_with(&format!(": {problem}")), "{fault}");
    }
    let long = "t".repeat(120);
    let whole = rocketmq(&format!("topic = '{long}'\nnamespace = 'MQ_INST'"));
    assert_eq!(told(&whole, EnvType::Embedded).len(), 1);
    accepted(&[&rocketmq(&format!("topic = '{long}'\nnamespace = 'MQ_INS'"))]);
    // A gateway has no consumer, so its group doesn't matter.
    let gateway = "roles = ['gateway']\ngateway.order_url = 'http://h:8071'\n";
    accepted(&[&format!("{gateway}{}", rocketmq("consumer_group = ''"))]);
}

#[test]
#[cfg(feature = "rocketmq")]
fn credentials_and_tls() {
    accepted(&[&rocketmq("access_key_file = 'a'\nsecret_key_file = 'b'")]);
    refused(&[
        (
            &rocketmq("access_key_file = 'a'"),
            "rocketmq.secret_key_file = \"\": must be named where rocketmq.access_key_file is",
        ),
        (
            &rocketmq("secret_key_file = 'a'"),
            "rocketmq.access_key_file = \"\": must be named where rocketmq.secret_key_file is",
        ),
        (
            &rocketmq("tls_ca_file = '/a'"),
            "rocketmq.tls_ca_file = \"/a\": must be empty while rocketmq.tls is false: nothing would \
             be encrypted",
        ),
        (
            &rocketmq("tls = true\ntls_ca_file = '/nowhere/ca.pem'"),
            "rocketmq.tls_ca_file = \"/nowhere/ca.pem\": must be a file to read: entity not found",
        ),
    ]);
    let problem =
        "must name a file or a systemd credential: aliyun takes no client without credentials";
    assert_eq!(
        told(&rocketmq(""), EnvType::Aliyun),
        [
            format!("rocketmq.access_key_file = \"\": {problem}"),
            format!("rocketmq.secret_key_file = \"\": {problem}")
        ]
    );
}

#[test]
fn metrics_are_for_this_machine_alone_and_beside_the_other_listeners() {
    accepted(&[
        "metrics.listen = ''",
        "metrics.listen = '127.0.0.1:0'",
        "metrics.listen = '127.0.0.2:8072'",
        "metrics.listen = '[::1]:8072'",
        "metrics.listen = '127.0.0.2:8070'",
    ]);
    for address in ["0.0.0.0:8072", "10.0.0.5:8072", "[::]:8072"] {
        let sentence = format!(
            "metrics.listen = \"{address}\": must be a loopback address, such as \
             \"127.0.0.1:8072\" or \"[::1]:8072\", or empty: whoever reaches it reads the figures"
        );
        refused(&[(&format!("metrics.listen = '{address}'"), &sentence)]);
    }
    refused(&[
        (
            "metrics.listen = '127.0.0.1:8071'",
            "metrics.listen = \"127.0.0.1:8071\": must differ from order.listen, which is \
             \"127.0.0.1:8071\"",
        ),
        (
            "metrics.listen = '127.0.0.1:8070'\ngateway.listen = '0.0.0.0:8070'",
            "metrics.listen = \"127.0.0.1:8070\": must differ from gateway.listen, which is \
             \"0.0.0.0:8070\"",
        ),
    ]);
}
