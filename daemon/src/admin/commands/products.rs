//! Commands on products.

use domain::ports::desk::{Asked, Operation};
use domain::product::{Change, NewProduct, Seen, named_terms, units};
use protocol::{
    AddStock, ChangeTerms, CreateProduct, ProductView, Refusal, SetPrice, SetShelf, Term,
};
use warp::reply::Response;

use super::body::Body;
use super::{Given, sorted_state, state};
use crate::admin::notables::counted;
use crate::admin::query::bad;
use crate::admin::refusals;

pub(super) async fn create(given: &Given<'_>) -> Result<Response, Refusal> {
    let (body, asked) = given.read::<CreateProduct>()?;
    let text =
        format!("created product {} with {}", body.prod_id, counted(body.stock.into(), "unit"));
    let carried = given.carry_out(asked, Operation::CreateProduct(new_product(&body))).await?;
    given.answer(&body, &carried, sorted_state(&carried)?, &text).await
}

/// The product that a body asks for.
pub(crate) fn new_product(body: &CreateProduct) -> NewProduct {
    NewProduct {
        prod_id: body.prod_id.clone(),
        prod_name: body.prod_name.clone(),
        terms: body.terms,
        stock: body.stock,
    }
}

pub(super) async fn add_stock(given: &Given<'_>) -> Result<Response, Refusal> {
    let (body, asked) = given.read::<AddStock>()?;
    let delta = units(body.delta).map_err(refusals::of_rule)?;
    let (id, count) = (&given.object, counted(body.delta.unsigned_abs(), "unit"));
    let text = match delta.is_positive() {
        true => format!("added {count} to {id}"),
        false => format!("withdrew {count} from {id}"),
    };
    change(given, &body, asked, Change::Stock(delta), body.if_version.map(Seen::Version), &text)
        .await
}

pub(super) async fn set_terms(given: &Given<'_>) -> Result<Response, Refusal> {
    let (body, asked) = given.read::<ChangeTerms>()?;
    let wanted = named_terms(body.terms).map_err(refusals::of_rule)?;
    let strict = body.terms.terms().into_iter().find(|term| term.wants_reason());
    if let Some(term) = strict.filter(|_| body.reason.is_none()) {
        return Err(bad(format!("reason is missing: a change of {term} wants one")));
    }
    let if_seen = body.if_terms_version.map(Seen::TermsVersion);
    let prod_id = given.object.as_str().into();
    let operation = Operation::ChangeProduct { prod_id, change: wanted, if_seen };
    let carried = given.carry_out(asked, operation).await?;
    let terms = state::<ProductView>(&carried)?.terms;
    let value = |term: Term| format!("{} {}", term.label(), term.text(&terms));
    let values: Vec<String> = body.terms.terms().into_iter().map(value).collect();
    let text = format!("changed the terms of {}: {}", given.object, values.join(", "));
    given.answer(&body, &carried, sorted_state(&carried)?, &text).await
}

pub(super) async fn set_shelf(given: &Given<'_>) -> Result<Response, Refusal> {
    let (body, asked) = given.read::<SetShelf>()?;
    let text = match body.on_shelf {
        true => format!("put {} on the shelf", given.object),
        false => format!("took {} off the shelf", given.object),
    };
    let seen = body.if_version.map(Seen::Version);
    change(given, &body, asked, Change::shelf(body.on_shelf), seen, &text).await
}

pub(super) async fn set_price(given: &Given<'_>) -> Result<Response, Refusal> {
    let (body, asked) = given.read::<SetPrice>()?;
    let text = format!("set the price of {} to {}", given.object, body.price);
    let seen = body.if_version.map(Seen::Version);
    change(given, &body, asked, Change::price(body.price), seen, &text).await
}

async fn change(
    given: &Given<'_>,
    body: &impl Body,
    asked: Asked,
    change: Change,
    if_seen: Option<Seen>,
    text: &str,
) -> Result<Response, Refusal> {
    let prod_id = given.object.as_str().into();
    let operation = Operation::ChangeProduct { prod_id, change, if_seen };
    let carried = given.carry_out(asked, operation).await?;
    given.answer(body, &carried, sorted_state(&carried)?, text).await
}
