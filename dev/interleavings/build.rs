//! Turns loom on for this package alone: `RUSTFLAGS` would turn it on for tokio and hyper as well
//! (or, by another name, have every dependency built once more).

fn main() {
    println!("cargo::rustc-cfg=seckill_loom");
    println!("cargo::rerun-if-changed=build.rs");
}
