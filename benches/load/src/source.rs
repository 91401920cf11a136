//! A static source: one frame, over and over, to everybody who asks.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Prints its port, then serves for so many seconds.
pub(crate) fn run(port: u16, frame: &[u8], seconds: u64) -> Result<String, Box<dyn Error>> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", listener.local_addr()?.port())?;
    out.flush()?;
    let end = Instant::now() + Duration::from_secs(seconds);
    // One `write` of many frames, in one chunk: as cheap as sending gets.
    let frames = frame.repeat((64 * 1024 / frame.len()).max(1));
    let mut chunk = format!("{:x}\r\n", frames.len()).into_bytes();
    chunk.extend_from_slice(&frames);
    chunk.extend_from_slice(b"\r\n");
    listener.set_nonblocking(true)?;
    while Instant::now() < end {
        match listener.accept() {
            Ok((connection, _)) => {
                let chunk = chunk.clone();
                // It ends when the client has left.
                thread::spawn(move || serve(connection, &chunk, end));
            }
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
    Ok(String::new())
}

fn serve(mut connection: TcpStream, chunk: &[u8], end: Instant) -> std::io::Result<()> {
    connection.set_nonblocking(false)?;
    let _ = connection.read(&mut [0; 4096])?;
    connection.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
    )?;
    while Instant::now() < end {
        connection.write_all(chunk)?;
    }
    connection.write_all(b"0\r\n\r\n")
}
