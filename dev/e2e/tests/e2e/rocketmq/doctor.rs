//! `seckilld doctor` on a real broker: each thing that may be wrong there has a line of its own,
//! and nothing is made or sent but over `doctor.topic`.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::Result;
use seckill_e2e::broker::{ACCESS_KEY, Broker, BrokerOptions, GROUPLESS_ACCESS_KEY, SECRET_KEY};
use seckill_e2e::daemon::{Daemon, Options};
use seckill_e2e::topic::{GROUP, TOPIC};
use seckill_e2e::until;
use tempfile::TempDir;

use super::{Acl, broker, on, plain_broker, versions, with_keys};
use crate::doctor::Report;

const DOCTOR_TOPIC: &str = "SECKILL_DOCTOR_TOPIC";

fn looked_at(options: Options) -> Options {
    options.set("http.connections_max", "50")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_and_rights_are_told_apart() -> Result<()> {
    for version in versions() {
        let (keys, broker) = broker(&version, Acl::On).await?;
        let folder = TempDir::new()?;
        let look = async |access, secret, topic: &str| {
            let options = with_keys(looked_at(on(&broker)), &keys, access, secret)?;
            for file in ["access", "secret"] {
                use std::os::unix::fs::PermissionsExt;
                let closed = std::fs::Permissions::from_mode(0o600);
                std::fs::set_permissions(keys.path().join(file), closed)?;
            }
            let report = Report::of(folder.path(), &options.set("rocketmq.topic", topic)).await?;
            let text = format!("{report:?}");
            assert!(!text.contains(secret), "a secret is told: {text}");
            anyhow::Ok(report)
        };
        let report = look(ACCESS_KEY, SECRET_KEY, TOPIC).await?;
        assert_eq!(report.code, Some(1), "{report:#?}");
        report.assert("secrets", "ok", &["0600"]);
        report.assert("name server", "ok", &[]);
        report.assert("broker", "ok", &["broker-a"]);
        report.assert("broker account", "ok", &["takes the access key"]);
        report.assert("topic permission", "ok", &[TOPIC]);
        report.assert("open broker", "ok", &["refuses"]);
        report.assert("topic", "ok", &["the broker makes it"]);
        report.assert("other consumers", "ok", &["nobody"]);
        report.assert("permission to publish", "warn", &["unproven", "doctor.topic"]);

        let report = look(ACCESS_KEY, "seckillSKwrong1", TOPIC).await?;
        assert_eq!(report.code, Some(2));
        report.assert("broker account", "fail", &["refuses the secret", "secret_key_file"]);
        let report = look("nobodyAK", SECRET_KEY, TOPIC).await?;
        assert_eq!(report.code, Some(2));
        report.assert("broker account", "fail", &["know the access key", "access_key_file"]);
        let report = look(GROUPLESS_ACCESS_KEY, SECRET_KEY, TOPIC).await?;
        assert_eq!(report.code, Some(2));
        report.assert("broker account", "ok", &[]);
        report.assert("group permission", "fail", &[GROUP]);
        assert!(report.lines("topic permission").is_empty(), "{report:#?}");
        // Brokers before 5.3 check the topic only of a pull, which would make the group.
        if version.as_str() >= "5.3" {
            let report = look(ACCESS_KEY, SECRET_KEY, "FORBIDDEN_TOPIC").await?;
            assert_eq!(report.code, Some(2));
            report.assert("broker account", "ok", &[]);
            report.assert("topic permission", "fail", &["FORBIDDEN_TOPIC"]);
            assert!(report.lines("group permission").is_empty(), "{report:#?}");
        }
        let nobody = Report::of(folder.path(), &looked_at(on(&broker))).await?;
        assert_eq!(nobody.code, Some(2));
        nobody.assert("broker account", "fail", &["none is configured"]);
    }
    Ok(())
}

/// What the broker keeps of groups and topics.
fn kept(broker_folder: &TempDir) -> String {
    let read = |name: &str| {
        let path = broker_folder.path().join("store/config").join(name);
        std::fs::read_to_string(path).unwrap_or_default()
    };
    read("subscriptionGroup.json") + &read("topics.json")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_trip_over_its_own_topic_and_nothing_else_is_made() -> Result<()> {
    let (store, broker) = plain_broker().await?;
    let folder = TempDir::new()?;
    let options = looked_at(on(&broker)).set("doctor.topic", DOCTOR_TOPIC);
    let report = Report::of(folder.path(), &looked_at(on(&broker))).await?;
    assert_eq!(report.code, Some(1), "{report:#?}");
    report.assert("permission to publish", "warn", &["unproven"]);
    report.assert("clock", "ok", &["boot and running time"]);
    // It isn't there, and sending would make it.
    let report = Report::of(folder.path(), &options).await?;
    assert_eq!(report.code, Some(2));
    report.assert("round trip", "fail", &[DOCTOR_TOPIC, "updateTopic"]);
    assert!(!kept(&store).contains(GROUP), "the group was made");

    broker
        .mqadmin(&[
            "updateTopic",
            "-b",
            &broker.address(),
            "-t",
            DOCTOR_TOPIC,
            "-r",
            "1",
            "-w",
            "1",
        ])
        .await?;
    let report = until("the topic to be known", Duration::from_secs(60), || async {
        let report = Report::of(folder.path(), &options).await?;
        Ok((report.code == Some(0)).then_some(report))
    })
    .await?;
    report.assert("round trip", "ok", &[DOCTOR_TOPIC, "came back"]);
    report.assert("clock", "ok", &["stored the round trip's message"]);
    assert!(report.lines("permission to publish").is_empty());
    assert!(!kept(&store).contains(TOPIC), "the order topic was made");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_broker_a_stranger_in_the_group_and_ends_that_are_away() -> Result<()> {
    let (keys, mut broker) = plain_broker().await?;
    let folder = TempDir::new()?;
    let options = with_keys(looked_at(on(&broker)), &keys, ACCESS_KEY, SECRET_KEY)?;
    let report = Report::of(folder.path(), &options).await?;
    report.assert("open broker", "warn", &["invented secret"]);

    let daemon = Daemon::start(looked_at(on(&broker))).await?;
    let report = until("the consumer to be listed", Duration::from_secs(60), || async {
        let report = Report::of(folder.path(), &looked_at(on(&broker))).await?;
        let is_alone = report.lines("other consumers").iter().any(|line| line["state"] == "ok");
        Ok((!is_alone).then_some(report))
    })
    .await?;
    report.assert("other consumers", "warn", &["1 in group", GROUP, "seckilld-"]);
    // Its own configuration's daemon is no stranger.
    let own = Report::of(daemon.folder().path(), &looked_at(on(&broker))).await?;
    own.assert("other consumers", "ok", &["nobody else"]);
    own.assert("running daemon", "ok", &["very configuration"]);
    drop(daemon);

    // One name server of two is away: the other does.
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let both = format!("[\"{}\", \"{closed}\"]", broker.name_server());
    let report =
        Report::of(folder.path(), &looked_at(on(&broker)).set("rocketmq.name_servers", both))
            .await?;
    report.assert("name server", "warn", &[&closed]);
    report.assert("name server", "ok", &[&broker.name_server()]);

    broker.freeze()?;
    let report = Report::of(folder.path(), &looked_at(on(&broker))).await?;
    assert_eq!(report.code, Some(2));
    report.assert("broker account", "fail", &["takes connections but doesn't answer"]);
    broker.thaw()?;
    // A name server forgets a broker whose connection ends.
    broker.kill().await?;
    let report = Report::of(folder.path(), &looked_at(on(&broker))).await?;
    assert_eq!(report.code, Some(2));
    report.assert("broker", "fail", &["knows no broker", "start the broker"]);
    broker.kill_name_server().await?;
    let report = Report::of(folder.path(), &looked_at(on(&broker))).await?;
    assert_eq!(report.code, Some(2));
    report.assert("name server", "fail", &[&broker.name_server()]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_brokers_address_that_cannot_be_reached() -> Result<()> {
    let (place, folder) = (TempDir::new()?, TempDir::new()?);
    let broker = Broker::start(BrokerOptions {
        version: versions().into_iter().next().unwrap_or_default(),
        dir: place.path().to_owned(),
        // Nobody listens there: the proxy for which this is made isn't started.
        advertised_ip: Some("127.0.0.2".to_owned()),
        ..BrokerOptions::default()
    })
    .await?;
    let report = Report::of(folder.path(), &looked_at(on(&broker))).await?;
    assert_eq!(report.code, Some(2));
    report.assert("broker", "fail", &[&broker.advertised_address(), "brokerIP1"]);
    Ok(())
}
