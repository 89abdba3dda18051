//! From a key to what it does: the table says which action, the rest of `update` carries it out.

use crossterm::event::{KeyEvent, KeyEventKind};
use protocol::Severity;

use super::{actions, asking, gate, moving, popups};
use crate::console::keys::{self, Action, Context};
use crate::console::model::{Access, Connection, Details, Input, Model, Popup, Reveal};
use crate::console::msg::Effect;
use crate::console::operations::Operation;

pub(super) fn on_key(model: &mut Model, event: KeyEvent) -> Vec<Effect> {
    if event.kind == KeyEventKind::Release {
        return Vec::new();
    }
    let contexts = model.contexts();
    let action = keys::action(contexts, event);
    let ends = matches!(action, Some(Action::QuitNow | Action::Suspend));
    let is_heard = ends || model.is_small() || gate::hears(model, action);
    model.last_key = Some(model.now);
    if !is_heard {
        return Vec::new();
    }
    match action {
        Some(action) => act(model, action),
        None if contexts.contains(&Context::Typing) => popups::type_key(model, event),
        None => Vec::new(),
    }
}

fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    use Action as A;
    match action {
        A::QuitNow => return vec![Effect::Quit],
        A::Quit => return vec![Effect::Quit],
        A::Suspend => return vec![Effect::Suspend],
        A::Resubscribe => return resubscribe(model),
        A::Copy => return copy(model),
        A::Open => return model.screen.scene().open(model),
        A::RevealPhone => return reveal_phone(model),
        A::Up
        | A::Down
        | A::HalfUp
        | A::HalfDown
        | A::PageUp
        | A::PageDown
        | A::Top
        | A::Bottom => return moving::scroll(model, action),
        A::Yes | A::No | A::Press | A::OtherButton | A::Reason => {
            return popups::question(model, action);
        }
        A::Enter | A::Cancel | A::NextField | A::PreviousField | A::Clear => {
            return popups::typing(model, action);
        }
        A::Back => back(model),
        A::Help => model.popups.push(Popup::Help { scroll: 0.into() }),
        A::NextScreen => model.screen = model.screen.step(1),
        A::PreviousScreen => model.screen = model.screen.step(-1),
        A::Go(screen) => model.screen = screen,
        A::Freeze => freeze(model),
        A::Zone => model.in_utc ^= true,
        A::Filter => model.typing = Some(Input::proposing(&model.list().filter)),
        A::Sort => {
            let ways = model.screen.scene().ways_of_sorting(model);
            let list = model.list_mut();
            list.sort = (list.sort + 1) % ways;
        }
        A::Reverse => model.list_mut().reversed ^= true,
        A::OtherPane => model.screen.scene().go_to_other_list(model),
        A::Operate(operation) => ask_first(model, operation),
    }
    Vec::new()
}

/// Opens what asks before the daemon is changed, or says why it can't be. With `--read-only` the
/// keys mean nothing.
fn ask_first(model: &mut Model, operation: Operation) {
    if model.access == Access::ReadOnly {
        return;
    }
    match actions::question(model, operation) {
        Ok(popup) => gate::open(model, popup),
        Err(why) => model.say(Severity::Warning, why),
    }
}

/// One level up: the window, else the filter, else nothing.
fn back(model: &mut Model) {
    if model.popups.pop().is_some() {
        return;
    }
    model.screen.scene().clear_filter(model);
}

fn freeze(model: &mut Model) {
    model.frozen = match model.frozen.take() {
        Some(_) => None,
        None => model.live.clone(),
    };
}

/// A connection that is lost stays so on the screen until the first line comes.
fn resubscribe(model: &mut Model) -> Vec<Effect> {
    if model.is_connected() {
        model.connection = Connection::Connecting;
    }
    asking::forget_answers(model);
    vec![Effect::Resubscribe]
}

fn selected_id(model: &Model) -> Option<String> {
    if let Some(Popup::Details(Details::Order { order_id, .. })) = model.popups.last() {
        return Some(order_id.to_string());
    }
    model.screen.scene().id(model)
}

fn copy(model: &mut Model) -> Vec<Effect> {
    let Some(id) = selected_id(model) else { return Vec::new() };
    model.say(Severity::Info, format!("copied {id}"));
    vec![Effect::Copy(id)]
}

fn reveal_phone(model: &mut Model) -> Vec<Effect> {
    match model.popups.last_mut() {
        Some(Popup::Details(Details::Order { order_id, reveal, .. })) => {
            *reveal = Reveal::Phone;
            vec![asking::ask_history(order_id, Reveal::Phone)]
        }
        _ => Vec::new(),
    }
}
