//! `seckill-bare`: serves the bare route on a free port of this machine, whose address is its first
//! and only line, until it is ended.

#![expect(clippy::print_stdout, reason = "the line is read by the program that started this one")]

use anyhow::Result;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?);
    match seckill_bench::bare::serve(listener).await? {}
}
