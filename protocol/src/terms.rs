//! A product's terms: what it is sold at and whether. They are one value that the database, the
//! decisions page, a gateway's book, the admin socket and the configuration carry whole. A further
//! term is a field here, and a row of [`Term`], by which lists, forms, verbs and the doctor go.
//! What may be charged at terms, and what change of them is allowed, is `domain::terms`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::Money;

/// What a product is sold at and whether. In JSON its fields stand among the product's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What one unit costs: a charge must name exactly this amount.
    pub price: Money,
    /// Whether it may be charged.
    pub on_shelf: bool,
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
}

/// One of the terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Term {
    /// See [`Terms::price`].
    Price,
    /// See [`Terms::on_shelf`].
    OnShelf,
}

impl Term {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::Price, Self::OnShelf];

    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::OnShelf => "on_shelf",
        }
    }

    /// Its name for people, and as an option of a verb: one word.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::OnShelf => "shelf",
        }
    }

    /// What may be given for it.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Price => "such as 5999.000",
            Self::OnShelf => "on or off",
        }
    }

    /// Whether a change of it wants a reason: one that makes what waits fail does.
    #[must_use]
    pub const fn wants_reason(self) -> bool {
        match self {
            Self::Price => true,
            Self::OnShelf => false,
        }
    }

    /// Its value as people read it, and as [`Term::read`] takes it.
    #[must_use]
    pub fn text(self, terms: &Terms) -> String {
        match self {
            Self::Price => terms.price.to_string(),
            Self::OnShelf => if terms.on_shelf { "on" } else { "off" }.to_owned(),
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
        }
        Ok(patch)
    }
}

/// Why a product can't have certain terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermsFault {
    /// The price isn't above 0.
    Price(Money),
}

impl TermsFault {
    /// The term at fault.
    #[must_use]
    pub const fn term(self) -> Term {
        match self {
            Self::Price(_) => Term::Price,
        }
    }
}

/// What is wrong with the value.
impl fmt::Display for TermsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Price(price) => write!(f, "{price} is no amount above 0"),
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
        Self { price, on_shelf: false }
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
        }
    }

    /// Why a product can't have these terms, by the first that it can't have.
    #[must_use]
    pub fn fault(&self) -> Option<TermsFault> {
        (self.price.milli() <= 0).then_some(TermsFault::Price(self.price))
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
        Self { price: other.price.or(self.price), on_shelf: other.on_shelf.or(self.on_shelf) }
    }

    /// The part of it that is about these terms.
    #[must_use]
    pub fn only(&self, terms: impl IntoIterator<Item = Term>) -> Self {
        let mut only = Self::default();
        for term in terms {
            match term {
                Term::Price => only.price = self.price,
                Term::OnShelf => only.on_shelf = self.on_shelf,
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
        };
        Term::ALL.into_iter().filter(is_named).collect()
    }
}

/// Every term by its value.
impl From<Terms> for TermsPatch {
    fn from(terms: Terms) -> Self {
        let Terms { price, on_shelf } = terms;
        Self { price: Some(price), on_shelf: Some(on_shelf) }
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
        }

        impl $name {
            const fn terms(&self) -> crate::TermsPatch {
                crate::TermsPatch { price: self.price, on_shelf: self.on_shelf }
            }
        }
    };
}
pub(crate) use body_with_terms;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::{Term, Terms, TermsPatch};
    use crate::Money;

    fn terms() -> impl Strategy<Value = Terms> {
        let parts = (1..=i64::MAX, any::<bool>());
        parts.prop_map(|(price, on_shelf)| Terms { price: Money::from_milli(price), on_shelf })
    }

    fn patch() -> impl Strategy<Value = TermsPatch> {
        (terms(), any::<[bool; 2]>()).prop_map(|(terms, named)| {
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
        let named = TermsPatch { price: Some(price), on_shelf: None };
        assert_eq!(Terms::of_new(&named), Ok(Terms { price, on_shelf: false }));
        assert_eq!(Terms::of_new(&TermsPatch::default()), Err(Term::Price));
    }

    #[test]
    fn a_price_is_above_0() {
        let at = |milli| Terms { price: Money::from_milli(milli), on_shelf: true };
        assert_eq!(at(1).fault(), None);
        for milli in [0, -1] {
            let fault = at(milli).fault().unwrap();
            assert_eq!(fault.term(), Term::Price);
            assert_eq!(fault.to_string(), format!("{} is no amount above 0", at(milli).price));
        }
    }

    #[test]
    fn what_is_no_value_is_refused_in_a_few_words() {
        for (term, text, why) in
            [(Term::Price, "x", "not a plain decimal"), (Term::OnShelf, "yes", "on or off")]
        {
            assert_eq!(term.read(text), Err(why.to_owned()));
        }
    }
}
