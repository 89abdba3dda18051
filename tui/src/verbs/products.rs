//! `seckillctl products` and `seckillctl product …`: the goods on sale, and changes to them. Stock
//! is changed by a difference, never overwritten.

use protocol::{
    Counted, CreateProduct, Done, Endpoint, ProdId, ProductView, ProductsPage, SaleState, Term,
    Terms, TermsSet,
};

use crate::args::{
    CommandOptions, Justified, Plain, Product, ProductAdd, ProductPrice, ProductSet, ProductShelf,
    ProductStock, Shape, Shelf,
};
use crate::commands::shelf::ShelfChange;
use crate::commands::{Prompt, create_product, price, shelf, stock, terms as selling};
use crate::exit::NoAnswer;
use crate::table::{Column, facts, number, table, text};
use crate::term_options::GivenTerms;
use crate::verbs::command::{give, given, request_id};
use crate::verbs::confirm::{Consent, be_sure, consent};
use crate::verbs::daemon_socket::{Answer, DaemonSocket, Printed};
use crate::words::{counted_plainly, in_words, known, moment, printable};

/// All products.
pub(crate) async fn list(daemon: &DaemonSocket, shape: Shape) -> Result<Printed, NoAnswer> {
    let answer = daemon.ask::<ProductsPage>(&Endpoint::Products.address()).await?;
    Ok(Printed::fine(answer.print(shape, |page| products(&page.products))))
}

/// One product.
pub(crate) async fn run(daemon: &DaemonSocket, product: Product) -> Result<Printed, NoAnswer> {
    match product {
        Product::Show { id, shape } => {
            let answer = daemon.ask::<ProductView>(&Endpoint::Product.of(&id)).await?;
            Ok(Printed::fine(
                answer.print(shape, |product| format!("{}{}", one(product), charges(product))),
            ))
        }
        Product::Add(options) => add(daemon, options).await,
        Product::Stock(options) => stock(daemon, options).await,
        Product::Shelf(options) => shelf(daemon, options).await,
        Product::Price(options) => price(daemon, options).await,
        Product::Set(options) => set(daemon, options).await,
    }
}

fn changed(answer: &Answer<Done<ProductView>>, shape: Shape) -> Printed {
    Printed::fine(answer.print(shape, |done| one(&done.state)))
}

async fn add(daemon: &DaemonSocket, options: ProductAdd) -> Result<Printed, NoAnswer> {
    let terms = options.plain.terms;
    let product = CreateProduct {
        request_id: request_id(&terms)?,
        reason: options.plain.reason,
        prod_id: options.id.into(),
        prod_name: options.name,
        terms: Terms { on_shelf: options.on_shelf, ..Terms::at(options.price) },
        stock: options.stock,
    };
    let answer = give(daemon, &create_product::command(&product)).await?;
    Ok(changed(&answer, terms.shape))
}

async fn stock(daemon: &DaemonSocket, options: ProductStock) -> Result<Printed, NoAnswer> {
    let ProductStock { id, delta, justified: Justified { reason, if_version, terms } } = options;
    let id = ProdId::from(id);
    if delta < 0 {
        let prompt = |product: &ProductView| stock::prompt(product, delta, &reason);
        ask_first(daemon, &id, &terms, "product stock -N", prompt).await?;
    }
    let command = stock::command(&id, delta, &reason, if_version, request_id(&terms)?);
    let answer = give(daemon, &command).await?;
    Ok(changed(&answer, terms.shape))
}

async fn shelf(daemon: &DaemonSocket, options: ProductShelf) -> Result<Printed, NoAnswer> {
    let ProductShelf { id, shelf, if_version, plain: Plain { reason, terms } } = options;
    let id = ProdId::from(id);
    let to = match shelf {
        Shelf::On => ShelfChange::On,
        Shelf::Off => ShelfChange::Off,
    };
    if to == ShelfChange::Off {
        let prompt = |product: &ProductView| shelf::prompt(product, ShelfChange::Off);
        ask_first(daemon, &id, &terms, "product shelf ID off", prompt).await?;
    }
    let command = shelf::command(&id, to, if_version, given(&terms, reason)?);
    let answer = give(daemon, &command).await?;
    Ok(changed(&answer, terms.shape))
}

async fn price(daemon: &DaemonSocket, options: ProductPrice) -> Result<Printed, NoAnswer> {
    let ProductPrice { id, price, justified: Justified { reason, if_version, terms } } = options;
    let id = ProdId::from(id);
    let prompt = |product: &ProductView| price::prompt(product, price, &reason);
    ask_first(daemon, &id, &terms, "product price", prompt).await?;
    let command = price::command(&id, price, &reason, if_version, request_id(&terms)?);
    let answer = give(daemon, &command).await?;
    Ok(changed(&answer, terms.shape))
}

async fn set(daemon: &DaemonSocket, options: ProductSet) -> Result<Printed, NoAnswer> {
    let ProductSet { id, given: GivenTerms(patch), if_terms_version, plain } = options;
    let (id, Plain { reason, terms }) = (ProdId::from(id), plain);
    let prompt = |product: &ProductView| selling::prompt(product, &patch, reason.as_deref());
    ask_first(daemon, &id, &terms, "product set", prompt).await?;
    let command = selling::command(&id, patch, if_terms_version, given(&terms, reason)?);
    let answer = give(daemon, &command).await?;
    Ok(changed(&answer, terms.shape))
}

/// Asks with the product as it is, where somebody is there to be asked.
async fn ask_first(
    daemon: &DaemonSocket,
    id: &ProdId,
    terms: &CommandOptions,
    verb: &str,
    prompt: impl Fn(&ProductView) -> Prompt,
) -> Result<(), NoAnswer> {
    if consent(terms, verb)? == Consent::ToAsk {
        let product = daemon.ask::<ProductView>(&Endpoint::Product.of(id)).await?.view;
        be_sure(&prompt(&product))?;
    }
    Ok(())
}

fn products(products: &[ProductView]) -> String {
    table(COLUMNS, products.iter().map(cells).collect())
}

/// A product alone: with the terms that have no column, where they say anything.
fn one(product: &ProductView) -> String {
    let row = products(std::slice::from_ref(product));
    let plain = Terms::at(product.terms.price);
    let who_set = product
        .terms_set
        .as_ref()
        .map(|TermsSet { at, by }| ("terms by", format!("{}, {}", printable(by), moment(*at))));
    let lines: Vec<(&'static str, String)> = [Term::OpensAt, Term::ClosesAt, Term::PreheatRatio]
        .into_iter()
        .map(|term| (term, term.text(&product.terms)))
        .filter(|(term, told)| *told != term.text(&plain))
        .map(|(term, told)| (term.label(), told))
        .chain(who_set)
        .collect();
    if lines.is_empty() { row } else { format!("{row}\n{}", facts(&lines)) }
}

/// What became of the charges for it, where they are counted apart: in the last second and minute
/// and since the start.
fn charges(product: &ProductView) -> String {
    let Some(charges) = &product.charges else { return String::new() };
    let line = |label: &'static str, figure: fn(&Counted) -> u64| {
        let mut told = vec![
            counted_plainly(figure(&charges.all()), "charge"),
            format!("{} accepted", figure(&charges.accepted())),
        ];
        let refused = charges.refusals(figure).into_iter();
        told.extend(refused.map(|(why, count)| format!("{count} {}", in_words(why))));
        (label, told.join(", "))
    };
    let lines = [
        line("last second", |counted| counted.last_1s),
        line("last minute", |counted| counted.last_60s),
        line("since start", |counted| counted.total),
    ];
    format!("\n{}", facts(&lines))
}

/// Everything of a product, by [`cells`].
pub(crate) const COLUMNS: [Column; 13] = [
    text("PRODUCT"),
    text("NAME"),
    text("SHELF"),
    number("PRICE"),
    number("INITIAL"),
    number("ADDED"),
    number("STOCK"),
    number("HELD"),
    number("FREE"),
    number("SOLD"),
    number("VERSION"),
    number("TERMS_VERSION"),
    text("BALANCED"),
];

/// A product's row under [`COLUMNS`].
pub(crate) fn cells(product: &ProductView) -> [String; 13] {
    let balanced = if product.balanced {
        "yes".to_owned()
    } else {
        format!("NO, {}", difference(product.missing))
    };
    [
        printable(product.prod_id.as_str()),
        printable(&product.prod_name),
        place_and_state(product),
        Term::Price.text(&product.terms),
        product.initial.to_string(),
        product.added.to_string(),
        product.stock.to_string(),
        known(product.held),
        known(product.free),
        product.sold.to_string(),
        product.version.to_string(),
        product.terms_version.to_string(),
        balanced,
    ]
}

/// Whether it is on the shelf, or where its sale stands by the clock.
fn place_and_state(product: &ProductView) -> String {
    match product.state {
        Some(state @ (SaleState::Scheduled | SaleState::Closed)) => state.as_str().to_owned(),
        _ => Term::OnShelf.text(&product.terms),
    }
}

/// How the books are out of balance.
pub(crate) fn difference(missing: i64) -> String {
    match missing {
        ..0 => format!("oversold by {}", missing.unsigned_abs()),
        _ => format!("misses {missing}"),
    }
}
