//! A product's terms: what it is sold at and whether. They are one value that the database, the
//! decisions page, a gateway's book, the admin socket and the configuration carry whole. A further
//! term is a field here, and a row of [`Term`], by which lists, forms, verbs and the doctor go.
//! What may be charged at terms, and what change of them is allowed, is `domain::terms`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Bound, EpochMs, Money, PreheatRatio};

/// What a product is sold at and whether. In JSON its fields stand among the product's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What one unit costs: a charge must name exactly this amount.
    pub price: Money,
    /// Whether it may be charged.
    pub on_shelf: bool,
    /// From when on it may be charged; without a bound, from the beginning.
    #[serde(default)]
    pub opens_at: Bound,
    /// From when on it may be charged no longer; without a bound, to the end.
    #[serde(default)]
    pub closes_at: Bound,
    /// How much of its stock a gateway may promise: 1 is all, more than 1 is more than there is.
    #[serde(default)]
    pub preheat_ratio: PreheatRatio,
}

/// Where a product's sale stands at a moment. It follows from the terms, and is kept nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaleState {
    /// It is off the shelf.
    Off,
    /// It is on the shelf, and opens later.
    Scheduled,
    /// It may be charged.
    Open,
    /// It is over.
    Closed,
}

impl SaleState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Off, Self::Scheduled, Self::Open, Self::Closed];

    /// The state as it stands in JSON, in metrics and for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Scheduled => "scheduled",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// Some terms: those that a command changes, or that a profile states. In JSON, absent is not
/// named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TermsPatch {
    /// See [`Terms::price`].
    #[serde(default, deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// See [`Terms::on_shelf`].
    #[serde(default, deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    pub on_shelf: Option<bool>,
    /// See [`Terms::opens_at`]; `null` takes the bound away.
    #[serde(default, deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<Bound>,
    /// See [`Terms::closes_at`]; `null` takes the bound away.
    #[serde(default, deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<Bound>,
    /// See [`Terms::preheat_ratio`].
    #[serde(default, deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    pub preheat_ratio: Option<PreheatRatio>,
}

/// Who set a product's terms last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermsSet {
    /// When.
    pub at: EpochMs,
    /// A user's name, or `uid 1000`.
    pub by: String,
}

/// One of the terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Term {
    /// See [`Terms::price`].
    Price,
    /// See [`Terms::on_shelf`].
    OnShelf,
    /// See [`Terms::opens_at`].
    OpensAt,
    /// See [`Terms::closes_at`].
    ClosesAt,
    /// See [`Terms::preheat_ratio`].
    PreheatRatio,
}

impl Term {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 5] =
        [Self::Price, Self::OnShelf, Self::OpensAt, Self::ClosesAt, Self::PreheatRatio];

    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::OnShelf => "on_shelf",
            Self::OpensAt => "opens_at",
            Self::ClosesAt => "closes_at",
            Self::PreheatRatio => "preheat_ratio",
        }
    }

    /// Its name for people: one word.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::OnShelf => "shelf",
            Self::OpensAt => "opening",
            Self::ClosesAt => "closing",
            Self::PreheatRatio => "preheat",
        }
    }

    /// Its name as an option of a verb.
    #[must_use]
    pub const fn option(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::OnShelf => "shelf",
            Self::OpensAt => "opens-at",
            Self::ClosesAt => "closes-at",
            Self::PreheatRatio => "preheat-ratio",
        }
    }

    /// What may be given for it.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Price => "such as 5999.000",
            Self::OnShelf => "on or off",
            Self::OpensAt | Self::ClosesAt => "such as 2026-12-11T20:00:00+08:00, or none",
            Self::PreheatRatio => "1.000 to 3.000",
        }
    }

    /// Whether a change of it wants a reason: one that makes what waits fail does.
    #[must_use]
    pub const fn wants_reason(self) -> bool {
        match self {
            Self::Price => true,
            Self::OnShelf | Self::OpensAt | Self::ClosesAt | Self::PreheatRatio => false,
        }
    }

    /// Its value as people read it, and as [`Term::read`] takes it.
    #[must_use]
    pub fn text(self, terms: &Terms) -> String {
        match self {
            Self::Price => terms.price.to_string(),
            Self::OnShelf => if terms.on_shelf { "on" } else { "off" }.to_owned(),
            Self::OpensAt => terms.opens_at.to_string(),
            Self::ClosesAt => terms.closes_at.to_string(),
            Self::PreheatRatio => terms.preheat_ratio.to_string(),
        }
    }

    /// The value of a text. Whether a product can have it is [`Terms::fault`].
    ///
    /// # Errors
    /// Says why the text is none, in a few words.
    pub fn read(self, text: &str) -> Result<TermsPatch, String> {
        let mut patch = TermsPatch::default();
        match self {
            Self::Price => {
                let price = Money::parse(text).map_err(|fault| fault.to_string())?;
                patch.price = Some(price);
            }
            Self::OnShelf => match text {
                "on" => patch.on_shelf = Some(true),
                "off" => patch.on_shelf = Some(false),
                _ => return Err(self.hint().to_owned()),
            },
            Self::OpensAt => patch.opens_at = Some(bound(text)?),
            Self::ClosesAt => patch.closes_at = Some(bound(text)?),
            Self::PreheatRatio => {
                let ratio = PreheatRatio::parse(text).map_err(|fault| fault.to_string())?;
                patch.preheat_ratio = Some(ratio);
            }
        }
        Ok(patch)
    }
}

fn bound(text: &str) -> Result<Bound, String> {
    Bound::parse(text).map_err(|fault| fault.to_string())
}

/// Why a product can't have certain terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermsFault {
    /// The price isn't above 0.
    Price(Money),
    /// It would close before it opens, or at that moment.
    Window {
        /// When it would open.
        opens_at: EpochMs,
        /// When it would close.
        closes_at: EpochMs,
    },
}

impl TermsFault {
    /// The term at fault.
    #[must_use]
    pub const fn term(self) -> Term {
        match self {
            Self::Price(_) => Term::Price,
            Self::Window { .. } => Term::ClosesAt,
        }
    }
}

/// What is wrong with the value.
impl fmt::Display for TermsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Price(price) => write!(f, "{price} is no amount above 0"),
            Self::Window { opens_at, closes_at } => {
                let (opens_at, closes_at) = (Bound::at(*opens_at), Bound::at(*closes_at));
                write!(f, "{closes_at} isn't after opens_at, {opens_at}")
            }
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Terms {
    /// A new product's terms where only its price is said: it is off the shelf.
    #[must_use]
    pub const fn at(price: Money) -> Self {
        let (opens_at, closes_at) = (Bound::NONE, Bound::NONE);
        Self { price, on_shelf: false, opens_at, closes_at, preheat_ratio: PreheatRatio::NONE }
    }

    /// A new product's terms: those that are named, and else as [`Terms::at`] has them.
    ///
    /// # Errors
    /// The term that has to be named and isn't.
    pub fn of_new(patch: &TermsPatch) -> Result<Self, Term> {
        Ok(Self::at(patch.price.ok_or(Term::Price)?).with(patch))
    }

    /// These terms with what a patch names.
    #[must_use]
    pub fn with(self, patch: &TermsPatch) -> Self {
        Self {
            price: patch.price.unwrap_or(self.price),
            on_shelf: patch.on_shelf.unwrap_or(self.on_shelf),
            opens_at: patch.opens_at.unwrap_or(self.opens_at),
            closes_at: patch.closes_at.unwrap_or(self.closes_at),
            preheat_ratio: patch.preheat_ratio.unwrap_or(self.preheat_ratio),
        }
    }

    /// Why a product can't have these terms.
    pub fn faults(&self) -> impl Iterator<Item = TermsFault> + use<> {
        let price = (self.price.milli() <= 0).then_some(TermsFault::Price(self.price));
        let window = match (self.opens_at.0, self.closes_at.0) {
            (Some(opens_at), Some(closes_at)) if closes_at <= opens_at => {
                Some(TermsFault::Window { opens_at, closes_at })
            }
            _ => None,
        };
        price.into_iter().chain(window)
    }

    /// Why a product can't have these terms, by the first that it can't have.
    #[must_use]
    pub fn fault(&self) -> Option<TermsFault> {
        self.faults().next()
    }

    /// Where its sale stands at a moment. It opens at that of `opens_at`, and is over from that of
    /// `closes_at` on.
    #[must_use]
    pub fn state(&self, now: EpochMs) -> SaleState {
        if !self.on_shelf {
            SaleState::Off
        } else if self.closes_at.0.is_some_and(|closes_at| closes_at <= now) {
            SaleState::Closed
        } else if self.opens_at.0.is_some_and(|opens_at| now < opens_at) {
            SaleState::Scheduled
        } else {
            SaleState::Open
        }
    }

    /// The terms in which others differ from these.
    pub fn differing<'a>(&'a self, others: &'a Self) -> impl Iterator<Item = Term> + 'a {
        Term::ALL.into_iter().filter(|term| term.text(self) != term.text(others))
    }
}

impl TermsPatch {
    /// Whether it names no term.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// This patch and another one; where both name a term, the other's value.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self {
            price: other.price.or(self.price),
            on_shelf: other.on_shelf.or(self.on_shelf),
            opens_at: other.opens_at.or(self.opens_at),
            closes_at: other.closes_at.or(self.closes_at),
            preheat_ratio: other.preheat_ratio.or(self.preheat_ratio),
        }
    }

    /// The part of it that is about these terms.
    #[must_use]
    pub fn only(&self, terms: impl IntoIterator<Item = Term>) -> Self {
        let mut only = Self::default();
        for term in terms {
            match term {
                Term::Price => only.price = self.price,
                Term::OnShelf => only.on_shelf = self.on_shelf,
                Term::OpensAt => only.opens_at = self.opens_at,
                Term::ClosesAt => only.closes_at = self.closes_at,
                Term::PreheatRatio => only.preheat_ratio = self.preheat_ratio,
            }
        }
        only
    }

    /// The terms that it names.
    #[must_use]
    pub fn terms(&self) -> Vec<Term> {
        let is_named = |term: &Term| match term {
            Term::Price => self.price.is_some(),
            Term::OnShelf => self.on_shelf.is_some(),
            Term::OpensAt => self.opens_at.is_some(),
            Term::ClosesAt => self.closes_at.is_some(),
            Term::PreheatRatio => self.preheat_ratio.is_some(),
        };
        Term::ALL.into_iter().filter(is_named).collect()
    }
}

/// Every term by its value.
impl From<Terms> for TermsPatch {
    fn from(terms: Terms) -> Self {
        let Terms { price, on_shelf, opens_at, closes_at, preheat_ratio } = terms;
        Self {
            price: Some(price),
            on_shelf: Some(on_shelf),
            opens_at: Some(opens_at),
            closes_at: Some(closes_at),
            preheat_ratio: Some(preheat_ratio),
        }
    }
}

/// A value that is there, so that `null` isn't taken for one that is not named.
pub(crate) fn named<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    source: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(source).map(Some)
}

/// How the body of a command is read that has terms among its own fields. A flattened `TermsPatch`
/// would read the same, but of a body that can't be used it says neither what is allowed nor where
/// the fault is.
macro_rules! body_with_terms {
    ($read_as:literal, $name:ident { $($own:tt)* }) => {
        #[derive(serde::Deserialize)]
        #[serde(rename = $read_as, deny_unknown_fields)]
        struct $name {
            $($own)*
            #[serde(default, deserialize_with = "crate::terms::named")]
            price: Option<crate::Money>,
            #[serde(default, deserialize_with = "crate::terms::named")]
            on_shelf: Option<bool>,
            #[serde(default, deserialize_with = "crate::terms::named")]
            opens_at: Option<crate::Bound>,
            #[serde(default, deserialize_with = "crate::terms::named")]
            closes_at: Option<crate::Bound>,
            #[serde(default, deserialize_with = "crate::terms::named")]
            preheat_ratio: Option<crate::PreheatRatio>,
        }

        impl $name {
            const fn terms(&self) -> crate::TermsPatch {
                crate::TermsPatch {
                    price: self.price,
                    on_shelf: self.on_shelf,
                    opens_at: self.opens_at,
                    closes_at: self.closes_at,
                    preheat_ratio: self.preheat_ratio,
                }
            }
        }
    };
}
pub(crate) use body_with_terms;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::{SaleState, Term, Terms, TermsFault, TermsPatch};
    use crate::{Bound, EpochMs, Money, PreheatRatio};

    fn bound() -> impl Strategy<Value = Bound> {
        proptest::option::of((0_i64..=253_402_207_200_999).prop_map(EpochMs)).prop_map(Bound)
    }

    fn terms() -> impl Strategy<Value = Terms> {
        let parts = (1..=i64::MAX, any::<bool>(), bound(), bound(), 1_000_i64..=3_000);
        parts.prop_map(|(price, on_shelf, opens_at, closes_at, ratio)| Terms {
            price: Money::from_milli(price),
            on_shelf,
            opens_at,
            closes_at,
            preheat_ratio: PreheatRatio::from_milli(ratio).unwrap(),
        })
    }

    fn patch() -> impl Strategy<Value = TermsPatch> {
        (terms(), any::<[bool; 5]>()).prop_map(|(terms, named)| {
            let of = |term: (Term, bool)| term.1.then(|| term.0.read(&term.0.text(&terms)));
            let named = Term::ALL.into_iter().zip(named).filter_map(of);
            named.fold(TermsPatch::default(), |patch, one| patch.and(&one.unwrap()))
        })
    }

    proptest! {
        /// So texts tell any two values apart, and a form shows what it takes.
        #[test]
        fn each_term_reads_back_what_it_shows(terms in terms(), other in terms()) {
            let read = Term::ALL.map(|term| term.read(&term.text(&terms)).unwrap());
            let all = read.iter().fold(TermsPatch::default(), TermsPatch::and);
            prop_assert_eq!(all, TermsPatch::from(terms));
            prop_assert_eq!(other.with(&all), terms);
            prop_assert_eq!(terms.differing(&other).next().is_none(), terms == other);
        }

        #[test]
        fn a_patch_changes_what_it_names_and_nothing_else(before in terms(), patch in patch()) {
            let after = before.with(&patch);
            for term in before.differing(&after) {
                prop_assert!(patch.terms().contains(&term));
            }
            prop_assert_eq!(after.with(&patch), after);
            prop_assert_eq!(patch.is_empty(), patch.terms().is_empty());
        }

        #[test]
        fn patches_read_back(patch in patch()) {
            let json = serde_json::to_value(patch).unwrap();
            let names: Vec<&str> = patch.terms().into_iter().map(Term::name).collect();
            let mut keys: Vec<String> = json.as_object().unwrap().keys().cloned().collect();
            keys.sort_by_key(|key| names.iter().position(|name| name == key));
            prop_assert_eq!(keys, names);
            prop_assert_eq!(serde_json::from_value::<TermsPatch>(json).unwrap(), patch);
        }
    }

    #[test]
    fn null_is_no_value_and_no_silence() {
        assert!(serde_json::from_value::<TermsPatch>(json!({ "price": null })).is_err());
        assert_eq!(serde_json::from_value::<TermsPatch>(json!({})).unwrap(), TermsPatch::default());
    }

    #[test]
    fn a_new_product_has_a_price_and_is_off_the_shelf() {
        let price = Money::from_milli(1);
        let named = TermsPatch { price: Some(price), ..TermsPatch::default() };
        let Terms { on_shelf, opens_at, closes_at, .. } = Terms::of_new(&named).unwrap();
        assert_eq!((on_shelf, opens_at, closes_at), (false, Bound::NONE, Bound::NONE));
        assert_eq!(Terms::of_new(&TermsPatch::default()), Err(Term::Price));
    }

    #[test]
    fn a_price_is_above_0() {
        let at = |milli| Terms { on_shelf: true, ..Terms::at(Money::from_milli(milli)) };
        assert_eq!(at(1).fault(), None);
        for milli in [0, -1] {
            let fault = at(milli).fault().unwrap();
            assert_eq!(fault.term(), Term::Price);
            assert_eq!(fault.to_string(), format!("{} is no amount above 0", at(milli).price));
        }
    }

    #[test]
    fn it_closes_after_it_opens() {
        let of = |opens_at, closes_at| Terms {
            opens_at: Bound::at(EpochMs(opens_at)),
            closes_at: Bound::at(EpochMs(closes_at)),
            ..Terms::at(Money::from_milli(1))
        };
        assert_eq!(of(1_000, 1_001).fault(), None);
        for closes_at in [999, 1_000] {
            let fault = of(1_000, closes_at).fault().unwrap();
            assert_eq!(fault.term(), Term::ClosesAt);
            assert!(fault.to_string().ends_with("isn't after opens_at, 1970-01-01T00:00:01Z"));
        }
        let both = Terms { price: Money::from_milli(0), ..of(1, 1) };
        let wrong: Vec<Term> = both.faults().map(TermsFault::term).collect();
        assert_eq!(wrong, [Term::Price, Term::ClosesAt]);
    }

    #[test]
    fn it_opens_and_closes_at_the_millisecond() {
        let terms = Terms {
            on_shelf: true,
            opens_at: Bound::at(EpochMs(1_000)),
            closes_at: Bound::at(EpochMs(2_000)),
            ..Terms::at(Money::from_milli(1))
        };
        for (now, state) in [
            (999, SaleState::Scheduled),
            (1_000, SaleState::Open),
            (1_999, SaleState::Open),
            (2_000, SaleState::Closed),
        ] {
            assert_eq!(terms.state(EpochMs(now)), state, "{now}");
            let off = Terms { on_shelf: false, ..terms };
            assert_eq!(off.state(EpochMs(now)), SaleState::Off);
        }
        let always = Terms { opens_at: Bound::NONE, closes_at: Bound::NONE, ..terms };
        for now in [i64::MIN, 0, i64::MAX] {
            assert_eq!(always.state(EpochMs(now)), SaleState::Open);
        }
    }

    #[test]
    fn what_is_no_value_is_refused_in_a_few_words() {
        let no_time = "not a time with its zone, such as 2026-12-11T20:00:00+08:00";
        for (term, text, why) in [
            (Term::Price, "x", "not a plain decimal"),
            (Term::OnShelf, "yes", "on or off"),
            (Term::OpensAt, "20:00", no_time),
            (Term::ClosesAt, "2026-12-11T20:00:00.0001Z", "finer than a millisecond"),
            (Term::PreheatRatio, "0.9", "not a decimal of 1.000 to 3.000"),
        ] {
            assert_eq!(term.read(text), Err(why.to_owned()));
        }
    }
}
