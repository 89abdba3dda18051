//! Secrets: read from files or systemd credentials when they are asked for, wiped when dropped,
//! never printed and never quoted in an error.
//!
//! A path with a slash is taken as it is, a relative one from the working directory. A bare name is
//! a systemd credential: it is looked up in `$CREDENTIALS_DIRECTORY`, and in the working directory
//! only where that variable isn't set.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use domain::order_id::OrderIdKey;
use domain::secret::Secret;
use protocol::flaw;
use zeroize::Zeroizing;

/// A file with a longer secret is the wrong file.
const FILE_BYTES_MAX: usize = 4096;
/// What some editors put before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
const ORDER_ID_KEY_BYTES_MIN: usize = OrderIdKey::BYTES_MIN;
/// What a pasted secret has at least; shorter names are taken for file names.
const PASTED_SECRET_CHARS_MIN: usize = 16;
const PASTED_HEX_CHARS_MIN: usize = 32;
/// What people leave standing in examples, without case, `_`, `-` and blanks.
const PLACEHOLDERS: [&str; 15] = [
    "accesskey",
    "accesskeyid",
    "accesskeysecret",
    "ak",
    "changeit",
    "changeme",
    "example",
    "none",
    "null",
    "placeholder",
    "replaceme",
    "secret",
    "secretkey",
    "sk",
    "todo",
];

/// Why a secret's file was refused. No variant holds what the file says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("looks like the secret itself; put that into a file and write the file's name here")]
    Pasted,
    #[error("{} doesn't exist{}", .path.display(), .hint)]
    Missing { path: PathBuf, hint: &'static str },
    #[error("{} can't be read: {kind}", .path.display())]
    Unreadable { path: PathBuf, kind: std::io::ErrorKind },
    #[error("{} is no file", .path.display())]
    NoFile { path: PathBuf },
    #[error("{} is empty", .path.display())]
    Empty { path: PathBuf },
    #[error("{} has more than {FILE_BYTES_MAX} bytes; is it the right file?", .path.display())]
    TooLong { path: PathBuf },
    #[error("{} must hold one line of text", .path.display())]
    NoText { path: PathBuf },
    #[error("{} begins with a byte order mark (U+FEFF), which would be part of the secret: save it \
        without one", .path.display())]
    Mark { path: PathBuf },
    #[error("{} holds a placeholder instead of a secret", .path.display())]
    Placeholder { path: PathBuf },
    #[error("{} must hold {ORDER_ID_KEY_BYTES_MIN} bytes or more: `openssl rand -hex 32`",
        .path.display())]
    TooShort { path: PathBuf },
}

const NO_CREDENTIAL: &str =
    " (a bare name is a credential: systemd's LoadCredential= puts it there)";
const NO_CREDENTIALS_FOLDER: &str =
    " (a bare name is a systemd credential, but $CREDENTIALS_DIRECTORY isn't set)";

/// A key's file, found but not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Located {
    path: PathBuf,
    /// What a missing file probably means.
    hint: &'static str,
}

impl Located {
    /// Where the file that a key names is to be looked for.
    pub(super) fn new(name: &Path, credentials_folder: Option<&Path>) -> Result<Self, Refusal> {
        let text = name.to_string_lossy();
        if is_pasted_secret(&text) {
            return Err(Refusal::Pasted);
        }
        Ok(match credentials_folder {
            _ if text.contains('/') => Self { path: name.to_owned(), hint: "" },
            Some(folder) => Self { path: folder.join(name), hint: NO_CREDENTIAL },
            None => Self { path: name.to_owned(), hint: NO_CREDENTIALS_FOLDER },
        })
    }

    /// Whether this can only be judged where systemd starts the service.
    pub(super) fn is_systemds_alone(&self) -> bool {
        self.hint == NO_CREDENTIALS_FOLDER && !self.path.exists()
    }

    /// The bits of permission; `None` where the file can't be seen.
    pub(super) fn mode(&self) -> Option<u32> {
        Some(self.path.metadata().ok()?.permissions().mode() & 0o7777)
    }

    /// Where it is.
    pub(super) fn into_path(self) -> PathBuf {
        self.path
    }

    /// A warning, if everyone on the machine may read the file.
    pub(super) fn exposure(&self) -> Option<String> {
        const OTHERS_READ: u32 = 0o004;
        let mode = self.path.metadata().ok()?.permissions().mode();
        (mode & OTHERS_READ != 0).then(|| {
            let path = self.path.display();
            format!("{path} can be read by everyone (mode {:04o}): chmod 600 {path}", mode & 0o7777)
        })
    }

    /// An access or secret key: one line of text.
    pub(super) fn read_text(&self) -> Result<Secret<String>, Refusal> {
        let bytes = self.read()?;
        let text = std::str::from_utf8(&bytes)
            .ok()
            .filter(|text| flaw(text).is_none() && !text.contains(char::is_whitespace))
            .ok_or_else(|| Refusal::NoText { path: self.path.clone() })?;
        Ok(Secret::new(text.to_owned()))
    }

    /// The key of order ids: any bytes.
    pub(super) fn read_order_id_key(&self) -> Result<Secret<Vec<u8>>, Refusal> {
        let bytes = self.read()?;
        if bytes.len() < ORDER_ID_KEY_BYTES_MIN {
            return Err(Refusal::TooShort { path: self.path.clone() });
        }
        Ok(Secret::wiped(bytes))
    }

    /// The file's bytes without the line ends at its end.
    fn read(&self) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let path = || self.path.clone();
        let io = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => Refusal::Missing { path: path(), hint: self.hint },
            kind => Refusal::Unreadable { path: path(), kind },
        };
        // Asked before opening, because opening a pipe would wait for its writer.
        if !self.path.metadata().map_err(io)?.is_file() {
            return Err(Refusal::NoFile { path: path() });
        }
        // All the room at once: a buffer that grows would leave copies behind.
        let mut bytes = Zeroizing::new(vec![0; FILE_BYTES_MAX + 1]);
        let length = fill(File::open(&self.path).map_err(io)?, &mut bytes).map_err(io)?;
        if FILE_BYTES_MAX < length {
            return Err(Refusal::TooLong { path: path() });
        }
        let line_ends = |byte: &&u8| matches!(byte, b'\r' | b'\n');
        let cut = bytes[..length].iter().rev().take_while(line_ends).count();
        bytes.truncate(length - cut);
        if bytes.starts_with(BYTE_ORDER_MARK) {
            return Err(Refusal::Mark { path: path() });
        }
        if bytes.trim_ascii().is_empty() {
            return Err(Refusal::Empty { path: path() });
        }
        if is_placeholder(&bytes) {
            return Err(Refusal::Placeholder { path: path() });
        }
        Ok(bytes)
    }
}

fn fill(mut file: File, room: &mut [u8]) -> std::io::Result<usize> {
    let mut length = 0;
    while length < room.len() {
        match file.read(&mut room[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

fn is_placeholder(bytes: &[u8]) -> bool {
    let plain: Zeroizing<Vec<u8>> = Zeroizing::new(
        bytes
            .iter()
            .filter(|byte| !matches!(byte, b'_' | b'-' | b' '))
            .map(u8::to_ascii_lowercase)
            .collect(),
    );
    let one_byte = plain.first().is_some_and(|first| plain.iter().all(|byte| byte == first));
    let bracketed = plain.starts_with(b"<") && plain.ends_with(b">")
        || plain.starts_with(b"${") && plain.ends_with(b"}");
    PLACEHOLDERS.iter().any(|known| known.as_bytes() == plain.as_slice())
        || plain.starts_with(b"your")
        || one_byte
        || bracketed
}

/// A name that no one gives a file: long, without dot or slash at its start, with digits and
/// letters of both cases, or nothing but hexadecimal digits.
fn is_pasted_secret(name: &str) -> bool {
    let has = |class: fn(&char) -> bool| name.chars().any(|letter| class(&letter));
    let is_hex = name.chars().all(|letter| letter.is_ascii_hexdigit());
    if PASTED_HEX_CHARS_MIN <= name.len() && is_hex {
        return true;
    }
    PASTED_SECRET_CHARS_MIN <= name.chars().count()
        && !name.starts_with(['/', '.'])
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "+/=".contains(letter))
        && has(char::is_ascii_digit)
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_lowercase)
}

#[cfg(test)]
mod tests;
