//! The daemon's lock-free parts under loom, which runs every interleaving of a few threads. The
//! stock word is the daemon's own source file, compiled here against loom's atomics, and a buyer's
//! standing the daemon's own machine. Loom can't look into the map that holds the standings: what
//! `gateway/book/entry.rs` does around it is repeated in `buyer`.
//!
//! There is nothing here but tests: `cargo test -p seckill-interleavings`, or `cargo xtask loom`.

#[cfg(test)]
#[expect(unreachable_pub, reason = "the daemon's own file, which is public there")]
#[path = "../../../daemon/domain/src/stock.rs"]
mod stock;

#[cfg(test)]
mod buyer;
#[cfg(test)]
mod tests;
