//! The program `seckillctl`; everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    seckillctl::main()
}
