//! The real loop on a screen that a test can look at, with keys from the test and a daemon that is
//! none. Waiting is for a condition, under one deadline.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crossterm::event::Event;
use futures_core::Stream;
use protocol::{PeerView, Snapshot};
use ratatui::Terminal;
use ratatui::backend::{Backend, ClearType, TestBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::fake::Fake;
use super::fixtures::{LOOKS, keys, lines_of};
use crate::console::app::App;
use crate::console::link::{Daemon, Link};
use crate::console::model::{Access, Model, RequestIds};
use crate::console::terminal::Tty;
use crate::place::{Surroundings, Whereabouts};

/// How long a test waits for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A screen whose content is published whenever it was written.
struct Screen {
    inner: TestBackend,
    shown: watch::Sender<String>,
    written: Arc<AtomicUsize>,
}

/// `TestBackend` can't fail.
fn sure<T>(result: Result<T, std::convert::Infallible>) -> io::Result<T> {
    result.map_err(|never| match never {})
}

impl Backend for Screen {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        sure(self.inner.draw(content))
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        sure(self.inner.hide_cursor())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        sure(self.inner.show_cursor())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        sure(self.inner.get_cursor_position())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        sure(self.inner.set_cursor_position(position))
    }

    fn clear(&mut self) -> io::Result<()> {
        sure(self.inner.clear())
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        sure(self.inner.clear_region(region))
    }

    fn size(&self) -> io::Result<Size> {
        sure(self.inner.size())
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        sure(self.inner.window_size())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.written.fetch_add(1, Ordering::SeqCst);
        self.shown.send_replace(lines_of(self.inner.buffer()));
        Ok(())
    }
}

/// Keys from a test; they end with the test.
struct Keys(mpsc::Receiver<Event>);

impl Stream for Keys {
    type Item = io::Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}

/// Counts what would be done to a terminal.
#[derive(Clone, Default)]
pub(crate) struct Calls {
    pub(crate) suspended: Arc<AtomicUsize>,
    pub(crate) copied: Arc<AtomicUsize>,
}

impl Tty for Calls {
    fn suspend(&mut self) -> io::Result<()> {
        self.suspended.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn copy(&mut self, _: &str) {
        self.copied.fetch_add(1, Ordering::SeqCst);
    }
}

/// A session.
pub(crate) struct Stage {
    pub(crate) fake: Fake,
    pub(crate) calls: Calls,
    keys: mpsc::Sender<Event>,
    end: Option<oneshot::Sender<()>>,
    shown: watch::Receiver<String>,
    written: Arc<AtomicUsize>,
    running: JoinHandle<io::Result<Model>>,
    _folder: TempDir,
}

impl Stage {
    pub(crate) async fn open(snapshot: Snapshot, you: PeerView) -> Self {
        Self::open_over(snapshot, you, |_| {}).await
    }

    /// Over a link that something is done to.
    pub(crate) async fn open_over(
        snapshot: Snapshot,
        you: PeerView,
        spoil: impl FnOnce(&mut Link),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("admin.sock");
        let fake = Fake::start(&socket, snapshot, you);
        let surroundings = Surroundings {
            named: None,
            user_run: None,
            term: None,
            run: folder.path().to_owned(),
            here: folder.path().to_owned(),
        };
        let whereabouts = Whereabouts { given: Some(socket.clone()), surroundings };
        let daemon = Daemon::new(whereabouts);
        let ids = RequestIds::new("test");
        let model = Model::new(LOOKS, Access::Full, daemon.place(), ids, Instant::now());
        let (shown_sender, shown) = watch::channel(String::new());
        let written = Arc::new(AtomicUsize::new(0));
        let inner = TestBackend::new(120, 40);
        let screen = Screen { inner, shown: shown_sender, written: written.clone() };
        let (keys, key_receiver) = mpsc::channel(64);
        let (end, ended) = oneshot::channel();
        let calls = Calls::default();
        let mut link = Link::spawn(daemon);
        spoil(&mut link);
        let app = App {
            model,
            terminal: Terminal::new(screen).unwrap(),
            input: Keys(key_receiver),
            link,
            tty: calls.clone(),
            fallback: Size::new(80, 24),
        };
        let running = tokio::spawn(app.run(async move {
            let _ = ended.await;
        }));
        let end = Some(end);
        Self { fake, calls, keys, end, shown, written, running, _folder: folder }
    }

    pub(crate) async fn press(&self, text: &str) {
        for key in keys(text) {
            self.send(Event::Key(key)).await;
        }
    }

    /// Waits until the question takes its answer.
    pub(crate) async fn rest(&mut self) {
        let rests = |screen: &str| {
            let asks = screen.contains("[ y  Yes ]") || screen.contains("and Enter, or Esc:");
            asks && !screen.contains("wait a moment")
        };
        self.until("a question at rest", rests).await;
    }

    pub(crate) async fn send(&self, event: Event) {
        self.keys.send(event).await.unwrap();
    }

    /// Waits until the screen shows this text.
    pub(crate) async fn see(&mut self, text: &str) -> String {
        self.until(&format!("{text:?} is shown"), |screen| screen.contains(text)).await
    }

    /// Waits until the screen doesn't show this text.
    pub(crate) async fn miss(&mut self, text: &str) -> String {
        self.until(&format!("{text:?} is gone"), |screen| !screen.contains(text)).await
    }

    async fn until(&mut self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let last = self.shown.clone();
        let seen = self.shown.wait_for(|screen| is_so(screen));
        match tokio::time::timeout(DEADLINE, seen).await {
            Ok(screen) => screen.expect("the console runs").clone(),
            Err(_) => panic!("never: {what}\n{}", *last.borrow()),
        }
    }

    /// How often the screen was written.
    pub(crate) fn written(&self) -> usize {
        self.written.load(Ordering::SeqCst)
    }

    /// Waits until the screen was written once more.
    pub(crate) async fn drawn_more_than(&mut self, before: usize) {
        let written = self.written.clone();
        self.until("drawn again", |_| before < written.load(Ordering::SeqCst)).await;
    }

    /// The terminal is gone: no key comes any more.
    pub(crate) fn hang_up(self) -> Self {
        let (keys, _) = mpsc::channel(1);
        Self { keys, ..self }
    }

    /// As a signal does.
    pub(crate) fn signal(&mut self) {
        self.end.take().unwrap().send(()).unwrap();
    }

    /// Waits for the console's end by a panic.
    pub(crate) async fn panicked(self) -> bool {
        let end = tokio::time::timeout(DEADLINE, self.running).await.expect("an end");
        end.is_err_and(|error| error.is_panic())
    }

    /// Waits for the console's end.
    pub(crate) async fn over(self) -> Model {
        tokio::time::timeout(DEADLINE, self.running).await.expect("an end").unwrap().unwrap()
    }
}
