//! Requests in the midst of a sale that must never become orders: unknown products and bad prices.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::sync::watch;

use crate::buyers::{BuyerAnswer, answer_to_charge, phone};
use crate::http::Client;

/// The first bystander's number, far from every crowd's buyers.
const FIRST: u32 = 900_000;
/// How many there are; they come again and again.
const BYSTANDERS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(30);

/// Their phone numbers.
pub(super) fn phones() -> impl Iterator<Item = String> {
    (FIRST..FIRST + BYSTANDERS).map(phone)
}

/// Asks until `over`, and returns how many answers were to the point. A daemon that is away, or
/// doesn't know yet, gives none.
pub(super) async fn ask(
    gateway: String,
    prod_id: String,
    over: watch::Receiver<bool>,
) -> Result<usize> {
    let (client, url) = (Client::default(), format!("{gateway}/api/charge.do"));
    let wrong =
        [("pid_none", "1.000", "40007"), (&prod_id, "0.999", "40005"), (&prod_id, "1E0", "40005")];
    let mut answers = 0;
    for turn in 0_u32.. {
        if *over.borrow() {
            break;
        }
        let phone = phone(FIRST + turn % BYSTANDERS);
        let (prod_id, price, code) = wrong[turn as usize % wrong.len()];
        let fields = [("userPhoneNum", &*phone), ("chargePrice", price), ("prodId", prod_id)];
        match answer_to_charge(client.post_form(&url, &fields).await) {
            BuyerAnswer::Refused(told) if told == code => answers += 1,
            BuyerAnswer::Nothing(_) => {}
            BuyerAnswer::Refused(told) if told == "42002" => {}
            other => bail!("{prod_id} for {price}: {other:?} instead of {code}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(answers)
}
