//! The styles and symbols of the console, made in one place from what the terminal may show.
//! Meaning is never in a colour alone: each style that says something goes with a word or a symbol.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

use super::looks::Colours;

/// One style for each thing that is said with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Styles {
    /// Ordinary text.
    pub(crate) text: Style,
    /// What is read second: labels, units, borders.
    pub(crate) quiet: Style,
    /// Headings and figures that matter.
    pub(crate) strong: Style,
    /// As it should be.
    pub(crate) good: Style,
    /// Worth a look.
    pub(crate) warning: Style,
    /// Somebody is being wronged, or soon will be.
    pub(crate) bad: Style,
    /// The selected row, button or screen.
    pub(crate) selected: Style,
    /// The name of a key.
    pub(crate) key: Style,
    /// An action that may not be taken now.
    pub(crate) blocked: Style,
    /// Data of a daemon that doesn't answer.
    pub(crate) stale: Style,
    /// Units sold.
    pub(crate) sold: Style,
    /// Units accepted and not decided.
    pub(crate) held: Style,
    /// Units to sell.
    pub(crate) free: Style,
    /// The graph of charges, and of placed orders.
    pub(crate) graph: Style,
}

impl Styles {
    pub(crate) fn new(colours: Colours) -> Self {
        let plain = Style::new().fg(Color::Reset).bg(Color::Reset);
        let coloured = |colour: Color| match colours {
            Colours::Sixteen => plain.fg(colour),
            Colours::None => plain,
        };
        Self {
            text: plain,
            quiet: plain.add_modifier(Modifier::DIM),
            strong: plain.add_modifier(Modifier::BOLD),
            good: coloured(Color::Green),
            warning: coloured(Color::Yellow).add_modifier(Modifier::BOLD),
            bad: coloured(Color::Red).add_modifier(Modifier::BOLD),
            selected: Style::new().add_modifier(Modifier::REVERSED),
            key: coloured(Color::Cyan).add_modifier(Modifier::BOLD),
            blocked: plain.add_modifier(Modifier::DIM | Modifier::CROSSED_OUT),
            stale: Style::new().add_modifier(Modifier::DIM),
            sold: coloured(Color::Green),
            held: coloured(Color::Yellow),
            free: coloured(Color::Blue),
            graph: coloured(Color::Cyan),
        }
    }
}

/// What is drawn that is no text. Each is one column wide and has an ASCII spelling in [`ascii`].
pub(crate) mod symbol {
    pub(crate) const SOLD: &str = "█";
    pub(crate) const HELD: &str = "▓";
    pub(crate) const FREE: &str = "░";
    pub(crate) const GOOD: &str = "✓";
    pub(crate) const WARNING: &str = "▲";
    pub(crate) const BAD: &str = "✗";
    pub(crate) const GROWING: &str = "↗";
    pub(crate) const DRAINING: &str = "↘";
    pub(crate) const STEADY: &str = "→";
    pub(crate) const ELLIPSIS: &str = "…";
    pub(crate) const DOT: &str = " · ";
    /// Before the selected row: a reversed row isn't seen everywhere.
    pub(crate) const CURSOR: &str = "▌";
}

/// Draws with ASCII what was drawn with more. Texts of the daemon are left as they are.
pub(crate) fn ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if let Some(spelling) = spelling(cell.symbol()) {
            cell.set_symbol(spelling);
        }
    }
}

fn spelling(symbol: &str) -> Option<&'static str> {
    Some(match symbol {
        "│" => "|",
        "─" | "–" | "−" | "▄" | "▃" => "-",
        "┌" | "┐" | "└" | "┘" | "✓" => "+",
        "█" | "▇" => "#",
        "▓" | "▆" | "▅" => "=",
        "░" | "▂" | "▁" | "·" => ".",
        "✗" => "X",
        "▲" => "!",
        "≤" => "<",
        "↗" => "/",
        "↘" => "\\",
        "→" | "▌" => ">",
        "…" => "~",
        "µ" => "u",
        "\u{fffd}" => "?",
        _ => return None,
    })
}
