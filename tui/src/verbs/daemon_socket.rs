//! Questions to the daemon and how their answers are printed: as the verb's table, or as the
//! daemon's own document with the fields that this version doesn't know. Commands are `command`'s.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hyper::StatusCode;
use protocol::{Address, Endpoint, RefusalCode, Snapshot};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::args::Shape;
use crate::client;
use crate::commands::Prompt;
use crate::exit::{Exit, NoAnswer, Refused};
use crate::words::{printable, printable_json, printable_lines};

/// What goes to standard output, and how to exit.
#[derive(Debug)]
pub(crate) struct Printed {
    /// The whole output.
    pub(crate) text: String,
    /// The exit code.
    pub(crate) exit: Exit,
}

impl Printed {
    /// An answer that is no reason to worry.
    pub(crate) const fn fine(text: String) -> Self {
        Self { text, exit: Exit::Fine }
    }
}

/// An answer, as it came and as we read it.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    /// As it came.
    pub(crate) document: Value,
    /// As we read it.
    pub(crate) view: T,
}

impl<T> Answer<T> {
    /// The output in the asked-for shape.
    pub(crate) fn print(&self, shape: Shape, table: impl FnOnce(&T) -> String) -> String {
        if shape.json { json(&self.document) } else { table(&self.view) }
    }
}

/// A document for people and programs, with its end of line; nothing in it moves a terminal.
pub(crate) fn json(document: &Value) -> String {
    printable_json(&format!("{document:#}\n"))
}

/// The daemon behind a socket.
#[derive(Debug)]
pub(crate) struct DaemonSocket {
    /// Its socket.
    pub(crate) socket: PathBuf,
}

impl DaemonSocket {
    /// Asks.
    ///
    /// # Errors
    /// The daemon can't be reached, or refuses.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        address: &Address,
    ) -> Result<Answer<T>, NoAnswer> {
        let (status, body) = client::get(&self.socket, address.as_str()).await?;
        answer(&self.socket, status, &body)
    }

    /// The whole state, as far as a question needs it.
    ///
    /// # Errors
    /// As for [`DaemonSocket::ask`].
    pub(crate) async fn state(&self) -> Result<Snapshot, NoAnswer> {
        self.ask(&Endpoint::Status.address()).await.map(|answer| answer.view)
    }

    /// The question of a command to the daemon as a whole, and which of several daemons is meant.
    pub(crate) fn named_in(&self, mut prompt: Prompt, state: &Snapshot) -> Prompt {
        let [name, profile] = [&state.name, &state.env_type].map(|text| printable(text));
        let socket = self.socket.display();
        prompt.lines.insert(0, format!("Daemon: {name}, profile {profile}, at {socket}."));
        prompt
    }
}

/// Reads an answer.
///
/// # Errors
/// It is a refusal, or none of a seckilld's.
pub(crate) fn answer<T: DeserializeOwned>(
    socket: &Path,
    status: StatusCode,
    body: &[u8],
) -> Result<Answer<T>, NoAnswer> {
    if status != StatusCode::OK {
        return Err(refusal(socket, status, body));
    }
    let document = serde_json::from_slice(body).map_err(|error| stranger(socket, &error))?;
    read(socket, document)
}

/// Reads a document that came, or was put together from what came.
///
/// # Errors
/// It is none of a seckilld's.
pub(crate) fn read<T: DeserializeOwned>(
    socket: &Path,
    document: Value,
) -> Result<Answer<T>, NoAnswer> {
    let view = T::deserialize(&document).map_err(|error| stranger(socket, &error))?;
    Ok(Answer { document, view })
}

/// What answers isn't what we know as a seckilld.
pub(crate) fn stranger(socket: &Path, error: &dyn std::fmt::Display) -> NoAnswer {
    NoAnswer::unreachable(socket, format!("what answers is no seckilld: {error}"))
}

/// A refusal is shown by its sentence. Its code may be one of a later version: then the status says
/// what kind of thing it is.
fn refusal(socket: &Path, status: StatusCode, body: &[u8]) -> NoAnswer {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let (Some(msg), Some(code)) = (document["msg"].as_str(), document["code"].as_str()) else {
        return NoAnswer::unreachable(socket, format!("the daemon answers {status}"));
    };
    let exit = match RefusalCode::ALL.into_iter().find(|known| known.as_str() == code) {
        Some(known) => Exit::of_refusal(known),
        None if status.is_server_error() => Exit::Later,
        None => Exit::Refused,
    };
    NoAnswer::Refused(Box::new(Refused {
        sentence: format!("{msg} ({code})"),
        msg: msg.to_owned(),
        code: code.to_owned(),
        data: document["data"].clone(),
        exit,
    }))
}

/// Says something beside the data.
pub(crate) fn talk(sentence: &str) {
    // When not even that can be written there is nobody to tell.
    let _ = writeln!(io::stderr(), "seckillctl: {}", printable_lines(sentence));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use hyper::StatusCode;
    use protocol::RefusalCode;

    use super::answer;
    use crate::exit::Exit;

    fn exit_of(status: u16, code: &str) -> Exit {
        let body = serde_json::json!({ "code": code, "msg": "no", "data": null }).to_string();
        let status = StatusCode::from_u16(status).unwrap();
        answer::<()>(Path::new("s"), status, body.as_bytes()).unwrap_err().exit()
    }

    #[test]
    fn each_refusal_has_its_exit() {
        let expected = [
            ("bad_request", Exit::Usage),
            ("not_permitted", Exit::NotPermitted),
            ("not_found", Exit::NotFound),
            ("method_not_allowed", Exit::Usage),
            ("stale_version", Exit::Refused),
            ("request_id_reused", Exit::Refused),
            ("product_exists", Exit::Refused),
            ("not_enough_stock", Exit::Refused),
            ("not_resendable", Exit::Refused),
            ("wrong_role", Exit::Refused),
            ("config_faulty", Exit::Refused),
            ("restart_needed", Exit::Refused),
            ("ambiguous", Exit::Usage),
            ("sale_is_open", Exit::Refused),
            ("stopping", Exit::Later),
            ("too_large", Exit::Usage),
            ("store_failed", Exit::Later),
            ("timed_out", Exit::Later),
            ("internal", Exit::Fault),
        ];
        for (code, (text, exit)) in RefusalCode::ALL.into_iter().zip(expected) {
            assert_eq!(code.as_str(), text);
            assert_eq!(exit_of(code.status(), text), exit, "{text}");
        }
    }

    #[test]
    fn a_later_daemons_refusal_is_told_by_its_status() {
        assert_eq!(exit_of(409, "of_a_later_version"), Exit::Refused);
        assert_eq!(exit_of(503, "of_a_later_version"), Exit::Later);
    }
}
