//! What the console's capital keys change in the daemon, in one table: which endpoint does it, and
//! what it is done to. The keys are `keys`', the words `commands`'.

use protocol::Endpoint;

/// One operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    Intake,
    Consumption,
    Drain,
    AddStock,
    Shelf,
    Terms,
    CreateProduct,
    Resend,
    ResendAll,
    Discard,
    LogLevel,
    Reload,
    Shutdown,
}

/// What an operation is done to. Nothing is done to what isn't on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Object {
    /// The daemon, or something that isn't there yet.
    Daemon,
    /// The product whose row is marked.
    Product,
    /// The dead letter whose row is marked.
    Letter,
    /// Every dead letter, as they were loaded.
    Letters,
}

impl Operation {
    /// All of them. Each has a question, and none is there with `--read-only`.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 13] = [
        Self::Intake,
        Self::Consumption,
        Self::Drain,
        Self::AddStock,
        Self::Shelf,
        Self::Terms,
        Self::CreateProduct,
        Self::Resend,
        Self::ResendAll,
        Self::Discard,
        Self::LogLevel,
        Self::Reload,
        Self::Shutdown,
    ];

    /// Who does it; of a switch's two ways, which take the same role, the pause.
    pub(crate) const fn endpoint(self) -> Endpoint {
        match self {
            Self::Intake => Endpoint::PauseIntake,
            Self::Consumption => Endpoint::PauseConsumption,
            Self::Drain => Endpoint::Drain,
            Self::AddStock => Endpoint::Stock,
            Self::Shelf => Endpoint::Shelf,
            Self::Terms => Endpoint::Terms,
            Self::CreateProduct => Endpoint::CreateProduct,
            Self::Resend => Endpoint::Resend,
            Self::ResendAll => Endpoint::ResendAll,
            Self::Discard => Endpoint::Discard,
            Self::LogLevel => Endpoint::LogLevel,
            Self::Reload => Endpoint::Reload,
            Self::Shutdown => Endpoint::Shutdown,
        }
    }

    /// What it is done to.
    pub(crate) const fn object(self) -> Object {
        match self {
            Self::AddStock | Self::Shelf | Self::Terms => Object::Product,
            Self::Resend | Self::Discard => Object::Letter,
            Self::ResendAll => Object::Letters,
            Self::Intake
            | Self::Consumption
            | Self::Drain
            | Self::CreateProduct
            | Self::LogLevel
            | Self::Reload
            | Self::Shutdown => Object::Daemon,
        }
    }
}
