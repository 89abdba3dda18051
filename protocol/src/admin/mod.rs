//! What passes over the admin socket: the state of a running daemon and its changes (`snapshot`,
//! `change`), the lists and details one can ask for (`listing`), and the commands with their answers
//! (`command`). What can't be read is `null`, never 0.

mod change;
mod command;
mod listing;
mod snapshot;
#[cfg(test)]
mod tests;

pub use change::{Change, Gap, Line};
pub use command::{
    AddStock, ControlsState, CreateProduct, Discard, Done, LogLevelState, Reasoned, Refusal,
    RefusalCode, ResendAll, ResentState, SetLogLevel, SetShelf, Shutdown, ShutdownState,
};
pub use listing::{
    AuditEntry, AuditPage, ConfigEntry, ConfigPage, DeadLetterView, DeadLettersPage, EndpointView,
    Endpoints, Health, HistoryStep, OrderHistory, OrderState, OrderView, OrdersPage, PeerView,
    Permission, ProductsPage, StepKind,
};
pub use snapshot::{
    Bucket, Controls, DrainView, EdgeView, GatewayView, LatencyView, NOTABLES_MAX, Notable,
    NotableKind, OrdersView, OverdueView, Phase, ProductView, QueuePart, QueueView, Rate,
    RocketmqBroker, RocketmqView, SECONDS_KEPT, Seconds, Severity, Snapshot, StoreView, SwitchView,
    Trend, UnconfirmedView,
};
