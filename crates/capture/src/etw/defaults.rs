//! What sessions ask for when nothing else is said, each number with its reason.
//!
//! Two kinds of session want opposite things. One that follows processes is small and quick: an event that comes
//! late finds its process gone. One that takes files, registry and network is large: bursts come faster than any
//! consumer, and only buffers bridge them. `docs/architecture.md` says which providers belong to which.

use std::time::Duration;

use crate::live::Buffers;

/// How names of our sessions begin. What bears such a name while we hold the lock of instances is left over from a
/// run that crashed, and may be replaced.
pub const NAME_PREFIX: &str = "etwatch-";

/// Sessions that are the system's own; never started, changed or stopped by us.
pub const SYSTEM_NAMES: [&str; 2] = ["NT Kernel Logger", "Circular Kernel Context Logger"];

/// Buffers of a session that follows processes.
///
/// Small, so that one is full, and delivered, soon. Many, since a burst of process starts lost 42 to 84 in 100
/// events with Windows' own default. 20 ms, since a process that lives as long must still be there when its start
/// is read; some have found that 5 to 20 ms decide whether command lines are caught.
pub const LIFECYCLE: Buffers =
    Buffers { kilobytes: 64, minimum: 64, maximum: 256, flush: Duration::from_millis(20) };

/// Buffers of a session of noisy providers.
///
/// 256 KiB and up to 128 of them is what cured the loss of bursts where it was measured; 32 MiB at most. A second
/// until a part-filled buffer is delivered costs nothing where events are many.
pub const NOISY: Buffers =
    Buffers { kilobytes: 256, minimum: 64, maximum: 128, flush: Duration::from_secs(1) };

/// Independent of other sessions' consumers: without it half of the events were reported lost, with no counter that
/// said so.
pub const INDEPENDENT: bool = true;

/// How often losses are read. They are cumulative, so nothing is missed in between; a second is how exactly the
/// time of a loss is known.
pub const LOSS_PERIOD: Duration = Duration::from_secs(1);

/// How often what is wanted and what is enabled are compared, when nothing has told of a change before.
pub const COMPARE_PERIOD: Duration = Duration::from_secs(30);

/// How long a change of the same kind to the same session is not told again. A session that someone stops every
/// second is one finding, not a thousand; those that are not told are counted in the next one that is.
pub const TELL_PERIOD: Duration = Duration::from_secs(60);

/// How long is waited before a session is tried again for which there was no slot: a trace that someone takes by
/// hand is short, an agent's is not.
pub const BACK_OFF: [Duration; 4] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_fit_what_windows_allows() {
        for buffers in [LIFECYCLE, NOISY] {
            assert!((4..=16_384).contains(&buffers.kilobytes), "{buffers:?}");
            assert!((2..=buffers.maximum).contains(&buffers.minimum), "{buffers:?}");
            let bytes = u64::from(buffers.kilobytes) * 1024 * u64::from(buffers.maximum);
            assert!(bytes <= 32 << 20, "memory that cannot be paged: {bytes}");
        }
    }
}
