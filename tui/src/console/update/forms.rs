//! Forms: what has to be filled in before a question can be put, and whether it makes sense. The
//! daemon judges again; this only spares the way.

use protocol::{
    CreateProduct, Money, PROD_ID_CHARS_MAX, PROD_NAME_CHARS_MAX, ProdId, ProductView, Term, Terms,
    TermsPatch,
};

use super::{actions, confirm, gate};
use crate::console::model::{Field, Form, FormKind, Input, Model, Popup, Question};

fn field(label: &'static str, hint: &'static str, text: &str) -> Field {
    Field { label, hint, input: Input::proposing(text) }
}

fn form(kind: FormKind, title: String, fields: Vec<Field>) -> Popup {
    Popup::Form(Form { kind, title, fields, focus: 0, fault: None })
}

pub(super) fn add_stock(prod_id: &ProdId) -> Popup {
    form(
        FormKind::AddStock { prod_id: prod_id.clone() },
        format!("Add stock to {prod_id}"),
        vec![
            field("Units", "50 adds, -50 withdraws unsold units", ""),
            field("Reason", "for the audit log", ""),
        ],
    )
}

pub(super) fn terms(product: &ProductView) -> Popup {
    let of = |term: Term| field(heading(term), term.hint(), &term.text(&product.terms));
    let mut fields: Vec<Field> = Term::ALL.map(of).into();
    fields.push(field("Reason", "for the audit log", ""));
    let kind = FormKind::Terms { prod_id: product.prod_id.clone() };
    form(kind, format!("Terms of {}", product.prod_id), fields)
}

/// The name of a term where a line begins.
const fn heading(term: Term) -> &'static str {
    match term {
        Term::Price => "Price",
        Term::OnShelf => "Shelf",
        Term::OpensAt => "Opens",
        Term::ClosesAt => "Closes",
        Term::PreheatRatio => "Preheat",
    }
}

pub(super) fn create_product() -> Popup {
    form(
        FormKind::CreateProduct,
        "New product".to_owned(),
        vec![
            field("Id", "up to 64 characters without blanks", ""),
            field("Name", "up to 256 characters", ""),
            field("Price", "such as 5999.000", ""),
            field("Stock", "units to sell", ""),
        ],
    )
}

pub(super) fn discard(id: u64) -> Popup {
    form(
        FormKind::Discard { id },
        format!("Discard dead letter {id}"),
        vec![field("Reason", "for the audit log", "")],
    )
}

pub(super) fn log_level(now: &str) -> Popup {
    form(
        FormKind::LogLevel,
        "Log level".to_owned(),
        vec![field("Level", "error, warn, info, debug, trace, or info,target=debug", now)],
    )
}

/// Enter: the next empty field, or the question when nothing is left to fill in.
pub(super) fn enter(model: &mut Model, mut form: Form) -> Popup {
    let empty = form.fields.iter().position(|field| field.input.text().trim().is_empty());
    if let Some(empty) = empty {
        if empty == form.focus {
            form.fault = Some(format!("{} is missing", form.fields[empty].label));
        }
        form.focus = empty;
        return Popup::Form(form);
    }
    let operation = form.kind.operation();
    let put = match actions::forbidden(model, operation) {
        Some(why) => Err((form.focus, why)),
        None => question(model, &form),
    };
    let put = put.and_then(|question| {
        gate::put(model, operation, question).map_err(|fault| (form.focus, fault))
    });
    match put {
        Ok(popup) => popup,
        Err((focus, fault)) => Popup::Form(Form { focus, fault: Some(fault), ..form }),
    }
}

/// The question, or which field is wrong and how.
fn question(model: &mut Model, form: &Form) -> Result<Question, (usize, String)> {
    let text = |index: usize| form.fields[index].input.text().trim();
    match &form.kind {
        FormKind::AddStock { prod_id } => {
            let delta = delta(text(0)).map_err(|fault| (0, fault))?;
            confirm::add_stock(model, prod_id, delta, text(1)).map_err(|fault| (0, fault))
        }
        FormKind::Terms { prod_id } => {
            let mut patch = TermsPatch::default();
            for (index, term) in Term::ALL.into_iter().enumerate() {
                patch = patch.and(&term.read(text(index)).map_err(|fault| (index, fault))?);
            }
            confirm::terms(model, prod_id, &patch, text(Term::ALL.len()))
        }
        FormKind::CreateProduct => {
            let product = CreateProduct {
                request_id: String::new(),
                reason: None,
                prod_id: id(text(0)).map_err(|fault| (0, fault))?,
                prod_name: name(text(1)).map_err(|fault| (1, fault))?,
                terms: Terms::at(price_of(text(2)).map_err(|fault| (2, fault))?),
                stock: units(text(3)).map_err(|fault| (3, fault))?,
            };
            Ok(confirm::create_product(model, product))
        }
        FormKind::Discard { id } => Ok(confirm::discard(model, *id, text(0))),
        FormKind::LogLevel => confirm::log_level(model, text(0)).map_err(|fault| (0, fault)),
    }
}

fn delta(text: &str) -> Result<i64, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a whole number other than 0".to_owned()),
        Ok(delta) => Ok(delta),
    }
}

fn id(text: &str) -> Result<ProdId, String> {
    if text.contains(char::is_whitespace) {
        return Err("without blanks".to_owned());
    }
    within(text, PROD_ID_CHARS_MAX).map(ProdId::from)
}

fn name(text: &str) -> Result<String, String> {
    within(text, PROD_NAME_CHARS_MAX)
}

fn within(text: &str, chars_max: usize) -> Result<String, String> {
    if chars_max < text.chars().count() {
        return Err(format!("at most {chars_max} characters"));
    }
    Ok(text.to_owned())
}

fn price_of(text: &str) -> Result<Money, String> {
    match Money::parse(text) {
        Ok(price) if 0 < price.milli() => Ok(price),
        Ok(_) => Err("above 0".to_owned()),
        Err(fault) => Err(fault.to_string()),
    }
}

fn units(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("a whole number up to {}", u32::MAX))
}
