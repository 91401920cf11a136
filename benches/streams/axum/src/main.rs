//! The reference in Rust: axum's `Sse`, on one thread, the same paths as the contenders in Python.

use std::convert::Infallible;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::Query;
use axum::response::Sse;
use axum::response::sse::Event;
use axum::routing::get;
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Wanted {
    n: u64,
    #[serde(default)]
    period: f64,
}

#[derive(Serialize)]
struct Item {
    id: u64,
    name: String,
    price: f64,
}

#[derive(Serialize)]
struct Delta {
    role: Option<String>,
    content: Option<String>,
}

#[derive(Serialize)]
struct Choice {
    index: u64,
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Serialize)]
struct Chunk {
    id: String,
    object: String,
    created: u64,
    model: String,
    choices: Vec<Choice>,
}

fn item(number: u64, _: u64) -> Event {
    let item = Item {
        id: number,
        name: format!("item {number}"),
        price: number as f64 * 1.5,
    };
    Event::default().json_data(item).unwrap()
}

fn chunk(number: u64, created: u64) -> Event {
    let content = Some(format!(" hello {number}"));
    let chunk = Chunk {
        id: "chatcmpl-123".into(),
        object: "chat.completion.chunk".into(),
        created,
        model: "gpt".into(),
        choices: vec![Choice {
            index: 0,
            delta: Delta { role: None, content },
            finish_reason: None,
        }],
    };
    Event::default().json_data(chunk).unwrap()
}

fn events(
    wanted: Wanted,
    make: fn(u64, u64) -> Event,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let period = Duration::from_secs_f64(wanted.period);
    let begin = (Instant::now(), SystemTime::now());
    Sse::new(unfold(0, move |number| async move {
        if wanted.n > 0 && number >= wanted.n {
            return None;
        }
        let mut created = 1_700_000_000;
        if !period.is_zero() {
            let after = period * u32::try_from(number).unwrap_or(u32::MAX);
            tokio::time::sleep_until((begin.0 + after).into()).await;
            let due = begin.1.duration_since(UNIX_EPOCH).unwrap_or_default() + after;
            created = u64::try_from(due.as_micros()).unwrap_or(u64::MAX);
        }
        Some((Ok(make(number % 100, created)), number + 1))
    }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let port = std::env::args().nth(1).expect("the port is the argument");
    let app = Router::new()
        .route("/item/axum", get(|Query(wanted)| async { events(wanted, item) }))
        .route("/chunk/axum", get(|Query(wanted)| async { events(wanted, chunk) }));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}
