//! The command line: every verb with its options. What a value may look like is checked here, so
//! that a slip ends with a sentence before any daemon is asked.

use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args as Options, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use protocol::{Money, OrderState};

use crate::console;
use crate::export_options::Export;
use crate::term_options::GivenTerms;

/// The end of `--help`; docs/codes.md has the same table.
const EXIT_CODES: &str = "\
Exit codes:
  0   fine; also when the reader of a pipe has seen enough
  1   status: not in full service, books out of balance, or buyers overdue; a question answered No;
      a list without a row that lacks something; drain --wait: dead letters are left undecided
  64  the command line, or the daemon says so (bad_request, ambiguous); a destructive verb without
      --yes
  65  refused as things stand: stale_version, not_enough_stock, restart_needed, config_faulty, …
  66  no such product, order or dead letter
  69  no daemon answers, or a command's answer stays lost
  70  a fault of the daemon's own
  74  cannot write
  75  refused for now: the daemon is stopping, its database fails, or it took too long;
      drain --wait: not done within --timeout
  77  not permitted
  130 export: interrupted; what is written stands

Destructive verbs (pause, drain, product stock -N, product price, product set, product shelf ID off,
dead-letters discard, dead-letters resend --all, clock adopt, shutdown) ask first on a terminal and
want --yes elsewhere.

With --json an error is one line of JSON as well, the last on standard error:
{\"code\":\"not_found\",\"msg\":\"…\",\"data\":null,\"exit\":66}";

/// Looks at a running seckilld over its admin socket, and steers it.
#[derive(Debug, Parser)]
#[command(name = "seckillctl", version = env!("BUILT_FROM"), after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// The daemon's admin socket. Default: $SECKILLCTL_SOCKET, else the one that is found in
    /// /run/seckill, /run/seckill-*, $XDG_RUNTIME_DIR/seckill or ./seckill-data.
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) console: ConsoleArgs,
    /// What to do; without it the console on a terminal, else as `status`.
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

/// How the console is shown; a verb takes no notice of it.
#[derive(Debug, Options)]
#[command(next_help_heading = "Console")]
pub(crate) struct ConsoleArgs {
    /// Take away every key that changes the daemon.
    #[arg(long)]
    read_only: bool,
    /// No colours, as with $NO_COLOR: bold, dim and reversed instead.
    #[arg(long)]
    no_color: bool,
    /// ASCII only, as where the locale isn't UTF-8.
    #[arg(long)]
    ascii: bool,
    /// The wheel scrolls and a click selects; the terminal's own selection then needs Shift.
    #[arg(long)]
    mouse: bool,
}

impl From<ConsoleArgs> for console::Options {
    fn from(args: ConsoleArgs) -> Self {
        use console::{Access, Characters, Colours, Mouse};
        Self {
            access: if args.read_only { Access::ReadOnly } else { Access::Full },
            colours: args.no_color.then_some(Colours::None),
            characters: args.ascii.then_some(Characters::Ascii),
            mouse: if args.mouse { Mouse::On } else { Mouse::Off },
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show at a glance whether it sells, whether the queue drains, whether anyone is wronged.
    Status(Status),
    /// List the products with their stock.
    Products(Shape),
    /// Show or change one product.
    #[command(subcommand)]
    Product(Product),
    /// List orders, those that wait first, then the newest; phone numbers are masked.
    Orders(Orders),
    /// Show one order's whole history.
    Order(OrderOptions),
    /// Show each queue's lag, offsets and owner, and the way to the broker.
    Queue(Shape),
    /// List, resend or discard messages that could not be decided.
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// Stop taking orders (intake), or deciding them (consumption), until resumed.
    Pause(Switch),
    /// Undo a pause; `resume intake` also undoes a drain.
    Resume(Switch),
    /// Pause intake and go on until no order waits; the daemon stays up.
    Drain(Drain),
    /// Follow what happens, over restarts of the daemon.
    Events(Shape),
    /// Write decided orders for other programs and spreadsheets.
    #[command(subcommand)]
    Export(Export),
    /// Show the effective configuration and where each value comes from.
    Config(Shape),
    /// List what operators did, newest first.
    Audit(Audit),
    /// Set the clock that a sale goes by, where the wall clock was set and isn't followed.
    #[command(subcommand)]
    Clock(Clock),
    /// Show or change the log's level.
    LogLevel(LogLevel),
    /// Have the configuration read again; what takes a restart is named, and nothing is changed.
    Reload(Plain),
    /// Stop the daemon in order.
    Shutdown(Plain),
    /// Print a completion script, for instance `seckillctl completions bash`.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// How the answer is printed.
#[derive(Debug, Clone, Copy, Default, Options)]
pub(crate) struct Shape {
    /// Print the daemon's own JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What every command can be given.
#[derive(Debug, Options)]
pub(crate) struct CommandOptions {
    /// Don't ask; destructive verbs need it where there is no terminal.
    #[arg(long)]
    pub(crate) yes: bool,
    /// A number of your own for this command: with the same one again nothing is done twice.
    #[arg(long, value_name = "ID", value_parser = request_id)]
    pub(crate) request_id: Option<String>,
    /// How the answer is printed.
    #[command(flatten)]
    pub(crate) shape: Shape,
}

/// What every command can be given, and perhaps why.
#[derive(Debug, Options)]
pub(crate) struct Plain {
    /// Why, for the audit log.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// What every command can be given.
    #[command(flatten)]
    pub(crate) terms: CommandOptions,
}

/// `drain`.
#[derive(Debug, Options)]
pub(crate) struct Drain {
    /// Wait until the queue is empty and every order is decided.
    #[arg(long)]
    pub(crate) wait: bool,
    /// With --wait: give up after so long; the drain itself goes on.
    #[arg(
        long, value_name = "SECONDS", requires = "wait",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub(crate) timeout: Option<u64>,
    /// What every command can be given, and perhaps why.
    #[command(flatten)]
    pub(crate) plain: Plain,
}

/// `status`.
#[derive(Debug, Default, Options)]
pub(crate) struct Status {
    /// Print it again on every change, at most once a second; with --json every event as it comes.
    #[arg(long)]
    pub(crate) watch: bool,
    /// How the answer is printed.
    #[command(flatten)]
    pub(crate) shape: Shape,
}

/// `product …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Product {
    /// Show one product.
    Show {
        /// The product's id.
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        id: String,
        /// How the answer is printed.
        #[command(flatten)]
        shape: Shape,
    },
    /// Create a product.
    Add(ProductAdd),
    /// Add units (+50) or withdraw unsold ones (-50).
    Stock(ProductStock),
    /// Put a product on the shelf, or take it off.
    Shelf(ProductShelf),
    /// Give a product another price; orders that wait at the old one fail.
    Price(ProductPrice),
    /// Change a product's terms: all that are given, or none.
    Set(ProductSet),
}

/// `product add`.
#[derive(Debug, Options)]
pub(crate) struct ProductAdd {
    /// The new product's id, up to 64 characters without blanks.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) id: String,
    /// Its name, up to 256 characters.
    #[arg(long)]
    pub(crate) name: String,
    /// Its price, such as 5999.000.
    #[arg(long, value_parser = Money::parse)]
    pub(crate) price: Money,
    /// Units to sell.
    #[arg(long, value_name = "UNITS")]
    pub(crate) stock: u32,
    /// Let it be charged at once; it is off the shelf otherwise.
    #[arg(long)]
    pub(crate) on_shelf: bool,
    /// What every command can be given, and perhaps why.
    #[command(flatten)]
    pub(crate) plain: Plain,
}

/// `product stock`.
#[derive(Debug, Options)]
pub(crate) struct ProductStock {
    /// The product's id.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) id: String,
    /// Units to add (+50) or to withdraw (-50).
    #[arg(allow_negative_numbers = true, value_parser = delta)]
    pub(crate) delta: i64,
    /// Why and on what terms.
    #[command(flatten)]
    pub(crate) justified: Justified,
}

/// What a change of a product has that wants a reason.
#[derive(Debug, Options)]
pub(crate) struct Justified {
    /// Why, for the audit log.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Only if the product is still at this version.
    #[arg(long, value_name = "VERSION")]
    pub(crate) if_version: Option<u64>,
    /// What every command can be given.
    #[command(flatten)]
    pub(crate) terms: CommandOptions,
}

/// `product price`.
#[derive(Debug, Options)]
pub(crate) struct ProductPrice {
    /// The product's id.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) id: String,
    /// What a unit costs from now on, such as 5999.000.
    #[arg(value_parser = Money::parse)]
    pub(crate) price: Money,
    /// Why and on what terms.
    #[command(flatten)]
    pub(crate) justified: Justified,
}

/// `product set`.
#[derive(Debug, Options)]
pub(crate) struct ProductSet {
    /// The product's id.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) id: String,
    /// What of its terms.
    #[command(flatten)]
    pub(crate) given: GivenTerms,
    /// Only if its terms are still at this version, which no sale raises.
    #[arg(long, value_name = "VERSION")]
    pub(crate) if_terms_version: Option<u64>,
    /// What every command can be given, and perhaps why.
    #[command(flatten)]
    pub(crate) plain: Plain,
}

/// `product shelf`.
#[derive(Debug, Options)]
pub(crate) struct ProductShelf {
    /// The product's id.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) id: String,
    /// Whether it may be charged from now on.
    pub(crate) shelf: Shelf,
    /// Only if the product is still at this version.
    #[arg(long, value_name = "VERSION")]
    pub(crate) if_version: Option<u64>,
    /// What every command can be given, and perhaps why.
    #[command(flatten)]
    pub(crate) plain: Plain,
}

/// Where a product is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shelf {
    /// It may be charged.
    On,
    /// It may not.
    Off,
}

/// `orders`.
#[derive(Debug, Options)]
pub(crate) struct Orders {
    /// Only orders in this state.
    #[arg(long, value_parser = order_state())]
    pub(crate) state: Option<OrderState>,
    /// Only orders for this product.
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) product: Option<String>,
    /// Only this buyer's orders; +86, blanks and dashes in the number make no difference.
    #[arg(long, value_name = "NUMBER", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) phone: Option<String>,
    /// Only orders whose id begins so; neither case nor dashes make a difference.
    #[arg(long, value_name = "BEGINNING", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) id: Option<String>,
    /// How many.
    #[command(flatten)]
    pub(crate) extent: Extent,
    /// How the answer is printed.
    #[command(flatten)]
    pub(crate) shape: Shape,
}

/// How much of a long list.
#[derive(Debug, Options)]
pub(crate) struct Extent {
    /// At most so many.
    #[arg(
        long, value_name = "COUNT", default_value_t = 50,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub(crate) limit: u64,
    /// All there are.
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
}

/// `order`.
#[derive(Debug, Options)]
pub(crate) struct OrderOptions {
    /// The order's id, or as much of its beginning as tells it from others.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) id: String,
    /// Show the buyer's whole phone number; only for those who may operate.
    #[arg(long)]
    pub(crate) reveal_phone: bool,
    /// How the answer is printed.
    #[command(flatten)]
    pub(crate) shape: Shape,
}

/// `dead-letters …`.
#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// List those that nobody has dealt with, oldest first.
    List {
        /// How many.
        #[command(flatten)]
        extent: Extent,
        /// How the answer is printed.
        #[command(flatten)]
        shape: Shape,
    },
    /// Put one, or all that hold a readable order, back into the queue.
    Resend(Resend),
    /// Give one up: its unit is free again, and its order fails as `discarded`.
    Discard(DiscardOne),
}

/// `dead-letters resend`.
#[derive(Debug, Options)]
pub(crate) struct Resend {
    /// The dead letter's number.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) id: Option<u64>,
    /// All of them.
    #[arg(long)]
    pub(crate) all: bool,
    /// With --all: so many messages per second, if the daemon allows as many.
    #[arg(long, value_name = "COUNT", requires = "all", conflicts_with = "id")]
    pub(crate) per_s: Option<u32>,
    /// What every command can be given, and perhaps why.
    #[command(flatten)]
    pub(crate) plain: Plain,
}

/// `dead-letters discard`.
#[derive(Debug, Options)]
pub(crate) struct DiscardOne {
    /// The dead letter's number.
    pub(crate) id: u64,
    /// Why, for the audit log.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// What every command can be given.
    #[command(flatten)]
    pub(crate) terms: CommandOptions,
}

/// `pause` and `resume`.
#[derive(Debug, Options)]
pub(crate) struct Switch {
    /// What.
    pub(crate) what: Flow,
    /// What every command can be given, and perhaps why.
    #[command(flatten)]
    pub(crate) plain: Plain,
}

/// What can be paused; the two don't touch each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Flow {
    /// Taking new orders.
    Intake,
    /// Deciding queued orders.
    Consumption,
}

/// `audit`.
#[derive(Debug, Options)]
pub(crate) struct Audit {
    /// How many.
    #[command(flatten)]
    pub(crate) extent: Extent,
    /// How the answer is printed.
    #[command(flatten)]
    pub(crate) shape: Shape,
}

/// `clock …`.
#[derive(Debug, Subcommand)]
pub(crate) enum Clock {
    /// Take the wall clock's time over; refused while a product is open by the clock.
    Adopt(Plain),
}

/// `log-level`.
#[derive(Debug, Options)]
pub(crate) struct LogLevel {
    /// error, warn, info, debug, trace, off, or directives such as info,seckilld::queue=debug;
    /// without it the level in force is shown.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) level: Option<String>,
    /// What every command can be given, and perhaps why.
    #[command(flatten)]
    pub(crate) plain: Plain,
}

fn request_id(text: &str) -> Result<String, String> {
    match protocol::is_request_id(text) {
        true => Ok(text.to_owned()),
        false => Err(format!("1 to {} of A-Z a-z 0-9 . _ -", protocol::REQUEST_ID_CHARS_MAX)),
    }
}

/// The sign is a must: `stock ID 50` reads as if it set the stock to 50.
fn delta(text: &str) -> Result<i64, String> {
    let signed = text.starts_with(['+', '-']);
    match text.parse() {
        Ok(delta) if signed && delta != 0 => Ok(delta),
        _ => Err("+50 adds, -50 withdraws".to_owned()),
    }
}

/// Completions offer the states, too.
fn order_state() -> impl TypedValueParser<Value = OrderState> {
    PossibleValuesParser::new(OrderState::ALL.map(OrderState::as_str))
        .try_map(|text| OrderState::from_text(&text).ok_or("not a state"))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Args, Product, Verb};

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    fn delta_of(text: &str) -> Result<i64, String> {
        let line = ["seckillctl", "product", "stock", "p", text, "--reason", "r"];
        match Args::try_parse_from(line).map_err(|error| error.to_string())?.verb {
            Some(Verb::Product(Product::Stock(stock))) => Ok(stock.delta),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_delta_has_a_sign() {
        assert_eq!(delta_of("+50"), Ok(50));
        assert_eq!(delta_of("-50"), Ok(-50));
        for text in ["50", "0", "+0", "-0", "+", "x", "+99999999999999999999"] {
            assert!(delta_of(text).unwrap_err().contains("+50 adds"), "{text}");
        }
    }

    /// A script's variable that holds nothing must not list everybody's orders.
    #[test]
    fn an_empty_filter_is_refused() {
        for option in ["--phone", "--product", "--id"] {
            let error = Args::try_parse_from(["seckillctl", "orders", option, ""]).unwrap_err();
            assert!(error.to_string().contains(option), "{error}");
        }
    }

    #[test]
    fn a_request_id_has_the_daemons_alphabet() {
        let with = |id: &str| Args::try_parse_from(["seckillctl", "drain", "--request-id", id]);
        assert!(with("A-z_0.9").is_ok());
        for id in ["", "a b", "ä", &"x".repeat(65)] {
            assert!(with(id).is_err(), "{id:?}");
        }
    }
}
