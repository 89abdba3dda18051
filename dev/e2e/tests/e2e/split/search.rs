//! An order looked for at each node of a split installation: found where it can be known, and where
//! it can't be, the list says so.

use protocol::{OrderState, OrdersPage, Phone, UnlistedPlace};
use serde_json::json;

use super::*;
use crate::rocketmq::search::printed;

const WITHIN: Duration = Duration::from_secs(90);

/// What a node's list shows of a buyer: ids with their state, and what the list lacks.
#[derive(Debug, PartialEq, Eq)]
struct Listed {
    orders: Vec<(String, OrderState)>,
    lacks: Vec<(UnlistedPlace, Option<u64>)>,
}

impl Listed {
    /// By `seckillctl`, whose exit code and words are held to the list of the same call (the next
    /// one may know more): none found and something lacking is no proof.
    fn at(node: &Daemon, buyer: &str) -> Result<Self> {
        let verb = ["orders", "--phone", buyer];
        let (code, text) = printed(node, &[&verb[..], &["--json"]].concat())?;
        let page: OrdersPage = serde_json::from_str(&text).with_context(|| text.clone())?;
        let orders = page.orders.into_iter().map(|order| (order.order_id.to_string(), order.state));
        let lacks = page.unlisted.into_iter().map(|lack| (lack.place, lack.count));
        let listed = Self { orders: orders.collect(), lacks: lacks.collect() };
        let no_proof = listed.orders.is_empty() && !listed.lacks.is_empty();
        assert_eq!(code, i32::from(no_proof), "{listed:?}");

        let (code, text) = printed(node, &verb)?;
        let is_found = text.contains(&Phone::from(buyer).to_string());
        let no_proof = !is_found && text.contains("NOT LISTED");
        assert_eq!(code, i32::from(no_proof), "{text}");
        assert!(!text.contains(buyer), "{text}");
        Ok(listed)
    }

    /// Waits until it is this: lags are read from time to time.
    async fn is(
        node: &Daemon,
        buyer: &str,
        orders: &[(&str, OrderState)],
        lacks: &[(UnlistedPlace, Option<u64>)],
    ) -> Result<()> {
        let orders = orders.iter().map(|(id, state)| ((*id).to_owned(), *state)).collect();
        let wanted = Self { orders, lacks: lacks.to_vec() };
        until("the list", WITHIN, || async { Ok((Self::at(node, buyer)? == wanted).then_some(())) })
            .await
            .with_context(|| format!("{:?} isn't {wanted:?}", Self::at(node, buyer)))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_node_finds_what_it_can_know_and_says_what_its_list_lacks() -> Result<()> {
    use UnlistedPlace::{Broker, Gateways, OrderNode};
    let mut split = Split::start(2).await?;
    split.order.admin().command("/v1/consumption/pause", json!({})).await?;
    let buyer = phone(7);
    let charged = split.gateways[0].charge(&buyer, "pid_0001", "5999.000").await;
    let BuyerAnswer::Queued(id) = answer_to_charge(charged) else { anyhow::bail!("not queued") };

    // It waits in the broker, and the gateway that sent it is the only one that knows whose it is.
    let [ours, other] = &split.gateways[..] else { anyhow::bail!("two gateways") };
    let asked = (OrderNode, None);
    Listed::is(ours, &buyer, &[(&id, OrderState::Queued)], &[asked]).await?;
    Listed::is(other, &buyer, &[], &[(Broker, Some(1)), asked]).await?;
    Listed::is(&split.order, &buyer, &[], &[(Broker, Some(1)), (Gateways, None)]).await?;
    for node in [other, &split.order] {
        let (code, text) = printed(node, &["order", &id])?;
        assert!(code == 66 && text.contains("1 order waits in RocketMQ"), "{code}\n{text}");
    }

    // Decided, it is in the order node's database, which the gateways ask.
    split.order.admin().command("/v1/consumption/resume", json!({})).await?;
    let placed = [(&*id, OrderState::Placed)];
    Listed::is(&split.order, &buyer, &placed, &[(Gateways, None)]).await?;
    for gateway in [ours, other] {
        Listed::is(gateway, &buyer, &placed, &[asked]).await?;
    }
    let (code, text) = printed(&split.order, &["order", &id[..8]])?;
    assert!(code == 0 && text.contains(&id), "{code}\n{text}");

    // Who can't ask says so, and not that there is none.
    split.order.kill9()?;
    let (code, text) = printed(&split.gateways[1], &["orders", "--phone", &buyer])?;
    let is_shown = text.contains("what the order node knows of this buyer isn't listed");
    assert!(code == 1 && is_shown, "{code}\n{text}");
    Ok(())
}
