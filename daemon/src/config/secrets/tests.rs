//! Each refusal of a secret's file, and that none of them tells what the file says.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::{Located, Refusal};

const CONTENT: &str = "s3cr3t-c0nt3nt";

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn file(folder: &tempfile::TempDir, content: impl AsRef<[u8]>) -> Located {
    let path = folder.path().join("file");
    fs::write(&path, content).unwrap();
    Located::new(&path, None).unwrap()
}

#[test]
fn text_is_read_without_its_line_end() {
    let folder = folder();
    for end in ["", "\n", "\r\n", "\n\n"] {
        let secret = file(&folder, format!("{CONTENT}{end}")).read_text().unwrap();
        assert_eq!(secret.expose(), CONTENT);
        assert_eq!(format!("{secret:?}"), "…");
    }
    symlink(folder.path().join("file"), folder.path().join("link")).unwrap();
    let link = Located::new(&folder.path().join("link"), None).unwrap();
    assert_eq!(link.read_text().unwrap().expose(), CONTENT);
}

#[test]
fn each_refusal_names_the_file_and_not_its_content() {
    let folder = folder();
    let path = folder.path().join("file");
    let long = CONTENT.repeat(400);
    let cases: [(&[u8], Refusal); 10] = [
        (b"", Refusal::Empty { path: path.clone() }),
        (b" \n\n", Refusal::Empty { path: path.clone() }),
        (long.as_bytes(), Refusal::TooLong { path: path.clone() }),
        (b"s3cr3t\nc0nt3nt", Refusal::NoText { path: path.clone() }),
        (b"s3cr3t c0nt3nt", Refusal::NoText { path: path.clone() }),
        (b"s3cr3t\xff", Refusal::NoText { path: path.clone() }),
        (b"s3cr3t\0", Refusal::NoText { path: path.clone() }),
        ("\u{feff}s3cr3t".as_bytes(), Refusal::Mark { path: path.clone() }),
        ("s3cr3t\u{a0}".as_bytes(), Refusal::NoText { path: path.clone() }),
        ("s3\u{200b}cr3t".as_bytes(), Refusal::NoText { path: path.clone() }),
    ];
    for (content, refusal) in cases {
        let found = file(&folder, content).read_text().unwrap_err();
        assert_eq!(found, refusal);
        let told = format!("{found} {found:?}");
        assert!(told.contains(path.to_str().unwrap()) && !told.contains("s3cr3t"), "{told}");
    }
}

#[test]
fn placeholders_are_refused() {
    let folder = folder();
    for text in [
        "changeme",
        "CHANGE_ME",
        "YOUR_ACCESS_KEY",
        "your-secret",
        "<secret>",
        "xxx",
        "XXXXXXXX",
        "***",
        "accessKey",
        "secretKey",
        "todo",
        "${SECRET}",
        "secret_key\n",
    ] {
        let found = file(&folder, text).read_text().unwrap_err();
        assert!(matches!(found, Refusal::Placeholder { .. }), "{text}: {found}");
    }
    for text in ["RocketMQ", "12345678", "LTAI5tXyourkey", "yo"] {
        assert_eq!(file(&folder, text).read_text().unwrap().expose(), text);
    }
}

#[test]
fn what_is_no_file_or_not_there_is_refused() {
    let folder = folder();
    let found = Located::new(folder.path(), None).unwrap().read_text().unwrap_err();
    assert!(matches!(found, Refusal::NoFile { .. }), "{found}");
    let absent = folder.path().join("absent");
    let found = Located::new(&absent, None).unwrap().read_text().unwrap_err();
    assert_eq!(found.to_string(), format!("{} doesn't exist", absent.display()));
    let within = file(&folder, CONTENT).path.join("deeper");
    let found = Located::new(&within, None).unwrap().read_text().unwrap_err();
    assert!(matches!(found, Refusal::Unreadable { .. }), "{found}");
}

#[test]
fn an_unreadable_file_is_refused() {
    let folder = folder();
    let located = file(&folder, CONTENT);
    fs::set_permissions(&located.path, fs::Permissions::from_mode(0o000)).unwrap();
    // Root reads it all the same.
    if fs::File::open(&located.path).is_err() {
        let found = located.read_text().unwrap_err().to_string();
        let path = located.path.display();
        assert_eq!(found, format!("{path} can't be read: permission denied"));
    }
}

#[test]
fn the_key_of_order_ids_may_be_any_bytes_but_not_few() {
    let folder = folder();
    let bytes: Vec<u8> = (100..132).collect();
    assert_eq!(file(&folder, &bytes).read_order_id_key().unwrap().expose(), &bytes);
    let found = file(&folder, &bytes[1..]).read_order_id_key().unwrap_err();
    assert!(found.to_string().ends_with("must hold 32 bytes or more: `openssl rand -hex 32`"));
    let found = file(&folder, [b'x'; 64]).read_order_id_key().unwrap_err();
    assert!(matches!(found, Refusal::Placeholder { .. }), "{found}");
}

#[test]
fn bare_names_are_credentials_and_paths_are_paths() {
    let credentials = Path::new("/run/credentials/seckilld");
    let at = |name: &str, folder| Located::new(Path::new(name), folder).unwrap().path;
    assert_eq!(at("secret_key", Some(credentials)), credentials.join("secret_key"));
    assert_eq!(at("secret_key", None), Path::new("secret_key"));
    assert_eq!(at("./secret_key", Some(credentials)), Path::new("./secret_key"));
    assert_eq!(at("a/secret_key", Some(credentials)), Path::new("a/secret_key"));
    assert_eq!(at("/a/secret_key", Some(credentials)), Path::new("/a/secret_key"));
}

#[test]
fn a_pasted_secret_is_refused_without_being_shown() {
    let hex = "0123456789abcdef0123456789abcdef";
    for name in ["LTAI5tABCDEFG12345hij", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", hex] {
        let found = Located::new(Path::new(name), None).unwrap_err();
        assert_eq!(found, Refusal::Pasted);
        assert!(!found.to_string().contains(name));
    }
    for name in ["seckill_access_key_2026", "access_key", "/etc/Seckill/access1234567"] {
        assert!(Located::new(Path::new(name), None).is_ok(), "{name}");
    }
}

/// Some gateways' files would have it and some not, and their order ids would differ.
#[test]
fn a_byte_order_mark_before_the_key_of_order_ids_is_told() {
    let folder = folder();
    let key = format!("\u{feff}{}", "k".repeat(20) + &"0123456789ab".repeat(4));
    let refused = file(&folder, key).read_order_id_key().unwrap_err();
    assert_eq!(refused, Refusal::Mark { path: folder.path().join("file") });
    assert!(refused.to_string().contains("begins with a byte order mark (U+FEFF)"), "{refused}");
}
