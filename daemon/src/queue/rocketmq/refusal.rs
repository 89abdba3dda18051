//! Signs the producer's requests, and gives a refused account the same code from every broker.
//!
//! Brokers before 5.3 answer a send that the account may not make with their general error code and
//! say what it was in the remark alone. The client drops remarks, so this is the last place that
//! sees one, and without it a refusal would look like a store that failed half way: unknown.

use std::net::SocketAddr;
use std::sync::Arc;

use rocketmq_error::SharedError;
use rocketmq_protocol::protocol::remoting_command::RemotingCommand;
use rocketmq_transport::api::RPCHook;

use super::classify::{NO_PERMISSION, SYSTEM_ERROR};
use super::signer::Signer;

/// How the remark begins when the broker's check of the account threw it out. The check comes
/// before everything else, so nothing was stored. Only this: other remarks may hold anything.
const THROWN_BY_THE_CHECK: &str = "org.apache.rocketmq.acl.";

/// Stands between the producer and its connection.
pub(super) struct RefusalHook {
    pub(super) signer: Arc<Signer>,
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
        if is_refusal(response) {
            response.set_code_ref(NO_PERMISSION);
        }
        Ok(())
    }
}

fn is_refusal(response: &RemotingCommand) -> bool {
    response.code() == SYSTEM_ERROR
        && response.remark().is_some_and(|remark| remark.starts_with(THROWN_BY_THE_CHECK))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use rocketmq_protocol::protocol::remoting_command::RemotingCommand;
    use rocketmq_transport::api::RPCHook;

    use super::super::signer::Signer;
    use super::RefusalHook;
    use crate::config::Account;

    fn code_after(code: i32, remark: &str) -> i32 {
        let (access_key_file, secret_key_file) = Default::default();
        let nobody = Account { credentials: None, access_key_file, secret_key_file };
        let hook = RefusalHook { signer: Signer::new(nobody) };
        let broker = SocketAddr::from(([127, 0, 0, 1], 10911));
        let send = RemotingCommand::new_request(310, Vec::new());
        let mut response =
            RemotingCommand::create_response_command_with_code_remark(code, remark.to_owned());
        hook.do_after_response(broker, &send, &mut response).unwrap();
        response.code()
    }

    #[test]
    fn an_old_brokers_refusal_gets_the_new_ones_code() {
        for remark in [
            "org.apache.rocketmq.acl.common.AclException: No default permission for \
             topic:FORBIDDEN_TOPIC, org.apache.rocketmq.acl.plain.PlainPermissionManager.checkPerm(\
             PlainPermissionManager.java:605)",
            "org.apache.rocketmq.acl.common.AclException: Check signature failed for \
             accessKey=someone",
        ] {
            assert_eq!(code_after(1, remark), 16, "{remark}");
        }
    }

    #[test]
    fn other_answers_keep_theirs() {
        for (code, remark) in [
            (0, ""),
            (1, ""),
            (1, "store putMessage return null"),
            // What failed after the check may name it all the same.
            (
                1,
                "java.lang.NullPointerException: null, org.apache.rocketmq.acl.common.X.y(X.java:1)",
            ),
            (2, "org.apache.rocketmq.acl.common.AclException: busy"),
            (16, "User:someone has no permission"),
        ] {
            assert_eq!(code_after(code, remark), code, "{remark}");
        }
    }
}
