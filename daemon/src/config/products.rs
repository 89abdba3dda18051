//! The terms of a profile's products: which keys state them, and what they are. Validation, the
//! start, a reload and the doctor all go by this.

use protocol::{Bound, Money, NoBound, PreheatRatio, Term, Terms, TermsFault, TermsPatch};

use super::tree::{Config, ProductSeed, QueueKind};

/// What is wrong with a key, as a sentence without its subject.
pub(super) type Problem = (Term, String);

impl ProductSeed {
    /// The terms that the profile states. It is the database that has the rest.
    ///
    /// # Errors
    /// The first key that holds no such term. Its name is the term's.
    pub fn stated_terms(&self) -> Result<TermsPatch, Problem> {
        Ok(TermsPatch {
            price: Some(price(&self.price)?),
            opens_at: Some(bound(Term::OpensAt, &self.opens_at)?),
            closes_at: Some(bound(Term::ClosesAt, &self.closes_at)?),
            preheat_ratio: Some(preheat_ratio(&self.preheat_ratio)?),
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

fn price(text: &str) -> Result<Money, Problem> {
    Money::parse(text)
        .map_err(|error| (Term::Price, format!("{}; it is {error}", must_be(Term::Price))))
}

fn bound(term: Term, text: &str) -> Result<Bound, Problem> {
    if text.is_empty() {
        return Ok(Bound::NONE);
    }
    match Bound::parse(text) {
        Ok(Bound(None)) | Err(NoBound::NoTime) => Err((term, must_be(term).to_owned())),
        Ok(bound) => Ok(bound),
        Err(fault) => Err((term, format!("{}; it is {fault}", must_be(term)))),
    }
}

fn preheat_ratio(text: &str) -> Result<PreheatRatio, Problem> {
    if text.is_empty() {
        return Ok(PreheatRatio::NONE);
    }
    let term = Term::PreheatRatio;
    PreheatRatio::parse(text).map_err(|_| (term, must_be(term).to_owned()))
}

/// What an operator should know of products whose terms are well.
pub(super) fn notes(config: &Config) -> Vec<String> {
    let is_preheated = |product: &&ProductSeed| {
        preheat_ratio(&product.preheat_ratio).is_ok_and(|ratio| ratio != PreheatRatio::NONE)
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
