//! Who is told when the service of this process is to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Default)]
struct Stop {
    is_asked: bool,
    told: Vec<Box<dyn Fn() + Send>>,
}

static STOP: Mutex<Stop> = Mutex::new(Stop { is_asked: false, told: Vec::new() });

/// Whether this process is a service.
static IS_SERVICE: AtomicBool = AtomicBool::new(false);

fn lock() -> MutexGuard<'static, Stop> {
    STOP.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the service manager says when this process is to stop, and not a keyboard.
pub(crate) fn is_service() -> bool {
    IS_SERVICE.load(Ordering::Relaxed)
}

/// From now on this process is a service.
pub(super) fn begin() {
    IS_SERVICE.store(true, Ordering::Relaxed);
}

/// Has `stop` called when the service is to stop, at once if that was said before. `stop` must not wait. In a process
/// that is no service it is never called.
pub(crate) fn on_stop(stop: impl Fn() + Send + 'static) {
    let mut list = lock();
    if list.is_asked {
        stop();
    }
    list.told.push(Box::new(stop));
}

/// The service is to stop.
pub(super) fn ask() {
    let mut list = lock();
    list.is_asked = true;
    for stop in &list.told {
        stop();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn whoever_asked_is_told_be_it_before_or_after() {
        let count = Arc::new(AtomicU32::new(0));
        let add = |by: u32| {
            let count = Arc::clone(&count);
            move || {
                count.fetch_add(by, Ordering::Relaxed);
            }
        };
        on_stop(add(1));
        assert_eq!(count.load(Ordering::Relaxed), 0);
        ask();
        on_stop(add(10));
        assert_eq!(count.load(Ordering::Relaxed), 11);
    }
}
