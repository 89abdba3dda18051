//! The real terminal: taken over, given back on every way out, left and taken again around a
//! suspension. Signals are heard here too. What is drawn on it is `view`'s.

use std::io::{self, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

/// Whether the terminal is ours. It is given back once, whichever of the ways out comes first.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether the mouse is asked for: that takes text selection away from the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mouse {
    On,
    Off,
}

/// What the console wants of a terminal beside drawing.
pub(crate) trait Tty {
    /// Gives the terminal back, stops this process, and takes it again when the process goes on.
    ///
    /// # Errors
    /// The terminal can't be taken again.
    fn suspend(&mut self) -> io::Result<()>;

    /// Puts a text on the terminal's clipboard, if it has one.
    fn copy(&mut self, text: &str);
}

/// The terminal while it is ours; it is given back when this is dropped.
pub(crate) struct Taken {
    mouse: Mouse,
}

impl Taken {
    /// Takes the terminal, and sees to it that a panic gives it back before it speaks.
    ///
    /// # Errors
    /// It is no terminal, or it can't be written.
    pub(crate) fn take(mouse: Mouse) -> io::Result<Self> {
        // Under NO_COLOR crossterm 0.29 resets bold and reverse together with the colours it leaves
        // out. Our theme leaves them out itself, so crossterm must not.
        crossterm::style::force_color_output(true);
        give_back_on_panic();
        let taken = Self { mouse };
        taken.enter()?;
        Ok(taken)
    }

    /// The backend to draw on.
    ///
    /// # Errors
    /// The terminal's size can't be read.
    pub(crate) fn canvas() -> io::Result<Terminal<CrosstermBackend<Stdout>>> {
        Terminal::new(CrosstermBackend::new(io::stdout()))
    }

    fn enter(&self) -> io::Result<()> {
        TAKEN.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
        match self.mouse {
            Mouse::On => execute!(io::stdout(), EnableMouseCapture),
            Mouse::Off => Ok(()),
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        give_back();
    }
}

impl Tty for Taken {
    fn suspend(&mut self) -> io::Result<()> {
        give_back();
        // As the terminal itself does on Ctrl-Z: the whole job, or `sudo seckillctl` would stop
        // without its parent. Where no shell could continue us, the kernel drops this signal.
        rustix::process::kill_current_process_group(Signal::TSTP)?;
        self.enter()
    }

    fn copy(&mut self, text: &str) {
        let _ = execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text));
    }
}

/// A terminal that is gone (SIGHUP) can't be given back; there is nobody to tell.
fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut stdout = io::stdout();
    let _ = execute!(stdout, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen);
    let _ = execute!(stdout, cursor::Show);
    let _ = disable_raw_mode();
    let _ = stdout.flush();
}

fn give_back_on_panic() {
    let speak = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        give_back();
        speak(panic);
    }));
}

/// Comes when the process is asked to end.
///
/// # Errors
/// The signals can't be listened for.
pub(crate) fn end_signals() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
