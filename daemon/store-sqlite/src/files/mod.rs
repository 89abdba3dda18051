//! The files at their paths: whether the open ones are still those, the lock and the id beside
//! them, who holds them, and whole copies made and put back.

pub(crate) mod contents;
pub(crate) mod copy;
pub(crate) mod examine;
pub(crate) mod holder;
pub(crate) mod id_file;
pub(crate) mod lock;
pub(crate) mod open_files;
pub(crate) mod proc_locks;
pub(crate) mod restore;
