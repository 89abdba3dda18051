//! The loop: takes in what comes, lets `update` think, does what it wants, and draws when something
//! on the screen is different. Terminal, keys, link and end are handed in, so that a test can be
//! all of them.

use std::io;
use std::pin::Pin;
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyEventKind};
use futures_core::Stream;
use protocol::Severity;
use ratatui::Terminal;
use ratatui::backend::Backend;
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};

use super::link::Link;
use super::model::Model;
use super::msg::{Ask, CommandEnd, Effect, Msg};
use super::terminal::Tty;
use super::update::update;
use super::view::view;

/// Between two drawings; what comes meanwhile is drawn at once at its end.
const FRAME: Duration = Duration::from_millis(33);

/// Messages that are taken in before the screen gets its turn.
const MESSAGES_AT_ONCE: usize = 64;

/// What the loop is made of.
pub(crate) struct App<B: Backend, I, T> {
    pub(crate) model: Model,
    pub(crate) terminal: Terminal<B>,
    pub(crate) input: I,
    pub(crate) link: Link,
    pub(crate) tty: T,
    /// The size of a terminal that doesn't tell its own.
    pub(crate) fallback: Size,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Quit,
}

/// What came.
enum Came {
    /// From the terminal.
    Input(Msg),
    /// From elsewhere, while the terminal had nothing to read.
    Message(Msg),
    Resized,
    Nothing,
    End,
}

/// What the screen has to catch up with.
struct Canvas {
    /// What was drawn last; `None` when nothing of it is sure to be there.
    last: Option<Buffer>,
    /// Since when the model may be ahead of the screen.
    is_behind: bool,
    next: Instant,
}

impl<B, I, T> App<B, I, T>
where
    B: Backend<Error = io::Error>,
    I: Stream<Item = io::Result<Event>> + Unpin,
    T: Tty,
{
    /// Runs until the operator quits, the terminal is gone, or `end` comes.
    ///
    /// # Errors
    /// The terminal can't be drawn on.
    pub(crate) async fn run(mut self, end: impl Future<Output = ()>) -> io::Result<Model> {
        let mut end = std::pin::pin!(end);
        let mut canvas = Canvas { last: None, is_behind: true, next: Instant::now() };
        loop {
            let wake_at = self.wake_at(&canvas);
            let came = tokio::select! {
                biased;
                () = &mut end => Came::End,
                event = next(&mut self.input) => from_terminal(event),
                // Before the messages: they have an end, again and again, when this has ended.
                ended = &mut self.link.task => carried_on(ended),
                message = self.link.messages.recv() => message.map_or(Came::Nothing, Came::Message),
                () = sleep_until(wake_at) => Came::Message(Msg::Tick),
            };
            if self.take_in(came, &mut canvas)? == Flow::Quit {
                return Ok(self.model);
            }
            self.draw_when_due(&mut canvas)?;
        }
    }

    fn wake_at(&self, canvas: &Canvas) -> Option<Instant> {
        let frame = canvas.is_behind.then_some(canvas.next);
        frame.into_iter().chain(self.model.next_moment()).min()
    }

    fn take_in(&mut self, came: Came, canvas: &mut Canvas) -> io::Result<Flow> {
        self.model.now = Instant::now();
        let mut message = match came {
            Came::End => return Ok(Flow::Quit),
            Came::Nothing => return Ok(Flow::On),
            Came::Resized => Msg::Resized,
            Came::Input(message) => {
                self.catch_up(canvas)?;
                message
            }
            Came::Message(message) => {
                let is_due = self.model.rest_at().is_some_and(|at| at <= self.model.now);
                if is_due && self.update(Msg::Tick, canvas)? == Flow::Quit {
                    return Ok(Flow::Quit);
                }
                message
            }
        };
        for _ in 0..MESSAGES_AT_ONCE {
            self.model.now = Instant::now();
            canvas.is_behind = true;
            if self.update(message, canvas)? == Flow::Quit {
                return Ok(Flow::Quit);
            }
            match self.link.messages.try_recv() {
                Ok(further) => message = further,
                Err(_) => break,
            }
        }
        Ok(Flow::On)
    }

    fn update(&mut self, message: Msg, canvas: &mut Canvas) -> io::Result<Flow> {
        for effect in update(&mut self.model, message) {
            if self.perform(effect, canvas)? == Flow::Quit {
                return Ok(Flow::Quit);
            }
        }
        Ok(Flow::On)
    }

    fn perform(&mut self, effect: Effect, canvas: &mut Canvas) -> io::Result<Flow> {
        match effect {
            Effect::Quit => return Ok(Flow::Quit),
            Effect::Suspend => {
                self.tty.suspend()?;
                // `clear` would ask the terminal where its cursor is, and `input` takes the answer.
                let area = self.area()?;
                self.terminal.resize(area)?;
                update(&mut self.model, Msg::Resized);
                canvas.last = None;
            }
            Effect::Resubscribe => self.link.resubscribe(),
            Effect::Copy(text) => self.tty.copy(&text),
            Effect::Ask(ask) => {
                if let Err(ask) = self.link.ask(ask) {
                    self.not_asked(ask);
                }
            }
        }
        Ok(Flow::On)
    }

    /// So many questions wait that the daemon can't be answering.
    fn not_asked(&mut self, ask: Ask) {
        match ask {
            Ask::Command(command) => {
                let outcome = CommandEnd::Refused("too much waits for the daemon".to_owned());
                update(&mut self.model, Msg::Commanded { command, outcome });
            }
            _ => self.model.say(Severity::Warning, "too much waits for the daemon".to_owned()),
        }
    }

    /// The whole screen. A terminal that says 0 doesn't know.
    fn area(&self) -> io::Result<Rect> {
        let Size { width, height } = self.terminal.size()?;
        let known = |told: u16, fallback: u16| if told == 0 { fallback } else { told };
        let (width, height) =
            (known(width, self.fallback.width), known(height, self.fallback.height));
        Ok(Rect::new(0, 0, width, height))
    }

    /// A key is about what is on the screen, so that is brought up to date before it.
    fn catch_up(&mut self, canvas: &mut Canvas) -> io::Result<()> {
        if self.model.drawn.get() != Some(self.area()?.as_size()) {
            update(&mut self.model, Msg::Resized);
            canvas.is_behind = true;
        }
        if canvas.is_behind { self.draw(canvas) } else { Ok(()) }
    }

    /// Draws, unless nothing is new or the last drawing was a moment ago.
    fn draw_when_due(&mut self, canvas: &mut Canvas) -> io::Result<()> {
        if !canvas.is_behind || Instant::now() < canvas.next {
            return Ok(());
        }
        self.draw(canvas)
    }

    /// Draws, unless the screen would be the same.
    fn draw(&mut self, canvas: &mut Canvas) -> io::Result<()> {
        canvas.is_behind = false;
        let area = self.area()?;
        if self.terminal.get_frame().area() != area {
            self.terminal.resize(area)?;
        }
        view(&self.model, &mut self.terminal.get_frame());
        let drawn = self.terminal.current_buffer_mut();
        if canvas.last.as_ref() == Some(drawn) {
            drawn.reset();
            return Ok(());
        }
        canvas.last = Some(drawn.clone());
        canvas.next = Instant::now() + FRAME;
        self.terminal.apply_buffer()?;
        Ok(())
    }
}

async fn next<I: Stream + Unpin>(input: &mut I) -> Option<I::Item> {
    std::future::poll_fn(|context| Pin::new(&mut *input).poll_next(context)).await
}

/// A terminal that can't be read any more is gone.
fn from_terminal(event: Option<io::Result<Event>>) -> Came {
    match event {
        None | Some(Err(_)) => Came::End,
        Some(Ok(Event::Key(key))) if key.kind == KeyEventKind::Release => Came::Nothing,
        Some(Ok(Event::Key(key))) => Came::Input(Msg::Key(key)),
        Some(Ok(Event::Paste(text))) => Came::Input(Msg::Paste(text)),
        Some(Ok(Event::Mouse(mouse))) => Came::Input(Msg::Mouse(mouse)),
        Some(Ok(Event::Resize(..))) => Came::Resized,
        Some(Ok(_)) => Came::Nothing,
    }
}

/// The link ends only by a panic of its own; it goes on here, where the terminal is given back.
fn carried_on(ended: Result<(), tokio::task::JoinError>) -> Came {
    match ended {
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        _ => Came::End,
    }
}

async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}
