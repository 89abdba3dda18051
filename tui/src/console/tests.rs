//! The console as a whole: its screens, its reactions, and whole sessions against a daemon that is
//! none (`fake`).

mod acting;
mod asking;
mod fake;
mod fixtures;
mod flows;
mod header;
mod keys;
mod patience;
mod reasons;
mod sale_line;
mod screens;
mod stage;
mod unseen;
mod updates;
mod wandering;
mod withdrawn;
