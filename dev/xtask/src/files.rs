//! Copying files, with the folders that they want.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Copies a folder with all below it, or of its files only those with this ending.
///
/// # Errors
/// Something can't be read or written.
pub(crate) fn copy_folder(from: &Path, to: &Path, ending: Option<&str>) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let path = entry?.path();
        let to = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_folder(&path, &to, ending)?;
        } else if ending.is_none() || path.extension() == ending.map(OsStr::new) {
            copy(&path, &to)?;
        }
    }
    Ok(())
}

/// Copies a file.
///
/// # Errors
/// It can't be read or written.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    made_parent(to)?;
    fs::copy(from, to).with_context(|| format!("{} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Writes a file.
///
/// # Errors
/// It can't be written.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    made_parent(path)?;
    fs::write(path, text).with_context(|| path.display().to_string())
}

fn made_parent(path: &Path) -> Result<()> {
    let parent = path.parent().context("a path without a folder")?;
    fs::create_dir_all(parent).with_context(|| parent.display().to_string())
}
