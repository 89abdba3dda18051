//! Keeps the system from handing memory to this process in huge pages.

use std::io;

/// Has all memory come in ordinary pages of a few kilobytes. A huge page is 2 MiB that the system
/// clears at its first touch, on the thread that touches it: on a virtual machine that takes up to
/// 8 ms, in which every buyer waits (`docs/performance.md`). The allocator asks for such pages
/// where the system gives them on request only.
///
/// # Errors
/// The system doesn't know the setting: some waits are longer then, and nothing else happens.
pub fn avoid() -> io::Result<()> {
    Ok(rustix::thread::disable_transparent_huge_pages(true)?)
}

#[cfg(test)]
mod tests {
    use rustix::thread::transparent_huge_pages_are_disabled;

    use super::avoid;

    #[test]
    fn huge_pages_are_off_for_the_whole_process() {
        avoid().unwrap();
        let elsewhere = std::thread::spawn(|| transparent_huge_pages_are_disabled().unwrap());
        assert!(elsewhere.join().unwrap());
    }
}
