//! What time a sale goes by, where the wall clock may be set while it is on. Each gateway stamps
//! when its buyers asked, and judges windows by the same time, so a clock that jumps would open a
//! sale early, twice or late.
//!
//! While nothing goes by it, the sale's clock follows the wall's. Else it goes on by itself, at the
//! pace of a clock that nobody sets; small steps are still followed until something opens, a large
//! one waits for an operator. All of it is by what was read at a look: the reading is elsewhere.

use protocol::{EpochMs, Terms};

use crate::terms::{Timed, timed};

/// The largest step of the wall clock that is followed by itself while something is scheduled, in
/// milliseconds.
pub const STEP_MAX_MS: i64 = 1_000;

/// What was read at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// By the sale's clock.
    pub sale: EpochMs,
    /// By the wall's.
    pub wall: EpochMs,
    /// What goes by it: see [`on`].
    pub on: Option<Timed>,
}

/// What becomes of the sale's clock at a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// It follows the wall's.
    Follow,
    /// It is set to the wall's time, and goes on by itself.
    Set,
    /// It goes on by itself as before.
    Hold,
}

impl Look {
    /// Milliseconds by which the wall clock is ahead of the sale's; negative: behind.
    #[must_use]
    pub const fn wall_ahead_ms(&self) -> i64 {
        self.wall.0.saturating_sub(self.sale.0)
    }

    /// What becomes of the sale's clock.
    #[must_use]
    pub const fn course(&self) -> Course {
        match self.on {
            None => Course::Follow,
            Some(Timed::Scheduled) if !self.is_stepped() => Course::Set,
            Some(Timed::Scheduled | Timed::Open) => Course::Hold,
        }
    }

    /// Whether the wall clock shows another time than a clock that was only corrected would.
    #[must_use]
    pub const fn is_stepped(&self) -> bool {
        self.wall_ahead_ms().unsigned_abs() > STEP_MAX_MS.unsigned_abs()
    }

    /// Whether an operator may have the sale's clock take the wall's time over. Not while a product
    /// is open: it would be sold for longer or less long than was said, or be shut again.
    #[must_use]
    pub const fn may_adopt(&self) -> bool {
        !matches!(self.on, Some(Timed::Open))
    }
}

/// What goes by the sale's clock: whatever is nearest to being sold counts. A product that opens
/// within a second counts as open, so that nothing is set on the way over its opening.
#[must_use]
pub fn on<'a>(terms: impl IntoIterator<Item = &'a Terms>, now: EpochMs) -> Option<Timed> {
    let soon = EpochMs(now.0.saturating_add(STEP_MAX_MS));
    terms.into_iter().filter_map(|terms| timed(terms, now).max(timed(terms, soon))).max()
}

/// How long the best reading of another process's clock stands for it, in milliseconds.
const KEPT_MS: i64 = 60_000;

/// Another process's sale clock, by what it told: the answer that came soonest tells best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Peer(Option<Reading>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    at: EpochMs,
    took_ms: i64,
    ahead_ms: i64,
}

impl Peer {
    /// With what it showed (`told`), which was asked and answered at these moments of our own.
    #[must_use]
    pub fn with(self, asked: EpochMs, told: EpochMs, answered: EpochMs) -> Self {
        let took_ms = answered.0.saturating_sub(asked.0);
        let middle = asked.0.saturating_add(took_ms / 2);
        let now = Reading { at: answered, took_ms, ahead_ms: told.0.saturating_sub(middle) };
        let stands = |before: &Reading| {
            let age_ms = answered.0.saturating_sub(before.at.0);
            before.took_ms < took_ms && (0..KEPT_MS).contains(&age_ms)
        };
        // One of our own clocks that was set in between tells nothing.
        Self(self.0.filter(stands).or((0 <= took_ms).then_some(now)))
    }

    /// Milliseconds by which it is ahead of ours (negative: behind), where that was told within the
    /// last two minutes before `now`.
    #[must_use]
    pub fn ahead_ms(self, now: EpochMs) -> Option<i64> {
        let known =
            |reading: &Reading| (0..2 * KEPT_MS).contains(&now.0.saturating_sub(reading.at.0));
        self.0.filter(known).map(|reading| reading.ahead_ms)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use protocol::{Bound, EpochMs, Money, SaleState, Terms};

    use super::{Course, Look, Peer, STEP_MAX_MS, on};
    use crate::terms::Timed;

    fn opening(at: i64) -> Terms {
        let terms = Terms { on_shelf: true, ..Terms::at(Money::from_milli(1)) };
        Terms { opens_at: Bound::at(EpochMs(at)), ..terms }
    }

    fn look(sale: i64, wall: i64, on: Option<Timed>) -> Look {
        Look { sale: EpochMs(sale), wall: EpochMs(wall), on }
    }

    #[test]
    fn without_a_sale_by_the_clock_the_wall_is_followed_however_far_it_went() {
        for wall in [0, 999, 1_000, 50_000, i64::MAX] {
            assert_eq!(look(1_000, wall, None).course(), Course::Follow);
        }
    }

    #[test]
    fn small_steps_are_followed_until_something_opens() {
        for step in [0, 1, -1, STEP_MAX_MS, -STEP_MAX_MS] {
            let at = |on| look(50_000, 50_000 + step, Some(on)).course();
            assert_eq!(at(Timed::Scheduled), Course::Set, "{step}");
            assert_eq!(at(Timed::Open), Course::Hold, "{step}");
        }
        for step in [STEP_MAX_MS + 1, -STEP_MAX_MS - 1] {
            let look = look(50_000, 50_000 + step, Some(Timed::Scheduled));
            assert_eq!((look.course(), look.is_stepped()), (Course::Hold, true), "{step}");
            assert_eq!(look.wall_ahead_ms(), step);
        }
    }

    #[test]
    fn the_walls_time_is_adopted_but_while_a_product_is_open() {
        for (on, may) in [(None, true), (Some(Timed::Scheduled), true), (Some(Timed::Open), false)]
        {
            assert_eq!(look(0, 90_000, on).may_adopt(), may);
        }
    }

    #[test]
    fn a_product_counts_from_the_second_before_it_opens() {
        let terms = [opening(10_000), opening(90_000)];
        let on = |now| on(&terms, EpochMs(now));
        assert_eq!(on(8_999), Some(Timed::Scheduled));
        assert_eq!(on(9_000), Some(Timed::Open));
        assert_eq!(on(10_000), Some(Timed::Open));
        let closed = Terms { closes_at: Bound::at(EpochMs(20_000)), ..terms[0] };
        let only = |now| super::on([&closed], EpochMs(now));
        assert_eq!((only(19_999), only(20_000)), (Some(Timed::Open), None));
        assert_eq!(super::on([], EpochMs(0)), None);
    }

    #[test]
    fn the_answer_that_came_soonest_tells_how_far_another_clock_is() {
        let with = |peer: Peer, asked, told, answered| {
            peer.with(EpochMs(asked), EpochMs(told), EpochMs(answered))
        };
        let ahead = |peer: Peer, now| peer.ahead_ms(EpochMs(now));
        assert_eq!(ahead(Peer::default(), 0), None);
        let slow = with(Peer::default(), 1_000, 6_100, 1_400);
        assert_eq!(ahead(slow, 1_400), Some(4_900));
        let fast = with(slow, 2_000, 7_005, 2_010);
        assert_eq!(ahead(fast, 2_010), Some(5_000));
        assert_eq!(with(fast, 3_000, 8_500, 3_400), fast, "a slower one tells less");
        let later = with(fast, 62_011, 67_100, 62_111);
        assert_eq!(ahead(later, 62_111), Some(5_039), "but that one is a minute old");
        assert_eq!(ahead(later, 200_000), None, "nothing was told for long");
        assert_eq!(ahead(with(Peer::default(), 10, 0, 9), 10), None, "our own clock was set");
    }

    proptest! {
        /// Whatever becomes of the wall clock: one product, terms that don't change, looks four
        /// times a second. It is never shut again once it is open, and without an operator's word
        /// it opens within a second, and the time between two looks, of when it would have.
        #[test]
        fn nothing_opens_early_twice_or_late(
            steps in proptest::collection::vec((1_i64..=250, -90_000_i64..90_000, 0_u8..4), 1..200),
            opens_in in 500_i64..20_000,
        ) {
            let terms = opening(opens_in);
            let (mut sale, mut wall, mut true_ms, mut followed) = (0_i64, 0_i64, 0_i64, 0_i64);
            let mut was_open = false;
            for (passed, step, kind) in steps {
                true_ms += passed;
                sale += passed;
                wall += passed + match kind { 0 => step, 1 => step % 1_000, _ => 0 };
                let is_open = terms.state(EpochMs(sale)) == SaleState::Open;
                prop_assert!(is_open || !was_open, "it is shut again");
                let now = look(sale, wall, on([&terms], EpochMs(sale)));
                if now.course() == Course::Set {
                    followed += now.wall_ahead_ms();
                    sale = wall;
                }
                prop_assert!(now.course() != Course::Follow);
                let is_open_after = terms.state(EpochMs(sale)) == SaleState::Open;
                prop_assert!(is_open_after || !is_open, "a look shut it");
                // It went only as far as small steps took it, all of which an operator's own
                // corrections would be.
                prop_assert_eq!(sale, true_ms + followed);
                was_open = is_open_after;
            }
        }
    }
}
