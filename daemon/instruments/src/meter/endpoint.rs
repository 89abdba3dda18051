//! The buyers' endpoints, as one table: the role that serves each, its path, and the codes that it
//! can answer. Answers are measured by it: a code that isn't in it is a mistake that a debug build
//! stops at; so every series of a counter is there, at 0, before its first event. Tally, metrics
//! and log go by this table and list no endpoint themselves.

use protocol::Code;

/// The role that serves an endpoint.
const GATEWAY: &str = "gateway";
const ORDER: &str = "order";

/// Makes the table: of each endpoint its doc, name, role, the last part of its path, and codes. A
/// panic is answered 20000 too, but by the edge, which counts panics by themselves.
macro_rules! endpoints {
    ($($(#[$doc:meta])+ $name:ident: $role:ident $path:literal [$($code:ident)+];)+) => {
        /// An endpoint whose answers are measured.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Endpoint {
            $($(#[$doc])+ $name,)+
        }

        impl Endpoint {
            /// All of them.
            pub const ALL: [Self; [$($path),+].len()] = [$(Self::$name),+];

            /// The role of its listener.
            #[must_use]
            pub const fn role(self) -> &'static str {
                match self {
                    $(Self::$name => $role,)+
                }
            }

            /// The last part of its path.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $path,)+
                }
            }

            /// Its path.
            #[must_use]
            pub const fn path(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("/api/", $path),)+
                }
            }

            /// The codes that it can answer.
            #[must_use]
            pub const fn codes(self) -> &'static [Code] {
                match self {
                    $(Self::$name => &[$(Code::$code),+],)+
                }
            }
        }
    };
}

endpoints! {
    /// The gateway's `charge.do`.
    Charge: GATEWAY "charge.do" [
        Queued ServerError BizError InvalidInput SoldOut NoSuchProduct Unconfirmed Overloaded
        IntakePaused NotOpen Closed
    ];
    /// The gateway's `query.do`.
    GatewayQuery: GATEWAY "query.do" [
        Found ServerError InvalidInput NeverOrdered NotKnownYet
    ];
    /// The order node's `query.do`.
    OrderQuery: ORDER "query.do" [
        Found ServerError BizError InvalidInput NotKnownYet
    ];
}

impl Endpoint {
    /// Those of the gateway's listener.
    pub fn of_gateway() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|endpoint| endpoint.role() == GATEWAY)
    }
}
