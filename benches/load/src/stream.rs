//! One stream: its connection, its events, and when they came.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use eventwire_core::{Decoder, Event};
use memchr::memmem;
use mio::net::TcpStream;

use crate::args::Plan;
use crate::chunked::Body;
use crate::report::Report;

/// How often a stream is read before the others have their turn.
const READS: usize = 4;

/// What is left of a stream after something has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// More may come.
    Open,
    /// There is more already: the other streams' turn.
    Unfinished,
    /// It has had the events that were asked for.
    Enough,
    /// The server has ended it, cleanly or not.
    Ended { whole: bool },
}

pub(crate) struct Stream {
    pub(crate) connection: TcpStream,
    asked: Instant,
    request: Vec<u8>,
    body: Body,
    decoder: Decoder,
    events: u64,
    first: Option<Instant>,
    last: Option<Instant>,
    /// Bytes that it may still take, and since when they have been counted; for slow readers.
    allowance: usize,
    allowed: Instant,
}

impl Stream {
    pub(crate) fn open(address: SocketAddr, plan: &Plan) -> io::Result<Self> {
        let request = format!(
            "GET {} HTTP/1.1\r\nhost: {}\r\naccept: text/event-stream\r\nconnection: close\r\n\r\n",
            plan.target, plan.address,
        );
        let asked = Instant::now();
        Ok(Self {
            connection: TcpStream::connect(address)?,
            asked,
            request: request.into_bytes(),
            body: Body::default(),
            decoder: Decoder::new(),
            events: 0,
            first: None,
            last: None,
            allowance: 0,
            allowed: asked,
        })
    }

    /// Sends what is left of the request.
    pub(crate) fn send(&mut self) -> io::Result<()> {
        while !self.request.is_empty() {
            match self.connection.write(&self.request) {
                Ok(sent) => drop(self.request.drain(..sent)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what has come (up to the error that says so: the end of the stream may stand behind it,
    /// and is told of once); stops when there is no more, or no more may be taken.
    pub(crate) fn read(
        &mut self,
        plan: &Plan,
        buffer: &mut [u8],
        report: &mut Report,
    ) -> Result<State, String> {
        for _ in 0..READS {
            let wanted = self.may_take(plan, buffer.len());
            if wanted == 0 {
                return Ok(State::Open);
            }
            let count = match self.connection.read(&mut buffer[..wanted]) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(State::Open),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
                Err(error) => return Err(error.to_string()),
            };
            if count == 0 {
                return Ok(State::Ended {
                    whole: self.body.is_whole(),
                });
            }
            self.take(plan, &buffer[..count], report)?;
            if plan.events.is_some_and(|enough| self.events >= enough) {
                return Ok(State::Enough);
            }
            if self.body.is_whole() {
                return Ok(State::Ended { whole: true });
            }
        }
        Ok(State::Unfinished)
    }

    /// How many bytes may be read now.
    fn may_take(&mut self, plan: &Plan, most: usize) -> usize {
        let Some(rate) = plan.rate else {
            return most;
        };
        let now = Instant::now();
        let more = (now - self.allowed).as_micros() * u128::from(rate) / 1_000_000;
        // What is less than a byte is counted the next time.
        if more > 0 {
            self.allowance += usize::try_from(more).unwrap_or(usize::MAX);
            self.allowed = now;
        }
        let may = self.allowance.min(most);
        self.allowance -= may;
        may
    }

    fn take(&mut self, plan: &Plan, bytes: &[u8], report: &mut Report) -> Result<(), String> {
        let now = Instant::now();
        let mut came = Vec::new();
        let decoder = &mut self.decoder;
        let body = |part: &[u8]| came.extend(decoder.feed(part));
        self.body.feed(bytes, body)?;
        report.bytes += bytes.len() as u64;
        for event in came {
            self.event(plan, &event, now, report);
        }
        Ok(())
    }

    fn event(&mut self, plan: &Plan, event: &Event, now: Instant, report: &mut Report) {
        self.events += 1;
        report.events += 1;
        let first = *self.first.get_or_insert_with(|| {
            report.first.add(now - self.asked);
            now
        });
        if let Some(last) = self.last.replace(now) {
            report.gaps.add(now - last);
        }
        if let Some(name) = &plan.due {
            match due(&event.data, name) {
                Some(due) => report.lateness.add(since_unix_epoch().saturating_sub(due)),
                None => report.without_due += 1,
            }
        } else if let Some(period) = plan.period {
            let due = period * u32::try_from(self.events - 1).unwrap_or(u32::MAX);
            report.lateness.add((now - first).saturating_sub(due));
        }
    }
}

fn since_unix_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// The number, or the text that is one, of the first member `"name":` of some JSON, as µs.
fn due(json: &str, name: &str) -> Option<Duration> {
    let key = format!("\"{name}\":");
    let at = memmem::find(json.as_bytes(), key.as_bytes())? + key.len();
    let rest = json[at..].trim_start().trim_start_matches('"');
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok().map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::due;

    #[test]
    fn the_due_time_is_a_member_of_the_payload_in_either_dialect() {
        for json in [
            r#"{"id":"x","created":12,"n":3}"#,
            r#"{"created": 12}"#,
            r#"{"created":"12"}"#,
        ] {
            assert_eq!(due(json, "created"), Some(Duration::from_micros(12)));
        }
        assert_eq!(due(r#"{"id":1}"#, "created"), None);
        assert_eq!(due(r#"{"created":"x"}"#, "created"), None);
    }
}
