//! The order topic from outside, as a Java service would see it: puts bytes on it and reads how far
//! a group has come. This file speaks RocketMQ's remoting protocol over one socket by itself, so
//! that an error of the daemon's client library can't be hidden by the same library here.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// When the messages of most tests were born.
const BORN_AT_MS: i64 = 1_795_444_100_572;

/// The topic that the Java services and our profiles use.
pub const TOPIC: &str = "SECKILL_CHARGE_ORDER_TOPIC";
/// The consumer group that the Java services and our profiles use.
pub const GROUP: &str = "GID_SNOWALKE_TEST";
/// Queues of a topic that the broker makes by itself.
const QUEUES: i64 = 4;
/// Far above what a broker answers here.
const FRAME_BYTES_MAX: usize = 16 << 20;

// Request and response codes of the protocol.
const SEND_MESSAGE: i64 = 10;
const QUERY_CONSUMER_OFFSET: i64 = 14;
const GET_MAX_OFFSET: i64 = 30;
const GET_BROKER_CLUSTER_INFO: i64 = 106;
const SUCCESS: i64 = 0;
const QUERY_NOT_FOUND: i64 = 22;

/// A connection to the broker that holds the topic.
pub struct Topic {
    broker: TcpStream,
}

impl Topic {
    /// Asks the name server for its broker and connects to it.
    ///
    /// # Errors
    /// Either can't be reached, or the name server knows no broker.
    pub async fn connect(name_server: &str) -> Result<Self> {
        let mut names = TcpStream::connect(name_server).await.context("the name server")?;
        let (_, told) = call(&mut names, GET_BROKER_CLUSTER_INFO, json!({}), b"").await?;
        // The body has bare numbers for keys, so it is no JSON.
        let told = String::from_utf8_lossy(&told).into_owned();
        let address = broker_address(&told).with_context(|| format!("no broker: {told}"))?;
        Ok(Self { broker: TcpStream::connect(address).await.context("the broker")? })
    }

    /// Puts a body on one of the topic's queues; the broker makes the topic when it must.
    ///
    /// # Errors
    /// The broker refuses, or the connection breaks.
    pub async fn put(&mut self, queue: u8, body: &[u8]) -> Result<()> {
        self.put_born_at(queue, body, BORN_AT_MS).await
    }

    /// Likewise, of a gateway whose clock shows this time, in milliseconds since 1970.
    ///
    /// # Errors
    /// The broker refuses, or the connection breaks.
    pub async fn put_born_at(&mut self, queue: u8, body: &[u8], born_at_ms: i64) -> Result<()> {
        let fields = json!({
            "producerGroup": GROUP, "topic": TOPIC, "defaultTopic": "TBW102",
            "defaultTopicQueueNums": QUEUES.to_string(), "queueId": queue.to_string(),
            "sysFlag": "0", "bornTimestamp": born_at_ms.to_string(), "flag": "0", "properties": "",
            "reconsumeTimes": "0", "unitMode": "false", "batch": "false",
        });
        let (header, _) = call(&mut self.broker, SEND_MESSAGE, fields, body).await?;
        ensure!(header["code"] == SUCCESS, "the broker refuses: {header}");
        Ok(())
    }

    /// Messages on the topic that the group hasn't acknowledged. The group reports to the broker
    /// every few seconds, so this lags behind the truth; 0 is the truth.
    ///
    /// # Errors
    /// The broker doesn't answer it, or the connection breaks.
    pub async fn lag(&mut self) -> Result<i64> {
        let mut lag = 0;
        for queue in 0..QUEUES {
            let fields = json!({"topic": TOPIC, "queueId": queue.to_string()});
            let end = self.offset(GET_MAX_OFFSET, fields).await?;
            let fields =
                json!({"consumerGroup": GROUP, "topic": TOPIC, "queueId": queue.to_string()});
            lag += end - self.offset(QUERY_CONSUMER_OFFSET, fields).await?;
        }
        Ok(lag)
    }

    /// An offset, 0 where nothing was ever acknowledged.
    async fn offset(&mut self, code: i64, fields: Value) -> Result<i64> {
        let (header, _) = call(&mut self.broker, code, fields, b"").await?;
        match header["code"].as_i64() {
            Some(SUCCESS) => {
                let offset = header["extFields"]["offset"].as_str().context("no offset")?;
                Ok(offset.parse::<i64>()?.max(0))
            }
            Some(QUERY_NOT_FOUND) => Ok(0),
            _ => bail!("no offset: {header}"),
        }
    }
}

/// A message exactly as the Java services write it.
#[must_use]
pub fn java_bytes(order_id: &str, phone: &str, prod_id: &str, money: &str) -> Vec<u8> {
    format!(
        r#"{{"header":{{"version":"1.0","topicName":"{TOPIC}"}},"body":{{"orderId":"{order_id}","userPhoneNo":"{phone}","prodId":"{prod_id}","chargeMoney":"{money}"}}}}"#
    )
    .into_bytes()
}

/// One request and its answer: the header, and the body.
async fn call(
    stream: &mut TcpStream,
    code: i64,
    fields: Value,
    body: &[u8],
) -> Result<(Value, Vec<u8>)> {
    stream.write_all(&frame(code, &fields, body)?).await?;
    let total = usize::try_from(stream.read_u32().await?)?;
    ensure!((4..FRAME_BYTES_MAX).contains(&total), "a frame of {total} bytes");
    let mut bytes = vec![0; total];
    stream.read_exact(&mut bytes).await?;
    // The header's length has three bytes; the first one says how it is written, 0 being JSON.
    let (length, rest) = bytes.split_at(4);
    let length =
        usize::from(length[1]) << 16 | usize::from(length[2]) << 8 | usize::from(length[3]);
    ensure!(length <= rest.len(), "a header of {length} bytes in a frame of {total}");
    let (header, body) = rest.split_at(length);
    Ok((serde_json::from_slice(header).context("the answer's header")?, body.to_vec()))
}

fn frame(code: i64, fields: &Value, body: &[u8]) -> Result<Vec<u8>> {
    let header = json!({
        "code": code, "language": "JAVA", "version": 399, "opaque": 1, "flag": 0,
        "extFields": fields, "serializeTypeCurrentRPC": "JSON",
    })
    .to_string();
    let mut frame = Vec::new();
    frame.extend(u32::try_from(4 + header.len() + body.len())?.to_be_bytes());
    frame.extend(u32::try_from(header.len())?.to_be_bytes());
    frame.extend(header.as_bytes());
    frame.extend(body);
    Ok(frame)
}

/// The first `HOST:PORT` among the brokers' addresses.
fn broker_address(cluster: &str) -> Option<&str> {
    let (_, addresses) = cluster.split_once("\"brokerAddrs\"")?;
    addresses.split('"').find(|text| {
        let port = text.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        matches!(port, Some(Ok(_)))
    })
}

#[cfg(test)]
mod tests {
    use super::{broker_address, frame, java_bytes};

    #[test]
    fn the_brokers_address_is_found_in_what_is_no_json() {
        let told = r#"{"brokerAddrTable":{"broker-a":{"brokerAddrs":{0:"127.0.0.1:10911"},"brokerName":"broker-a"}}}"#;
        assert_eq!(broker_address(told), Some("127.0.0.1:10911"));
        assert_eq!(broker_address("{}"), None);
    }

    #[test]
    fn a_frame_counts_all_that_follows_its_length() -> anyhow::Result<()> {
        let frame = frame(10, &serde_json::json!({}), b"body")?;
        assert_eq!(u32::from_be_bytes(frame[..4].try_into()?) as usize, frame.len() - 4);
        assert!(frame.ends_with(b"}body"));
        Ok(())
    }

    #[test]
    fn java_messages_have_exactly_six_fields() -> anyhow::Result<()> {
        let message: serde_json::Value =
            serde_json::from_slice(&java_bytes("id", "1", "p", "2.000"))?;
        assert_eq!(message["body"].as_object().map(serde_json::Map::len), Some(4));
        assert_eq!(message["header"].as_object().map(serde_json::Map::len), Some(2));
        Ok(())
    }
}
