//! A service that waits for its stop, for the test of services: `service_probe NAME FILE [CODE]` is the service `NAME`,
//! and writes what happens to it into `FILE`. With a code it ends with that, once it is stopped.

#![allow(clippy::print_stderr, reason = "it says on a terminal why it does not run there")]

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(name), Some(file)) = (arguments.next(), arguments.next()) else {
        return ExitCode::from(2);
    };
    let code = arguments.next().and_then(|code| code.parse().ok()).unwrap_or(0);
    let (stop, stopped) = sync_channel(1);
    let on_stop = Box::new(move || stop.try_send(()).unwrap_or_default());
    let body = Box::new(move || {
        let told = |what: &str| {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(&file);
            file.and_then(|mut file| writeln!(file, "{what}")).is_ok()
        };
        let was_started = told("started");
        let was_stopped = stopped.recv().is_ok();
        // Some seconds of work, so that the service manager sees that it stops.
        std::thread::sleep(std::time::Duration::from_millis(1_500));
        if was_started && was_stopped && told("stopped") { code } else { 1 }
    });
    match etwatch_host::service::run(&name, on_stop, body) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}; {}", error.remedy());
            ExitCode::from(error.kind().exit_code())
        }
    }
}
