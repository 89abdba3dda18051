//! What HTTP itself refuses (4xx, 5xx), with the code and message of the JSON body: the one table
//! that the daemon, the tests and docs/codes.md share.

use crate::code::Code;

/// A refusal that no business rule made. Its body has `code`, `msg` and `data` like any other
/// answer; clients that look at `code` alone see invalid input, or our fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HttpFault {
    /// 400: no HTTP/1.x, or a body with broken framing; also any 4xx that has no row of its own.
    Malformed,
    /// 404: no such path.
    NoSuchPath,
    /// 405: not a method of this path.
    NoSuchMethod,
    /// 408: a head or a body that was begun and isn't complete in time.
    TooSlow,
    /// 413: a body over the limit.
    BodyTooLarge,
    /// 415: a body of a type or a content coding that isn't read here.
    Unreadable,
    /// 431: a head over the limit, its target included.
    HeadTooLarge,
    /// 500: a fault of ours; also any 5xx that has no row of its own.
    Ours,
    /// 503: what is asked for can't be had at the moment.
    Unavailable,
}

impl HttpFault {
    /// All of them, in the order of the table in docs/codes.md.
    pub const ALL: [Self; 9] = [
        Self::Malformed,
        Self::NoSuchPath,
        Self::NoSuchMethod,
        Self::TooSlow,
        Self::BodyTooLarge,
        Self::Unreadable,
        Self::HeadTooLarge,
        Self::Ours,
        Self::Unavailable,
    ];

    /// The row of a status.
    #[must_use]
    pub fn of(status: u16) -> Self {
        let row = Self::ALL.into_iter().find(|fault| fault.status() == status);
        row.unwrap_or(if status < 500 { Self::Malformed } else { Self::Ours })
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::NoSuchPath => 404,
            Self::NoSuchMethod => 405,
            Self::TooSlow => 408,
            Self::BodyTooLarge => 413,
            Self::Unreadable => 415,
            Self::HeadTooLarge => 431,
            Self::Ours => 500,
            Self::Unavailable => 503,
        }
    }

    /// The body's `code`: that of its class, whatever the status.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Ours | Self::Unavailable => Code::ServerError,
            _ => Code::InvalidInput,
        }
    }

    /// What the header `Seckill-Reason` says of the request: where it is wrong, and how. `None`
    /// where the request isn't at fault.
    #[must_use]
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Malformed => Some("request malformed"),
            Self::NoSuchPath => Some("path unknown"),
            Self::NoSuchMethod => Some("method not_allowed"),
            Self::TooSlow => Some("request too_slow"),
            Self::BodyTooLarge => Some("body too_long"),
            Self::Unreadable => Some("body unsupported_type"),
            Self::HeadTooLarge => Some("head too_long"),
            Self::Ours | Self::Unavailable => None,
        }
    }

    /// The body's `msg`.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Malformed => "请求格式错误",
            Self::NoSuchPath => "请求路径不存在",
            Self::NoSuchMethod => "请求方法不支持",
            Self::TooSlow => "请求超时",
            Self::BodyTooLarge => "请求体过大",
            Self::Unreadable => "请求体类型或编码不支持",
            Self::HeadTooLarge => "请求头过大",
            Self::Ours | Self::Unavailable => Code::ServerError.message(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::HttpFault;
    use crate::code::Code;

    #[test]
    fn the_document_has_each() {
        let document = include_str!("../../docs/codes.md");
        for fault in HttpFault::ALL {
            let code = fault.code().as_str();
            let reason = fault.reason().map_or_else(String::new, |reason| format!("`{reason}` "));
            let (status, message) = (fault.status(), fault.message());
            let row = format!("| {status} | `{code}` | `{message}` | {reason}| ");
            assert!(document.contains(&row), "docs/codes.md lacks {row}");
        }
    }

    #[test]
    fn no_fault_of_http_is_told_in_the_words_of_a_bad_field() {
        for fault in HttpFault::ALL {
            assert_ne!(fault.message(), Code::InvalidInput.message(), "{fault:?}");
            assert_eq!(fault.reason().is_some(), fault.code() == Code::InvalidInput, "{fault:?}");
        }
        assert_eq!(HttpFault::of(404), HttpFault::NoSuchPath);
        assert_eq!(HttpFault::of(417), HttpFault::Malformed);
        assert_eq!(HttpFault::of(502), HttpFault::Ours);
    }
}
