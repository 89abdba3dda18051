//! `seckillctl orders` and `seckillctl order ID`: who ordered what, and how it ended. Phone numbers
//! are masked unless the one order's is asked for.

use protocol::{Endpoint, HistoryStep, OrderHistory, OrderView, OrdersPage, Phone, ProductView};

use crate::args::{OrderOptions, Orders};
use crate::exit::{Exit, NoAnswer};
use crate::table::{facts, number, table, text};
use crate::verbs::daemon_socket::{DaemonSocket, Printed};
use crate::verbs::pages::{gather, judge, lacking, tell_more};
use crate::words::{UNKNOWN, known, moment, printable};

/// Orders, those that wait first, then the newest.
pub(crate) async fn list(daemon: &DaemonSocket, options: Orders) -> Result<Printed, NoAnswer> {
    let filters = [
        ("state", options.state.map(|state| state.as_str().to_owned())),
        ("prod", options.product),
        ("phone", options.phone),
        ("id", options.id),
    ];
    let product = filters[1].1.clone();
    let filters: Vec<(&str, String)> =
        filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let answer =
        gather::<OrdersPage>(daemon, Endpoint::Orders, &filters, "orders", &options.extent).await?;
    tell_more(answer.view.next.as_ref(), options.shape);
    let (count, unlisted) = (answer.view.orders.len(), &answer.view.unlisted);
    if let Some(id) = product.filter(|_| count == 0) {
        known_product(daemon, &id).await?;
    }
    let exit = judge(count, unlisted);
    let table = |page: &OrdersPage| format!("{}{}", lacking(&page.unlisted), orders(&page.orders));
    Ok(Printed { text: answer.print(options.shape, table), exit })
}

/// That a product has no order is said only of one that there is.
async fn known_product(daemon: &DaemonSocket, id: &str) -> Result<(), NoAnswer> {
    match daemon.ask::<ProductView>(&Endpoint::Product.of(id)).await {
        Err(NoAnswer::Refused(refused)) if refused.exit == Exit::NotFound => {
            let sentence = format!(
                "no order is for {id:?}, and no product has that id; an order is looked up by \
                 `seckillctl order ID`, and a buyer's by --phone"
            );
            Err(NoAnswer::refused("not_found", sentence, Exit::NotFound))
        }
        other => other.map(|_| ()),
    }
}

/// One order's history.
pub(crate) async fn show(
    daemon: &DaemonSocket,
    options: &OrderOptions,
) -> Result<Printed, NoAnswer> {
    let reveal = options.reveal_phone.then_some("phone");
    let address = Endpoint::Order.of(&options.id).with_some("reveal", reveal);
    let answer = daemon.ask::<OrderHistory>(&address).await?;
    Ok(Printed::fine(answer.print(options.shape, history)))
}

fn orders(orders: &[OrderView]) -> String {
    let columns = [
        text("ASKED"),
        text("ORDER"),
        text("PRODUCT"),
        text("BUYER"),
        number("AMOUNT"),
        text("STATE"),
        text("DECIDED"),
        text("REASON"),
    ];
    let cells = |order: &OrderView| {
        [
            moment(order.asked_at),
            printable(&order.order_id.text()),
            printable(order.prod_id.as_str()),
            printable(&order.user),
            known(order.charge_money),
            order.state.as_str().to_owned(),
            known(order.decided_at.map(moment)),
            order.reason.as_deref().map(printable).unwrap_or_default(),
        ]
    };
    table(columns, orders.iter().map(cells).collect())
}

fn history(history: &OrderHistory) -> String {
    let order = &history.order;
    let reason = order.reason.as_deref().map(printable);
    let name = if order.prod_name.is_empty() { UNKNOWN } else { &order.prod_name };
    let head = [
        ("order", printable(&order.order_id.text())),
        ("product", format!("{} ({})", printable(order.prod_id.as_str()), printable(name))),
        ("buyer", printable(history.phone.as_ref().map_or(&order.user, Phone::whole))),
        ("amount", known(order.charge_money)),
        ("asked", moment(order.asked_at)),
        ("state", order.state.as_str().to_owned()),
        ("reason", known(reason)),
        ("decided", known(order.decided_at.map(moment))),
        ("duplicates", order.duplicates.to_string()),
    ];
    format!("{}\n{}", facts(&head), steps(&history.steps))
}

fn steps(steps: &[HistoryStep]) -> String {
    let cells = |step: &HistoryStep| {
        [known(step.at.map(moment)), step.step.as_str().to_owned(), printable(&step.detail)]
    };
    table([text("AT"), text("STEP"), text("DETAIL")], steps.iter().map(cells).collect())
}
