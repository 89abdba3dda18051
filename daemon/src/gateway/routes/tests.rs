//! What the gateway answers to requests whose fields can't be used: the contract's body, the header
//! that says why, and a count of each.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::order_id::OrderIdKey;
use domain::ports::order_side::OrderSide;
use http_body_util::BodyExt;
use hyper::StatusCode;
use proptest::prelude::*;
use tokio::sync::mpsc;

use super::charge::answer as charge;
use super::query::answer as query;
use super::*;
use crate::gateway::book::Book;
use crate::gateway::confirmer::UnconfirmedOrders;
use crate::gateway::publisher;
use crate::gateway::refresh::Refresh;
use crate::gateway::testing::{FakeOrders, FakeQueue, FakeUnconfirmed, PROD};
use crate::request::{self, FieldFault};

const CHARGE_BODY: &str = r#"{"code":"40005","msg":"入参校验失败","data":null}"#;
const QUERY_BODY: &str = r#"{"code":"40005","msg":"入参校验失败"}"#;
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const MULTIPART: &str = "multipart/form-data; boundary=XX";

/// A gateway with one unit of one product at 5999.000.
async fn endpoints() -> (GatewayEndpoints, Arc<Book>) {
    let book = Arc::new(Book::new(OrderIdKey::new(vec![7; 32])));
    let orders = FakeOrders::with_stock(1) as Arc<dyn OrderSide>;
    let every = Duration::from_millis(1);
    let mut refresh = Refresh::new(Arc::clone(&book), Arc::clone(&orders), every);
    let result = refresh.catch_up().await;
    refresh.tell(result);
    let unconfirmed =
        Arc::new(UnconfirmedOrders::new(Arc::clone(&book), Arc::new(FakeUnconfirmed::default())));
    let (claims, waiting) = mpsc::channel(8);
    let queue = FakeQueue::new();
    let publishing = publisher::run(
        waiting,
        Arc::clone(&queue) as _,
        Arc::clone(&unconfirmed),
        4_usize,
        Arc::default(),
    );
    tokio::spawn(publishing);
    let charge = ChargeDesk::new(
        Arc::clone(&book),
        claims,
        queue,
        Arc::clone(&unconfirmed),
        64_usize,
        refresh.state(),
    );
    let endpoints = GatewayEndpoints {
        charge: Arc::new(charge),
        query: Arc::new(QueryDesk::new(Arc::clone(&book), orders)),
        tally: Arc::new(Tally::new(Instant::now())),
        phones: Arc::new(PhonePattern::new(PhonePattern::DEFAULT).unwrap()),
        now: Arc::new(|| protocol::EpochMs(1)),
    };
    (endpoints, book)
}

fn call(content_type: &str, query: &str, body: &[u8]) -> Call {
    Call {
        method: Method::POST,
        path: "/api/charge.do".to_owned(),
        query: query.to_owned(),
        content_type: Some(content_type.to_owned()).filter(|text| !text.is_empty()),
        body: Bytes::copy_from_slice(body),
        body_left_out: false,
        peer: None,
    }
}

/// The header, and the body.
async fn told(response: Response) -> (Option<String>, String) {
    let header = response.headers().get("seckill-reason");
    let reason = header.map(|value| value.to_str().unwrap().to_owned());
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (reason, String::from_utf8(bytes.to_vec()).unwrap())
}

/// The body with this reason: the contract's, or that of HTTP itself.
async fn wanted(reason: &str, of_the_contract: &str) -> String {
    match reason {
        "body unsupported_type" => told(edge::fault(StatusCode::UNSUPPORTED_MEDIA_TYPE)).await.1,
        _ => of_the_contract.to_owned(),
    }
}

/// The faults that were counted, as the header has them.
fn counted(invalid: &request::InvalidRequests) -> BTreeMap<String, u64> {
    let came = invalid.counts().filter(|(_, count)| 0 < *count);
    came.map(|(fault, count)| (format!("{} {}", fault.field(), fault.reason()), count)).collect()
}

fn multipart(name: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
    [head.as_bytes(), content, b"\r\n--XX--\r\n"].concat()
}

/// Requests to charge, with what is wrong.
fn faulty_charges() -> Vec<(&'static str, Call)> {
    let form = |body: &str| call(FORM, "", body.as_bytes());
    let rest = "chargePrice=5999.000&prodId=pid_0001";
    let phone = "userPhoneNum=15200008881";
    let long = "p".repeat(65);
    vec![
        ("userPhoneNum missing", form(rest)),
        ("userPhoneNum blank", form(&format!("userPhoneNum=+&{rest}"))),
        ("userPhoneNum repeated", form(&format!("{phone}&{phone}&{rest}"))),
        ("userPhoneNum malformed", form(&format!("userPhoneNum=25200008881&{rest}"))),
        ("userPhoneNum too_long", form(&format!("userPhoneNum={long}&{rest}"))),
        ("userPhoneNum bad_escape", form(&format!("userPhoneNum=%zz&{rest}"))),
        ("userPhoneNum not_utf8", form(&format!("userPhoneNum=%ff&{rest}"))),
        ("chargePrice missing", form(&format!("{phone}&prodId=pid_0001"))),
        ("chargePrice blank", form(&format!("{phone}&chargePrice=&prodId=pid_0001"))),
        ("chargePrice repeated", form(&format!("{phone}&{rest}&chargePrice=1"))),
        ("chargePrice malformed", form(&format!("{phone}&chargePrice=5,9&prodId=pid_0001"))),
        ("chargePrice not_the_price", form(&format!("{phone}&chargePrice=1&prodId=pid_0001"))),
        ("chargePrice bad_escape", form(&format!("{phone}&chargePrice=%1&prodId=pid_0001"))),
        ("chargePrice not_utf8", call(MULTIPART, "", &multipart("chargePrice", b"\xff"))),
        ("prodId missing", form(&format!("{phone}&chargePrice=5999.000"))),
        ("prodId blank", form(&format!("{phone}&chargePrice=5999.000&prodId=%20"))),
        ("prodId repeated", call(FORM, "prodId=a", format!("{phone}&{rest}").as_bytes())),
        ("prodId malformed", call(JSON, "", br#"{"prodId":["pid_0001"]}"#)),
        ("prodId too_long", form(&format!("{phone}&chargePrice=1&prodId={long}"))),
        ("prodId bad_escape", form(&format!("{phone}&prodId=%"))),
        ("prodId not_utf8", form(&format!("{phone}&prodId=%c3"))),
        ("query bad_escape", call(FORM, "x=%", phone.as_bytes())),
        ("query not_utf8", call(FORM, "%ff=1", phone.as_bytes())),
        ("body bad_escape", form(&format!("{phone}&x=%4"))),
        ("body not_utf8", call(FORM, "", b"x=\xff")),
        ("body not_a_json_object", call(JSON, "", b"[1]")),
        ("body not_multipart", call(MULTIPART, "", b"prodId=x")),
        ("body unsupported_type", call("text/xml", "", b"<a/>")),
        ("request too_many_fields", form(&["x=1"; 17].join("&"))),
    ]
}

#[tokio::test]
async fn each_fault_of_a_charge_is_told_and_counted_and_the_body_stays() {
    let (endpoints, _) = endpoints().await;
    let faulty = faulty_charges();
    assert_eq!(faulty.len(), FieldFault::COUNT, "each has its request");
    for (reason, call) in &faulty {
        let response = charge(&endpoints, call).await;
        let (header, body) = told(response).await;
        let expected = wanted(reason, CHARGE_BODY).await;
        assert_eq!((header.as_deref(), body), (Some(*reason), expected), "{reason}");
    }
    let each_once = faulty.iter().map(|(reason, _)| ((*reason).to_owned(), 1)).collect();
    assert_eq!(counted(&endpoints.tally.of(Endpoint::Charge).invalid), each_once);
    assert_eq!(endpoints.tally.of(Endpoint::Charge).counts()["40005"], FieldFault::COUNT as u64);
    assert!(counted(&endpoints.tally.of(Endpoint::GatewayQuery).invalid).is_empty());
}

#[tokio::test]
async fn each_fault_of_a_query_is_told_and_counted_and_the_body_stays() {
    let (endpoints, _) = endpoints().await;
    // A query looks at no price, and at no pattern of the phone number.
    let asked = |reason: &&str| {
        let by_the_pattern = *reason == "userPhoneNum malformed";
        let of_prices = ["missing", "blank", "malformed", "not_the_price"];
        !by_the_pattern && !of_prices.iter().any(|of| *reason == format!("chargePrice {of}"))
    };
    let faulty: Vec<_> = faulty_charges().into_iter().filter(|(reason, _)| asked(reason)).collect();
    for (reason, call) in &faulty {
        let response = query(&endpoints, call).await;
        let (header, body) = told(response).await;
        let expected = wanted(reason, QUERY_BODY).await;
        assert_eq!((header.as_deref(), body), (Some(*reason), expected), "{reason}");
    }
    let each_once = faulty.iter().map(|(reason, _)| ((*reason).to_owned(), 1)).collect();
    assert_eq!(counted(&endpoints.tally.of(Endpoint::GatewayQuery).invalid), each_once);
}

#[tokio::test]
async fn other_answers_have_no_such_header_and_are_counted_for_their_product() {
    let (endpoints, book) = endpoints().await;
    for (form, code) in [
        ("userPhoneNum=15200008881&chargePrice=5999.000&prodId=pid_0001", "10000"),
        ("userPhoneNum=15200008882&chargePrice=5999.000&prodId=pid_0001", "40006"),
        ("userPhoneNum=15200008882&chargePrice=5999.000&prodId=pid_9999", "40007"),
    ] {
        let (header, body) = told(charge(&endpoints, &call(FORM, "", form.as_bytes())).await).await;
        assert_eq!(header, None);
        assert!(body.contains(&format!("\"code\":\"{code}\"")), "{body}");
    }
    let wrong_price = "userPhoneNum=15200008882&chargePrice=1&prodId=pid_0001";
    charge(&endpoints, &call(FORM, "", wrong_price.as_bytes())).await;
    charge(&endpoints, &call(FORM, "", b"userPhoneNum=1&chargePrice=1&prodId=pid_0001")).await;
    let names = |view: protocol::ChargesView| {
        view.0.into_iter().map(|(name, counted)| (name, counted.total)).collect::<Vec<_>>()
    };
    let each_once = |names: &[&str]| {
        names.iter().map(|name| ((*name).to_owned(), 1)).collect::<Vec<(String, u64)>>()
    };
    let of_product = names(book.charges(&PROD.into()).unwrap());
    assert_eq!(of_product, each_once(&["accepted", "sold_out", "wrong_price"]));
    let elsewhere = names(book.elsewhere().view());
    assert_eq!(elsewhere, each_once(&["unknown_product", "wrong_phone_number"]));
    assert_eq!(endpoints.tally.outcomes().view().all().total, 5, "each is in one of the two");
}

proptest! {
    #[test]
    fn whatever_is_sent_a_refusal_has_the_contracts_body_and_one_count(
        content_type in prop_oneof![Just(FORM), Just(JSON), Just(MULTIPART), Just("text/xml"), Just("")],
        query in r"(prodId|userPhoneNum|chargePrice|15200008881|5999|pid_0001|[=&%+0-9a-f]|\PC){0,12}",
        body in r#"(prodId|userPhoneNum|chargePrice|\{|\}|"|:|,|15200008881|5999|pid_0001|=|&|%|\PC){0,12}"#,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (endpoints, _) = endpoints().await;
            let call = call(content_type, &query, body.as_bytes());
            let (header, text) = told(charge(&endpoints, &call).await).await;
            let counts = counted(&endpoints.tally.of(Endpoint::Charge).invalid);
            let is_invalid = endpoints.tally.of(Endpoint::Charge).counts().contains_key("40005");
            assert_eq!(header.is_some(), is_invalid);
            let expected = wanted(header.as_deref().unwrap_or_default(), CHARGE_BODY).await;
            assert_eq!(text == expected, is_invalid, "{text}");
            assert_eq!(counts, header.map(|reason| (reason, 1)).into_iter().collect());
            let (header, text) = told(query::answer(&endpoints, &call).await).await;
            assert_eq!(header.is_some(), endpoints.tally.of(Endpoint::GatewayQuery).counts().contains_key("40005"));
            if let Some(reason) = header {
                assert_eq!(text, wanted(&reason, QUERY_BODY).await);
            }
        });
    }
}
