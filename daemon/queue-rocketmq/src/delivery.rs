//! From a client's message to a delivery: body, charge time, origin. Pure.

use std::io::Read;

use flate2::read::ZlibDecoder;
use protocol::EpochMs;
use rocketmq_model::common::message::MessageTrait;
use rocketmq_model::common::message::message_ext::MessageExt;

use super::Delivery;

/// Our property with the time at which the buyer asked, in epoch milliseconds.
pub(super) const ACCEPT_TIME: &str = "acceptTime";
/// The sender's own id of a message; it stays the same over redeliveries and copies.
const UNIQUE_KEY: &str = "UNIQ_KEY";
const COMPRESSED: i32 = 1;
/// The compression's kind stands in these bits; nothing or 3 is zlib, the contract's only one.
const COMPRESSION_KIND: i32 = 0x700;
const ZLIB: i32 = 0x300;
/// The broker's own limit for a message. More after decompression is no order.
pub const BODY_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What placing needs of a message.
pub(super) fn delivery(message: &MessageExt) -> Delivery {
    let body = message.get_body().map(|body| body.to_vec()).unwrap_or_default();
    let property = |name: &'static str| message.property_ref(&name.into());
    let accepted = property(ACCEPT_TIME).map(AsRef::<str>::as_ref);
    let unique = property(UNIQUE_KEY).map(AsRef::<str>::as_ref);
    let redeliveries = u32::try_from(message.reconsume_times()).unwrap_or(0);
    Delivery {
        body: inflated(body, message.sys_flag()),
        asked_at: asked_at(accepted, message.born_timestamp()),
        queued_at: Some(EpochMs(message.store_timestamp())).filter(|at| 0 < at.0),
        origin: origin(message, unique),
        redeliveries,
    }
}

/// The body as its sender wrote it. One that doesn't decompress stays as it is: it is no JSON, and
/// so it becomes a dead letter with its reason like any other malformed body.
pub fn inflated(body: Vec<u8>, sys_flag: i32) -> Vec<u8> {
    let kind = sys_flag & COMPRESSION_KIND;
    if sys_flag & COMPRESSED == 0 || kind != 0 && kind != ZLIB {
        return body;
    }
    let mut plain = Vec::new();
    match ZlibDecoder::new(body.as_slice()).take(BODY_BYTES_MAX).read_to_end(&mut plain) {
        Ok(_) => plain,
        Err(_) => body,
    }
}

/// Our own property where it is there and sane, else the time of birth, as for Java's messages.
fn asked_at(accepted: Option<&str>, born_ms: i64) -> EpochMs {
    let accepted = accepted.and_then(|text| text.parse::<i64>().ok()).filter(|ms| 0 < *ms);
    EpochMs(accepted.unwrap_or(born_ms))
}

/// The place in the queue, or the sender's id: a redelivery comes by way of the retry topic, from
/// another place, and must still be known as the same message.
fn origin(message: &MessageExt, unique: Option<&str>) -> String {
    match unique.filter(|key| !key.is_empty()) {
        Some(key) => format!("msgid:{key}"),
        None => format!(
            "{}/{}/{}@{}",
            message.broker_name(),
            message.topic(),
            message.queue_id(),
            message.queue_offset()
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use protocol::EpochMs;
    use rocketmq_model::common::message::MessageTrait;
    use rocketmq_model::common::message::message_ext::MessageExt;
    use rocketmq_model::common::message::message_single::Message;

    use super::{COMPRESSED, asked_at, delivery, inflated};

    fn zlib(plain: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn zlib_bodies_are_inflated_and_others_left_alone() {
        assert_eq!(inflated(zlib(b"{\"a\":1}"), COMPRESSED), b"{\"a\":1}");
        assert_eq!(inflated(zlib(b"{\"a\":1}"), COMPRESSED | 0x300), b"{\"a\":1}");
        assert_eq!(inflated(b"plain".to_vec(), 0), b"plain");
        assert_eq!(inflated(b"not zlib".to_vec(), COMPRESSED), b"not zlib");
        assert_eq!(inflated(b"lz4 bytes".to_vec(), COMPRESSED | 0x100), b"lz4 bytes");
    }

    #[test]
    fn a_bomb_is_cut_at_the_brokers_own_limit() {
        let bomb = zlib(&vec![0_u8; 16 * 1024 * 1024]);
        assert_eq!(inflated(bomb, COMPRESSED).len(), 4 * 1024 * 1024);
    }

    #[test]
    fn our_accept_time_wins_over_the_birth() {
        assert_eq!(asked_at(Some("1795444100572"), 5), EpochMs(1_795_444_100_572));
        for unusable in [None, Some(""), Some("soon"), Some("-1"), Some("0")] {
            assert_eq!(asked_at(unusable, 5), EpochMs(5));
        }
    }

    #[test]
    fn the_origin_is_the_senders_id_or_else_the_place() {
        let mut message = MessageExt::default();
        let plain = Message::builder().topic("T").body("{}").build().unwrap();
        message.set_message_inner(plain);
        message.set_broker_name("broker-a".into());
        message.set_queue_id(3);
        message.set_queue_offset(1234);
        message.set_born_timestamp(77);
        message.set_store_timestamp(78);
        message.set_reconsume_times(2);
        let plain = delivery(&message);
        assert_eq!(plain.origin, "broker-a/T/3@1234");
        assert_eq!((plain.asked_at, plain.redeliveries), (EpochMs(77), 2));
        assert_eq!(plain.queued_at, Some(EpochMs(78)));

        message.put_property("UNIQ_KEY".into(), "7F0001".into());
        assert_eq!(delivery(&message).origin, "msgid:7F0001");
    }
}
