//! The limits of the HTTP edge, from the configuration: the edge knows no configuration key.

use std::time::Duration;

use crate::config::Http;

impl From<&Http> for edge::Limits {
    fn from(http: &Http) -> Self {
        Self {
            connections_max: http.connections_max,
            header_timeout: Duration::from_millis(http.header_timeout_ms),
            body_timeout: Duration::from_millis(http.body_timeout_ms),
            header_bytes_max: http.header_bytes_max,
            body_bytes_max: http.body_bytes_max,
        }
    }
}
