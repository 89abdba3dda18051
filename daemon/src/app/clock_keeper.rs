//! Keeps the sale's clock: looks at the wall clock and at what goes by the sale's, has the rules
//! say what becomes of it (`domain::sale_clock`), and tells of a step that isn't followed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::ports::Sale;
use domain::sale_clock::{self, Course, Look};
use domain::terms::Timed;
use instruments::clock::{self, SaleClock};
use protocol::{ClockState, ProductState, SaleClockView};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::gateway::GatewayParts;
use super::sale_store::SaleStore;
use crate::admin::SaleIsOpen;
use crate::gateway::book::Book;
use crate::observe::status::{Condition, Part, Status};

/// A step of the wall clock is seen this soon, and so is a product that begins to go by the clock.
const EVERY: Duration = Duration::from_millis(250);

/// Where the products' terms are known.
enum Products {
    /// To a gateway.
    Book(Arc<Book>),
    /// To an order role alone.
    Sale(Arc<dyn Sale>),
}

/// The clock with those who look after it.
pub(super) struct ClockKeeper {
    clock: Arc<SaleClock>,
    products: Products,
    status: Arc<Status>,
    /// Held through a look, so that no two of them set the clock.
    seen: Mutex<Seen>,
}

/// What the last look found.
#[derive(Default)]
struct Seen {
    /// The products as they could be read last.
    products: Arc<Vec<ProductState>>,
    view: SaleClockView,
}

impl ClockKeeper {
    /// One that has looked for the first time, before anybody asks by the clock: by the terms that
    /// the gateway knows, or those of the database.
    pub(super) async fn begin(
        clock: Arc<SaleClock>,
        gateway: Option<&GatewayParts>,
        sale: &SaleStore,
        status: &Arc<Status>,
    ) -> Arc<Self> {
        let products = match gateway {
            Some(gateway) => Products::Book(Arc::clone(&gateway.book)),
            None => Products::Sale(Arc::clone(&sale.sale)),
        };
        let status = Arc::clone(status);
        let keeper = Self { clock, products, status, seen: Mutex::default() };
        keeper.look().await;
        Arc::new(keeper)
    }

    /// What the last look found.
    pub(super) fn view(&self) -> SaleClockView {
        self.seen().view
    }

    /// Looks until cancelled.
    pub(super) async fn run(self: Arc<Self>, cancel: CancellationToken) {
        let looking = async {
            loop {
                self.look().await;
                tokio::time::sleep(EVERY).await;
            }
        };
        cancel.run_until_cancelled(looking).await;
    }

    /// One look.
    async fn look(&self) {
        let products = match &self.products {
            Products::Book(book) => Some(book.products()),
            // While the database can't be read the terms are as they were; that it can't is told
            // elsewhere.
            Products::Sale(sale) => sale.products().await.ok().map(Arc::new),
        };
        let mut seen = self.seen();
        if let Some(products) = products {
            seen.products = products;
        }
        let look = self.read(&seen);
        match look.course() {
            Course::Follow => self.clock.follow(),
            Course::Set => self.clock.set(),
            Course::Hold => self.clock.hold(),
        }
        self.show(&mut seen, look);
    }

    /// Sets the clock to the wall's time, as an operator wants it; by how much it was set.
    ///
    /// # Errors
    /// A product is open, or opens within a second.
    pub(super) fn adopt(&self) -> Result<ClockState, SaleIsOpen> {
        let mut seen = self.seen();
        let set_ms = self.may_adopt(&seen)?;
        if !self.clock.follows() {
            self.clock.set();
        }
        let look = self.read(&seen);
        self.show(&mut seen, look);
        Ok(ClockState { set_ms, now: look.sale })
    }

    /// By how much it would be set.
    ///
    /// # Errors
    /// As for [`ClockKeeper::adopt`].
    pub(super) fn adoptable(&self) -> Result<i64, SaleIsOpen> {
        self.may_adopt(&self.seen())
    }

    fn may_adopt(&self, seen: &Seen) -> Result<i64, SaleIsOpen> {
        let look = self.read(seen);
        if look.may_adopt() { Ok(look.wall_ahead_ms()) } else { Err(SaleIsOpen) }
    }

    fn read(&self, seen: &Seen) -> Look {
        let sale = self.clock.now();
        let on = sale_clock::on(seen.products.iter().map(|product| &product.terms), sale);
        Look { sale, wall: clock::now(), on }
    }

    fn show(&self, seen: &mut Seen, look: Look) {
        let is_held = look.course() == Course::Hold && look.is_stepped();
        let before = seen.view.wall_ahead_s;
        let wall_ahead_s = if is_held { seconds(before, look.wall_ahead_ms()) } else { 0 };
        match wall_ahead_s {
            told if told == before => {}
            0 => info!("the sale's clock and the wall clock agree again"),
            _ => warn!(wall_ahead_s, "the wall clock was set, and the sale's clock isn't"),
        }
        let follows = self.clock.follows();
        seen.view = SaleClockView { follows, wall_ahead_s, order_node_ahead_ms: None };
        let warnings = is_held.then(|| held(wall_ahead_s, look.on)).into_iter().collect();
        self.status.report(Part::Clock, Condition { warnings, ..Condition::default() });
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whole seconds of a distance of more than one. Those that were told stay for as long as they are
/// about right, so that a distance between two of them isn't news at each look.
const fn seconds(told: i64, ms: i64) -> i64 {
    if told.saturating_mul(1_000).saturating_sub(ms).unsigned_abs() < 750 {
        return told;
    }
    let sign = ms.signum();
    sign * ((ms.saturating_mul(sign).saturating_add(500)) / 1_000)
}

/// What an operator should know of a step that isn't followed.
fn held(wall_ahead_s: i64, on: Option<Timed>) -> String {
    let (distance, side) =
        (wall_ahead_s.unsigned_abs(), if wall_ahead_s < 0 { "behind" } else { "ahead of" });
    let (why, what) = match on {
        Some(Timed::Open) => ("is open", "set the wall clock right"),
        _ => ("waits for its opening", "set the wall clock right, or `seckillctl clock adopt`"),
    };
    format!(
        "the wall clock is {distance} s {side} the sale's clock, which isn't set while a product \
         {why}: {what}"
    )
}

#[cfg(test)]
mod tests {
    use domain::terms::Timed;

    use super::{held, seconds};

    #[test]
    fn a_distance_is_told_in_whole_seconds() {
        for (ms, s) in [(1_001, 1), (1_499, 1), (1_500, 2), (-1_001, -1), (90_000, 90), (0, 0)] {
            assert_eq!(seconds(0, ms), s, "{ms}");
        }
        for (told, ms, s) in
            [(90, 90_500, 90), (91, 90_500, 91), (90, 90_750, 91), (-2, -2_749, -2)]
        {
            assert_eq!(seconds(told, ms), s, "{ms}");
        }
    }

    #[test]
    fn what_is_told_says_what_to_do() {
        let told = held(-90, Some(Timed::Scheduled));
        assert!(told.starts_with("the wall clock is 90 s behind the sale's clock"), "{told}");
        assert!(told.contains("seckillctl clock adopt"), "{told}");
        let open = held(90, Some(Timed::Open));
        assert!(open.contains("ahead of") && !open.contains("adopt"), "{open}");
    }
}
