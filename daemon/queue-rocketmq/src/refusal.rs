//! Signs the producer's requests, and keeps what a broker says beside the code of a refused send.
//!
//! The client drops remarks, so this is the last place that sees a remark. Some codes mean nothing
//! without theirs: brokers before 5.3 refuse an account by their general error code and name the
//! cause in the remark alone. So the code is replaced by the row of `answers.rs` that both fit.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rocketmq_error::SharedError;
use rocketmq_protocol::protocol::remoting_command::RemotingCommand;
use rocketmq_transport::api::RPCHook;

use super::answers::marked;
use super::signer::Signer;

/// Requests that put messages into queues: alone, alone in the short form, many.
const SENDS: [i32; 3] = [10, 310, 320];
/// Answers that come with a result instead of an error: stored, or stored and not vouched for.
const RESULTS: [i32; 4] = [0, 10, 11, 12];
/// Far more than there are brokers with different troubles at one time.
const REMARKS_MAX: usize = 64;
/// A remark is a line; some brokers add a stack.
const REMARK_CHARS_MAX: usize = 300;

/// What brokers said last beside a refusal, by their address and the refusal's code. Used in
/// sentences only: nothing is decided by it.
#[derive(Debug, Default)]
pub(super) struct Remarks(Mutex<BTreeMap<(String, i32), String>>);

impl Remarks {
    fn note(&self, remote: SocketAddr, code: i32, remark: &str) {
        let mut remarks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if REMARKS_MAX <= remarks.len() {
            remarks.clear();
        }
        // One line: some go on with the address of an FAQ.
        let line = remark.lines().next().unwrap_or_default().trim();
        let line = line.chars().take(REMARK_CHARS_MAX).collect();
        remarks.insert((remote.to_string(), code), line);
    }

    /// What the broker at `address` (`HOST:PORT`) said last with this code; empty when nothing.
    pub(super) fn of(&self, address: &str, code: i32) -> String {
        let remarks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        remarks.get(&(address.to_owned(), code)).cloned().unwrap_or_default()
    }
}

/// Stands between the producer and its connection.
pub(super) struct RefusalHook {
    pub(super) signer: Arc<Signer>,
    pub(super) remarks: Arc<Remarks>,
}

impl RPCHook for RefusalHook {
    fn do_before_request(
        &self,
        remote: SocketAddr,
        request: &mut RemotingCommand,
    ) -> Result<(), SharedError> {
        self.signer.do_before_request(remote, request)
    }

    fn do_after_response(
        &self,
        remote: SocketAddr,
        request: &RemotingCommand,
        response: &mut RemotingCommand,
    ) -> Result<(), SharedError> {
        self.signer.do_after_response(remote, request, response)?;
        if SENDS.contains(&request.code()) && !RESULTS.contains(&response.code()) {
            let remark = response.remark().map(ToString::to_string).unwrap_or_default();
            let code = marked(response.code(), &remark);
            self.remarks.note(remote, code, &remark);
            response.set_code_ref(code);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use domain::ports::Account;
    use rocketmq_protocol::protocol::remoting_command::RemotingCommand;
    use rocketmq_transport::api::RPCHook;

    use super::{RefusalHook, Remarks};
    use crate::answers::{Kept, meaning};
    use crate::signer::Signer;

    const BROKER: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 10911);

    fn hook() -> RefusalHook {
        let (access_key_file, secret_key_file) = Default::default();
        let nobody = Account { credentials: None, access_key_file, secret_key_file };
        RefusalHook { signer: Signer::new(nobody), remarks: Arc::<Remarks>::default() }
    }

    fn code_after(hook: &RefusalHook, request: i32, code: i32, remark: &str) -> i32 {
        let send = RemotingCommand::new_request(request, Vec::new());
        let mut response =
            RemotingCommand::create_response_command_with_code_remark(code, remark.to_owned());
        hook.do_after_response(BROKER, &send, &mut response).unwrap();
        response.code()
    }

    #[test]
    fn an_old_brokers_refusal_of_the_account_is_definite() {
        for remark in [
            "org.apache.rocketmq.acl.common.AclException: No default permission for \
             topic:FORBIDDEN_TOPIC, org.apache.rocketmq.acl.plain.PlainPermissionManager.checkPerm(\
             PlainPermissionManager.java:605)",
            "org.apache.rocketmq.acl.common.AclException: Check signature failed for \
             accessKey=someone",
        ] {
            let code = code_after(&hook(), 310, 1, remark);
            assert_eq!(meaning(code).kept, Kept::No, "{remark}");
        }
    }

    #[test]
    fn the_remark_is_kept_for_words() {
        let hook = hook();
        let code = code_after(&hook, 320, 14, "service not available now. [CL: 0.93]\nhttp://faq");
        assert_eq!(meaning(code).code, 14);
        let broker = BROKER.to_string();
        assert_eq!(hook.remarks.of(&broker, code), "service not available now. [CL: 0.93]");
        assert_eq!(hook.remarks.of(&broker, 14), "");
        assert_eq!(hook.remarks.of("127.0.0.1:1", code), "");
    }

    #[test]
    fn results_and_answers_to_other_requests_keep_their_codes() {
        for (request, code) in [(310, 0), (310, 10), (320, 11), (10, 12), (105, 17), (34, 1)] {
            assert_eq!(code_after(&hook(), request, code, ""), code, "{request}");
        }
    }
}
