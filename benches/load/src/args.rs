//! The command line.

use std::time::Duration;

use lexopt::prelude::*;

/// What to do.
pub(crate) enum Command {
    /// Read streams.
    Read(Plan),
    /// Serve a stream of one frame, over and over, for so many seconds.
    Source {
        /// On 127.0.0.1; 0: any, printed first.
        port: u16,
        /// What is sent.
        frame: Vec<u8>,
        /// Then the server ends.
        seconds: u64,
    },
}

/// How streams are read.
pub(crate) struct Plan {
    /// `host:port` of the server.
    pub(crate) address: String,
    /// The path and query of each request.
    pub(crate) target: String,
    /// How many streams are open at once.
    pub(crate) streams: u32,
    /// How many are opened per second; None: all at once.
    pub(crate) ramp: Option<u32>,
    /// Not measured: from the moment on when all streams have been asked for.
    pub(crate) warm_up: Duration,
    /// How long is measured. Streams that all end sooner end it.
    pub(crate) time: Duration,
    /// A stream is closed after so many events; None: by the server.
    pub(crate) events: Option<u64>,
    /// And another one is opened in its place.
    pub(crate) churn: bool,
    /// Events are due at this distance from the stream's first one.
    pub(crate) period: Option<Duration>,
    /// Or at the time that a JSON member of this name has, in µs of Unix time.
    pub(crate) due: Option<String>,
    /// Bytes per second that each stream takes; None: all there are.
    pub(crate) rate: Option<u32>,
}

const USAGE: &str = "\
eventwire-load read --address HOST:PORT --target PATH [--streams N] [--ramp PER_SECOND] \
[--warm-up S] [--seconds S] [--events N] [--churn] [--period S | --due NAME] [--rate BYTES]
eventwire-load source [--port N] [--frame TEXT] [--seconds S]";

/// Reads the arguments of the process.
pub(crate) fn parse() -> Result<Command, lexopt::Error> {
    let mut parser = lexopt::Parser::from_env();
    match parser.next()? {
        Some(Value(verb)) if verb == "read" => read(&mut parser),
        Some(Value(verb)) if verb == "source" => source(&mut parser),
        _ => Err(USAGE.into()),
    }
}

fn seconds(parser: &mut lexopt::Parser) -> Result<Duration, lexopt::Error> {
    let seconds: f64 = parser.value()?.parse()?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string().into())
}

fn read(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut plan = Plan {
        address: String::new(),
        target: String::new(),
        streams: 1,
        ramp: None,
        warm_up: Duration::ZERO,
        time: Duration::from_secs(3600),
        events: None,
        churn: false,
        period: None,
        due: None,
        rate: None,
    };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("address") => plan.address = parser.value()?.string()?,
            Long("target") => plan.target = parser.value()?.string()?,
            Long("streams") => plan.streams = parser.value()?.parse()?,
            Long("ramp") => plan.ramp = Some(parser.value()?.parse()?),
            Long("warm-up") => plan.warm_up = seconds(parser)?,
            Long("seconds") => plan.time = seconds(parser)?,
            Long("events") => plan.events = Some(parser.value()?.parse()?),
            Long("churn") => plan.churn = true,
            Long("period") => plan.period = Some(seconds(parser)?),
            Long("due") => plan.due = Some(parser.value()?.string()?),
            Long("rate") => plan.rate = Some(parser.value()?.parse()?),
            other => return Err(other.unexpected()),
        }
    }
    if plan.address.is_empty() || plan.target.is_empty() {
        return Err(USAGE.into());
    }
    Ok(Command::Read(plan))
}

fn source(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let (mut port, mut time) = (0, 3600);
    let mut frame = "data: {\"id\":1,\"name\":\"item 1\",\"price\":1.5}\n\n".to_owned();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("port") => port = parser.value()?.parse()?,
            Long("frame") => frame = parser.value()?.string()?,
            Long("seconds") => time = parser.value()?.parse()?,
            other => return Err(other.unexpected()),
        }
    }
    Ok(Command::Source {
        port,
        frame: frame.into_bytes(),
        seconds: time,
    })
}
