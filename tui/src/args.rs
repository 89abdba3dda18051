//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::console;

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
    /// How the console is shown.
    #[command(flatten)]
    pub(crate) console: ConsoleArgs,
    /// What to do; without it the console on a terminal, else as `status`.
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

/// How the console is shown; a verb takes no notice of it.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Console")]
pub(crate) struct ConsoleArgs {
    /// Take away every key that changes the daemon.
    #[arg(long)]
    read_only: bool,
    /// No colours, as with $NO_COLOR: bold, dim and reversed instead.
    #[arg(long)]
    no_color: bool,
    /// ASCII only, as where the locale isn't UTF-8.
    #[arg(long)]
    ascii: bool,
    /// The wheel scrolls and a click selects; the terminal's own selection then needs Shift.
    #[arg(long)]
    mouse: bool,
}

impl From<ConsoleArgs> for console::Options {
    fn from(args: ConsoleArgs) -> Self {
        use console::{Access, Characters, Colours, Mouse};
        Self {
            access: if args.read_only { Access::ReadOnly } else { Access::Full },
            colours: args.no_color.then_some(Colours::None),
            characters: args.ascii.then_some(Characters::Ascii),
            mouse: if args.mouse { Mouse::On } else { Mouse::Off },
        }
    }
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
