//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Looks at a running seckilld over its admin socket.
#[derive(Debug, Parser)]
#[command(
    name = "seckillctl",
    version,
    after_help = "Exit codes: 0 fine, 1 degraded or out of balance, 64 usage, 69 unreachable, \
                  74 cannot write, 77 not permitted."
)]
pub(crate) struct Args {
    /// The daemon's admin socket. Default: $SECKILLCTL_SOCKET, else the one that is found in
    /// /run/seckill, /run/seckill-*, $XDG_RUNTIME_DIR/seckill or ./seckill-data.
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show products, queue and health.
    Status {
        /// Print the daemon's whole state as JSON.
        #[arg(long)]
        json: bool,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Args::command().debug_assert();
    }
}
