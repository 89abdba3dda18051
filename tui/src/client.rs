//! One request over the admin socket.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::exit::Fault;

/// How long the daemon may take, from connecting to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A state is a few KiB; more than this is no seckilld.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Asks for `path` and returns status and body, whatever the status but 403.
pub(crate) async fn get(socket: &Path, path: &str) -> Result<(StatusCode, Bytes), Fault> {
    let (status, body) = tokio::time::timeout(TIMEOUT, exchange(socket, path))
        .await
        .map_err(|_| Fault::unreachable(socket, "the daemon doesn't answer within 5 seconds"))??;
    if status == StatusCode::FORBIDDEN {
        return Err(Fault::NotPermitted {
            socket: socket.to_owned(),
            reason: "not permitted: ask as root or as the daemon's own user".to_owned(),
        });
    }
    Ok((status, body))
}

async fn exchange(socket: &Path, path: &str) -> Result<(StatusCode, Bytes), Fault> {
    let stream = UnixStream::connect(socket).await.map_err(|error| refused(socket, &error))?;
    let broken = |error: &dyn std::fmt::Display| {
        Fault::unreachable(socket, format!("what answers is no seckilld: {error}"))
    };
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    // It ends with the runtime, or when the daemon closes; its errors come out of `sender`.
    tokio::spawn(connection);
    let request = Request::get(path)
        .header(HOST, "seckilld")
        .body(Empty::<Bytes>::new())
        .map_err(|error| broken(&error))?;
    let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), BODY_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| broken(&error))?;
    Ok((status, body.to_bytes()))
}

fn refused(socket: &Path, error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Fault::NotPermitted {
            socket: socket.to_owned(),
            reason: "not permitted to open it: ask as root or as the daemon's own user".to_owned(),
        },
        io::ErrorKind::ConnectionRefused => {
            Fault::unreachable(socket, "no daemon listens there (it was killed, or is starting)")
        }
        io::ErrorKind::NotFound => {
            Fault::unreachable(socket, "no such socket; is seckilld running?")
        }
        _ => Fault::unreachable(socket, error.to_string()),
    }
}
