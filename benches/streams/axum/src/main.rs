//! The reference in Rust: axum's `Sse`, on one thread, the same paths as the contenders in Python.
//!
//! As there, a burst sends objects that were made before, and a paced chunk is made when it is due.

use std::convert::Infallible;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::Query;
use axum::response::Sse;
use axum::response::sse::Event;
use axum::routing::get;
use axum::serve::ListenerExt;
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

static ITEMS: LazyLock<Vec<Item>> = LazyLock::new(|| {
    let item = |number| Item {
        id: number,
        name: format!("item {number}"),
        price: number as f64 * 1.5,
    };
    (0..100).map(item).collect()
});
static CHUNKS: LazyLock<Vec<Chunk>> = LazyLock::new(|| {
    (0..100)
        .map(|number| new_chunk(number, 1_700_000_000))
        .collect()
});

fn item(number: u64, _: Option<u64>) -> Event {
    Event::default().json_data(&ITEMS[number as usize]).unwrap()
}

fn chunk(number: u64, due: Option<u64>) -> Event {
    match due {
        None => Event::default().json_data(&CHUNKS[number as usize]),
        Some(due) => Event::default().json_data(new_chunk(number, due)),
    }
    .unwrap()
}

fn new_chunk(number: u64, created: u64) -> Chunk {
    let content = Some(format!(" hello {number}"));
    Chunk {
        id: "chatcmpl-123".into(),
        object: "chat.completion.chunk".into(),
        created,
        model: "gpt".into(),
        choices: vec![Choice {
            index: 0,
            delta: Delta {
                role: None,
                content,
            },
            finish_reason: None,
        }],
    }
}

fn events(
    wanted: Wanted,
    make: fn(u64, Option<u64>) -> Event,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let period = Duration::from_secs_f64(wanted.period);
    let begin = (Instant::now(), SystemTime::now());
    Sse::new(unfold(0, move |number| async move {
        if wanted.n > 0 && number >= wanted.n {
            return None;
        }
        let mut created = None;
        if !period.is_zero() {
            let after = period * u32::try_from(number).unwrap_or(u32::MAX);
            tokio::time::sleep_until((begin.0 + after).into()).await;
            let due = begin.1.duration_since(UNIX_EPOCH).unwrap_or_default() + after;
            created = u64::try_from(due.as_micros()).ok();
        }
        Some((Ok(make(number % 100, created)), number + 1))
    }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let port = std::env::args().nth(1).expect("the port is the argument");
    let app = Router::new()
        .route(
            "/item/axum",
            get(|Query(wanted)| async { events(wanted, item) }),
        )
        .route(
            "/chunk/axum",
            get(|Query(wanted)| async { events(wanted, chunk) }),
        );
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .unwrap();
    // As uvloop and Go do.
    let listener = listener.tap_io(|connection| connection.set_nodelay(true).unwrap());
    axum::serve(listener, app).await.unwrap();
}
