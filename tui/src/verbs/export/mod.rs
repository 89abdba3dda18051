//! `seckillctl export orders`: decided orders, page by page as the daemon has them, each written as
//! it comes. However it ends, the last line on standard error says up to where it came, so that the
//! next export goes on there. How an order is written is `rows`'.

mod rows;

use std::cell::Cell;
use std::io::{self, ErrorKind, Write};

use jiff::tz::TimeZone;
use protocol::{Address, Endpoint, ExportPage, OrderState, Seq};
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::{Exit, NoAnswer};
use crate::export_options::{Export, ExportOrders, Moment};
use crate::verbs::daemon_socket::{DaemonSocket, Printed, stranger, talk};
use crate::zone;
use rows::{Form, Rows};

/// What a page is asked to hold: the daemon gives no more.
const PAGE_LIMIT: u64 = 500;

/// Writes until the newest decision of the moment at which it began.
pub(crate) async fn run(
    daemon: &DaemonSocket,
    verb: Export,
    out: &mut dyn Write,
) -> Result<Printed, NoAnswer> {
    let Export::Orders(options) = verb;
    let zone = match &options.tz {
        Some(zone) => zone.clone(),
        None => own_zone(),
    };
    let address = address(&options, &zone)?;
    let form = match (options.csv, options.jsonl) {
        (_, true) => Form::JsonLines,
        (_, false) => Form::Csv,
    };
    let rows = Rows { form, zone };
    let (mut interrupts, mut terminations) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let export = Exporting {
        daemon,
        address,
        after: Seq(options.after),
        reveals: options.reveal_phone,
        reached: Cell::default(),
    };
    let ended = tokio::select! {
        ended = export.write(&rows, out) => ended,
        _ = interrupts.recv() => Err(NoAnswer::Interrupted),
        _ = terminations.recv() => Err(NoAnswer::Interrupted),
    };
    let Some(reached) = export.reached.get() else {
        return ended.map(|()| Printed::fine(String::new()));
    };
    let exit = match ended {
        Ok(()) => Exit::Fine,
        Err(fault) if is_closed(&fault) => {
            talk(&format!(
                "up to decision {reached}, of which the reader may have taken less: continue with \
                 --after and the last number that it has"
            ));
            return Ok(Printed { text: String::new(), exit: fault.exit() });
        }
        Err(fault) => {
            talk(&fault.to_string());
            fault.exit()
        }
    };
    talk(&format!("up to decision {reached}: continue with --after {reached}"));
    Ok(Printed { text: String::new(), exit })
}

/// Whether the reader of the pipe has gone.
fn is_closed(fault: &NoAnswer) -> bool {
    matches!(fault, NoAnswer::Output(error) if error.kind() == ErrorKind::BrokenPipe)
}

/// The zone that `TZ` names, or this machine's. A machine that has none is on UTC; each time has
/// its offset beside it.
#[expect(clippy::disallowed_methods, reason = "the daemon's rule; this is another program")]
fn own_zone() -> TimeZone {
    zone::own().unwrap_or_else(|| {
        if std::env::var_os("TZ").is_some_and(|name| !name.is_empty()) {
            talk("the zone that TZ names isn't known here: times are in UTC; --tz names another");
        }
        TimeZone::UTC
    })
}

/// What is asked for, but for where it goes on.
fn address(options: &ExportOrders, zone: &TimeZone) -> Result<Address, NoAnswer> {
    let moment = |name: &str, given: Option<Moment>| {
        let Some(given) = given else { return Ok(None) };
        let at = given.in_zone(zone).map(|at| Some(at.to_wire()));
        at.ok_or_else(|| {
            let sentence = format!("--{name} is no time that can be told");
            NoAnswer::refused("usage", sentence, Exit::Usage)
        })
    };
    Ok(Endpoint::ExportOrders
        .address()
        .with("limit", PAGE_LIMIT)
        .with_some("state", options.state.map(OrderState::as_str))
        .with_some("prod", options.prod.as_deref())
        .with_some("since", moment("since", options.since)?)
        .with_some("until", moment("until", options.until)?))
}

/// An export in the making.
struct Exporting<'a> {
    daemon: &'a DaemonSocket,
    address: Address,
    after: Seq,
    /// Whether whole phone numbers are asked for.
    reveals: bool,
    /// Up to which decision everything is written; `None` until a page has come.
    reached: Cell<Option<Seq>>,
}

impl Exporting<'_> {
    async fn write(&self, rows: &Rows, out: &mut dyn Write) -> Result<(), NoAnswer> {
        let asked = self.reveals.then(|| "phone".to_owned());
        let mut page = self.page(self.after, asked.as_deref()).await?;
        let end = page.head;
        if end < self.after {
            let sentence = format!(
                "--after is {}, and the newest decision is {end}: the number is another \
                 database's, or a backup was restored",
                self.after
            );
            return Err(NoAnswer::refused("after_beyond_head", sentence, Exit::Refused));
        }
        self.reached.set(Some(self.after));
        put(out, rows.head().as_bytes()).map_err(|(_, error)| NoAnswer::Output(error))?;
        // All pages are shown under the first one's entry in the audit log.
        let entry = page.reveal.map(|entry| entry.to_string());
        loop {
            self.write_page(&page, end, rows, out)?;
            let reached = page.up_to.min(end);
            if self.reached.replace(Some(reached)) == Some(reached) && reached < end {
                return Err(stranger(&self.daemon.socket, &"its pages go round in circles"));
            }
            if end <= reached {
                return out.flush().map_err(NoAnswer::Output);
            }
            page = self.page(reached, entry.as_deref()).await?;
        }
    }

    async fn page(&self, after: Seq, reveal: Option<&str>) -> Result<ExportPage, NoAnswer> {
        let address = self.address.clone().with("after", after).with_some("reveal", reveal);
        self.daemon.ask::<ExportPage>(&address).await.map(|answer| answer.view)
    }

    /// Writes the orders of a page up to decision `end`; where the output takes only a part of
    /// them, those that it took whole count as written.
    fn write_page(
        &self,
        page: &ExportPage,
        end: Seq,
        rows: &Rows,
        out: &mut dyn Write,
    ) -> Result<(), NoAnswer> {
        let (mut text, mut ends) = (String::new(), Vec::new());
        for order in page.orders.iter().filter(|order| order.seq <= end) {
            rows.write(order, &mut text);
            ends.push((text.len(), order.seq));
        }
        put(out, text.as_bytes()).map_err(|(taken, error)| {
            let whole = ends.iter().rev().find(|(end, _)| *end <= taken);
            if let Some((_, seq)) = whole {
                self.reached.set(Some(*seq));
            }
            NoAnswer::Output(error)
        })
    }
}

/// Writes all of it, or says how much was taken.
fn put(out: &mut dyn Write, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut taken = 0;
    while taken < bytes.len() {
        match out.write(&bytes[taken..]) {
            Ok(0) => return Err((taken, ErrorKind::WriteZero.into())),
            Ok(more) => taken += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err((taken, error)),
        }
    }
    Ok(())
}
