//! The contract of seckill, as plain values: REST codes and bodies, the order message on the queue,
//! what an order node tells its gateways, and what the admin socket shows.
//!
//! This crate does no I/O and reads no clock. Compatibility: the names and JSON shapes here are
//! shared with clients and Java services that we don't control, so fields may be added but never
//! renamed, retyped or removed; readers ignore fields they don't know.

mod admin;
mod bound;
mod code;
mod decisions;
mod http_fault;
mod ids;
mod known;
mod mask;
mod message;
mod money;
mod phone;
mod preheat;
mod printable;
mod product;
mod rest;
mod terms;
mod text;
mod time;

pub use admin::{
    AddStock, Address, AuditEntry, AuditPage, Bucket, Change, ChangeTerms, ChargeOutcome,
    ChargesView, ClockState, ConfigChange, ConfigEntry, ConfigPage, ConfigView, Controls,
    ControlsState, Counted, CreateProduct, DeadLetterView, DeadLettersPage, Discard, Done, Doubt,
    DrainView, EdgeView, Endpoint, EndpointView, Endpoints, ExportPage, ExportedOrder, Gap,
    GatewayView, Health, Hindrance, HistoryStep, LatencyView, Line, LogLevelState, LogView, Method,
    NOTABLES_MAX, Notable, NotableKind, OrderHistory, OrderState, OrderView, OrdersPage,
    OrdersView, OverdueView, PeerView, Permission, Phase, ProductView, ProductsPage, QueuePart,
    QueueView, REQUEST_ID_CHARS_MAX, Rate, Reasoned, Refusal, RefusalCode, ReloadOutcome,
    ReloadState, ReloadView, ResendAll, ResentState, RocketmqBroker, RocketmqView, Role,
    SECONDS_KEPT, SaleClockView, Seconds, Selling, SetLogLevel, SetPrice, SetShelf, SetSwitch,
    Severity, Shutdown, ShutdownState, Snapshot, StepKind, StoreView, SwitchView, Trend, Trouble,
    TroubleState, UnconfirmedView, Unlisted, UnlistedPlace, is_request_id,
};
pub use bound::{Bound, NoBound};
pub use code::Code;
pub use decisions::{Decision, DecisionsPage, Outcome, ProductState, Reason};
pub use http_fault::HttpFault;
pub use ids::{OrderId, OrderIdText, Phone, ProdId, Seq};
pub use mask::{Ending, mask_phones};
pub use message::{Malformed, ORDER_TOPIC, OrderMessage, TEXT_CHARS_MAX};
pub use money::{Money, MoneyError};
pub use phone::{MOBILE_PATTERN, is_mobile, looks_like_phone, normal_phone};
pub use preheat::{NoPreheatRatio, PreheatRatio};
pub use printable::{grouped, is_unprintable, printable, printable_json, printable_lines};
pub use product::{
    PROD_ID_CHARS_MAX, PROD_NAME_CHARS_MAX, ProductTextFault, prod_id_fault, prod_name_fault,
};
pub use rest::{ChargeData, ChargeDetails, NotOpenData, OrderStatus, QueryData, ReadReply, Reply};
pub use terms::{SaleState, Term, Terms, TermsFault, TermsPatch, TermsSet};
pub use text::{Flaw, escaped, flaw, flaw_of_name, flaw_of_sentence};
pub use time::EpochMs;
