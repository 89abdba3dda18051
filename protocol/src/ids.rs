//! The values that name things: a product, an order, a buyer, a decision. Each has a type of its
//! own, so that two of them can't be swapped, and each stands in JSON as the plain text or number
//! that it always was.

mod order_id;
mod phone;
mod prod_id;
mod seq;

pub use order_id::{OrderId, OrderIdText};
pub use phone::Phone;
pub use prod_id::ProdId;
pub use seq::Seq;
