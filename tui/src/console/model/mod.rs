//! All that the console knows: the daemon's state as the shared reducer made it, what was asked for
//! beside it, and where the operator is. It is changed by `update` alone and does nothing itself.
//!
//! What only drawing can know (how many rows fit) is kept in cells that `view` fills.

mod input;
mod list;
mod orders;
mod popup;
mod question;

use std::cell::Cell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use ratatui::layout::Size;

use protocol::{
    DeadLetterView, EpochMs, NOTABLES_MAX, Notable, NotableKind, PeerView, Severity, Snapshot,
};

pub(crate) use input::Input;
pub(crate) use list::List;
pub(crate) use orders::{Orders, OrdersFilter};
pub(crate) use popup::{Details, Field, Form, FormKind, History, Popup, Reveal};
pub(crate) use question::{
    ALONE, Button, Cursor, Dropped, Fact, Patience, QUIET, Question, Seen, Subject,
};

use super::keys::Context;
use super::looks::Looks;
pub(crate) use super::screens::Screen;

/// Less than this and lines lose what matters: such a screen shows the headline, and no action is
/// taken on it.
pub(crate) const WIDTH_MIN: u16 = 60;
pub(crate) const HEIGHT_MIN: u16 = 20;

/// How long a message stays in the bottom line.
pub(crate) const TOAST_LASTS: Duration = Duration::from_secs(5);

/// Whether this console may change the daemon at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// As far as the daemon lets it.
    Full,
    /// `--read-only`.
    ReadOnly,
}

/// How the stream of events is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Connection {
    /// Asked for; its first line is awaited, and any other is of a stream that was given up.
    Connecting,
    /// Lines come.
    Up { since: Instant },
    /// It broke.
    Lost { why: String, retry_at: Instant },
}

/// A message in the bottom line.
#[derive(Debug, Clone)]
pub(crate) struct Toast {
    pub(crate) text: String,
    pub(crate) severity: Severity,
    pub(crate) until: Instant,
}

/// Makes a new `request_id` for each command.
#[derive(Debug)]
pub(crate) struct RequestIds {
    run: String,
    next: u64,
}

impl RequestIds {
    /// `run` tells the runs of the console apart.
    pub(crate) fn new(run: &str) -> Self {
        Self { run: run.to_owned(), next: 1 }
    }

    pub(crate) fn take(&mut self) -> String {
        let id = format!("console-{}-{}", self.run, self.next);
        self.next += 1;
        id
    }
}

/// Which list of the Queue screen has the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pane {
    DeadLetters,
    Queues,
}

/// The dead letters that were loaded.
#[derive(Debug, Default)]
pub(crate) struct DeadLetters {
    /// `None` until they were.
    pub(crate) rows: Option<Vec<DeadLetterView>>,
    pub(crate) total: u64,
    /// The number of the newest that there was then, among those loaded or not.
    pub(crate) newest: Option<u64>,
    /// Why they couldn't be loaded.
    pub(crate) fault: Option<String>,
    /// The count of the snapshot for which they were asked for last.
    pub(crate) asked_for: Option<u64>,
    pub(crate) list: List,
}

/// All that the console knows.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) looks: Looks,
    pub(crate) access: Access,
    /// Where the daemon is, or is looked for.
    pub(crate) socket: String,
    /// The moment of the message that is being handled, or was last.
    pub(crate) now: Instant,
    /// The zone of the clock in the first line.
    pub(crate) zone: TimeZone,
    /// Whether that clock shows UTC instead.
    pub(crate) in_utc: bool,
    pub(crate) connection: Connection,
    /// The daemon's state; `None` only until the first line came.
    pub(crate) live: Option<Box<Snapshot>>,
    /// When the daemon was heard last.
    pub(crate) heard: Instant,
    pub(crate) you: Option<PeerView>,
    /// The state that is drawn while the display stands still.
    pub(crate) frozen: Option<Box<Snapshot>>,
    /// The size of the screen as it was drawn last; `None` until it was, and again after it has
    /// changed.
    pub(crate) drawn: Cell<Option<Size>>,
    /// When a key came last.
    pub(crate) last_key: Option<Instant>,
    /// Until when keys are dropped: they were meant for a question that was withdrawn.
    pub(crate) deaf_until: Option<Instant>,
    pub(crate) screen: Screen,
    pub(crate) products: List,
    pub(crate) orders: Orders,
    pub(crate) pane: Pane,
    pub(crate) queues: List,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) gateway: List,
    pub(crate) events: List,
    /// Open windows, the topmost last.
    pub(crate) popups: Vec<Popup>,
    /// The filter that is being typed.
    pub(crate) typing: Option<Input>,
    pub(crate) toast: Option<Toast>,
    /// What this console has noticed itself, oldest first; at most [`NOTABLES_MAX`].
    pub(crate) notes: VecDeque<Notable>,
    pub(crate) ids: RequestIds,
}

impl Model {
    pub(crate) fn new(
        looks: Looks,
        access: Access,
        socket: String,
        ids: RequestIds,
        now: Instant,
    ) -> Self {
        Self {
            looks,
            access,
            socket,
            now,
            zone: TimeZone::UTC,
            in_utc: false,
            connection: Connection::Connecting,
            live: None,
            heard: now,
            you: None,
            frozen: None,
            drawn: Cell::new(None),
            last_key: None,
            deaf_until: None,
            screen: Screen::Overview,
            products: List::default(),
            orders: Orders::default(),
            pane: Pane::DeadLetters,
            queues: List::default(),
            dead_letters: DeadLetters::default(),
            gateway: List::default(),
            events: List { at_end: true, ..List::default() },
            popups: Vec::new(),
            typing: None,
            toast: None,
            notes: VecDeque::new(),
            ids,
        }
    }

    /// The state that is drawn: the frozen one while the display is frozen.
    pub(crate) fn shown(&self) -> Option<&Snapshot> {
        self.frozen.as_deref().or(self.live.as_deref())
    }

    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.connection, Connection::Up { .. })
    }

    /// Whether the screen is too small for more than the headline.
    pub(crate) fn is_small(&self) -> bool {
        self.drawn.get().is_some_and(|size| size.width < WIDTH_MIN || size.height < HEIGHT_MIN)
    }

    /// What was drawn isn't there any more.
    pub(crate) fn forget_drawing(&self) {
        self.drawn.set(None);
        for list in Screen::ALL.iter().flat_map(|screen| screen.scene().lists(self)) {
            list.marked.replace(None);
        }
        for popup in &self.popups {
            if let Popup::Question(question) = popup {
                question.seen.set(Seen::Nothing);
            }
        }
    }

    /// The question that is to be answered.
    pub(crate) fn question(&self) -> Option<&Question> {
        match self.popups.last() {
            Some(Popup::Question(question)) => Some(question),
            _ => None,
        }
    }

    pub(crate) fn question_mut(&mut self) -> Option<&mut Question> {
        match self.popups.last_mut() {
            Some(Popup::Question(question)) => Some(question),
            _ => None,
        }
    }

    /// Takes the question away that is to be answered.
    pub(crate) fn pop_question(&mut self) -> Option<Box<Question>> {
        match self.popups.pop_if(|popup| matches!(popup, Popup::Question(_)))? {
            Popup::Question(question) => Some(question),
            _ => None,
        }
    }

    /// The contexts whose keys are in force, the narrowest first.
    pub(crate) fn contexts(&self) -> &'static [Context] {
        use Context as C;
        if self.is_small() {
            return &[C::Small, C::Anywhere];
        }
        if self.typing.is_some() {
            return &[C::Typing, C::Anywhere];
        }
        match self.popups.last() {
            None => self.screen.scene().contexts(),
            Some(Popup::Details(Details::Order { .. })) => {
                &[C::Order, C::Window, C::Moving, C::Anywhere]
            }
            Some(Popup::Help { .. } | Popup::Details(_)) => &[C::Window, C::Moving, C::Anywhere],
            Some(Popup::Question(asked)) if asked.is_typed_into() => &[C::Typing, C::Anywhere],
            Some(Popup::Form(_)) => &[C::Typing, C::Anywhere],
            Some(Popup::Question(_)) => &[C::Question, C::Anywhere],
        }
    }

    /// The list that the cursor keys move in.
    pub(crate) fn list(&self) -> &List {
        self.screen.scene().list(self)
    }

    pub(crate) fn list_mut(&mut self) -> &mut List {
        self.screen.scene().list_mut(self)
    }

    /// Says what became of a command in the bottom line, and keeps it in the events. A key that
    /// can't be used is only said.
    pub(crate) fn tell(&mut self, severity: Severity, text: String) {
        self.note(NotableKind::Audit, severity, text.clone());
        self.say(severity, text);
    }

    /// Says it in the bottom line.
    pub(crate) fn say(&mut self, severity: Severity, text: String) {
        self.toast = Some(Toast { text, severity, until: self.now + TOAST_LASTS });
    }

    /// Keeps it in the events.
    pub(crate) fn note(&mut self, kind: NotableKind, severity: Severity, text: String) {
        if self.notes.len() == NOTABLES_MAX {
            self.notes.pop_front();
        }
        let at = self.daemon_time();
        self.notes.push_back(Notable { id: 0, at, kind, severity, text });
    }

    /// The daemon's clock, as far as it can be told from its last line: this console's own notes
    /// stand among the daemon's, and two machines' clocks never agree.
    pub(crate) fn daemon_time(&self) -> EpochMs {
        let at = self.live.as_ref().map_or(EpochMs(0), |snapshot| snapshot.at);
        let since = self.now.saturating_duration_since(self.heard).as_millis();
        EpochMs(at.0.saturating_add(i64::try_from(since).unwrap_or(i64::MAX)))
    }

    /// When the question has rested for long enough to be answered, or its answer to be carried
    /// out, if it hasn't. While it can't be seen that doesn't come.
    pub(crate) fn rest_at(&self) -> Option<Instant> {
        let question = self.question()?;
        if let Some(yes) = question.said_yes {
            return Some(yes + ALONE);
        }
        if question.patience == Patience::Rested || question.seen.get() != Seen::Whole {
            return None;
        }
        let Some(seen) = question.in_sight else { return Some(self.now) };
        Some(self.last_key.map_or(seen, |key| key.max(seen)) + QUIET)
    }

    /// What the sale's clock shows at the daemon; `None` while it isn't heard.
    pub(crate) fn sale_now(&self) -> Option<EpochMs> {
        let told = self.live.as_ref().filter(|_| self.is_connected())?.sale_at();
        let since = self.now.saturating_duration_since(self.heard).as_millis();
        Some(EpochMs(told.0.saturating_add(i64::try_from(since).unwrap_or(i64::MAX))))
    }

    /// When something on the screen changes by the clock alone: once a second, as the first line
    /// has a clock.
    pub(crate) fn next_moment(&self) -> Option<Instant> {
        let second = Duration::from_secs(1);
        let into_it = self.sale_now().map_or(0, |at| at.0.rem_euclid(1_000).unsigned_abs());
        let clock = Some(self.now + second.saturating_sub(Duration::from_millis(into_it)));
        let toast = self.toast.as_ref().map(|toast| toast.until);
        clock.into_iter().chain(toast).chain(self.rest_at()).min()
    }
}
