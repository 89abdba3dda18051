//! What is counted of refused requests, and what stands in the log.

use bytes::Bytes;
use instruments::captured_log::lines;

use super::*;
use crate::request::fields::read_fields;

fn requests() -> InvalidRequests {
    InvalidRequests::new(Endpoint::Charge)
}

/// Lets each kind have a line again.
fn later(requests: &InvalidRequests) {
    requests.told.iter().for_each(|told| told.next_ms.store(0, Relaxed));
}

#[test]
fn the_first_is_told_at_once_and_the_others_together() {
    let requests = requests();
    let blank = FieldFault::Blank(Field::ProdId);
    let told = lines(|| {
        (0..1_000).for_each(|_| requests.note(blank, None));
        requests.note(FieldFault::TooMany, None);
        requests.tell_others();
    });
    let [first, other] = &told[..] else { panic!("{told:#?}") };
    for part in [
        "INFO",
        "prodId is blank",
        "role=\"gateway\"",
        "endpoint=\"charge.do\"",
        "field=\"prodId\"",
        "reason=\"blank\"",
        "count=1",
    ] {
        assert!(first.contains(part), "{first} lacks {part}");
    }
    assert!(other.contains("reason=\"too_many_fields\" count=1"), "{other}");
    later(&requests);
    let told = lines(|| requests.tell_others());
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("count=999"), "{told:#?}");
    let told = lines(|| {
        requests.note(blank, None);
        requests.tell_others();
        requests.tell_last();
        requests.tell_last();
    });
    assert!(told.len() == 1 && told[0].contains("count=1"), "the end waits for no time: {told:#?}");
}

#[test]
fn a_request_between_two_lines_brings_the_next_one() {
    let requests = requests();
    let told = lines(|| {
        (0..3).for_each(|_| requests.note(FieldFault::NotAnObject, None));
        later(&requests);
        requests.note(FieldFault::NotAnObject, None);
    });
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[1].contains("count=3"), "{told:#?}");
}

#[tokio::test]
async fn a_line_shows_what_is_wrong_and_nobodys_number() {
    let requests = requests();
    let body = Bytes::new();
    let query = "userPhoneNum=%2B8615200008881&chargePrice=5%2C999.00&prodId=15200008881";
    let fields = read_fields(None, query, &body).await.unwrap();
    let told = lines(|| {
        for field in [Field::UserPhoneNum, Field::ChargePrice, Field::ProdId] {
            requests.note(FieldFault::Malformed(field), Some(&fields));
        }
        requests.note_price(Money::from_milli(4_999_000), &"pid_0001".into());
    });
    for (line, excerpt) in told.iter().zip([
        "excerpt=\"+#############\"",
        "excerpt=\"5,999.00\"",
        "excerpt=\"###########\"",
        "excerpt=\"4999.000 for pid_0001\"",
    ]) {
        assert!(line.contains(excerpt), "{line} lacks {excerpt}");
    }
    assert!(told.len() == 4 && !told.concat().contains("1520"), "{told:#?}");
}

#[test]
fn every_fault_has_a_count_of_its_own_from_0() {
    let requests = requests();
    assert!(requests.counts().all(|(_, count)| count == 0));
    for (number, fault) in (1..).zip(FieldFault::ALL) {
        (0..number).for_each(|_| requests.note(fault, None));
    }
    let counts: Vec<(FieldFault, u64)> = requests.counts().collect();
    let expected: Vec<(FieldFault, u64)> = FieldFault::ALL.into_iter().zip(1..).collect();
    assert_eq!(counts, expected);
}
