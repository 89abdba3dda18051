//! The numbers of the configuration that a reload may change, each by its key: made once from the
//! configuration of the start, given to the parts that use them, changed by a reload.

use crate::config::Config;
use crate::tunable::Tunable;

macro_rules! tunables {
    ($( $name:ident: $section:ident.$key:ident; )+) => {
        /// All of them. A clone has the same ones.
        #[derive(Clone)]
        pub(super) struct Tunables {
            $( pub(super) $name: Tunable, )+
        }

        impl Tunables {
            pub(super) fn new(config: &Config) -> Self {
                Self { $( $name: Tunable::from(config.$section.$key), )+ }
            }

            /// Sets each to what the configuration says now.
            pub(super) fn set(&self, config: &Config) {
                $( self.$name.set(Tunable::from(config.$section.$key).get()); )+
            }
        }

        /// Their keys.
        #[cfg(test)]
        pub(super) const KEYS: &[&str] =
            &[$( concat!(stringify!($section), ".", stringify!($key)) ),+];
    };
}

tunables! {
    order_timeout: gateway.order_timeout_ms;
    refresh: gateway.refresh_ms;
    publish_waiting_max: gateway.publish_waiting_max;
    publish_batch_max: gateway.publish_batch_max;
    unconfirmed_max: gateway.unconfirmed_max;
    republish_after: gateway.republish_after_ms;
    batch_max: order.batch_max;
    deliveries_max: order.deliveries_max;
    redelivery_after_ms: order.redelivery_after_ms;
    redelivery_after_ms_max: order.redelivery_after_ms_max;
    lag_every: queue.lag_every_ms;
    overdue_after_ms: admin.overdue_after_ms;
    resend_per_s: admin.resend_per_s;
    deadline: shutdown.deadline_ms;
}
