//! What a JSON scalar costs, next to `serde_json` and, for strings, to copying the text without
//! looking at it. Each contender's output is checked before it is timed: it must read back as the
//! values, and where `serde_json` writes the same dialect, be its bytes.
//!
//! All write into a buffer that is emptied and reused, as a stream's buffer is.

use std::fmt::Debug;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use eventwire_core::json::{self, Escape, FloatFormat};
use serde_json::Value;

type Write<T> = fn(&mut Vec<u8>, T);

/// Times writers, the name and the function of each, on the same values.
fn compare<T: Copy + Debug + Into<Value>>(
    criterion: &mut Criterion,
    name: &str,
    values: &[T],
    writers: &[(&str, Write<T>)],
) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(values.len() as u64));
    for &(writer, write) in writers {
        for &value in values {
            let mut output = Vec::new();
            write(&mut output, value);
            if writer == "memcpy" {
                continue;
            }
            let read: Value = serde_json::from_slice(&output).expect("JSON");
            assert_eq!(read, value.into(), "{writer}");
            if matches!(writer, "utf8" | "pydantic" | "itoa") {
                assert_eq!(output, serde_json::to_vec(&read).expect("JSON"), "{writer}");
            }
        }
        group.bench_function(BenchmarkId::from_parameter(writer), |bencher| {
            let mut buffer = Vec::new();
            bencher.iter(|| {
                buffer.clear();
                for &value in black_box(values) {
                    write(&mut buffer, value);
                }
                black_box(buffer.len())
            });
        });
    }
    group.finish();
}

fn strings(criterion: &mut Criterion) {
    let writers: [(&str, Write<&str>); 5] = [
        ("utf8", |buffer, text| {
            json::string(buffer, text, Escape::Utf8);
        }),
        ("utf8 line safe", |buffer, text| {
            json::string(buffer, text, Escape::Utf8LineSafe);
        }),
        ("ascii", |buffer, text| {
            json::string(buffer, text, Escape::Ascii);
        }),
        ("serde_json", |buffer, text| {
            serde_json::to_writer(buffer, text).expect("a Vec grows");
        }),
        ("memcpy", |buffer, text| {
            buffer.extend_from_slice(text.as_bytes());
        }),
    ];
    let tokens = [
        "Hello",
        ",",
        " world",
        "!",
        " The",
        " answer",
        " is",
        " in",
        "ternational",
        "isation",
        " of",
        " a",
        " response_format",
        ".",
        " I",
        "'m",
    ];
    let clean = "The quick brown fox jumps over the lazy dog. ".repeat(91);
    let long = clean.repeat(256);
    let escapes = format!("{}\n", "x".repeat(49)).repeat(82);
    let lines = "A \"line\" of some forty characters of text.\n".repeat(1000);
    let cjk = "漢字仮名交じり文を書く".repeat(124);
    let arguments = r#"{"city": "San Francisco", "unit": "celsius", "days": [1, 2, 3]}"#;
    compare(criterion, "16 tokens", &tokens, &writers);
    compare(criterion, "arguments", &[arguments], &writers);
    compare(criterion, "4 kB ASCII", &[clean.as_str()], &writers);
    compare(criterion, "4 kB escapes", &[escapes.as_str()], &writers);
    compare(criterion, "4 kB CJK", &[cjk.as_str()], &writers);
    compare(criterion, "1,000 lines", &[lines.as_str()], &writers);
    compare(criterion, "1 MB ASCII", &[long.as_str()], &writers);
}

fn numbers(criterion: &mut Criterion) {
    let integers = [
        0,
        1,
        -1,
        7,
        42,
        -100,
        65_535,
        1_700_000_000,
        i64::MAX,
        i64::MIN,
    ];
    compare::<i64>(
        criterion,
        "10 integers",
        &integers,
        &[
            ("itoa", json::integer),
            ("serde_json", |buffer, value| {
                serde_json::to_writer(buffer, &value).expect("a Vec grows");
            }),
        ],
    );
    let floats = [
        0.0,
        1.0,
        -0.5,
        0.1,
        3.25,
        98.6,
        0.000_015,
        1e-7,
        1e16,
        0.123_456_789_012_345_67,
    ];
    compare::<f64>(
        criterion,
        "10 floats",
        &floats,
        &[
            ("pydantic", |buffer, value| {
                json::float(buffer, value, FloatFormat::Pydantic);
            }),
            ("python", |buffer, value| {
                json::float(buffer, value, FloatFormat::Python);
            }),
            ("serde_json", |buffer, value| {
                serde_json::to_writer(buffer, &value).expect("a Vec grows");
            }),
        ],
    );
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(2));
    targets = strings, numbers
}
criterion_main!(benches);
