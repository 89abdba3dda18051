//! What the client's errors say: whether nothing can have reached the broker or nobody knows, and
//! in words what went wrong. Pure; whatever isn't proven definite here, or by the table of
//! `answers.rs`, is unknown.

use std::error::Error;

use rocketmq_client_rust::{ClientError, MQClientException};

use super::Blame;
use super::answers::{Kept, meaning};

/// The client's own codes for "I found nobody to send it to", with what each says. It gives them
/// before it sends.
const NOBODY: [(i32, &str); 4] = [
    (17, "the name servers know no broker for the topic"),
    (10_003, "no broker takes orders for the topic: none has a queue of it that may be written to"),
    (10_004, "no name server is configured"),
    (10_005, "the name servers know no broker for the topic"),
];
/// The client's own code for a message that it doesn't send: larger than 4 MiB, or empty. A batch
/// is one message to it. It checks before it sends.
const NOT_SENDABLE: i32 = 13;
/// The catalogue's code for an error that the client raised about what it was given.
const ARGUMENT: &str = "core.argument.invalid";
/// The catalogue's code for a broker's answer that is an error.
const REFUSED: &str = "broker.operation.failed";

/// The parts of a client error that say anything. Its text is redacted; these parts aren't.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// The catalogue's code, such as `transport.connection.failed`.
    pub(super) code: String,
    /// How far the request got, where the error says so.
    pub(super) phase: Option<String>,
    /// The broker's response code, or the row that `answers.rs` has for it.
    pub(super) broker_code: Option<i32>,
    /// `HOST:PORT` of the broker that answered, where the error names it.
    pub(super) broker: Option<String>,
    /// The client's code from below the catalogue's.
    pub(super) client_code: Option<i32>,
    /// The texts of the causes, outermost first.
    pub(super) texts: String,
}

impl Facts {
    pub(super) fn of(error: &ClientError) -> Self {
        Self {
            code: error.descriptor().code().to_string(),
            phase: phase(error),
            broker_code: error.broker_response_code(),
            broker: error.broker_addr().map(str::to_owned),
            client_code: error
                .source_ref::<MQClientException>()
                .map(MQClientException::response_code),
            texts: texts(error),
        }
    }

    /// Whether the message is certainly not in the queue and never will be by this send.
    pub(super) fn is_definite(&self) -> bool {
        // A refused connect, a session that closed (perhaps after the write) and a cancelled
        // request all carry the same code: only the phase distinguishes them.
        if matches!(self.phase.as_deref(), Some("connect" | "before_write")) {
            return true;
        }
        match self.code.as_str() {
            "transport.admission.queue_saturated" => true,
            ARGUMENT => self.nobody().is_some() || self.is_not_sendable(),
            REFUSED => self.answer().is_some_and(|code| meaning(code).kept == Kept::No),
            _ => false,
        }
    }

    /// Whose fault it is.
    pub(super) fn blame(&self) -> Blame {
        match self.answer() {
            _ if self.code == ILLEGAL || self.is_not_sendable() => Blame::Order,
            Some(code) => meaning(code).blame,
            None => Blame::Queue,
        }
    }

    /// The broker's answer, where it is what failed.
    pub(super) fn answer(&self) -> Option<i32> {
        self.broker_code.filter(|_| self.code == REFUSED)
    }

    /// What the client says where it found nobody to send to.
    pub(super) fn nobody(&self) -> Option<&'static str> {
        let code = self.client_code.filter(|_| self.code == ARGUMENT)?;
        NOBODY.iter().find(|(known, _)| *known == code).map(|(_, words)| *words)
    }

    /// Whether the client itself found the message, or the batch as a whole, illegal.
    fn is_not_sendable(&self) -> bool {
        self.code == ARGUMENT && self.client_code == Some(NOT_SENDABLE)
    }

    /// Whether the way to the broker is in doubt, so that it is worth looking at.
    pub(super) fn doubts_the_way(&self) -> bool {
        self.code.starts_with("transport.") && self.code != "transport.admission.queue_saturated"
            || self.code == "core.operation.timed_out"
            || self.code == UNENDED
    }

    /// A sentence on what is wrong. A broker's answer has its own in `answers.rs`.
    pub(super) fn sentence(&self) -> String {
        if let Some(words) = self.words() {
            return words;
        }
        let mut sentence = self.code.clone();
        if let Some(phase) = &self.phase {
            sentence.push_str(&format!(" ({phase})"));
        }
        if let Some(code) = self.broker_code.or(self.client_code) {
            sentence.push_str(&format!(" code {code}"));
        }
        if !self.texts.is_empty() {
            sentence.push_str(": ");
            sentence.push_str(&self.texts);
        }
        sentence
    }

    /// The client's codes in words, as far as they are met.
    fn words(&self) -> Option<String> {
        let words = match (self.code.as_str(), self.phase.as_deref()) {
            (UNSENT | ILLEGAL | UNENDED, _) => return Some(self.texts.clone()),
            (ARGUMENT, _) if self.is_not_sendable() => {
                "the message is larger than the 4 MiB that the client sends, or empty"
            }
            (ARGUMENT, _) => self.nobody()?,
            ("transport.connection.failed" | "transport.session.failed", phase) => match phase {
                Some("connect") => "no connection to it can be made",
                Some("before_write") => "the connection broke before anything was sent",
                _ => "the connection broke before an answer came",
            },
            ("transport.connection.timeout", _) => "no connection to it was made in time",
            ("transport.response.timeout" | "core.operation.timed_out", _) => {
                "no answer came in time"
            }
            ("transport.write.timeout", _) => "the connection took no more bytes in time",
            ("transport.admission.queue_saturated", _) => {
                "more requests are under way than a connection takes"
            }
            ("transport.dns.failed", _) => "its name can't be resolved",
            ("transport.endpoint.invalid", _) => "its address is none",
            (
                "core.serialization.failed" | "protocol.body.invalid" | "protocol.header.invalid",
                _,
            ) => "its answer can't be read: it speaks another version of the protocol",
            (code, _) if code.starts_with("client.lifecycle.") => {
                "the client is being stopped or replaced"
            }
            (REFUSED, _) => return Some(format!("it answers with error code {}", self.answer()?)),
            _ => return None,
        };
        Some(words.to_owned())
    }
}

/// The code of a failure of ours before the client was asked.
pub(super) const UNSENT: &str = "unsent";
/// The code of an order that makes no message.
pub(super) const ILLEGAL: &str = "unsent.illegal";
/// The code of a failure to learn how a send ended.
pub(super) const UNENDED: &str = "unended";

/// Whether a broker's remark speaks of accounts and permissions.
pub(super) fn says_acl(remark: &str) -> bool {
    let remark = remark.to_ascii_lowercase();
    ["acl", "permission", "signature", "accesskey"].iter().any(|word| remark.contains(word))
}

fn phase(error: &ClientError) -> Option<String> {
    let view = error.diagnostic_view().ok()?;
    let mut fields = view.fields();
    fields.find_map(|field| match field.value() {
        rocketmq_error::ViewValueRef::Text(text) if field.name() == "phase" => {
            Some(text.to_owned())
        }
        _ => None,
    })
}

fn texts(error: &ClientError) -> String {
    // Bounded: a chain of causes is never this long, and a loop in one must not hang us.
    const CAUSES_MAX: usize = 8;
    let mut texts: Vec<String> = Vec::new();
    let mut current: Option<&(dyn Error + 'static)> = Some(error);
    for _ in 0..CAUSES_MAX {
        let Some(cause) = current else { break };
        let text = cause.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        current = cause.source();
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use rocketmq_client_rust::{ClientError, MQBrokerException, MQClientException};

    use super::{Blame, Facts, says_acl};
    use crate::answers::marked;

    fn transport(code: &str, phase: Option<&str>) -> Facts {
        Facts { code: code.to_owned(), phase: phase.map(str::to_owned), ..Facts::default() }
    }

    #[test]
    fn only_a_phase_before_the_write_makes_a_lost_connection_definite() {
        for (phase, definite) in [
            (Some("connect"), true),
            (Some("before_write"), true),
            (Some("writing"), false),
            (Some("awaiting_response"), false),
            (Some("closed"), false),
            (None, false),
        ] {
            let facts = transport("transport.connection.failed", phase);
            assert_eq!(facts.is_definite(), definite, "{phase:?}");
            assert!(facts.doubts_the_way());
        }
    }

    #[test]
    fn a_timed_out_response_is_unknown_and_a_full_lane_is_definite() {
        assert!(!transport("transport.response.timeout", None).is_definite());
        assert!(!transport("core.operation.timed_out", None).is_definite());
        let full = transport("transport.admission.queue_saturated", None);
        assert!(full.is_definite());
        assert!(!full.doubts_the_way());
    }

    #[test]
    fn a_brokers_answer_is_judged_by_the_table() {
        let refused = |code, text: &str| {
            let facts = Facts::of(&ClientError::from(MQBrokerException::new(code, text)));
            (facts.is_definite(), facts.blame())
        };
        assert_eq!(refused(16, "User:someone has no permission"), (true, Blame::Queue));
        assert_eq!(refused(13, "message too long"), (true, Blame::Order));
        assert_eq!(refused(17, "no such topic"), (true, Blame::Queue));
        assert_eq!(refused(14, "service not available now"), (true, Blame::Queue));
        assert_eq!(refused(1, "store failed"), (false, Blame::Queue));
        assert_eq!(refused(2, "busy"), (false, Blame::Queue));
        let busy = marked(2, "[REJECTREQUEST]system busy");
        assert_eq!(refused(busy, ""), (true, Blame::Queue));
    }

    #[test]
    fn nobody_to_send_to_is_definite_and_told_in_words() {
        let local = |code| {
            Facts::of(&ClientError::from(MQClientException::new_with_code(code, "no route")))
        };
        for code in [17, 10_003, 10_004, 10_005] {
            let facts = local(code);
            assert!(facts.is_definite(), "{code}");
            let told = facts.sentence();
            assert!(!told.contains("core.argument") && !told.contains("code 1"), "{told}");
        }
        assert!(local(10_003).sentence().contains("no broker takes orders"));
        assert!(!local(-1).is_definite());
        assert!(local(-1).sentence().contains("no route"), "{}", local(-1).sentence());
    }

    /// So the batch is sent again in halves.
    #[test]
    fn what_the_client_itself_finds_too_large_was_never_sent_and_is_the_orders_fault() {
        let text = "the message body size over max value, MAX: 4194304";
        let facts = Facts::of(&ClientError::from(MQClientException::new_with_code(13, text)));
        assert_eq!((facts.is_definite(), facts.blame()), (true, Blame::Order));
        assert!(!facts.doubts_the_way() && facts.nobody().is_none());
        assert!(facts.sentence().contains("larger than the 4 MiB"), "{}", facts.sentence());
    }

    #[test]
    fn the_clients_codes_are_put_into_words() {
        for (code, phase, words) in [
            ("transport.connection.failed", Some("connect"), "no connection to it can be made"),
            ("transport.connection.failed", Some("closed"), "before an answer came"),
            ("transport.response.timeout", None, "no answer came in time"),
            ("core.operation.timed_out", None, "no answer came in time"),
            ("core.serialization.failed", None, "can't be read"),
            ("client.lifecycle.shutting_down", None, "stopped or replaced"),
        ] {
            let told = transport(code, phase).sentence();
            assert!(told.contains(words) && !told.contains(code), "{told}");
        }
        // A code that was never met is shown as it is.
        assert_eq!(transport("rpc.request.failed", None).sentence(), "rpc.request.failed");
    }

    #[test]
    fn acl_remarks_of_old_and_new_brokers_are_recognised() {
        for remark in [
            "User:someone has no permission to access Topic:T",
            "check signature failed.",
            "No accessKey is configured",
            "org.apache.rocketmq.acl.common.AclException: No default permission",
        ] {
            assert!(says_acl(remark), "{remark}");
        }
        assert!(!says_acl("the broker is busy"));
    }
}
