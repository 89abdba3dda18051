//! Exit codes: those of sysexits.h that the daemon uses, and two of `doctor`, one meaning each.
//! The table in docs/codes.md has the same.

use std::process::ExitCode;

use store_sqlite::OpenError;

/// How a process of the daemon ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// 0
    Ok,
    /// 1
    Warnings,
    /// 2
    Failures,
    /// 64
    Usage,
    /// 65
    DataErr,
    /// 66
    NoInput,
    /// 69
    Unavailable,
    /// 70
    Software,
    /// 71
    OsErr,
    /// 73
    CantCreate,
    /// 74
    Io,
    /// 75
    TempFail,
    /// 77
    NoPerm,
    /// 78
    Config,
}

impl Exit {
    /// The one for a database that can't be used.
    #[must_use]
    pub const fn of_store(error: &OpenError) -> Self {
        match error {
            OpenError::Held { .. } => Self::TempFail,
            OpenError::NewerSchema { .. }
            | OpenError::NotADatabase { .. }
            | OpenError::Foreign { .. }
            | OpenError::Gone { .. }
            | OpenError::Another { .. }
            | OpenError::Corrupt { .. } => Self::DataErr,
            OpenError::Unwritable { .. } => Self::CantCreate,
            OpenError::Io { .. } => Self::Io,
        }
    }

    /// All of them, by rising code.
    #[must_use]
    pub const fn all() -> [Self; 14] {
        [
            Self::Ok,
            Self::Warnings,
            Self::Failures,
            Self::Usage,
            Self::DataErr,
            Self::NoInput,
            Self::Unavailable,
            Self::Software,
            Self::OsErr,
            Self::CantCreate,
            Self::Io,
            Self::TempFail,
            Self::NoPerm,
            Self::Config,
        ]
    }

    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warnings => 1,
            Self::Failures => 2,
            Self::Usage => 64,
            Self::DataErr => 65,
            Self::NoInput => 66,
            Self::Unavailable => 69,
            Self::Software => 70,
            Self::OsErr => 71,
            Self::CantCreate => 73,
            Self::Io => 74,
            Self::TempFail => 75,
            Self::NoPerm => 77,
            Self::Config => 78,
        }
    }

    /// What it means, for people.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "Stopped as asked, or the verb did its work.",
            Self::Warnings => "`doctor`: it would run, and some lines are warnings.",
            Self::Failures => "`doctor`: something fails, the configuration included.",
            Self::Usage => "The command line is wrong.",
            Self::DataErr => {
                "The database is corrupt, of a newer version of the program, gone, or another than before."
            }
            Self::NoInput => "`backup`, `restore`: there is nothing to copy.",
            Self::Unavailable => "An address to listen on is taken or can't be had.",
            Self::Software => "A fault in the program itself.",
            Self::OsErr => {
                "A limit of the system was reached: on processor time, where it stopped in order, \
                 or on threads, at the start."
            }
            Self::CantCreate => "A file, folder or socket can't be made.",
            Self::Io => {
                "Reading or writing failed, or the database was taken from its path in mid-run."
            }
            Self::TempFail => "Another process holds the database or the admin socket.",
            Self::NoPerm => "The permission for a port is missing.",
            Self::Config => "The configuration has faults; each is told.",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn codes_rise_and_each_has_its_own_meaning() {
        assert!(Exit::all().windows(2).all(|pair| pair[0].code() < pair[1].code()));
        let mut meanings: Vec<_> = Exit::all().iter().map(|exit| exit.meaning()).collect();
        meanings.sort_unstable();
        meanings.dedup();
        assert_eq!(meanings.len(), Exit::all().len());
    }

    #[test]
    fn the_document_has_each() {
        let document = include_str!("../../../docs/codes.md");
        for exit in Exit::all() {
            let row = format!("| {} | {} |", exit.code(), exit.meaning());
            assert!(document.contains(&row), "docs/codes.md lacks {row}");
        }
    }

    #[test]
    fn codes_are_those_of_sysexits_and_two_of_doctor() {
        let codes = Exit::all().map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 64, 65, 66, 69, 70, 71, 73, 74, 75, 77, 78]);
    }
}
