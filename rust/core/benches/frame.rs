//! What a frame costs, next to the obvious way (`format!` and a `String` per frame) and, where it
//! is data only, to copying the data. Each contender's output is checked before it is timed.
//!
//! All write into a buffer that is emptied and reused, as a stream's buffer is.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use eventwire_core::{EventId, EventName, Frame, Retry};

/// What a frame is made of. Values are checked while timed: that is part of the cost.
#[derive(Clone, Copy)]
struct Fields<'a> {
    data: &'a str,
    /// Comment, event name, id and reconnection time.
    others: Option<(&'a str, &'a str, &'a str, u64)>,
}

fn frame(buffer: &mut Vec<u8>, fields: Fields<'_>) {
    let mut frame = Frame::begin(buffer);
    if let Some((comment, event, ..)) = fields.others {
        frame.comment(comment);
        frame.event(EventName::new(event).expect("legal"));
    }
    frame.data(fields.data);
    if let Some((.., id, retry)) = fields.others {
        frame.id(EventId::new(id).expect("legal"));
        frame.retry(Retry::from_millis(retry));
    }
    frame.end();
}

/// The obvious way, which checks nothing.
fn naive(buffer: &mut Vec<u8>, fields: Fields<'_>) {
    let mut frame = String::new();
    let each_line = |frame: &mut String, prefix: &str, text: &str| {
        for line in text.replace("\r\n", "\n").replace('\r', "\n").split('\n') {
            writeln!(frame, "{prefix}{line}").expect("a String grows");
        }
    };
    if let Some((comment, event, ..)) = fields.others {
        each_line(&mut frame, ": ", comment);
        writeln!(frame, "event: {event}").expect("a String grows");
    }
    each_line(&mut frame, "data: ", fields.data);
    if let Some((.., id, retry)) = fields.others {
        writeln!(frame, "id: {id}\nretry: {retry}").expect("a String grows");
    }
    frame += "\n";
    buffer.extend_from_slice(frame.as_bytes());
}

/// No frame at all: the floor.
fn memcpy(buffer: &mut Vec<u8>, fields: Fields<'_>) {
    buffer.extend_from_slice(fields.data.as_bytes());
}

fn output(write: fn(&mut Vec<u8>, Fields<'_>), fields: Fields<'_>) -> String {
    let mut buffer = Vec::new();
    write(&mut buffer, fields);
    String::from_utf8(buffer).expect("UTF-8")
}

fn frames(criterion: &mut Criterion) {
    let token = r#"{"id":"chatcmpl-1","choices":[{"delta":{"content":" token"}}]}"#;
    let lines = ["a line of some forty characters of text."; 1000];
    let text = lines.join("\n");
    let long = "x".repeat(4096);
    let data = |data| Fields { data, others: None };
    let full = Fields {
        data: token,
        others: Some(("step 1", "delta", "0193-42", 3000)),
    };
    let lines = format!("data: {}\n\n", lines.join("\ndata: "));
    let cases = [
        ("single line", data(token), format!("data: {token}\n\n")),
        ("1000 lines", data(&text), lines),
        ("4 kB", data(&long), format!("data: {long}\n\n")),
        (
            "all fields",
            full,
            format!(": step 1\nevent: delta\ndata: {token}\nid: 0193-42\nretry: 3000\n\n"),
        ),
    ];
    for (name, fields, expected) in cases {
        assert_eq!(output(frame, fields), expected);
        assert_eq!(output(naive, fields), expected);
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(expected.len() as u64));
        let mut contenders = vec![
            ("frame", frame as fn(&mut Vec<u8>, Fields<'_>)),
            ("naive", naive),
        ];
        if fields.others.is_none() {
            assert_eq!(output(memcpy, fields), fields.data);
            contenders.push(("memcpy", memcpy));
        }
        for (contender, write) in contenders {
            group.bench_function(BenchmarkId::from_parameter(contender), |bencher| {
                let mut buffer = Vec::new();
                bencher.iter(|| {
                    buffer.clear();
                    write(&mut buffer, black_box(fields));
                    black_box(buffer.len())
                });
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(2));
    targets = frames
}
criterion_main!(benches);
