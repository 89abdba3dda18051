//! The files that name server and broker read, and the options of their JVMs.

use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{
    ACCESS_KEY, BrokerOptions, GROUPLESS_ACCESS_KEY, NEXT_ACCESS_KEY, NEXT_SECRET_KEY, SECRET_KEY,
    missing,
};

/// The test broker's administrator.
const ROOT_ACCESS_KEY: &str = "rootAK123";
const ROOT_SECRET_KEY: &str = "rootSK123456";

/// The topic that the test account may use: the one of the Java services and of the profiles.
const ORDER_TOPIC: &str = "SECKILL_CHARGE_ORDER_TOPIC";

/// Java 17 keeps these packages to itself by default; the broker's memory-mapped files need them.
const OPENED: [&str; 5] = [
    "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
    "--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
];

/// Writes all files of the folder.
pub(super) fn write(options: &BrokerOptions, name_server: u16, broker: u16) -> Result<()> {
    let dir = &options.dir;
    for part in ["conf", "store", "logs"] {
        fs::create_dir_all(dir.join(part))?;
    }
    let shown = dir.display();
    fs::write(
        dir.join("conf/namesrv.conf"),
        format!(
            "listenPort={name_server}\nkvConfigPath={shown}/kvConfig.json\n\
             configStorePath={shown}/namesrv.properties\n"
        ),
    )?;
    let mut conf = broker_conf(dir, name_server, broker);
    if let Some(ip) = &options.advertised_ip {
        // The last of several lines counts. Bound to one address, the broker leaves the port free
        // on the other.
        conf.push_str(&format!("brokerIP1={ip}\nbindAddress=127.0.0.1\n"));
    }
    if options.acl {
        conf.push_str(&acl_conf());
        fs::write(dir.join("conf/plain_acl.yml"), accounts())?;
        // The administration tool's account.
        let tools = format!("accessKey: {ROOT_ACCESS_KEY}\nsecretKey: {ROOT_SECRET_KEY}\n");
        fs::write(dir.join("conf/tools.yml"), tools)?;
        secret(&dir.join("access_key"), ACCESS_KEY)?;
        secret(&dir.join("secret_key"), SECRET_KEY)?;
    }
    conf.push_str(&options.conf);
    fs::write(dir.join("conf/broker.conf"), conf)?;
    for name in ["namesrv", "broker"] {
        // 4.x wants these files; 5.x has its own.
        fs::write(dir.join(format!("conf/logback_{name}.xml")), logback(dir, name))?;
    }
    if options.tls {
        tls(dir)?;
    }
    Ok(())
}

/// The certificate of a broker with TLS.
pub(super) fn certificate(dir: &Path) -> PathBuf {
    dir.join("tls/cert.pem")
}

/// Options of the JVM apart from its memory.
pub(super) fn jvm_options(options: &BrokerOptions, name: &str) -> Vec<String> {
    let dir = options.dir.display();
    let mut jvm: Vec<String> = OPENED.iter().map(ToString::to_string).collect();
    // Its logs and caches belong into the folder, not into someone's home.
    jvm.push(format!("-Duser.home={dir}"));
    jvm.push("-XX:TieredStopAtLevel=1".to_owned());
    if options.tls {
        jvm.push(format!("-Dtls.config.file={dir}/tls/tls.properties"));
        jvm.push("-Dtls.server.mode=enforcing".to_owned());
        jvm.push("-Dtls.test.mode.enable=false".to_owned());
        if name == "broker" {
            // The broker is the name server's client.
            jvm.push("-Dtls.enable=true".to_owned());
        }
    }
    jvm
}

fn broker_conf(dir: &Path, name_server: u16, broker: u16) -> String {
    let dir = dir.display();
    format!(
        "brokerClusterName=DefaultCluster\nbrokerName=broker-a\nbrokerId=0\nbrokerIP1=127.0.0.1\n\
         namesrvAddr=127.0.0.1:{name_server}\nlistenPort={broker}\nautoCreateTopicEnable=true\n\
         storePathRootDir={dir}/store\nstorePathCommitLog={dir}/store/commitlog\n\
         mappedFileSizeCommitLog=67108864\nmappedFileSizeConsumeQueue=3000000\n\
         flushDiskType=ASYNC_FLUSH\ndiskMaxUsedSpaceRatio=95\n"
    )
}

/// Versions 4.x and 5.1 read `aclEnable` and the accounts' file; 5.3 and newer ignore the switch
/// and want the other lines, which take the same accounts over.
fn acl_conf() -> String {
    let authentication = "org.apache.rocketmq.auth.authentication.provider";
    let authorization = "org.apache.rocketmq.auth.authorization.provider";
    let (key, secret) = (ROOT_ACCESS_KEY, ROOT_SECRET_KEY);
    format!(
        "aclEnable=true\nauthenticationEnabled=true\n\
         authenticationProvider={authentication}.DefaultAuthenticationProvider\n\
         authenticationMetadataProvider={authentication}.LocalAuthenticationMetadataProvider\n\
         initAuthenticationUser={{\"username\":\"{key}\",\"password\":\"{secret}\"}}\n\
         innerClientAuthenticationCredentials=\
         {{\"accessKey\":\"{key}\",\"secretKey\":\"{secret}\"}}\n\
         authorizationEnabled=true\n\
         authorizationProvider={authorization}.DefaultAuthorizationProvider\n\
         authorizationMetadataProvider={authorization}.LocalAuthorizationMetadataProvider\n\
         migrateAuthFromV1Enabled=true\n"
    )
}

fn accounts() -> String {
    format!(
        "accounts:\n\
         - {{accessKey: {ACCESS_KEY}, secretKey: {SECRET_KEY}, admin: false, \
         defaultTopicPerm: DENY, defaultGroupPerm: SUB, topicPerms: [{ORDER_TOPIC}=PUB|SUB]}}\n\
         - {{accessKey: {NEXT_ACCESS_KEY}, secretKey: {NEXT_SECRET_KEY}, admin: false, \
         defaultTopicPerm: DENY, defaultGroupPerm: SUB, topicPerms: [{ORDER_TOPIC}=PUB|SUB]}}\n\
         - {{accessKey: {GROUPLESS_ACCESS_KEY}, secretKey: {SECRET_KEY}, admin: false, \
         defaultTopicPerm: DENY, defaultGroupPerm: DENY, topicPerms: [{ORDER_TOPIC}=PUB|SUB]}}\n\
         - {{accessKey: {ROOT_ACCESS_KEY}, secretKey: {ROOT_SECRET_KEY}, admin: true}}\n"
    )
}

fn logback(dir: &Path, name: &str) -> String {
    format!(
        "<configuration><appender name=\"F\" class=\"ch.qos.logback.core.FileAppender\">\
         <file>{}/logs/{name}.log</file><encoder><pattern>%d %p %t - %m%n</pattern></encoder>\
         </appender><root level=\"INFO\"><appender-ref ref=\"F\"/></root></configuration>",
        dir.display()
    )
}

/// A certificate for 127.0.0.1 that is its own anchor. It isn't marked as an authority: verifiers
/// refuse an authority's certificate as a server's own.
fn tls(dir: &Path) -> Result<()> {
    let folder = dir.join("tls");
    fs::create_dir_all(&folder)?;
    let (key, cert) = (folder.join("key.pem"), certificate(dir));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"])
        .args(["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output()
        .with_context(|| missing("openssl", "openssl"))?;
    if !made.status.success() {
        bail!("openssl makes no certificate: {}", String::from_utf8_lossy(&made.stderr));
    }
    let (key, cert) = (key.display(), cert.display());
    fs::write(
        folder.join("tls.properties"),
        format!(
            "tls.test.mode.enable=false\ntls.server.need.client.auth=none\ntls.server.keyPath={key}\n\
             tls.server.certPath={cert}\ntls.server.authClient=false\n\
             tls.client.authServer=true\ntls.client.trustCertPath={cert}\n"
        ),
    )?;
    Ok(())
}

fn secret(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;

    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    Ok(())
}
