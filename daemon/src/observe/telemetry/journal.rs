//! Entries for systemd's journal, in its own protocol: structured fields, texts of several lines,
//! large ones. Entries are made where the event happens and sent by the hand-over's thread, because
//! the journal's socket blocks once a dozen entries wait in it.
//!
//! `journalctl` and `systemctl status` show an entry's `MESSAGE` and none of its other fields, and
//! what an event is about often stands in its fields alone: `listening`. So the fields are written
//! behind the message as well. They stay fields of the journal as well, for `journalctl -o json`
//! and matches. Where the event came from is in the fields only.

use std::fmt::{Debug, Write};
use std::io::{self, IoSlice, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::net::{
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, sendmsg_addr,
};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::handover::{HandOver, Sink};

/// Where the journal listens.
const SOCKET: &str = "/run/systemd/journal/socket";
/// The program's name in the journal.
const IDENTIFIER: &str = "seckilld";
/// Fields are `SECKILL_ORDER_ID` and so on in the journal.
const FIELD_PREFIX: &str = "SECKILL_";
const MESSAGE: &str = "message";

/// The journal as the log's sink. Each entry finds its way by name, so that a journal that was
/// started again gets the next one.
pub(super) struct Journal(UnixDatagram);

impl Journal {
    /// Finds out whether the journal is there.
    pub(super) fn open() -> io::Result<Self> {
        // Connecting sends nothing, so it doesn't wait either.
        UnixDatagram::unbound()?.connect(SOCKET)?;
        Ok(Self(UnixDatagram::unbound()?))
    }
}

impl Sink for Journal {
    fn write(&mut self, entry: &[u8]) -> io::Result<()> {
        send(&self.0, entry, Path::new(SOCKET))
    }
}

/// Sends an entry. An entry that is too large for a datagram goes as a sealed file in memory, as
/// the journal wants it.
fn send(socket: &UnixDatagram, entry: &[u8], to: &Path) -> io::Result<()> {
    match socket.send_to(entry, to) {
        Ok(_) => return Ok(()),
        Err(error) if error.raw_os_error() == Some(TOO_LARGE) => {}
        Err(error) => return Err(error),
    }
    let file = memfd_create("log", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = std::fs::File::from(file);
    file.write_all(entry)?;
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    let files = [file.as_fd()];
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut attached = SendAncillaryBuffer::new(&mut room);
    attached.push(SendAncillaryMessage::ScmRights(&files));
    let to = SocketAddrUnix::new(to)?;
    sendmsg_addr(socket, &to, &[IoSlice::new(&[])], &mut attached, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// What the kernel says of a datagram that is too large.
const TOO_LARGE: i32 = rustix::io::Errno::MSGSIZE.raw_os_error();

/// Makes events into entries and leaves them in the hand-over.
pub(super) struct Entries(pub(super) HandOver);

impl<S: Subscriber> Layer<S> for Entries {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.0.leave(*event.metadata().level(), entry(event));
    }
}

/// An event as an entry.
fn entry(event: &Event<'_>) -> Vec<u8> {
    let metadata = event.metadata();
    let mut entry = Vec::with_capacity(512);
    put(&mut entry, "PRIORITY", priority(*metadata.level()));
    put(&mut entry, "TARGET", metadata.target());
    if let Some(file) = metadata.file() {
        put(&mut entry, "CODE_FILE", file);
    }
    if let Some(line) = metadata.line() {
        put(&mut entry, "CODE_LINE", &line.to_string());
    }
    put(&mut entry, "SYSLOG_IDENTIFIER", IDENTIFIER);
    let mut texts = Texts { entry, message: None, shown: String::new() };
    event.record(&mut texts);
    let Texts { mut entry, message, shown } = texts;
    if let Some(message) = message {
        put(&mut entry, "MESSAGE", &(message + &shown));
    }
    entry
}

/// The journal's own numbers of the priorities; an ordinary line is a "notice" there.
const fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "5",
        Level::DEBUG => "6",
        Level::TRACE => "7",
    }
}

/// Adds a field with the value's length before it, so that the value may hold anything.
fn put(entry: &mut Vec<u8>, name: &str, value: &str) {
    entry.extend_from_slice(name.as_bytes());
    entry.push(b'\n');
    entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
    entry.extend_from_slice(value.as_bytes());
    entry.push(b'\n');
}

/// An event's values on their way into an entry.
struct Texts {
    entry: Vec<u8>,
    /// What goes at the beginning of the entry's message.
    message: Option<String>,
    /// All but the message, each with a blank before it.
    shown: String,
}

impl Texts {
    fn take(&mut self, field: &Field, text: String) {
        if field.name() == MESSAGE {
            self.message = Some(text);
            return;
        }
        let name = field.name().trim_start_matches("r#");
        append(&mut self.shown, name, &text);
        put(&mut self.entry, &name_in_journal(name), &text);
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

/// A field's name as the journal takes it: capitals, digits and `_`.
fn name_in_journal(name: &str) -> String {
    let letters = name.chars().map(|letter| if letter == '.' { '_' } else { letter });
    let letters = letters.filter(|letter| *letter == '_' || letter.is_ascii_alphanumeric());
    FIELD_PREFIX.chars().chain(letters.map(|letter| letter.to_ascii_uppercase())).collect()
}

/// Adds ` name=value`. A value whose end or beginning could be mistaken is quoted as Rust does it,
/// so that a field never takes a second line.
fn append(line: &mut String, name: &str, value: &str) {
    let is_doubtful = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '=');
    // A `String` takes everything.
    let _ = match value.is_empty() || value.contains(is_doubtful) {
        true => write!(line, " {name}={value:?}"),
        false => write!(line, " {name}={value}"),
    };
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;
    use std::io::{self, Read};
    use std::os::unix::net::UnixDatagram;
    use std::sync::{Arc, Mutex};

    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
    use tracing::{Event, Subscriber, info, warn};
    use tracing_subscriber::layer::{Context, SubscriberExt};
    use tracing_subscriber::{Layer, registry};

    pub(in crate::observe::telemetry) type Fields = BTreeMap<String, String>;

    /// Keeps entries instead of sending them.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<Vec<u8>>>>);

    impl<S: Subscriber> Layer<S> for Kept {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.lock().unwrap().push(super::entry(event));
        }
    }

    /// What the journal would read of an entry.
    pub(in crate::observe::telemetry) fn read(mut entry: &[u8]) -> Fields {
        let mut fields = Fields::new();
        while !entry.is_empty() {
            let end = entry.iter().position(|byte| *byte == b'\n').unwrap();
            let name = std::str::from_utf8(&entry[..end]).unwrap();
            let (length, rest) = entry[end + 1..].split_first_chunk().unwrap();
            let (value, rest) =
                rest.split_at(usize::try_from(u64::from_le_bytes(*length)).unwrap());
            fields.insert(name.to_owned(), String::from_utf8(value.to_vec()).unwrap());
            entry = rest.strip_prefix(b"\n").unwrap();
        }
        fields
    }

    /// What the journal would get of the one event.
    fn entry(event: impl FnOnce()) -> Fields {
        let kept = Kept::default();
        tracing::subscriber::with_default(registry().with(kept.clone()), event);
        let [entry] = std::mem::take(&mut *kept.0.lock().unwrap()).try_into().unwrap();
        read(&entry)
    }

    fn message(event: impl FnOnce()) -> String {
        entry(event).remove("MESSAGE").unwrap()
    }

    #[test]
    fn fields_are_told_behind_the_message_and_stay_fields() {
        let fields = entry(|| {
            let (address, count) = ("127.0.0.1:8070", 7);
            warn!(target: "seckilld::here", role = "gateway", %address, count, on = true, "listening");
        });
        let wanted = [
            ("MESSAGE", "listening role=gateway address=127.0.0.1:8070 count=7 on=true"),
            ("PRIORITY", "4"),
            ("SECKILL_ADDRESS", "127.0.0.1:8070"),
            ("SECKILL_COUNT", "7"),
            ("SECKILL_ON", "true"),
            ("SECKILL_ROLE", "gateway"),
            ("SYSLOG_IDENTIFIER", "seckilld"),
            ("TARGET", "seckilld::here"),
        ];
        for (name, value) in wanted {
            assert_eq!(fields[name], value, "{name}");
        }
        assert!(fields["CODE_FILE"].ends_with("journal.rs"), "{fields:?}");
        assert!(fields["CODE_LINE"].parse::<u32>().is_ok(), "{fields:?}");
        assert_eq!(fields.len(), wanted.len() + 2, "{fields:?}");
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
        let fields = entry(|| info!(none, some = Some(5), r#type = "x", "m"));
        assert_eq!(fields["MESSAGE"], "m some=5 type=x");
        assert_eq!((&*fields["SECKILL_SOME"], &*fields["SECKILL_TYPE"]), ("5", "x"));
        assert!(!fields.contains_key("SECKILL_NONE"), "{fields:?}");
    }

    #[test]
    fn the_message_itself_is_as_it_was_given() {
        let two_lines = "two\nlines, \"quotes\" and = too";
        assert_eq!(message(|| info!("{two_lines}")), two_lines);
        assert_eq!(message(|| info!(lines = 2, "{two_lines}")), format!("{two_lines} lines=2"));
    }

    #[test]
    fn an_event_without_a_message_has_its_fields() {
        let fields = entry(|| info!(a.b = 1));
        assert_eq!(fields["SECKILL_A_B"], "1");
        assert!(!fields.contains_key("MESSAGE"), "{fields:?}");
    }

    #[test]
    fn what_is_too_large_for_a_datagram_comes_as_a_sealed_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let journal = UnixDatagram::bind(&path).unwrap();
        let socket = UnixDatagram::unbound().unwrap();
        let large = vec![b'x'; 8 << 20];
        super::send(&socket, &large, &path).unwrap();
        let mut room = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut attached = RecvAncillaryBuffer::new(&mut room);
        recvmsg(&journal, &mut [], &mut attached, RecvFlags::empty()).unwrap();
        let files = attached.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut files) => files.next(),
            _ => None,
        });
        let mut file = std::fs::File::from(files.unwrap());
        let mut came = Vec::new();
        io::Seek::rewind(&mut file).unwrap();
        file.read_to_end(&mut came).unwrap();
        assert!(came == large, "{} bytes came", came.len());
        let seals = rustix::fs::fcntl_get_seals(&file).unwrap();
        assert!(seals.contains(rustix::fs::SealFlags::WRITE), "{seals:?}");
    }
}
