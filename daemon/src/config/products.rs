//! The terms of a profile's products: which keys state them, and what they are. Validation, the
//! start, a reload and the doctor all go by this.

use protocol::{Money, Term, Terms, TermsPatch};

use super::tree::ProductSeed;

/// What is wrong with a key, as a sentence without its subject.
pub(super) type Problem = (Term, String);

impl ProductSeed {
    /// The terms that the profile states. It is the database that has the rest.
    ///
    /// # Errors
    /// The first key that holds no such term. Its name is the term's.
    pub fn stated_terms(&self) -> Result<TermsPatch, Problem> {
        Ok(TermsPatch { price: Some(price(&self.price)?), ..TermsPatch::default() })
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
    }
}

fn price(text: &str) -> Result<Money, Problem> {
    Money::parse(text)
        .map_err(|error| (Term::Price, format!("{}; it is {error}", must_be(Term::Price))))
}
