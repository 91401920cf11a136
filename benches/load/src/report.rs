//! What was seen, as JSON.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::args::Plan;

/// Durations, in µs, with three digits.
pub(crate) struct Durations(Histogram<u64>);

impl Durations {
    fn new() -> Self {
        // From 1 µs to an hour, three digits: bounds that are valid.
        let histogram = Histogram::new_with_bounds(1, 3_600_000_000, 3);
        Self(histogram.unwrap_or_else(|error| unreachable!("{error}")))
    }

    pub(crate) fn add(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros);
    }

    fn to_json(&self) -> Value {
        if self.0.is_empty() {
            return Value::Null;
        }
        let at = |quantile| self.0.value_at_quantile(quantile);
        let curve: Vec<_> = self
            .0
            .iter_quantiles(2)
            .map(|step| json!([step.quantile_iterated_to(), step.value_iterated_to()]))
            .collect();
        json!({
            "count": self.0.len(),
            "min": self.0.min(),
            "mean": self.0.mean(),
            "p50": at(0.5),
            "p90": at(0.9),
            "p99": at(0.99),
            "p999": at(0.999),
            "max": self.0.max(),
            "curve": curve,
        })
    }
}

/// What was measured.
pub(crate) struct Report {
    pub(crate) events: u64,
    /// As they came, heads and the framing of HTTP included.
    pub(crate) bytes: u64,
    pub(crate) opened: u64,
    /// Streams that ended as a whole, and those that were cut.
    pub(crate) whole: u64,
    pub(crate) cut: u64,
    /// Connections that failed, with the first reason.
    pub(crate) failed: u64,
    pub(crate) error: Option<String>,
    /// Events that did not have the member that says when they were due.
    pub(crate) without_due: u64,
    /// From asking for a stream to its first event.
    pub(crate) first: Durations,
    /// Between two events of a stream.
    pub(crate) gaps: Durations,
    /// From when an event was due to when it came.
    pub(crate) lateness: Durations,
    /// The time that was measured, and this process's CPU in it.
    pub(crate) time: Duration,
    pub(crate) cpu: Duration,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            events: 0,
            bytes: 0,
            opened: 0,
            whole: 0,
            cut: 0,
            failed: 0,
            error: None,
            without_due: 0,
            first: Durations::new(),
            gaps: Durations::new(),
            lateness: Durations::new(),
            time: Duration::ZERO,
            cpu: Duration::ZERO,
        }
    }

    /// Begins anew, but for what was seen of the streams' beginnings and ends.
    pub(crate) fn forget_events(&mut self) {
        (self.events, self.bytes, self.without_due) = (0, 0, 0);
        self.gaps = Durations::new();
        self.lateness = Durations::new();
    }

    pub(crate) fn to_json(&self, plan: &Plan) -> String {
        json!({
            "target": plan.target,
            "streams": plan.streams,
            "events": self.events,
            "bytes": self.bytes,
            "opened": self.opened,
            "whole": self.whole,
            "cut": self.cut,
            "failed": self.failed,
            "error": self.error,
            "without_due": self.without_due,
            "seconds": self.time.as_secs_f64(),
            "cpu_seconds": self.cpu.as_secs_f64(),
            "first_us": self.first.to_json(),
            "gap_us": self.gaps.to_json(),
            "lateness_us": self.lateness.to_json(),
        })
        .to_string()
    }
}
