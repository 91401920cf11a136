//! The loop that reads all streams, on one thread.

use std::collections::HashMap;
use std::error::Error;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::args::Plan;
use crate::cpu;
use crate::report::Report;
use crate::stream::{State, Stream};

/// How often slow readers take what they may.
const SIP: Duration = Duration::from_millis(10);

/// Reads as the plan says.
pub(crate) fn run(plan: &Plan) -> Result<Report, Box<dyn Error>> {
    let address = plan
        .address
        .to_socket_addrs()?
        .next()
        .ok_or("no such address")?;
    let mut client = Client {
        plan,
        address,
        poll: Poll::new()?,
        streams: HashMap::new(),
        unfinished: Vec::new(),
        next: 0,
        buffer: vec![0; 256 * 1024],
        report: Report::new(),
    };
    let mut since = Instant::now();
    let mut used = Duration::ZERO;
    client.open_all()?;
    if !plan.warm_up.is_zero() {
        client.read_until(Instant::now() + plan.warm_up)?;
        client.report.forget_events();
        (since, used) = (Instant::now(), cpu::used());
    }
    client.read_until(since + plan.time)?;
    client.report.time = since.elapsed();
    client.report.cpu = cpu::used().saturating_sub(used);
    Ok(client.report)
}

struct Client<'a> {
    plan: &'a Plan,
    address: SocketAddr,
    poll: Poll,
    streams: HashMap<Token, Stream>,
    /// Those that may have more to read; mio tells only of what comes anew.
    unfinished: Vec<Token>,
    next: usize,
    buffer: Vec<u8>,
    report: Report,
}

impl Client<'_> {
    fn open_all(&mut self) -> Result<(), Box<dyn Error>> {
        let since = Instant::now();
        for number in 0..self.plan.streams {
            if let Some(ramp) = self.plan.ramp {
                self.read_until(since + Duration::from_secs(number.into()) / ramp)?;
            }
            self.open();
        }
        Ok(())
    }

    fn open(&mut self) {
        let token = Token(self.next);
        self.next += 1;
        self.report.opened += 1;
        let opened = Stream::open(self.address, self.plan).and_then(|mut stream| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll
                .registry()
                .register(&mut stream.connection, token, interest)?;
            Ok(stream)
        });
        match opened {
            Ok(stream) => drop(self.streams.insert(token, stream)),
            Err(error) => self.fail(error.to_string()),
        }
    }

    fn fail(&mut self, error: String) {
        self.report.failed += 1;
        self.report.error.get_or_insert(error);
    }

    /// Reads until then, or until no stream is left.
    fn read_until(&mut self, end: Instant) -> Result<(), Box<dyn Error>> {
        let mut events = Events::with_capacity(1024);
        let mut sip = Instant::now();
        while !self.streams.is_empty() {
            let now = Instant::now();
            if now >= end {
                break;
            }
            let mut wait = end - now;
            if !self.unfinished.is_empty() {
                wait = Duration::ZERO;
            } else if self.plan.rate.is_some() {
                wait = wait.min(SIP);
            }
            if let Err(error) = self.poll.poll(&mut events, Some(wait))
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                return Err(error.into());
            }
            for token in std::mem::take(&mut self.unfinished) {
                self.advance(token);
            }
            for event in &events {
                self.advance(event.token());
            }
            if self.plan.rate.is_some() && sip.elapsed() >= SIP {
                sip = Instant::now();
                for token in self.streams.keys().copied().collect::<Vec<_>>() {
                    self.advance(token);
                }
            }
        }
        Ok(())
    }

    fn advance(&mut self, token: Token) {
        let Some(stream) = self.streams.get_mut(&token) else {
            return;
        };
        let state = stream
            .send()
            .map_err(|error| error.to_string())
            .and_then(|()| stream.read(self.plan, &mut self.buffer, &mut self.report));
        match state {
            Ok(State::Open) => return,
            Ok(State::Unfinished) => return self.unfinished.push(token),
            Ok(State::Enough) => {}
            Ok(State::Ended { whole: true }) => self.report.whole += 1,
            Ok(State::Ended { whole: false }) => self.report.cut += 1,
            Err(error) => self.fail(error),
        }
        self.streams.remove(&token);
        if self.plan.churn {
            self.open();
        }
    }
}
