//! What a failed send tells: that nothing can have reached the broker, or that nobody knows. Pure;
//! whatever isn't proven definite here is unknown.

use std::error::Error;

use rocketmq_client_rust::{ClientError, MQClientException};

use super::{Blame, Cause};

/// The broker refuses the account.
pub(super) const NO_PERMISSION: i32 = 16;
/// The broker's general code. Brokers before 5.3 refuse accounts by it, too, which refusal.rs turns
/// into the code above: as it comes here it says nothing.
pub(super) const SYSTEM_ERROR: i32 = 1;
/// Our own code for an order that makes no message.
pub(super) const ILLEGAL: &str = "unsent.illegal";
/// The broker won't take this message: too long, no such topic, an illegal name.
const MESSAGE_ILLEGAL: i32 = 13;
const TOPIC_NOT_EXIST: i32 = 17;

/// The client's own codes for "I found nobody to send it to". It gives them before it sends.
const NO_ROUTE: [i32; 4] = [TOPIC_NOT_EXIST, 10_003, 10_004, 10_005];

/// The parts of a client error that tell anything. Its text is redacted; these aren't.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// The catalogue's code, such as `transport.connection.failed`.
    pub(super) code: String,
    /// How far the request got, where the error says so.
    pub(super) phase: Option<String>,
    /// The broker's response code.
    pub(super) broker_code: Option<i32>,
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
            client_code: error
                .source_ref::<MQClientException>()
                .map(MQClientException::response_code),
            texts: texts(error),
        }
    }

    /// Whether the message is certainly not in the queue and never will be by this send.
    pub(super) fn is_definite(&self) -> bool {
        // A refused connect, a session that closed (perhaps after the write) and a cancelled
        // request all carry the same code: only the phase tells them apart.
        if matches!(self.phase.as_deref(), Some("connect" | "before_write")) {
            return true;
        }
        match self.code.as_str() {
            "transport.admission.queue_saturated" => true,
            "core.argument.invalid" => {
                self.client_code.is_some_and(|code| NO_ROUTE.contains(&code))
            }
            "broker.operation.failed" => {
                matches!(self.broker_code, Some(NO_PERMISSION | MESSAGE_ILLEGAL | TOPIC_NOT_EXIST))
            }
            _ => false,
        }
    }

    /// Whose fault a definite failure is.
    pub(super) fn blame(&self) -> Blame {
        let is_refused = self.code == "broker.operation.failed";
        match self.code == ILLEGAL || is_refused && self.broker_code == Some(MESSAGE_ILLEGAL) {
            true => Blame::Order,
            false => Blame::Queue,
        }
    }

    /// Whether the way to the broker is in doubt, so that it is worth looking at.
    pub(super) fn doubts_the_way(&self) -> bool {
        self.code.starts_with("transport.") && self.code != "transport.admission.queue_saturated"
            || self.code == "core.operation.timed_out"
    }

    /// A sentence for the log.
    pub(super) fn sentence(&self) -> String {
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
}

/// What a send failed with, for the publisher and the log.
pub(super) fn cause(facts: &Facts) -> Cause {
    Cause(facts.sentence())
}

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
    fn the_brokers_refusals_are_definite_and_its_troubles_are_not() {
        let refused = |code, text: &str| {
            Facts::of(&ClientError::from(MQBrokerException::new(code, text))).is_definite()
        };
        assert!(refused(16, "User:someone has no permission"));
        assert!(refused(13, "message too long"));
        assert!(refused(17, "no such topic"));
        assert!(!refused(1, "store failed"));
        assert!(!refused(2, "busy"));
        assert!(!refused(14, "service not available now"));
    }

    #[test]
    fn an_illegal_message_is_the_orders_own_fault_and_every_other_refusal_the_queues() {
        let blame = |code| Facts::of(&ClientError::from(MQBrokerException::new(code, ""))).blame();
        assert_eq!(blame(13), Blame::Order);
        for code in [1, 2, 14, 16, 17] {
            assert_eq!(blame(code), Blame::Queue, "{code}");
        }
        assert_eq!(transport("transport.connection.failed", Some("connect")).blame(), Blame::Queue);
    }

    #[test]
    fn no_route_is_definite_and_other_bad_arguments_are_not() {
        let local = |code| {
            Facts::of(&ClientError::from(MQClientException::new_with_code(code, "no route")))
        };
        for code in [17, 10_003, 10_004, 10_005] {
            assert!(local(code).is_definite(), "{code}");
        }
        assert!(!local(-1).is_definite());
        assert!(local(17).sentence().contains("no route"), "{}", local(17).sentence());
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
