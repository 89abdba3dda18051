//! What passes over the admin socket, and where (`endpoint`): the state of a running daemon and its
//! changes (`snapshot`, `charges`, `engines`, `history`, `change`), the lists and details one can
//! ask for (`listing`), decided orders for other programs (`export`), the commands with their
//! answers (`command`), how the configuration is reloaded (`configuration`), and what a state
//! comes to: whether it sells, and whether all is well (`verdict`). What can't be read is `null`,
//! never 0.

mod change;
mod charges;
mod command;
mod configuration;
mod endpoint;
mod engines;
mod export;
mod history;
mod listing;
mod snapshot;
#[cfg(test)]
mod tests;
mod verdict;

pub use change::{Change, Gap, Line};
pub use charges::{ChargeOutcome, ChargesView, Counted};
pub use command::{
    AddStock, ChangeTerms, ClockState, ControlsState, CreateProduct, Discard, Done, LogLevelState,
    REQUEST_ID_CHARS_MAX, Reasoned, Refusal, RefusalCode, ResendAll, ResentState, SetLogLevel,
    SetPrice, SetShelf, SetSwitch, Shutdown, ShutdownState, is_request_id,
};
pub use configuration::{ConfigChange, ConfigView, ReloadOutcome, ReloadState, ReloadView};
pub use endpoint::{Address, Endpoint, Method, Role};
pub use engines::{
    OverdueView, QueuePart, QueueView, RocketmqBroker, RocketmqView, StoreView, Trend,
    UnconfirmedView,
};
pub use export::{ExportPage, ExportedOrder};
pub use history::{NOTABLES_MAX, Notable, NotableKind, SECONDS_KEPT, Seconds, Severity};
pub use listing::{
    AuditEntry, AuditPage, ConfigEntry, ConfigPage, DeadLetterView, DeadLettersPage, EndpointView,
    Endpoints, Health, HistoryStep, OrderHistory, OrderState, OrderView, OrdersPage, PeerView,
    Permission, ProductsPage, StepKind, Unlisted, UnlistedPlace,
};
pub use snapshot::{
    Bucket, Controls, DrainView, EdgeView, GatewayView, LatencyView, LogView, OrdersView, Phase,
    ProductView, Rate, SaleClockView, Snapshot, SwitchView, Trouble, TroubleState,
};
pub use verdict::{Doubt, Hindrance, Selling};
