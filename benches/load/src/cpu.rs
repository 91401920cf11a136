//! The CPU that this process has used.

use std::fs;
use std::time::Duration;

/// Of its one thread, user and system, as the scheduler counts it (Linux); zero elsewhere.
pub(crate) fn used() -> Duration {
    fs::read_to_string("/proc/self/schedstat")
        .ok()
        .and_then(|line| line.split_ascii_whitespace().next()?.parse().ok())
        .map_or(Duration::ZERO, Duration::from_nanos)
}
