//! Reads many event streams at once, on one thread, and prints as JSON when their events came.
//!
//! `eventwire-load read …` is the client, `eventwire-load source …` a server that sends the same
//! bytes over and over: reading that shows what the client itself can take.

mod args;
mod chunked;
mod client;
mod cpu;
mod report;
mod source;
mod stream;

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let result = match args::parse() {
        Ok(args::Command::Read(plan)) => client::run(&plan).map(|report| report.to_json(&plan)),
        Ok(args::Command::Source {
            port,
            frame,
            seconds,
        }) => source::run(port, &frame, seconds),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(line) => match writeln!(std::io::stdout(), "{line}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "eventwire-load: {error}");
            ExitCode::FAILURE
        }
    }
}
