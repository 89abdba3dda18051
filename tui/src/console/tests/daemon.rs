//! The daemon that is none, by hand: `FAKE=/tmp/f.sock cargo test -p seckillctl -- --ignored
//! a_sale_to_look_at`, and `seckillctl --socket /tmp/f.sock` beside it.

use std::path::PathBuf;
use std::time::Duration;

use protocol::{EpochMs, Rate};

use super::fake::Fake;
use super::fixtures::{operator, sale};

#[tokio::test]
#[ignore = "it runs until it is ended"]
#[expect(clippy::disallowed_methods, reason = "a path for a test that is run by hand")]
async fn a_sale_to_look_at() {
    let Some(socket) = std::env::var_os("FAKE").map(PathBuf::from) else { return };
    let fake = Fake::start(&socket, sale(), operator());
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    for second in 0_u64.. {
        tick.tick().await;
        let charges = 500 + second * 37 % 400 + second * second % 97;
        fake.change(|state| {
            state.at = EpochMs(state.at.0 + 1_000);
            let rate = |last_1s| Rate { last_1s, last_60s: last_1s * 60 };
            let paused = state.controls.intake.as_ref().is_some_and(|switch| switch.paused);
            let charges = if paused { 0 } else { charges };
            let placed = (charges * 3 / 4).min(state.products[0].stock);
            state.seconds.push(charges, placed);
            let gateway = state.gateway.as_mut().unwrap();
            gateway.charge_rate = rate(charges);
            gateway.accepted_rate = rate(placed);
            let orders = state.orders.as_mut().unwrap();
            orders.placed += placed;
            orders.placed_rate = rate(placed);
            state.products[0].stock -= placed;
            state.products[0].sold += placed;
            state.products[0].version += placed;
            state.products[0].held = Some(120.min(state.products[0].stock));
            state.products[0].free =
                Some(state.products[0].stock - 120.min(state.products[0].stock));
        });
    }
}
