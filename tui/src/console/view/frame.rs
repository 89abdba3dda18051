//! The lines around every screen: the first two, that of a lost connection, and the last. They say
//! who and where, which screen, how the connection is, and what the keys do.

use std::time::Duration;

use jiff::tz::TimeZone;
use protocol::{ConfigView, Permission, Phase, ReloadOutcome, Severity, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::{Alignment, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::fitting::{fit, put, put_all, wrapped};
use crate::console::keys::{self, Action, Binding};
use crate::console::model::{Access, Connection, Input, Model, Screen};
use crate::console::operations::Operation;
use crate::console::theme::{Styles, symbol};
use crate::console::update::blocked;
use crate::words::narrow::{age, clock, minutes};
use crate::words::{known_count, printable};
use crate::zone::time_of_day;

type Parts = Vec<Vec<Span<'static>>>;

/// Who, how far, what is shut, which profile, which roles; on the right the connection, and what
/// one may do. How far and what is shut stay where other things have to go.
pub(crate) fn status(model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let area = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    let left = model.shown().map(|snapshot| left_parts(model, snapshot, styles));
    let matters = left.as_ref().map_or(0, |left| left.matters);
    let room = area.width.saturating_sub(matters + GAP);
    let right = fit(right_parts(model, styles), room, styles);
    let width = u16::try_from(right.width()).unwrap_or(area.width).min(area.width);
    let left_area = Rect { width: area.width.saturating_sub(width + GAP), ..area };
    if let Some(left) = left {
        put(buffer, left_area, &left.fit(left_area.width, styles));
    }
    put(buffer, area, &right.alignment(Alignment::Right));
}

/// Between the left and the right of a line.
const GAP: u16 = 1;

/// The left of the first line.
struct Left {
    name: String,
    version: String,
    /// How far, and what is shut.
    state: Parts,
    more: Parts,
    /// The width of the name and the state.
    matters: u16,
}

impl Left {
    /// The version goes first.
    fn fit(self, width: u16, styles: &Styles) -> Line<'static> {
        let Self { name, version, state, more, matters } = self;
        let version = format!(" {version}");
        let long = usize::from(matters) + Span::raw(version.as_str()).width();
        let version = if long <= usize::from(width) { version } else { String::new() };
        let name = vec![Span::styled(name + &version, styles.strong)];
        fit(std::iter::once(name).chain(state).chain(more), width, styles)
    }
}

fn left_parts(model: &Model, snapshot: &Snapshot, styles: &Styles) -> Left {
    let roles: Vec<String> = snapshot.roles.iter().map(|role| printable(role)).collect();
    let (words, phase) = (snapshot.phase_words(), snapshot.phase);
    let phase = match phase {
        // Anything more than the bare word is something to worry about.
        Phase::Serving if words == phase.as_str() => styles.good,
        _ => styles.warning,
    };
    let mut state = vec![vec![Span::styled(words, phase)]];
    // The Overview says it in its first lines, and more of it.
    if !model.screen.scene().says_what_is_shut() {
        state.extend(shut(snapshot).map(|words| vec![Span::styled(words, styles.warning)]));
    }
    let more = vec![
        vec![Span::raw(printable(&snapshot.env_type))],
        vec![Span::raw(roles.join("+"))],
        vec![Span::styled(format!("up {}", minutes(snapshot.uptime_s)), styles.quiet)],
    ];
    let name = printable(&snapshot.name);
    let dots = state.len() * Span::raw(symbol::DOT).width();
    let long =
        Span::raw(&name).width() + dots + state.iter().flatten().map(Span::width).sum::<usize>();
    let matters = u16::try_from(long).unwrap_or(u16::MAX);
    Left { name, version: printable(&snapshot.version), state, more, matters }
}

/// What an operator has shut.
fn shut(snapshot: &Snapshot) -> impl Iterator<Item = &'static str> {
    let controls = &snapshot.controls;
    let intake = match (&controls.intake, &controls.drain) {
        (_, Some(drain)) if drain.drained => Some("DRAINED"),
        (_, Some(_)) => Some("DRAINING"),
        (Some(switch), None) if switch.paused => Some("INTAKE PAUSED"),
        _ => None,
    };
    let consumption = controls.consumption.as_ref().filter(|switch| switch.paused);
    intake.into_iter().chain(consumption.map(|_| "CONSUMPTION PAUSED"))
}

fn right_parts(model: &Model, styles: &Styles) -> Vec<Vec<Span<'static>>> {
    let mut parts = Vec::new();
    if let Some(frozen) = &model.frozen {
        let text = format!("FROZEN at {}", clock(frozen.at));
        parts.push(vec![Span::styled(text, styles.warning)]);
    }
    let zone = if model.in_utc { &TimeZone::UTC } else { &model.zone };
    let clock = model.sale_now().and_then(|at| time_of_day(at, zone));
    parts.extend(clock.map(|clock| vec![Span::styled(clock, styles.text)]));
    parts.push(vec![connection(model, styles)]);
    let permission = model.you.as_ref().map(|you| you.permission);
    let may = match (model.access, permission) {
        (Access::ReadOnly, _) => "read-only",
        (_, Some(Permission::Operate)) => "operator",
        (_, Some(_)) => "view only",
        (_, None) => return parts,
    };
    parts.push(vec![Span::styled(may, styles.quiet)]);
    parts
}

fn connection(model: &Model, styles: &Styles) -> Span<'static> {
    match &model.connection {
        Connection::Up { since } => {
            let lasting = model.now.saturating_duration_since(*since);
            let text = match lasting.as_secs() {
                0..60 => "connected".to_owned(),
                _ => format!("connected {}", age(lasting)),
            };
            Span::styled(text, styles.good)
        }
        Connection::Connecting => Span::styled("connecting", styles.warning),
        Connection::Lost { .. } => {
            Span::styled(format!("{} disconnected", symbol::BAD), styles.bad)
        }
    }
}

/// The screens, the open one reversed; on the right, where there is room for it, the generation of
/// the configuration, with a sign when the last reload was refused.
pub(crate) fn tabs(model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let mut spans = vec![Span::raw(" ")];
    for (screen, digit) in Screen::ALL.into_iter().zip(1..) {
        let style =
            if screen == model.screen { styles.strong.patch(styles.selected) } else { styles.text };
        spans.push(Span::styled(format!("{digit} {}", screen.title()), style));
        spans.push(Span::raw(if area.width < 80 { " " } else { "   " }));
    }
    let tabs = Line::from(spans);
    // The blanks behind the last one are room, too.
    let taken = tabs.width().saturating_sub(if area.width < 80 { 1 } else { 3 });
    put(buffer, area, &tabs);
    let Some(config) = model.shown().and_then(|snapshot| generation(&snapshot.config, styles))
    else {
        return;
    };
    if taken + 1 + config.width() < usize::from(area.width) {
        let area = Rect { width: area.width.saturating_sub(1), ..area };
        put(buffer, area, &Line::from(config).alignment(Alignment::Right));
    }
}

/// `config 3`; nothing where an earlier daemon doesn't tell.
fn generation(config: &ConfigView, styles: &Styles) -> Option<Span<'static>> {
    let reload = config.last_reload.as_ref();
    match config.generation {
        0 => None,
        generation if reload.is_some_and(|reload| reload.outcome == ReloadOutcome::Refused) => {
            let text = format!("{} config {generation}", symbol::WARNING);
            Some(Span::styled(text, styles.warning))
        }
        generation => Some(Span::styled(format!("config {generation}"), styles.quiet)),
    }
}

/// Whom the console waits for, as long as it has seen no daemon.
pub(crate) fn waiting(model: &Model, styles: &Styles) -> Line<'static> {
    let text = match model.connection {
        Connection::Lost { .. } => format!(" no daemon yet at {}", printable(&model.socket)),
        _ => " waiting for the daemon's state".to_owned(),
    };
    Line::styled(text, styles.quiet)
}

/// The body of every screen as long as there is no state.
pub(crate) fn nothing_yet(model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let mut texts = vec![waiting(model, styles).to_string()];
    if let Connection::Lost { why, .. } = &model.connection {
        texts.push(printable(why));
        texts.push("It is looked for again and again; q quits.".to_owned());
    }
    let area = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    let lines = texts.iter().flat_map(|text| wrapped(text.trim_start(), area.width));
    put_all(buffer, area, lines.map(Line::raw));
}

/// How old the data is, why, and when it is tried again.
pub(crate) fn banner(model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let Connection::Lost { why, retry_at } = &model.connection else { return };
    let old = age(model.now.saturating_duration_since(model.heard));
    let wait = retry_at.saturating_duration_since(model.now) + Duration::from_millis(999);
    let retry = match wait.as_secs() {
        0 => "trying again".to_owned(),
        seconds => format!("trying again in {seconds}s"),
    };
    let what = match model.live {
        Some(_) => format!("NO CONNECTION, data is {old} old"),
        None => "NO DAEMON YET".to_owned(),
    };
    let (bad, dot) = (symbol::BAD, symbol::DOT);
    let text = format!(" {bad} {what}{dot}{retry}{dot}{}", printable(why));
    put(buffer, area, &Line::styled(text, styles.bad));
}

/// A message while there is one, else the filter that is typed, else what the keys do.
pub(crate) fn bottom(model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    let area = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    if let Some(toast) = &model.toast {
        let (sign, style) = severity(toast.severity, styles);
        let text = format!("{sign} {}", printable(&toast.text));
        put(buffer, area, &Line::styled(text, style));
    } else if let Some(input) = &model.typing {
        let what = model.screen.scene().filter_label();
        put(buffer, area, &typed(what, input, area.width, styles));
    } else {
        hints(model, styles, area, buffer);
    }
}

/// A severity's sign, and its style.
pub(crate) const fn severity(severity: Severity, styles: &Styles) -> (&'static str, Style) {
    match severity {
        Severity::Info => (symbol::GOOD, styles.good),
        Severity::Warning => (symbol::WARNING, styles.warning),
        Severity::Error => (symbol::BAD, styles.bad),
    }
}

/// A line that is typed, with its cursor; of one that is too long, the part that has the cursor. A
/// text that typing replaces is shown as selected.
pub(crate) fn typed(label: &str, input: &Input, width: u16, styles: &Styles) -> Line<'static> {
    let (before, after) = input.parts();
    let mut rest = after.chars();
    let under = rest.next().unwrap_or(' ');
    let room = usize::from(width).saturating_sub(Span::raw(label).width() + 2);
    let mut before = printable(before);
    while room < Span::raw(&before).width() {
        before.remove(0);
    }
    let style = if input.is_proposed() { styles.selected } else { styles.text };
    Line::from(vec![
        Span::styled(label.to_owned(), styles.quiet),
        Span::styled(before, style),
        Span::styled(printable(&under.to_string()), styles.selected),
        Span::raw(printable(rest.as_str())),
    ])
}

/// The hints that fit; the way to the others always does.
fn hints(model: &Model, styles: &Styles, area: Rect, buffer: &mut Buffer) {
    const HELP: &str = "? help";
    let help = if model.popups.is_empty() { HELP } else { "" };
    let room = area.width.saturating_sub(u16::try_from(help.len()).unwrap_or(0) + 2);
    let mut line = Line::default();
    for binding in keys::bindings(model.contexts()).filter(|binding| is_hinted(model, binding)) {
        let hint = hint(model, binding, styles);
        let long: usize = hint.iter().map(Span::width).sum();
        if usize::from(room) < line.width() + long {
            break;
        }
        line.spans.extend(hint);
        line.spans.push(Span::raw("  "));
    }
    line.spans.push(Span::styled(help, styles.key));
    put(buffer, area, &line);
}

/// Keys that change the daemon are gone with `--read-only`.
pub(crate) fn is_there(model: &Model, binding: &Binding) -> bool {
    model.access == Access::Full || !binding.action.changes_the_daemon()
}

fn is_hinted(model: &Model, binding: &Binding) -> bool {
    !binding.hint.is_empty() && is_there(model, binding)
}

fn hint(model: &Model, binding: &Binding, styles: &Styles) -> Vec<Span<'static>> {
    let key = binding.keys.first().map(ToString::to_string).unwrap_or_default();
    let what = match is_off(model, binding.action) {
        Some(true) => format!("resume {}", binding.hint),
        Some(false) => format!("pause {}", binding.hint),
        None => binding.hint.to_owned(),
    };
    if blocked(model, binding.action).is_some() {
        return vec![Span::styled(format!("{key} {what}"), styles.blocked)];
    }
    vec![Span::styled(key, styles.key), Span::raw(format!(" {what}"))]
}

/// For a switch, whether it is off.
fn is_off(model: &Model, action: Action) -> Option<bool> {
    let controls = &model.live.as_ref()?.controls;
    let switch = match action {
        Action::Operate(Operation::Intake) => controls.intake.as_ref(),
        Action::Operate(Operation::Consumption) => controls.consumption.as_ref(),
        _ => None,
    };
    switch.map(|switch| switch.paused)
}

/// A count with a style that says whether it should be 0.
pub(crate) fn worry(count: Option<u64>, styles: &Styles) -> Span<'static> {
    let style = if count.unwrap_or(0) == 0 { styles.text } else { styles.warning };
    Span::styled(known_count(count), style)
}
