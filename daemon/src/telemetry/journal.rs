//! Lines for the journal. `journalctl` and `systemctl status` show an entry's `MESSAGE` and none of
//! its other fields, and what an event is about often stands in its fields alone: `listening`. So
//! they are told behind the message as well. As the journal's own fields they stay, for
//! `journalctl -o json` and matches; where the event came from is in those only.

use std::fmt::{Debug, Write};

use tracing::field::{Field, Value, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

const MESSAGE: &str = "message";

/// Hands events on with their fields told in the message, as `listening role=order`.
///
/// An event without a message goes on as it is: it has no place for the text. Of a layer's
/// questions only those are passed on that the journal's layer answers in a way of its own.
#[derive(Debug)]
pub(super) struct FieldsInMessage<L>(pub(super) L);

impl<S: Subscriber, L: Layer<S>> Layer<S> for FieldsInMessage<L> {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        self.0.on_new_span(attributes, id, context);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        self.0.on_record(id, values, context);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let fields = metadata.fields();
        let Some(message) = fields.field(MESSAGE) else {
            return self.0.on_event(event, context);
        };
        let mut texts = Texts { values: vec![None; fields.len()], told: String::new() };
        event.record(&mut texts);
        texts.values[message.index()].get_or_insert_default().push_str(&texts.told);
        let values: Vec<Option<&dyn Value>> =
            texts.values.iter().map(|text| text.as_ref().map(|text| text as &dyn Value)).collect();
        // Hidden from tracing's documentation, but what its own macros make of every event.
        let values = fields.value_set_all(&values);
        let told = match event.is_contextual() {
            true => Event::new(metadata, &values),
            false => Event::new_child_of(event.parent().cloned(), metadata, &values),
        };
        self.0.on_event(&told, context);
    }
}

/// An event's values, each as the journal would be given it.
struct Texts {
    /// By the fields' numbers.
    values: Vec<Option<String>>,
    /// All but the message, each with a blank before it.
    told: String,
}

impl Texts {
    fn take(&mut self, field: &Field, text: String) {
        if field.name() != MESSAGE {
            tell(&mut self.told, field.name(), &text);
        }
        if let Some(value) = self.values.get_mut(field.index()) {
            *value = Some(text);
        }
    }
}

impl Visit for Texts {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.take(field, format!("{value:?}"));
    }
}

/// Adds ` name=value`. A value whose end or beginning could be mistaken is quoted as Rust does it,
/// so that a field never takes a second line.
fn tell(line: &mut String, name: &str, value: &str) {
    let name = name.trim_start_matches("r#");
    let is_doubtful = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '=');
    // A `String` takes everything.
    let _ = match value.is_empty() || value.contains(is_doubtful) {
        true => write!(line, " {name}={value:?}"),
        false => write!(line, " {name}={value}"),
    };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Debug;
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing::field::{Field, Visit};
    use tracing::{Event, Level, Subscriber, info, warn};
    use tracing_subscriber::layer::{Context, SubscriberExt};
    use tracing_subscriber::{Layer, registry};

    use super::FieldsInMessage;

    type Fields = BTreeMap<String, String>;

    /// Stands in for the journal's layer.
    #[derive(Clone, Default)]
    struct Journal(Arc<Mutex<Vec<(Level, String, Fields)>>>);

    impl<S: Subscriber> Layer<S> for Journal {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let mut fields = Read::default();
            event.record(&mut fields);
            let metadata = event.metadata();
            let entry = (*metadata.level(), metadata.target().to_owned(), fields.0);
            self.0.lock().unwrap().push(entry);
        }
    }

    #[derive(Default)]
    struct Read(Fields);

    impl Visit for Read {
        fn record_str(&mut self, field: &Field, value: &str) {
            self.0.insert(field.name().to_owned(), value.to_owned());
        }

        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            self.0.insert(field.name().to_owned(), format!("{value:?}"));
        }
    }

    /// What the journal would get of the one event.
    fn entry(event: impl FnOnce()) -> (Level, String, Fields) {
        let journal = Journal::default();
        let subscriber = registry().with(FieldsInMessage(journal.clone()));
        tracing::subscriber::with_default(subscriber, event);
        let [entry] = std::mem::take(&mut *journal.0.lock().unwrap()).try_into().unwrap();
        entry
    }

    fn message(event: impl FnOnce()) -> String {
        entry(event).2.remove("message").unwrap()
    }

    #[test]
    fn fields_are_told_behind_the_message_and_stay_fields() {
        let (level, target, fields) = entry(|| {
            let (address, count) = ("127.0.0.1:8070", 7);
            warn!(target: "seckilld::here", role = "gateway", %address, count, on = true, "listening");
        });
        assert_eq!((level, target.as_str()), (Level::WARN, "seckilld::here"));
        let wanted = [
            ("address", "127.0.0.1:8070"),
            ("count", "7"),
            ("message", "listening role=gateway address=127.0.0.1:8070 count=7 on=true"),
            ("on", "true"),
            ("role", "gateway"),
        ];
        let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(fields, Fields::from(wanted));
    }

    #[test]
    fn a_value_is_quoted_only_where_it_could_be_mistaken() {
        let error = io::Error::other("disk full");
        assert_eq!(message(|| warn!(%error, "not stored")), r#"not stored error="disk full""#);
        assert_eq!(message(|| info!(name = "华为MATE20", "m")), "m name=华为MATE20");
        assert_eq!(message(|| info!(phone = "152****8881", "m")), "m phone=152****8881");
        assert_eq!(message(|| info!(empty = "", "m")), r#"m empty="""#);
        assert_eq!(message(|| info!(sum = "a=b", "m")), r#"m sum="a=b""#);
        assert_eq!(message(|| info!(word = ?"x", "m")), r#"m word="\"x\"""#);
        assert_eq!(message(|| info!(lines = "a\nb\x1b[2J", "m")), r#"m lines="a\nb\u{1b}[2J""#);
    }

    #[test]
    fn absent_values_are_left_out_and_raw_names_lose_their_mark() {
        let none: Option<u32> = None;
        let (_, _, fields) = entry(|| info!(none, some = Some(5), r#type = "x", "m"));
        assert_eq!(fields["message"], "m some=5 type=x");
        assert!(!fields.contains_key("none"), "{fields:?}");
    }

    #[test]
    fn the_message_itself_is_as_it_was_given() {
        let two_lines = "two\nlines, \"quotes\" and = too";
        assert_eq!(message(|| info!("{two_lines}")), two_lines);
        assert_eq!(message(|| info!(lines = 2, "{two_lines}")), format!("{two_lines} lines=2"));
    }

    #[test]
    fn an_event_without_a_message_goes_on_as_it_is() {
        let (_, _, fields) = entry(|| info!(a = 1));
        assert_eq!(fields, Fields::from([("a".to_owned(), "1".to_owned())]));
    }
}
