//! Changing a product's terms.

use protocol::{ChangeTerms, Code, Endpoint, ProdId, ProductView, Term, TermsPatch};

use super::product::now;
use super::{Command, Given, Prompt, because};
use crate::words::{known_count, printable};

/// The command. The console gives the version of the terms that were shown: no sale raises it, so
/// it differs only where somebody else has changed the terms.
pub(crate) fn command(
    prod_id: &ProdId,
    patch: TermsPatch,
    if_terms_version: Option<u64>,
    given: Given,
) -> Command {
    let Given { request_id, reason } = given;
    let names: Vec<&str> = patch.terms().into_iter().map(Term::label).collect();
    let what = format!("change {} of {}", names.join(", "), printable(prod_id.as_str()));
    let body = ChangeTerms { request_id, reason, terms: patch, if_terms_version };
    Command::about(Endpoint::Terms, prod_id, what, &body)
}

/// What is asked before.
pub(crate) fn prompt(product: &ProductView, patch: &TermsPatch, reason: Option<&str>) -> Prompt {
    let (before, after) = (product.terms, product.terms.with(patch));
    let differing: Vec<Term> = before.differing(&after).collect();
    let change = |term: &Term| {
        format!("{} from {} to {}", term.label(), term.text(&before), term.text(&after))
    };
    let changes: Vec<String> = differing.iter().map(change).collect();
    let mut lines = vec![now(product)];
    lines.extend(differing.iter().flat_map(|term| effect(*term, product, patch)));
    lines.extend(reason.map(because));
    let id = printable(product.prod_id.as_str());
    let title = match &changes[..] {
        [] => format!("Give {id} the terms that it has?"),
        [one] => format!("Change the {}?", one.replacen(" from ", &format!(" of {id} from "), 1)),
        several => {
            lines.insert(1, format!("Then: {}.", several.join(", ")));
            format!("Change the terms of {id}?")
        }
    };
    Prompt { title, lines }
}

/// What it means that a term becomes another one, in a sentence each.
fn effect(term: Term, product: &ProductView, patch: &TermsPatch) -> Vec<String> {
    let held = known_count(product.held);
    match term {
        Term::Price => vec![
            format!("Charges at another price are refused (code {WRONG}) from then on."),
            format!("Touches: {held} held; what waits at another price fails."),
        ],
        Term::OnShelf if product.terms.with(patch).on_shelf => {
            vec!["It can be charged from now on.".to_owned()]
        }
        Term::OnShelf => vec![format!("Charges are refused (code {NONE}) until it is back.")],
        Term::OpensAt | Term::ClosesAt => {
            vec!["What was accepted before stays so, whatever the window is now.".to_owned()]
        }
        Term::PreheatRatio => {
            vec![
                "More than 1 lets in more buyers than there are units: the rest fail, sold out."
                    .to_owned(),
            ]
        }
    }
}

const WRONG: &str = Code::InvalidInput.as_str();
const NONE: &str = Code::NoSuchProduct.as_str();
