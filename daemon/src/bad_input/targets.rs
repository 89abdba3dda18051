//! The targets: one per reader of bytes that others send.

use std::borrow::Cow;
use std::cell::RefCell;

use bytes::Bytes;
use domain::backoff::Backoff;
use domain::ports::embedded::QueueTable;
use domain::ports::resent::ResentLetters;
use domain::ports::{Delivery, Sale, Seed, TakingLimits};
use form_urlencoded::Serializer;
use protocol::{
    AddStock, CreateProduct, Discard, EpochMs, Money, ORDER_TOPIC, OrderMessage, Reasoned,
    ResendAll, SetLogLevel, SetShelf, SetSwitch, Shutdown, TEXT_CHARS_MAX, Terms,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use store_sqlite::Store;
use store_sqlite::testing::{InMemoryStore, ready};

use crate::admin::{new_product, query_string_is_judged};
use crate::config::tests::load_text;
use crate::request::fields::{Field, Fields, read_fields};
use crate::request::{FieldFault, PhonePattern, charge_request, query_request};
use crate::simulation::operator::Operator;

/// A reader under test: reads the bytes and panics if what must hold doesn't.
pub(super) struct Target {
    /// Also the name of its folder in the corpus.
    pub(super) name: &'static str,
    pub(super) run: fn(&[u8]),
}

pub(super) const TARGETS: &[Target] = &[
    Target { name: "query", run: query },
    Target { name: "form", run: form },
    Target { name: "json", run: json },
    Target { name: "multipart", run: multipart },
    Target { name: "message", run: message },
    #[cfg(feature = "rocketmq")]
    Target { name: "zlib", run: zlib },
    Target { name: "admin", run: admin },
    Target { name: "config", run: config },
    Target { name: "set", run: set },
];

const FIELDS: [Field; 3] = [Field::UserPhoneNum, Field::ChargePrice, Field::ProdId];

/// Polls once: reading from memory never waits.
fn read<'a>(
    content_type: Option<&str>,
    query: &'a str,
    body: &'a Bytes,
) -> Result<Fields<'a>, FieldFault> {
    let reading = read_fields(content_type, query, body);
    futures_util::FutureExt::now_or_never(reading).expect("memory is always ready")
}

/// What a request says is the same in each way to say it, and what is taken is within its bounds.
fn judge(read_once: Result<Fields<'_>, FieldFault>) {
    let Ok(fields) = read_once else { return };
    let given: Vec<_> = FIELDS
        .into_iter()
        .filter_map(|field| Some((field, fields.get(field).ok()?.to_owned())))
        .collect();
    let mut form = Serializer::new(String::new());
    let mut object = Map::new();
    for (field, value) in &given {
        form.append_pair(field.name(), value);
        object.insert(field.name().to_owned(), Value::String(value.clone()));
    }
    let form = form.finish();
    let as_json = Bytes::from(Value::Object(object).to_string());
    let nothing = Bytes::new();
    let again = [read(None, &form, &nothing), read(Some("application/json"), "", &as_json)];
    for again in again {
        let again = again.unwrap();
        for field in FIELDS {
            assert_eq!(again.get(field).ok(), fields.get(field).ok(), "{field}");
        }
    }
    let phones = PhonePattern::new(PhonePattern::DEFAULT).unwrap();
    if let Ok(charge) = charge_request(&fields, &phones) {
        assert_eq!(charge.phone.whole().len(), 11);
        assert_eq!(Money::parse(&charge.charge_price.to_string()), Ok(charge.charge_price));
        assert!(charge.prod_id.as_str().chars().count() <= TEXT_CHARS_MAX);
        assert!(query_request(&fields).is_ok(), "what may be charged may be asked for");
    }
}

fn query(input: &[u8]) {
    judge(read(None, &String::from_utf8_lossy(input), &Bytes::new()));
}

fn form(input: &[u8]) {
    let kind = Some("application/x-www-form-urlencoded; charset=gbk");
    judge(read(kind, "", &Bytes::copy_from_slice(input)));
}

fn json(input: &[u8]) {
    judge(read(Some("application/json"), "", &Bytes::copy_from_slice(input)));
}

/// The first line is the content type.
fn multipart(input: &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let kind = String::from_utf8_lossy(&input[..end]);
    let body = Bytes::copy_from_slice(input.get(end + 1..).unwrap_or_default());
    judge(read(Some(&format!("multipart/form-data; {kind}")), "", &body));
}

thread_local! {
    /// Each thread's database; the stock never runs out, so that every rule stays in reach.
    static STORE: RefCell<InMemoryStore> = RefCell::default();
}

fn with_store(work: impl FnOnce(&Store)) {
    STORE.with_borrow(|memory| {
        let terms = Terms { on_shelf: true, ..Terms::at(Money::from_milli(5_999_000)) };
        let seed = |prod_id: &str| Seed {
            prod_id: prod_id.into(),
            prod_name: String::new(),
            terms,
            stock: 5,
        };
        memory.begin_history(&[seed("pid_0001")]);
        work(&memory.store);
        for balance in ready(memory.store.books()).unwrap() {
            assert!(balance.holds() && 0 <= balance.stock, "{balance:?}");
        }
    });
}

/// Every delivery ends as exactly one thing, however often it comes.
fn message(input: &[u8]) {
    if let Ok(message) = OrderMessage::decode(input) {
        assert_eq!(OrderMessage::decode(&message.encode(ORDER_TOPIC)), Ok(message));
    }
    with_store(|store| {
        let delivery = || Delivery {
            body: input.to_vec(),
            asked_at: EpochMs(1),
            queued_at: None,
            origin: "msgid:1".to_owned(),
            redeliveries: 0,
        };
        let ended = ready(store.decide(vec![delivery()])).unwrap();
        assert_eq!(ended.decided() + ended.dead_lettered, 1, "{ended:?}");
        let again = ready(store.decide(vec![delivery()])).unwrap();
        assert_eq!(again.decided() + again.dead_lettered, 0, "{again:?}");
        let operator = Operator::of(store);
        for letter in operator.letters() {
            operator.resend(letter);
            operator.discard(letter);
        }
        let backoff = Backoff { first_ms: 1, max_ms: 1 };
        let limits = TakingLimits { batch_max: 10, deliveries_max: 1, backoff };
        ready(store.decide_due(limits)).unwrap();
        assert_eq!(ready(QueueTable::undecided(store)).unwrap(), []);
    });
}

/// However it is compressed, so much and no more.
#[cfg(feature = "rocketmq")]
fn zlib(input: &[u8]) {
    use std::io::Write;

    use queue_rocketmq::{BODY_BYTES_MAX, inflated};
    const COMPRESSED: i32 = 1;
    assert!(inflated(input.to_vec(), COMPRESSED).len() as u64 <= BODY_BYTES_MAX);
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(input).unwrap();
    let packed = encoder.finish().unwrap();
    assert_eq!(inflated(packed, COMPRESSED), input);
}

/// The first line is a query string; the rest is a body for every command.
fn admin(input: &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    query_string_is_judged(&String::from_utf8_lossy(&input[..end]));
    let body = input.get(end + 1..).unwrap_or_default();
    stands::<Reasoned>(body);
    stands::<SetSwitch>(body);
    stands::<SetShelf>(body);
    stands::<ResendAll>(body);
    stands::<Discard>(body);
    stands::<SetLogLevel>(body);
    stands::<Shutdown>(body);
    with_store(|store| {
        let operator = Operator::of(store);
        if let Some(product) = stands::<CreateProduct>(body) {
            operator.create(new_product(&product));
            operator.change_stock(&product.prod_id, i64::MAX);
            operator.change_stock(&product.prod_id, i64::MIN);
        }
        if let Some(add) = stands::<AddStock>(body) {
            operator.change_stock(&"pid_0001".into(), add.delta);
            operator.change_stock(&"pid_0001".into(), add.delta);
        }
    });
}

/// A body that is taken means the same when it is written again.
fn stands<B: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(body: &[u8]) -> Option<B> {
    let read: B = serde_json::from_slice(body).ok()?;
    let written = serde_json::to_vec(&read).unwrap();
    assert_eq!(serde_json::from_slice::<B>(&written).unwrap(), read);
    Some(read)
}

/// A configuration file.
fn config(input: &[u8]) {
    load_text(&String::from_utf8_lossy(input), Vec::new());
}

/// One `--set key=value` a line.
fn set(input: &[u8]) {
    let text: Cow<'_, str> = String::from_utf8_lossy(input);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    load_text("", pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect());
}
