//! Open files, of which each connection is one. Running out would hit the next part that opens a
//! file, the database as well as a client, so connections get only what the rest of the daemon
//! leaves.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are kept for the database, the queue's client, the admin socket and the log.
const RESERVED: u64 = 256;

/// Connections per listener even where hardly any files may be open.
const CONNECTIONS_MIN: u64 = 16;

/// Raises this process's limit on open files as far as it may (shells start programs with 1,024),
/// and returns it; `None` where there is none.
#[must_use]
pub fn raise_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    if raised.is_ok() { maximum } else { current }
}

/// Connections that each of `listeners` may have of the `asked` ones, under this limit.
#[must_use]
pub fn connections(asked: usize, limit: Option<u64>, listeners: usize) -> usize {
    let Some(limit) = limit else { return asked };
    let share = limit.saturating_sub(RESERVED) / listeners.max(1) as u64;
    let share = usize::try_from(share.max(CONNECTIONS_MIN)).unwrap_or(usize::MAX);
    asked.min(share)
}

#[cfg(test)]
mod tests {
    use super::{connections, raise_limit};

    #[test]
    fn connections_get_what_the_rest_leaves() {
        assert_eq!(connections(10_000, None, 2), 10_000);
        assert_eq!(connections(10_000, Some(65_536), 2), 10_000);
        assert_eq!(connections(10_000, Some(1_024), 2), 384);
        assert_eq!(connections(10_000, Some(1_024), 1), 768);
        assert_eq!(connections(10_000, Some(64), 2), 16);
        assert_eq!(connections(4, Some(64), 2), 4);
    }

    #[test]
    fn the_limit_is_as_high_as_it_may_be() {
        let limit = raise_limit();
        assert_eq!(raise_limit(), limit);
    }
}
