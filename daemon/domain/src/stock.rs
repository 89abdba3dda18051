//! A gateway's view of one product's units: what the database last said is in stock, less what this
//! gateway holds for orders that are not decided yet.
//!
//! Both figures live in one atomic word, so a reservation and a refresh can't see each other half
//! done, and neither takes a lock. How much more than the stock may be promised is a term of the
//! product (the preheat ratio), and given with each question. `dev/interleavings/` compiles this
//! file against loom's atomics.

#[cfg(seckill_loom)]
use loom::sync::atomic::{AtomicU64, Ordering};
#[cfg(not(seckill_loom))]
use std::sync::atomic::{AtomicU64, Ordering};

use protocol::PreheatRatio;

/// Units of one product at this gateway.
#[derive(Debug, Default)]
pub struct GatewayStock(AtomicU64);

/// The two figures at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockFigures {
    /// Units in the database, by its last word.
    pub stock: u32,
    /// Units of this gateway's accepted and undecided orders.
    pub held: u32,
}

impl StockFigures {
    /// Units that may still be promised: of the preheated stock, less what is held.
    #[must_use]
    pub const fn free(self, preheat: PreheatRatio) -> u64 {
        preheat.of(self.stock).saturating_sub(self.held as u64)
    }

    const fn pack(self) -> u64 {
        (self.stock as u64) << 32 | self.held as u64
    }

    #[expect(clippy::cast_possible_truncation, reason = "each half is its own 32 bits")]
    const fn unpack(word: u64) -> Self {
        Self { stock: (word >> 32) as u32, held: word as u32 }
    }
}

impl GatewayStock {
    /// The figures now.
    #[must_use]
    pub fn figures(&self) -> StockFigures {
        StockFigures::unpack(self.0.load(Ordering::Acquire))
    }

    /// Holds one unit if one is free.
    pub fn hold_if_free(&self, preheat: PreheatRatio) -> bool {
        self.change(|now| {
            let held = now.held.checked_add(1)?;
            (0 < now.free(preheat)).then_some(StockFigures { held, ..now })
        })
    }

    /// Holds units for orders that were accepted before this gateway knew its stock (found in the
    /// queue or among the unconfirmed at start), free or not.
    pub fn hold_anyway(&self, units: u32) {
        self.change(|now| Some(StockFigures { held: now.held.saturating_add(units), ..now }));
    }

    /// Gives back the unit of an order that definitely never came to be.
    pub fn give_back(&self) {
        self.change(|now| Some(StockFigures { held: now.held.saturating_sub(1), ..now }));
    }

    /// Takes over what the database has, and ends the hold of `settled` orders that it has decided.
    /// In one step: a unit sold leaves `stock` and `held` together, so it is never free in between.
    pub fn refresh(&self, stock: u64, settled: u32) {
        let stock = u32::try_from(stock).unwrap_or(u32::MAX);
        self.change(|now| Some(StockFigures { stock, held: now.held.saturating_sub(settled) }));
    }

    fn change(&self, step: impl Fn(StockFigures) -> Option<StockFigures>) -> bool {
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
                step(StockFigures::unpack(word)).map(StockFigures::pack)
            })
            .is_ok()
    }
}

#[cfg(all(test, not(seckill_loom)))]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use proptest::prelude::*;

    use protocol::PreheatRatio;

    use super::{GatewayStock, StockFigures};

    const NONE: PreheatRatio = PreheatRatio::NONE;

    #[test]
    fn many_threads_hold_exactly_what_is_there() {
        let gateway = GatewayStock::default();
        gateway.refresh(1_000, 0);
        let got = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        got.fetch_add(u32::from(gateway.hold_if_free(NONE)), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(got.into_inner(), 1_000);
        assert_eq!(gateway.figures(), StockFigures { stock: 1_000, held: 1_000 });
    }

    #[test]
    fn a_sold_unit_is_never_free_in_between() {
        let gateway = GatewayStock::default();
        gateway.refresh(2, 0);
        assert!(gateway.hold_if_free(NONE));
        gateway.refresh(1, 1);
        assert_eq!(gateway.figures(), StockFigures { stock: 1, held: 0 });
        assert!(gateway.hold_if_free(NONE));
        assert!(!gateway.hold_if_free(NONE));
        gateway.give_back();
        assert!(gateway.hold_if_free(NONE));
    }

    #[test]
    fn holds_beyond_the_stock_leave_nothing_free() {
        let gateway = GatewayStock::default();
        gateway.hold_anyway(5);
        gateway.refresh(3, 0);
        assert_eq!(gateway.figures().free(NONE), 0);
        assert!(!gateway.hold_if_free(NONE));
        gateway.refresh(3, 4);
        assert_eq!(gateway.figures().free(NONE), 2);
    }

    #[test]
    fn a_preheated_desk_promises_more_than_there_is_and_no_more_than_that() {
        let gateway = GatewayStock::default();
        let preheat = PreheatRatio::from_milli(1_500).unwrap();
        gateway.refresh(3, 0);
        let got = (0..10).filter(|_| gateway.hold_if_free(preheat)).count();
        assert_eq!(got, 4, "the product is rounded down");
        // One is placed, one fails: of the two that are left, three may be promised.
        gateway.refresh(2, 2);
        assert_eq!(gateway.figures().free(preheat), 1);
        // Back to what there is, nothing is free: what was promised stays so.
        assert_eq!(gateway.figures().free(NONE), 0);
        gateway.refresh(0, 1);
        assert!(!gateway.hold_if_free(preheat), "of nothing nothing is promised");
    }

    #[derive(Debug, Clone)]
    enum Step {
        Reserve,
        Fail,
        Place,
        Refuse,
    }

    proptest! {
        // A database beside the gateway: whatever the order of events, the gateway never admits
        // more than the database can still place, or the preheated part of it.
        #[test]
        fn never_admits_more_than_its_part_of_what_the_database_has(
            milli in 1_000_i64..=3_000,
            steps in proptest::collection::vec(
                prop_oneof![
                    Just(Step::Reserve),
                    Just(Step::Fail),
                    Just(Step::Place),
                    Just(Step::Refuse),
                ],
                0..200,
            )
        ) {
            let preheat = PreheatRatio::from_milli(milli).unwrap();
            let gateway = GatewayStock::default();
            let mut stock = 10_u64;
            let mut undecided = 0_u64;
            gateway.refresh(stock, 0);
            for step in steps {
                match step {
                    Step::Reserve if gateway.hold_if_free(preheat) => {
                        undecided += 1;
                        prop_assert!(undecided <= preheat.of(u32::try_from(stock).unwrap()));
                    }
                    Step::Fail if 0 < undecided => { gateway.give_back(); undecided -= 1; }
                    Step::Place if 0 < undecided && 0 < stock => {
                        stock -= 1;
                        undecided -= 1;
                        gateway.refresh(stock, 1);
                    }
                    Step::Refuse if 0 < undecided => { undecided -= 1; gateway.refresh(stock, 1); }
                    _ => {}
                }
                prop_assert!(undecided <= stock || preheat.promises_more());
                let promised = preheat.of(u32::try_from(stock).unwrap());
                prop_assert_eq!(
                    gateway.figures().free(preheat), promised.saturating_sub(undecided)
                );
            }
        }
    }
}
