//! `cargo xtask rocketmq`: a real RocketMQ for a person to try things on. A program of this crate,
//! and not part of xtask, because the tests start their brokers by the same code and xtask stays
//! light.

#![expect(clippy::print_stdout, reason = "it talks to the person who runs it")]

use std::path::{Path, PathBuf};

use clap::{Args, Parser};
use seckill_e2e::broker::{Broker, BrokerOptions, VERSION, down, jars};

/// Starts and stops a real RocketMQ on loopback.
#[derive(Parser)]
#[command(name = "cargo xtask rocketmq", bin_name = "cargo xtask rocketmq")]
enum Chore {
    /// Starts a name server and a broker, and returns when both are up.
    Up(Up),
    /// Ends them.
    Down {
        /// The folder given to `up`.
        #[arg(long, default_value = "target/rocketmq/broker")]
        dir: PathBuf,
    },
    /// Only fetches the jars.
    Jars {
        /// The version of RocketMQ.
        #[arg(long, default_value = VERSION)]
        version: String,
    },
}

#[derive(Args)]
struct Up {
    /// The version of RocketMQ: 5.4.0, 5.3.3, 5.2.0, 5.1.4, 4.9.7 and 4.9.4 are known to work.
    #[arg(long, default_value = VERSION)]
    version: String,
    /// The name server's version where it is to be another.
    #[arg(long, default_value = "")]
    name_server_version: String,
    /// Requests must be signed; the test account's files are printed.
    #[arg(long)]
    acl: bool,
    /// Connections must be TLS; the certificate to trust is printed.
    #[arg(long)]
    tls: bool,
    /// The name server's port.
    #[arg(long, default_value_t = 9876)]
    name_server_port: u16,
    /// The broker's port; it also opens the second below and the next above.
    #[arg(long, default_value_t = 10911)]
    broker_port: u16,
    /// Where configuration, data, logs and process ids go.
    #[arg(long, default_value = "target/rocketmq/broker")]
    dir: PathBuf,
}

fn main() -> anyhow::Result<()> {
    match Chore::parse() {
        Chore::Up(up) => start(up),
        Chore::Down { dir } => {
            let ended = down(&dir)?;
            let told = if ended.is_empty() { "nothing ran".to_owned() } else { ended.join(", ") };
            println!("ended in {}: {told}", dir.display());
            Ok(())
        }
        Chore::Jars { version } => {
            println!("{}", jars(&version)?.display());
            Ok(())
        }
    }
}

fn start(up: Up) -> anyhow::Result<()> {
    let ended = down(&up.dir)?;
    if !ended.is_empty() {
        println!("ended what still ran there: {}", ended.join(", "));
    }
    println!("starting RocketMQ {} (the first time Maven fetches its jars) …", up.version);
    let (acl, tls) = (up.acl, up.tls);
    let broker = Broker::start_blocking(BrokerOptions {
        version: up.version,
        name_server_version: up.name_server_version,
        acl,
        tls,
        dir: up.dir.clone(),
        advertised_ip: None,
        conf: String::new(),
        name_server_port: Some(up.name_server_port),
        broker_port: Some(up.broker_port),
    })?;
    let dir = up.dir.canonicalize()?;
    println!("name server {}, broker {}", broker.name_server(), broker.address());
    println!("data, logs and process ids: {}", dir.display());
    println!("\nnext:\n  {}", daemon_command(&broker, &dir, acl, tls));
    let of = if up.dir == Path::new("target/rocketmq/broker") {
        String::new()
    } else {
        format!(" --dir {}", up.dir.display())
    };
    println!("and at the end:\n  cargo xtask rocketmq down{of}");
    broker.leave_running();
    Ok(())
}

fn daemon_command(broker: &Broker, dir: &Path, acl: bool, tls: bool) -> String {
    let profile = if acl { "aliyun" } else { "offline" };
    let mut command = format!(
        "cargo run -p seckilld -- run --env-type {profile} \
         --set 'rocketmq.name_servers=[\"{}\"]'",
        broker.name_server()
    );
    if acl {
        let shown = dir.display();
        command.push_str(&format!(
            " --set rocketmq.namespace= --set rocketmq.access_key_file={shown}/access_key --set \
             rocketmq.secret_key_file={shown}/secret_key"
        ));
    }
    if tls {
        let certificate = broker.certificate();
        command.push_str(&format!(
            " --set rocketmq.tls=true --set rocketmq.tls_ca_file={}",
            certificate.display()
        ));
    }
    command
}
