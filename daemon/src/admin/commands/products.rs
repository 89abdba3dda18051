//! Commands on products.

use domain::ports::desk::{Asked, Operation};
use domain::product::{Change, NewProduct, Shelf, units};
use protocol::{AddStock, CreateProduct, Refusal, SetPrice, SetShelf};
use warp::reply::Response;

use super::body::Body;
use super::{Given, sorted_state};
use crate::admin::notables::counted;
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
        price: body.price,
        stock: body.stock,
        shelf: Shelf::of(body.on_shelf),
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
    change(given, &body, asked, Change::Stock(delta), body.if_version, &text).await
}

pub(super) async fn set_shelf(given: &Given<'_>) -> Result<Response, Refusal> {
    let (body, asked) = given.read::<SetShelf>()?;
    let (id, shelf) = (&given.object, Shelf::of(body.on_shelf));
    let text = match shelf {
        Shelf::On => format!("put {id} on the shelf"),
        Shelf::Off => format!("took {id} off the shelf"),
    };
    change(given, &body, asked, Change::Shelf(shelf), body.if_version, &text).await
}

pub(super) async fn set_price(given: &Given<'_>) -> Result<Response, Refusal> {
    let (body, asked) = given.read::<SetPrice>()?;
    let text = format!("set the price of {} to {}", given.object, body.price);
    change(given, &body, asked, Change::Price(body.price), body.if_version, &text).await
}

async fn change(
    given: &Given<'_>,
    body: &impl Body,
    asked: Asked,
    change: Change,
    if_version: Option<u64>,
    text: &str,
) -> Result<Response, Refusal> {
    let prod_id = given.object.as_str().into();
    let operation = Operation::ChangeProduct { prod_id, change, if_version };
    let carried = given.carry_out(asked, operation).await?;
    given.answer(body, &carried, sorted_state(&carried)?, text).await
}
