//! The body of an HTTP/1.1 answer: chunked (RFC 9112, section 7.1) or up to the end.

use memchr::memmem;

/// Takes an answer apart as it comes.
#[derive(Default)]
pub(crate) struct Body {
    /// The head, and later the line of a chunk's size, as far as they have come.
    pending: Vec<u8>,
    state: State,
}

#[derive(Default, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    /// Not chunked: all that comes.
    Plain,
    /// The line of a chunk's size; `after`: the line end of the chunk before it is still to come.
    Size {
        after: bool,
    },
    Chunk {
        left: usize,
    },
    End,
}

impl Body {
    /// Whether the last chunk has come.
    pub(crate) fn is_whole(&self) -> bool {
        self.state == State::End
    }

    /// Takes the next bytes from the server; `take` is given those of the body.
    pub(crate) fn feed(
        &mut self,
        mut bytes: &[u8],
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), String> {
        while !bytes.is_empty() {
            match self.state {
                State::Head => {
                    self.pending.extend_from_slice(bytes);
                    let Some(at) = memmem::find(&self.pending, b"\r\n\r\n") else {
                        return Ok(());
                    };
                    let head = self.pending[..at].to_ascii_lowercase();
                    if !head.starts_with(b"http/1.1 200") {
                        return Err(format!("not a 200: {}", String::from_utf8_lossy(&head)));
                    }
                    let chunked = memmem::find(&head, b"transfer-encoding: chunked").is_some();
                    self.state = if chunked {
                        State::Size { after: false }
                    } else {
                        State::Plain
                    };
                    let rest = self.pending.split_off(at + 4);
                    self.pending.clear();
                    return self.feed(&rest, take);
                }
                State::Plain => {
                    take(bytes);
                    return Ok(());
                }
                State::Size { after } => {
                    let Some(at) = memchr::memchr(b'\n', bytes) else {
                        self.pending.extend_from_slice(bytes);
                        return Ok(());
                    };
                    self.pending.extend_from_slice(&bytes[..at]);
                    bytes = &bytes[at + 1..];
                    let line = self.pending.trim_ascii();
                    let next = if after && line.is_empty() {
                        State::Size { after: false }
                    } else {
                        let size = std::str::from_utf8(line).ok();
                        match size.and_then(|size| usize::from_str_radix(size, 16).ok()) {
                            Some(0) => State::End,
                            Some(left) => State::Chunk { left },
                            None => return Err(format!("not a chunk: {line:?}")),
                        }
                    };
                    self.pending.clear();
                    self.state = next;
                }
                State::Chunk { left } => {
                    let (now, rest) = bytes.split_at(left.min(bytes.len()));
                    take(now);
                    bytes = rest;
                    self.state = if now.len() == left {
                        State::Size { after: true }
                    } else {
                        State::Chunk {
                            left: left - now.len(),
                        }
                    };
                }
                State::End => return Ok(()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Body;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\nhello\r\nA\r\n, wide wor\r\n2\r\nld\r\n0\r\n\r\n";

    #[test]
    fn an_answer_may_be_cut_anywhere() {
        for size in 1..ANSWER.len() {
            let (mut body, mut text) = (Body::default(), Vec::new());
            for part in ANSWER.chunks(size) {
                body.feed(part, |bytes| text.extend_from_slice(bytes))
                    .unwrap();
            }
            assert_eq!(text, b"hello, wide world", "in pieces of {size}");
            assert!(body.is_whole());
        }
    }

    #[test]
    fn a_body_may_end_with_the_connection() {
        let (mut body, mut text) = (Body::default(), Vec::new());
        for part in [&b"HTTP/1.1 200 OK\r\n\r\nhel"[..], b"lo"] {
            body.feed(part, |bytes| text.extend_from_slice(bytes))
                .unwrap();
        }
        assert_eq!(text, b"hello");
        assert!(!body.is_whole());
    }

    #[test]
    fn another_status_is_an_error() {
        let answer = b"HTTP/1.1 404 Not Found\r\n\r\n";
        assert!(Body::default().feed(answer, |_| ()).is_err());
    }
}
