//! What is made of a broker's refusal.

use super::{Closes, RequestError};

fn refused(code: i32, remark: &str) -> RequestError {
    RequestError::Refused { code, remark: remark.to_owned() }
}

#[test]
fn what_is_closed_to_everybody_is_no_matter_of_the_account() {
    for (code, remark, closes) in [
        (16, "the topic[T] pulling message is forbidden", Closes::Queue),
        (16, "the broker[127.0.0.1] pulling message is forbidden", Closes::Queue),
        (16, "subscription group no permission, G", Closes::Group),
        (1, "queueId[5] is illegal, topic:[T] topicConfig.readQueueNums:[2]", Closes::Queue),
        (29, "queueId[5] is illegal, topic:[T] topicConfig.readQueueNums:[2]", Closes::Queue),
    ] {
        let error = refused(code, remark);
        assert_eq!(error.closes(), Some(closes), "{remark}");
        assert!(!error.is_acl(), "{remark}");
    }
    let account = refused(16, "User:someone has no permission to access Topic:T");
    assert!(account.is_acl() && account.closes().is_none());
    let old = refused(1, "AclException: No default permission for group:G");
    assert!(old.is_acl() && old.closes().is_none());
    assert!(!refused(1, "store getMessage return null").is_acl());
}
