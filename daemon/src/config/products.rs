//! The terms of a profile's products: which keys state them, and what they are. Validation, the
//! start, a reload and the doctor all go by this.

use protocol::{Bound, Money, NoBound, PreheatRatio, Term, Terms, TermsFault, TermsPatch};

use super::tree::{Config, ProductSeed, QueueKind};

/// What is wrong with a key, as a sentence without its subject.
pub(super) type Problem = (Term, String);

impl ProductSeed {
    /// The terms that the profile states: a key that is absent or empty states none. It is the
    /// database that has the rest.
    ///
    /// # Errors
    /// The first key that holds no such term. Its name is the term's.
    pub fn stated_terms(&self) -> Result<TermsPatch, Problem> {
        Ok(TermsPatch {
            price: Some(price(&self.price)?),
            opens_at: stated(&self.opens_at, |text| bound(Term::OpensAt, text))?,
            closes_at: stated(&self.closes_at, |text| bound(Term::ClosesAt, text))?,
            preheat_ratio: stated(&self.preheat_ratio, preheat_ratio)?,
            ..TermsPatch::default()
        })
    }

    /// The terms of the product that is made of it: it is on the shelf and sold at once.
    ///
    /// # Errors
    /// As for [`ProductSeed::stated_terms`].
    pub fn terms_at_start(&self) -> Result<Terms, Problem> {
        let at_once = TermsPatch { on_shelf: Some(true), ..TermsPatch::default() };
        let terms = Terms::of_new(&at_once.and(&self.stated_terms()?));
        let terms = terms.map_err(|term| (term, "must be stated".to_owned()))?;
        match terms.fault() {
            Some(fault @ TermsFault::Window { opens_at, .. }) => {
                let opens_at = Bound::at(opens_at);
                Err((fault.term(), format!("must be after `opens_at`, which is {opens_at}")))
            }
            Some(fault) => Err((fault.term(), must_be(fault.term()).to_owned())),
            None => Ok(terms),
        }
    }
}

/// What may stand at the key of a term.
const fn must_be(term: Term) -> &'static str {
    match term {
        Term::Price => {
            "must be a plain decimal above 0 with up to three decimals, such as \"5999.000\""
        }
        Term::OnShelf => "must be true or false",
        Term::OpensAt | Term::ClosesAt => {
            "must be a time with its zone, such as \"2026-12-11T20:00:00+08:00\", or empty"
        }
        Term::PreheatRatio => "must be a decimal of 1.000 to 3.000, such as \"1.5\", or empty",
    }
}

fn stated<T>(
    text: &str,
    read: impl FnOnce(&str) -> Result<T, Problem>,
) -> Result<Option<T>, Problem> {
    if text.is_empty() { Ok(None) } else { read(text).map(Some) }
}

fn price(text: &str) -> Result<Money, Problem> {
    Money::parse(text)
        .map_err(|error| (Term::Price, format!("{}; it is {error}", must_be(Term::Price))))
}

fn bound(term: Term, text: &str) -> Result<Bound, Problem> {
    match Bound::parse(text) {
        Ok(Bound(None)) | Err(NoBound::NoTime) => Err((term, must_be(term).to_owned())),
        Ok(bound) => Ok(bound),
        Err(fault) => Err((term, format!("{}; it is {fault}", must_be(term)))),
    }
}

fn preheat_ratio(text: &str) -> Result<PreheatRatio, Problem> {
    let term = Term::PreheatRatio;
    PreheatRatio::parse(text).map_err(|_| (term, must_be(term).to_owned()))
}

/// What an operator should know of products whose terms are well.
pub(super) fn notes(config: &Config) -> Vec<String> {
    let is_preheated = |product: &&ProductSeed| {
        preheat_ratio(&product.preheat_ratio).is_ok_and(PreheatRatio::promises_more)
    };
    let is_in_vain = config.queue.kind == QueueKind::Embedded;
    let preheated = config.products.iter().filter(|product| is_in_vain && is_preheated(product));
    preheated
        .map(|ProductSeed { prod_id, preheat_ratio, .. }| {
            format!(
                "the preheat_ratio {preheat_ratio} of {prod_id} has no effect while the embedded \
                 queue is consumed: its orders are decided as they are accepted"
            )
        })
        .collect()
}

/// Where products are sold at other terms than the profile states, in a sentence each. The database
/// counts; but it is another sale than whoever wrote the profile thinks. `terms_of` tells those of
/// a product, where there is one.
#[must_use]
pub fn differing(profile: &[ProductSeed], terms_of: impl Fn(&str) -> Option<Terms>) -> Vec<String> {
    let sentence = |seed: &ProductSeed| {
        let theirs = terms_of(&seed.prod_id)?;
        // What can't be read is told elsewhere.
        let stated = theirs.with(&seed.stated_terms().ok()?);
        let parts: Vec<String> = theirs
            .differing(&stated)
            .map(|term| {
                let (here, there) = (term.text(&theirs), term.text(&stated));
                format!("{} {here}, in the profile {there}", term.label())
            })
            .collect();
        let prod_id = &seed.prod_id;
        (!parts.is_empty())
            .then(|| format!("{prod_id} isn't sold as the profile says: {}", parts.join("; ")))
    };
    profile.iter().filter_map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use protocol::{Bound, EpochMs, Money, PreheatRatio, Terms};

    use super::{ProductSeed, differing};

    fn seed(opens_at: &str, preheat_ratio: &str) -> ProductSeed {
        ProductSeed {
            prod_id: "p".to_owned(),
            prod_name: "n".to_owned(),
            price: "1.5".to_owned(),
            stock: 1,
            opens_at: opens_at.to_owned(),
            closes_at: String::new(),
            preheat_ratio: preheat_ratio.to_owned(),
        }
    }

    #[test]
    fn only_what_the_profile_states_can_differ() {
        let sold = Terms {
            on_shelf: true,
            closes_at: Bound::at(EpochMs(2_000)),
            preheat_ratio: PreheatRatio::from_milli(2_000).unwrap(),
            ..Terms::at(Money::from_milli(1_500))
        };
        let told = |seed: ProductSeed, terms: Terms| differing(&[seed], |_| Some(terms));
        assert_eq!(told(seed("", ""), sold), [""; 0], "the shelf and its window are commands'");
        let off = Terms { on_shelf: false, ..sold };
        assert_eq!(told(seed("", "2"), off), [""; 0]);
        let other = Terms { price: Money::from_milli(1_600), ..sold };
        assert_eq!(
            told(seed("1970-01-01T08:00:01+08:00", "1.5"), other),
            ["p isn't sold as the profile says: price 1.600, in the profile 1.500; opening \
                 none, in the profile 1970-01-01T00:00:01Z; preheat 2.000, in the profile 1.500"]
        );
        assert_eq!(differing(&[seed("", "")], |_| None), [""; 0], "it isn't there yet");
    }
}
